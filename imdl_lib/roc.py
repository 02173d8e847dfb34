"""Counting and ratios behind the metrics: how scores of the two classes order.

Everything here works on ``positive`` and ``negative``, the numbers of manipulated and pristine
pixels (or images) at each score, from the lowest score up. They come from ``count_scores``, one
entry per distinct score, or from a fixed set of 65536 levels that needs no memory for the scores.
Thresholds are reached, not passed: what scores at least the threshold is called manipulated.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64, Int32, Int64
from torch import Tensor

from .errors import ShapeError

Maps = Float[Tensor, "B 1 H W"]  # scores in [0, 1]
Masks = Bool[Tensor, "B 1 H W"]
Counts = Int64[np.ndarray, " S"]

LEVELS = 65536
_SMALLEST = 94 << 23  # bits of the float32 2**-33, from which 32 octaves of 1024 levels reach 1/2
_STEP_BITS = 13  # 23 bits of mantissa less 10
_CHUNK = 1 << 19  # pixels whose intermediate results stay in a processor's cache


# Validate


def validate_maps(prob: object, mask: object, valid: object) -> None:
    """Raise ShapeError unless all are (B, 1, H, W), mask and valid bool, and prob in [0, 1].

    Of ``prob`` only what is valid has to be; ``valid`` is None where everything is.
    """
    for name, tensor in (("score map", prob), ("mask", mask), ("valid map", valid)):
        if tensor is not None or name != "valid map":
            _validate_axes(name, tensor)
    if not prob.is_floating_point():
        raise ShapeError(
            f"The score map holds {prob.dtype}. Expected floats in [0, 1]. "
            "Convert it with .float()."
        )
    for name, tensor in (("mask", mask), ("valid map", valid)):
        if tensor is not None and (tensor.dtype != torch.bool or tensor.shape != prob.shape):
            raise ShapeError(
                f"The {name} is {tensor.dtype} {tuple(tensor.shape)} but the scores are "
                f"{tuple(prob.shape)}. Expected torch.bool of the same shape. Resize the scores "
                "to the mask, or threshold the mask."
            )
    counted = prob if valid is None else prob[valid]
    if counted.numel():
        _validate_range(*counted.aminmax())


def validate_mask(mask: object) -> None:
    """Raise ShapeError unless ``mask`` is bool (B, 1, H, W)."""
    _validate_axes("mask", mask)
    if mask.dtype != torch.bool:
        raise ShapeError(
            f"The mask holds {mask.dtype}. Expected torch.bool, True = manipulated. Threshold it."
        )


def _validate_axes(name: str, tensor: object) -> None:
    """One map of H x W would otherwise be taken for H images of one row."""
    if not isinstance(tensor, Tensor):
        kind = f"{type(tensor).__module__.partition('.')[0]}.{type(tensor).__name__}"
        raise ShapeError(
            f"The {name} is a {kind}. Expected a torch tensor of the shape (B, 1, H, W). "
            "Convert it, for example with torch.from_numpy."
        )
    if tensor.ndim != 4 or tensor.shape[1] != 1:
        raise ShapeError(
            f"The {name} has the shape {tuple(tensor.shape)}. Expected (B, 1, H, W): images, one "
            "channel, rows, columns. Give a single one of H x W as tensor[None, None]."
        )


def validated_images(
    score: object, label: object
) -> tuple[Float64[np.ndarray, " N"], Bool[np.ndarray, " N"]]:
    """Scores and labels of images as arrays, from anything that NumPy makes an array of.

    Raises:
        ShapeError: they are not one score in [0, 1] and one bool an image.
    """
    try:
        score, label = np.asarray(score, np.float64), np.asarray(label)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ShapeError(
            f"The scores or labels are no arrays of numbers ({error}). Expected one score in "
            "[0, 1] and one bool for each image. Convert them with numpy.asarray."
        ) from error
    if score.ndim != 1:
        raise ShapeError(
            f"The scores have the shape {score.shape}. Expected (N,): one score for each image. "
            "Flatten them."
        )
    if score.shape != label.shape or label.dtype != np.bool_:
        raise ShapeError(
            f"The labels are {label.dtype} {label.shape} but the scores are {score.shape}. "
            "Expected bool of the same shape, True = manipulated. Give one label per score."
        )
    if len(score):
        _validate_range(score.min(), score.max())
    return score, label


def _validate_range(low: float | Tensor, high: float | Tensor) -> None:
    if not (low >= 0 and high <= 1):  # NaN fails both
        raise ShapeError(
            f"The scores range from {float(low):.4g} to {float(high):.4g}. Expected [0, 1] without "
            "NaN. Apply a sigmoid to logits, or scale the map."
        )


# Count


def count_scores(
    score: Float[np.ndarray, " N"], truth: Bool[np.ndarray, " N"]
) -> tuple[Counts, Counts]:
    """Positives and negatives at each distinct score; ``score`` is float32 or float64, not below 0.

    The bits of floats >= 0 order like integers, which leaves the sign bit free for the class: one
    sort of plain integers orders scores and classes together, several times faster than argsort.

    >>> count_scores(np.array([0.5, 0.1, 0.5]), np.array([True, False, False]))
    (array([0, 1]), array([1, 1]))
    """
    bits = np.uint64 if score.dtype == np.float64 else np.uint32
    key = score.copy().view(bits)
    key <<= 1  # drops the sign of -0.0, too
    key |= truth
    key.sort()
    is_last = np.ones(len(key), bool)
    np.greater(key[1:] ^ key[:-1], 1, out=is_last[:-1])
    last = np.flatnonzero(is_last)
    key &= 1
    positive = np.diff(np.cumsum(key, out=key)[last].astype(np.int64), prepend=0)
    return positive, np.diff(last, prepend=-1) - positive


def level_of(prob: Float32[Tensor, "*shape"]) -> Int32[Tensor, "*shape"]:
    """Level 0..65535 of a float32 score in [0, 1]: monotone, 1024 levels per octave of min(p, 1-p).

    A saturated network's scores all lie within 1e-4 of 0 or 1, where evenly spaced levels would
    make ties of them. Below 2**-33, and within it of 1, scores share a level.
    """
    low = prob < 0.5
    bits = torch.where(low, prob, 1 - prob).view(torch.int32) - (~low).int()
    steps = ((bits - _SMALLEST) >> _STEP_BITS).clamp(0, LEVELS // 2 - 1)
    return torch.where(low, steps, LEVELS - 1 - steps)


def lowest_score(level: int) -> float:
    """Smallest score of a level: a float32 reaches it just where its level is at least this one.

    >>> [lowest_score(level) for level in (0, 32768)]
    [0.0, 0.5]
    """
    low = level < LEVELS // 2
    steps = level if low else LEVELS - level
    edge = float(np.uint32(_SMALLEST + (steps << _STEP_BITS)).view(np.float32))
    if low:
        return edge if level else 0.0
    return 1 - math.floor(edge * 2**24) / 2**24  # float32 goes in steps of 2**-24 above 1/2


@dataclass(eq=False)
class ScoreCounts:
    """How many manipulated and pristine pixels of a data set have each of 65536 score levels.

    1 MB, whatever the size of the set; parts counted apart merge to the same as all at once. What
    is computed from it is exact for the rounded scores. Levels are evenly wide in the logarithm of
    min(p, 1 - p), 1024 per octave down to 2**-33: the scores of a saturated network all lie within
    1e-4 of 0 or 1, where evenly spaced levels would merge them. An AUC differs from that of the
    unrounded scores by at most half the share of (forged, pristine) pairs that share a level.
    """

    positive: Int64[np.ndarray, "65536"] = field(default_factory=lambda: np.zeros(LEVELS, np.int64))
    negative: Int64[np.ndarray, "65536"] = field(default_factory=lambda: np.zeros(LEVELS, np.int64))

    def add(self, prob: Maps, mask: Masks, valid: Masks | None = None) -> None:
        """Count the pixels of more images."""
        validate_maps(prob, mask, valid)
        keep = ... if valid is None else valid
        score, truth = prob.detach()[keep].flatten(), mask[keep].flatten()
        for part in zip(score.split(_CHUNK), truth.split(_CHUNK), strict=True):
            counts = torch.bincount(2 * level_of(part[0].float()) + part[1], minlength=2 * LEVELS)
            self.negative += counts[0::2].cpu().numpy()
            self.positive += counts[1::2].cpu().numpy()

    def merge(self, other: "ScoreCounts") -> "ScoreCounts":
        """The counts of both sets together; neither is changed."""
        return ScoreCounts(self.positive + other.positive, self.negative + other.negative)


# Ratio


def one_class(positive: Counts, negative: Counts) -> bool:
    """True where manipulated or pristine ones are missing, so that no ROC curve exists."""
    return not (positive.any() and negative.any())


def rates(positive: Counts, negative: Counts) -> tuple[Float[np.ndarray, " S"], ...]:
    """FPR and TPR with each score as threshold, from the highest score down."""
    fp, tp = negative[::-1].cumsum(), positive[::-1].cumsum()
    return fp / fp[-1], tp / tp[-1]


def auc(positive: Counts, negative: Counts) -> float:
    r"""P(a positive outscores a negative) + P(they tie) / 2; NaN for one class.

    .. math:: AUC = \frac{1}{PN} \sum_s p_s \left( \sum_{t<s} n_t + n_s / 2 \right)
    """
    beaten = negative.cumsum(dtype=np.float64)  # whole numbers are exact up to 2**53
    beaten -= negative / 2
    return ratio(positive @ beaten, float(positive.sum()) * float(negative.sum()))


def best_f1(positive: Counts, negative: Counts) -> float:
    """Largest F1 = 2TP / (called + P) over all scores as thresholds; NaN without positives."""
    if not positive.any():
        return math.nan
    tp, called = positive[::-1].cumsum(), (positive + negative)[::-1].cumsum()
    return float((2 * tp / (called + tp[-1])).max())


def eer_index(positive: Counts, negative: Counts) -> int:
    """Which score, as threshold, brings FPR and FNR closest; the higher of two equally good."""
    fpr, tpr = rates(positive, negative)
    return len(positive) - 1 - int(np.abs(fpr + tpr - 1).argmin())


def eer(positive: Counts, negative: Counts) -> float:
    """Rate where FPR = FNR on the ROC curve, joined by straight lines; NaN for one class."""
    if one_class(positive, negative):
        return math.nan
    fpr, tpr = (np.insert(rate, 0, 0.0) for rate in rates(positive, negative))
    return float(np.interp(0.0, fpr + tpr - 1, fpr))


def tpr_at_fpr(positive: Counts, negative: Counts, fpr: float) -> float:
    """Largest TPR of the thresholds whose FPR is at most ``fpr``; NaN for one class."""
    if one_class(positive, negative):
        return math.nan
    false, true = rates(positive, negative)
    return float(true[false <= fpr].max(initial=0.0))


def fpr_at_tpr(positive: Counts, negative: Counts, tpr: float) -> float:
    """FPR of the highest threshold whose TPR is at least ``tpr``; NaN for one class."""
    if one_class(positive, negative):
        return math.nan
    false, true = rates(positive, negative)
    return float(false[np.argmax(true >= tpr)])


def ratio(numerator: float | np.generic, denominator: float | np.generic | int) -> float:
    """Quotient as a float; NaN where the denominator is 0.

    >>> ratio(1.0, 0.0)
    nan
    """
    return float(numerator / denominator) if denominator else math.nan
