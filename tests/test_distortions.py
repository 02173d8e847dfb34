"""Distortions alter the image, keep the regions, and are the same for the same seed."""

import cv2
import numpy as np
import pytest

from imdl_lib import distortions, manipulations, standins
from imdl_lib.distortions import distort


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def photo() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.integers(0, 256, (40, 50, 3), np.uint8), (5, 5), 0)
    regions = np.zeros((40, 50), np.uint8)
    regions[10:30, 12:36] = 1
    return image, regions


@pytest.mark.parametrize("scale", standins.DISGUISES["resize"])
def test_resize_changes_image_and_regions_alike(photo, scale):
    image, regions = distort(*photo, "resize", scale, rng())
    assert image.shape == (round(40 * scale), round(50 * scale), 3)
    assert regions.shape == image.shape[:2]
    assert set(np.unique(regions)) == {0, 1}
    assert regions.mean() == pytest.approx(photo[1].mean(), rel=0.15)


EVERY = {
    **standins.REGENERATIONS,
    **standins.DEGRADATIONS,
    "blur_edges": standins.DISGUISES["blur_edges"],
}


@pytest.mark.parametrize("how, amount", [(how, amounts[-1]) for how, amounts in EVERY.items()])
def test_distortions_change_the_image_and_keep_the_regions(photo, how, amount):
    image, regions = distort(*photo, how, float(amount), rng())
    again, _ = distort(*photo, how, float(amount), rng())
    assert np.array_equal(image, again)
    assert image.dtype == np.uint8 and image.ndim == 3
    if how not in ("resize", "mixed"):
        assert image.shape == photo[0].shape and not np.array_equal(image, photo[0])
        assert np.array_equal(regions, photo[1])
    if how == "blur_edges":
        far = cv2.erode(1 - photo[1], np.ones((23, 23), np.uint8)) > 0
        assert far.any() and np.array_equal(image[far], photo[0][far])


def test_no_distortion_leaves_all_as_it_is(photo):
    image, regions = distort(*photo, "", 0.0, rng())
    assert image is photo[0] and regions is photo[1]


def test_every_distortion_is_used_by_a_set():
    used = {s.distortion for s in standins.SETS.values() if s.distortion}
    assert used == set(distortions.DISTORTIONS)


def test_amounts_are_in_their_units(photo):
    """Noise in levels of 0..255, blur and JPEG as OpenCV counts them."""
    image, regions = photo
    noisy, _ = distort(image, regions, "noise", 3.0, rng())
    assert (noisy.astype(float) - image).std() == pytest.approx(3, rel=0.1)
    blurred, _ = distort(image, regions, "blur", 3.0, rng())
    coded, _ = distort(image, regions, "jpeg", 50.0, rng())
    assert np.array_equal(blurred, cv2.GaussianBlur(image, (3, 3), 0))
    assert np.array_equal(coded, manipulations.jpeg(image, 50))


def test_mixed_draws_each_of_its_four_steps(photo, monkeypatch):
    drawn = {"resize": [], "gaussian_blur": [], "gaussian_noise": [], "jpeg": []}
    for name, amounts in drawn.items():
        real = getattr(manipulations, name)
        note = lambda image, amount, *rest, real=real, amounts=amounts: (  # noqa: E731
            amounts.append(amount) or real(image, amount, *rest)
        )
        monkeypatch.setattr(manipulations, name, note)
    for seed in range(200):
        distortions.mixed(photo[0], np.random.default_rng(seed))
    limits = {name: (min(amounts), max(amounts)) for name, amounts in drawn.items()}
    for name, (low, high) in {"resize": (0.25, 0.78), "gaussian_noise": (3, 15)}.items():
        assert low <= limits[name][0] < low * 1.1 and high * 0.97 < limits[name][1] <= high
    assert limits["gaussian_blur"] == (3, 15) and set(drawn["gaussian_blur"]) == {*range(3, 16, 2)}
    assert limits["jpeg"] == (50, 100)
