"""The registry: everything in it exists, fits together and is what was published."""

import csv
import re
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

import fakes
import numpy as np
import pandas as pd
import pytest
import torch

from imdl_lib import (
    claims,
    crops,
    datasets,
    experiments,
    figures,
    jobs,
    paths,
    profiles,
    registry,
    report,
    resampling,
    standins,
    tables,
    train,
    verdicts,
)
from imdl_lib.baselines.blind import MeanMask
from imdl_lib.errors import DataError, RegistryError
from imdl_lib.experiments import blind, mantranet, pscc_net, uen
from imdl_lib.forge import check
from imdl_lib.kinds import KINDS
from imdl_lib.manipulations import HIERARCHY, OPERATIONS, class_names
from imdl_lib.registry import VERDICTS, Cell, Figure, Source, Table, Verdict, identity

ID = re.compile(r"(mantranet|pscc_net|uen|blind)/[a-z0-9-]+")
EVERY_RUN = pytest.mark.parametrize("run", experiments.RUNS, ids=lambda run: run.id)
OF_PAPERS = [run for run in experiments.RUNS if run.paper in experiments.PAPERS]
EVERY_TABLE = pytest.mark.parametrize("table", experiments.TABLES, ids=lambda table: table.id)
JUDGED = [claim for claim in experiments.CLAIMS if claim.judge]


def sources() -> set:
    """What tables read; where the best blind control stands, each of them may be it."""
    every = {s for table in experiments.TABLES for cell in table.cells for s in cell.sources}
    best = {source for source in every if source.run == registry.BEST_BLIND}
    return every - best | {replace(s, run=run) for s in best for run in registry.BLIND}


def scored(source: Source) -> bool:
    """Whether the source's run is scored on its set, on one below it, or on all of a real set."""
    tests = pd.Series(experiments.RUN_BY_ID[source.run].tests)
    whole = source.set.removesuffix("/forged")
    return bool(tables.in_set(tests, source.set).any() or (tests == whole).any())


def test_ids_are_unique():
    for items in (experiments.RUNS, (*experiments.TABLES, *experiments.FIGURES)):
        ids = [item.id for item in items]
        assert len(ids) == len(set(ids))
        assert all(ID.fullmatch(id) for id in ids)
    ids = [claim.id for claim in experiments.CLAIMS]
    assert len(ids) == len(set(ids))


