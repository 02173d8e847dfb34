"""Each blind control by hand, on any size, and on images that show nothing."""

import numpy as np
import pytest
import torch

from imdl_lib.backbones import efficientnet
from imdl_lib.baselines import blind

LOOKING = {name: control for name, control in blind.CONTROLS.items() if name != "centre"}
EVERY = pytest.mark.parametrize("control", blind.CONTROLS.values(), ids=blind.CONTROLS)
EVERY_LOOKING = pytest.mark.parametrize("control", LOOKING.values(), ids=LOOKING)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def grey(values):
    return np.repeat(np.asarray(values, np.uint8)[..., None], 3, 2)


# By hand


def test_the_centre_of_three_pixels():
    score = blind.centre(noise(1, 3))
    assert score == pytest.approx(np.array([[1 - 2**0.5 / 3, 1, 1 - 2**0.5 / 3]]), abs=1e-6)


def test_the_centre_scales_each_axis_by_its_side():
    wide, tall = blind.centre(noise(20, 80)), blind.centre(noise(80, 20))
    assert wide.T == pytest.approx(tall, abs=1e-6)
    assert wide[0, 0] == pytest.approx(1 - 2**0.5 * np.hypot(0.475, 0.49375), abs=1e-6)
    assert wide[9, 0] < wide[0, 39]  # as far in shares of the side, half a pixel apart


def test_the_deviation_of_a_window_that_is_a_third_bright():
    values = np.zeros((9, 9))
    values[:3] = 90
    expected = np.log1p(90 * np.sqrt(2) / 3) / np.log1p(127.5)
    assert blind.deviation(grey(values))[4, 4] == pytest.approx(expected, abs=1e-6)


def test_the_energy_of_a_bright_pixel():
    """The residual of a pixel of 40 has the squares 4 * 10^2 + 4 * 20^2 + 40^2 = 3600."""
    values = np.zeros((33, 33))
    values[16, 16] = 40
    score = blind.high_pass(grey(values))
    assert score[16, 16] == pytest.approx(np.log1p(60 / 9) / np.log1p(510), abs=1e-6)
    one_row = np.log1p(np.sqrt(10**2 + 20**2 + 10**2) / 9) / np.log1p(510)
    assert score[11, 16] == pytest.approx(one_row, abs=1e-6)  # the window's edge touches it
    assert score[10, 16] == 0


def test_a_pixel_stands_out_as_the_gaussian_that_smooths_it():
    """All frequencies of a single pixel are alike, so nothing but the pixel is a residual."""
    values = np.zeros((64, 64))
    values[20, 30] = 255
    score = blind.saliency(grey(values))
    assert score[20, 30] == pytest.approx(1, abs=1e-5)
    assert score[20, 35] == pytest.approx(np.exp(-2), abs=1e-3)
    assert score[23, 34] == pytest.approx(np.exp(-2), abs=1e-3)


def test_the_energy_of_features(monkeypatch):
    two_places = torch.tensor([[[[3.0, 1.0]], [[4.0, 0.0]]]])  # 1 2 1 2
    monkeypatch.setattr(efficientnet, "features_s16", lambda network, image: two_places)
    assert blind.features(noise(1, 4)) == pytest.approx(np.array([[1, 0.75, 0.25, 0]]))


@pytest.mark.parametrize(
    ("control", "inverse"),
    [
        (blind.deviation, blind.inverse_deviation),
        (blind.high_pass, blind.inverse_high_pass),
    ],
)
def test_an_inverse_completes_its_control(control, inverse):
    image = noise(40, 50)
    assert control(image) + inverse(image) == pytest.approx(1)
    assert np.ptp(control(image)) > 0.01


