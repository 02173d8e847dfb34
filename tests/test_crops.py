"""Crops of a real set: of the right photos, on the border of the region, at several scales."""

from dataclasses import replace

import fakes
import numpy as np
import pytest

from imdl_lib import crops, datasets, experiments, forge, splits
from imdl_lib.crops import Photo
from imdl_lib.errors import DataError, RegistryError
from imdl_lib.kinds import Recipe

RECIPE = Recipe(crops.KINDS, ("coverage",), "train", 120, 16)


@pytest.fixture(autouse=True)
def root(monkeypatch, tmp_path):
    monkeypatch.setenv("IMDL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("IMDL_CACHE", str(tmp_path / "cache"))
    fakes.coverage(tmp_path / "data")
    return tmp_path / "data"


def forged(part: str) -> forge.ForgedSet:
    return forge.forge(replace(RECIPE, part=part), progress=False)


def numbers(part: str) -> set[int]:
    """Which photos a part's crops are of, by their pixels."""
    found = forged(part)
    grey = [image[region == 0] for image, region in zip(found.images, found.regions, strict=True)]
    return {int(np.bincount(values.ravel()).argmax()) for values in grey}


def test_crops_are_of_every_photo_of_their_part_and_of_no_other():
    tested = {int(name.removesuffix("t")) for name in splits.held_out()["coverage"]}
    train, valid = numbers("train"), numbers("valid")
    assert not train & valid
    assert train | valid == set(range(1, 101)) - tested
    assert len(valid) == 8


def test_crops_mark_what_is_manipulated():
    found = forged("train")
    assert found.images.shape == (120, 16, 16, 3) and set(np.unique(found.regions)) == {0, 1}
    for image, region in zip(found.images, found.regions, strict=True):
        assert region.any() and not region.all()
        inside, outside = (np.bincount(image[region == r].ravel()).argmax() for r in (1, 0))
        assert inside == outside + fakes.INSIDE


def test_a_crop_is_a_function_of_recipe_and_number():
    found = [crops.make(RECIPE, index).regions for index in range(8)]
    assert np.array_equal(crops.make(RECIPE, 0).regions, found[0])
    assert len({region.tobytes() for region in found}) > 4
    other = [crops.make(replace(RECIPE, seed=1), index).regions for index in range(8)]
    assert not all(map(np.array_equal, found, other))


def noise(height: int, width: int) -> Photo:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    region = np.zeros((height, width), np.uint8)
    region[20:60, 30:90] = 255
    return Photo(image, region, np.argwhere(region)[:1])


def test_half_of_the_crops_keep_their_pixels():
    """A crop that was scaled has lost much of the noise's deviation."""
    photo, rng = noise(128, 160), np.random.default_rng(0)
    spread = np.array([crops.crop(photo, 16, rng).image.std() for _ in range(200)])
    assert 0.4 < (spread > 60).mean() < 0.6
    assert 0.15 < ((spread < 50) & (spread > 27)).mean() < 0.35  # twice the side
    assert 0.15 < (spread < 27).mean() < 0.35  # four times


def test_a_crop_holds_its_place_of_the_border():
    photo, rng = noise(128, 160), np.random.default_rng(0)
    photo.image[...] = 0
    photo.image[20, 30] = 255
    assert all(crops.crop(photo, 32, rng).image.any() for _ in range(100))
    places = {crops.crop(photo, 32, rng).image.argmax() for _ in range(50)}
    assert len(places) > 20  # and not always in its middle


@pytest.mark.parametrize("shape", [(10, 40), (40, 10), (16, 16)])
def test_a_photo_smaller_than_a_crop(shape):
    image = np.zeros((*shape, 3), np.uint8)
    region = np.zeros(shape, np.uint8)
    region[:5, :5] = 255
    photo = Photo(image, region, np.array([[4, 4]]))
    found = crops.crop(photo, 16, np.random.default_rng(0))
    assert found.image.shape == (16, 16, 3) and found.regions.any()


def test_a_mask_without_a_border(root):
    """One that marks all or nothing gives crops of the middle."""
    for number in range(1, 101):
        fakes.save(root / f"coverage/mask/{number}forged.tif", np.full((40, 56), 255, np.uint8))
    assert crops.make(RECIPE, 0).regions.all()


def test_each_photo_is_read_once(monkeypatch):
    read, real = [], datasets.images.read
    monkeypatch.setattr(datasets.images, "read", lambda path: read.append(path) or real(path))
    forged("valid")
    assert len(read) == len(set(read)) == 2 * 8  # with its mask


def test_a_set_that_is_not_here(root, monkeypatch):
    monkeypatch.setenv("IMDL_DATA", str(root / "elsewhere"))
    with pytest.raises(DataError, match=r"^COVERAGE is not in .*elsewhere/coverage\."):
        forged("train")


def test_no_crop_is_of_casia1():
    with pytest.raises(RegistryError, match="It is for evaluation only"):
        forge.check(replace(RECIPE, sources=("casia1",)))


def test_crops_of_a_job(tiny):
    job = experiments.job("pscc_net/tuned-coverage-real", "tiny")
    train, valid = (job.recipe(part) for part in ("train", "valid"))
    assert (train.kinds, train.sources, train.part) == (crops.KINDS, ("coverage",), "train")
    assert (train.count, train.size_px) == (tiny.forged_count, tiny.released_size_px)
    assert (valid.kinds, valid.part, valid.count) == (crops.KINDS, "valid", job.validation_images)
