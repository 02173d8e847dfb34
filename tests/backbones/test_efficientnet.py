"""The pip-shipped EfficientNet-Lite0: what it recognises, and its borders."""

import pytest
import torch
from skimage import data

from imdl_lib.backbones.efficientnet import (
    CHANNELS_S16,
    EdgeConv2d,
    features_s16,
    lite0,
    repeat_edges,
    scaled,
)

CATS = {281, 282, 285}  # ImageNet's tabby, tiger and Egyptian cat


def picture(photo):
    return torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255


@torch.inference_mode()
@pytest.mark.parametrize("change", [lambda network: network, repeat_edges])
def test_a_cat_is_a_cat(change):
    said = change(lite0())(scaled(picture(data.chelsea())))
    assert set(said.topk(3).indices[0].tolist()) == CATS


def test_grey_levels_are_scaled_as_in_training():
    levels = scaled(torch.tensor([0.0, 127 / 255, 1.0]).expand(1, 3, 1, 3))
    assert levels[0, 0, 0].tolist() == pytest.approx([-127 / 128, 0, 1], abs=1e-6)


@torch.inference_mode()
@pytest.mark.parametrize(("side", "cells"), [(1, 1), (16, 1), (17, 2), (64, 4)])
def test_features_have_a_stride_of_16(side, cells):
    found = features_s16(repeat_edges(lite0()), torch.rand(1, 3, side, side))
    assert found.shape == (1, CHANNELS_S16, cells, cells)


@torch.inference_mode()
def test_repeated_edges_show_no_frame():
    grey = torch.full((1, 3, 96, 80), 0.4)
    with_zeros, repeated = (features_s16(n, grey) for n in (lite0(), repeat_edges(lite0())))
    assert (with_zeros - with_zeros[..., :1, :1]).abs().max() > 0.1
    assert (repeated - repeated[..., :1, :1]).abs().max() < 1e-3


@torch.inference_mode()
@pytest.mark.parametrize(("kernel", "stride", "side"), [(3, 1, 9), (3, 2, 10), (5, 2, 11)])
def test_an_edge_convolution_is_that_of_an_image_with_repeated_edges(kernel, stride, side):
    """TensorFlow's ``same``: the output's size is the input's by the stride, rounded up."""
    conv = EdgeConv2d(2, 3, kernel, stride=stride, bias=False)
    image = torch.rand(1, 2, side, side)
    cells = -(-side // stride)
    total = (cells - 1) * stride + kernel - side
    index = (torch.arange(total + side) - total // 2).clamp(0, side - 1)
    wide = image[:, :, index][..., index]
    plain = torch.nn.functional.conv2d(wide, conv.weight, stride=stride)
    assert plain.shape[2:] == (cells, cells)
    assert torch.allclose(conv(image), plain, atol=1e-6)
