"""What photos went through: drawn in stated shares, done in the stated order."""

import cv2
import numpy as np
import pytest

from imdl_lib import cameras, histories, manipulations
from imdl_lib.histories import History


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture
def photo(pack) -> np.ndarray:
    return pack[0][:200, :300].copy()


def test_a_photo_without_a_history_is_as_it_is(photo, rng):
    assert np.array_equal(History().of(photo, rng), photo)


def test_a_photo_is_scaled_and_then_compressed(photo, rng):
    scaled = cv2.resize(photo, (150, 100), interpolation=cv2.INTER_AREA)
    assert np.array_equal(History(2.0).of(photo, rng), scaled)
    assert np.array_equal(History(2.0, 60).of(photo, rng), manipulations.jpeg(scaled, 60))


def test_a_camera_does_it_all(photo):
    shot = cameras.shoot(photo, cameras.CAMERAS[4], np.random.default_rng(1))
    assert np.array_equal(History(camera=4).of(photo, np.random.default_rng(1)), shot)


@pytest.mark.parametrize("scale", [1.0, 1.3, 2.0, 2.49])
@pytest.mark.parametrize("cut", [(0, 0), (3, 7)])
@pytest.mark.parametrize("size_px", [48, 65])
def test_a_side_gives_the_size_asked_for(scale, cut, size_px, rng):
    history = History(scale, None, cut)
    side = history.side(size_px)
    image = history.of(np.zeros((side, side, 3), np.uint8), rng)
    assert image.shape[:2] == (size_px + max(cut), size_px + max(cut))


@pytest.mark.parametrize("size_px", [8, 64, 100])
def test_a_camera_gets_what_it_halves(size_px, rng):
    history = History(camera=0)
    side = history.side(size_px)
    assert side >= cameras.HALVE_FROM_PX
    assert len(history.of(np.zeros((side, side, 3), np.uint8), rng)) >= size_px


def test_shares_are_as_stated(rng):
    drawn = [histories.drawn(64, 400, rng) for _ in range(3000)]
    scaled, compressed = (np.mean([h.scale > 1 for h in drawn]), [h for h in drawn if h.quality])
    assert scaled == pytest.approx(histories.SCALED, abs=0.03)
    assert len(compressed) / len(drawn) == pytest.approx(histories.COMPRESSED, abs=0.03)
    aligned = np.mean([h.cut == (0, 0) for h in compressed])
    assert aligned == pytest.approx(histories.ALIGNED + 0.5 / 64, abs=0.04)
    assert all(h.cut == (0, 0) for h in drawn if not h.quality)
    qualities = {h.quality for h in compressed}
    assert (min(qualities), max(qualities)) == histories.QUALITY
    assert {n for h in compressed for n in h.cut} == set(range(8))
    scales = [h.scale for h in drawn if h.scale > 1]
    assert max(scales) > 2.4 and max(scales) <= histories.MOST_SCALE


@pytest.mark.parametrize("within_px", [320, 324, 330, 500])
def test_a_history_fits_its_photo(within_px, rng):
    drawn = [histories.drawn(320, within_px, rng) for _ in range(400)]
    assert max(history.side(320) for history in drawn) <= within_px
    assert any(history.quality for history in drawn)
