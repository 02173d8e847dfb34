"""Parts of real sets: disjoint, complete, and never of a set that is for evaluation only."""

from itertools import combinations

import fakes
import pytest

from imdl_lib import datasets, experiments, realsets, splits, tables
from imdl_lib.errors import RegistryError


@pytest.fixture(autouse=True)
def root(monkeypatch, tmp_path):
    monkeypatch.setenv("IMDL_DATA", str(tmp_path))
    fakes.coverage(tmp_path)
    fakes.nist16(tmp_path)
    return tmp_path


def names(name: str) -> list[str]:
    return [entry.name for entry in datasets.open_set(name).entries]


@pytest.mark.parametrize("name", splits.held_out())
def test_parts_are_disjoint_and_complete(name):
    parts = {part: names(f"{name}/{part}") for part in splits.PARTS}
    for one, other in combinations(parts.values(), 2):
        assert not set(one) & set(other)
    forged = [e.name for e in datasets.open_set(name).entries if e.kind != realsets.AUTHENTIC]
    assert sorted(image for part in parts.values() for image in part) == sorted(forged)


@pytest.mark.parametrize("name", splits.held_out())
def test_every_image_that_is_tested_on_is_in_the_set(name):
    assert set(names(f"{name}/test")) == splits.held_out()[name]


@pytest.mark.parametrize(("name", "row"), [("coverage", "Coverage"), ("nist16", "NIST")])
def test_parts_are_as_large_as_printed(name, row):
    """Table I of PSCC-Net; a tenth of its training images chooses the checkpoint here."""
    found = tables.published("pscc_net")
    found = found[(found["table"] == "Table I") & (found["row"] == row)].set_index("column")
    tuned, tested = (int(found.loc[f"Fine-tuned # {p}", "value"]) for p in ("Train", "Test"))
    counts = {part: len(names(f"{name}/{part}")) for part in splits.PARTS}
    assert counts["test"] == tested
    assert counts["train"] + counts["valid"] == tuned
    assert counts["valid"] == -(-tuned // splits.VALID_EVERY)


def test_parts_do_not_depend_on_the_order_of_files():
    entries = list(datasets.open_set("coverage").entries)
    for part in splits.PARTS:
        wanted = splits.of_part("coverage", part, entries)
        assert splits.of_part("coverage", part, entries[::-1]) == wanted


def test_a_part_is_here_when_its_set_is(root):
    assert datasets.available("coverage/test")
    assert not datasets.missing("coverage") and not datasets.missing("like_coverage")
    (root / "coverage/mask/7forged.tif").unlink()
    assert not datasets.available("coverage/test")
    assert datasets.missing("coverage") and not datasets.missing(None)
    assert datasets.needs("coverage/test") == "needs COVERAGE: imdl data get coverage"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "casia1/train",
            "No run can be trained on `casia1`: no split of it is known here. It is for evaluation "
            "only. Expected one of coverage, nist16, or a stand-in.",
        ),
        (
            "columbia/test",
            "No run can be trained on `columbia`: no split of it is known here. "
            "Expected one of coverage, nist16, or a stand-in.",
        ),
        (
            "coverage/split",
            "There is no part 'split' of `coverage`. Expected one of train, valid, test, forged.",
        ),
    ],
)
def test_parts_that_do_not_exist(name, message):
    for call in (datasets.open_set, datasets.available, datasets.needs):
        with pytest.raises(RegistryError) as caught:
            call(name)
        assert str(caught.value) == message


def test_no_run_tests_on_what_it_is_trained_on():
    for run in experiments.RUNS:
        if run.trained_on in realsets.SPECS:
            assert run.tests == (f"{run.trained_on}/test",)
            assert run.trained_on in splits.held_out()
