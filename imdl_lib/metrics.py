"""Pixel, set and image metrics; a function's name carries its protocol.

Published "F1" and "AUC" differ by where the threshold comes from, by what is pooled, by who may
flip a map and by which pixels count. Here each choice has its own name:

====================  ========================================================================
``at_half``           a pixel or image is called manipulated where its score is above 0.5
``at_set_eer``        ... where it reaches the score at which the data set's FPR equals its FNR
``at_forged_area``    the highest pixels of an image are called, as many as are manipulated
``at_half_recall``    the highest threshold that finds half of an image's manipulated pixels
``best_per_image``    the best threshold of each image, known only with its ground truth
``best_per_set``      the one best threshold of a data set, known only with its ground truth
``per_image``         one value per image, to be averaged over images by the caller
``pooled``            all pixels of a data set in one count, so large images weigh more
====================  ========================================================================

Arguments that recur: ``prob``, the score in [0, 1] that a pixel is manipulated; ``mask``, True
where it is; ``valid``, False where a pixel does not count (padding, a border band; None = all do).
A result that is 0/0 is NaN, never a number: an image of one class has no AUC, an image without
manipulated pixels has no best F1. Callers drop NaNs and print how many there were.
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from . import roc
from .roc import Maps, Masks, ScoreCounts

CALIBRATION_BINS = 10
TOLERANCE_PX = 3  # how far a predicted border may lie from a true one, along rows and columns
PerImage = Float[Tensor, " B"]
Scores = Float[np.ndarray, " N"]  # image scores in [0, 1]; a column or a list will do
Labels = Bool[np.ndarray, " N"]  # True = manipulated image


# Pixels, image by image


def pixel_f1_at_half(prob: Maps, mask: Masks, valid: Masks | None = None) -> PerImage:
    r"""F1 of each image's manipulated pixels, at threshold 0.5.

    .. math:: F_1 = 2TP / (2TP + FP + FN)

    0 for an authentic image with any false alarm; NaN where mask and prediction are both empty.

    >>> prob, mask = torch.tensor([[[[0.9, 0.9, 0.1]]]]), torch.tensor([[[[True, False, False]]]])
    >>> pixel_f1_at_half(prob, mask)
    tensor([0.6667])
    """
    roc.validate_maps(prob, mask, valid)
    return _f1(*_confusion(prob > 0.5, mask, valid))


def pixel_iou_at_half(prob: Maps, mask: Masks, valid: Masks | None = None) -> PerImage:
    """Intersection over union of each image, TP / (TP + FP + FN), at threshold 0.5.

    NaN where mask and prediction are both empty.
    """
    roc.validate_maps(prob, mask, valid)
    tp, fp, fn = _confusion(prob > 0.5, mask, valid)
    return tp / (tp + fp + fn)


def pixel_f1_at_set_eer(
    prob: Maps, mask: Masks, counts: ScoreCounts, valid: Masks | None = None
) -> PerImage:
    """F1 of each image at the threshold where the data set ``counts`` has FPR = FNR.

    NaN where mask and prediction are both empty, and everywhere if the set has one class only.
    """
    roc.validate_maps(prob, mask, valid)
    threshold_prob = threshold_at_eer(counts)
    if math.isnan(threshold_prob):
        return torch.full((len(prob),), math.nan, device=prob.device)
    return _f1(*_confusion(prob.float() >= threshold_prob, mask, valid))


def pixel_f1_best_per_image(prob: Maps, mask: Masks, valid: Masks | None = None) -> PerImage:
    """Largest F1 that any threshold on the image's own scores gives.

    An upper bound that needs the ground truth; a constant map scores 2r / (1 + r), where r is the
    share of manipulated pixels. NaN for an image without manipulated pixels.
    """
    return _per_image(roc.best_f1, prob, mask, valid)


def pixel_auc_per_image(prob: Maps, mask: Masks, valid: Masks | None = None) -> PerImage:
    """Area under each image's ROC curve: P(forged pixel outscores pristine) + P(they tie) / 2.

    Exact, ties included (Mann-Whitney), from one sort: a constant map has 0.5. NaN where all
    pixels are of one class.

    >>> prob, mask = torch.tensor([[[[0.9, 0.4, 0.4]]]]), torch.tensor([[[[True, True, False]]]])
    >>> pixel_auc_per_image(prob, mask)
    tensor([0.7500])
    """
    return _per_image(roc.auc, prob, mask, valid)


def pixel_fpr_at_half_recall(prob: Maps, mask: Masks, valid: Masks | None = None) -> PerImage:
    """Share of each image's pristine pixels called when half of the manipulated ones are found.

    The highest threshold that reaches them; a constant map has 1. NaN where all pixels are of one
    class.

    >>> prob = torch.tensor([[[[0.9, 0.6, 0.8, 0.1]]]])
    >>> pixel_fpr_at_half_recall(prob, torch.tensor([[[[False, True, False, False]]]]))
    tensor([0.6667])
    """
    return _per_image(partial(roc.fpr_at_tpr, tpr=0.5), prob, mask, valid)


def boundary_f1_at_half(prob: Maps, mask: Masks, tolerance_px: int = TOLERANCE_PX) -> PerImage:
    r"""F1 of each image's borders of regions, at threshold 0.5.

    .. math:: F_1 = 2PR / (P + R)

    P is the share of the predicted border that lies within ``tolerance_px`` of the true one, R
    the share of the true one so near the predicted. A border is the pixels of a region that have
    a neighbour outside it; the frame of the image makes none. 0 where only one of the two has a
    border; NaN where neither has.

    >>> prob, mask = torch.tensor([[[[0.9, 0.9, 0.1]]]]), torch.tensor([[[[True, False, False]]]])
    >>> boundary_f1_at_half(prob, mask, 0), boundary_f1_at_half(prob, mask, 1)
    (tensor([0.]), tensor([1.]))
    """
    roc.validate_maps(prob, mask, None)
    return _boundary_f1(prob > 0.5, mask, tolerance_px)


def boundary_f1_at_forged_area(
    prob: Maps, mask: Masks, tolerance_px: int = TOLERANCE_PX
) -> PerImage:
    """`boundary_f1_at_half` with as many pixels called as are manipulated, the highest.

    It needs the ground truth, and says where borders lie even of a map that never reaches 0.5.
    """
    roc.validate_maps(prob, mask, None)
    return _boundary_f1(highest(prob, mask), mask, tolerance_px)


def calibration_error_per_image(prob: Maps, mask: Masks) -> PerImage:
    """Expected calibration error: |mean score - share forged| over ten bins, by their pixels.

    >>> prob, mask = torch.tensor([[[[0.9, 0.9]]]]), torch.tensor([[[[True, False]]]])
    >>> calibration_error_per_image(prob, mask)
    tensor([0.4000])
    """
    roc.validate_maps(prob, mask, None)
    score = _exact(prob)
    bins = (score * CALIBRATION_BINS).long().clamp(max=CALIBRATION_BINS - 1).flatten(1)
    gap = (score - mask.to(score.dtype)).flatten(1)
    sums = gap.new_zeros(len(gap), CALIBRATION_BINS).scatter_add_(1, bins, gap)
    return (sums.abs().sum(1) / gap.shape[1]).float()


# Pixels, pooled over a data set


def pixel_auc_pooled(counts: ScoreCounts) -> float:
    """Area under the ROC curve of all pixels of a data set; NaN if they are of one class."""
    return roc.auc(counts.positive, counts.negative)


def pixel_f1_best_per_set(counts: ScoreCounts) -> float:
    """Largest F1 of all pixels together that one threshold gives; NaN without forged pixels."""
    return roc.best_f1(counts.positive, counts.negative)


def pixel_f1_at_eer_pooled(counts: ScoreCounts) -> float:
    """F1 of all pixels together where FPR = FNR; NaN if they are of one class."""
    if roc.one_class(counts.positive, counts.negative):
        return math.nan
    level = roc.eer_index(counts.positive, counts.negative)
    tp, fp = counts.positive[level:].sum(), counts.negative[level:].sum()
    return float(2 * tp / (tp + fp + counts.positive.sum()))


def threshold_at_eer(counts: ScoreCounts) -> float:
    """Score from which (>=) pixels are called manipulated so that |FPR - FNR| is least.

    Of two equally good thresholds the higher one; NaN if all pixels are of one class.
    """
    if roc.one_class(counts.positive, counts.negative):
        return math.nan
    return roc.lowest_score(roc.eer_index(counts.positive, counts.negative))


# Images


def image_auc(score: Scores, label: Labels) -> float:
    """Area under the ROC curve over images, ties counted half; NaN if all are of one class.

    >>> image_auc(np.array([0.9, 0.4, 0.4]), np.array([True, True, False]))
    0.75
    """
    return roc.auc(*_image_counts(score, label))


def image_f1_at_half(score: Scores, label: Labels) -> float:
    """F1 of the manipulated images at threshold 0.5; NaN if none is, or is called, manipulated."""
    score, label = roc.validated_images(score, label)
    called = score > 0.5
    return roc.ratio(2 * (called & label).sum(), called.sum() + label.sum())


def image_f1_at_eer(score: Scores, label: Labels) -> float:
    """F1 of the manipulated images at the threshold where FPR = FNR; NaN for one class."""
    positive, negative = _image_counts(score, label)
    if roc.one_class(positive, negative):
        return math.nan
    level = roc.eer_index(positive, negative)
    tp, fp = positive[level:].sum(), negative[level:].sum()
    return float(2 * tp / (tp + fp + positive.sum()))


def image_sensitivity_at_half(score: Scores, label: Labels) -> float:
    """Share of the manipulated images that score above 0.5; NaN if there are none."""
    score, label = roc.validated_images(score, label)
    return roc.ratio((score[label] > 0.5).sum(), label.sum())


def image_specificity_at_half(score: Scores, label: Labels) -> float:
    """Share of the authentic images that score at most 0.5; NaN if there are none."""
    score, label = roc.validated_images(score, label)
    return roc.ratio((score[~label] <= 0.5).sum(), (~label).sum())


def image_eer(score: Scores, label: Labels) -> float:
    """Error rate where FPR = FNR on the ROC curve, joined by straight lines; NaN for one class."""
    return roc.eer(*_image_counts(score, label))


def image_tpr_at_fpr(score: Scores, label: Labels, fpr: float = 0.01) -> float:
    """Largest share of manipulated images found while at most ``fpr`` of the authentic are called.

    With fewer than 1 / ``fpr`` authentic images not one may be called. NaN for one class.
    """
    return roc.tpr_at_fpr(*_image_counts(score, label), fpr)


# Protocol steps before a metric


def negate_when_mostly_forged(prob: Maps, mask: Masks, valid: Masks | None = None) -> Maps:
    """1 - prob for the images of which more than half is manipulated.

    A detector of local anomalies marks the minority (ManTra-Net, section 5). Uses the truth.
    """
    roc.validate_maps(prob, mask, valid)
    valid = torch.ones_like(mask) if valid is None else valid
    forged, counted = (area.flatten(1).count_nonzero(1) for area in (mask & valid, valid))
    return _negate(prob, 2 * forged > counted)


def negate_when_better(
    prob: Maps,
    mask: Masks,
    valid: Masks | None = None,
    metric: Callable[[Maps, Masks, Masks | None], PerImage] = pixel_auc_per_image,
) -> Maps:
    """1 - prob for the images that then score higher by ``metric``: an oracle.

    SPAN's released evaluation does so for F1 and AUC alike; a random map then beats AUC 0.5.
    """
    better = metric(1 - prob, mask, valid) > metric(prob, mask, valid)
    return _negate(prob, better)


def ignore_border(mask: Masks, radius_px: int) -> Masks:
    """``valid`` without the pixels that have the other class within ``radius_px`` (a square).

    >>> ignore_border(torch.tensor([[[[True, True, False, False]]]]), 1)
    tensor([[[[ True, False, False,  True]]]])
    """
    roc.validate_mask(mask)
    return ~_near(torch.cat([mask, ~mask], 1), radius_px).all(1, keepdim=True)


def highest(prob: Maps, mask: Masks) -> Masks:
    """The highest pixels of each map, as many as are manipulated; of equals the first.

    >>> highest(torch.tensor([[[[0.2, 0.4, 0.3]]]]), torch.tensor([[[[True, True, False]]]]))
    tensor([[[[False,  True,  True]]]])
    """
    roc.validate_maps(prob, mask, None)
    ranks = _exact(prob).flatten(1).argsort(dim=1, descending=True, stable=True).argsort(1)
    return (ranks < mask.flatten(1).sum(1, keepdim=True)).view_as(mask)


# Count


def _confusion(called: Tensor, mask: Tensor, valid: Tensor | None) -> tuple[Tensor, ...]:
    """TP, FP and FN of each image, (B,)."""
    if valid is not None:
        called, mask = called & valid, mask & valid
    areas = (called & mask, called, mask)
    tp, n_called, n_mask = (area.flatten(1).count_nonzero(1) for area in areas)
    return tp, n_called - tp, n_mask - tp


def _f1(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return 2 * tp / (2 * tp + fp + fn)


def _near(marked: Bool[Tensor, "B C H W"], radius_px: int) -> Bool[Tensor, "B C H W"]:
    """Pixels that have a marked one within a square."""
    size = 2 * radius_px + 1
    wide = F.max_pool2d(marked.float(), (1, size), 1, (0, radius_px))
    return F.max_pool2d(wide, (size, 1), 1, (radius_px, 0)).bool()


def _boundary_f1(called: Masks, mask: Masks, tolerance_px: int) -> PerImage:
    ours, true = (region & _near(~region, 1) for region in (called, mask))
    near = ours & _near(true, tolerance_px), true & _near(ours, tolerance_px)
    hit, found, n_ours, n_true = (a.flatten(1).sum(1) for a in (*near, ours, true))
    f1 = 2 * hit * found / (hit * n_true + found * n_ours)
    return f1.where(hit > 0, 0.0).where(n_ours + n_true > 0, math.nan)


def _exact(prob: Tensor) -> Tensor:
    """Scores in float32, or in float64 where they are."""
    return prob if prob.dtype == torch.float64 else prob.float()


def _per_image(ratio: Callable, prob: Tensor, mask: Tensor, valid: Tensor | None) -> Tensor:
    """``ratio`` of the positives and negatives at each distinct score, image by image."""
    roc.validate_maps(prob, mask, valid)
    scores, values = _exact(prob.detach()), []
    for index in range(len(scores)):
        keep = ... if valid is None else valid[index]
        score, truth = scores[index][keep].flatten(), mask[index][keep].flatten()
        values.append(ratio(*roc.count_scores(score.cpu().numpy(), truth.cpu().numpy())))
    return torch.tensor(values, dtype=torch.float32, device=prob.device)


def _image_counts(score: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return roc.count_scores(*roc.validated_images(score, label))


def _negate(prob: Tensor, which: Tensor) -> Tensor:
    return torch.where(which[:, None, None, None], 1 - prob, prob)
