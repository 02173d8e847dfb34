"""PSCC-Net's masks from coarse to fine (sec. IV-E, fig. 10): one number per image and scale."""

from collections.abc import Mapping

from torch import Tensor

from . import metrics
from .backbones.hrnet import resize
from .metrics import PerImage
from .papers.pscc_net import SCALES
from .roc import Masks

COARSER = SCALES[1:]  # the finest mask is the prediction, whose columns every network has
MEASURES = {
    "auc": metrics.pixel_auc_per_image,
    "f1_best_per_image": metrics.pixel_f1_best_per_image,
    "fpr_at_half_recall": metrics.pixel_fpr_at_half_recall,
    "boundary_f1_at_forged_area": metrics.boundary_f1_at_forged_area,
}


def shown(maps: Mapping[str, Tensor]) -> bool:
    """Whether a prediction holds the masks of all scales."""
    return all(f"mask{scale}" in maps for scale in SCALES)


def columns(maps: Mapping[str, Tensor], mask: Masks) -> dict[str, PerImage]:
    """``mask2_auc``, ``mask4_boundary_f1_at_forged_area``, ...: each mask, resized to the image.

    NaN for an authentic image.
    """
    found = {}
    forged = mask.flatten(1).any(1)
    for scale in COARSER:
        prob = resize(maps[f"mask{scale}"], mask.shape[2:]).clamp(0, 1)
        for name, measure in MEASURES.items():
            found[f"mask{scale}_{name}"] = measure(prob, mask).where(forged, float("nan"))
    return found
