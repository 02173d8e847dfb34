"""Shapes of regions: how much they cover, that they may lie anywhere, what a seed fixes."""

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
    ("area_px", "tolerance"), [(123, 0.45), (1600, 0.15), (26_000, 0.05)]
)  # the outline's own pixels are filled too, so small blobs come out larger
def test_a_blob_covers_its_area(area_px, tolerance):
    shares = [shapes.blob(area_px, rng(seed)).sum() / area_px for seed in SEEDS]
    assert max(shares) < 1 + tolerance
    assert min(shares) > 0.9


def test_a_blob_is_one_piece_in_its_bounding_box():
    for seed in SEEDS:
        mask = shapes.blob(3000, rng(seed))
        assert mask.dtype == bool
        assert cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] == 2
        assert all(line.any() for line in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))


def test_blobs_are_of_many_outlines_and_turned():
    heights = {shapes.blob(3000, rng(seed)).shape for seed in SEEDS}
    assert len(heights) > 0.9 * len(SEEDS)


@pytest.mark.parametrize("area_px", [1e-3, 0.5, 3])
def test_a_blob_is_never_empty(area_px):
    assert all(shapes.blob(area_px, rng(seed)).any() for seed in SEEDS)


@pytest.mark.parametrize("area_px", [120, 5000])
def test_strokes_cover_at_least_their_area(area_px):
    shares = [shapes.strokes(area_px, rng(seed)).sum() / area_px for seed in SEEDS]
    assert min(shares) >= 1
    assert np.median(shares) < 1.7  # the last line overshoots


# Laying


def laid(mask: np.ndarray, frame: tuple[int, int], count: int) -> np.ndarray:
    return np.array([shapes.onto(mask, frame, rng(seed)) for seed in range(count)])


def test_a_covered_pixel_lies_anywhere_alike():
    """Of a disc of half the frame's side: near the middle as often as any pixel of the frame."""
    disc = cv2.circle(np.zeros((16, 16), np.uint8), (8, 8), 7, 1, -1).astype(bool)
    masks = laid(disc, (32, 32), 4000)
    distance = np.hypot(*np.meshgrid(*2 * [np.arange(32) - 15.5], indexing="ij"))
    means = np.array([distance[mask].mean() for mask in masks])
    assert means.mean() == pytest.approx(distance.mean(), rel=0.015)
    cells = masks.mean(0).reshape(4, 8, 4, 8).mean((1, 3))
    assert cells.max() / cells.min() < 2.2  # a disc on the edge is clipped, so covers less
    assert abs(cells - cells[::-1]).max() < 0.015 and abs(cells - cells.T).max() < 0.015


def test_a_shape_is_clipped_by_its_frame():
    mask = np.ones((9, 5), bool)
    sizes = {place.sum() for place in laid(mask, (12, 20), 300)}
    assert max(sizes) == 45 and min(sizes) >= 1
    assert len(sizes) > 10


def test_the_given_pixel_is_covered():
    mask = shapes.blob(200, rng(1))
    for seed in SEEDS:
        at = rng(seed).integers((30, 50))
        assert shapes.onto(mask, (30, 50), rng(seed), at)[tuple(at)]


def test_too_little_is_not_shown_where_there_is_more(monkeypatch):
    """In a corner most draws of the shape's pixel show enough, so hardly one of all shows less."""
    mask, corner = np.ones((20, 20), bool), np.array([0, 0])
    shown = [shapes.onto(mask, (100, 100), rng(s), corner).sum() for s in range(300)]
    assert min(shown) >= shapes.LEAST_SHOWN * 100 * 100
    monkeypatch.setattr(shapes, "LEAST_SHOWN", 0)
    assert min(shapes.onto(mask, (100, 100), rng(s), corner).sum() for s in range(300)) < 10


def test_spots_lie_all_over_a_frame_and_a_little_more_on_its_edge():
    spots = np.array([shapes.spot((50, 80), rng(seed)) for seed in range(2000)])
    assert (spots.min(0) == 0).all() and (spots.max(0) == (49, 79)).all()
    assert spots.mean(0) == pytest.approx((24.5, 39.5), rel=0.05)
    inner = [shapes.spot((50, 80), rng(seed), -0.2) for seed in range(200)]
    assert np.min(inner, 0).tolist() >= [10, 16] and np.max(inner, 0).tolist() <= [40, 64]


def test_a_place_by_hand():
    place = shapes.placed((3, 4), np.array([-1, 5]), (10, 7))
    assert place == shapes.Place(np.s_[0:2, 5:7], np.s_[1:3, 0:2])
    outside = shapes.placed((3, 4), np.array([20, 5]), (10, 7))
    assert np.zeros((10, 7))[outside.frame].size == 0


def test_bounds_by_hand():
    mask = np.zeros((6, 7), bool)
    mask[2, 3] = mask[4, 5] = True
    assert shapes.bounds(mask) == np.s_[2:5, 3:6]
    assert shapes.trimmed(mask).tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: shapes.blob(480, rng),
        lambda rng: shapes.strokes(480, rng),
        lambda rng: shapes.onto(np.ones((9, 9), bool), (40, 40), rng),
    ],
)
def test_a_seed_fixes_a_shape(draw):
    assert np.array_equal(draw(rng(3)), draw(rng(3)))
    assert not np.array_equal(draw(rng(3)), draw(rng(4)))


# Snapping


def test_a_snapped_blob_keeps_to_borders_and_about_its_size():
    segments = np.kron(np.arange(1, 65).reshape(8, 8), np.ones((16, 16))).astype(np.uint8)
    straight = 0
    for seed in SEEDS:
        mask = shapes.onto(shapes.blob(3200, rng(seed)), (128, 128), rng(seed))
        snapped = shapes.snapped(mask, segments)
        assert 0.5 <= snapped.sum() / mask.sum() <= 2
        assert (snapped & mask).sum() > 0.5 * snapped.sum()
        inner = snapped.reshape(8, 16, 8, 16)[:, 4:12, :, 4:12].mean((1, 3))
        straight += set(np.unique(inner)) <= {0, 1}  # corners are rounded off
    assert straight > 0.8 * len(SEEDS)


def test_a_snapped_blob_is_one_piece():
    """Of two squares that it covers, the larger one is kept."""
    segments = np.zeros((40, 60), np.uint8)
    segments[5:25, 5:20], segments[5:35, 40:58] = 1, 2
    mask = segments > 0
    assert not shapes.snapped(mask, segments)[:, :30].any()
    assert shapes.snapped(mask, segments)[20, 50]


def test_what_belongs_to_nothing_is_not_followed():
    mask = np.zeros((30, 30), bool)
    mask[5:20, 5:20] = True
    assert np.array_equal(shapes.snapped(mask, np.zeros((30, 30), np.uint8)), mask)


def test_a_blob_stays_where_nothing_fits_it():
    mask = shapes.onto(shapes.blob(100, rng(0)), (32, 32), rng(0))
    assert np.array_equal(shapes.snapped(mask, np.ones((32, 32), np.uint8)), mask)
