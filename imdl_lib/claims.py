"""Rules that turn stored rows into comparisons; each is declared beside its claim in a registry.

A *judge* is a rule with the runs that it reads. Its author chooses what is compared; what becomes
of the comparisons is the same for all claims, for and against (`verdicts`):

====================  ============================================================================
`higher`              each first source (or mean of several) exceeds its second, by a margin
`above`, `below`      a source lies above or below a level
`close`               any two sources differ by at most a tolerance
`narrower`            one pair lies closer together than others
`steadier`            a source varies less with the size of the forged region than another
`keeps`, `loses`      how much of what a network finds beyond blind maps is left elsewhere
`series`              `rising`, `falling`, `linear`, `slower_than_pixels` along settings
`resampled`           any other statistic that can be drawn (`resampling.drawn`)
`recorded`            a fact of run.json, such as a time
`constructed`         a fact of the code or the maths that a test holds
`lacking`             a part that is not compared yet: what it takes
`both`                the comparisons of several rules, all of one claim
`waiting`, `unjudged` real sets that no stand-in replaces; nothing decides it yet, and why
====================  ============================================================================

A level is half the published gain or half the published distance from chance (`half_gain` and
`half_way`, of numbers from `tables.printed_value`), unless the claim states a margin. A claim rests
on the real set where that can be fetched. ``home`` names the source on which a network must beat
the blind controls where the values compared cannot tell it: a response, an image that is altered so
that the network fails. ``weak`` says that the claim calls the second sides weak.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from jaxtyping import Float

from . import checksums, datasets, realsets, tables
from .registry import Claim, Source, Verdict
from .resampling import Drawn, Missing, drawn, drawn_ranges, mean
from .verdicts import (
    FAILED,
    HELD,
    OPEN,
    Comparison,
    Runs,
    beyond_blind,
    network_of,
    settled,
    some,
)

Side = Source | tuple[Source, ...]  # several: their mean


class Undecidable(Exception):
    """A claim that no comparison can be made for, with its verdict."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.evidence)
        self.verdict = verdict


Rule = Callable[[str, Runs], list[Comparison]]  # of a profile and all runs, by their ids


@dataclass(frozen=True)
class Judge:
    """A rule with the runs that it reads."""

    runs: frozenset[str]
    rule: Rule
    was: "Judge | None" = None  # the rule before it was changed after rows had been scored

    def __call__(self, profile: str, runs: Runs) -> Verdict:
        """The verdict at a profile; ``runs`` are all of the registry, by their ids."""
        try:
            said = settled(profile, self.rule(profile, runs), runs)
        except Undecidable as reason:
            said = reason.verdict
        except Missing as missing:
            said = _missing(missing.source)
        return replace(said, was=self.was(profile, runs).verdict) if self.was else said


def _missing(source: Source) -> Verdict:
    """The verdict where rows are not stored: a set that cannot be fetched is waited for."""
    name = source.set.split("/")[0]
    if name in realsets.SPECS and name not in checksums.SETS:
        return Verdict("needs data", datasets.needs(source.set))
    where = "in its record" if source.set == "run" else f"on {source.set}"
    return Verdict("not yet judged", f"{source.run} has no {source.column} {where} yet")


def listed(paper: str, judges: Mapping[str, Judge]) -> tuple[Claim, ...]:
    """All claims of a paper, each with its rule, if any, from ``judges`` by its number."""
    rules = {f"{paper}-{number}": judge for number, judge in judges.items()}
    return tuple(Claim(**row, judge=rules.get(row["id"])) for row in tables.claims(paper))


# Rules -----------------------------------------------------------------------------------------


def _judge(sources: Iterable[Source | None], rule: Rule) -> Judge:
    return Judge(frozenset(source.run for source in sources if source), rule)


def _flat(sides: Iterable[Side]) -> tuple[Source, ...]:
    """The sources of all sides."""
    return tuple(s for side in sides for s in (side if isinstance(side, tuple) else (side,)))


def higher(
    *pairs: tuple[Side, Side],
    by: float | int = 0.0,
    weak: bool = False,
    home: Source | None = None,
) -> Judge:
    """Each first side exceeds its second by more than ``by`` (in the sources' unit).

    ``weak``: the claim calls the second sides weak, so they need not have learned.
    """

    def rule(profile: str, runs: Runs) -> list[Comparison]:
        return [_ahead(profile, runs, pair, by, weak, home) for pair in pairs]

    return _judge([*_flat(side for pair in pairs for side in pair), home], rule)


