"""What is measured of UEN's uncertainties: do they find wrong pixels, where do they gather?

Which pixels are wrong depends on the threshold, and the paper names none. At one half a network
that is sure of nothing calls nothing forged, and what finds its wrong pixels is what finds forged
ones; so there is a second threshold, at which as many pixels are called as are forged.
"""

import cv2
import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from . import metrics
from .backbones.hrnet import resize
from .batch import Prediction
from .metrics import PerImage
from .roc import Maps, Masks

BORDER_PX = 3  # to each side of a mask's outline


def columns(prediction: Prediction, mask: Masks) -> dict[str, PerImage]:
    """One number per image for each question; NaN where an image has no such pixels.

    At one half: ``coarse_f1_at_half``, ``wrong_auc`` (of U^p for wrong pixels of the coarse map).
    Where as many are called as are forged: ``wrong_auc_matched``; of each kind of error its share
    of all pixels in either map (``coarse_under``, ``refined_under``, ...) and its mean U^p
    (``entropy_under``, ..., ``entropy_right``). Of no threshold: ``coarse_auc``, best F1 and
    calibration; mean variance and U^p ``_inside`` forged regions, at their ``_border``,
    ``_outside``.
    """
    names = ("mu", "variance", "entropy")
    maps = {name: resize(prediction.maps[name], mask.shape[2:]) for name in names}
    coarse, refined = maps["mu"].sigmoid(), prediction.prob
    called = highest(coarse, mask)
    errors, left = (kinds_of_error(highest(prob, mask), mask) for prob in (coarse, refined))
    border = ~metrics.ignore_border(mask, BORDER_PX)
    found = {
        "coarse_auc": metrics.pixel_auc_per_image(coarse, mask),
        "coarse_f1_at_half": metrics.pixel_f1_at_half(coarse, mask),
        "coarse_f1_best_per_image": metrics.pixel_f1_best_per_image(coarse, mask),
        "wrong_auc": metrics.pixel_auc_per_image(maps["entropy"], (coarse > 0.5) != mask),
        "wrong_auc_matched": metrics.pixel_auc_per_image(maps["entropy"], called != mask),
        "coarse_calibration_error": metrics.calibration_error_per_image(coarse, mask),
        "refined_calibration_error": metrics.calibration_error_per_image(refined, mask),
    }
    for name in ("variance", "entropy"):
        found[f"{name}_inside"] = _mean(maps[name], mask & ~border)
        found[f"{name}_border"] = _mean(maps[name], border)
        found[f"{name}_outside"] = _mean(maps[name], ~(mask | border))
    for name, pixels in errors.items():
        found[f"entropy_{name}"] = _mean(maps["entropy"], pixels)
        found[f"coarse_{name}"] = pixels.float().mean((1, 2, 3))
        found[f"refined_{name}"] = left[name].float().mean((1, 2, 3))
    found["entropy_right"] = _mean(maps["entropy"], called == mask)
    forged = mask.flatten(1).any(1)  # an authentic image says nothing of how regions are found
    return {name: column.where(forged, torch.nan) for name, column in found.items()}


def highest(prob: Maps, mask: Masks) -> Masks:
    """The highest pixels of each map, as many as are forged; of equals the first."""
    ranks = prob.flatten(1).argsort(dim=1, descending=True, stable=True).argsort(1)
    return (ranks < mask.flatten(1).sum(1, keepdim=True)).view_as(mask)


def kinds_of_error(called: Masks, mask: Masks) -> dict[str, Masks]:
    """Wrong pixels: missed ones, false ones that hang together with a hit, and other false ones.

    Sec. 4.4 calls them under-, over- and phantom-segmentation.
    """
    over = torch.from_numpy(np.stack([_hanging(c, m) for c, m in zip(called, mask, strict=True)]))
    false = called & ~mask
    return {"under": ~called & mask, "over": false & over, "phantom": false & ~over}


def _hanging(called: Bool[Tensor, "1 H W"], mask: Bool[Tensor, "1 H W"]) -> np.ndarray:
    """Called pixels in one piece with a forged one that was called too."""
    _, pieces = cv2.connectedComponents(called[0].numpy().astype(np.uint8))
    hit = np.unique(pieces[(called & mask)[0].numpy()])
    return np.isin(pieces, hit)[None]


def _mean(values: Maps, where: Masks) -> PerImage:
    """Mean over chosen pixels of each image; NaN where none is."""
    total = (values * where).flatten(1).sum(1)
    return total / where.flatten(1).sum(1)
