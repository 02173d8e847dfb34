"""Forward of the released ManTra-Net beside a plain one of the same graph and weights.

Run with ``python benchmarks/mantranet_forward.py --height 768 --width 1024``. The plain form pads
by gathering, averages windows with pooling and convolves [map, hidden] at every step. Each is
timed in a process of its own, so that peak memory can be told apart.
"""

import numpy as np
import torch
import torch.nn.functional as F
from beside import compare
from torch import Tensor

from imdl_lib.papers.mantranet import Config, Model

WINDOWS = (7, 15, 31)


def example() -> Model:
    """The released network with seeded weights."""
    torch.manual_seed(0)
    return Model(Config.released())


def ours(model: Model, image: Tensor) -> Tensor:
    """The library's forward."""
    return model(image.contiguous(memory_format=torch.channels_last)).prob


def plain(model: Model, image: Tensor) -> Tensor:
    """The same graph, operation by operation."""
    return read(model, stacked(model, featex(model, image)))


def mirrored(x: Tensor, pixels: int) -> Tensor:
    """Symmetric padding by gathering rows and columns."""
    rows, columns = (
        np.pad(np.arange(n), pixels, mode="symmetric") for n in (x.shape[2], x.shape[3])
    )
    return x[:, :, torch.from_numpy(rows)][..., torch.from_numpy(columns)]


def featex(model: Model, image: Tensor) -> Tensor:
    """First layer, twelve convolutions, unit length."""
    first, x = model.trace.first, mirrored(2 * image - 1, 2)
    weights = (first.free.weight, first.srm.weight, first.bayar.constrained())
    x = torch.cat([F.conv2d(x, weight) for weight in weights], 1).relu()
    *body, last = model.trace.body[::2]
    for layer in body:
        x = F.conv2d(mirrored(x, 1), layer.weight, layer.bias).relu()
    x = F.conv2d(mirrored(x, 1), last.weight, last.bias)
    return x / x.norm(dim=1, keepdim=True)


def stacked(model: Model, feature: Tensor) -> list[Tensor]:
    """|Z| against windows and the whole image, by average pooling."""
    x = model.adapt(feature)
    x = (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), False, True) + 1e-3).sqrt()
    sigma = torch.maximum(x.std((2, 3), False, True), 1e-6 + model.deviation.floor)
    means = [F.avg_pool2d(x, n, 1, n // 2, count_include_pad=False) for n in WINDOWS]
    return [((mean - x) / sigma).abs() for mean in (*means, x.mean((2, 3), keepdim=True))]


def read(model: Model, sequence: list[Tensor]) -> Tensor:
    """ConvLSTM step by step, then the decision."""
    hidden = cell = torch.zeros(1, 8, *sequence[0].shape[2:])
    for one in sequence:
        i, f, g, o = model.read.gates(torch.cat([one, hidden], 1)).chunk(4, 1)
        i, f, o = ((0.2 * gate + 0.5).clamp(0, 1) for gate in (i, f, o))
        cell = f * cell + i * g.tanh()
        hidden = o * cell.tanh()
    return model.decide(hidden).sigmoid()


WAYS = {"plain": plain, "ours": ours}


if __name__ == "__main__":
    compare(__doc__.splitlines()[0], example, WAYS, (192, 256))
