"""Objects that people outlined in the photos of a pack, found by their size."""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from . import photos

HUMAN = ("bsds500", "coco128_seg")  # sources whose segments people drew
LEAST_PX = 64
MOST_EDGE = 0.03  # of the bounding box's outline may lie on the photo's edge, where objects end
LEAST_FILL = 0.3  # of the bounding box: what is thinner reads as noise


class Outlined(NamedTuple):
    """An object: its photo's number, its segment's number, and its bounding box in that photo."""

    photo: int
    segment: int
    box: tuple[slice, slice]
    area_px: int


def is_human(pack: photos.PhotoPack, photo: int) -> bool:
    """Whether a person drew the segments of a photo."""
    return pack.ids[photo].split("/")[0] in HUMAN


@cache
def outlined(pack: photos.PhotoPack) -> tuple[Outlined, ...]:
    """All whole objects of a pack, smaller ones first."""
    humans = (number for number in range(len(pack)) if is_human(pack, number))
    found = [thing for number in humans for thing in _of_photo(number, pack.segments(number))]
    return tuple(sorted(found, key=lambda thing: (thing.area_px, thing.photo, thing.segment)))


def near(
    pack: photos.PhotoPack, least_px: int | float, most_px: int | float, rng: np.random.Generator
) -> Outlined | None:
    """A random object of a pack with an area between two; None where there is none."""
    first, last = np.searchsorted(_areas(pack), (least_px, most_px))
    return outlined(pack)[int(rng.integers(first, last))] if last > first else None


@cache
def _areas(pack: photos.PhotoPack) -> np.ndarray:
    return np.array([thing.area_px for thing in outlined(pack)])


def _of_photo(photo: int, segments: np.ndarray) -> list[Outlined]:
    area, edge = _areas_and_edges(segments)
    found = []
    for number, box in enumerate(ndimage.find_objects(segments), start=1):
        if box is None:
            continue
        height, width = (side.stop - side.start for side in box)
        whole = edge[number] <= MOST_EDGE * 2 * (height + width)
        if whole and area[number] >= max(LEAST_PX, LEAST_FILL * height * width):
            found.append(Outlined(photo, number, box, int(area[number])))
    return found


def inside(segments: np.ndarray, least_px: int | float, most_px: int | float) -> np.ndarray:
    """Numbers of the segments of a size between two that lie inside a picture, hardly cut off."""
    area, edge = _areas_and_edges(segments)
    fits = (area >= max(1, least_px)) & (area <= most_px) & (edge <= 8 * MOST_EDGE * np.sqrt(area))
    fits[0] = False
    return np.flatnonzero(fits)


def _areas_and_edges(segments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of each segment, and how many of them lie on the picture's edge."""
    edges = (segments[0], segments[-1], segments[1:-1, 0], segments[1:-1, -1])
    counted = (segments.ravel(), np.concatenate(edges))
    return tuple(np.bincount(numbers, minlength=256) for numbers in counted)
