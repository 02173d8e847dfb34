"""What is measured of UEN's uncertainties: do they find wrong pixels, where do they gather?

Which pixels are wrong depends on the threshold, and the paper names none. At one half a network
that is sure of nothing calls nothing forged, and what finds its wrong pixels is what finds forged
ones; so there is a second threshold, at which as many pixels are called as are forged.

The entropy of any map that tells forged pixels a little ranks its own errors, without variance or
sampling. So whatever is asked of U^p and of the variance is asked of that plain entropy too: of
sigmoid(mu), the same network's.
"""

from functools import partial

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from . import metrics
from .backbones.hrnet import resize
from .batch import Prediction
from .metrics import PerImage
from .papers.uen import MOST_VARIANCE, expectations
from .roc import Maps, Masks

BORDER_PX = 3  # to each side of a mask's outline


def columns(prediction: Prediction, mask: Masks) -> dict[str, PerImage]:
    """One number per image for each question; NaN where an image has no such pixels.

    At one half: ``coarse_f1_at_half``, ``wrong_auc`` (of U^p for wrong pixels of the coarse map).
    Where as many are called as are forged: ``wrong_auc_matched``; of each kind of error its share
    of all pixels in either map (``coarse_under``, ``refined_under``, ...) and its mean U^p
    (``entropy_under``, ..., ``entropy_right``), and how well U^p tells such pixels from right ones
    (``wrong_auc_under``, ...). Of no threshold: ``coarse_auc``, best F1 and calibration; mean
    variance and U^p ``_inside`` forged regions, at their ``_border``, ``_outside``; how well the
    variance tells regions with their borders from the rest (``object_auc``). What starts with
    ``plain_`` asks the same of the plain entropy.
    """
    names = ("mu", "variance", "entropy")
    maps = {name: resize(prediction.maps[name], mask.shape[2:]) for name in names}
    maps["plain"] = resize(plain_entropy(prediction), mask.shape[2:])
    coarse, refined = maps["mu"].sigmoid(), prediction.prob
    border = ~metrics.ignore_border(mask, BORDER_PX)
    found = {
        "coarse_auc": metrics.pixel_auc_per_image(coarse, mask),
        "coarse_f1_at_half": metrics.pixel_f1_at_half(coarse, mask),
        "coarse_f1_best_per_image": metrics.pixel_f1_best_per_image(coarse, mask),
        "coarse_calibration_error": metrics.calibration_error_per_image(coarse, mask),
        "refined_calibration_error": metrics.calibration_error_per_image(refined, mask),
    }
    found |= _wrong(maps, coarse, mask) | _places(maps, mask, border)
    found |= _mended(maps["entropy"], coarse, refined, mask)
    forged = mask.flatten(1).any(1)  # an authentic image says nothing of how regions are found
    return {name: column.where(forged, torch.nan) for name, column in found.items()}


def plain_entropy(prediction: Prediction) -> Float[Tensor, "B 1 h w"]:
    """Entropy of sigmoid(mu) in bits, at the features' size: U^p (eq. 4) without variance."""
    mu = prediction.maps["mu"].double()  # so that mu and -mu tie
    return expectations(mu, torch.zeros_like(mu), [(0.0, 1.0)]).entropy.float()


def _wrong(maps: dict[str, Maps], coarse: Maps, mask: Masks) -> dict[str, PerImage]:
    """AUC of either entropy for wrong pixels: of both thresholds, and of each kind of error."""
    called, found = metrics.highest(coarse, mask), {}
    right, kinds = called == mask, kinds_of_error(called, mask)
    for prefix, name in (("", "entropy"), ("plain_", "plain")):
        auc = partial(metrics.pixel_auc_per_image, maps[name])
        found[f"{prefix}wrong_auc"] = auc((coarse > 0.5) != mask)
        found[f"{prefix}wrong_auc_matched"] = auc(~right)
        for kind, pixels in kinds.items():
            found[f"{prefix}wrong_auc_{kind}"] = auc(pixels, right | pixels)
    return found


def _places(maps: dict[str, Maps], mask: Masks, border: Masks) -> dict[str, PerImage]:
    """Mean variance and U^p by place, and how well regions with their borders are told."""
    found, variance = {}, maps["variance"] / MOST_VARIANCE  # an AUC is of scores in [0, 1]
    for prefix, values in (("", variance), ("plain_", maps["plain"])):
        found[f"{prefix}object_auc"] = metrics.pixel_auc_per_image(values, mask | border)
    places = {"inside": mask & ~border, "border": border, "outside": ~(mask | border)}
    for name in ("variance", "entropy"):
        found |= {f"{name}_{place}": _mean(maps[name], where) for place, where in places.items()}
    return found


def _mended(entropy: Maps, coarse: Maps, refined: Maps, mask: Masks) -> dict[str, PerImage]:
    """Share of each kind of error in either map, and its mean U^p in the coarse one."""
    before, after = (metrics.highest(prob, mask) for prob in (coarse, refined))
    found, left = {"entropy_right": _mean(entropy, before == mask)}, kinds_of_error(after, mask)
    for name, pixels in kinds_of_error(before, mask).items():
        found[f"entropy_{name}"] = _mean(entropy, pixels)
        found[f"coarse_{name}"] = pixels.float().mean((1, 2, 3))
        found[f"refined_{name}"] = left[name].float().mean((1, 2, 3))
    return found


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
