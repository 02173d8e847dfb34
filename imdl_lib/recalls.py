"""Recall of each region of an image that has several: at one threshold, by number.

The threshold marks as many pixels of the map as are forged, so a map that marks everything, or
nothing, gains nothing.
"""

import numpy as np
from jaxtyping import Float, UInt8

from .roc import ratio

Map = Float[np.ndarray, "H W"]
Regions = UInt8[np.ndarray, "H W"]


def of_regions(prob: Map, regions: Regions) -> dict[str, float]:
    """``recall_1``, ``recall_2``, ... of regions by number, and their least, most and mean.

    NaN for a region that is wholly covered by others. Empty for an image with less than two.

    >>> prob, regions = np.array([[0.9, 0.8, 0.1, 0.2]]), np.array([[1, 0, 2, 2]], np.uint8)
    >>> of_regions(prob, regions)["recall_mean"]
    0.75
    """
    found = [of_region(prob, regions, number) for number in range(1, int(regions.max()) + 1)]
    if len(found) < 2:
        return {}
    by_number = {f"recall_{number}": value for number, value in enumerate(found, start=1)}
    return by_number | {
        "recall_least": float(np.nanmin(found)),
        "recall_most": float(np.nanmax(found)),
        "recall_mean": float(np.nanmean(found)),
    }


def of_region(prob: Map, regions: Regions, number: int) -> float:
    """Share of a region that lies among the highest pixels, as many as are forged in all."""
    chosen = regions == number
    threshold = np.quantile(prob, 1 - (regions > 0).mean())
    return ratio((prob[chosen] > threshold).sum(), chosen.sum())
