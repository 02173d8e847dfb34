import inspect
import io
import re
from dataclasses import replace
from itertools import product

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from imdl_lib import cameras
from imdl_lib.cameras import CAMERAS, Camera, quantization_tables, shoot
from imdl_lib.errors import ShapeError

PLAIN = Camera("Plain", "RGGB", "bilinear", 10**12, 0, 1, 0.0, 1.0, 0.0, (1, 1), (1, 1), "4:4:4")
NAMES = [camera.name for camera in CAMERAS]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    """Textured crops of 256 px from three photos."""
    corners = {
        data.astronaut: [(0, 0), (0, 192), (128, 0), (128, 192), (256, 128)],
        data.coffee: [(0, 64), (128, 64), (128, 256)],
        data.chelsea: [(0, 0), (0, 128)],
    }
    return [load()[y : y + 256, x : x + 256] for load, places in corners.items() for y, x in places]


def test_ten_different_cameras() -> None:
    assert len(CAMERAS) == len(set(NAMES)) == 10
    assert len({replace(camera, name="") for camera in CAMERAS}) == 10
    assert {camera.cfa for camera in CAMERAS} == {"RGGB", "BGGR", "GRBG", "GBRG"}
    assert {camera.demosaic for camera in CAMERAS} == {"bilinear", "vng", "edge"}
    assert len({str(quantization_tables(camera)) for camera in CAMERAS}) == 10


# Size, type, determinism


@pytest.mark.parametrize("camera", CAMERAS, ids=NAMES)
def test_same_state_same_picture(camera: Camera, photos: list[np.ndarray]) -> None:
    before = photos[0].copy()
    first, again, other = (shoot(photos[0], camera, rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(photos[0], before)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((128, 300), (64, 150)), ((201, 333), (100, 166)), ((127, 300), (127, 300))],
)
def test_large_photos_are_halved(size: tuple[int, int], expected: tuple[int, int]) -> None:
    taken = shoot(np.zeros((*size, 3), np.uint8), CAMERAS[0], rng())
    assert taken.shape == (*expected, 3) and taken.dtype == np.uint8


@settings(max_examples=60, deadline=None)
@given(
    camera=st.sampled_from(CAMERAS),
    height=st.integers(2, 40),
    width=st.integers(2, 40),
    seed=st.integers(0, 9),
)
def test_small_photos_keep_their_size(camera: Camera, height: int, width: int, seed: int) -> None:
    photo = rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    assert shoot(photo, camera, rng(seed)).shape == photo.shape


@pytest.mark.parametrize(
    ("photo", "what"),
    [
        (np.zeros((8, 8, 3), np.float32), "float32 (8, 8, 3)"),
        (np.zeros((8, 8), np.uint8), "uint8 (8, 8)"),
        (np.zeros((8, 8, 4), np.uint8), "uint8 (8, 8, 4)"),
        (np.zeros((1, 8, 3), np.uint8), "uint8 (1, 8, 3)"),
    ],
)
def test_wrong_photo(photo: np.ndarray, what: str) -> None:
    text = f"A photo is {what}. Expected uint8 (H, W, 3) with at least 2 x 2 pixels: RGB, 0 to 255."
    with pytest.raises(ShapeError, match=f"^{re.escape(text)}$"):
        inspect.unwrap(shoot)(photo, CAMERAS[0], rng())  # without the test run's type checks


# Each step


@pytest.mark.parametrize("cfa", ["RGGB", "BGGR", "GRBG", "GBRG"])
@pytest.mark.parametrize("demosaic", ["bilinear", "vng", "edge"])
def test_demosaicing_puts_colours_where_the_filters_were(cfa: str, demosaic: str) -> None:
    photo = np.full((40, 40, 3), (200, 120, 60), np.uint8)
    taken = shoot(photo, replace(PLAIN, cfa=cfa, demosaic=demosaic), rng())
    np.testing.assert_allclose(taken.astype(int), photo, atol=4)


def test_plain_camera_keeps_a_smooth_photo() -> None:
    ramp = np.linspace(0, 255, 100).astype(np.uint8)
    photo = np.broadcast_to(ramp[None, :, None], (60, 100, 3)).copy()
    taken = shoot(photo, PLAIN, rng())
    np.testing.assert_allclose(taken.astype(int), photo, atol=6)


def test_halving_averages_two_by_two() -> None:
    photo = np.zeros((128, 128, 3), np.uint8)
    photo[::2] = 200
    np.testing.assert_allclose(shoot(photo, PLAIN, rng()).astype(int), 100, atol=3)