def test_the_registry_needs_no_torch():
    """Each new process of a rebuild would pay seconds for it; listing all items does not, too."""
    script = """
import sys
import imdl_lib.experiments
assert "torch" not in sys.modules, "imported"
from imdl_lib import cli
cli.experiments.listing("quick")
assert "torch" not in sys.modules, "listed"
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=100)
    assert done.returncode == 0, done.stderr.decode()


# Runs


@EVERY_RUN
def test_a_run_can_be_built(run):
    stage = jobs.STAGES[run.stage]
    if stage.loss is None:
        assert not run.config and run.is_trained == (stage.fit is not None)
        assert stage.model({}, 64)(torch.rand(1, 3, 8, 9)).prob.shape == (1, 1, 8, 9)
        return
    narrow, wide = (stage.model({"width": width, **run.config}, 64) for width in (0.0625, 0.25))
    assert {name: getattr(narrow.config, name) for name in run.config} == dict(run.config)
    small, large = (sum(p.numel() for p in model.parameters()) for model in (narrow, wide))
    assert small < large
    assert stage.loss(run.config)


@EVERY_RUN
def test_a_run_names_what_exists(run):
    assert run.paper in experiments.OWNERS
    assert run.tests and len(run.tests) == len(set(run.tests))
    for name in run.tests:
        assert name in standins.SETS or datasets.spec_of(name)
    assert set(run.kinds) <= set(KINDS)
    for sizes in profiles.PROFILES.values():
        if run.is_trained:
            job = jobs.Job(run, sizes, 0, experiments.RUN_BY_ID)
            recipe = job.recipe("train")
            real = recipe.kinds == crops.KINDS
            check(recipe if real else replace(recipe, sources=("packaged",)))


@pytest.mark.parametrize("run", OF_PAPERS, ids=lambda run: run.id)
def test_a_run_asks_for_the_real_sets_that_are_at_hand(run):
    """What is tested on a stand-in is tested on what it stands for; ablations, where it is forged.

    CASIA v1's 800 authentic images say nothing of pixels, and cost as much as the forged ones.
    """
    tests = set(run.tests)
    assert ("like_coverage" in tests) == ("coverage" in tests)
    whole, forged = "casia1" in tests, "casia1/forged" in tests
    assert not (whole and forged)
    assert ("like_casia" in tests) == (whole or forged)
    assert whole == ("like_casia" in tests and (run.keep or run.stage.startswith("baseline")))


@EVERY_RUN
def test_a_run_starts_from_one_whose_tensors_fit(run):
    if not run.init_from:
        assert not run.frozen and run.init_rate == 1
        return
    start = experiments.RUN_BY_ID[run.init_from]
    with torch.device("meta"):
        networks = [
            jobs.STAGES[r.stage].model({"width": 0.25, **r.config}, 64) for r in (run, start)
        ]
    own, given = ({n: t.shape for n, t in network.state_dict().items()} for network in networks)
    plug_in = any(name.startswith("base.") for name in own.keys() - given.keys())
    if plug_in:
        given = {f"base.{name}": shape for name, shape in given.items()}
    shared = own.keys() & given.keys()
    assert {n: own[n] for n in shared} == {n: given[n] for n in shared}
    part = "base." if plug_in else "trace." if run.stage != start.stage else ""
    assert shared and shared == {name for name in own if name.startswith(part)}


def test_every_blind_control_is_scored_wherever_a_table_reads_a_mask():
    assert [run.id for run in blind.RUNS] == list(registry.BLIND)
    read = {s for s in sources() if s.column.startswith("pixel_") and s.run not in registry.BLIND}
    for control in registry.BLIND:
        assert all(scored(replace(source, run=control)) for source in read)
    names = {"like_casia", "casia1", "coverage", "coverage/test", "like_nist16/blur=15", "sizes/4"}
    assert names <= {*blind.TESTS}
    none = {"operations", "cameras", "kcmi", "copies", "like_nist16_train"}
    assert not none & {*blind.TESTS}


def test_every_table_of_localization_has_a_row_of_blind_controls():
    numbers = {
        table.id
        for table in experiments.TABLES
        if any(s.run == registry.BEST_BLIND for cell in table.cells for s in cell.sources)
    }
    assert numbers == {
        *(f"mantranet/table-{number}" for number in (6, 7, 8)),
        *(f"pscc_net/table-{number}" for number in ("ii", "iii", "v", "vi")),
        *(f"uen/table-{number}" for number in (1, 2, 3)),
    }
    assert {*registry.BLIND} <= {*experiments.needs(experiments.item("uen/table-1"))}
    assert registry.BEST_BLIND not in experiments.needs(experiments.item("uen/table-1"))


def test_the_quick_profile_scores_blind_controls_where_tables_show_them():
    shown, sets = {s.set for s in sources() if s.run in registry.BLIND}, pd.Series(blind.SHOWN)
    read = [tables.in_set(sets, name) for name in shown]
    assert all(found.any() for found in read) and np.any(read, 0).all()
    assert len(blind.SHOWN) < len(blind.TESTS) / 3
    run = experiments.run("blind/centre")
    assert run.tests_at(profiles.QUICK) == blind.SHOWN
    assert run.tests_at(profiles.STANDARD) == blind.TESTS
    other = experiments.run("pscc_net/full")
    assert other.tests_at(profiles.QUICK) == other.tests


def test_identities_differ():
    """Two runs of one identity would share weights under two names."""
    trained = [run for run in experiments.RUNS if run.is_trained]
    for sizes in profiles.PROFILES.values():
        found = [identity(run, sizes, 0, experiments.RUN_BY_ID) for run in trained]
        assert len(set(found)) == len(found)


def test_test_sets_that_a_run_is_scored_on_are_used():
    """Scoring costs time: a set of a run is named by a table, a claim or a figure."""
    used = {(s.run, s.set) for s in sources()}
    for run in experiments.RUNS:
        if run.stage == "mantranet.imc" and not run.keep:
            named = {set for id, set in used if id == run.id}
            assert named - {"run"} <= set(run.tests)


# Tables


@EVERY_TABLE
def test_every_printed_cell_is_a_cell(table):
    printed = tables.printed(table.paper, table.number)
    keys = [(cell.row, cell.column, cell.metric) for cell in table.cells]
    assert keys[: len(printed)] == printed
    assert all(cell.sources for cell in table.cells[len(printed) :])  # only ours follow
    assert len(set(printed)) == len(printed) > 0


@EVERY_TABLE
def test_every_cell_has_sources_or_a_reason(table):
    assert table.caption and table.protocol
    for cell in table.cells:
        assert cell.sources or cell.why


def test_every_source_is_scored():
    for source in sources():
        run = experiments.RUN_BY_ID[source.run]
        wanted = source.set.removesuffix("*")
        if source.set == "run":
            continue
        assert any(
            n == wanted or (wanted != source.set and n.startswith(wanted)) for n in run.tests
        )
        if wanted == source.set:
            assert datasets.spec_of(wanted) if source.real else wanted in standins.SETS


def test_no_source_is_lost_by_a_misspelt_key():
    """Sources are attached by row, column and metric: a key that is not printed fills nothing."""
    for number, made in (
        ("Table 2", mantranet._table_2()),
        ("Table 3", mantranet._table_3()),
        ("Table 4", mantranet._table_4()),
        ("Table 5", mantranet._table_5()),
        ("Table 6", mantranet._table_6()),
        ("Table 7", mantranet._table_7()),
        ("Table 8", mantranet._table_8()),
    ):
        assert set(made) <= set(tables.printed("mantranet", number)), number
    for number, made in (
        ("Table I", pscc_net._table_1()),
        ("Table II", pscc_net._table_2()),
        ("Table III", pscc_net._table_3()),
        ("Table IV", pscc_net._table_4()),
        ("Table V", pscc_net._table_5()),
        ("Table VI", pscc_net._table_6()),
        ("Table VII", pscc_net._table_7()),
    ):
        assert made and set(made) <= set(tables.printed("pscc_net", number)), number


def test_rows_of_our_own_are_those_that_uen_s_tables_announce():
    """A key that is not printed makes a row: of the best threshold, or of a pair from scratch."""
    for number, made in (
        ("Table 1", uen._table_1()),
        ("Table 2", uen._table_2()),
        ("Table 3", uen._table_3()),
    ):
        printed = tables.printed("uen", number)
        rows = {row for row, _, _ in printed} | {"PSCC-Net, from scratch", "vanilla, from scratch"}
        columns = {column for _, column, _ in printed}
        for row, column, metric in set(made) - set(printed):
            assert row in rows and column in columns, (row, column)
            assert metric == "pixel F1, best" or row.endswith("from scratch"), metric


# Settings


def settings(id: str, profile: str) -> dict[tuple[str, str], str]:
    filled = tables.fill(experiments.item(id), profile)
    ours = filled[filled["setting"] != ""]
    return {(row.row, row.column): row.setting for row in ours.itertuples()}


def test_first_layers_are_told_as_the_profile_makes_them():
    """Fixed maps keep their number at any width, and of free ones two or four stay at least."""
    found = settings("mantranet/table-3", "paper")
    assert [found["#Filters", column] for column in mantranet.FIRST_LAYERS] == [
        *("16", "16", "3", "3", "10+3+3")
    ]
    assert [found["Kernel Size", column] for column in mantranet.FIRST_LAYERS] == [
        *("(3,3)", "(5,5)", "(5,5)", "(5,5)", "(5,5)")
    ]
    narrow = settings("mantranet/table-3", "quick")
    assert [narrow["#Filters", column] for column in mantranet.FIRST_LAYERS] == [
        *("4", "4", "3", "3", "2+3+3")
    ]


def test_no_method_of_table_8_was_taught_with_what_it_is_tested_on(monkeypatch):
    found = settings("mantranet/table-8", "standard")
    assert len(found) == 16 and set(found.values()) == {"0"}
    run = replace(experiments.RUN_BY_ID["mantranet/half-random"], trained_on="nist16")
    monkeypatch.setattr(experiments, "RUN_BY_ID", {**experiments.RUN_BY_ID, run.id: run})
    released = experiments.RUN_BY_ID["mantranet/released"]
    monkeypatch.setitem(
        experiments.RUN_BY_ID, released.id, replace(released, init_from="mantranet/half-random")
    )
    assert settings("mantranet/table-8", "standard")["ManTra-Net", "NIST"] == "72"  # as J-LSTM


def test_what_stand_ins_show_and_how_many_images_teach():
    found = settings("pscc_net/table-i", "standard")
    columns = ("Splicing", "Copy-move", "Removal")
    shown = {row: [found[row, column] == "yes" for column in columns] for row, _ in found}
    assert shown == {
        "Columbia": [True, False, False],
        "Coverage": [False, True, False],
        "CASIA": [True, True, False],
        "NIST": [True, True, True],
        "IMD20": [True, False, True],  # published: copy-moves too
    }
    for row in ("Coverage", "CASIA", "NIST"):
        assert found[row, "Fine-tuned # Train"] == str(profiles.STANDARD.forged_count)


# Inventory


def test_all_62_items_are_listed(workplace):
    entries = experiments.listing("quick")
    assert len(entries) == len({entry["id"] for entry in entries}) == 62
    listed = {entry["id"]: entry for entry in entries}
    of_papers = {id: i for id, i in experiments.BY_ID.items() if i.paper in experiments.PAPERS}
    assert set(of_papers) <= set(listed)
    for id, item in of_papers.items():
        assert listed[id]["kind"] == ("table" if isinstance(item, Table) else "figure")
        assert listed[id]["number"] == item.number
    for entry in entries:
        assert entry["state"] == "not yet" and entry["files"] == []
        cells = entry["ours"] + entry["measurable"] + entry["quoted"]
        assert (cells > 0) == (entry["id"] in experiments.BY_ID) and entry["ours"] == 0


def test_figures_of_blind_controls_are_no_published_items(workplace, monkeypatch):
    ours = {id for id, item in experiments.BY_ID.items() if item.paper == blind.ROOM}
    assert ours == {"blind/figure-1", "blind/figure-2"}
    assert not ours & {entry["id"] for entry in experiments.listing("quick")}


def test_a_picture_of_where_forgeries_lie_keeps_sets_that_are_not_here(workplace, monkeypatch):
    monkeypatch.setattr(train, "load", lambda job: MeanMask())
    before = blind._positions("standard")
    assert np.isnan(before["maps"][1:3]).all()
    assert list(before["names"][1:3]) == ["CASIA v1", "COVERAGE"]
    assert blind._draw_positions(before)
    rates = np.random.default_rng(0).random((2, 16, 16), np.float32)
    path = tables.stored("standard", "blind/figure-1", ".npz")
    path.parent.mkdir(parents=True)
    np.savez(path, names=before["names"], maps=np.concatenate([before["maps"][:1], rates, rates]))
    assert np.array_equal(blind._positions("quick")["maps"][1:3], rates)
    monkeypatch.setenv("IMDL_DATA", str(workplace))
    fakes.coverage(workplace)
    found = blind._positions("quick")["maps"]
    assert np.array_equal(found[1], rates[0])
    assert found[2].sum() * 40 * 56 / 256 == pytest.approx(12 * 14)  # pixels of a forged square


def test_bars_show_the_sets_that_any_map_was_scored_on(store):
    sets = {"set": ["casia1", "like_casia"], "image": [*"00"]}
    for run, auc in {"blind/centre": 0.7, "blind/saliency": 0.8, "uen/released": 0.6}.items():
        store("quick", run, sets | {"pixel_auc": [auc, auc / 2]})
    data = blind._beside("quick")
    assert list(data["sets"]) == ["CASIA v1\n(real)", "like_casia\n(forged by us)"]
    assert data["auc"][[0, 1, 4]] == pytest.approx(np.array([[70, 35], [80, 40], [60, 30]]))
    assert np.isnan(data["auc"][2:4]).all()
    drawn = blind._draw_beside(data).axes[0]
    assert sum(text.get_text() == "" for text in drawn.texts) == 4


def test_each_paper_has_its_published_items():
    for paper, module in experiments.PAPERS.items():
        wanted = {e["id"] for e in experiments.listing("quick") if e["paper"] == paper}
        assert {item.id for item in (*module.TABLES, *module.FIGURES)} == wanted


def test_a_table_that_only_published_sets_can_fill_needs_data(workplace, monkeypatch):
    whole = experiments.BY_ID["mantranet/table-8"]
    cells = [
        replace(cell, sources=tuple(source for source in cell.sources if source.real))
        for cell in whole.cells
    ]
    for table, state in ((whole, "not yet"), (replace(whole, cells=tuple(cells)), "needs data")):
        monkeypatch.setattr(experiments, "BY_ID", {whole.id: table})
        assert entry_of(whole.id)["state"] == state


def test_a_table_of_facts_is_made_when_it_is_rendered(workplace):
    experiments.render("mantranet/table-1", "quick")
    entry = entry_of("mantranet/table-1")
    assert entry["state"] == "made"
    assert entry["files"] == ["results/quick/mantranet/items/table-1.csv"]
    assert (entry["ours"], entry["measurable"], entry["quoted"]) == (0, 0, 70)


def entry_of(id: str) -> dict:
    (entry,) = (entry for entry in experiments.listing("quick") if entry["id"] == id)
    return entry


def test_made_follows_the_identity_of_runs(store):
    runs = [run for run in experiments.RUNS if run.id in experiments.needs(experiments.item(TABLE))]
    rows = {"set": ["operations", "cameras"], "image": ["0", "0"], "correct_0": [1, np.nan]}
    rows["camera_correct"] = [np.nan, 0]
    for run in runs:
        current = identity(run, profiles.QUICK, 0, experiments.RUN_BY_ID)
        store("quick", run.id, rows, identity=current)
    assert entry_of(TABLE)["state"] == "not yet"  # nothing is rendered
    experiments.render(TABLE, "quick")
    entry = entry_of(TABLE)
    assert entry["state"] == "made"
    counts = {sort: entry[sort] for sort in ("ours", "measurable", "quoted")}
    # validation and cameras of three backbones; training, layers, weights; five rows of text
    assert counts == {"ours": 6, "measurable": 9, "quoted": 15}
    store("quick", runs[0].id, rows, identity="of an earlier recipe")
    assert entry_of(TABLE)["state"] == "made, earlier recipe"


TABLE = "mantranet/table-2"


def test_a_figure_is_made_only_with_its_picture_and_its_data(workplace, monkeypatch):
    figure = experiments.item("mantranet/figure-2")
    small = replace(figure, data=lambda profile: FIGURE_DATA)
    monkeypatch.setattr(experiments, "BY_ID", {**experiments.BY_ID, figure.id: small})
    path = experiments.render(figure.id, "quick")
    assert path == workplace / "figures/quick/mantranet/figure-2.png"
    assert entry_of(figure.id)["state"] == "made"
    path.unlink()
    assert entry_of(figure.id)["state"] == "not yet"


@pytest.mark.parametrize(
    "figure", [f for f in experiments.FIGURES if f.needs], ids=lambda figure: figure.id
)
def test_a_figure_of_runs_that_do_not_exist_is_not_made(workplace, figure):
    with pytest.raises(DataError) as error:
        experiments.render(figure.id, "paper")
    assert re.fullmatch(
        rf"{figure.id} shows runs that are not stored at profile paper: (\d+) of \d+, the first "
        r"(\S+)\. Expected rows of all\. Run `imdl train \2 --profile paper` first\.",
        str(error.value),
    )
    assert not (workplace / "figures").exists() and not (workplace / "results").exists()


FIGURE_DATA = {
    "part": np.array(["trace"]),
    "name": np.array(["first"]),
    "kind": np.array(["Conv2d"]),
    "shape": np.array(["1 x 3 x 8 x 8"]),
    "parameters": np.array([100]),
}


# Claims


def published_claims() -> list[dict[str, str]]:
    with (paths.PUBLISHED / "claims.csv").open() as handle:
        return list(csv.DictReader(handle))


def test_every_claim_is_listed():
    rows = published_claims()
    assert len(rows) == 154
    assert {row["paper"] for row in rows} == set(experiments.TITLES)
    listed = [claim.id for claim in experiments.CLAIMS]
    assert sorted(listed) == sorted(row["claim_id"] for row in rows)
    for claim in experiments.CLAIMS:
        assert claim.place and claim.statement and claim.test


def test_every_judge_has_its_claim():
    listed = {claim.id.split("-")[1] for claim in experiments.CLAIMS}
    for paper, module in experiments.PAPERS.items():
        judged = {claim.id.split("-")[1] for claim in JUDGED if claim.paper == paper}
        assert judged == set(module.JUDGES) <= listed


@pytest.mark.parametrize("claim", JUDGED, ids=lambda claim: claim.id)
def test_a_claim_without_rows_is_not_judged(claim, workplace):
    for profile in ("quick", "standard"):
        said = experiments.verdict(claim, profile)
        assert said.verdict in VERDICTS
    assert experiments.verdict(claim, "quick").verdict == "quick (not judged)"
    if said.verdict == "needs data":  # of published sets alone
        return
    assert said.verdict in ("not yet judged", "by construction")
    if claim.judge.runs:
        assert said.evidence.split(" has no ")[0] in experiments.RUN_BY_ID


@pytest.mark.parametrize("claim", JUDGED, ids=lambda claim: claim.id)
def test_a_claim_asks_only_for_rows_that_are_scored(claim, workplace, monkeypatch):
    """Every run that a judge reads is in the registry and is scored on the set that it reads."""
    asked = []

    def values(profile, source):
        asked.append(source)
        images = pd.Index([f"{source.set}/{i}" for i in range(40)])
        table = pd.DataFrame({"seed0": np.arange(40.0) * len(asked)}, images)
        forged = pd.Series(np.arange(40) % 2 > 0, images)
        scores = source.column in resampling.SCORES
        return resampling.Sample(table, pd.Series(images, images), forged if scores else None)

    for module in (resampling, mantranet, pscc_net):
        monkeypatch.setattr(module, "values", values)
    monkeypatch.setattr(tables, "best_blind", lambda profile, set, column: None)
    with suppress(verdicts.Missing, claims.Undecidable):  # what is no row is not there
        claim.judge.rule("standard", experiments.RUN_BY_ID)
    for source in asked:
        assert scored(source), source


def test_claims_are_printed_with_their_rule(workplace, capsys):
    experiments.claims("mantranet", "quick")
    printed = capsys.readouterr().out
    assert printed.startswith(f"45 claims at profile quick.\n{experiments.RULE}\n\n")
    assert printed.count(" QUICK (NOT JUDGED): ") == 45
    experiments.claims(profile="quick")
    printed = capsys.readouterr().out
    assert printed.startswith("154 claims at profile quick.\n")
    titles = [f"\n\n{title}\nC1 " for title in experiments.TITLES.values()]
    places = [printed.index(title) for title in titles]
    assert places == sorted(places)


def test_a_paper_that_is_not_built_says_what_its_claims_would_take():
    (claim,) = (c for c in experiments.CLAIMS if c.id == "safl_net-C5")
    assert experiments.verdict(claim, "standard") == Verdict(
        "not yet judged", "SAFL-Net is not built yet; it would take: Setup 4 against 3"
    )


@pytest.fixture(scope="module")
def committed():
    """Every claim of a built paper, judged from the committed rows now."""
    return {
        claim.id: claim.judge("standard", experiments.RUN_BY_ID)
        for claim in JUDGED
        if not any(experiments.stored_is_earlier(id, "standard") for id in claim.judge.runs)
    }


def test_kept_verdicts_are_those_of_the_committed_rows(committed):
    for claim in JUDGED:
        if claim.id in committed:
            key = report.key("standard", claim, experiments.RUN_BY_ID)
            kept = report.kept("standard", claim, key)
            assert kept == committed[claim.id], f"`imdl render --paper {claim.paper}` anew"


def test_what_is_said_of_a_claim_is_a_word_of_the_closed_list(committed):
    for claim in experiments.CLAIMS:
        said = experiments.verdict(claim, "standard")
        assert said.verdict in VERDICTS and said.evidence
        if claim.id in committed:
            assert said == committed[claim.id]


def test_the_readme_s_totals_are_up_to_date():
    text = (paths.ROOT / "README.md").read_text()
    first, last = experiments.TOTALS_MARKS
    shown = first + text.split(first)[1].split(last)[0] + last
    assert shown == experiments.totals(), "run `imdl index`"


def test_the_file_type_alone_detects_on_casia_d(capsys):
    """621 of 921 forged files are TIFFs and no authentic one is: .674 found, F1 2 .674 / 1.674."""
    pscc_net.file_types()
    printed = capsys.readouterr().out
    assert "AUC            83.7 %" in printed and "F1             80.5 %" in printed
    assert "TPR at 1 % FPR 67.4 %" in printed


# Errors, show and check


def test_unknown_item():
    with pytest.raises(RegistryError) as error:
        experiments.item("mantranet/table-9")
    assert str(error.value) == (
        "There is no table or figure 'mantranet/table-9'. `imdl list` names all of them."
    )
    for call in (experiments.show, experiments.check):
        with pytest.raises(RegistryError, match=r"^There is no table or figure 'table-2'\."):
            call("table-2")


def test_unknown_run():
    with pytest.raises(RegistryError) as error:
        experiments.run("mantranet/imc")
    assert str(error.value) == (
        f"There is no run 'mantranet/imc'. Choose from {', '.join(sorted(experiments.RUN_BY_ID))}."
    )


def test_show_and_check_a_table(workplace, capsys):
    experiments.show("mantranet/table-1", "quick")
    assert capsys.readouterr().out.startswith("Table 1. Earlier forgery detectors of four years\n")
    with pytest.raises(DataError) as error:
        experiments.check("mantranet/table-1", "quick")
    assert str(error.value) == (
        "mantranet/table-1 has no stored values at profile quick. "
        "Run `imdl render --paper mantranet --profile quick` first."
    )
    experiments.render("mantranet/table-1", "quick")
    experiments.check("mantranet/table-1", "quick")
    said = capsys.readouterr().out
    assert re.fullmatch(r"mantranet/table-1: \d+ cells agree with the stored table\n", said)


def test_real_values_of_single_images_have_intervals(store):
    """A pooled F1 has none: no row of an image says what it adds."""
    auc = np.linspace(0.5, 0.9, 40)
    names = [f"Sp_S_NRN_A_ani{number:04}_ani{number:04}_0001" for number in range(40)]
    rows = {"set": ["casia1"] * 40, "image": names, "pixel_auc": auc, "forged_share": 0.1}
    pooled = {"set": ["casia1"], "pixel_f1_at_eer_pooled": [0.5]}
    store("standard", "pscc_net/released", rows, pooled=pooled)
    cells = tuple(
        Cell(
            "PSCC-Net", "CASIA", column, (Source("pscc_net/released", "casia1", column, real=True),)
        )
        for column in ("pixel_auc", "pixel_f1_at_eer_pooled")
    )
    table = replace(experiments.item("pscc_net/table-ii"), cells=cells)
    first, second = experiments._filled(table, "standard").to_dict("records")
    assert first["real"] == pytest.approx(70)
    half = 1.96 * 100 * auc.std() / 40**0.5
    assert (first["real_low"], first["real_high"]) == pytest.approx((70 - half, 70 + half), abs=0.3)
    assert second["real"] == 50 and np.isnan(second["real_low"])


def test_show_wants_a_profile_that_exists():
    with pytest.raises(RegistryError, match=r"^There is no profile 'smoke'\."):
        experiments.show("mantranet/table-1", "smoke")


def checked(monkeypatch, **changes) -> str:
    """What checking a rendered figure says after its data have changed."""
    data = {"rows": np.array(["a", "b"]), "map": np.full((2, 64), 0.5)}
    now = dict(data)
    figure = Figure("mantranet/figure-9", "Figure 9", "", (), lambda profile: now, drawn)
    monkeypatch.setattr(experiments, "BY_ID", {figure.id: figure})
    experiments.render(figure.id, "quick")
    now.update(changes)
    experiments.check(figure.id, "quick")
    return figure.id


def drawn(data):
    return figures.new(1, 1, (1, 1))[0]


def test_check_a_figure(workplace, monkeypatch, capsys):
    checked(monkeypatch)
    said = "mantranet/figure-9: 2 arrays agree with the stored data\n"
    assert capsys.readouterr().out == said
    checked(monkeypatch, map=np.full((2, 64), 0.51))
    one = np.full((2, 64), 0.5)
    one[0, 0] = 0.9  # of 128 values
    checked(monkeypatch, map=one)


@pytest.mark.parametrize(
    "name, value",
    [
        ("map", np.full((2, 64), 0.6)),
        ("map", np.full((2, 65), 0.5)),
        ("rows", np.array(["a", "c"])),
        ("rows", np.array(["a"])),
    ],
    ids=["values", "shape", "text", "fewer texts"],
)
def test_a_figure_that_moved(workplace, monkeypatch, name, value):
    with pytest.raises(DataError) as error:
        checked(monkeypatch, **{name: value})
    assert str(error.value) == (
        f"mantranet/figure-9: array {name!r} moved from what is stored "
        "(more than 1 % of its values by more than .02). "
        "Find out why, or render the figure again."
    )


def test_a_figure_without_stored_data(workplace):
    with pytest.raises(DataError) as error:
        experiments.check("mantranet/figure-2", "quick")
    assert str(error.value) == (
        "mantranet/figure-2 has no stored data at profile quick. "
        "Run `imdl render --paper mantranet --profile quick` first."
    )


def test_confusion_matrix(store):
    """Ten images of two classes: shares of each true class; a class without images is undefined."""
    leaves = np.array([0] * 4 + [384] * 6)
    said = np.array([HIERARCHY[1][0]] * 3 + [7] + [HIERARCHY[1][384]] * 6)
    rows = {"set": ["operations"] * 10, "image": range(10), "leaf": leaves, "said_1": said}
    store("quick", "mantranet/imc-wd", rows)
    matrix = mantranet.confusion_matrix("quick")
    first, last = HIERARCHY[1][0], HIERARCHY[1][384]
    assert matrix.shape == (25, 25)
    assert matrix[first, first] == 0.75 and matrix[first, 7] == 0.25
    assert matrix[last, last] == 1
    assert np.isnan(matrix).all(1).sum() == 23


def test_the_double_jpeg_claim(store):
    """C14: JPEG taken for double JPEG is the largest confusion of classes with enough images."""
    names = list(class_names(1))
    once = next(op.leaf for op in OPERATIONS if names[HIERARCHY[1][op.leaf]] == "JPEGCompress")
    double = next(i for i, name in enumerate(names) if name.startswith("JPEGDouble"))
    claim = mantranet.JUDGES["C14"]
    blur = names.index("GaussianBlur")
    rare = next(op.leaf for op in OPERATIONS if HIERARCHY[1][op.leaf] not in (blur, double))
    for taken, outcome in (([double] * 30, "holds"), ([blur] * 30, "contradicted")):
        rows = {"set": ["operations"] * 41, "image": range(41), "leaf": [once] * 40 + [rare]}
        store("standard", "mantranet/imc-wd", rows | {"said_1": taken + [blur] * 11})
        (found,) = claim.rule("standard", experiments.RUN_BY_ID)
        assert verdicts.outcomes([found]) == [outcome]
    assert found.said == (
        "largest confusion of classes with 20 images or more: JPEGCompress taken for GaussianBlur "
        "(100%); single taken for double JPEG is it in 0% of resamples"
    )
    even = rows | {"said_1": [double] * 20 + [blur] * 21}
    store("standard", "mantranet/imc-wd", even)
    assert verdicts.outcomes(claim.rule("standard", experiments.RUN_BY_ID)) == ["open"]


def test_rows_that_do_not_belong_to_the_registry_judge_nothing(store):
    rows = {"set": ["operations"] * 4, "image": range(4), "top_1": [1, 1, 1, 0]}
    rows["top_10"] = rows["top_1"]
    (claim,) = (c for c in experiments.CLAIMS if c.id == "mantranet-C1")
    store("standard", "mantranet/imc-wd", rows, identity="of another registry")
    said = experiments.verdict(claim, "standard")
    assert said.verdict == "not yet judged"
    assert said.evidence == "(trained again) of an earlier recipe: mantranet/imc-wd"
    own = identity(experiments.run("mantranet/imc-wd"), profiles.STANDARD, 0, experiments.RUN_BY_ID)
    store("standard", "mantranet/imc-wd", rows, identity=own)
    assert "operations top_1 +75.0 " in experiments.verdict(claim, "standard").evidence


def test_what_is_stored_is_listed_and_what_lacks_is_named(store, capsys):
    own = identity(experiments.run("uen/pscc"), profiles.QUICK, 1, experiments.RUN_BY_ID)
    rows = {"set": ["like_casia"], "image": ["0"], "pixel_auc": [0.8]}
    ours = {"samples": 1920, "device": "cpu", "environment": {"machine": "arm64, 8 cores"}}
    store("quick", "uen/pscc", rows, identity="of an earlier recipe", train_seconds=60, **ours)
    store("quick", "uen/pscc", rows, identity=own, train_seconds=30, seed=1, **ours)
    store("quick", "uen/t-25", rows, identity="any", **ours | {"samples": 0})
    experiments.stored("uen", "quick")
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    total = sum(run.paper == "uen" for run in experiments.RUNS)
    assert lines[:4] == [
        f"uen at profile quick: 2 of {total} runs stored",
        "run recipe seeds samples minutes trained on",
        "pscc earlier 0 1 1,920 1.5 cpu, arm64, 8 cores",
        "t-25 earlier 0 0",
    ]
    assert lines[4] == "Not stored; `imdl train RUN --profile quick` makes each:"
    assert lines[5:7] == ["uen/pscc-plain", "uen/pscc-synth"] and len(lines) == total + 3


def test_what_lacks_a_real_set_says_so_wherever_it_is_listed(store, monkeypatch, capsys):
    for here in (True, False):
        monkeypatch.setattr(datasets, "available", lambda name, here=here: here)
        experiments.stored("pscc_net", "quick")
    first, second = capsys.readouterr().out.split("pscc_net at profile quick: ")[1:]
    assert first == second
    assert "pscc_net/tuned-nist16-real needs NIST16: imdl data info nist16\n" in first
