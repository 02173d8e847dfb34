"""Pixel AUC of one map: scikit-learn, the exact sort, and counting over 65536 levels, side by side.

Run with ``python benchmarks/auc.py``; each time is the best of a few repeats in one process.
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from imdl_lib import metrics

SIZES = {"384 x 256": (256, 384), "12 megapixels": (3000, 4000)}


def example(size: tuple[int, int], rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores of a middling detector and a mask of 10 %, (1, 1, H, W) each."""
    mask = rng.random((1, 1, *size), dtype=np.float32) < 0.1
    logit = rng.standard_normal(mask.shape, dtype=np.float32) + 1.5 * mask - 3
    return torch.from_numpy(logit).float().sigmoid(), torch.from_numpy(mask)


def by_sklearn(prob: torch.Tensor, mask: torch.Tensor) -> float:
    """The yardstick."""
    return roc_auc_score(mask.flatten().numpy(), prob.flatten().numpy())


def by_sorting(prob: torch.Tensor, mask: torch.Tensor) -> float:
    """Exact, one image."""
    return metrics.pixel_auc_per_image(prob, mask).item()


def by_counting(prob: torch.Tensor, mask: torch.Tensor) -> float:
    """Through the counts that also serve a whole data set."""
    counts = metrics.ScoreCounts()
    counts.add(prob, mask)
    return metrics.pixel_auc_pooled(counts)


def milliseconds(auc: Callable, prob: torch.Tensor, mask: torch.Tensor, repeats: int) -> float:
    """Best time of one call."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        auc(prob, mask)
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def main() -> None:
    """Print one line per map size and way."""
    torch.set_num_threads(1)  # scikit-learn has no more
    rng = np.random.default_rng(0)
    print(f"{'map':<14} {'way':<12} {'ms':>9} {'times faster':>13} {'AUC differs by':>15}")
    for name, size in SIZES.items():
        prob, mask = example(size, rng)
        truth, repeats = by_sklearn(prob, mask), 30 if prob.numel() < 1e6 else 2
        yardstick = milliseconds(by_sklearn, prob, mask, repeats)
        for auc in (by_sklearn, by_sorting, by_counting):
            ms = yardstick if auc is by_sklearn else milliseconds(auc, prob, mask, repeats)
            way, apart = auc.__name__.removeprefix("by_"), abs(auc(prob, mask) - truth)
            print(f"{name:<14} {way:<12} {ms:9.1f} {yardstick / ms:13.1f} {apart:15.1e}")


if __name__ == "__main__":
    main()
