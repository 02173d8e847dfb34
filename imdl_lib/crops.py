"""Training images from a real set: crops of its forged photos, at the size that a recipe asks for.

Departure from PSCC-Net, whose released training squeezes whole photos to one size: a crop keeps
the traces at the scale of pixels, on which the small networks here live. Half of the crops are
taken as they are. The others cover two or four times the side and are scaled down, since a copy
and its origin seldom lie in one crop. Each holds a piece of the border of the forged region.
"""

from functools import cache, lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Int, UInt8

from . import checksums, datasets
from .kinds import Forged, Recipe

KINDS = ("crop",)  # of a recipe; part of its key, so renamed when what follows is changed
SCALES = (1, 1, 2, 4)  # crop's side over the training image's


class Photo(NamedTuple):
    """A forged photo, its region (255 = manipulated), and the places on the region's border."""

    image: UInt8[np.ndarray, "H W 3"]
    region: UInt8[np.ndarray, "H W"]
    border: Int[np.ndarray, "N 2"]


def make(recipe: Recipe, index: int) -> Forged:
    """Sample ``index``; neighbours are crops of one photo, so each photo is read once or twice.

    Raises:
        DataError: the set is not here.
    """
    name, root = f"{recipe.sources[0]}/{recipe.part}", checksums.root()
    number = index * len(_opened(root, name)) // recipe.count
    rng = np.random.default_rng([recipe.seed, index])
    return crop(_photo(root, name, number), recipe.size_px, rng)


def crop(photo: Photo, size_px: int, rng: np.random.Generator) -> Forged:
    """A square around a random place of the border; a photo that is too small is enlarged."""
    shape = np.array(photo.region.shape)
    side = min(int(rng.choice(SCALES)) * size_px, *shape.tolist())
    place = photo.border[rng.integers(len(photo.border))]
    top, left = np.clip(place - rng.integers(side, size=2), 0, shape - side).tolist()
    image, region = (a[top : top + side, left : left + side] for a in (photo.image, photo.region))
    if side != size_px:
        fit = partial(cv2.resize, dsize=(size_px, size_px), interpolation=cv2.INTER_AREA)
        image, region = fit(image), fit(region)
    return Forged(image, (region > 127).astype(np.uint8))


@cache  # the root tells copies apart
def _opened(root: Path, name: str) -> datasets.RealSet:
    return datasets.open_set(name)


@lru_cache(maxsize=1)
def _photo(root: Path, name: str, number: int) -> Photo:
    sample = _opened(root, name)[number]
    region = sample.mask * np.uint8(255)
    inner = cv2.erode(region, np.ones((3, 3), np.uint8))
    border = np.argwhere(region != inner)
    middle = np.array(region.shape)[None] // 2  # of a mask without a border
    return Photo(sample.image_u8, region, border if len(border) else middle)
