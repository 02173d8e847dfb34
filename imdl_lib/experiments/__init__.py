"""The registry of all papers, and the calls that notebooks use: ``show(id)`` and ``check(id)``."""

import csv
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np
import pandas as pd

from .. import claims as rules
from .. import datasets, files, paths, profiles, report, resampling, tables
from ..errors import DataError, RegistryError
from ..registry import BEST_BLIND, BLIND, Claim, Figure, Run, Source, Table, Verdict, identity
from . import blind, mantranet, pscc_net, uen

TITLES = {  # every paper, built or not
    "mantranet": "ManTra-Net",
    "pscc_net": "PSCC-Net",
    "safl_net": "SAFL-Net",
    "uen": "UEN",
    "wcbnet": "WCBnet",
}
PAPERS: dict[str, ModuleType] = {"mantranet": mantranet, "pscc_net": pscc_net, "uen": uen}

OWNERS = (*PAPERS, blind.ROOM)  # whose runs there are: blind controls are of no paper

RUNS: tuple[Run, ...] = tuple(run for room in (*PAPERS.values(), blind) for run in room.RUNS)
TABLES: tuple[Table, ...] = tuple(item for paper in PAPERS.values() for item in paper.TABLES)
FIGURES: tuple[Figure, ...] = tuple(
    item for room in (*PAPERS.values(), blind) for item in room.FIGURES
)
CLAIMS: tuple[Claim, ...] = tuple(
    claim
    for paper in TITLES
    for claim in (PAPERS[paper].CLAIMS if paper in PAPERS else rules.listed(paper, {}))
)

BY_ID = MappingProxyType({item.id: item for item in (*TABLES, *FIGURES)})
RUN_BY_ID = MappingProxyType({run.id: run for run in RUNS})


def item(id: str) -> Table | Figure:
    """The table or figure called ``id``.

    Raises:
        RegistryError: there is none of that id.
    """
    if id not in BY_ID:
        raise RegistryError(f"There is no table or figure {id!r}. `imdl list` names all of them.")
    return BY_ID[id]


def run(id: str) -> Run:
    """The run called ``id``.

    Raises:
        RegistryError: there is none of that id.
    """
    if id not in RUN_BY_ID:
        raise RegistryError(f"There is no run {id!r}. Choose from {', '.join(sorted(RUN_BY_ID))}.")
    return RUN_BY_ID[id]


def job(id: str, profile: str, seed: int = 0) -> Any:
    """A run at a profile with one seed, where its files and weights can be asked for."""
    from ..jobs import Job  # the registry itself needs no torch

    return Job(run(id), profiles.profile(profile), seed, RUN_BY_ID)


def stored(paper: str, profile: str = "standard") -> None:
    """Print what is stored of a paper's runs, and by which command the rest is made.

    Minutes are of training, over all seeds; a run without any borrows weights or needs none. What
    is printed depends on what is stored alone, not on the data at hand.
    """
    lines, missing = [], []
    for chosen in (run for run in RUNS if run.paper == paper):
        if found := tables.records(profile, chosen.id):
            lines.append(_stored(chosen.id, profile, found))
        else:
            real = chosen.trained_on in datasets.SPECS
            missing.append(chosen.id + (f" {datasets.needs(chosen.trained_on)}" if real else ""))
    print(f"{paper} at profile {profile}: {len(lines)} of {len(lines) + len(missing)} runs stored")
    if lines:
        print(pd.DataFrame(lines).to_string(index=False))
    if missing:
        print(f"Not stored; `imdl train RUN --profile {profile}` makes each:")
        print("\n".join(missing))