def _ahead(
    profile: str, runs: Runs, pair: tuple[Side, Side], by: float, weak: bool, home: Source | None
) -> Comparison:
    sides = [_flat([side]) for side in pair]
    found = drawn(profile, *sides[0], *sides[1], network=network_of(runs))
    change = mean(found[: len(sides[0])]) - mean(found[len(sides[0]) :])
    first, second = (_side_name(a, b) for a, b in (sides, sides[::-1]))
    where = _where(sides[0]) if sides[0][0].run != sides[1][0].run else ""
    asked = f", {by:+.1f} asked" if by else ""
    called = frozenset(source.run for source in sides[1]) if weak else frozenset()
    said = f"{where}{first} - {second} {change.interval}{asked}"
    return _compared(change - by, said, sides, home, called)


def _compared(
    margin: Drawn,
    said: str,
    sides: Iterable[Side],
    home: Source | None = None,
    weak: frozenset[str] = frozenset(),
) -> Comparison:
    """A comparison that holds where its margin is above zero."""
    return Comparison(said, *margin.p_values, tuple(_flat([side]) for side in sides), home, weak)


def above(level: float | int, *sources: Source, home: Source | None = None) -> Judge:
    """The mean of each source lies above ``level``."""
    return _beside(level, sources, 1, home)


def below(level: float | int, *sources: Source, home: Source | None = None) -> Judge:
    """The mean of each source lies below ``level``.

    A network that fails where the claim says so beats no blind control there: ``home`` names a
    source on which it must.
    """
    return _beside(level, sources, -1, home)


def _beside(
    level: float | int, sources: tuple[Source, ...], side: int, home: Source | None
) -> Judge:
    def rule(profile: str, runs: Runs) -> list[Comparison]:
        made = []
        for source in sources:
            (got,) = drawn(profile, source)
            said = f"{source.set} {source.column} {got.interval}, level {level:.3g}"
            made.append(_compared((got - level) * side, said, [source], home))
        return made

    return _judge([*sources, home], rule)


def close(tolerance: float | int, *sources: Source, home: Source | None = None) -> Judge:
    """Any two sources differ by at most ``tolerance``: one comparison of all pairs.

    It holds where every pair is surely closer, and fails where one surely is not, corrected for
    the number of pairs: the pair that happens to lie farthest apart is not picked out.
    """

    def rule(profile: str, runs: Runs) -> list[Comparison]:
        found = dict(zip(sources, drawn(profile, *sources, network=network_of(runs)), strict=True))
        gaps = {pair: found[pair[0]] - found[pair[1]] for pair in combinations(sources, 2)}
        room = [
            replace(gap, observed=tolerance - abs(gap.observed), resampled=left)
            for gap in gaps.values()
            for left in [tolerance - np.abs(gap.resampled)]
        ]
        holds, fails = zip(*(one.p_values for one in room), strict=True)
        a, b = max(gaps, key=lambda pair: abs(gaps[pair].observed))
        a, b = (a, b) if gaps[a, b].observed >= 0 else (b, a)
        widest = (found[a] - found[b]).interval
        said = f"largest gap {_name(a, b)} - {_name(b, a)} {widest}; limit {tolerance:.3g}"
        sides = tuple((source,) for source in sources)
        return [Comparison(said, max(holds), min(1.0, len(gaps) * min(fails)), sides, home)]

    return _judge([*sources, home], rule)


def narrower(first: tuple[Source, Source], *others: tuple[Source, Source]) -> Judge:
    """The first pair lies closer together than each other pair: ``a - b`` is smaller."""

    def rule(profile: str, runs: Runs) -> list[Comparison]:
        made = []
        for other in others:
            gaps = _gaps(profile, runs, first, other)
            sets = [source.set for source in first]
            where = f"{' to '.join(sets)}: " if sets == [source.set for source in other] else ""
            names = _name(first[0], other[0]), _name(other[0], first[0])
            change = gaps[0] - gaps[1]
            said = f"{where}gap of {names[0]} - gap of {names[1]} {change.interval}"
            made.append(_compared(-change, said, (*first, *other)))
        return made

    return _judge((source for pair in (first, *others) for source in pair), rule)


def _gaps(
    profile: str, runs: Runs, *pairs: tuple[Source, Source]
) -> list[Drawn]:  # run against run on each set: both saw the same images
    """What each pair's first source has more than its second."""
    network = network_of(runs)
    firsts, seconds = (drawn(profile, *side, network=network) for side in zip(*pairs, strict=True))
    return [a - b for a, b in zip(firsts, seconds, strict=True)]


