"""What an experiment is made of: runs, tables, figures, claims. Plain records; no torch."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from . import kinds
from .profiles import Profile

DECIDED = ("reproduced", "contradicted", "mixed")
VERDICTS = (  # all that can become of a claim
    *DECIDED,
    "undecided",
    "undecided (no better than blind)",
    "one seed",
    "holds at this budget",
    "contrary at this budget",
    "by construction",
    "needs data",
    "not yet judged",
    "quick (not judged)",
)


BEST_BLIND = "blind/best"  # stands for the best of these, set by set and column by column
BLIND = tuple(  # runs of the maps that know nothing of forgeries, whatever the paper
    f"blind/{name}"
    for name in (
        "centre",
        "deviation",
        "inverse-deviation",
        "high-pass",
        "inverse-high-pass",
        "saliency",
        "features",
        "mean-mask",
    )
)


@dataclass(frozen=True)
class Run:
    """One network, trained and scored."""

    id: str  # "<paper>/<name>"
    stage: str  # a key of jobs.STAGES
    config: Mapping[str, Any]  # what differs from the paper's Config
    kinds: tuple[str, ...]  # what it is trained on, keys of kinds.KINDS; none: it is not trained
    tests: tuple[str, ...]  # names in standins.SETS, or real sets, or parts of them
    jpeg_quality: tuple[int, int] | None = None  # last step of its training images
    init_from: str | None = None  # a run whose tensors it, or its base, starts from by name
    frozen: bool = False  # those tensors are not trained
    init_rate: float = 1.0  # those tensors' learning rate, as a share of the run's
    trained_on: str | None = None  # instead of kinds: a stand-in, or a real set with a split
    label_noise: float = 0.0  # share of its training images whose masks are emptied
    chosen_on: str | None = None  # stand-in that chooses the checkpoint; default: like training
    keep: bool = False  # its weights are committed
    long: bool = False  # the released models' size and budget apply
    thorough: bool = False  # a cheap one: the budget that lets a claim fail applies
    columns: tuple[str, ...] = ()  # of its rows, all that is stored; none named: whatever there is
    quick_tests: tuple[str, ...] | None = None  # in place of ``tests`` at the quick profile
    version: int = 2  # raised when the recipe's meaning changes

    @property
    def paper(self) -> str:
        """The id of the paper that owns it; ``blind`` for the controls, which are of none."""
        return self.id.split("/")[0]

    @property
    def is_trained(self) -> bool:
        """Whether it has weights of its own; otherwise it needs none or borrows all."""
        return bool(self.kinds or self.trained_on)

    def tests_at(self, profile: Profile) -> tuple[str, ...]:
        """The sets on which it is scored at a profile."""
        fewer = profile.name == "quick" and self.quick_tests is not None
        return self.quick_tests if fewer else self.tests

    def samples(self, profile: Profile) -> int:
        """Training samples seen at a profile."""
        if not self.is_trained:
            return 0
        if self.kinds == ("operation",):
            return profile.operation_samples
        if self.thorough:
            return profile.thorough_samples
        return profile.released_samples if self.long else profile.forged_samples

    def size_px(self, profile: Profile) -> int:
        """Side of the training images at a profile."""
        return profile.released_size_px if self.long else profile.size_px


def identity(run: Run, profile: Profile, seed: int, runs: Mapping[str, Run]) -> str:
    """Hash of all that a run and a profile say of its weights, but of no source text.

    What a forged sample rests on is in it by its versions, for runs that are trained. Who alters
    something else that decides what is learned, raises ``Run.version``.
    """
    start = identity(runs[run.init_from], profile, seed, runs) if run.init_from else None
    decides = {
        "stage": run.stage,
        "config": dict(run.config),
        "kinds": run.kinds,
        "jpeg_quality": run.jpeg_quality,
        "start": [start, run.frozen, run.init_rate],
        "schedule": [run.samples(profile), run.size_px(profile), _schedule(profile)],
        "seed": seed,
        "version": run.version,
    }
    if run.is_trained:
        decides["forging"] = kinds.versions()
    later = {name: getattr(run, name) for name in ("chosen_on", "trained_on", "label_noise")}
    decides |= {name: value for name, value in later.items() if value}  # older hashes stay valid
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]


def _schedule(profile: Profile) -> dict[str, Any]:
    keys = ("sources", "width", "batch", "learning_rate", "schedule", "precision")
    keys += ("operation_count", "forged_count")
    return {key: value for key, value in asdict(profile).items() if key in keys}


@dataclass(frozen=True)
class Source:
    """Where a value of ours comes from: an aggregate over a run's stored rows of one set."""

    run: str
    set: str  # a set's name; "run" = run.json; "pooled/<set>" = pooled.csv
    column: str
    scale: float | int = 100.0
    real: bool = False  # the set is the published one, not a stand-in
    kind: str = ""  # only images of this kind, such as "pristine"


@dataclass(frozen=True)
class Cell:
    """One cell: what was printed, what is ours, and why it is empty where it is."""

    row: str
    column: str
    metric: str  # as in results/published/<paper>.csv
    sources: tuple[Source, ...] = ()
    why: str = ""  # said where there is no value of ours
    setting: Callable[[str], str] | None = None  # ours of a setting: profile -> text


@dataclass(frozen=True)
class Table:
    """A published table and how it is filled again."""

    id: str
    number: str  # "Table 2"
    caption: str
    protocol: str
    cells: tuple[Cell, ...]
    decimals: int = 1  # of what is no ratio
    rerun_tol: float = 0.05  # of the stored value, a regression guard

    @property
    def paper(self) -> str:
        """The paper's id."""
        return self.id.split("/")[0]


@dataclass(frozen=True)
class Figure:
    """A published figure and how it is drawn again."""

    id: str
    number: str
    caption: str
    needs: tuple[str, ...]  # run ids
    data: Callable[[str], dict[str, Any]]  # profile -> named arrays, stored as NPZ
    draw: Callable[[dict[str, Any]], Any]  # those arrays -> a matplotlib figure

    @property
    def paper(self) -> str:
        """The paper's id."""
        return self.id.split("/")[0]


def run_id(paper: str, name: str) -> str:
    """A run's id; a name without a paper is of ``paper``'s own."""
    return name if "/" in name else f"{paper}/{name}"


def figure(
    paper: str, number: int, caption: str, needs: tuple[str, ...], data: Any, draw: Any
) -> Figure:
    """A published figure by its number, with the names of the runs that it needs."""
    runs = tuple(run_id(paper, name) for name in needs)
    return Figure(f"{paper}/figure-{number}", f"Figure {number}", caption, runs, data, draw)


@dataclass(frozen=True)
class Verdict:
    """What the stored rows say about a claim."""

    verdict: str  # one of VERDICTS
    evidence: str = ""
    was: str = ""  # by an earlier rule, where it was changed after rows had been scored


@dataclass(frozen=True)
class Claim:
    """A published claim, in our words, with the rule that judges it."""

    id: str
    place: str
    statement: str
    test: str
    judge: Callable[[str, Mapping[str, Run]], Verdict] | None = field(default=None, repr=False)

    @property
    def paper(self) -> str:
        """The paper's id."""
        return self.id.split("-")[0]
