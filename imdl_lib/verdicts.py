"""What a claim's comparisons come to: Holm's correction, the fold, and the conditions.

Each comparison *holds*, is *contradicted* or stays *open*, at 5 % over all comparisons of the claim
(Holm, two-sided). All hold: *reproduced*; some contradicted and none holds: *contradicted*; some of
each: *mixed*; else *undecided*. Such a decision must stay the same without the comparisons that
fail one of these conditions, which are the same for and against; else the first that fails names
the verdict:

1. *undecided (no better than blind)*: on the set that judges, the better side must exceed the best
   blind control by its interval; a classifier, the largest classes. What is no such score (a
   variance, a recall) asks it of the pixel AUC of the same run and set, or of ``home``.
2. *one seed*: two trainings are compared over two seeds each at least. One network with itself
   under another input, a level, or an untrained method need one.
3. *holds at this budget*, *contrary at this budget* (of *mixed*: *undecided*): every trained side
   must have learned (run.json), but for sides that the claim calls weak; and no side may have seen
   more than twice the samples of another of the task judged, masks or classes, over the chain of
   runs that it starts from. Pre-training on another task is named.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from . import tables
from .errors import RegistryError
from .manipulations import HIERARCHY
from .registry import Run, Source, Verdict
from .resampling import DRAWS, FORGED, Drawn, Missing, drawn, mean, values

LISTED = 4  # comparisons that are told one by one, of more those that do not hold; names
HELD, FAILED, OPEN = "holds", "contradicted", "open"
ERROR = 0.05  # over all comparisons of a claim, two-sided
MOST_COMPARISONS = int(ERROR / (2 / (DRAWS + 1)))  # of more, the bootstrap could decide none
CHANCE_AUC = 50.0  # percent
TIMES_THE_SAMPLES = 2  # that one side may have seen of the other's
BLIND, ONE_SEED, BUDGET = "undecided (no better than blind)", "one seed", "budget"  # conditions
CLASSES, MASKS = "classes", "masks"  # what a sample teaches

Runs = Mapping[str, Run]
Failing = dict[str, list[str]]  # conditions that a comparison fails, with reasons


@dataclass(frozen=True)
class Comparison:
    """One thing that a claim says, with how surely stored rows say it or the contrary."""

    said: str
    p_holds: float  # one-sided p-value of what the claim says; small where rows say so
    p_fails: float  # of the contrary
    sides: tuple[tuple[Source, ...], ...] = ()  # what is compared, each the mean of its sources
    home: Source | None = None  # where its network must beat blind controls; None: where judged
    weak: frozenset[str] = frozenset()  # runs that the claim calls weak: they need not have learned
    is_constructed: bool = False  # a fact of the code or the maths

    @property
    def sources(self) -> tuple[Source, ...]:
        """All that is compared; nothing, where it is a fact that needs no network."""
        return tuple(source for side in self.sides for source in side)


# What becomes of comparisons --------------------------------------------------------------------


def outcomes(comparisons: list[Comparison]) -> list[str]:
    """What each comparison comes to, with Holm's correction over all of them.

    Raises:
        RegistryError: there are so many that the bootstrap could decide none.
    """
    count = len(comparisons)
    if count > MOST_COMPARISONS:
        raise RegistryError(
            f"A claim is judged by {count} comparisons. {DRAWS:,} draws can decide "
            f"{MOST_COMPARISONS} at most. Judge the mean of several sources instead."
        )
    two_sided = np.array([min(1.0, 2 * min(c.p_holds, c.p_fails)) for c in comparisons])
    order = np.argsort(two_sided, kind="stable")
    corrected = np.maximum.accumulate(two_sided[order] * (count - np.arange(count)))
    decided = np.empty(count, bool)
    decided[order] = corrected <= ERROR
    sides = [HELD if c.p_holds < c.p_fails else FAILED for c in comparisons]
    return [side if sure else OPEN for side, sure in zip(sides, decided, strict=True)]


def folded(found: list[str]) -> str:
    """One outcome of all of a claim's comparisons."""
    if set(found) == {HELD}:
        return "reproduced"
    if FAILED in found:
        return "mixed" if HELD in found else "contradicted"
    return "undecided"


def settled(profile: str, comparisons: list[Comparison], runs: Runs) -> Verdict:
    """The verdict of a claim's comparisons, with what they say and what holds it back."""
    found = outcomes(comparisons)
    verdict, evidence = folded(found), _told(comparisons, found)
    if verdict == "undecided":
        return Verdict(verdict, evidence)
    failed = [
        _failing(profile, comparison, runs) if outcome != OPEN else {}
        for comparison, outcome in zip(comparisons, found, strict=True)
    ]
    clean = [OPEN if reasons else one for reasons, one in zip(failed, found, strict=True)]
    if folded(clean) != verdict:
        return _held_back(verdict, evidence, failed)
    if all(comparison.is_constructed for comparison in comparisons) and verdict == "reproduced":
        return Verdict("by construction", evidence)
    return Verdict(verdict, evidence + _pre_training(profile, comparisons, runs))


