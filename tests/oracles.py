"""Slow, obvious forms of what the library computes fast."""

import numpy as np

from imdl_lib.kinds import Forged


def auc_by_pairs(score: np.ndarray, truth: np.ndarray) -> float:
    """Share of (positive, negative) pairs that the positive wins; a tie is half a win."""
    wins = 0.0
    for positive in score[truth]:
        for negative in score[~truth]:
            wins += 1.0 if positive > negative else 0.5 if positive == negative else 0.0
    return wins / (truth.sum() * (~truth).sum())


def f1(called: np.ndarray, truth: np.ndarray) -> float:
    """Harmonic mean of precision and recall, counted pixel by pixel."""
    tp = sum(bool(c and t) for c, t in zip(called.ravel(), truth.ravel(), strict=True))
    return 2 * tp / (called.sum() + truth.sum())


def best_f1(score: np.ndarray, truth: np.ndarray) -> float:
    """Largest F1 over every score as threshold."""
    return max(f1(score >= threshold, truth) for threshold in score)


def error_rates(score: np.ndarray, truth: np.ndarray, threshold: float) -> tuple[float, float]:
    """FPR and FNR of calling all that scores at least ``threshold``."""
    called = score >= threshold
    return float(called[~truth].mean()), float((~called)[truth].mean())


def far_from_border(mask: np.ndarray, radius_px: int) -> np.ndarray:
    """True where the square of ``radius_px`` about a pixel holds one class only."""
    height, width = mask.shape
    alike = np.zeros_like(mask)
    for row in range(height):
        for column in range(width):
            rows = slice(max(0, row - radius_px), row + radius_px + 1)
            columns = slice(max(0, column - radius_px), column + radius_px + 1)
            alike[row, column] = (mask[rows, columns] == mask[row, column]).all()
    return alike


def border(region: np.ndarray) -> list[tuple[int, int]]:
    """Pixels of a region with one of eight neighbours, inside the image, that is not of it."""
    height, width = region.shape
    found = []
    for row, column in np.argwhere(region):
        rows = range(max(0, row - 1), min(height, row + 2))
        columns = range(max(0, column - 1), min(width, column + 2))
        if not all(region[r, c] for r in rows for c in columns):
            found.append((row, column))
    return found


def boundary_f1(called: np.ndarray, mask: np.ndarray, tolerance_px: int) -> float:
    """F1 of border pixels, each held against every pixel of the other border."""
    ours, true = border(called), border(mask)
    if not ours and not true:
        return float("nan")
    if not ours or not true:
        return 0.0

    def near(pixel: tuple[int, int], others: list[tuple[int, int]]) -> bool:
        return any(max(abs(pixel[0] - r), abs(pixel[1] - c)) <= tolerance_px for r, c in others)

    precision = sum(near(pixel, true) for pixel in ours) / len(ours)
    recall = sum(near(pixel, ours) for pixel in true) / len(true)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def same(first: Forged, second: Forged) -> bool:
    """Whether two forged samples are alike in every pixel."""
    arrays = [(first.image, second.image), (first.regions, second.regions)]
    return first.target == second.target and all(np.array_equal(a, b) for a, b in arrays)
