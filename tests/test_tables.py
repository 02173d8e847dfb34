"""Tables from synthetic rows: what fills a cell, what is said of an empty one, what has moved."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from imdl_lib import paths, tables
from imdl_lib.errors import DataError
from imdl_lib.registry import Cell, Source, Table
from imdl_lib.tables import Counts

RUN = "invented/run"
PRINTED = [
    ("Table 1", "ours", "A", "pixel AUC", "81.7", "%"),
    ("Table 1", "ours", "B", "pixel AUC", "60", "%"),
    ("Table 1", "other", "A", "pixel AUC", "70.25", "%"),
    ("Table 1", "other", "B", "pixel AUC", "", "%"),
    ("Table 1", "ours", "#", "number of filters", "16", "filters"),
    ("Table 2", "[33]", "clue", "clue", "Noise pattern", "text"),
    ("Table 2", "[33]", "net", "network", "", "text"),
]


def source(set: str, column: str = "pixel_auc", scale: float = 100.0, **fields) -> Source:
    return Source(RUN, set, column, scale, **fields)


CELLS = (
    Cell("ours", "A", "pixel AUC", (source("casia1", real=True), source("one"))),
    Cell("ours", "B", "pixel AUC", (source("two/*"),)),
    Cell("other", "A", "pixel AUC", (), "reported only"),
    Cell("other", "B", "pixel AUC", (), "reported only"),
)
FILTERS = Cell("ours", "#", "number of filters", (), "reported only", {"standard": "4"}.get)
TABLE = Table("invented/table-1", "Table 1", "Invented numbers", "pixel AUC, mean", CELLS)
FACTS = Table(
    "invented/table-2",
    "Table 2",
    "Invented facts",
    "quoted facts; nothing to run",
    tuple(Cell(*key[1:4], (), "a quoted fact") for key in PRINTED[5:]),
)


@pytest.fixture(autouse=True)
def published(monkeypatch, workplace):
    names = ["table", "row", "column", "metric", "value", "unit"]
    monkeypatch.setattr(tables, "published", lambda paper: pd.DataFrame(PRINTED, columns=names))


@pytest.fixture
def scored(store):
    """Two seeds; set one has two images, two/x has one, two/y has three."""
    for seed, more in ((0, 0.0), (1, 0.1)):
        auc = [0.5, 0.7, 0.2, 0.6, 0.7, 0.8]
        rows = {"set": ["one"] * 2 + ["two/x"] + ["two/y"] * 3, "image": ["0", "1", "0", *"012"]}
        pooled = {"set": ["one", "two/x"], "pixel_f1_best_per_set": [0.3, 0.4]}
        rows["pixel_auc"] = np.array(auc) + more
        store("standard", RUN, rows, pooled=pooled, seed=seed, paper_parameters=487_000 + seed)


def test_values_of_each_seed(scored):
    assert tables.per_seed("standard", source("one")) == pytest.approx([60, 70])
    assert tables.per_seed("standard", source("one", scale=1.0)) == pytest.approx([0.6, 0.7])
    assert len(tables.per_seed("quick", source("one"))) == 0
    assert len(tables.per_seed("standard", source("none"))) == 0
    assert len(tables.per_seed("standard", source("one", "recall"))) == 0


def test_a_star_weighs_sets_not_images(scored):
    assert tables.per_seed("standard", source("two/*")) == pytest.approx([45, 55])
    assert len(tables.per_seed("standard", source("tw/*"))) == 0


def test_values_of_a_record_and_of_a_whole_set(scored):
    found = tables.per_seed("standard", source("run", "paper_parameters", 1e-3))
    assert found == pytest.approx([487, 487.001])
    assert np.isnan(tables.per_seed("standard", source("run", "classes"))).all()
    pooled = source("one", "pixel_f1_best_per_set")
    assert tables.per_seed("standard", pooled) == pytest.approx([30, 30])


def test_the_best_blind_control(store):
    """Each column has its own best one; what is undefined, of another set or absent never wins."""
    sets = {"set": ["one", "one", "two/x", "two/y"], "image": [*"0101"]}
    auc = {"centre": [0.7, 0.6, 0.4, 0.2], "high-pass": [0.9, 0.3, 0.8, 0.1]}
    f1 = {"centre": [0.1] * 4, "high-pass": [0.2] * 4, "saliency": [np.nan] * 4}
    for name, best in f1.items():
        rows = sets | {"pixel_auc": auc.get(name, [np.nan] * 4), "pixel_f1_at_half": best}
        pooled = {"set": ["one"], "pixel_f1_best_per_set": [len(name) / 100]}
        store("standard", f"blind/{name}", rows, pooled=pooled)
    best = partial(tables.best_blind, "standard")
    assert best("one", "pixel_auc") == ("blind/centre", pytest.approx(0.65))
    assert best("two/*", "pixel_auc") == ("blind/high-pass", pytest.approx(0.45))
    assert best("one", "pixel_f1_at_half") == ("blind/high-pass", pytest.approx(0.2))
    assert best("one", "pixel_f1_best_per_set") == ("blind/high-pass", pytest.approx(0.09))
    assert best("three", "pixel_auc") is None
    assert tables.best_blind("quick", "one", "pixel_auc") is None


BLIND_TABLE = Table(
    "invented/table-1",
    "Table 1",
    "",
    "",
    tuple(
        Cell("best blind control", column, "pixel AUC", sources)
        for column, sources in {
            "A": (
                Source("blind/best", "casia1", "pixel_auc", real=True),
                Source("blind/best", "one", "pixel_auc"),
            ),
            "B": (Source("blind/best", "two/*", "pixel_auc"),),
            "C": (Source("blind/best", "three", "pixel_auc"),),
        }.items()
    ),
)


def test_a_row_of_the_best_blind_controls(store):
    sets = {"set": ["one", "casia1", "two/x"], "image": [*"000"]}
    for name, auc in {"centre": [0.6, 0.7, 0.5], "saliency": [0.5, 0.6, 0.8]}.items():
        store("standard", f"blind/{name}", sets | {"pixel_auc": auc})
    filled = tables.fill(BLIND_TABLE, "standard")
    assert filled["real"].tolist() == pytest.approx([70, np.nan, np.nan], nan_ok=True)
    assert filled["stand_in"].tolist() == pytest.approx([60, 80, np.nan], nan_ok=True)
    assert filled["control"].tolist() == ["centre | centre", "- | saliency", "- | -"]
    assert filled["why"].tolist() == ["", "", "its run is not finished at this profile"]
    notes = tables.text(BLIND_TABLE, filled, "standard").split("\n\n")[-2]
    assert notes.splitlines() == [
        "Best blind control on real sets: centre.",
        "Best blind control on stand-ins: saliency (B), else centre.",
    ]


def test_sets_whose_columns_share_a_control_are_told_once(store):
    rows = {"set": ["one", "two/x", "three"], "image": [*"000"]}
    for name, auc in {"centre": [0.6, 0.7, 0.5], "saliency": [0.5, 0.6, 0.8]}.items():
        store("standard", f"blind/{name}", rows | {"pixel_auc": auc})
    named = {("X", "A"): "one", ("X", "B"): "two/x", ("Y", "A"): "three", ("Y", "B"): "three"}
    cells = tuple(
        Cell(f"{of}: best blind control", column, "AUC", (Source("blind/best", set, "pixel_auc"),))
        for (of, column), set in named.items()
    )
    table = replace(BLIND_TABLE, cells=cells)
    shown = tables.text(table, tables.fill(table, "standard"), "standard")
    assert "Best blind control on stand-ins: saliency (Y), else centre." in shown


def test_a_row_of_blind_controls_stands_in_tables_of_pixel_scores_alone():
    real = Source("a/b", "casia1", "pixel_auc", real=True)
    part, stand_in = replace(real, set="casia1/forged"), Source("c/d", "like_casia", "pixel_auc")
    image = Source("a/b", "like_casia_d", "image_auc")
    made = tables.best_blind_row(
        {
            ("ours", "CASIA", "AUC"): (real, stand_in),
            ("theirs", "CASIA", "AUC"): (part, replace(stand_in, run="e/f")),
            ("ours", "CASIA-D", "AUC"): (image,),
            ("ours", "weights", "count"): (Source("a/b", "run", "paper_parameters"),),
        }
    )
    both = tuple(replace(source, run="blind/best") for source in (real, stand_in))
    assert made == {("best blind control", "CASIA", "AUC"): both}


def test_rows_that_were_scored_anew_are_read_anew(store):
    for value in (0.5, 0.75):
        store("standard", RUN, {"set": ["one"], "image": ["0"], "pixel_auc": [value]})
        assert tables.rows("standard", RUN)["pixel_auc"].tolist() == [value]


def test_an_unfinished_run_has_no_rows(store, workplace):
    store("standard", RUN, {"set": ["one"], "image": ["0"], "pixel_auc": [1.0]})
    assert len(tables.rows("standard", RUN)) == 1
    (workplace / "results/standard" / RUN / "seed0/run.json").unlink()
    assert len(tables.rows("standard", RUN)) == 0
    assert tables.records("standard", RUN) == []


def test_a_filled_table(scored):
    filled = tables.fill(TABLE, "standard")
    assert list(filled.columns) == list(tables.COLUMNS)
    assert filled["published"].tolist() == ["81.7", "60", "70.25", ""]
    assert filled["stand_in"].tolist() == pytest.approx([65, 50, np.nan, np.nan], nan_ok=True)
    assert filled["real"].isna().all()
    assert filled["seeds"].tolist() == [2, 2, 0, 0]
    assert filled["why"].tolist() == [
        "needs CASIA v1 and the run's weights: imdl data get casia1",
        "",
        "reported only",
        "reported only",
    ]
    assert tables.counted(TABLE, filled) == Counts(2, 0, 1)  # one is empty in the paper, too


def test_cells_are_counted_by_what_they_hold(scored):
    needed = Cell("other", "A", "pixel AUC", (), "needs weights that nobody gives")
    table = replace(TABLE, cells=(*CELLS[:2], FILTERS, needed, CELLS[3]))
    assert tables.counted(table, tables.fill(table, "standard")) == Counts(2, 1, 1)
    assert tables.counted(table, tables.fill(table, "quick")) == Counts(0, 3, 1)
    assert str(Counts(2, 1, 0)) == "2 ours, 1 measurable, 0 quoted"


def test_a_setting_of_ours_stands_beside_the_printed_one(scored):
    table = replace(TABLE, cells=(*CELLS[:2], FILTERS))
    filled = tables.fill(table, "standard")
    assert filled["setting"].tolist() == ["", "", "4"] and filled["why"].tolist()[2] == ""
    shown = tables.text(table, filled, "standard")
    assert "16 | 4" in shown and "ours on the stand-in; a setting: published | ours." in shown
    assert tables.fill(table, "standard", settings=False)["setting"].tolist() == ["", "", ""]


def test_a_setting_that_moved(scored):
    table = replace(TABLE, cells=(*CELLS[:2], FILTERS))
    filled = tables.fill(table, "standard")
    tables.save(table, filled, "standard")
    assert tables.compare(table, filled, "standard")
    with pytest.raises(DataError) as error:
        tables.compare(table, filled.assign(setting=["", "", "8"]), "standard")
    assert str(error.value) == (
        "invented/table-1: setting ours / # is '8', stored '4'. The registry has changed. "
        "Run `imdl render --paper invented --profile standard` again."
    )


def test_what_a_value_on_a_real_set_lacks(store):
    """Data alone, or the weights too where a network is stored by its rows alone."""
    rows = {"set": ["one"], "image": ["0"], "pixel_auc": [0.5]}
    folder = store("standard", RUN, rows)
    assert tables.fill(TABLE, "standard")["why"][0] == "needs CASIA v1: imdl data get casia1"
    store("standard", RUN, rows, paper_parameters=10)
    assert tables.fill(TABLE, "standard")["why"].tolist()[:2] == [
        "needs CASIA v1 and the run's weights: imdl data get casia1",
        "not among its run's stored rows",
    ]
    (folder / "weights.safetensors").touch()
    assert tables.fill(TABLE, "standard")["why"][0] == "needs CASIA v1: imdl data get casia1"


def test_a_value_on_a_real_set_has_its_interval(store):
    rows = {"set": ["casia1", "one"], "image": ["0", "0"], "pixel_auc": [0.75, 0.5]}
    store("standard", RUN, rows)
    asked = []

    def interval(profile: str, source: Source) -> tuple[float, float]:
        asked.append((profile, source.set))
        return 73.0, 76.0

    table = replace(TABLE, cells=CELLS[:2])
    filled = tables.fill(table, "standard", interval=interval)
    assert asked == [("standard", "casia1")]  # a stand-in's value has none
    assert filled[["real_low", "real_high"]].iloc[0].tolist() == [73, 76]
    shown = tables.text(table, filled, "standard")
    assert "81.7 | 75.0 ±1.5 | 50.0" in shown and "95 % interval" in shown
    assert "±" not in tables.text(table, tables.fill(table, "standard"), "standard")


def test_a_number_of_images_has_no_decimals(store):
    images = Cell("ours", "A", "images", (source("one", "image_count", 1.0),))
    store("standard", RUN, {"set": []}, pooled={"set": ["one"], "image_count": [128]})
    table = replace(TABLE, cells=(images,))
    filled = tables.fill(table, "standard").assign(unit="images")
    assert "- | - | 128\n" in tables.text(table, filled, "standard") + "\n"


def test_a_real_set_fills_its_own_column(store):
    rows = {"set": ["casia1", "one"], "image": ["0", "0"], "pixel_auc": [0.75, 0.5]}
    store("standard", RUN, rows)
    first = tables.fill(TABLE, "standard").iloc[0]
    assert (first["real"], first["stand_in"], first["why"]) == (75, 50, "")


def test_every_empty_cell_says_why(scored):
    for profile in ("quick", "standard"):
        filled = tables.fill(TABLE, profile)
        empty = filled["real"].isna() & filled["stand_in"].isna()
        assert (filled.loc[empty, "why"] != "").all()
    unfinished = tables.fill(TABLE, "quick")["why"].tolist()
    assert unfinished[1] == "its run is not finished at this profile"


def test_text_of_a_table(scored):
    shown = tables.text(TABLE, tables.fill(TABLE, "standard"), "standard")
    assert [" ".join(line.split()) for line in shown.splitlines()] == [
        "Table 1. Invented numbers",
        "profile standard, seeds 2, cells: 2 ours, 0 measurable, 1 quoted",
        "Ours: pixel AUC, mean.",
        "A cell: published | ours on the real set | ours on the stand-in.",
        "",
        "A B",
        "ours 81.7 | - | 65.0 60 | - | 50.0",
        "other 70.25 | - | - - | - | -",
        "",
        "Empty, needs CASIA v1 and the run's weights: imdl data get casia1: ours.",
        "Empty, reported only: other.",
    ]


def test_a_quick_value_is_never_beside_a_published_one(store):
    rows = {"set": ["one", "two/x"], "image": ["0", "0"], "pixel_auc": [0.6, 0.5]}
    store("quick", RUN, rows)
    shown = tables.text(TABLE, tables.fill(TABLE, "quick"), "quick")
    assert "81.7" not in shown and "60 |" not in shown
    assert "quick | - | 60.0" in shown
    assert "70.25 | - | -" in shown  # nothing of ours stands there


def test_text_of_quoted_facts(workplace):
    shown = tables.text(FACTS, tables.fill(FACTS, "quick"), "quick")
    assert "Noise pattern" in shown and "quick |" not in shown
    assert tables.counted(FACTS, tables.fill(FACTS, "quick")) == Counts(0, 0, 1)


def test_several_metrics_of_one_cell_are_several_rows(scored, monkeypatch):
    both = tuple(Cell("ours", "A", metric, (source("one"),)) for metric in ("pixel AUC", "F1"))
    table = Table("invented/table-1", "Table 1", "", "", both)
    shown = tables.text(table, tables.fill(table, "standard"), "standard")
    assert "ours, pixel AUC" in shown and "ours, F1" in shown


# Stored


def test_a_stored_table_agrees_with_itself(scored, workplace):
    filled = tables.fill(TABLE, "standard")
    tables.save(TABLE, filled, "standard")
    assert (workplace / "results/standard/invented/items/table-1.csv").exists()
    said = tables.compare(TABLE, filled, "standard")
    assert said == "invented/table-1: 4 cells agree with the stored table"


def test_a_value_that_moved(scored):
    filled = tables.fill(TABLE, "standard")
    tables.save(TABLE, filled, "standard")
    filled.loc[1, "stand_in"] *= 1.04
    assert tables.compare(TABLE, filled, "standard")  # within 5 %
    filled.loc[1, "stand_in"] = 60.0
    with pytest.raises(DataError) as error:
        tables.compare(TABLE, filled, "standard")
    assert str(error.value) == (
        "invented/table-1: cell ours / B is 60, stored 50. "
        "Values may move by 5%. Find out why, or render again."
    )


def test_a_value_that_went_missing(scored):
    filled = tables.fill(TABLE, "standard")
    tables.save(TABLE, filled, "standard")
    filled.loc[0, "stand_in"] = np.nan
    with pytest.raises(DataError) as error:
        tables.compare(TABLE, filled, "standard")
    assert str(error.value) == (
        "invented/table-1: cell ours / A is nan, stored 65. "
        "Values may move by 5%. Find out why, or render again."
    )


def test_other_cells_than_are_stored(scored):
    tables.save(TABLE, tables.fill(TABLE, "standard"), "standard")
    fewer = Table(TABLE.id, TABLE.number, TABLE.caption, TABLE.protocol, CELLS[:3])
    with pytest.raises(DataError) as error:
        tables.compare(fewer, tables.fill(fewer, "standard"), "standard")
    assert str(error.value) == (
        "invented/table-1 has other cells than are stored: 3 now, 4 stored. "
        "The registry has changed. Run `imdl render --paper invented --profile standard` again."
    )


def test_nothing_stored(workplace):
    with pytest.raises(DataError) as error:
        tables.compare(TABLE, tables.fill(TABLE, "standard"), "standard")
    assert str(error.value) == (
        "invented/table-1 has no stored values at profile standard. "
        "Run `imdl render --paper invented --profile standard` first."
    )


def test_places(workplace):
    place = tables.stored("quick", "invented/figure-3", ".npz")
    assert place == paths.results("quick") / "invented/items/figure-3.npz"
