"""What stored rows say, and how surely: means, AUCs and differences, by a cluster bootstrap.

One resample draws host photos with replacement, the same ones for every network that is compared,
each with all images made from it; and, for every trained network by itself, seeds. Of n seeds it
draws n - 1: so few, drawn in full, would understate how much trainings differ (the mean of n - 1
draws has the variance of the mean of n independent seeds). One seed tells nothing of that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd
from jaxtyping import Float, UInt8

from . import datasets, realsets, standins, tables
from .registry import Source

DRAWS = 10_000  # no share of them, and so no p-value, is below one in so many
TAIL = 0.025  # of the draws, on each side of a 95 % interval
SCORES = {"image_auc": "score", "image_auc_of_mean": "mean_of_map"}  # AUC: what it ranks images by

FORGED = "/forged"  # ending of the part of a real set that holds its forged images

Weights = Float[np.ndarray, "D H"]  # how often each host is in each draw; draw 0 is the sample


class Missing(Exception):
    """Rows that a rule needs are not stored."""

    def __init__(self, source: Source) -> None:
        super().__init__(source.run, source.set)
        self.source = source


@dataclass(frozen=True)
class Sample:
    """A source's values: one row an image (``set/image``), one column a seed, NaN = undefined."""

    table: pd.DataFrame
    host: pd.Series  # of each image: the photo that it was made from
    forged: pd.Series | None  # of each image, where the values are scores that an AUC ranks

    def only(self, images: pd.Index) -> "Sample":
        """The sample's rows of certain images, in their order."""
        forged = None if self.forged is None else self.forged.loc[images]
        return Sample(self.table.loc[images], self.host.loc[images], forged)


def values(profile: str, source: Source) -> Sample:
    """The source's stored values, scaled; images that are undefined in every seed are left out.

    Raises:
        Missing: there are none.
    """
    return _values(profile, source, tables.stamps(profile, source.run))


@lru_cache(maxsize=1024)  # comparisons share their sides, and pairing rows takes long
def _values(profile: str, source: Source, stamps: tuple[tables.Stamp, ...]) -> Sample:
    rows = tables.rows(profile, source.run)
    column = SCORES.get(source.column, source.column)
    if len(rows):
        rows = rows[_chosen(rows, source)]
    if not len(rows) or column not in rows or rows[column].isna().all():
        raise Missing(source)
    rows = rows.assign(key=rows["set"].map(_scenes) + "/" + rows["image"], host=_hosts(rows))
    table = rows.pivot(index="key", columns="seed", values=column)
    table = table.dropna(how="all").dropna(axis=1, how="all").sort_index()
    first = rows.drop_duplicates("key").set_index("key").loc[table.index]
    scores = source.column in SCORES
    return Sample(
        table if scores else table * source.scale,
        first["host"],
        first["forged_share"] > 0 if scores else None,
    )


def _chosen(rows: pd.DataFrame, source: Source) -> pd.Series:
    """Which rows a source is about: the forged images of a real set are found among all of it."""
    chosen = tables.chosen(rows, source)
    if source.set.endswith(FORGED) and not chosen.any():
        whole = tables.chosen(rows, replace(source, set=source.set.removesuffix(FORGED)))
        return whole & (rows["forged_share"] > 0)
    return chosen


def _scenes(name: str) -> str:
    """What a set's images show: a distorted set or a real set's part shows what the whole does."""
    distorted = name in standins.SETS and standins.SETS[name].distortion
    whole = name.split("/")[0]
    return whole if distorted or whole in realsets.SPECS else name


def _hosts(rows: pd.DataFrame) -> pd.Series:
    """The photo each image was made from: as stored, by a real set's rule, else the image itself.

    A photo has one name in all sets, so that sets that share photos are resampled together.
    """
    own = rows["set"].map(_scenes) + "/" + rows["image"]
    found = rows["host"].where(rows["host"].notna(), own) if "host" in rows else own.copy()
    for name in rows["set"].unique():
        if name.split("/")[0] in realsets.SPECS:
            spec, here = datasets.spec_of(name), rows["set"] == name
            found[here] = spec.name + "/" + rows.loc[here, "image"].map(spec.host)
    return found


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float
    images: int

    def __str__(self) -> str:
        return f"{self.mean:+.1f} [{self.low:+.1f}, {self.high:+.1f}] on {self.images} images"