AT_THIS_BUDGET = {
    "reproduced": "holds at this budget",
    "contradicted": "contrary at this budget",
    "mixed": "undecided",
}


def _held_back(verdict: str, evidence: str, failed: list[Failing]) -> Verdict:
    """What a decision becomes by the first condition that fails."""
    first = next(name for name in (BLIND, ONE_SEED, BUDGET) if any(name in f for f in failed))
    reasons = list(dict.fromkeys(reason for f in failed for reason in f.get(first, ())))
    more = f"; {len(reasons) - LISTED} more" if len(reasons) > LISTED else ""
    name = AT_THIS_BUDGET[verdict] if first == BUDGET else first
    return Verdict(name, f"({'; '.join(reasons[:LISTED])}{more}) {evidence}")


def _told(comparisons: list[Comparison], found: list[str]) -> str:
    """What the comparisons say, after a count where there are several."""
    said = [comparison.said for comparison in comparisons]
    if len(said) == 1:
        return said[0]
    counts = f"{found.count(HELD)} of {len(found)} hold, {found.count(FAILED)} contradicted"
    others = [text for text, one in zip(said, found, strict=True) if one != HELD]
    if 0 < len(others) < len(said) > LISTED:
        return f"{counts}; those that do not hold: {'; '.join(others)}"
    return f"{counts}: {'; '.join(said)}"


# Conditions ------------------------------------------------------------------------------------


def _failing(profile: str, comparison: Comparison, runs: Runs) -> Failing:
    """The first condition that a comparison fails, with reasons; empty where it fails none."""
    if not comparison.sources:
        return {}
    conditions = {BLIND: _no_better_than_blind, ONE_SEED: _one_seed, BUDGET: _unequal}
    for name, condition in conditions.items():
        if reasons := condition(profile, comparison, runs):
            return {name: reasons}
    return {}


def _no_better_than_blind(profile: str, comparison: Comparison, runs: Runs) -> list[str]:
    """Why the better side may see no more than a blind control; empty where it surely does."""
    sides = [(comparison.home,)] if comparison.home else comparison.sides
    skills = dict.fromkeys(tuple(dict.fromkeys(map(_skill, side))) for side in sides)
    better = max(skills, key=lambda side: mean(drawn(profile, *side)).observed)
    margins, controls = zip(*beyond_blind(profile, *better), strict=True)
    beyond = mean(margins).interval
    if beyond.low > 0:
        return []
    names, sets = (some([getattr(source, name) for source in better]) for name in ("run", "set"))
    return [f"{names} is no better than {some(controls)} on {sets}: {beyond}"]


def some(names: Iterable[str]) -> str:
    """Different names, of many the first ones."""
    each = list(dict.fromkeys(names))
    more = f" and {len(each) - LISTED} more" if len(each) > LISTED else ""
    return ", ".join(each[:LISTED]) + more


_CLASS_COLUMNS = ("correct_", "top_", "wrong_inside_", "camera_")
_MAPS = {"membership_auc": "pixel_auc", "split_auc": "pixel_auc"}  # what a control's map has
_SCORE_COLUMNS = ("pixel_auc", "pixel_f1", "image_auc", "correct_", "top_", "camera_", *_MAPS)


def _skill(source: Source) -> Source:
    """What tells whether a source's network sees anything: itself where it is such a score."""
    if source.column.startswith("wrong_inside_"):
        return replace(source, column=source.column.replace("wrong_inside", "correct"))
    if source.column.startswith(_SCORE_COLUMNS):
        return source
    return replace(source, column="pixel_auc", scale=100.0, kind="")


def beyond_blind(profile: str, *sources: Source) -> list[tuple[Drawn, str]]:
    """Each score less that of the best blind control of its set, and the control's name.

    All are drawn together. An AUC is held against a half where all controls are below.

    Raises:
        Missing: a source has no rows, or no blind control is scored on its set.
    """
    controls = [_control(profile, source) for source in sources]
    found = drawn(profile, *sources, *(control for control in controls if control))
    own, theirs = found[: len(sources)], iter(found[len(sources) :])
    return [
        _beyond(one, source, (control, next(theirs)) if control else None)
        for one, source, control in zip(own, sources, controls, strict=True)
    ]


def _beyond(one: Drawn, source: Source, control: tuple[Source, Drawn] | None) -> tuple[Drawn, str]:
    if control is None:
        return one - largest_classes(source.column), "its largest classes"
    name, other = control[0].run, control[1]
    if "auc" in source.column and other.observed < CHANCE_AUC:
        return one - CHANCE_AUC, "chance"
    return one - other, name


