"""A paper's next results take the place of its published ones: all of them, or none."""

import shutil
from dataclasses import replace

import pandas as pd
import pytest

from imdl_lib import evaluate, experiments, files, history, paths, profiles, replacement, tables
from imdl_lib.errors import DataError
from imdl_lib.registry import Cell, Run, Source, Table, identity

ELA = Run("mantranet/ela", "baseline.ela", {}, (), ("four_kinds", "four_kinds/jpeg=50"))
NOI1 = Run("mantranet/noi1", "baseline.noi1", {}, (), ("four_kinds",))
OTHER = Run("uen/other", "baseline.ela", {}, (), ("four_kinds",))
DROPPED = "mantranet/dropped"
TABLE = Table(
    "mantranet/table-9",
    "Table 9",
    "Two methods",
    "pixel AUC",
    tuple(
        Cell(run.id, "four kinds", "AUC", (Source(run.id, "four_kinds", "pixel_auc"),))
        for run in (ELA, NOI1)
    ),
)
OLD = {"set": ["four_kinds", "gone"], "image": ["0", "1"], "pixel_auc": [0.25, 0.75]}


@pytest.fixture
def paper(store, tiny, monkeypatch):
    """Two runs, published by an earlier recipe; their next results are not there yet."""
    runs = {run.id: run for run in (ELA, NOI1, OTHER)}
    monkeypatch.setattr(experiments, "RUNS", tuple(runs.values()))
    monkeypatch.setattr(experiments, "RUN_BY_ID", runs)
    monkeypatch.setattr(experiments, "BY_ID", {TABLE.id: TABLE})
    monkeypatch.setattr(experiments, "CLAIMS", ())
    for name in ("next", "standard"):
        monkeypatch.setitem(profiles.PROFILES, name, replace(tiny, name=name))
    for module in (history, replacement):
        monkeypatch.setattr(module, "RESULTS", 2)
    for run in (*runs, DROPPED):
        store("standard", run, OLD, identity="earlier", forging="1.1.1")
    (paths.results("standard") / "mantranet/items").mkdir()
    experiments.render(TABLE.id, "standard")


def trained(*runs: Run) -> None:
    for run in runs:
        evaluate.rebuild(experiments.job(run.id, "next"), progress=False)


def state() -> str:
    (entry,) = (e for e in experiments.listing("standard") if e["id"] == TABLE.id)
    return entry["state"]


@pytest.fixture
def listed(monkeypatch):
    monkeypatch.setattr(
        experiments,
        "inventory",
        lambda: [{"paper": "mantranet", "item": "Table 9", "caption": "Two methods"}],
    )


def published(run: str, key: str) -> object:
    return tables.records("standard", run)[0].get(key)


def test_a_whole_paper_is_replaced(paper, listed):
    assert state() == experiments.EARLIER
    trained(ELA, NOI1)
    new = tables.rows("next", ELA.id)
    assert state() == experiments.EARLIER  # until it is replaced
    assert replacement.replace("mantranet") == [
        "results/standard/mantranet/items/table-9.csv",
        *(f"results/standard/{name}/items/claims.csv" for name in experiments.PAPERS),
    ]
    assert state() == experiments.MADE
    pd.testing.assert_frame_equal(tables.rows("standard", ELA.id), new)
    assert published(ELA.id, "profile") == "standard"
    assert published(OTHER.id, "identity") == "earlier"  # another paper's
    assert not (paths.results("standard") / DROPPED).exists()
    assert not (paths.results("next") / "mantranet").exists()


def test_each_number_is_kept_beside_its_successor(paper):
    trained(ELA, NOI1)
    mean = tables.rows("next", ELA.id).groupby("set")["pixel_auc"].mean()
    replacement.replace("mantranet")
    found = history.read()
    assert list(found.columns) == list(history.COLUMNS)
    of = found[(found["run"] == ELA.id) & (found["column"] == "pixel_auc")].set_index("set")
    assert of["old"].dropna().to_dict() == {"four_kinds": 0.25, "gone": 0.75}
    assert of["new"].dropna().to_dict() == pytest.approx(mean.to_dict(), abs=1e-4)
    line = of.loc["four_kinds"]
    own = identity(ELA, profiles.PROFILES["next"], 0, {})
    assert (line["old_identity"], line["new_identity"]) == ("earlier", own)
    assert (line["old_forging"], line["results"]) == ("1.1.1", 2)
    assert line["new_forging"] == tables.records("standard", ELA.id)[0]["forging"]


def test_a_paper_that_is_not_whole_keeps_all(paper):
    trained(ELA)
    with pytest.raises(DataError) as caught:
        replacement.replace("mantranet")
    assert str(caught.value) == (
        "1 of 2 runs are not whole at profile next, the first mantranet/noi1. Expected seed 0 of "
        "each, scored on every set that is here. "
        "Run `imdl train --paper mantranet --profile next`, then try again."
    )
    assert published(ELA.id, "identity") == "earlier"
    assert len(history.read()) == 0


def test_a_stopped_replacement_goes_on(paper, monkeypatch):
    trained(ELA, NOI1)
    move = replacement._move

    def stopping(run: Run) -> None:
        if run == NOI1:
            raise KeyboardInterrupt
        move(run)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(replacement, "_move", stopping)
        replacement.replace("mantranet")
    before = history.read()
    replacement.replace("mantranet")
    pd.testing.assert_frame_equal(history.read(), before)  # nothing is noted twice
    assert published(NOI1.id, "profile") == "standard"


def test_a_version_that_is_taken(paper, monkeypatch):
    trained(ELA, NOI1)
    monkeypatch.setattr(replacement, "RESULTS", 1)
    with pytest.raises(DataError) as caught:
        replacement.replace("mantranet")
    assert str(caught.value) == (
        "The results version is 1, which names published results. Expected more than 1. "
        "Raise RESULTS in imdl_lib/history.py and tell CHANGELOG.md why."
    )
    assert published(ELA.id, "identity") == "earlier"


def test_further_seeds_go_along(paper):
    trained(ELA, NOI1)
    folder = experiments.job(ELA.id, "next").folder
    shutil.copytree(folder, folder.with_name("seed1"))
    record = files.read_json(folder / "run.json") | {"seed": 1}
    files.write_json(folder.with_name("seed1") / "run.json", record)
    replacement.replace("mantranet")
    assert [r["seed"] for r in tables.records("standard", ELA.id)] == [0, 1]


def test_history_in_words(workplace, capsys):
    history.show()
    said = f"results version {history.RESULTS}; 0 runs have been trained again\n"
    assert capsys.readouterr().out == said
    line = dict.fromkeys(history.COLUMNS, "x") | {"seed": 0, "results": 2, "old": 0.5, "new": 0.625}
    line |= {"set": "casia1", "column": "pixel_auc"}
    history.add([line | {"run": "uen/released"}, line | {"run": "uen/t-50"}])
    history.show()
    shown = capsys.readouterr().out
    assert "2 runs have been trained again" in shown and "t-50" not in shown
    assert shown.splitlines()[-1].split() == [
        "uen/released",
        "casia1",
        "pixel",
        "AUC",
        *"2 50.0 62.5".split(),
    ]


def test_the_changelog_tells_of_the_version():
    text = (paths.ROOT / "CHANGELOG.md").read_text()
    versions = [int(line[3:]) for line in text.splitlines() if line.startswith("## ")]
    assert versions == list(range(history.RESULTS, 0, -1))
    assert (history.read()["results"] <= history.RESULTS).all()
