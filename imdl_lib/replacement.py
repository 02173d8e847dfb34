"""A paper's published results, replaced at once by those of a next recipe.

Runs of a next recipe wait in ``results/next`` until all of a paper are there; until then the paper
keeps its rows, items and released weights. Each number that changes is kept beside its successor
in ``results/history.csv``.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from . import evaluate, experiments, files, history, paths, tables
from .errors import DataError
from .history import RESULTS
from .registry import Run

KEPT = (  # means over a set's images, or its pooled value; shares in [0, 1]
    "pixel_auc",
    "pixel_f1_at_half",
    "image_auc",
    "top_1",
    "correct_0",
    "camera_correct",
)
DIGITS = 4
PLACES = ("next", "standard")  # where a run is, or has been moved to by a call that was stopped


@dataclass(frozen=True)
class Stored:
    """One seed of a run in a folder of results."""

    folder: Path
    record: dict[str, Any]

    def means(self) -> dict[tuple[str, str], float]:
        """Each kept column's mean over each set."""
        found = {}
        for name in ("per_image", "pooled"):
            path = self.folder / f"{name}.csv"
            rows = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["set"])
            columns = [column for column in KEPT if column in rows]
            for set, line in rows.groupby("set")[columns].mean().iterrows():
                found |= {(str(set), c): float(v) for c, v in line.items() if np.isfinite(v)}
        return found


def stored(profile: str, run: str) -> dict[int, Stored]:
    """The finished seeds of a run."""
    found = [Stored(f, files.read_json(f / "run.json")) for f in tables.seed_folders(profile, run)]
    return {one.record["seed"]: one for one in found}


def replace(paper: str) -> list[str]:
    """Move a paper's whole next results to the published ones; returns what was rendered.

    Stopped at any point, it goes on where it was when it is called again.

    Raises:
        DataError: a run is not whole in ``results/next``, or the results version was not raised.
    """
    runs = [run for run in experiments.RUNS if run.paper == paper]
    here = [run for run in runs if not experiments.left_out(run, "next")]
    _require_whole(here)
    _require_a_new_version(here)
    for run in here:
        if stored("next", run.id):
            _note(run)
            _move(run)
    _remove_dropped(paper, {run.id for run in runs})
    return _render(paper)


def _require_whole(runs: list[Run]) -> None:
    finished = {
        run.id for p in PLACES for run in runs if evaluate.finished(experiments.job(run.id, p))
    }
    lacking = [run.id for run in runs if run.id not in finished]
    if lacking:
        raise DataError(
            f"{len(lacking)} of {len(runs)} runs are not whole at profile next, the first "
            f"{lacking[0]}. Expected seed 0 of each, scored on every set that is here. "
            f"Run `imdl train --paper {runs[0].paper} --profile next`, then try again."
        )


def _require_a_new_version(here: list[Run]) -> None:
    """Raise DataError where a citation of the version would name two results."""
    mine = {r["identity"] for run in here for p in PLACES for r in tables.records(p, run.id)}
    old = history.read()
    newest = max([1, *old.loc[~old["new_identity"].isin(mine), "results"]])
    if RESULTS <= newest:
        raise DataError(
            f"The results version is {RESULTS}, which names published results. Expected more than "
            f"{newest}. Raise RESULTS in imdl_lib/history.py and tell CHANGELOG.md why."
        )


def _note(run: Run) -> None:
    """Append a run's old and new numbers to the history, once for each results version."""
    before, after, known = stored("standard", run.id), stored("next", run.id), history.read()
    known = known[(known["run"] == run.id) & (known["results"] == RESULTS)]
    fresh = [seed for seed in after if not (known["seed"] == seed).any()]
    history.add(line for seed in fresh for line in _lines(run, before.get(seed), after[seed]))


def _lines(run: Run, old: Stored | None, new: Stored) -> Iterator[dict[str, Any]]:
    before, after = old.means() if old else {}, new.means()
    said = {"run": run.id, "seed": new.record["seed"], "results": RESULTS}
    for age, one in (("old", old), ("new", new)):
        record = one.record if one else {}
        said |= {f"{age}_{name}": record.get(name, "") for name in ("identity", "forging")}
    for set, column in sorted({*before, *after}):
        values = {"old": before.get((set, column)), "new": after.get((set, column))}
        rounded = {age: round(v, DIGITS) for age, v in values.items() if v is not None}
        yield said | {"set": set, "column": column} | rounded


def _move(run: Run) -> None:
    """A run's waiting folder takes the place of the published one, its records with it."""
    waiting, published = paths.results("next") / run.id, paths.results("standard") / run.id
    for record in sorted(waiting.glob("seed*/run.json")):
        files.write_json(record, files.read_json(record) | {"profile": "standard"})
    if published.exists():
        shutil.rmtree(published)
    published.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(waiting, published)


def _remove_dropped(paper: str, kept: set[str]) -> None:
    """Runs that the registry has no longer, and waiting folders that are empty now."""
    for folder in sorted((paths.results("standard") / paper).iterdir()):
        if f"{paper}/{folder.name}" not in kept and any(folder.glob("seed*/run.json")):
            shutil.rmtree(folder)
    if not any((paths.results("next") / paper).glob("*/seed*")):
        for waiting in (paths.results("next"), paths.figures("next")):
            shutil.rmtree(waiting / paper, ignore_errors=True)


def _render(paper: str) -> list[str]:
    """Render the paper's items, and those of other papers that show its runs and are current.

    Claims are judged anew in every paper, for they are held against runs of others too.
    """
    own = {run.id for run in experiments.RUNS if run.paper == paper}
    shown = [
        item.id
        for item in experiments.BY_ID.values()
        if (item.paper == paper or own & {*experiments.needs(item)})
        and experiments.current(item, "standard")
    ]
    made = [experiments.render(id, "standard") for id in shown]
    made += [experiments.judge(name, "standard") for name in experiments.PAPERS]
    return [str(path.relative_to(paths.ROOT)) for path in made]