@dataclass(frozen=True)
class Drawn:
    """A mean, or an AUC in percent, as it was and as it is in each resample."""

    observed: float
    resampled: Float[np.ndarray, " D"]
    images: int

    def __sub__(self, other: "Drawn | float | int") -> "Drawn":
        if not isinstance(other, Drawn):
            return replace(self, observed=self.observed - other, resampled=self.resampled - other)
        change = self.resampled - other.resampled
        return Drawn(self.observed - other.observed, change, min(self.images, other.images))

    def __neg__(self) -> "Drawn":
        return self * -1

    def __mul__(self, factor: float | int) -> "Drawn":
        return replace(self, observed=factor * self.observed, resampled=factor * self.resampled)

    @property
    def interval(self) -> Interval:
        """The value with its 95 % interval, over the resamples that have one."""
        low, high = np.nanquantile(self.resampled, [TAIL, 1 - TAIL])
        return Interval(float(self.observed), float(low), float(high), self.images)

    @property
    def p_values(self) -> tuple[float, float]:
        """One-sided p-values of *above zero* and of *below zero*, small where it is so.

        The share of the draws, the sample itself counted in, that do not say so: hence never 0. A
        draw that is 0 or undefined speaks against both.
        """
        against = [1 + int((~(side > 0)).sum()) for side in (self.resampled, -self.resampled)]
        return against[0] / (len(self.resampled) + 1), against[1] / (len(self.resampled) + 1)


def mean(several: Sequence[Drawn]) -> Drawn:
    """The mean of values that were drawn together."""
    return Drawn(
        float(np.mean([one.observed for one in several])),
        np.mean([one.resampled for one in several], 0),
        min(one.images for one in several),
    )


def drawn(profile: str, *sources: Source, network: Callable[[str], str] = str) -> list[Drawn]:
    """Each source over resampled hosts and seeds.

    Images that all sources share are compared alone, where there are any. ``network`` names the
    training that a run's weights come from: runs of one training share their seeds.
    """
    samples = _comparable([values(profile, source) for source in sources])
    hosts = pd.Index(np.unique(np.concatenate([sample.host.unique() for sample in samples])))
    seeds = _seeds([network(source.run) for source in sources], samples)
    weights = host_weights(len(hosts))
    return [_drawn(sample, hosts, weights, own) for sample, own in zip(samples, seeds, strict=True)]


def _comparable(samples: list[Sample]) -> list[Sample]:
    """Samples cut to the images that all share, where there are any; one image has one host."""
    shared = samples[0].table.index
    for sample in samples[1:]:
        shared = shared.intersection(sample.table.index)
    if not len(shared):
        return samples
    samples = [sample.only(shared) for sample in samples]
    host = samples[0].host
    for sample in samples[1:]:  # where one run's rows name the photo and another's do not
        host = host.where(host != host.index, sample.host)
    return [replace(sample, host=host) for sample in samples]


def _seeds(networks: list[str], samples: list[Sample]) -> list[pd.DataFrame]:
    """Weights of each sample's seeds in each draw; one network has the same seeds in all."""
    found = {}
    for number, name in enumerate(dict.fromkeys(networks)):
        own = [s.table.columns for s, other in zip(samples, networks, strict=True) if other == name]
        shared = own[0]
        for others in own[1:]:
            shared = shared.intersection(others)
        found[name] = pd.DataFrame(_seed_weights(len(shared), number), columns=shared)
    return [found[name] for name in networks]


def host_weights(count: int) -> Weights:
    """How often each host is in each draw, after a first row of ones: the sample itself."""
    return np.vstack([np.ones(count), _host_counts(count)])


@lru_cache(maxsize=64)  # drawing takes longer than all else; a byte each, .5 to 15 MB in all
def _host_counts(count: int) -> UInt8[np.ndarray, "D H"]:
    found = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), DRAWS)
    return found.astype(np.uint8)


@lru_cache(maxsize=16)
def _seed_weights(count: int, number: int) -> Float[np.ndarray, "D S"]:
    """The share of each seed in each draw, after the sample itself; n - 1 of n are drawn."""
    rng = np.random.default_rng([1, number])
    least = max(1, count - 1)
    found = rng.multinomial(least, np.full(count, 1 / count), DRAWS) / least
    return np.vstack([np.full(count, 1 / count), found])


def _drawn(sample: Sample, hosts: pd.Index, weights: Weights, seeds: pd.DataFrame) -> Drawn:
    place = hosts.get_indexer(sample.host)
    by_seed = sample.table[seeds.columns].to_numpy(float).T
    if sample.forged is None:
        found = _means(by_seed, place, weights, seeds.to_numpy())
    else:
        found = _aucs(by_seed, sample.forged.to_numpy(), place, weights, seeds.to_numpy())
    return Drawn(float(found[0]), found[1:], len(place))


