"""Where PSCC-Net's correlation module looks, as maps and as rows (sec. IV-D, fig. 9)."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from .forge import ForgedSet
from .papers.pscc_net import SCCM, Model
from .train import device_of, to_tensor

SET = "copies"  # the stand-in whose copies' sources are known
SCALE = 3  # the mask whose correlations the paper shows
COPY, SOURCE = 1, 2  # regions of that stand-in


def sccm(model: Model) -> SCCM:
    """The correlation module at ``SCALE``."""
    return model.masks.get_submodule(f"getmask{SCALE}")


@torch.no_grad()
def gated(model: Model, images: UInt8[np.ndarray, "B H W 3"]) -> Float[Tensor, "B C h w"]:
    """What that module is given: X, the features under the coarser mask."""
    seen: list[Tensor] = []
    handle = sccm(model).register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(to_tensor(images).to(device_of(model)))
    handle.remove()
    return seen[0]


@torch.no_grad()
def response(module: SCCM, x: Float[Tensor, "1 C h w"]) -> Float[Tensor, "N N"]:
    """How much each pixel of X looks at every other; 1 where it looks at all of them alike.

    A place of the folded map stands for one pixel of each band of rows.
    """
    pixels = x.shape[2] * x.shape[3]
    place = torch.arange(pixels) % (pixels // module.r**2)
    found = module.response(x, torch.arange(pixels // module.r**2))[0].cpu()
    return (found * len(found))[place][:, place]


def score(model: Model, forged: ForgedSet) -> list[dict[str, Any]]:
    """Rows of the set: mean responses, and how far X and Y_c set the region off.

    A pristine image is scored under the region of the copy-move before it.
    """
    rows = []
    for index in range(len(forged)):
        x = gated(model, np.array(forged.images[index])[None])
        regions = np.array(forged.regions[index])
        row = {"image": f"{index:05d}", "kind": forged.kind(index)}
        row["forged_share"] = float((regions == COPY).mean())
        rows.append(row | _responses(response(sccm(model), x), regions, x.shape[2:]))
        shown = regions if regions.any() else np.array(forged.regions[index - 1])
        region = _at(shown == COPY, x.shape[2:])
        rows[-1] |= {
            "contrast_x": _contrast(x[0], region),
            "contrast_y": _contrast(sccm(model).channelwise(x)[0], region),
        }
    return rows


def _responses(
    looks: Float[Tensor, "N N"], regions: UInt8[np.ndarray, "H W"], size: torch.Size
) -> dict[str, float]:
    copy, source = (_at(regions == number, size).flatten() for number in (COPY, SOURCE))
    pristine = ~copy
    peak = looks.amax(1)
    return {
        "copy_at_copy": float(looks[copy][:, copy].mean()),
        "copy_at_rest": float(looks[copy][:, pristine & ~source].mean()),
        "copy_at_source": float(looks[copy][:, source].mean()),
        "rest_at_copy": float(looks[pristine][:, copy].mean()),
        "rest_at_source": float(looks[pristine][:, source].mean()),
        "copy_peak": float(peak[copy].mean()),
        "rest_peak": float(peak[pristine].mean()),
    }


def _at(mask: Bool[np.ndarray, "H W"], size: torch.Size) -> Bool[Tensor, "h w"]:
    """A mask at the size of features: where it holds over half of a cell."""
    return F.adaptive_avg_pool2d(torch.from_numpy(mask.astype(np.float32))[None], size)[0] > 0.5


def _contrast(x: Float[Tensor, "C h w"], region: Bool[Tensor, "h w"]) -> float:
    """Distance of a region's mean from the rest's in deviations, mean over varying channels."""
    x = x.detach().cpu().flatten(1).float()
    inside = region.flatten()
    deviation = x.std(1)
    gap = (x[:, inside].mean(1) - x[:, ~inside].mean(1)).abs() / deviation.clamp(min=1e-12)
    return float(gap[deviation > 1e-6].mean())
