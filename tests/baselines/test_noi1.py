"""Noise inconsistency on images whose noise is known."""

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from imdl_lib.baselines import noi1


def noisy(sigma, seed=0):
    """A smooth scene with grey noise of deviation ``sigma``, a number or an (H, W) map."""
    rng = np.random.default_rng(seed)
    shape = np.shape(sigma) or (160, 192)
    smooth = 100 * cv2.GaussianBlur(rng.standard_normal(shape), (0, 0), 16) * 16
    grey = 128 + smooth.clip(-60, 60) + sigma * rng.standard_normal(shape)
    return np.repeat(grey.round().clip(0, 255).astype(np.uint8)[..., None], 3, 2)


def test_block_noise_is_the_deviation_of_the_noise():
    measured = noi1.block_noise(noisy(8.0)[..., 0].astype(np.float32))
    assert measured.shape == (10, 12)
    assert np.median(measured) == pytest.approx(8, rel=0.05)


def test_a_noisier_region_scores_higher():
    sigma = np.full((160, 192), 2.0)
    sigma[48:112, 64:144] = 6
    score = noi1.score_map(noisy(sigma))
    assert roc_auc_score(sigma.ravel() > 3, score.ravel()) > 0.9


@pytest.mark.parametrize("axis", [0, 1])
def test_the_map_lies_where_the_noise_does(axis):
    sigma = np.full((192, 192), 1.0)
    sigma[96:] = 10
    sigma = sigma if axis == 0 else sigma.T
    profile = noi1.score_map(noisy(sigma)).mean(1 - axis)
    assert np.flatnonzero(profile > profile.mean())[0] == pytest.approx(96, abs=3)


def test_the_map_spans_its_range():
    score = noi1.score_map(noisy(5.0))
    assert score.min() < 0.05 and score.max() > 0.95


def test_equal_blocks_are_no_evidence():
    assert (noi1.score_map(np.full((40, 50, 3), 77, np.uint8)) == 0.5).all()
    assert (noi1.score_map(noisy(5.0)[:16, :16]) == 0.5).all()


@pytest.mark.parametrize("height, width", [(1, 1), (1, 40), (7, 2), (17, 33), (16, 17)])
def test_any_size_gives_a_map_in_range(height, width):
    image = np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
    score = noi1.score_map(image)
    assert score.shape == (height, width)
    assert score.min() >= 0 and score.max() <= 1
