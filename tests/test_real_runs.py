"""Runs that are trained on a real set: with a small copy of it, and where it is not here."""

from dataclasses import replace

import pytest
import torch
from fakes import coverage

from imdl_lib import datasets, evaluate, experiments, jobs, profiles, splits, tables, train
from imdl_lib.errors import DataError, RegistryError
from imdl_lib.registry import identity

REAL = "pscc_net/tuned-coverage-real"
LACKING = (
    f"Run {REAL} is trained on COVERAGE, which is not here. Expected every file of it. "
    "Run `imdl data get coverage`."
)


def state(id: str) -> str:
    (entry,) = (entry for entry in experiments.listing("quick") if entry["id"] == id)
    return entry["state"]


def test_a_run_is_trained_on_a_real_set_and_scored_on_its_test_part_alone(
    workplace, tiny, monkeypatch
):
    monkeypatch.setenv("IMDL_DATA", str(workplace / "data"))
    monkeypatch.setenv("IMDL_CACHE", str(workplace / "own"))  # a set's crops are named by it alone
    monkeypatch.setitem(profiles.PROFILES, "tiny", replace(tiny, size_px=32, released_size_px=32))
    coverage(workplace / "data")
    one = experiments.job(REAL, "tiny")
    assert experiments.left_out(one.run, "tiny") == ""
    assert evaluate.rebuild(one, progress=False)
    assert jobs.read_record(one)["samples"] == tiny.released_samples
    rows = tables.rows("tiny", REAL)
    assert set(rows["set"]) == {"coverage/test"}
    assert sorted(rows["image"]) == sorted(splits.held_out()["coverage"])
    assert (rows["forged_share"] > 0).all()
    start = train.load(one.start).state_dict()
    assert any(not torch.equal(t, start[n]) for n, t in train.load(one).state_dict().items())
    filled = tables.fill(experiments.item("pscc_net/table-iii"), "tiny")
    ours = filled[(filled["row"] == "PSCC-Net") & (filled["column"] == "Coverage")]
    assert len(ours) == 2 and ours["real"].notna().all()
    monkeypatch.delenv("IMDL_DATA")
    assert not evaluate.rebuild(one, progress=False)  # its rows stay
    assert experiments.left_out(one.run, "tiny") == ""


def test_a_run_whose_set_is_not_here_is_told_before_its_start_is_trained(workplace, tiny):
    with pytest.raises(DataError) as caught:
        evaluate.rebuild(experiments.job(REAL, "tiny"), progress=False)
    assert str(caught.value) == LACKING
    assert not (workplace / "cache/runs").exists()


def test_casia1_trains_no_run(workplace, tiny):
    run = replace(experiments.run(REAL), trained_on="casia1")
    with pytest.raises(RegistryError) as caught:
        evaluate.rebuild(jobs.Job(run, tiny, 0, experiments.RUN_BY_ID), progress=False)
    assert str(caught.value) == (
        "No run can be trained on `casia1`: no split of it is known here. It is for evaluation "
        "only. Expected one of coverage, nist16, or a stand-in."
    )


def test_a_table_is_made_without_the_runs_of_sets_that_are_not_here(store, monkeypatch):
    """Wherever the sets are, so that all see one state; what is stored must be the registry's."""
    id = "pscc_net/table-iii"
    rows = {"set": ["like_coverage"], "image": ["0"], "pixel_auc": [0.8]}
    for name in experiments.needs(experiments.item(id)):
        if not name.endswith("-real"):
            run = experiments.run(name)
            own = identity(run, profiles.QUICK, 0, experiments.RUN_BY_ID)
            store("quick", name, rows | {"set": run.tests[:1]}, identity=own)
    experiments.render(id, "quick")
    assert state(id) == "made"
    filled = tables.fill(experiments.item(id), "quick")
    reasons = filled[filled["row"] == "PSCC-Net"].groupby("column")["why"].unique()
    assert list(reasons["Coverage"]) == ["needs COVERAGE: imdl data get coverage"]
    assert list(reasons["NIST16"]) == ["needs NIST16: imdl data info nist16"]
    with monkeypatch.context() as patch:
        patch.setattr(datasets, "available", lambda name: True)
        assert state(id) == "made"
    store("quick", REAL, rows, identity="of an earlier recipe")
    assert state(id) == "made, earlier recipe"
