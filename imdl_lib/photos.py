"""Sources of pristine photos, split 8:1:1 by photo, read as RGB, packed for quick random access.

`SOURCES` names them: those that pip has brought, and three sets that `imdl_lib.fetch` downloads.
`pack` decodes photos once into one file that all processes map and share.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from jaxtyping import UInt8
from tqdm import tqdm

from . import checksums, files, images, paths, segments
from .errors import DataError, RegistryError

PARTS = ("train", "valid", "test")  # 8:1:1
MAX_SIDE_PX = 1024  # a pack holds larger photos scaled down
MIN_DEVIATION = 32.0  # of a patch's intensity; ManTra-Net, section 2.3
PATCH_TRIES = 10

_MAGIC = b"imdl photo pack2"
_TAIL = 8 + len(_MAGIC)  # bytes: the index's length, the magic


@dataclass(frozen=True)
class Photo:
    """A pristine photo on disk."""

    id: str  # stable: "bsds500/train/100075"
    path: Path
    source: str  # a name in `SOURCES`, or a folder's
    licence: str  # with credit; only photos that state a free one appear in committed pictures
    group: str  # photos of one family, such as a stereo pair, never end up in two parts


def packaged() -> tuple[Photo, ...]:
    """Colour photos that pip packages ship, by an explicit list.

    Left out: targets, drawings, grey, aerial, small and visibly edited ones, and one of BSDS500.
    """
    place = checksums.packaged_place
    return tuple(
        Photo(row["id"], place(row["path"]), "packaged", row["licence"], row["group"])
        for row in checksums.packaged_rows()
    )


def fetched(name: str) -> tuple[Photo, ...]:
    """The photos of a fetched set.

    Raises:
        DataError: the set is not here, or some of its files are missing.
        RegistryError: there is no such set.
    """
    spec, gone = checksums.spec_of(name), checksums.absent(name)
    if gone:
        raise DataError(
            f"{len(gone):,} of {len(checksums.listed(name)):,} files of `{name}` are not here, "
            f"the first {gone[0]}. Expected them below {checksums.root()}. "
            f"Run `imdl data get {name}`."
        )
    inner = [PurePosixPath(path).relative_to(spec.folder) for path in checksums.listed(name)]
    folder = checksums.root() / spec.folder
    ids = {
        f"{name}/{path.with_suffix('')}": path for path in inner if images.is_named_as_image(path)
    }
    return tuple(Photo(id, folder / path, name, spec.licence, id) for id, path in ids.items())


def folder(path: Path) -> tuple[Photo, ...]:
    """Every photo below a folder of the user's, in linked folders too; see `images.below`.

    Raises:
        DataError: there is none, or a folder below it cannot be read.
    """
    inner = [file.relative_to(path) for file in images.below(path)]
    if not inner:
        raise DataError(
            f"The folder {path} holds no photos. Expected files that end with "
            f"{', '.join(sorted(images.SUFFIXES))}, in it or below it. Check the path."
        )
    ids = {f"{path.name}/{file.as_posix()}": file for file in inner}
    return tuple(Photo(id, path / file, path.name, "the user's", id) for id, file in ids.items())


SOURCES: dict[str, Callable[[], tuple[Photo, ...]]] = {
    "packaged": packaged,
    "bsds500": partial(fetched, "bsds500"),
    "imagenet_samples": partial(fetched, "imagenet_samples"),
    "coco128_seg": partial(fetched, "coco128_seg"),
    "dresden": lambda: folder(checksums.root() / "photos" / "dresden"),  # bring your own
}


def split(photos: Sequence[Photo], part: str) -> tuple[Photo, ...]:
    """The photos of one part, 8:1:1 by photo within each source; families stay together.

    Families, larger ones first and then by a hash of their names, each go to the part that still
    lacks most. The split does not depend on the order of ``photos``.

    Raises:
        RegistryError: ``part`` is not one of `PARTS`.

    >>> [len(split(packaged(), part)) for part in PARTS]
    [46, 6, 6]
    """
    if part not in PARTS:
        raise RegistryError(f"There is no part `{part}`. Expected one of {', '.join(PARTS)}.")
    place: dict[str, str] = {}
    for source in {photo.source for photo in photos}:
        place |= _part_of_group([photo for photo in photos if photo.source == source])
    return tuple(photo for photo in photos if place[photo.group] == part)


def _part_of_group(photos: list[Photo]) -> dict[str, str]:
    sizes, place = Counter(photo.group for photo in photos), {}
    tenth = min(max(1, round(len(photos) / 10)), len(photos) // 3)
    room = {"train": len(photos) - 2 * tenth, "valid": tenth, "test": tenth}
    for group in sorted(sizes, key=lambda group: (-sizes[group], _digest(group))):
        place[group] = max(PARTS, key=lambda part: room[part])
        room[place[group]] -= sizes[group]
    return place


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def read(photo: Photo | Path) -> UInt8[np.ndarray, "H W 3"]:
    """Read a photo as 8-bit RGB; see `images.read`."""
    return images.read(photo.path if isinstance(photo, Photo) else photo)


@dataclass(frozen=True, eq=False)  # a pack is itself, so that caches can hold it
class PhotoPack(Sequence):
    """Decoded photos in one memory-mapped file; ``pack[i]`` is a read-only (H W 3) uint8 view.

    ``segments(i)`` numbers what belongs together in photo ``i``. Pickled as its path alone, so
    that a worker process maps the same pages.
    """

    path: Path
    ids: tuple[str, ...]
    starts: tuple[int, ...]
    shapes: tuple[tuple[int, int, int], ...]
    pixels: np.memmap

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> UInt8[np.ndarray, "H W 3"]:
        start, shape = self.starts[index], self.shapes[index]
        return np.asarray(self.pixels[start : start + int(np.prod(shape))]).reshape(shape)

    def segments(self, index: int) -> UInt8[np.ndarray, "H W"]:
        """What belongs together in a photo, numbered 1 to 255 and on from 1; 0 is no object.

        Human outlines in ``bsds500``, where a segment may be background and nothing is 0, and in
        ``coco128_seg``, where every segment is an object and all else 0, in two photos everything.
        Superpixels in all other photos, which leave no 0.
        """
        end, shape = self.starts[index] + int(np.prod(self.shapes[index])), self.shapes[index][:2]
        return np.asarray(self.pixels[end : end + int(np.prod(shape))]).reshape(shape)

    def __reduce__(self) -> tuple:
        return open_pack, (self.path,)


def pack(
    photos: Sequence[Photo], max_side_px: int = MAX_SIDE_PX, progress: bool = True
) -> PhotoPack:
    """Photos decoded once into the cache; larger ones are scaled down to ``max_side_px``.

    The file is written whole or not at all, and anew when a photo has changed or it is damaged.

    Raises:
        DataError: there are no photos, or one cannot be read, or the pack not written.
    """
    if not photos:
        raise DataError(
            "There are no photos to pack. Expected at least one. Choose another source or part."
        )
    path = paths.cache() / "photos" / f"{_key(photos, max_side_px)}.pack"
    if _index(path) is None:
        with files.only_one(path.with_suffix(".lock"), f"Photo pack {path.stem}", wait=True):
            if _index(path) is None:
                _write_pack(path, photos, max_side_px, progress)
    return open_pack(path)


def open_pack(path: Path) -> PhotoPack:
    """Map a pack that `pack` has written; DataError where it is missing or damaged."""
    index = _index(path)
    if index is None:
        raise DataError(
            f"The photo pack {path} is missing or damaged. Expected a file that `photos.pack` "
            "wrote. Run the same command again; it is made anew."
        )
    shapes = tuple((height, width, 3) for _, height, width in index)
    ends = np.cumsum([0, *(4 * height * width for _, height, width in index)]).tolist()
    pixels = np.memmap(path, np.uint8, "r", shape=(ends[-1],))
    return PhotoPack(path, tuple(id for id, _, _ in index), tuple(ends[:-1]), shapes, pixels)


def _key(photos: Sequence[Photo], max_side_px: int) -> str:
    stats = [photo.path.stat() if photo.path.exists() else None for photo in photos]
    names = [p.id if p.source in checksums.SETS else str(p.path) for p in photos]
    facts = [(n, s and (s.st_mtime_ns, s.st_size)) for n, s in zip(names, stats, strict=True)]
    return _digest(json.dumps([_MAGIC.decode(), max_side_px, facts]))[:16]


def _write_pack(path: Path, photos: Sequence[Photo], max_side_px: int, progress: bool) -> None:
    index = []
    with files.whole(path) as temporary, temporary.open("wb") as file:
        for photo in tqdm(photos, "reading photos", unit="photo", disable=not progress or None):
            image = images.at_most(read(photo), max_side_px)
            index.append((photo.id, *image.shape[:2]))
            file.write(image.tobytes())
            file.write(_segments(photo, image).tobytes())
        text = json.dumps(index).encode()
        file.write(text + len(text).to_bytes(8, "little") + _MAGIC)


def _segments(photo: Photo, image: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "H W"]:
    folder, name, shape = photo.path.parent, photo.path.stem, image.shape[:2]
    drawn = folder.with_name(f"groundTruth_{folder.name}") / f"{name}.mat"
    polygons = folder.with_name("labels") / f"{name}.txt"
    if photo.source == "bsds500" and drawn.is_file():
        found = segments.resized(segments.drawn(drawn), shape)
    elif photo.source == "coco128_seg" and polygons.is_file():
        found = segments.polygons(polygons, shape)
    else:
        found = segments.superpixels(image)
    return np.where(found > 0, (found - 1) % 255 + 1, 0).astype(np.uint8)


def _index(path: Path) -> list[tuple[str, int, int]] | None:
    """Id, height and width of each photo of a pack; None where the file is missing or damaged."""
    try:
        with path.open("rb") as file:
            file.seek(-_TAIL, os.SEEK_END)
            length, magic = int.from_bytes(file.read(8), "little"), file.read()
            end = file.seek(-_TAIL - length, os.SEEK_END)
            index = [(id, height, width) for id, height, width in json.loads(file.read(length))]
    except (OSError, TypeError, ValueError):
        return None
    whole = magic == _MAGIC and end == sum(4 * height * width for _, height, width in index)
    return index if whole else None


def patch(
    photo: UInt8[np.ndarray, "H W 3"], size_px: int, rng: np.random.Generator
) -> tuple[UInt8[np.ndarray, "S S 3"], tuple[slice, slice]]:
    """A random square of a photo that is not too plain, and the rows and columns it lies in.

    Squares whose intensity deviates by less than 32 are rejected (ManTra-Net, section 2.3); after
    `PATCH_TRIES` of them the least plain one is taken, so that a photo of the sky ends too.

    Args:
        photo: RGB, 0..255.
        size_px: the side of the square.
        rng: the only source of randomness.
    Raises:
        DataError: the photo is smaller than the square.
    """
    height, width = photo.shape[:2]
    if min(height, width) < size_px:
        raise DataError(
            f"A photo of {width}x{height} px is too small for a patch. "
            f"Expected at least {size_px}x{size_px}. Leave it out, or use a smaller patch."
        )
    best, place, most = None, None, -1.0
    for _ in range(PATCH_TRIES):
        top = int(rng.integers(height - size_px + 1))
        left = int(rng.integers(width - size_px + 1))
        tried = np.s_[top : top + size_px, left : left + size_px]
        square = np.ascontiguousarray(photo[tried])
        deviation = intensity_deviation(square)
        if deviation > most:
            best, place, most = square, tried, deviation
        if deviation >= MIN_DEVIATION:
            break
    return best, place


def intensity_deviation(image: UInt8[np.ndarray, "H W 3"]) -> float:
    """Standard deviation of a photo's grey values, 0..127.5."""
    return float(cv2.meanStdDev(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))[1][0, 0])
