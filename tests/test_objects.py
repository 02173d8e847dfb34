"""Objects that people outlined: whole ones, found by size."""

from pathlib import Path

import numpy as np
import pytest

from imdl_lib import objects
from imdl_lib.objects import Outlined
from imdl_lib.photos import PhotoPack


def packed(folder: Path, **photos: np.ndarray) -> PhotoPack:
    """A pack of one black photo a source, with the segments given."""
    parts, starts = [], []
    for segments in photos.values():
        starts.append(sum(part.size for part in parts))
        parts += [np.zeros((*segments.shape, 3), np.uint8), segments]
    pixels = np.concatenate([part.ravel() for part in parts])
    stored = np.memmap(folder / "pack", np.uint8, "w+", shape=pixels.shape)
    stored[:] = pixels
    ids = tuple(f"{name.split('__')[0]}/{name}" for name in photos)
    shapes = tuple((*segments.shape, 3) for segments in photos.values())
    return PhotoPack(folder / "pack", ids, tuple(starts), shapes, stored)


def scene() -> np.ndarray:
    """1 all around, 2 a square, 3 one on the edge, 4 a thin diagonal, 5 a crumb."""
    found = np.ones((80, 100), np.uint8)
    found[10:30, 20:50] = 2
    found[60:, 60:90] = 3
    found[range(30, 60), range(60, 90)] = 4
    found[35:40, 5:10] = 5
    return found


@pytest.fixture
def pack(tmp_path) -> PhotoPack:
    only = scene() * (scene() == 2)
    return packed(tmp_path, bsds500=scene(), packaged=scene(), coco128_seg=only)


def test_whole_objects_of_photos_that_people_outlined(pack):
    first, second = objects.outlined(pack)
    assert first == Outlined(0, 2, np.s_[10:30, 20:50], 600)
    assert second == first._replace(photo=2)


def test_objects_are_found_by_size(pack):
    rng = np.random.default_rng(0)
    assert objects.near(pack, 700, 900, rng) is None
    assert objects.near(pack, 10, 600, rng) is None  # below the upper bound
    assert {objects.near(pack, 500, 700, rng).photo for _ in range(30)} == {0, 2}


def test_objects_are_found_within_sizes_only(tmp_path):
    sizes = {f"bsds500__{n}": np.pad(np.full((n, n), 7, np.uint8), 4) for n in range(8, 60)}
    pack = packed(tmp_path, **sizes)
    rng = np.random.default_rng(0)
    found = {objects.near(pack, 400, 900, rng).area_px for _ in range(400)}
    assert found == {n * n for n in range(20, 30)}


def test_objects_inside_a_picture():
    assert objects.inside(scene(), 300, 900).tolist() == [2]
    assert objects.inside(scene(), 20, 700).tolist() == [2, 4, 5]
    assert objects.inside(0 * scene(), 0, 1e6).tolist() == []  # nothing is no object
