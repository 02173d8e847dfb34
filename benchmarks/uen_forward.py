"""Forward of UEN with samples taken one by one beside all at once, and with quadrature.

Run with ``python benchmarks/uen_forward.py``; the default is one image of the size that the paper
trains on. The plain form holds a copy of the logits for every sample.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from beside import compare
from torch import Tensor

from imdl_lib.papers import uen


def example() -> uen.Model:
    """UEN on the vanilla base at full width with seeded weights."""
    torch.manual_seed(0)
    return uen.Model(uen.Config(), uen.Vanilla())


def plain(model: uen.Model, image: Tensor) -> Tensor:
    """All samples at once."""
    uen.expectations = _stacked
    return model(image).maps["entropy"]


def _stacked(mu: Tensor, variance: Tensor, draws: Iterable[uen.Draw]) -> uen.Expectations:
    z = mu + variance.sqrt() * torch.stack([noise for noise, _ in draws])
    p = z.sigmoid()
    entropy = (F.softplus(z) - z * p) / math.log(2)
    return uen.Expectations(entropy.mean(0), p.mean(0), (-z).sigmoid().mean(0))


def ours(model: uen.Model, image: Tensor, **changes: int) -> Tensor:
    """The library's forward, its sampling changed."""
    model.config = replace(model.config, **changes)
    return model(image).maps["entropy"]


WAYS = {
    "plain, 100": plain,
    "ours, 100": ours,
    "T = 25": partial(ours, samples=25),
    "T = 200": partial(ours, samples=200),
    "16 nodes": partial(ours, nodes=16),
}


if __name__ == "__main__":
    compare(__doc__.splitlines()[0], example, WAYS, (512, 512))
