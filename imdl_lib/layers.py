"""Neural blocks that more than one paper uses: symmetric padding, SRM and Bayar convolutions."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from .errors import WeightsError
from .filters import srm_kernels


def pad_symmetric(image: Float[Tensor, "B C H W"], pixels: int) -> Float[Tensor, "B C h w"]:
    """Mirror ``pixels`` on each side, edge pixel included; any height and width from 1 up.

    >>> pad_symmetric(torch.tensor([[[[1.0, 2.0, 3.0]]]]), 2)[0, 0, 2]
    tensor([2., 1., 1., 2., 3., 3., 2.])
    """
    if pixels == 1:
        return _PadOne.apply(image)
    rows, columns = (_mirrored(n, pixels, image.device) for n in image.shape[2:])
    return image.index_select(2, rows).index_select(3, columns)


class _PadOne(torch.autograd.Function):
    """Repeat the edge pixels: half the time of ``F.pad``, which also leaves bf16 under autocast."""

    @staticmethod
    def forward(context: Any, image: Tensor) -> Tensor:
        batch, channels, height, width = image.shape
        out = torch.empty(
            (batch, channels, height + 2, width + 2),
            dtype=image.dtype,
            device=image.device,
            memory_format=torch.channels_last,
        )
        out[:, :, 1:-1, 1:-1] = image
        out[:, :, 0, 1:-1], out[:, :, -1, 1:-1] = image[:, :, 0], image[:, :, -1]
        out[..., 0], out[..., -1] = out[..., 1], out[..., -2]
        return out

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        inner = gradient[:, :, 1:-1].clone()
        inner[:, :, 0] += gradient[:, :, 0]
        inner[:, :, -1] += gradient[:, :, -1]
        out = inner[..., 1:-1].contiguous(memory_format=torch.channels_last)
        out[..., 0] += inner[..., 0]
        out[..., -1] += inner[..., -1]
        return out


def _mirrored(size: int, pixels: int, device: torch.device) -> Tensor:
    """Source index of each padded position: a triangle wave that repeats the ends."""
    index = torch.arange(-pixels, size + pixels, device=device) % (2 * size)
    return torch.minimum(index, 2 * size - 1 - index)


class SymmetricConv2d(nn.Conv2d):
    """A convolution of odd kernel and size-keeping symmetric padding."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, bias: bool = True) -> None:
        super().__init__(channels_in, channels_out, kernel, bias=bias)

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        """The convolution at every pixel."""
        return super().forward(pad_symmetric(image, self.kernel_size[0] // 2))


def glorot(module: nn.Module) -> None:
    """Glorot uniform weights and zero biases, Keras' defaults; for ``model.apply(glorot)``.

    Under torch's own defaults the signal of a plain network of 11 or 14 convolutions dies out:
    all pixels of all images get the same feature. Glorot and Bengio, AISTATS 2010, eq. 16.
    """
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class ConvNorm(nn.Sequential):
    """A convolution without bias, batch normalisation and a ReLU or none.

    Outside training the normalisation is folded into the convolution: one pass over memory
    instead of three.
    """

    def __init__(
        self,
        channels_in: int,
        channels: int,
        kernel: int,
        stride: int = 1,
        relu: bool = True,
        bias: bool = False,
    ) -> None:
        convolution = nn.Conv2d(channels_in, channels, kernel, stride, kernel // 2, bias=bias)
        super().__init__(convolution, nn.BatchNorm2d(channels))
        self.relu = relu

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        """The normalised convolution."""
        y = super().forward(x) if self.training else self._folded(x)
        return F.relu(y, inplace=True) if self.relu else y

    def _folded(self, x: Tensor) -> Tensor:
        convolution, norm = self
        scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
        shift = norm.bias - norm.running_mean * scale
        if convolution.bias is not None:
            shift = shift + convolution.bias * scale
        weight = convolution.weight * scale[:, None, None, None]
        return F.conv2d(x, weight, shift, convolution.stride, convolution.padding)


class SRMConv2d(nn.Module):
    """The three SRM kernels, fixed: summed over RGB (3 maps), or one by one (9 maps)."""

    def __init__(self, per_channel: bool = False) -> None:
        super().__init__()
        kernels = srm_kernels()
        weight = kernels[:, None].repeat(1, 3, 1, 1)
        if per_channel:
            weight = torch.einsum("kij,cd->kcdij", kernels, torch.eye(3)).flatten(0, 1)
        self.register_buffer("weight", weight)

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K H W"]:
        """Noise residuals at every pixel."""
        return F.conv2d(pad_symmetric(image, 2), self.weight.to(image.dtype))


class BayarConv2d(nn.Module):
    """A constrained convolution: the centre is -1, the rest of each kernel sums to 1.

    It predicts a pixel from its neighbours and keeps the error. Bayar and Stamm, TIFS 2018,
    eq. 7. Kernels are constrained per input channel, anew at each use.
    """

    def __init__(self, filters: int = 3, kernel: int = 5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(filters, 3, kernel, kernel))
        others = torch.ones(kernel, kernel)
        others[kernel // 2, kernel // 2] = 0
        self.register_buffer("others", others, persistent=False)

    def constrained(self) -> Float[Tensor, "K 3 k k"]:
        """The kernels that are applied."""
        weight = self.weight * self.others
        return weight / (weight.sum((2, 3), keepdim=True) + 1e-7) - (1 - self.others)

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K H W"]:
        """Prediction errors at every pixel."""
        pixels = self.weight.shape[-1] // 2
        return F.conv2d(pad_symmetric(image, pixels), self.constrained().to(image.dtype))


def require_tensors(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], whose: str, remedy: str
) -> None:
    """Compare names and shapes of published weights with those of a network.

    Raises:
        WeightsError: a tensor is missing, odd or of another shape.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in wanted.items()}
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    for name in [*expected, *sorted(found)]:
        shape, got = expected.get(name, "nothing"), found.get(name, "absent")
        if got != shape:
            raise WeightsError(
                f"These are not {whose} weights: {name} is {got}, expected {shape}. {remedy}"
            )


def parameter_count(module: nn.Module) -> int:
    """Number of trainable weights.

    >>> parameter_count(nn.Conv2d(3, 16, 3))
    448
    """
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
