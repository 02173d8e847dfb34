"""Photos that a real test set shows too: which are known, and how another one would be found.

BSDS500 and CASIA v1 both draw on Corel's photos. ``data/leaks.csv`` lists every photo of `photos`
that an image of CASIA v1 or COVERAGE shows: the ``whole`` photo, the photo as the ``host`` of a
forgery, or an object of it (``donor``). Pairs were found by local features of all images and of
the mirrored photos, and forgeries by their names too; all were looked at. ``correlation`` is that
of the values once both are aligned, where the object is large enough for that.

``data/real_hashes.csv.xz`` holds a hash of every image of the two sets: the signs of its lowest
`SIDE` x `SIDE` frequencies, and no pixels. A test compares them with all `views` of every photo;
a photo of which no more than an object is shown is beyond it.
"""

import csv
import lzma
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from . import datasets, images, paths

SETS = ("casia1", "coverage")
SIDE = 12  # frequencies a side
BITS = SIDE**2 - 1  # all but the mean
NEAR_BITS = 28  # whole copies differ in 18 at most, other photos in 36 at least (1,036 photos)
SHARES = (1.0, 0.93, 0.86, 0.8, 0.74)  # of a photo's sides, for views
STEPS = 5  # places a side of each smaller view
LONG_SIDE_PX = 256  # of the grey image that is viewed

Grey = UInt8[np.ndarray, "H W"]


class Leak(NamedTuple):
    """A photo, and an image of a real set that shows it."""

    photo: str  # an id, such as "bsds500/train/118020"
    set: str  # one of `SETS`
    image: str  # a name in that set
    shows: str  # "whole", "host" or "donor"
    correlation: str  # of aligned grey values; empty where too little is shown


@cache
def listed() -> tuple[Leak, ...]:
    """Every known pair.

    >>> len({leak.photo for leak in listed()}), len(listed())
    (8, 19)
    """
    with (paths.SHIPPED / "leaks.csv").open(newline="") as file:
        return tuple(Leak(**row) for row in csv.DictReader(file))


@cache
def photo_ids() -> frozenset[str]:
    """The photos that a real set shows."""
    return frozenset(leak.photo for leak in listed())


@cache
def real_hashes() -> dict[str, str]:
    """The hash of each image of the real sets, in hexadecimal, by set and name."""
    with lzma.open(paths.SHIPPED / "real_hashes.csv.xz", "rt", newline="") as file:
        return dict(csv.reader(file))


def hashes_of(name: str) -> dict[str, str]:
    """What `real_hashes` holds of one set, from its images.

    Raises:
        DataError: the set is not here, or an image cannot be read.
    """
    entries = datasets.open_set(name).entries
    hashes = ((entry.name, hashed(grey(images.read(entry.image)))) for entry in entries)
    return {f"{name}/{image}": np.packbits(bits).tobytes().hex() for image, bits in hashes}


def grey(image: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "h w"]:
    """A photo in grey whose longer side has `LONG_SIDE_PX`."""
    height, width = image.shape[:2]
    scale = LONG_SIDE_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)


def hashed(grey: Grey) -> Bool[np.ndarray, "143"]:
    """Which of the lowest cosine coefficients, but for the mean, exceed their median."""
    small = cv2.resize(grey, (4 * SIDE, 4 * SIDE), interpolation=cv2.INTER_AREA)
    lowest = cv2.dct(small.astype(np.float32))[:SIDE, :SIDE].ravel()[1:]
    return lowest > np.median(lowest)


def views(grey: Grey) -> Bool[np.ndarray, "V 143"]:
    """Hashes of a photo and of windows of it, as they are and mirrored."""
    sides = (grey, np.ascontiguousarray(grey[:, ::-1]))
    return np.stack([hashed(side[window]) for side in sides for window in _windows(grey.shape)])


def _windows(shape: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    for share in SHARES:
        size = [max(1, round(side * share)) for side in shape]
        room = [side - inner for side, inner in zip(shape, size, strict=True)]
        tops, lefts = (np.unique(np.linspace(0, most, STEPS).round().astype(int)) for most in room)
        for top, left in ((top, left) for top in tops for left in lefts):
            yield np.s_[top : top + size[0], left : left + size[1]]


def nearest(image: UInt8[np.ndarray, "H W 3"]) -> tuple[int, str]:
    """The image of a real set that a photo is most like, by its nearest view.

    Returns:
        In how many of the `BITS` bits the two differ, and the image's set and name.
    """
    differing = BITS - _signs(views(grey(image))) @ _real_signs().T  # twice the count
    place = int(differing.min(0).argmin())
    return int(differing.min()) // 2, list(real_hashes())[place]


@cache
def _real_signs() -> np.ndarray:
    packed = [np.frombuffer(bytes.fromhex(text), np.uint8) for text in real_hashes().values()]
    return _signs(np.unpackbits(np.stack(packed), axis=1, count=BITS) > 0)


def _signs(bits: np.ndarray) -> np.ndarray:
    return np.where(bits, np.float32(1), np.float32(-1))
