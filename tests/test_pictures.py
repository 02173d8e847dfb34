"""Arrays behind figures of images: masks over scales, responses, measured shapes."""

import cv2
import numpy as np
import pytest
import torch

from imdl_lib import experiments, pictures, train
from imdl_lib.papers.pscc_net import Config, Model, folded

JOB = experiments.job("pscc_net/released", "quick")


@pytest.fixture
def model(monkeypatch) -> Model:
    """An untrained PSCC-Net in place of whatever is loaded."""
    torch.manual_seed(0)
    made = Model(Config(size_px=32, width=0.25)).eval()
    monkeypatch.setattr(train, "load", lambda job: made)
    return made


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)


def test_masks_over_scales_have_the_images_size(model, images):
    found = pictures.masks_over_scales(JOB, images)
    assert list(found) == ["mask4", "mask3", "mask2", "mask1"]
    assert all(maps.shape == (2, 64, 64) for maps in found.values())
    with torch.no_grad():
        finest = model(train.to_tensor(images)).prob[:, 0].numpy()
    assert np.abs(found["mask1"] - finest).max() < 1e-3


def test_a_response_is_the_row_of_its_pixel_s_place(model, images):
    """Slowly: the place of a pixel is its number within its band of rows."""
    points = np.array([[[0, 0], [63, 63]], [[17, 40], [33, 5]]])
    found = pictures.looks(JOB, images, points)
    assert found["response"].shape == (2, 2, 8, 8)
    seen = []
    sccm = model.masks.getmask3
    sccm.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        model(train.to_tensor(images))
        x = seen[0]
        numbers = torch.arange(64.0).view(1, 1, 8, 8)
        places = folded(numbers, sccm.r)[0]  # which pixels share a place, band by band
        for n in range(2):
            theta, phi = (sccm._rows(part, x[n : n + 1])[0] for part in (sccm.theta, sccm.phi))
            for p, (row, column) in enumerate(points[n] // 8):
                pixel = row * 8 + column
                own = next(i for i in range(16) if pixel in places.flatten(1)[:, i])
                weight = (theta[own] @ phi.T).softmax(-1)
                slow = np.zeros(64)
                for place in range(16):
                    for held in places.flatten(1)[:, place].int():
                        slow[held] = weight[place]
                slow = (slow - slow.min()) / (slow.max() - slow.min())
                assert np.abs(found["response"][n, p].ravel() - slow).max() < 2e-3


def test_channels_before_and_after_attention_are_scaled(model, images):
    found = pictures.looks(JOB, images, np.zeros((2, 3, 2), int))
    for name in ("X", "Y_c"):
        assert found[name].shape == (2, 8, 8)
        assert found[name].min() == 0 and found[name].max() == 1


def test_steps_tell_of_the_modules_that_are_named():
    shown = ("backbone.conv1", "masks.getmask4", "head")
    found = pictures.steps(Model(Config(width=0.25)).eval(), torch.rand(1, 3, 32, 32), shown)
    named = zip(found["part"], found["name"], strict=True)
    assert [a if a == b else f"{a}.{b}" for a, b in named] == list(shown)
    assert found["shape"].tolist() == ["1 x 16 x 32 x 32", "1 x 1 x 32 x 32", "1 x 2"]
    assert (found["parameters"] > 0).all()


@pytest.mark.parametrize("name", ["four_kinds/removal", "choosing", "like_casia"])
def test_the_same_photos_untouched(name):
    forged, before = pictures.forged_and_before(name, 2, 64)
    near = [cv2.dilate(region, np.ones((13, 13))) for region in forged.regions[:]]  # soft borders
    rest = np.stack(near) == 0
    assert rest.any() and np.array_equal(forged.images[:][rest], before.images[:][rest])
    assert not before.regions[:].any() and forged.regions[:].any()


def test_an_outline_is_red_and_two_pixels_wide():
    image, mask = np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9), bool)
    mask[3:6, 3:6] = True
    drawn = pictures.outlined(image, mask)
    assert (drawn[..., 0] == 255).sum() == 25 - 1 and not drawn[..., 1:].any()