def _control(profile: str, source: Source) -> Source | None:
    """The best blind control on a source's set; classes are held against the largest, not a map."""
    if source.column.startswith(_CLASS_COLUMNS):
        return None
    values(profile, source)  # what is missing first is the network's own rows
    control = replace(source, column=_MAPS.get(source.column, source.column))
    return replace(control, run=_best_blind(profile, control))


def _best_blind(profile: str, source: Source) -> str:
    """The best blind control's run; of a real set's forged images, on all of it where need be."""
    for name in dict.fromkeys((source.set, source.set.removesuffix(FORGED))):
        if best := tables.best_blind(profile, name, source.column):
            return best[0]
    raise Missing(replace(source, run="a blind control"))


def largest_classes(column: str) -> float:
    """Accuracy in percent of always saying what is most frequent: class, first k, camera.

    Operations and cameras are drawn uniformly.

    >>> largest_classes("top_10"), largest_classes("camera_correct")
    (2.5974025974025974, 10.0)
    """
    if column.startswith("camera_"):
        return 10.0
    number = int(column.rsplit("_", 1)[1])
    leaves = HIERARCHY.shape[1]
    most = number if column.startswith("top_") else np.bincount(HIERARCHY[number]).max()
    return float(100 * most / leaves)


def _one_seed(profile: str, comparison: Comparison, runs: Runs) -> list[str]:
    """Which of several trainings was done once; empty where none was or there is only one."""
    if len(_trained(comparison, runs)) < 2:
        return []
    scored = dict.fromkeys(s.run for s in comparison.sources if network(s.run, runs))
    once = [run for run in scored if len(tables.records(profile, run)) < 2]
    return [f"one seed of {run}" for run in once]


def _unequal(profile: str, comparison: Comparison, runs: Runs) -> list[str]:
    """Which side has not learned, or saw too many samples; empty where all are fit to compare."""
    trained = _trained(comparison, runs)
    reasons = [
        f"{run} is not shown to have learned"
        for run in trained
        if run in _bound(comparison, runs) and not _learned(profile, run)
    ]
    task = _task(comparison)
    seen = {run: _taught(profile, run, task, runs) for run in trained}
    most, least = max(seen, key=seen.get, default=""), min(seen, key=seen.get, default="")
    if seen and seen[most] > TIMES_THE_SAMPLES * seen[least]:
        times = f"{seen[most]:,} samples with {task}, {least} {seen[least]:,}"
        reasons.append(f"{most} saw {times}")
    return reasons


def _bound(comparison: Comparison, runs: Runs) -> set[str]:
    """The trainings that must have learned: all but those of weak sides alone."""
    return {network(s.run, runs) for s in comparison.sources if s.run not in comparison.weak}


def _learned(profile: str, run: str) -> bool:
    """Whether every stored seed of a run is recorded to have learned."""
    found = tables.records(profile, run)
    return bool(found) and all(record.get("learned") for record in found)


def _task(comparison: Comparison) -> str:
    """What the compared scores were taught by."""
    classes = all(s.column.startswith(_CLASS_COLUMNS) for s in comparison.sources)
    return CLASSES if classes else MASKS


def teaches(run: Run) -> str:
    """What a run's training samples teach."""
    return CLASSES if run.kinds == ("operation",) else MASKS


def chain(id: str, runs: Runs) -> list[Run]:
    """A run, the run that it starts from, and so on."""
    found = [runs[id]]
    while found[-1].init_from:
        found.append(runs[found[-1].init_from])
    return found


def network(id: str, runs: Runs) -> str:
    """The training that a run's weights come from; empty where nothing of it is trained."""
    return next((run.id for run in chain(id, runs) if run.is_trained), "")


def network_of(runs: Runs) -> Callable[[str], str]:
    """`network`, by the run's own name where nothing is trained."""
    return lambda id: network(id, runs) or id


def _trained(comparison: Comparison, runs: Runs) -> list[str]:
    """The different trainings that are compared."""
    found = dict.fromkeys(network(source.run, runs) for source in comparison.sources)
    return [run for run in found if run]


def _taught(profile: str, id: str, task: str, runs: Runs) -> int:
    """Samples of a task that a run saw over its chain of starts, by their records."""
    seen = 0
    for run in chain(id, runs):
        if run.is_trained and teaches(run) == task:
            seen += _samples(profile, run.id)
    return seen


def _samples(profile: str, run: str) -> int:
    found = tables.records(profile, run)
    if not found:
        raise Missing(Source(run, "run", "samples"))
    return max(record["samples"] for record in found)


def _pre_training(profile: str, comparisons: list[Comparison], runs: Runs) -> str:
    """What compared networks learned before, of another task than is judged."""
    told = {}
    for comparison in comparisons:
        for id in _trained(comparison, runs):
            for run in chain(id, runs):
                if run.is_trained and teaches(run) != _task(comparison):
                    told[id] = f"{id} starts from {run.id}, {_samples(profile, run.id):,} samples"
    return "".join(f"; {text}" for text in told.values())
