"""Stored rows and published numbers in, a filled table out; nothing is computed twice."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from . import checksums, datasets, files, paths, standins
from .errors import DataError, RegistryError
from .registry import BEST_BLIND, BLIND, Cell, Source, Table

COLUMNS = ("row", "column", "metric", "published", "unit", "real", "real_low", "real_high")
COLUMNS += ("stand_in", "seeds", "setting", "why", "control")
NO_CONTROL = "-"
DISTORTED = frozenset(name for name, one in standins.SETS.items() if one.distortion)
DIGITS = {"ratio": 2, "images": 0, "layers": 0, "classes": 0, "px": 0}  # by unit


@cache
def published(paper: str) -> pd.DataFrame:
    """Every number printed in a paper's tables, as text, blank where none is printed."""
    return pd.read_csv(paths.PUBLISHED / f"{paper}.csv", dtype=str, keep_default_na=False)


def printed(paper: str, number: str) -> list[tuple[str, str, str]]:
    """Row, column and metric of every cell of a published table."""
    found = published(paper)
    keys = found.loc[found["table"] == number, ["row", "column", "metric"]]
    return [tuple(key) for key in keys.itertuples(index=False)]


def printed_value(paper: str, number: str, row: str, column: str, metric: str) -> float:
    """One number of a published table, in the unit in which it is printed.

    Raises:
        RegistryError: there is no such cell, or no number is printed in it.
    """
    found = published(paper)
    wanted = {"table": number, "row": row, "column": column, "metric": metric}
    for name, value in wanted.items():
        found = found[found[name] == value]
    if len(found) != 1 or not found["value"].iloc[0]:
        raise RegistryError(
            f"No number of {paper}, {number}, is printed at {row} / {column} / {metric}. "
            f"Expected one cell with a value, found {len(found)} cells. "
            f"Look it up in results/published/{paper}.csv."
        )
    return float(found["value"].iloc[0])


def claims(paper: str) -> list[dict[str, str]]:
    """A paper's claims: id, place, statement in our words, the comparison that tests it."""
    found = pd.read_csv(paths.PUBLISHED / "claims.csv", dtype=str)
    found = found[found["paper"] == paper].rename(columns={"claim_id": "id"})
    return found[["id", "place", "statement", "test"]].to_dict("records")


def seed_folders(profile: str, run: str) -> list[Path]:
    """Folders of a run's finished seeds."""
    return sorted(p.parent for p in (paths.results(profile) / run).glob("seed*/run.json"))


def rows(profile: str, run: str, name: str = "per_image") -> pd.DataFrame:
    """A run's stored rows over all seeds, with a ``seed`` column; empty where it has none."""
    frames = [
        _read(path, version).assign(seed=path.parent.name)
        for path, version in stamps(profile, run, name)
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["set", "seed"])


Stamp = tuple[Path, tuple[int, int]]  # a file, its time of change in ns and its bytes


def stamps(profile: str, run: str, name: str = "per_image") -> tuple[Stamp, ...]:
    """The files of a run's stored rows, with what changes when one is written anew."""
    found = [folder / f"{name}.csv" for folder in seed_folders(profile, run)]
    return tuple(
        (path, (path.stat().st_mtime_ns, path.stat().st_size)) for path in found if path.exists()
    )


@lru_cache(maxsize=512)  # a table asks for the same rows cell by cell
def _read(path: Path, version: tuple[int, int]) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"image": str})


def scored(profile: str, run: str, set: str, column: str) -> pd.DataFrame:
    """A run's stored rows of one set, or of all below ``<name>/*``, with a certain column.

    Raises:
        DataError: there are none.
    """
    found = rows(profile, run)
    found = found[in_set(found["set"], set)] if len(found) else found
    if not len(found) or column not in found:
        raise DataError(
            f"No rows of {run} on {set} with the column {column} are stored at profile {profile}. "
            f"Run `imdl train {run} --profile {profile}` first."
        )
    return found


def records(profile: str, run: str) -> list[dict[str, Any]]:
    """The run.json of a run's finished seeds."""
    return [files.read_json(folder / "run.json") for folder in seed_folders(profile, run)]


