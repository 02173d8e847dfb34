"""Counting and ratios behind the metrics: how scores of the two classes order.

Everything here works on ``positive`` and ``negative``, the numbers of manipulated and pristine
pixels (or images) at each score, from the lowest score up. They come from ``count_scores``, one
entry per distinct score, or from a fixed set of 65536 levels that needs no memory for the scores.
Thresholds are reached, not passed: what scores at least the threshold is called manipulated.
"""

import math

import numpy as np
import torch
from jaxtyping import Bool, Float, Int32, Int64
from torch import Tensor

Counts = Int64[np.ndarray, " S"]

LEVELS = 65536
_SMALLEST = 94 << 23  # bits of the float32 2**-33, from which 32 octaves of 1024 levels reach 1/2
_STEP_BITS = 13  # 23 bits of mantissa less 10


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
    key = np.sort((score + 0).view(bits) << 1 | truth)  # + 0 turns -0.0 into 0.0
    value = key >> 1
    is_last = np.ones(len(key), bool)
    is_last[:-1] = value[1:] != value[:-1]
    last = np.flatnonzero(is_last)
    positive = np.diff(np.cumsum(key & 1, dtype=np.int64)[last], prepend=0)
    return positive, np.diff(last, prepend=-1) - positive


def level_of(prob: Float[Tensor, "*shape"]) -> Int32[Tensor, "*shape"]:
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


def one_class(positive: Counts, negative: Counts) -> bool:
    """True where manipulated or pristine ones are missing, so that no ROC curve exists."""
    return not (positive.any() and negative.any())


def roc(positive: Counts, negative: Counts) -> tuple[Float[np.ndarray, " S"], ...]:
    """FPR and TPR with each score as threshold, from the highest score down."""
    fp, tp = negative[::-1].cumsum(), positive[::-1].cumsum()
    return fp / fp[-1], tp / tp[-1]


def auc(positive: Counts, negative: Counts) -> float:
    r"""P(a positive outscores a negative) + P(they tie) / 2; NaN for one class.

    .. math:: AUC = \frac{1}{PN} \sum_s p_s \left( \sum_{t<s} n_t + n_s / 2 \right)
    """
    below = negative.cumsum() - negative
    wins = positive.astype(np.float64) @ (below + negative / 2)
    return ratio(wins, float(positive.sum()) * float(negative.sum()))


def best_f1(positive: Counts, negative: Counts) -> float:
    """Largest F1 = 2TP / (called + P) over all scores as thresholds; NaN without positives."""
    if not positive.any():
        return math.nan
    tp, called = positive[::-1].cumsum(), (positive + negative)[::-1].cumsum()
    return float((2 * tp / (called + tp[-1])).max())


def eer_index(positive: Counts, negative: Counts) -> int:
    """Which score, as threshold, brings FPR and FNR closest; the higher of two equally good."""
    fpr, tpr = roc(positive, negative)
    return len(positive) - 1 - int(np.abs(fpr + tpr - 1).argmin())


def ratio(numerator: float | np.generic, denominator: float | np.generic) -> float:
    """Quotient as a float; NaN where the denominator is 0.

    >>> ratio(1, 0)
    nan
    """
    return float(numerator / denominator) if denominator else math.nan
