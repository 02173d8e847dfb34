"""Forward of the released PSCC-Net beside a plain one of the same graph and weights.

Run with ``python benchmarks/pscc_forward.py``; the default is one 1080p image. The plain form
normalises in a pass of its own, keeps all of the stem at full size, and holds whole attention
matrices.
"""

import torch
import torch.nn.functional as F
from beside import compare
from torch import Tensor, nn

from imdl_lib.backbones.hrnet import HRNet
from imdl_lib.layers import ConvNorm
from imdl_lib.papers.pscc_net import SCCM, Config, Model, unfolded


def example() -> Model:
    """The released network with seeded weights."""
    torch.manual_seed(0)
    return Model(Config.released())


def ours(model: Model, image: Tensor) -> Tensor:
    """The library's forward."""
    model.to(memory_format=torch.channels_last)
    return model(image.contiguous(memory_format=torch.channels_last)).prob


def ours_bf16(model: Model, image: Tensor) -> Tensor:
    """The same with convolutions and attention in bfloat16."""
    with torch.autocast("cpu", torch.bfloat16):
        return ours(model, image)


def until_mask_4(model: Model, image: Tensor) -> Tensor:
    """The library's forward that stops after the coarsest mask; its map is another one."""
    model.masks.config = Config(scrambled=True, last_scale=4)
    model.config = model.masks.config
    return ours(model, image)


def plain(model: Model, image: Tensor) -> Tensor:
    """The same graph, operation by operation."""
    ConvNorm.forward = lambda layer, x: _relu(layer, nn.Sequential.forward(layer, x))
    HRNet._stem_in_strips = HRNet.stem
    SCCM.spatial = _spatial
    return model(image).prob


def _relu(layer: ConvNorm, x: Tensor) -> Tensor:
    return F.relu(x) if layer.relu else x


def _spatial(sccm: SCCM, x: Tensor) -> Tensor:
    theta, phi, g = (sccm._rows(part, x) for part in (sccm.theta, sccm.phi, sccm.g))
    return unfolded(((theta @ phi.mT).softmax(-1) @ g).mT, x)


WAYS = {"plain": plain, "ours": ours, "ours, bf16": ours_bf16, "until mask 4": until_mask_4}


if __name__ == "__main__":
    compare(__doc__.splitlines()[0], example, WAYS, (1080, 1920))