def steadier(*pairs: tuple[Source, Source]) -> Judge:
    """Each first source varies less with the size of the forged region than its second.

    How much it varies is the range of its means over quarters of the images, sorted by that size.
    """

    def rule(profile: str, runs: Runs) -> list[Comparison]:
        made = []
        for a, b in pairs:
            ours, theirs = drawn_ranges(profile, a, b, network_of(runs))
            change = ours - theirs
            said = (
                f"{a.set}: range over areas {_name(a, b)} {ours.observed:.1f}, "
                f"{_name(b, a)} {theirs.observed:.1f}, difference {change.interval}"
            )
            made.append(_compared(-change, said, (a, b)))
        return made

    return _judge((source for pair in pairs for source in pair), rule)


def keeps(share: float, *pairs: tuple[Source, Source]) -> Judge:
    """Of what the second source has beyond the best blind map, the first has ``share`` or more."""
    return _left(share, pairs, 1)


def loses(share: float, *pairs: tuple[Source, Source]) -> Judge:
    """Of what the second source has beyond the best blind map, the first has less than ``share``.

    The second source is the home of its network: there it must beat the blind controls.
    """
    return _left(share, pairs, -1)


def _left(share: float, pairs: tuple[tuple[Source, Source], ...], side: int) -> Judge:
    def rule(profile: str, runs: Runs) -> list[Comparison]:
        made = []
        for there, here in pairs:
            left, whole = (found for found, _ in beyond_blind(profile, there, here))
            said = (
                f"{there.set}: {left.interval} beyond the best blind control, "
                f"{here.set}: {whole.interval}; {share:.0%} asked"
            )
            margin = (left - whole * share) * side
            made.append(_compared(margin, said, (there, here), home=here))
        return made

    return _judge((source for pair in pairs for source in pair), rule)


Measure = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, str]]


def series(
    measure: Measure,
    *lines: dict[float, Source],
    beyond: bool = False,
    home: Source | None = None,
) -> Judge:
    """A property of means along each line of settings, one of the measures below.

    ``beyond``: of what the means have beyond the best blind control of each set.
    ``measure(x, y) -> (margin, evidence)``, where y holds a row for each draw after one for the
    sample itself, and the property holds where its row's margin is above zero.
    """

    def rule(profile: str, runs: Runs) -> list[Comparison]:
        made = []
        for points in lines:
            if beyond:
                found = [one for one, _ in beyond_blind(profile, *points.values())]
            else:
                found = drawn(profile, *points.values(), network=network_of(runs))
            y = np.stack([np.r_[one.observed, one.resampled] for one in found], 1)
            margin, evidence = measure(np.array(list(points)), y)
            held = Drawn(float(margin[0]), margin[1:], min(one.images for one in found))
            share = float((held.resampled > 0).mean())
            said = f"{evidence}; so in {share:.0%} of resamples"
            made.append(_compared(held, said, points.values(), home))
        return made

    return _judge([*(source for points in lines for source in points.values()), home], rule)


def resampled(
    statistic: Callable[[str], tuple[Drawn, str]], *sources: Source, home: Source | None = None
) -> Judge:
    """Any statistic of the sources' rows: ``statistic(profile) -> (margin, evidence)``."""

    def rule(profile: str, runs: Runs) -> list[Comparison]:
        return [_compared(*statistic(profile), sources, home)]

    return _judge([*sources, home], rule)


def recorded(
    rule: Callable[..., tuple[str, str]],
    fact: str | tuple[str, ...],
    *runs: str,
    constructed: bool = False,
) -> Judge:
    """Facts of each run's record: ``rule(value, ...) -> (HELD, FAILED or OPEN, evidence)``.

    They are of no training, such as a time; ``constructed``: of the code alone, such as a count.
    """
    facts = (fact,) if isinstance(fact, str) else fact
    sources = [Source(run, "run", name, 1.0) for run in runs for name in facts]

    def compare(profile: str, every: Runs) -> list[Comparison]:
        found = [tables.per_seed(profile, source) for source in sources]
        for source, one in zip(sources, found, strict=True):
            if not len(one) or np.isnan(one[0]):
                raise Missing(source)
        outcome, said = rule(*(float(one[0]) for one in found))
        return [Comparison(said, *_SURE[outcome], is_constructed=constructed)]

    return Judge(frozenset(runs), compare)


_SURE = {HELD: (0.0, 1.0), FAILED: (1.0, 0.0), OPEN: (1.0, 1.0)}  # p-values of what has no error


def constructed(said: str) -> Judge:
    """What the claim says is a fact of the code or the maths; ``said`` names the test or proof."""
    fact = Comparison(said, *_SURE[HELD], is_constructed=True)
    return Judge(frozenset(), lambda profile, runs: [fact])


def lacking(said: str) -> Judge:
    """A part of a claim that is not compared yet: the rest can contradict it, but not settle it."""
    part = Comparison(said, *_SURE[OPEN])
    return Judge(frozenset(), lambda profile, runs: [part])