def _means(
    value: Float[np.ndarray, "S N"],
    host: np.ndarray,
    weights: Weights,
    seeds: Float[np.ndarray, "D S"],
) -> Float[np.ndarray, " D"]:
    """Mean over the drawn hosts' images and the drawn seeds, undefined values left out."""
    member = np.eye(weights.shape[1])[host]
    total, count = np.nan_to_num(value) @ member, np.isfinite(value) @ member  # (S, H)
    with np.errstate(invalid="ignore"):  # no drawn host has an image of this source: NaN
        return ((weights @ total.T) * seeds).sum(1) / ((weights @ count.T) * seeds).sum(1)


def _aucs(
    score: Float[np.ndarray, "S N"],
    forged: np.ndarray,
    host: np.ndarray,
    weights: Weights,
    seeds: Float[np.ndarray, "D S"],
) -> Float[np.ndarray, " D"]:
    """AUC in percent of forged against authentic images, mean over the drawn seeds.

    Pairs are counted by their hosts once, so that a draw is a quadratic form in its weights.
    """
    member = np.eye(weights.shape[1])[host]
    pairs = (weights @ member[forged].sum(0)) * (weights @ member[~forged].sum(0))
    each = []
    for one in score:
        positive, negative = one[forged][:, None], one[~forged]
        won = (positive > negative) + 0.5 * (positive == negative)
        each.append(((weights @ (member[forged].T @ won @ member[~forged])) * weights).sum(1))
    with np.errstate(invalid="ignore"):  # one class is missing in a draw: NaN
        return 100 * (np.stack(each, 1) * seeds).sum(1) / pairs


def drawn_gaps(
    profile: str, a: Source, b: Source, network: Callable[[str], str] = str
) -> tuple[Drawn, Drawn]:
    """Mean difference of two values of one image; and of the first of one, the second of another.

    Two things that are found or missed independently lie as far apart within images as across.
    Images of one host are no others.
    """
    first, second = _comparable([values(profile, a), values(profile, b)])
    whole = first.table.notna().all(axis=1) & second.table.notna().all(axis=1)
    first, second = (sample.only(first.table.index[whole]) for sample in (first, second))
    hosts, place = np.unique(first.host, return_inverse=True)
    member, weights = np.eye(len(hosts))[place], host_weights(len(hosts))
    (seeds, _) = _seeds([network(source.run) for source in (a, b)], [first, second])
    count = member.sum(0)
    others = np.outer(count, count) - np.diag(count**2)
    pairs = ((weights @ others) * weights).sum(1)
    within, across = [], []
    by_seed = (sample.table[seeds.columns].to_numpy(float).T for sample in (first, second))
    for one, other in zip(*by_seed, strict=True):
        gap = np.abs(one[:, None] - other)
        within.append((weights @ (np.diag(gap) @ member)) / (weights @ count))
        between = member.T @ gap @ member
        np.fill_diagonal(between, 0)
        with np.errstate(invalid="ignore"):  # one host alone is drawn: NaN
            across.append(((weights @ between) * weights).sum(1) / pairs)
    return tuple(
        Drawn(float(found[0]), found[1:], len(place))
        for found in ((np.stack(each, 1) * seeds.to_numpy()).sum(1) for each in (within, across))
    )


def drawn_ranges(
    profile: str, a: Source, b: Source, network: Callable[[str], str] = str, groups: int = 4
) -> tuple[Drawn, Drawn]:
    """Largest less smallest mean of either source over groups of images alike in forged area."""
    first, second = values(profile, a), values(profile, b)
    share = values(profile, replace(a, column="forged_share", scale=1.0))
    first, second, share = _comparable([first, second, share])
    area = share.table.mean(axis=1).to_numpy()
    rank = np.argsort(np.argsort(area, kind="stable"), kind="stable")
    group = rank * groups // len(area)
    hosts = pd.Index(np.unique(first.host))
    weights, seeds = (
        host_weights(len(hosts)),
        _seeds([network(s.run) for s in (a, b)], [first, second]),
    )
    found = []
    for sample, own in zip((first, second), seeds, strict=True):
        parts = [
            _drawn(sample.only(sample.table.index[group == n]), hosts, weights, own)
            for n in range(groups)
        ]
        each = np.stack([np.r_[part.observed, part.resampled] for part in parts])
        ranges = np.ptp(each, axis=0)
        found.append(Drawn(float(ranges[0]), ranges[1:], len(area)))
    return found[0], found[1]
