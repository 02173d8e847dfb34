"""Reading one image file as 8-bit RGB, whatever it holds; every fault is explained."""

import re
import struct
import warnings
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from .errors import DataError

MAX_MEGAPIXELS = 100  # a larger image is refused, not read


def read(path: Path) -> UInt8[np.ndarray, "H W 3"]:
    """Read an image as 8-bit RGB.

    It is turned as its EXIF data say; grey, palette and CMYK become RGB; transparency is shown on
    white; 16-bit values lose their low byte. Of an MPO file, as some phones write, the first
    picture is read; any other file with several frames is refused.

    Raises:
        DataError: the file is missing, empty, damaged, animated, too large or no photo.
    """
    _check_file(path)
    try:
        with warnings.catch_warnings():  # MAX_MEGAPIXELS stands in for Pillow's limit
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                _check_image(path, image)
                return _rgb(path, image)
    except Image.DecompressionBombError as error:
        raise _too_large(path, int(re.findall(r"\d+", str(error))[0])) from error
    except UnidentifiedImageError as error:
        raise DataError(
            f"{path} is not an image that can be read. "
            "Expected a JPEG, PNG, TIFF, WebP or BMP photo. Save it as one of these."
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise DataError(
            f"{path} is damaged or truncated ({error}). "
            "Expected a whole image file. Fetch or copy it again."
        ) from error


def _check_file(path: Path) -> None:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DataError(f"{path} {what}. Expected an image file. Check the path.")
    if path.stat().st_size == 0:
        raise DataError(
            f"{path} is empty: it holds 0 bytes. Expected an image file. Fetch or copy it again."
        )


def _check_image(path: Path, image: Image.Image) -> None:
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


def _too_large(path: Path, pixels: int) -> DataError:
    return DataError(
        f"{path} has {pixels / 1e6:.2f} megapixels. Expected at most {MAX_MEGAPIXELS}. "
        "Make a smaller copy and give that."
    )


def _rgb(path: Path, image: Image.Image) -> UInt8[np.ndarray, "H W 3"]:
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I;16"):
        high = (np.asarray(upright) >> 8).astype(np.uint8)
        return np.repeat(high[..., None], 3, axis=2)
    if upright.has_transparency_data:
        colour = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", colour.size, "white"), colour)
    return np.array(upright.convert("RGB"))
