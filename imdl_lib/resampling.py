"""What stored rows say, and how surely: values, means and differences, by bootstrap over images."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from . import standins, tables
from .registry import Source

DRAWS = 10_000  # so many that a verdict at the edge hardly depends on them
TAIL = 0.025  # of the draws, on each side of a 95 % interval
SCORES = {"image_auc": "score", "image_auc_of_mean": "mean_of_map"}  # AUC: what it ranks images by


class Missing(Exception):
    """Rows that a rule needs are not there; ``real`` names the set that must be fetched."""

    def __init__(self, source: Source, real: bool) -> None:
        super().__init__(source.run, source.set)
        self.source, self.real = source, real


def values(profile: str, source: Source) -> pd.DataFrame:
    """The source's rows: ``key`` (set and image) and ``value``, undefined ones left out.

    An image's value is its mean over seeds. Rows of an image-level AUC are scores, with a third
    column ``forged``.

    Raises:
        Missing: there are none.
    """
    found = tables.rows(profile, source.run)
    column = SCORES.get(source.column, source.column)
    if len(found):
        found = found[tables.chosen(found, source)]
    if not len(found) or column not in found or found[column].isna().all():
        raise Missing(source, source.set not in standins.SETS and "*" not in source.set)
    out = pd.DataFrame({"key": found["set"].map(_scenes) + "/" + found["image"]})
    out["value"] = found[column] * source.scale
    if source.column in SCORES:
        out["forged"] = found["forged_share"] > 0
    return out.dropna().groupby("key", sort=False, as_index=False).mean()


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


@dataclass(frozen=True)
class Drawn:
    """A mean, or an AUC in percent, as it was and as it is in each resample of the images."""

    observed: float
    resampled: np.ndarray  # (DRAWS,)
    images: int

    def __sub__(self, other: "Drawn") -> "Drawn":
        change = self.resampled - other.resampled
        return Drawn(self.observed - other.observed, change, min(self.images, other.images))

    @property
    def interval(self) -> Difference:
        """The value with its 95 % interval."""
        low, high = np.quantile(self.resampled, [TAIL, 1 - TAIL])
        return Difference(float(self.observed), float(low), float(high), self.images)


def drawn(profile: str, *sources: Source) -> list[Drawn]:
    """Each source over resampled images; those that all sources share are resampled together."""
    samples = [values(profile, source) for source in sources]
    shared = set.intersection(*(set(sample["key"]) for sample in samples))
    if shared:  # in one order, so that equal draws are equal images
        samples = [s[s["key"].isin(shared)].sort_values("key", kind="stable") for s in samples]
    return [
        _drawn(sample, _weights(len(sample), 0 if shared else number))
        for number, sample in enumerate(samples)
    ]


@lru_cache(maxsize=8)  # drawing takes longer than all else
def _weights(count: int, seed: int = 0) -> np.ndarray:
    """How often each image is in each resample, the first one being the sample itself."""
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), DRAWS)
    return np.vstack([np.ones(count), drawn])


def _drawn(sample: pd.DataFrame, weights: np.ndarray) -> Drawn:
    value = sample["value"].to_numpy()
    if "forged" in sample:
        means = 100 * _auc(value, sample["forged"].to_numpy() > 0, weights)
    else:
        means = weights @ value / len(value)
    return Drawn(float(means[0]), means[1:], len(value))


def _auc(score: np.ndarray, forged: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """AUC of forged against authentic images in each resample; NaN where one class is missing."""
    positive, negative = score[forged][:, None], score[~forged]
    won = (positive > negative) + 0.5 * (positive == negative)
    ours, theirs = weights[:, forged], weights[:, ~forged]
    return ((ours @ won) * theirs).sum(1) / (ours.sum(1) * theirs.sum(1))


def drawn_ranges(profile: str, a: Source, b: Source, groups: int = 4) -> tuple[Drawn, Drawn]:
    """Largest less smallest mean of either source over groups of images alike in forged area."""
    samples = [values(profile, s)[["key", "value"]] for s in (a, b)]
    share = values(profile, replace(a, column="forged_share", scale=1.0))
    both = samples[0].merge(samples[1], on="key").merge(share, on="key")
    rank = np.argsort(np.argsort(both["value"].to_numpy(), kind="stable"), kind="stable")
    member = np.eye(groups)[rank * groups // len(both)]
    weights = _weights(len(both))
    return tuple(_range(both[name].to_numpy(), member, weights) for name in ("value_x", "value_y"))


def _range(value: np.ndarray, member: np.ndarray, weights: np.ndarray) -> Drawn:
    ranges = np.ptp((weights @ (member * value[:, None])) / (weights @ member), axis=1)
    return Drawn(float(ranges[0]), ranges[1:], len(value))


def difference(profile: str, a: Source, b: Source) -> Difference:
    """Mean of ``a`` less mean of ``b``; paired where images are shared."""
    first, second = drawn(profile, a, b)
    return (first - second).interval


def mean_of(sample: np.ndarray) -> Difference:
    """A sample's mean with its interval."""
    return _drawn(pd.DataFrame({"value": sample}), _weights(len(sample))).interval
