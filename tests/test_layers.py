"""Padding against numpy, convolutions against loops, gradients against differences."""

import numpy as np
import pytest
import torch
from torch import nn

from imdl_lib.filters import srm_kernels
from imdl_lib.layers import (
    BayarConv2d,
    SRMConv2d,
    SymmetricConv2d,
    pad_symmetric,
    parameter_count,
)

SIZES = [(1, 1), (1, 4), (3, 1), (2, 2), (5, 7)]


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def padded(image: torch.Tensor, pixels: int) -> np.ndarray:
    edges = [(0, 0), (0, 0), (pixels, pixels), (pixels, pixels)]
    return np.pad(image.detach().numpy(), edges, mode="symmetric")


def correlated(image: torch.Tensor, weight: torch.Tensor) -> np.ndarray:
    """Correlation with symmetric borders, one output value at a time."""
    kernels, reach = weight.detach().numpy(), weight.shape[-1] // 2
    frame = padded(image, reach)
    out = np.zeros((len(image), len(kernels), *image.shape[2:]))
    for b, k, row, column in np.ndindex(out.shape):
        window = frame[b, :, row : row + 2 * reach + 1, column : column + 2 * reach + 1]
        out[b, k, row, column] = (window * kernels[k]).sum()
    return out


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pixels", [0, 1, 2, 3, 6])
def test_padding_is_numpys_symmetric(size, pixels, rng):
    image = torch.rand(2, 3, *size, generator=rng)
    assert np.array_equal(pad_symmetric(image, pixels).numpy(), padded(image, pixels))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pixels", [1, 2])
def test_gradient_of_padding(size, pixels, rng):
    image = torch.rand(2, 2, *size, generator=rng, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: pad_symmetric(x, pixels), image)


def test_gradient_of_padding_counts_how_often_a_pixel_is_used():
    image = torch.zeros(1, 1, 3, 3, requires_grad=True)
    pad_symmetric(image, 1).sum().backward()
    assert image.grad[0, 0].tolist() == [[4, 2, 4], [2, 1, 2], [4, 2, 4]]


@pytest.mark.parametrize("pixels", [1, 2])
def test_padding_takes_any_memory_layout_and_leaves_its_argument(pixels, rng):
    image = torch.rand(2, 3, 4, 5, generator=rng)
    before = image.clone()
    turned = image.contiguous(memory_format=torch.channels_last)
    assert torch.equal(pad_symmetric(turned, pixels), pad_symmetric(image, pixels))
    flipped = image.transpose(2, 3)
    assert np.array_equal(pad_symmetric(flipped, pixels).numpy(), padded(flipped, pixels))
    assert torch.equal(image, before)


@pytest.mark.parametrize("pixels", [1, 2])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_padding_keeps_the_precision(pixels, dtype):
    assert pad_symmetric(torch.ones(1, 1, 2, 2, dtype=dtype), pixels).dtype == dtype


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_symmetric_convolution_against_a_loop(kernel, rng):
    image, layer = torch.rand(2, 3, 5, 4, generator=rng), SymmetricConv2d(3, 2, kernel)
    expected = correlated(image, layer.weight) + layer.bias.detach().numpy()[:, None, None]
    assert np.allclose(layer(image).detach().numpy(), expected, atol=1e-5)


def test_symmetric_convolution_without_bias():
    assert SymmetricConv2d(3, 2, 5, bias=False).bias is None


def test_srm_sums_over_the_colours(rng):
    image = torch.rand(1, 3, 6, 5, generator=rng)
    expected = correlated(image.sum(1, keepdim=True), srm_kernels()[:, None])
    assert np.allclose(SRMConv2d()(image).numpy(), expected, atol=1e-5)


def test_srm_per_channel_goes_kernel_by_kernel_and_in_each_through_the_colours(rng):
    image = torch.rand(1, 3, 6, 5, generator=rng)
    maps = SRMConv2d(per_channel=True)(image)
    assert maps.shape == (1, 9, 6, 5)
    for number in range(9):
        kernel, colour = divmod(number, 3)
        expected = correlated(image[:, [colour]], srm_kernels()[[kernel], None])
        assert np.allclose(maps[:, [number]].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("per_channel", [False, True])
def test_srm_is_fixed_and_stored(per_channel):
    layer = SRMConv2d(per_channel)
    assert parameter_count(layer) == 0
    assert list(layer.state_dict()) == ["weight"]


def test_bayar_kernels_predict_the_centre(rng):
    layer = BayarConv2d(filters=4, kernel=3)
    torch.nn.init.normal_(layer.weight, mean=1, generator=rng)
    kernels = layer.constrained().detach()
    assert kernels.shape == (4, 3, 3, 3)
    assert torch.equal(kernels[..., 1, 1], -torch.ones(4, 3))
    assert torch.allclose(kernels.sum((2, 3)), torch.zeros(4, 3), atol=1e-5)


def test_bayar_by_hand():
    layer = BayarConv2d(filters=1, kernel=3)
    layer.weight.data = torch.arange(1.0, 10).reshape(1, 1, 3, 3).repeat(1, 3, 1, 1)
    kernel = layer.constrained()[0, 2] * 40  # 45 less the centre's 5
    expected = torch.tensor([[1.0, 2, 3], [4, -40, 6], [7, 8, 9]])
    assert torch.allclose(kernel, expected, atol=1e-5)


def test_bayar_against_a_loop_and_nothing_left_of_a_flat_image(rng):
    layer, image = BayarConv2d(), torch.rand(1, 3, 6, 5, generator=rng)
    expected = correlated(image, layer.constrained())
    assert np.allclose(layer(image).detach().numpy(), expected, atol=1e-5)
    assert layer(torch.full((1, 3, 4, 4), 0.7)).abs().max() < 1e-5


def test_bayar_constraint_holds_after_a_step(rng):
    layer, image = BayarConv2d(), torch.rand(1, 3, 6, 5, generator=rng)
    layer(image).square().sum().backward()
    assert (layer.weight.grad != 0).any()
    layer.weight.data -= 0.01 * layer.weight.grad
    assert torch.allclose(layer.constrained().sum((2, 3)), torch.zeros(3, 3), atol=1e-5)


def test_parameter_count_leaves_frozen_weights_out():
    layers = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    assert parameter_count(layers) == 2 * 3 + 3 + 6
    layers[0].weight.requires_grad_(False)
    assert parameter_count(layers) == 3 + 6