@pytest.mark.parametrize("level", [60, 180])
def test_noise_is_that_of_the_sensor(level: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shot noise varies as light x, read noise not at all; both in electrons."""
    monkeypatch.setattr(cameras, "MOST_ISO_STOPS", 0)
    well, read, light = 2000, 20, (level / 255) ** 2.2
    camera = replace(PLAIN, full_well_electrons=well, read_noise_electrons=read)
    raw = cameras._expose(np.full((200, 200), light, np.float32), camera, rng())
    seen = (raw / 255.0) ** 2
    assert seen.mean() == pytest.approx(light, rel=0.02)
    expected = (light / well + (read / well) ** 2) ** 0.5
    assert seen.std() == pytest.approx(expected, rel=0.03)


def test_gain_changes_from_shot_to_shot() -> None:
    photo, camera = np.full((100, 100, 3), 128, np.uint8), replace(PLAIN, full_well_electrons=4_000)
    noise = [float(shoot(photo, camera, rng(seed)).std()) for seed in range(12)]
    assert 1.3 < max(noise) / min(noise) < 2.2


def test_sharpening_and_chroma_denoising(photos: list[np.ndarray]) -> None:
    def detail(camera: Camera) -> np.ndarray:
        taken = cv2.cvtColor(shoot(photos[0], camera, rng()), cv2.COLOR_RGB2YCrCb)
        return np.array([cv2.Laplacian(plane, cv2.CV_32F).std() for plane in cv2.split(taken)])

    plain = detail(PLAIN)
    assert detail(replace(PLAIN, sharpening=1.0))[0] > 1.3 * plain[0]
    quiet = detail(replace(PLAIN, chroma_median_px=5))
    assert (quiet[1:] < 0.7 * plain[1:]).all() and quiet[0] == pytest.approx(plain[0], rel=0.1)


def test_tone_curve_keeps_black_middle_and_white_and_never_falls() -> None:
    for contrast in (-0.05, 0.05):
        curve = cameras._tone_curve(contrast).astype(int)
        assert curve[[0, 255]].tolist() == [0, 255] and (np.diff(curve) >= 0).all()
        shift = curve - cameras._tone_curve(0.0).astype(int)
        assert 1 <= np.abs(shift).max() <= 3 and abs(shift.mean()) < 0.5
        assert np.sign(shift[200]) == np.sign(contrast)


@pytest.mark.parametrize("camera", CAMERAS, ids=NAMES)
def test_picture_was_quantized_by_the_cameras_own_table(
    camera: Camera, photos: list[np.ndarray]
) -> None:
    """Luma's cosine coefficients lie near multiples of the steps, as no other table explains."""
    taken = shoot(photos[1], camera, rng()).astype(np.float32)
    luma = taken @ np.array([0.299, 0.587, 0.114], np.float32) - 128
    table = np.array(quantization_tables(camera)[0]).reshape(8, 8)
    unclipped = ((taken > 8) & (taken < 247)).all(2).reshape(16, 8, 16, 8).all((1, 3))
    blocks = luma.reshape(16, 8, 16, 8).swapaxes(1, 2)[unclipped]
    coefficients = np.stack([cv2.dct(block) for block in blocks])
    coarse = table >= 6  # finer steps drown in the rounding of the pixels
    off = np.abs(coefficients / table - (coefficients / table).round())[:, coarse]
    assert len(blocks) > 50 and np.mean(off) < 0.15  # 0.25 for any other step


def test_tables_reach_the_file_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    monkeypatch.setattr(cameras.io, "BytesIO", lambda: file)
    shoot(np.zeros((16, 16, 3), np.uint8), CAMERAS[3], rng())
    stored = Image.open(file).quantization
    assert [stored[0], stored[1]] == quantization_tables(CAMERAS[3])


# Told apart by traces, not by colour, brightness or size


def trace(image: np.ndarray) -> np.ndarray:
    """How neighbouring residuals go together, and their strength at each 2 x 2 site."""
    residual = image.astype(np.float32) - cv2.blur(image, (3, 3))
    residual = (residual / residual.std((0, 1)))[4:-4, 4:-4]
    lags = ((0, 1), (1, 0), (0, 2), (2, 0), (1, 1), (2, 2))
    h, w = residual.shape[:2]
    near = [(residual[y:, x:] * residual[: h - y, : w - x]).mean((0, 1)) for y, x in lags]
    across = [(residual * np.roll(residual, 1, 2)).mean((0, 1))]
    sites = [np.log((residual[y::2, x::2] ** 2).mean((0, 1))) for y, x in product((0, 1), (0, 1))]
    return np.concatenate([*near, *across, *sites])


def share_told_apart(features: np.ndarray) -> float:
    """Accuracy of 7 nearest neighbours from other photos; features are (photo, camera, value)."""
    photo, camera = np.indices(features.shape[:2]).reshape(2, -1)
    x = features.reshape(len(photo), -1)
    x = (x - x.mean(0)) / x.std(0)
    distance = np.square(x[:, None] - x).sum(2)
    distance[photo[:, None] == photo] = np.inf
    votes = camera[np.argsort(distance, 1)[:, :7]]
    winner = [np.bincount(vote, minlength=len(CAMERAS)).argmax() for vote in votes]
    return float((np.array(winner) == camera).mean())


def test_cameras_differ_by_traces_only(photos: list[np.ndarray]) -> None:
    noise = rng()
    taken = [[shoot(photo, camera, noise) for camera in CAMERAS] for photo in photos]
    colour = np.array([[image.mean((0, 1)) for image in row] for row in taken])
    spread = np.ptp(colour, axis=1)  # grey levels, between any two cameras
    assert spread.mean() < 2 and spread.max() < 5  # dark and noisy colours are clipped at 0
    assert share_told_apart(colour) < 0.25  # chance is 0.1
    assert share_told_apart(np.array([[trace(image) for image in row] for row in taken])) > 0.5