def both(*judges: Judge) -> Judge:
    """The comparisons of several rules, all of one claim."""

    def rule(profile: str, runs: Runs) -> list[Comparison]:
        return [comparison for judge in judges for comparison in judge.rule(profile, runs)]

    return Judge(frozenset().union(*(judge.runs for judge in judges)), rule)


def unjudged(why: str) -> Judge:
    """A claim that nothing here decides yet, with what it would take."""
    return _undecidable(lambda: Verdict("not yet judged", why))


def waiting(*sets: str) -> Judge:
    """A claim about published sets that no stand-in can decide."""

    def verdict() -> Verdict:
        missing = [name for name in sets if not datasets.available(name)]
        if missing:
            return Verdict("needs data", "; ".join(map(datasets.needs, missing)))
        return Verdict("not yet judged", f"{', '.join(sets)}: here, but nothing is scored on it")

    return _undecidable(verdict)


def _undecidable(verdict: Callable[[], Verdict]) -> Judge:
    def rule(profile: str, runs: Runs) -> list[Comparison]:
        raise Undecidable(verdict())

    return Judge(frozenset(), rule)


# Levels ----------------------------------------------------------------------------------------


def half_gain(better: float, worse: float) -> float:
    """The gain that is asked where so much was published.

    >>> half_gain(48.5, 42.5)
    3.0
    """
    return (better - worse) / 2


def half_way(published: float, chance: float) -> float:
    """The level that is asked: half as far from chance as was published.

    >>> half_way(80.0, 50.0)
    65.0
    """
    return chance + (published - chance) / 2


# Names -----------------------------------------------------------------------------------------


def _side_name(side: tuple[Source, ...], other: tuple[Source, ...]) -> str:
    """What tells a side from the other one; of a mean, its first source's name."""
    return _name(side[0], other[0])


def _where(side: tuple[Source, ...]) -> str:
    """The sets and columns over which a side is a mean, or where a single source is from."""
    columns, sets = (some(getattr(source, name) for source in side) for name in ("column", "set"))
    return f"{columns} of {sets}: "


def _name(source: Source, other: Source) -> str:
    """What tells a source from the other one."""
    if source.run != other.run:
        (_, short), (_, theirs) = source.run.split("/"), other.run.split("/")
        name = source.run if short == theirs else short
        return name if source.set == other.set else f"{name} on {source.set}"
    for name in ("set", "column", "kind"):
        if getattr(source, name) != getattr(other, name):
            return getattr(source, name)
    return source.set


# Measures of a series ---------------------------------------------------------------------------

Line = Float[np.ndarray, " P"]  # settings
Lines = Float[np.ndarray, "D P"]  # values at them, a row for the sample and for each draw
Margins = Float[np.ndarray, " D"]


def rising(x: Line, y: Lines) -> tuple[Margins, str]:
    """Values rise with x: their rank correlation (Spearman) is positive."""
    trend = _rank_trend(x, y)
    return trend, f"{np.round(y[0], 1).tolist()}, rank trend {trend[0]:+.2f}"


def falling(x: Line, y: Lines) -> tuple[Margins, str]:
    """Values fall with x: their rank correlation (Spearman) is negative."""
    trend, said = rising(x, y)
    return -trend, said


def _rank_trend(x: Line, y: Lines) -> Margins:
    """Spearman's rank correlation of each row with x; NaN where a row is constant."""
    a, b = _ranks(x), _ranks(y)
    a, b = a - a.mean(), b - b.mean(1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return (b @ a) / np.sqrt((a @ a) * (b * b).sum(1))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks along the last axis, from 0; of equal values, their mean."""
    one, other = values[..., None], values[..., None, :]
    return ((one > other) + 0.5 * (one == other)).sum(-1) - 0.5


LINEAR = 0.9  # of the variance that a straight line explains where a fall is about linear


def linear(x: Line, y: Lines) -> tuple[Margins, str]:
    """Values rise with x, and a straight line explains nine tenths of their variance or more."""
    a, b = x - x.mean(), y - y.mean(1, keepdims=True)
    with np.errstate(invalid="ignore"):
        along = (b @ a) / np.sqrt((a @ a) * (b * b).sum(1))
    explained = along**2
    said = f"{np.round(y[0], 1).tolist()}, a line explains {explained[0]:.0%}"
    return np.where(along > 0, explained, -explained) - LINEAR, said


def slower_than_pixels(x: Line, y: Lines) -> tuple[Margins, str]:
    """More is left than the share of pixels that is left, on average over scales x."""
    whole = int(np.argmax(x))
    more = y - (x / x.max()) ** 2 * y[:, [whole]]
    margin = np.delete(more, whole, axis=1).mean(1)
    return margin, f"{np.round(y[0], 1).tolist()}, {margin[0]:+.1f} beside pixels on average"
