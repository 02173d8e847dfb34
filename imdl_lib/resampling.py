"""What stored rows say, and how surely: values, means and differences, by bootstrap over images."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from . import standins, tables
from .registry import Source

DRAWS = 1000
TAIL = 0.025  # of the draws, on each side of a 95 % interval


class Missing(Exception):
    """Rows that a rule needs are not there; ``real`` names the set that must be fetched."""

    def __init__(self, source: Source, real: bool) -> None:
        super().__init__(source.run, source.set)
        self.source, self.real = source, real


def values(profile: str, source: Source) -> pd.DataFrame:
    """The source's rows: ``key`` (set and image) and ``value``, undefined ones left out.

    An image's value is its mean over seeds.

    Raises:
        Missing: there are none.
    """
    found = tables.rows(profile, source.run)
    if len(found):
        found = found[tables.in_set(found["set"], source.set)]
    if not len(found) or source.column not in found or found[source.column].isna().all():
        raise Missing(source, source.set not in standins.SETS and "*" not in source.set)
    key = found["set"].map(_scenes) + "/" + found["image"]
    out = pd.DataFrame({"key": key, "value": found[source.column] * source.scale}).dropna()
    return out.groupby("key", sort=False, as_index=False)["value"].mean()


def _scenes(name: str) -> str:
    """What a set's images show: a distorted set shows what its original shows."""
    distorted = name in standins.SETS and standins.SETS[name].distortion
    return name.split("/")[0] if distorted else name


@dataclass(frozen=True)
class Difference:
    """A difference of means with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float
    images: int

    def __str__(self) -> str:
        return f"{self.mean:+.1f} [{self.low:+.1f}, {self.high:+.1f}] on {self.images} images"


def difference(profile: str, a: Source, b: Source) -> Difference:
    """Mean of ``a`` less mean of ``b``; paired where keys are shared."""
    return interval(*drawn_difference(profile, a, b))


def drawn_difference(profile: str, a: Source, b: Source) -> tuple[float, np.ndarray, int]:
    """The difference, as it was and as it is drawn, and its number of images."""
    rng = np.random.default_rng(0)
    left, right = values(profile, a), values(profile, b)
    both = left.merge(right, on="key")
    if len(both):
        change = (both["value_x"] - both["value_y"]).to_numpy()
        return change.mean(), drawn_means(change, rng), len(both)
    x, y = left["value"].to_numpy(), right["value"].to_numpy()
    return x.mean() - y.mean(), drawn_means(x, rng) - drawn_means(y, rng), min(len(x), len(y))


def drawn_means(sample: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Means of ``DRAWS`` resamples of the rows of a sample."""
    return sample[rng.integers(len(sample), size=(DRAWS, len(sample)))].mean(1)


def interval(mean: float, drawn: np.ndarray, images: int) -> Difference:
    """A mean with the interval of what was drawn."""
    low, high = np.quantile(drawn, [TAIL, 1 - TAIL])
    return Difference(float(mean), float(low), float(high), images)


def mean_of(sample: np.ndarray) -> Difference:
    """A sample's mean with its interval."""
    return interval(sample.mean(), drawn_means(sample, np.random.default_rng(0)), len(sample))