def per_seed(profile: str, source: Source) -> np.ndarray:
    """The source's value for each finished seed, scaled; NaN where a seed has none.

    A set that ends in ``/*`` is the mean over the sets of that name, so each weighs the same.
    """
    if source.set == "run":
        values = [record.get(source.column) for record in records(profile, source.run)]
        return source.scale * np.array([np.nan if v is None else v for v in values], float)
    of_a_set = source.column.startswith("image_") or source.column.endswith(("_pooled", "_per_set"))
    name = "pooled" if of_a_set else "per_image"
    found = rows(profile, source.run, name)
    if source.column not in found:
        return np.array([])
    by_set = found[chosen(found, source)].groupby(["seed", "set"])[source.column].mean()
    return source.scale * by_set.groupby("seed").mean().to_numpy()


def best_blind(profile: str, set: str, column: str) -> tuple[str, float] | None:
    """The best blind control (`baselines.blind`) on a set, by a column where more is better.

    What does not exceed it has not been shown to look at the image.

    Args:
        set: its name, or ``<name>/*`` for the mean over the sets below.
        column: as in ``Source``, such as ``pixel_auc`` or ``pixel_f1_best_per_set``.
    Returns:
        its run's id and its mean over the set, as stored (in [0, 1]); None where no control has
        rows of the set.
    """
    found = {run: per_seed(profile, Source(run, set, column, 1.0)) for run in BLIND}
    means = {run: float(np.nanmean(v)) for run, v in found.items() if np.isfinite(v).any()}
    return max(means.items(), key=lambda one: one[1]) if means else None


def in_set(names: pd.Series, wanted: str) -> pd.Series:
    """Which rows are of a set, or of any below ``<name>/*`` but distorted ones.

    >>> names = pd.Series(["four_kinds", "four_kinds/splice", "four_kinds/jpeg=50"])
    >>> in_set(names, "four_kinds/*").tolist()
    [False, True, False]
    """
    if not wanted.endswith("/*"):
        return names == wanted
    return names.str.startswith(wanted[:-1]) & ~names.isin(DISTORTED)


def chosen(found: pd.DataFrame, source: Source) -> pd.Series:
    """Which rows a source is about."""
    own = in_set(found["set"], source.set)
    return own & (found["kind"] == source.kind) if source.kind else own


Key = tuple[str, str, str]  # row, column and metric
Sources = dict[Key, tuple[Source, ...]]
Settings = dict[Key, Callable[[str], str]]  # profile -> text
Interval = Callable[[str, Source], tuple[float, float]]  # profile, source -> 95 % limits
UNKNOWN = (np.nan, np.nan)


def cells(
    paper: str, number: str, sources: Sources, settings: Settings, why: str
) -> tuple[Cell, ...]:
    """Every printed cell of a table, then ours alone; with what fills it, or why nothing does."""
    keys = dict.fromkeys((*printed(paper, number), *sources))
    return tuple(Cell(*key, sources.get(key, ()), why, settings.get(key)) for key in keys)


def table(
    paper: str,
    number: str,
    caption: str,
    protocol: str,
    sources: Sources,
    why: str = "reported only",
    settings: Settings | None = None,
) -> Table:
    """A published table by its printed number, with all its printed cells.

    Below whatever scores pixels stands the best blind control of its column.
    """
    sources = sources | best_blind_row(sources)
    filled = cells(paper, f"Table {number}", sources, settings or {}, why)
    return Table(f"{paper}/table-{number.lower()}", f"Table {number}", caption, protocol, filled)