def _stored(id: str, profile: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """A run's line in the listing of what is stored."""
    spent = sum(record.get("train_seconds", 0) for record in found) / 60
    places = {f"{r.get('device', 'cpu')}, {r['environment']['machine']}" for r in found}
    return {
        "run": id.partition("/")[2],
        "recipe": "earlier" if stored_is_earlier(id, profile) else "current",
        "seeds": " ".join(str(record["seed"]) for record in found),
        "samples": f"{max(record['samples'] for record in found):,}",
        "minutes": f"{spent:.1f}" if spent else "",
        "trained on": "; ".join(sorted(places)) if spent else "",
    }


def render(id: str, profile: str) -> Path:
    """Make a table or figure from what is stored, and store it; returns the file to look at.

    Raises:
        DataError: a figure shows a run that is not stored; a table says so in its cells.
    """
    chosen = item(id)
    if isinstance(chosen, Table):
        tables.save(chosen, _filled(chosen, profile), profile)
        return tables.stored(profile, id, ".csv")
    _require_runs(chosen, profile)
    data = chosen.data(profile)
    with files.whole(tables.stored(profile, id, ".npz")) as temporary:
        np.savez_compressed(temporary, **data)
    return _picture(chosen, data, profile)


def _require_runs(figure: Figure, profile: str) -> None:
    """Its axes would be empty; only what is trained on a set that is not here may be lacking."""
    gone = [name for name in figure.needs if not tables.records(profile, name)]
    waits = [name for name in gone if not left_out(RUN_BY_ID[name], profile)]
    if waits or (gone and len(gone) == len(figure.needs)):
        first = (waits or gone)[0]
        raise DataError(
            f"{figure.id} shows runs that are not stored at profile {profile}: {len(gone)} of "
            f"{len(figure.needs)}, the first {first}. Expected rows of all. "
            f"Run `imdl train {first} --profile {profile}` first."
        )


def _filled(table: Table, profile: str) -> pd.DataFrame:
    """A table with all that it shows."""
    return tables.fill(table, profile, interval=_interval)


def _interval(profile: str, source: Source) -> tuple[float, float]:
    """95 % limits over images; none of what only a set as a whole has, such as a pooled F1."""
    try:
        found = resampling.drawn(profile, source)[0].interval
    except resampling.Missing:
        return tables.UNKNOWN
    return found.low, found.high


def show(id: str, profile: str = "standard") -> None:
    """Print a table, or display a figure, from stored rows and released weights."""
    chosen = item(id)
    profiles.profile(profile)
    if isinstance(chosen, Table):
        print(tables.text(chosen, _filled(chosen, profile), profile))
        return
    from IPython.display import Image, display  # only a notebook displays

    path = paths.figures(profile) / f"{id}.png"
    if not path.exists():
        render(id, profile)
    display(Image(filename=path))


def check(id: str, profile: str = "standard") -> None:
    """Compare a table or a figure's data, made again now, with what is stored.

    What an earlier recipe made cannot be made again, so it is only said that this is so.

    Raises:
        DataError: a value moved beyond the item's tolerance, or nothing is stored.
    """
    chosen = item(id)
    if is_earlier(chosen, profile):
        print(f"{id}: made at an earlier recipe, shown as it is stored and not made again")
        return
    if isinstance(chosen, Table):
        print(tables.compare(chosen, _filled(chosen, profile), profile))
        return
    path = tables.stored(profile, id, ".npz")
    if not path.exists():
        raise DataError(
            f"{id} has no stored data at profile {profile}. "
            f"Run `imdl render --paper {chosen.paper} --profile {profile}` first."
        )
    with np.load(path) as before:
        print(_compare(id, dict(before), chosen.data(profile)))


def _compare(id: str, before: dict[str, np.ndarray], now: dict[str, Any]) -> str:
    for name, old in before.items():
        new = np.asarray(now[name])
        numbers = np.issubdtype(old.dtype, np.number)
        same = old.shape == new.shape and (
            bool(np.mean(np.isclose(old, new, rtol=0.02, atol=0.02, equal_nan=True)) > 0.99)
            if numbers
            else bool((old == new).all())
        )
        if not same:
            raise DataError(
                f"{id}: array {name!r} moved from what is stored "
                "(more than 1 % of its values by more than .02). "
                "Find out why, or render the figure again."
            )
    return f"{id}: {len(before)} arrays agree with the stored data"


def _picture(figure: Figure, data: dict[str, Any], profile: str) -> Path:
    import matplotlib.pyplot as plt

    path = paths.figures(profile) / f"{figure.id}.png"
    drawn = figure.draw(data)
    with files.whole(path) as temporary:
        drawn.savefig(temporary, dpi=110, metadata={"Software": None})
    plt.close(drawn)
    return path


def verdict(claim: Claim, profile: str) -> Verdict:
    """A claim's verdict from stored rows, or as kept beside them; quick rows judge nothing."""
    if claim.judge is None:
        named = f"{TITLES[claim.paper]} is not built yet"
        return Verdict("not yet judged", f"{named}; it would take: {claim.test}")
    if profile == "quick":
        return Verdict("quick (not judged)")
    if earlier := _earlier(claim, profile):
        return Verdict("not yet judged", f"(trained again) of an earlier recipe: {_few(earlier)}")
    key = report.key(profile, claim, RUN_BY_ID)
    return report.kept(profile, claim, key) or claim.judge(profile, RUN_BY_ID)


def _earlier(claim: Claim, profile: str) -> list[str]:
    """Runs of a claim whose stored rows are of an earlier recipe."""
    return [id for id in sorted(claim.judge.runs) if stored_is_earlier(id, profile)]


def _few(names: list[str]) -> str:
    """Names, of many the first three."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def judged(profile: str, paper: str = "") -> report.Judged:
    """All claims, or a paper's, with their verdicts."""
    return [(c, verdict(c, profile)) for c in CLAIMS if paper in ("", c.paper)]


def judge(paper: str, profile: str) -> Path:
    """Judge a paper's claims from stored rows and keep the verdicts; returns their file.

    Those of which rows are of an earlier recipe are not judged.
    """
    of_paper = [claim for claim in CLAIMS if claim.paper == paper and claim.judge]
    chosen = [claim for claim in of_paper if not _earlier(claim, profile)]
    found = [
        (claim, report.key(profile, claim, RUN_BY_ID), claim.judge(profile, RUN_BY_ID))
        for claim in chosen
    ]
    return report.keep(profile, paper, found)


RULE = """\
A comparison is decided at 5 % over all of its claim (Holm), photos and seeds resampled. For and
against alike, the better side must exceed the best blind control, two trainings take two seeds
each, and both must have learned, neither from more than twice the samples of the other."""


def claims(paper: str = "", profile: str = "standard") -> None:
    """Print how many claims have which verdict, then a paper's, or all papers', with evidence."""
    profiles.profile(profile)
    found = judged(profile, paper)
    print(f"{len(found)} claims at profile {profile}.\n{RULE}\n\n{report.totals(found)}")
    for name in dict.fromkeys(claim.paper for claim, _ in found):
        print(f"\n{TITLES[name]}")
        print(report.text([(claim, said) for claim, said in found if claim.paper == name]))


def inventory() -> list[dict[str, str]]:
    """All 62 published tables and figures, as printed: paper, item, caption, layout."""
    with (paths.PUBLISHED / "inventory.csv").open() as handle:
        return list(csv.DictReader(handle))


MADE, EARLIER = "made", "made, earlier recipe"
STATES = (MADE, EARLIER, "needs data", "not yet")


def listing(profile: str = "standard") -> list[dict[str, Any]]:
    """State of each of the 62 items, a value of `STATES`, with its files and cells."""
    return [_state(row, profile) for row in inventory()]


def _state(row: dict[str, str], profile: str) -> dict[str, Any]:
    kind, number = row["item"].split(" ")
    id = f"{row['paper']}/{kind.lower()}-{number.lower()}"
    entry: dict[str, Any] = {"id": id, "paper": row["paper"], "kind": kind.lower()}
    entry |= {"number": row["item"], "caption": row["caption"], "state": "not yet", "files": []}
    entry |= asdict(tables.Counts())
    if id not in BY_ID:
        return entry
    wanted = _files(BY_ID[id], profile)
    found = [path for path in wanted if path.exists()]
    entry["files"] = [str(path.relative_to(paths.ROOT)) for path in found]
    counts = _counts(BY_ID[id], found == wanted, profile)
    if found == wanted and (counts.ours or not counts.measurable):
        if current(BY_ID[id], profile):
            entry["state"] = MADE
        elif is_earlier(BY_ID[id], profile):
            entry["state"] = EARLIER
    elif _only_real(BY_ID[id]):
        entry["state"] = "needs data"
    return entry | asdict(counts)


def _counts(chosen: Table | Figure, drawn: bool, profile: str) -> tables.Counts:
    """Cells of a table by sort; a figure is one."""
    if isinstance(chosen, Table):
        return tables.counted(chosen, tables.fill(chosen, profile, settings=False))
    return tables.Counts(ours=int(drawn), measurable=int(not drawn))


def _only_real(chosen: Table | Figure) -> bool:
    """Whether every value of ours comes from published sets, so that no stand-in can fill any."""
    if isinstance(chosen, Figure):
        return False
    sources = [source for cell in chosen.cells for source in cell.sources]
    return bool(sources) and all(source.real for source in sources)


def _files(chosen: Table | Figure, profile: str) -> list[Path]:
    if isinstance(chosen, Table):
        return [tables.stored(profile, chosen.id, ".csv")]
    picture = paths.figures(profile) / f"{chosen.id}.png"
    return [tables.stored(profile, chosen.id, ".npz"), picture]


INDEX_MARKS = ("<!-- index: made by `imdl index` -->", "<!-- end of index -->")


def index() -> str:
    """The README's index of all 62 items, as Markdown between its two marks."""
    sorts = list(asdict(tables.Counts()))
    lines = [f"| item | what it shows | state | {' | '.join(sorts)} |", "|---|---|---|---|---|---|"]
    for entry in listing():
        shown = [path for path in entry["files"] if path.endswith((".png", ".csv"))]
        name = f"[{entry['id']}]({shown[-1]})" if shown else entry["id"]
        cells = " | ".join(str(entry[sort] or "") for sort in sorts)
        lines.append(f"| {name} | {entry['caption']} | {entry['state']} | {cells} |")
    return "\n".join([INDEX_MARKS[0], *lines, INDEX_MARKS[1]])


TOTALS_MARKS = ("<!-- totals: made by `imdl index` -->", "<!-- end of totals -->")


def totals() -> str:
    """The README's count of papers, items and claims, as Markdown between its two marks."""
    items = listing()
    made = Counter(entry["state"] for entry in items)
    states = ", ".join(f"{made[state]} {state}" for state in STATES if made[state])
    told = f"{len(PAPERS)} of {len(TITLES)} papers are built. Of {len(items)} tables and figures "
    told += f"{states}. {report.sentence(judged('standard'))}"
    return "\n".join([TOTALS_MARKS[0], told, TOTALS_MARKS[1]])


def write_index(readme: Path) -> None:
    """Put the current index and totals into a README, in place of what is between their marks."""
    text = readme.read_text()
    for marks, made in ((INDEX_MARKS, index()), (TOTALS_MARKS, totals())):
        before, rest = text.split(marks[0])
        text = before + made + rest.split(marks[1])[1]
    with files.whole(readme) as temporary:
        temporary.write_text(text)


def needs(chosen: Table | Figure) -> tuple[str, ...]:
    """Runs that an item is made of."""
    if isinstance(chosen, Figure):
        return chosen.needs
    runs = {source.run for cell in chosen.cells for source in cell.sources}
    controls = BLIND if BEST_BLIND in runs else ()
    return tuple(sorted({*runs, *controls} - {BEST_BLIND}))


def current(chosen: Table | Figure, profile: str) -> bool:
    """Whether every run of an item is stored and belongs to the registry as it stands.

    One that was never stored and is trained on a real set is not waited for, wherever the set is:
    its cells say what they need.
    """
    return all(
        stored_is_current(name, profile)
        for name in needs(chosen)
        if tables.records(profile, name) or RUN_BY_ID[name].trained_on not in datasets.SPECS
    )


def is_earlier(chosen: Table | Figure, profile: str) -> bool:
    """Whether a run of an item is stored as an earlier recipe left it."""
    return any(stored_is_earlier(name, profile) for name in needs(chosen))


def left_out(run: Run, profile: str) -> str:
    """Why a run is not trained here: a line that names the real set it lacks; else empty."""
    if not datasets.missing(run.trained_on) or stored_is_current(run.id, profile):
        return ""
    return f"{run.id} is left out: it {datasets.needs(run.trained_on)}"


def stored_is_current(id: str, profile: str) -> bool:
    """Whether a run is stored with every seed, and all of them belong to the registry."""
    sizes = profiles.profile(profile)
    found = {record["seed"]: record["identity"] for record in tables.records(profile, id)}
    wanted = {seed: _identity(id, profile, seed) for seed in sizes.seeds}
    return found.items() >= wanted.items()


def stored_is_earlier(id: str, profile: str) -> bool:
    """Whether a seed of a run is stored that the registry as it stands would train anew."""
    found = tables.records(profile, id)
    return any(record["identity"] != _identity(id, profile, record["seed"]) for record in found)


def _identity(id: str, profile: str, seed: int) -> str:
    return identity(RUN_BY_ID[id], profiles.profile(profile), seed, RUN_BY_ID)
