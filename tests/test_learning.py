"""Whether a run has learned, from its records and those of its learning curve."""

import pytest

from imdl_lib import learning
from imdl_lib.profiles import QUICK
from imdl_lib.registry import Run, curve_of

RUN = "uen/vanilla-plain"


@pytest.fixture
def stored(store):
    def put(ending: str, value: float, learned: bool = True, **more) -> None:
        numbers = {"value": value, "control_value": 0.6}
        store("quick", RUN + ending, {"set": []}, learned=learned, validation=numbers, **more)

    return put


def test_nothing_stored_has_not_learned(workplace):
    assert not learning.learned("quick", RUN)
    assert learning.curve("quick", RUN).empty


def test_every_seed_must_have_learned(stored):
    stored("", 0.8)
    assert learning.learned("quick", RUN)
    stored("", 0.8, learned=False, seed=1)
    assert not learning.learned("quick", RUN)


@pytest.mark.parametrize(("half", "has"), [(0.79, True), (0.78, False), (0.82, True)])
def test_a_network_that_still_rises_has_not_learned(stored, half, has):
    """Half the samples may cost less than 1.5 points."""
    stored("", 0.8, samples=200)
    stored("-half", half, samples=100)
    stored("-quarter", 0.5, samples=50)
    assert learning.learned("quick", RUN) == has
    points = learning.curve("quick", RUN)
    assert points.index.tolist() == [0.25, 0.5, 1.0]
    assert points["samples"].tolist() == [50, 100, 200]
    assert points["value"].tolist() == [0.5, half, 0.8]


def test_points_of_a_curve_are_runs_of_their_own():
    whole = Run(RUN, "uen.vanilla", {}, ("splice",), ("like_casia",), keep=True, paired=True)
    quarter, half = curve_of(whole)
    assert (quarter.id, half.id) == (f"{RUN}-quarter", f"{RUN}-half")
    assert [run.samples(QUICK) for run in (quarter, half, whole)] == [48, 96, 192]
    assert not half.tests and not half.keep and not half.paired
