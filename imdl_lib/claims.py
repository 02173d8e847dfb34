"""Rules that turn stored rows into verdicts; each is declared beside its claim in a registry.

A comparison is decided by a bootstrap over images (paired where both sides saw the same set):
*reproduced* where the 95 % interval lies wholly on the claimed side, *not reproduced* where it
lies wholly on the other, else *inconclusive*. A network that is no better than chance at what it
was trained for says nothing: *inconclusive (no better than chance)*. What fails on a run that saw
fewer samples than its profile's minimum is *inconclusive (budget)*, never *not reproduced*; nor is
a method *reproduced* as the better one that saw more than twice the samples of the other.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from . import datasets, profiles, standins, tables
from .manipulations import HIERARCHY
from .registry import VERDICTS, Claim, Source, Verdict
from .resampling import TAIL, Missing, difference, drawn, drawn_ranges, mean_of

LISTED = 4  # comparisons of a claim; of more, those that hold are counted only
LARGEST_FAMILY = float(np.bincount(HIERARCHY[0]).max() / HIERARCHY.shape[1])
HELD, FAILED, OPEN = "reproduced", "not reproduced", "inconclusive"


@dataclass(frozen=True)
class Judge:
    """A rule with the runs that it reads; missing rows are turned into their verdict."""

    runs: frozenset[str]
    rule: Callable[[str], Verdict]

    def __call__(self, profile: str) -> Verdict:
        """The verdict at a profile."""
        try:
            return self.rule(profile)
        except Missing as missing:
            if missing.real:
                return Verdict("needs data", datasets.needs(missing.source.set))
            return Verdict("not yet judged", f"{missing.source.run} is not scored yet")


def listed(paper: str, judges: Mapping[str, Judge]) -> tuple[Claim, ...]:
    """All claims of a paper, each with its rule, if any, from ``judges`` by its number."""
    rules = {f"{paper}-{number}": judge for number, judge in judges.items()}
    return tuple(Claim(**row, judge=rules.get(row["id"])) for row in tables.claims(paper))


def _judge(sources: Iterable[Source], rule: Callable[[str, list[str]], Verdict]) -> Judge:
    """A rule that is told the runs of its sources."""
    runs = sorted({source.run for source in sources})
    return Judge(frozenset(runs), lambda profile: rule(profile, runs))


def higher(*pairs: tuple[Source, Source], by: float | int = 0.0) -> Judge:
    """Each first source exceeds its second by more than ``by`` (in the sources' unit)."""

    def rule(profile: str, runs: list[str]) -> Verdict:
        said, verdicts = [], []
        several = len({(a.set, a.column) for a, _ in pairs}) > 1
        for a, b in pairs:
            change = difference(profile, a, b)
            ahead = _head_start(profile, a, b)
            held = HELD if not ahead else OPEN
            verdicts.append(held if change.low > by else FAILED if change.high < by else OPEN)
            where = f"{a.column} of {a.set}: " if several and a.run != b.run else ""
            said.append(f"{where}{_name(a, b)} - {_name(b, a)} {change}{ahead}")
        better = [a.run for a, _ in pairs]  # that the other is no better than chance is no matter
        return decided(profile, verdicts, said, runs, better)

    return _judge((source for pair in pairs for source in pair), rule)


def close(tolerance: float | int, *sources: Source) -> Judge:
    """Any two sources differ by at most ``tolerance``."""

    def rule(profile: str, runs: list[str]) -> Verdict:
        means = {s: drawn(profile, s)[0].observed for s in sources}
        worst, *_, best = sorted(means, key=means.get)  # two sources even where all are equal
        gap = difference(profile, best, worst)
        verdict = HELD if gap.high <= tolerance else FAILED if gap.low > tolerance else OPEN
        if not any(means.values()):  # none finds anything, which makes them no equals
            verdict = OPEN
        said = f"largest gap {_name(best, worst)} - {_name(worst, best)} {gap}; limit {tolerance:g}"
        return decided(profile, [verdict], [said], runs)

    return _judge(sources, rule)


def above(level: float | int, *sources: Source) -> Judge:
    """The mean of each source lies above ``level``."""
    return _beside(level, sources, 1)


def below(level: float | int, *sources: Source) -> Judge:
    """The mean of each source lies below ``level``."""
    return _beside(level, sources, -1)


def _beside(level: float | int, sources: tuple[Source, ...], side: int) -> Judge:
    def rule(profile: str, runs: list[str]) -> Verdict:
        verdicts, said = [], []
        for source in sources:
            got = drawn(profile, source)[0].interval
            over, under = got.low > level, got.high < level
            held, failed = (over, under) if side > 0 else (under, over)
            verdicts.append(HELD if held else FAILED if failed else OPEN)
            said.append(f"{source.set} {source.column} {got}, level {level:g}")
        return decided(profile, verdicts, said, runs)

    return _judge(sources, rule)


def narrower(first: tuple[Source, Source], *others: tuple[Source, Source]) -> Judge:
    """The first pair lies closer together than each other pair: ``a - b`` is smaller."""

    def rule(profile: str, runs: list[str]) -> Verdict:
        said, verdicts = [], []
        for other in others:
            gaps = [drawn(profile, a, b) for a, b in zip(first, other, strict=True)]
            (a, b), (c, d) = gaps  # paired run against run: both saw the same images
            change = ((a - b) - (c - d)).interval
            verdicts.append(HELD if change.high < 0 else FAILED if change.low > 0 else OPEN)
            sets = [source.set for source in first]
            where = f"{' to '.join(sets)}: " if sets == [source.set for source in other] else ""
            names = _name(first[0], other[0]), _name(other[0], first[0])
            said.append(f"{where}gap of {names[0]} - gap of {names[1]} {change}")
        return decided(profile, verdicts, said, runs)

    return _judge((source for pair in (first, *others) for source in pair), rule)


def steadier(*pairs: tuple[Source, Source]) -> Judge:
    """Each first source varies less with the size of the forged region than its second.

    How much it varies is the range of its means over quarters of the images, sorted by that size.
    """

    def rule(profile: str, runs: list[str]) -> Verdict:
        said, verdicts = [], []
        for a, b in pairs:
            ours, theirs = drawn_ranges(profile, a, b)
            change = (ours - theirs).interval
            verdicts.append(HELD if change.high < 0 else FAILED if change.low > 0 else OPEN)
            said.append(
                f"{a.set}: range over areas {_name(a, b)} {ours.observed:.1f}, "
                f"{_name(b, a)} {theirs.observed:.1f}, difference {change}"
            )
        return decided(profile, verdicts, said, runs)

    return _judge((source for pair in pairs for source in pair), rule)


def series(
    measure: Callable[[np.ndarray, np.ndarray], tuple[bool, str]], *lines: dict[float, Source]
) -> Judge:
    """A property of means along each line of settings: ``measure(x, y) -> (holds, evidence)``.

    It must hold in nearly all resamples of the images; those that all settings share are
    resampled together.
    """

    def rule(profile: str, runs: list[str]) -> Verdict:
        said, verdicts = [], []
        for points in lines:
            x = np.array(list(points))
            found = drawn(profile, *points.values())
            each = np.stack([point.resampled for point in found], 1)
            share = float(np.mean([measure(x, y)[0] for y in each]))
            verdicts.append(by_share(share))
            evidence = measure(x, np.array([point.observed for point in found]))[1]
            said.append(f"{evidence}; so in {share:.0%} of resamples")
        return decided(profile, verdicts, said, runs)

    return _judge((source for points in lines for source in points.values()), rule)


def by_share(share: float) -> str:
    """A verdict from the share of resamples in which a claim holds."""
    return HELD if share >= 1 - TAIL else FAILED if share <= TAIL else OPEN


def recorded(rule: Callable[..., tuple[str, str]], fact: str, *runs: str) -> Judge:
    """A verdict from one fact of each run's record: ``rule(value, ...) -> (verdict, evidence)``."""

    def judge(profile: str) -> Verdict:
        values = [tables.per_seed(profile, Source(run, "run", fact, 1.0)) for run in runs]
        for run, found in zip(runs, values, strict=True):
            if not len(found) or np.isnan(found[0]):
                raise Missing(Source(run, "run", fact), real=False)
        return Verdict(*rule(*(float(found[0]) for found in values)))

    return Judge(frozenset(runs), judge)


def both(*judges: Judge) -> Judge:
    """Several rules that must all hold."""

    def rule(profile: str) -> Verdict:
        said = [judge(profile) for judge in judges]
        order = [v for v in VERDICTS if v != HELD]
        worst = next((v for v in order if v in {one.verdict for one in said}), HELD)
        return Verdict(worst, "; ".join(one.evidence for one in said))

    return Judge(frozenset().union(*(judge.runs for judge in judges)), rule)


def unjudged(why: str) -> Judge:
    """A claim that nothing here can decide, with the reason."""
    return Judge(frozenset(), lambda profile: Verdict("not yet judged", why))


def waiting(*sets: str) -> Judge:
    """A claim about published sets that no stand-in can decide."""

    def rule(profile: str) -> Verdict:
        missing = [name for name in sets if not datasets.available(name)]
        if missing:
            return Verdict("needs data", "; ".join(map(datasets.needs, missing)))
        return Verdict("not yet judged", "the sets are here; no rule has been written")

    return Judge(frozenset(), rule)


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


def decided(
    profile: str,
    verdicts: list[str],
    said: list[str],
    runs: list[str],
    better: list[str] | None = None,
) -> Verdict:
    """One verdict of several: all must hold; too small a budget excuses a failure.

    ``better`` names the runs that must be better than chance; without it all must.
    """
    verdict = FAILED if FAILED in verdicts else OPEN if OPEN in verdicts else HELD
    evidence = "; ".join(said)
    if len(verdicts) > 1:
        told = f"{verdicts.count(HELD)} of {len(verdicts)} hold"
        others = [text for one, text in zip(verdicts, said, strict=True) if one != HELD]
        if 0 < len(others) < len(said) > LISTED:
            evidence = f"{told}; the others: {'; '.join(others)}"
        else:
            evidence = f"{told}: {evidence}"
    if blind := sorted(run for run in set(better or runs) if at_chance(profile, run)):
        return Verdict(OPEN, f"(no better than chance: {', '.join(blind)}) {evidence}")
    if verdict == FAILED and below_budget(profile, runs):
        return Verdict(OPEN, f"(budget) {evidence}")
    return Verdict(verdict, evidence)


def at_chance(profile: str, run: str) -> bool:
    """Whether a run is no better than chance on the kind of images that it was trained on.

    Chance is an AUC of .5, or always saying the largest of the seven families.
    """
    found = tables.rows(profile, run)
    if "correct_0" in found:
        column, chance, sets = "correct_0", LARGEST_FAMILY, ["operations"]
    else:
        column, chance, sets = "pixel_auc", 0.5, _like_training(set(found["set"]))
    if column not in found:
        return False
    sample = found.loc[found["set"].isin(sets), column].dropna().to_numpy()
    if not len(sample):
        return False
    got = mean_of(sample)
    return got.low <= chance


def _like_training(names: set[str]) -> list[str]:
    """Sets forged as training images are; where a run has none, all that are not distorted."""
    tests = [standins.SETS[n] for n in names & standins.SETS.keys()]
    plain = [s.name for s in tests if s.part == "test" and not s.distortion]
    return [name for name in plain if name.startswith("four_kinds")] or plain


def below_budget(profile: str, runs: list[str]) -> bool:
    """Whether a trained run among ``runs`` saw fewer samples than the profile's minimum."""
    minimum = profiles.profile(profile).minimum_samples
    return any(0 < _seen(profile, run) < minimum for run in runs)


def _seen(profile: str, run: str) -> int:
    """Training samples that a run saw; 0 where it is not trained."""
    return min((record["samples"] for record in tables.records(profile, run)), default=0)


def _head_start(profile: str, a: Source, b: Source) -> str:
    """What to say where a run saw more than twice the samples of the other; else nothing."""
    ours, theirs = _seen(profile, a.run), _seen(profile, b.run)
    return f" (from {ours / theirs:.1f} times the samples)" if ours > 2 * theirs > 0 else ""


# Measures of a series


def linear(x: np.ndarray, y: np.ndarray) -> tuple[bool, str]:
    """Whether y rises with x, and a straight line fits no worse than a square."""
    if np.ptp(y) == 0:
        return False, "nothing changes"
    left = {}
    for name, base in (("line", x), ("square", x**2)):
        slope, start = np.polyfit(base, y, 1)
        left[name] = float(((y - slope * base - start) ** 2).sum())
    rises = np.corrcoef(x, y)[0, 1] > 0
    total = float(((y - y.mean()) ** 2).sum())
    fits = ", ".join(f"a {name} explains {1 - rest / total:.0%}" for name, rest in left.items())
    return bool(rises and left["line"] <= left["square"]), fits


def slower_than_pixels(x: np.ndarray, y: np.ndarray) -> tuple[bool, str]:
    """Whether what is left above chance exceeds the share of pixels left, at every scale."""
    left = (y - 50) / (y[np.argmax(x)] - 50)
    pixels = (x / x.max()) ** 2
    return bool((left[:-1] > pixels[:-1]).all()), f"left above chance {np.round(left, 2).tolist()}"


def rising(x: np.ndarray, y: np.ndarray) -> tuple[bool, str]:
    """Whether a series rises from its first to its last point, by rank correlation."""
    trend = _rank_trend(x, y)
    return bool(trend > 0.6 and y[-1] > y[0]), _along(y, trend)


def falling(x: np.ndarray, y: np.ndarray) -> tuple[bool, str]:
    """Whether a series falls from its first to its last point, by rank correlation."""
    trend = _rank_trend(x, y)
    return bool(trend < -0.6 and y[-1] < y[0]), _along(y, trend)


def _rank_trend(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(x, np.argsort(np.argsort(y)))[0, 1])


def _along(y: np.ndarray, trend: float) -> str:
    return f"{np.round(y, 1).tolist()}, rank trend {trend:.2f}"