def test_the_mean_of_two_masks():
    model, masks = blind.MeanMask(), np.zeros((2, 32, 32), np.uint8)
    masks[0, :, :16] = 1
    masks[1, :16] = 2
    model.fit(masks)
    quadrants = np.array([[1, 0.5], [0.5, 0]]).repeat(8, 0).repeat(8, 1)
    prediction = model(torch.rand(2, 3, 16, 16))
    assert prediction.prob.shape == (2, 1, 16, 16)
    assert prediction.prob[1, 0].numpy() == pytest.approx(quadrants)
    assert prediction.score.numpy() == pytest.approx([0.5, 0.5])
    assert model(torch.rand(1, 3, 160, 80)).prob[0, 0, 40, 60] == pytest.approx(0.5)


def test_masks_of_any_size_share_one_grid():
    """Half of the frame each: a wide mask's left half, a tall one's upper half."""
    wide, tall = np.zeros((40, 160), bool), np.zeros((96, 32), np.uint8)
    wide[:, :80] = True
    tall[:48] = 3
    quadrants = np.array([[1, 0.5], [0.5, 0]]).repeat(8, 0).repeat(8, 1)
    assert blind.forged_rates(iter([wide, tall])) == pytest.approx(quadrants)
    cell = np.zeros((160, 160), bool)
    cell[10:15, 25] = True
    assert blind.forged_rates([cell])[1, 2] == pytest.approx(0.05)


# Against loops


def test_window_sums_are_those_of_a_loop():
    image = noise(12, 15)
    values = np.array([[int(v) for v in row] for row in blind._grey(image)], float)
    padded = np.pad(values, 5, mode="symmetric")
    kernel = np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]) / 4
    residual = np.zeros_like(values)
    for i in range(12):
        for j in range(15):
            residual[i, j] = (padded[i + 4 : i + 7, j + 4 : j + 7] * kernel).sum()
    around = np.pad(residual, 4, mode="symmetric")
    for i, j in ((0, 0), (3, 14), (11, 7)):
        spread = padded[i + 1 : i + 10, j + 1 : j + 10].std()
        assert blind.deviation(image)[i, j] == pytest.approx(np.log1p(spread) / np.log1p(127.5))
        energy = (around[i : i + 9, j : j + 9] ** 2).mean()
        expected = np.log1p(np.sqrt(energy)) / np.log1p(510)
        assert blind.high_pass(image)[i, j] == pytest.approx(expected)


# What every control keeps


@EVERY
@pytest.mark.parametrize("height, width", [(1, 1), (1, 9), (7, 2), (17, 33), (70, 130)])
def test_any_size_gives_a_map_in_range(control, height, width):
    for image in (noise(height, width), noise(height, width) // 254 * 255):
        score = control(image)
        assert score.shape == (height, width) and score.dtype == np.float32
        assert score.min() >= 0 and score.max() <= 1


@EVERY_LOOKING
@pytest.mark.parametrize("level", [0, 77, 255])
@pytest.mark.parametrize("height, width", [(1, 1), (5, 40), (123, 97)])
def test_a_constant_image_gives_a_constant_map(control, level, height, width):
    score = control(np.full((height, width, 3), level, np.uint8))
    assert np.ptp(score) == 0 and 0 <= score[0, 0] <= 1


@EVERY_LOOKING
def test_the_map_follows_what_it_measures(control):
    """A textured patch, wherever it lies; evenness and smoothness mark the rest."""
    for top, left in ((10, 20), (90, 60)):
        image = grey(np.full((160, 160), 120))
        image[top : top + 32, left : left + 32] = noise(32, 32)
        inside = np.zeros((160, 160), bool)
        inside[top : top + 32, left : left + 32] = True
        score = control(image)
        darker = control in (blind.inverse_deviation, blind.inverse_high_pass)
        assert (score[inside].mean() > score[~inside].mean()) != darker


def test_features_do_not_depend_on_autocast():
    image = noise(48, 48)
    with torch.autocast("cpu", torch.bfloat16):
        under = blind.features(image)
    assert (under == blind.features(image)).all()
