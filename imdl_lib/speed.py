"""Times and operations of whole networks, compared in one process; how large attention grows.

A time is the best of a few turns, fp32, on the machine that its record names; of one thread it is
the processor's, so that what else runs there does not count. What holds on every machine are
ratios of times taken in turns, and operations.
"""

import copy
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from .papers import pscc_net

SQUARE = (256, 256)  # height and width of the relative times of PSCC-Net's table V
PHOTO = (768, 1024)  # ManTra-Net, sec. 5.3
FULL_HD = (1080, 1920)  # PSCC-Net, sec. IV-F
ODD_SIZES = ((64, 64), (61, 97), (320, 1024))  # no multiples of anything; larger and smaller


@torch.inference_mode()
def best_seconds(ways: Mapping[str, Callable[[], Any]], turns: int) -> dict[str, float]:
    """The best time of each way; they take turns, so that a busy moment meets all alike."""
    best: dict[str, float] = {}
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    for _ in range(turns):
        for name, way in ways.items():
            began = clock()
            way()
            spent = clock() - began
            best[name] = min(spent, best.get(name, spent))
    return best


def relative_time(
    network: nn.Module, measure: nn.Module, turns: int, size: tuple[int, int] = SQUARE
) -> float:
    """Best time of one forward as a share of another network's."""
    image, ours, theirs = torch.rand(1, 3, *size), network.eval(), measure.eval()
    best = best_seconds({"ours": lambda: ours(image), "theirs": lambda: theirs(image)}, turns)
    return round(best["ours"] / best["theirs"], 3)


def seconds(network: nn.Module, size: tuple[int, int], turns: int) -> float:
    """Best time of one forward of one image."""
    image, ours = torch.rand(1, 3, *size), network.eval()
    return round(best_seconds({"ours": lambda: ours(image)}, turns)["ours"], 2)


@torch.no_grad()
def teraflop(network: nn.Module, size: tuple[int, int]) -> float:
    """Operations of one forward of one image, in 10^12; a multiplication and an addition are two.

    Convolutions and products of matrices alone, as they are written: nothing is computed.
    """
    empty = copy.deepcopy(network).to("meta").eval()
    with FlopCounterMode(display=False) as counter:
        empty(torch.empty(1, 3, *size, device="meta"))
    return round(counter.get_total_flops() / 1e12, 4)


def detection_share(network: nn.Module, size: tuple[int, int], turns: int) -> float:
    """Time of PSCC-Net's score of an image alone, as a share of that of score and masks."""
    image, ours = torch.rand(1, 3, *size), network.eval()

    def score() -> Tensor:
        return ours.head(ours.resampled(ours.backbone(image)))

    best = best_seconds({"score": score, "all": lambda: ours(image)}, turns)
    return round(best["score"] / best["all"], 3)


@torch.no_grad()
def attention_entries(network: pscc_net.Model, size: tuple[int, int]) -> int:
    """Entries of all attention matrices for one image: places squared, channels squared."""
    found: list[int] = []

    def noted(module: pscc_net.SCCM, given: tuple[Tensor, ...]) -> None:
        _, channels, height, width = given[0].shape
        places = height * width // module.r**2
        found.append(places**2 + (channels * module.r**2) ** 2)

    empty = copy.deepcopy(network).to("meta").eval()
    for module in empty.modules():
        if isinstance(module, pscc_net.SCCM):
            module.register_forward_pre_hook(noted)
    empty(torch.empty(1, 3, *size, device="meta"))
    return sum(found)


def fold_is_exact() -> bool:
    """Whether what PSCC-Net folds comes back unaltered, at every scale's fold."""

    def returns(x: Float[Tensor, "B C H W"], r: int) -> bool:
        return torch.equal(pscc_net.unfolded(pscc_net.folded(x, r).flatten(2), x), x)

    return all(returns(torch.rand(2, 3, 4 * r, 8 * r), r) for r in pscc_net.FOLDS)


@torch.inference_mode()
def any_size(network: nn.Module) -> bool:
    """Whether the map of an image of any size has the image's size."""
    maps = (network.eval()(torch.rand(1, 3, *size)).logits for size in ODD_SIZES)
    return all(m.shape[2:] == size for m, size in zip(maps, ODD_SIZES, strict=True))