def best_blind_row(sources: Sources) -> Sources:
    """What the best blind control scores in each column of pixel scores, on the column's sets.

    Rows of the form ``<set>: <method>`` have one for each set.

    >>> of = {("X: ours", "AUC", "pixel AUC"): (Source("a/b", "x", "pixel_auc"),)}
    >>> [(key, source.run) for key, (source,) in best_blind_row(of).items()]
    [(('X: best blind control', 'AUC', 'pixel AUC'), 'blind/best')]
    """
    found: dict[Key, dict[bool, Source]] = {}
    for (row, column, metric), cell in sources.items():
        own, colon, _ = row.rpartition(": ")
        of_pixels = [source for source in cell if source.column.startswith("pixel_")]
        for source in of_pixels:  # the first of each side: other sets of a column are its parts
            sides = found.setdefault((f"{own}{colon}best blind control", column, metric), {})
            sides.setdefault(source.real, replace(source, run=BEST_BLIND))
    return {key: tuple(sides.values()) for key, sides in found.items()}


def fill(
    table: Table,
    profile: str,
    *,
    settings: bool = True,
    interval: Interval = lambda profile, source: UNKNOWN,
) -> pd.DataFrame:
    """One line per cell: published, ours on the real set, ours on the stand-in, or why not.

    Args:
        settings: ours are read too, from networks that may have to be built.
        interval: of each value on a real set; NaN where it has none.
    """
    lines = [_line(table.paper, table.number, cell, profile, interval) for cell in table.cells]
    asked = [cell.setting if settings else None for cell in table.cells]
    filled = pd.DataFrame(lines, columns=COLUMNS)
    return filled.assign(setting=[ask(profile) if ask else "" for ask in asked])


def _line(paper: str, number: str, cell: Cell, profile: str, interval: Interval) -> dict[str, Any]:
    printed = published(paper)
    same = (printed["table"] == number) & (printed["row"] == cell.row)
    same &= (printed["column"] == cell.column) & (printed["metric"] == cell.metric)
    line: dict[str, Any] = {"row": cell.row, "column": cell.column, "metric": cell.metric}
    line |= {"published": "", "unit": "", "real": np.nan, "stand_in": np.nan, "seeds": 0}
    line["real_low"], line["real_high"] = UNKNOWN
    if same.any():
        line |= (
            printed.loc[same, ["value", "unit"]].iloc[0].rename({"value": "published"}).to_dict()
        )
    cell, line["control"] = _with_best_blind(cell, profile)
    for source in cell.sources:
        values = per_seed(profile, source)
        if len(values) and np.isfinite(values).any():
            line[_side(source)] = float(np.nanmean(values))
            line["seeds"] = len(values)
            if source.real:
                line["real_low"], line["real_high"] = interval(profile, source)
    line["why"] = _why(cell, line, profile)
    return line


def _with_best_blind(cell: Cell, profile: str) -> tuple[Cell, str]:
    """The cell with the controls that are the best ones, and their names: real | stand-in."""
    names: dict[str, str] = {}
    sources = list(cell.sources)
    for number, source in enumerate(sources):
        if source.run == BEST_BLIND:
            run, _ = best_blind(profile, source.set, source.column) or (source.run, None)
            sources[number] = replace(source, run=run)
            names[_side(source)] = NO_CONTROL if run == BEST_BLIND else run.partition("/")[2]
    shown = (names.get(side, NO_CONTROL) for side in ("real", "stand_in"))
    return replace(cell, sources=tuple(sources)), " | ".join(shown) if names else ""


def _why(cell: Cell, line: dict[str, Any], profile: str) -> str:
    """Why a value of ours is missing; empty where none is."""
    if not cell.sources:
        return "" if cell.setting else cell.why
    missing = [source for source in cell.sources if np.isnan(line[_side(source)])]
    if not missing:
        return ""
    real = [source for source in missing if source.real]
    return _needs(real[0], profile) if real else _unfinished(missing[0], profile)


def _unfinished(source: Source, profile: str) -> str:
    if records(profile, source.run):
        return "not among its run's stored rows"
    return "its run is not finished at this profile"


def _needs(source: Source, profile: str) -> str:
    """What a value on a real set lacks; the weights too, of a run that is stored without them."""
    needed, fetched = (
        datasets.needs(source.set),
        datasets.spec_of(source.set).name in checksums.SETS,
    )
    if fetched and _bare(profile, source):
        return needed.replace(":", " and the run's weights:")
    return needed


