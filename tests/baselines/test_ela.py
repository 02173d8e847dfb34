"""Error level analysis on images whose compression is known."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from imdl_lib.baselines import ela


def scene(seed, size=(160, 192)):
    """Smooth colour shapes with some texture."""
    noise = np.random.default_rng(seed).standard_normal((*size, 3))
    layers = [sigma * cv2.GaussianBlur(noise, (0, 0), sigma) for sigma in (1, 4, 16)]
    return (128 + 40 * sum(layers)).clip(0, 255).astype(np.uint8)


def compressed(image_u8, quality):
    stream = io.BytesIO()
    Image.fromarray(image_u8).save(stream, "JPEG", quality=quality)
    return np.array(Image.open(stream))


def test_scores_equal_the_formula_with_another_jpeg_coder():
    image = scene(0)
    change = np.abs(image.astype(float) - compressed(image, 90))
    expected = np.minimum(15 * change.sum(2) / 3 / 255, 1)
    assert ela.score_map(image) == pytest.approx(expected, abs=1e-6)
    assert expected.max() > 0.3


def test_a_patch_that_was_never_compressed_is_brighter():
    image = compressed(scene(1), 60)
    patch = slice(48, 112), slice(64, 128)
    image[patch] = scene(2)[patch]
    score = ela.score_map(image)
    inside = np.zeros(score.shape, bool)
    inside[patch] = True
    assert score[inside].mean() > 2 * score[~inside].mean()


@pytest.mark.parametrize("height, width", [(1, 1), (1, 9), (7, 2), (17, 33)])
def test_any_size_gives_a_map_in_range(height, width):
    image = np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
    score = ela.score_map(image)
    assert score.shape == (height, width)
    assert score.min() >= 0 and score.max() <= 1
