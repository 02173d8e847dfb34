"""Demosaicing traces on images that were demosaiced in a known way."""

import cv2
import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from imdl_lib.baselines import cfa1

CROSS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]) / 4


def checkerboard(shape, shift):
    return (np.indices(shape).sum(0) + shift) % 2 == 0


def photo(shift, shape=(160, 192), seed=0):
    """A scene whose green is measured on one half of a checkerboard and interpolated between."""
    noise = np.random.default_rng(seed).standard_normal(shape)
    green = 128 + 100 * cv2.GaussianBlur(noise, (0, 0), 4) * 4 + 4 * noise
    measured = checkerboard(shape, shift)
    green = np.where(measured, green, cv2.filter2D(green * measured, -1, CROSS))
    return np.repeat(green.round().clip(0, 255).astype(np.uint8)[..., None], 3, 2)


@pytest.mark.parametrize("shift", [0, 1])
def test_a_blurred_region_lacks_the_traces(shift):
    image, forged = photo(shift), np.zeros((160, 192), bool)
    forged[48:112, 64:144] = True
    image[forged] = cv2.GaussianBlur(image, (0, 0), 1)[forged]
    score = cfa1.score_map(image)
    assert roc_auc_score(forged.ravel(), score.ravel()) > 0.8
    assert score[forged].mean() > 0.8 and score[~forged].mean() < 0.2


def test_a_single_block_is_outvoted():
    image, block = photo(0), (slice(77, 91), slice(77, 91))
    image[block] = cv2.GaussianBlur(image, (0, 0), 1)[block]
    assert cfa1.block_feature(image[..., 1].astype(np.float32))[10, 10] < 1
    assert cfa1.score_map(image).max() < 0.5


def test_the_feature_tells_which_half_was_measured():
    features = [cfa1.block_feature(photo(shift)[..., 1].astype(np.float32)) for shift in (0, 1)]
    assert features[0].min() > 1 and features[1].max() < -1


def test_without_demosaicing_the_feature_is_about_zero():
    noise = np.random.default_rng(1).normal(128, 20, (160, 192)).astype(np.float32)
    assert np.abs(cfa1.block_feature(noise)).max() < 1


def test_local_variance_is_that_of_the_same_half():
    error = np.random.default_rng(2).normal(0, 3, (20, 20)).astype(np.float32)
    row, column = 9, 10
    weights, values = [], []
    for i in range(-3, 4):
        for j in range(-3, 4):
            if (i + j) % 2 == 0:
                weights.append(np.exp(-(i * i + j * j) / (2 * 1.5**2)))
                values.append(error[row + i, column + j])
    weights = np.array(weights) / np.sum(weights)
    mean = np.sum(weights * values)
    expected = (np.sum(weights * np.square(values)) - mean**2) / (1 - np.sum(weights**2))
    assert cfa1.local_variance(error)[row, column] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("sign", [1, -1])
def test_posterior_separates_two_known_gaussians(sign):
    rng = np.random.default_rng(3)
    value = np.concatenate([rng.normal(0, 0.5, 100), rng.normal(4, 1, 300)]).astype(np.float32)
    missing = cfa1.missing_posterior(np.float32(sign) * value)
    exact = expit(np.log(2) + (value - 4) ** 2 / 2 - (value / 0.5) ** 2 / 2)
    assert np.abs(missing - exact).mean() < 0.01


def test_equal_blocks_end_without_a_division_by_zero():
    assert np.isfinite(cfa1.missing_posterior(np.full(9, 2, np.float32))).all()
    assert np.isfinite(cfa1.missing_posterior(np.zeros(9, np.float32))).all()


def test_flat_blocks_are_no_evidence():
    assert (cfa1.score_map(np.full((40, 50, 3), 255, np.uint8)) == 0.5).all()
    image = photo(0)
    image[:80] = 255
    assert (cfa1.score_map(image)[:48] == 0.5).all()


@pytest.mark.parametrize("height, width", [(1, 1), (1, 40), (7, 2), (17, 33)])
def test_any_size_gives_a_map_in_range(height, width):
    image = np.random.default_rng(4).integers(0, 256, (height, width, 3), dtype=np.uint8)
    score = cfa1.score_map(image)
    assert score.shape == (height, width)
    assert score.min() >= 0 and score.max() <= 1