def _bare(profile: str, source: Source) -> bool:
    """Whether a network is stored by its rows alone."""
    stored = zip(seed_folders(profile, source.run), records(profile, source.run), strict=True)
    return any(
        "paper_parameters" in record and not (folder / "weights.safetensors").exists()
        for folder, record in stored
    )


def _side(source: Source) -> str:
    return "real" if source.real else "stand_in"


@dataclass(frozen=True)
class Counts:
    """Cells by what they hold: a value of ours, none yet, or what others printed or anyone sets."""

    ours: int = 0  # run again: on a real set, on a stand-in, or on the live network
    measurable: int = 0  # could be: by a run, or with data or weights that the cell names
    quoted: int = 0  # numbers and facts of others; settings, ours beside them or not

    def __str__(self) -> str:
        return f"{self.ours} ours, {self.measurable} measurable, {self.quoted} quoted"


def counted(table: Table, filled: pd.DataFrame) -> Counts:
    """Cells of each sort; one that the paper leaves blank, too, is of none."""
    ours = (filled["seeds"] > 0).to_numpy()
    could = [bool(cell.sources) or cell.why.startswith("needs") for cell in table.cells]
    measurable = ~ours & np.array(could)
    held = (filled["published"] != "").to_numpy() | [bool(cell.setting) for cell in table.cells]
    return Counts(*(int(sort.sum()) for sort in (ours, measurable, ~ours & ~measurable & held)))


def text(table: Table, filled: pd.DataFrame, profile: str) -> str:
    """The table as plain text, in the paper's rows and columns, with why cells are empty.

    A cell reads *published | ours on the real set | ours on the stand-in*; of a setting, *published
    | ours*.
    """
    head = [
        f"{table.number}. {table.caption}",
        f"profile {profile}, seeds {int(filled['seeds'].max())}, cells: {counted(table, filled)}",
        *textwrap.wrap(f"Ours: {table.protocol}.", 110),
    ]
    shown = filled.assign(
        cell=[_cell(line, table, profile) for line in filled.to_dict("records")],
        row=_labels(filled),
    )
    if (filled["unit"] == "text").all():  # a table of quoted facts
        grid = shown.pivot_table("cell", "row", "metric", "first", sort=False)
    else:
        settings = "; a setting: published | ours" if (filled["setting"] != "").any() else ""
        head.append(f"A cell: published | ours on the real set | ours on the stand-in{settings}.")
        if filled["real_low"].notna().any():
            head.append("± is half of the 95 % interval over host photos.")
        grid = shown.pivot_table("cell", "row", "column", "first", sort=False)
    grid.index.name = grid.columns.name = None
    notes = [*_controls(filled), *_reasons(filled)]
    return "\n".join([*head, "", grid.fillna("").to_string(), *notes])


def _cell(line: dict[str, Any], table: Table, profile: str) -> str:
    printed = line["published"] or "-"
    if line["unit"] == "text":
        return textwrap.shorten(printed, 24, placeholder=" …")
    if line["setting"]:
        return f"{printed} | {line['setting']}"
    if profile == "quick" and line["seeds"]:
        printed = "quick"  # a quick value is never set beside a published one
    digits = DIGITS.get(line["unit"], table.decimals)
    real, stand_in = (
        "-" if np.isnan(v) else f"{v:.{digits}f}" for v in (line["real"], line["stand_in"])
    )
    if np.isfinite(line["real_low"]):
        real += f" ±{(line['real_high'] - line['real_low']) / 2:.{digits}f}"
    return f"{printed} | {real} | {stand_in}"


def _labels(filled: pd.DataFrame) -> pd.Series:
    """Rows, with the metric where a row and column hold several."""
    several = filled.duplicated(["row", "column"], keep=False) & (filled["unit"] != "text")
    return filled["row"].where(~several, filled["row"] + ", " + filled["metric"])


