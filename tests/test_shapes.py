"""Shapes of regions: how much they cover, where they lie, and that a seed fixes them."""

import cv2
import numpy as np
import pytest

from imdl_lib import shapes

SEEDS = range(40)


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng([7, seed])


def test_an_outline_is_a_closed_curve_about_the_origin():
    curve = shapes.outline(rng(0))
    assert curve.shape == (shapes.POINTS * shapes.SEGMENT_STEPS, 2)
    assert np.abs(curve.mean(0)).max() < 1e-12
    steps = np.linalg.norm(np.roll(curve, -1, 0) - curve, axis=1)
    assert steps.max() < 0.2  # no jump, at the seam neither


def turns(curve: np.ndarray) -> np.ndarray:
    step = np.roll(curve, -1, 0) - curve
    angle = np.arctan2(step[:, 1], step[:, 0])
    return np.abs((np.diff(angle, append=angle[0]) + np.pi) % (2 * np.pi) - np.pi)


def test_an_outline_has_no_corner_at_its_points():
    # Handles leave and enter a point along one tangent; a polygon would turn by tens of degrees.
    at_points = [turns(shapes.outline(rng(seed)))[shapes.SEGMENT_STEPS - 1 :: 12] for seed in SEEDS]
    polygon = [turns(shapes.outline(rng(seed))[:: shapes.SEGMENT_STEPS]) for seed in SEEDS]
    assert np.median(at_points) < 0.5 * np.median(polygon)


@pytest.mark.parametrize(
    ("size_px", "tolerance"), [(64, 0.3), (128, 0.15), (512, 0.07)]
)  # the outline's own pixels are filled too, so small blobs come out larger
@pytest.mark.parametrize("area", [0.03, 0.1, 0.3])
def test_a_blob_covers_its_share(size_px, tolerance, area):
    shares = [shapes.blob(size_px, area, rng(seed)).mean() / area for seed in SEEDS]
    assert max(shares) < 1 + tolerance
    assert min(shares) > 0.9


def test_a_blob_is_one_piece():
    for seed in SEEDS:
        mask = shapes.blob(256, 0.1, rng(seed))
        assert mask.dtype == bool and mask.shape == (256, 256)
        assert cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] == 2


def test_a_small_blob_lies_anywhere():
    centres = [np.argwhere(shapes.blob(64, 0.03, rng(seed))).mean(0) for seed in SEEDS]
    assert np.ptp(centres, axis=0).min() > 32


def test_a_blob_larger_than_the_square_is_in_its_middle():
    mask = shapes.blob(64, 3.0, rng(0))
    assert mask.mean() > 0.8


@pytest.mark.parametrize("size_px", [1, 2, 5])
def test_a_blob_is_never_empty(size_px):
    for seed in SEEDS:
        assert shapes.blob(size_px, 1e-6, rng(seed)).any()


@pytest.mark.parametrize("size_px", [64, 256])
@pytest.mark.parametrize("area", [0.03, 0.3])
def test_strokes_cover_at_least_their_share(size_px, area):
    shares = [shapes.strokes(size_px, area, rng(seed)).mean() for seed in SEEDS]
    assert min(shares) >= area
    assert max(shares) < area + 0.2  # the last line may overshoot


@pytest.mark.parametrize("size_px", [32, 33, 64, 100, 256])
@pytest.mark.parametrize("side", [0, 1])
def test_a_blob_in_a_half_never_touches_the_middle(size_px, side):
    for seed in SEEDS:
        columns = np.flatnonzero(shapes.blob_in_half(size_px, side, 0.1, rng(seed)).any(0))
        assert len(columns) > 0
        if side == 0:
            assert columns.max() < size_px * 7 / 16
        else:
            assert columns.min() >= size_px * 9 / 16


def test_a_blob_in_a_half_is_measured_by_the_whole():
    shares = [shapes.blob_in_half(256, seed % 2, 0.06, rng(seed)).mean() for seed in SEEDS]
    assert np.median(shares) == pytest.approx(0.06, rel=0.1)
    tops = [np.argwhere(shapes.blob_in_half(256, 0, 0.06, rng(seed)))[0, 0] for seed in SEEDS]
    assert np.ptp(tops) > 100


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: shapes.blob(48, 0.2, rng),
        lambda rng: shapes.strokes(48, 0.2, rng),
        lambda rng: shapes.blob_in_half(48, 1, 0.08, rng),
    ],
)
def test_a_seed_fixes_a_shape(draw):
    assert np.array_equal(draw(rng(3)), draw(rng(3)))
    assert not np.array_equal(draw(rng(3)), draw(rng(4)))


def test_a_snapped_blob_keeps_to_borders_and_about_its_size():
    segments = np.kron(np.arange(1, 65).reshape(8, 8), np.ones((8, 8))).astype(np.uint8)
    followed = 0
    for seed in SEEDS:
        mask = shapes.blob(64, 0.2, rng(seed))
        snapped = shapes.snapped(mask, segments)
        assert 0.5 <= snapped.sum() / mask.sum() <= 2
        cells = snapped.reshape(8, 8, 8, 8).mean((1, 3))
        followed += set(np.unique(cells)) <= {0, 1}
        assert (snapped & mask).sum() > 0.5 * snapped.sum()
    assert followed > 0.9 * len(SEEDS)


def test_a_blob_stays_where_nothing_fits_it():
    mask = shapes.blob(32, 0.1, rng(0))
    assert np.array_equal(shapes.snapped(mask, np.ones((32, 32), np.uint8)), mask)
