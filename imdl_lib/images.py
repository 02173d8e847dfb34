"""Finding image files, and reading one as 8-bit RGB, whatever it holds; faults are explained."""

import os
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import ExifTags, Image, ImageSequence, UnidentifiedImageError

from . import files
from .errors import DataError

MAX_MEGAPIXELS = 100  # a larger image is refused, not read
TURNS = {  # from what a camera notes of how it was held to what sets the photo upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ON_THE_SIDE = {TURNS[tag] for tag in (5, 6, 7, 8)}  # width and height change places
NEW_SUBFILE_TYPE, DNG_VERSION = 254, 50706  # TIFF tags
RAW_SUFFIXES = frozenset({".arw", ".cr2", ".dng", ".nef", ".nrw", ".pef", ".sr2", ".srw"})
SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


def directly_in(folder: Path) -> list[Path]:
    """The image files of a folder, by name; none where there is no such folder."""
    return sorted(path for path in folder.glob("*") if _is_listed(path))


def below(folder: Path) -> list[Path]:
    """The image files of a folder and of all below it, linked ones too; each file once.

    Raises:
        DataError: a folder below it cannot be read.
    """
    met, found = {folder.resolve()}, {}
    for place, folders, names in os.walk(folder, onerror=_tell, followlinks=True):
        inner = [Path(place, name) for name in sorted(folders) if not name.startswith(".")]
        real = {path.name: path.resolve() for path in inner}  # a link may lead back up
        folders[:] = [name for name in real if real[name] not in met]
        met |= set(real.values())
        for path in sorted(Path(place, name) for name in names):
            if _is_listed(path):
                found.setdefault(path.resolve(), path)
    return sorted(found.values())


def _tell(error: OSError) -> None:
    """What `os.walk` calls for a folder that it cannot list."""
    if not isinstance(error, FileNotFoundError):
        raise files.cannot_read(Path(error.filename), error) from error


def is_named_as_image(path: PurePath) -> bool:
    """Whether a name is an image's; ``._a.jpg``, which macOS lays beside ``a.jpg``, is not."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _is_listed(path: Path) -> bool:
    return is_named_as_image(path) and path.is_file()


def read(path: Path) -> UInt8[np.ndarray, "H W 3"]:
    """Read an image as 8-bit RGB.

    It is turned as its EXIF rotation tag says, whatever else stands beside that tag; grey, palette
    and CMYK become RGB; transparency is shown on white; 16-bit values lose their low byte. Of an
    MPO file, as some phones write, the first picture is read; any other file with several frames
    is refused.

    Raises:
        DataError: the file is missing, empty, damaged, animated, raw, too large or no photo, or
            may not be read.
    """
    with _opened(path) as image:
        _check_image(path, image)
        return _rgb(path, image)


def size(path: Path) -> tuple[int, int]:
    """Height and width in px that `read` will give an image, as a rule without reading its pixels.

    Raises:
        DataError: the file is missing, empty or no image, or may not be read.
    """
    with _opened(path) as image:
        width, height = image.size
        if image.format == "TIFF":  # which Pillow sets upright
            return height, width
        turned = TURNS.get(_rotation_alone(image).get(ExifTags.Base.Orientation))
        return (width, height) if turned in ON_THE_SIDE else (height, width)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """An image whose pixels are not read yet; every fault in the block is explained."""
    try:
        _check_file(path)
        with warnings.catch_warnings():  # of size, which is checked here, and of odd EXIF entries
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                yield image
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_large(path, int(re.findall(r"\d+", str(error))[0])) from error
    except UnidentifiedImageError as error:
        raise DataError(
            f"{path} is not an image that can be read. "
            "Expected a JPEG, PNG, TIFF, WebP or BMP photo. Save it as one of these."
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        denied = isinstance(error, OSError) and files.cannot_read(path, error)
        if isinstance(denied, DataError):
            raise denied from error
        raise DataError(
            f"{path} is damaged or truncated ({error}). "
            "Expected a whole image file. Fetch or copy it again."
        ) from error
    except Exception as error:  # a format's reader may stop with anything at what it never met
        raise DataError(
            f"{path} cannot be read: {type(error).__name__} ({error}). "
            "Expected a JPEG, PNG, TIFF, WebP or BMP photo. Save it as one of these."
        ) from error


def _check_file(path: Path) -> None:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DataError(f"{path} {what}. Expected an image file. Check the path.")
    if path.stat().st_size == 0:
        raise DataError(
            f"{path} is empty: it holds 0 bytes. Expected an image file. Fetch or copy it again."
        )


def at_most(image: UInt8[np.ndarray, "H W 3"], max_side_px: int) -> UInt8[np.ndarray, "h w 3"]:
    """An image scaled down, by area, until its longer side has at most ``max_side_px``."""
    height, width = size_at_most(image.shape[:2], max_side_px)
    if (height, width) == image.shape[:2]:
        return image
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def size_at_most(size: tuple[int, int], max_side_px: int) -> tuple[int, int]:
    """Height and width in px of what `at_most` makes of an image of this size.

    >>> size_at_most((3000, 4000), 1600), size_at_most((9, 7), 1600)
    ((1200, 1600), (9, 7))
    """
    scale = min(1.0, max_side_px / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _check_image(path: Path, image: Image.Image) -> None:
    if _is_raw(path, image):
        raise DataError(
            f"{path} holds a raw photo, of which no more than a preview can be read. "
            "Expected a developed photo. Develop it and give a JPEG, PNG or TIFF."
        )
    if image.width * image.height > MAX_MEGAPIXELS * 1_000_000:
        raise _too_large(path, image.width * image.height)
    frames = 1 if image.format == "MPO" else sum(1 for _ in ImageSequence.Iterator(image))
    if frames > 1:
        raise DataError(
            f"{path} holds {frames} frames. Expected a single photo. "
            "Save the frame that you mean as a PNG and give that."
        )
    if image.mode in {"F", "I"}:
        raise DataError(
            f"{path} holds 32-bit values. Expected 8 or 16 bits per channel. "
            "Save it as an 8-bit PNG and give that."
        )


def _is_raw(path: Path, image: Image.Image) -> bool:
    """Whether a TIFF is a camera's raw file: its first picture is marked as a small copy, or so."""
    if image.format != "TIFF":
        return False
    kind = image.tag_v2.get(NEW_SUBFILE_TYPE, 0)
    small = isinstance(kind, int) and kind & 1
    return bool(small or DNG_VERSION in image.tag_v2 or path.suffix.lower() in RAW_SUFFIXES)


def _too_large(path: Path, pixels: int) -> DataError:
    return DataError(
        f"{path} has {pixels / 1e6:.2f} megapixels. Expected at most {MAX_MEGAPIXELS}. "
        "Make a smaller copy and give that."
    )


def _upright(image: Image.Image) -> Image.Image:
    if image.format == "TIFF":  # loading turns it, and takes the tag away
        _rotation_alone(image)
    image.load()
    turn = TURNS.get(_rotation_alone(image).get(ExifTags.Base.Orientation))
    return image if turn is None else image.transpose(turn)


def _rotation_alone(image: Image.Image) -> Image.Exif:
    """An image's EXIF data without any other entry: one that is odd would stop Pillow."""
    with suppress(Exception):  # it has no error type of its own for data that it cannot read
        image.getexif()
    exif = image.getexif()  # now what could be read of them, the XMP data's rotation included
    for tag in set(exif) - {ExifTags.Base.Orientation}:
        del exif[tag]
    for key in ("XML:com.adobe.xmp", "xmp"):
        image.info.pop(key, None)
    return exif


def _rgb(path: Path, image: Image.Image) -> UInt8[np.ndarray, "H W 3"]:
    upright = _upright(image)
    if upright.mode.startswith("I;16"):
        high = (np.asarray(upright) >> 8).astype(np.uint8)
        return np.repeat(high[..., None], 3, axis=2)
    if upright.has_transparency_data:
        colour = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", colour.size, "white"), colour)
    return np.array(upright.convert("RGB"))