def _controls(filled: pd.DataFrame) -> list[str]:
    """Which blind control is the best one, on each side of the cells."""
    blind = filled[filled["control"] != ""]
    if not len(blind):
        return []
    several = blind["metric"].nunique() > 1
    of = blind["row"].str.rpartition(": ")[0].where(blind["row"].str.contains(": "), "")
    named = (of + " " + blind["column"]).str.strip() + ("; " + blind["metric"] if several else "")
    alike = blind["control"].groupby(of).transform("nunique") == 1
    named = of.where(alike & (of != ""), named)  # one name for all columns of a set
    lines = [""]
    for side, where in enumerate(("real sets", "stand-ins")):
        best = blind["control"].str.split(" | ", regex=False).str[side]
        if (known := best != NO_CONTROL).any():
            said = f"Best blind control on {where}: {_grouped(named[known], best[known])}."
            lines += textwrap.wrap(said, 110)
    return lines


def _grouped(names: pd.Series, values: pd.Series) -> str:
    """Which value each name has; the commonest value stands for all names that are not told.

    >>> _grouped(pd.Series(["a", "b", "c"]), pd.Series(["x", "y", "x"]))
    'y (b), else x'
    """
    common = values.value_counts().index[0]  # of equally common ones the first
    others = names.groupby(values[values != common], sort=False).unique()
    told = [f"{value} ({', '.join(where)})" for value, where in others.items()]
    return ", ".join([*told, f"else {common}" if told else common])


def _reasons(filled: pd.DataFrame) -> list[str]:
    """Why cells are empty, each reason once, with the rows that it concerns."""
    empty = filled[(filled["why"] != "") & (filled["unit"] != "text")]
    grouped = empty.groupby("why", sort=False)["row"].unique()
    lines = (f"{why}: {', '.join(rows)}" for why, rows in grouped.items())
    return [
        "",
        *(text for line in lines for text in textwrap.wrap(f"Empty, {line.rstrip('.')}.", 110)),
    ]


def stored(profile: str, id: str, suffix: str) -> Path:
    """Where the data of a table or figure are stored."""
    paper, name = id.split("/")
    return paths.results(profile) / paper / "items" / f"{name}{suffix}"


def save(table: Table, filled: pd.DataFrame, profile: str) -> None:
    """Store a filled table as CSV."""
    with files.whole(stored(profile, table.id, ".csv")) as temporary:
        filled.round(4).to_csv(temporary, index=False)


def compare(table: Table, filled: pd.DataFrame, profile: str) -> str:
    """Check a table against its stored copy within ``rerun_tol``; say what was compared.

    Raises:
        DataError: a value moved, or nothing is stored.
    """
    path = stored(profile, table.id, ".csv")
    if not path.exists():
        raise DataError(
            f"{table.id} has no stored values at profile {profile}. "
            f"Run `imdl render --paper {table.paper} --profile {profile}` first."
        )
    before = pd.read_csv(path, dtype={"setting": str})
    if len(before) != len(filled):
        raise DataError(
            f"{table.id} has other cells than are stored: {len(filled)} now, {len(before)} stored. "
            "The registry has changed. "
            f"Run `imdl render --paper {table.paper} --profile {profile}` again."
        )
    other = before["setting"].fillna("").astype(str) != filled["setting"]
    if other.any():
        line = filled[other].iloc[0]
        raise DataError(
            f"{table.id}: setting {line['row']} / {line['column']} is {line['setting']!r}, "
            f"stored {before.loc[other, 'setting'].iloc[0]!r}. The registry has changed. "
            f"Run `imdl render --paper {table.paper} --profile {profile}` again."
        )
    for column in ("real", "stand_in"):
        old, new = before[column].to_numpy(float), filled[column].to_numpy(float)
        moved = ~np.isclose(new, old, rtol=table.rerun_tol, atol=1e-3, equal_nan=True)
        if moved.any():
            first = int(np.flatnonzero(moved)[0])
            cell = f"{filled['row'][first]} / {filled['column'][first]}"
            raise DataError(
                f"{table.id}: cell {cell} is {new[first]:.4g}, stored {old[first]:.4g}. "
                f"Values may move by {table.rerun_tol:.0%}. Find out why, or render again."
            )
    return f"{table.id}: {len(filled)} cells agree with the stored table"
