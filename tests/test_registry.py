"""What decides a run's identity, and what does not."""

from dataclasses import replace

import pytest

from imdl_lib import kinds
from imdl_lib.profiles import Profile
from imdl_lib.registry import VERDICTS, Claim, Figure, Run, Table, Verdict, identity

PROFILE = Profile(
    name="fixed",
    sources=("packaged",),
    size_px=64,
    released_size_px=128,
    width=0.25,
    batch=32,
    learning_rate=2e-3,
    schedule="cosine",
    operation_count=1024,
    operation_samples=2048,
    forged_count=512,
    forged_samples=768,
    released_samples=1536,
    thorough_samples=3072,
    test_count=16,
    real_count=None,
    timed_turns=1,
    large_turns=0,
    seeds=(0,),
    precision="32-true",
)

BASE = Run("mantranet/base", "mantranet.imc", {"level": 0}, ("operation",), ("operations",))
RUN = Run("mantranet/run", "mantranet", {"windows": (7,)}, ("splice",), ("columbia",))
STARTED = replace(RUN, init_from=BASE.id)


def of(run: Run, profile: Profile = PROFILE, seed: int = 0, base: Run = BASE) -> str:
    return identity(run, profile, seed, {base.id: base, run.id: run})


def test_identity_is_stable(monkeypatch):
    """Pinned: a change here makes every committed result stale."""
    monkeypatch.setattr(kinds, "versions", lambda: [2, 1, 1])
    assert of(RUN) == of(RUN) == "b49c93726b7442c4"
    assert of(STARTED) == "be78421c9eaeb982"


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "mantranet.imc"},
        {"config": {"windows": (7, 15)}},
        {"config": {}},
        {"kinds": ("removal",)},
        {"kinds": ("operation",)},
        {"jpeg_quality": (70, 100)},
        {"init_from": BASE.id},
        {"frozen": True},
        {"init_rate": 0.5},
        {"long": True},
        {"thorough": True},
        {"version": 1},
        {"chosen_on": "choosing"},
        {"label_noise": 0.3},
    ],
    ids=str,
)
def test_identity_follows_what_decides_the_weights(change):
    assert of(replace(RUN, **change)) != of(RUN)


@pytest.mark.parametrize("change", [{"tests": ()}, {"keep": True}, {"id": "mantranet/other"}])
def test_identity_ignores_what_does_not(change):
    assert of(replace(RUN, **change)) == of(RUN)


@pytest.mark.parametrize(
    "change",
    [
        {"sources": ("bsds500",)},
        {"size_px": 32},
        {"width": 0.5},
        {"batch": 16},
        {"learning_rate": 1e-3},
        {"schedule": "plateau"},
        {"precision": "auto"},
        {"forged_count": 64},
        {"forged_samples": 64},
    ],
    ids=str,
)
def test_identity_follows_the_schedule(change):
    assert of(RUN, replace(PROFILE, **change)) != of(RUN)


@pytest.mark.parametrize(
    "change",
    [{"name": "tiny"}, {"test_count": 99}, {"seeds": (0, 1)}],
    ids=str,
)
def test_identity_ignores_the_rest_of_a_profile(change):
    assert of(RUN, replace(PROFILE, **change)) == of(RUN)


def test_identity_follows_the_forging_version_of_what_is_trained(monkeypatch):
    """What needs no weights of its own is scored anew where its sets are forged otherwise."""
    plain = replace(RUN, kinds=())
    before = of(RUN), of(STARTED), of(replace(STARTED, kinds=())), of(plain)
    monkeypatch.setattr(kinds, "VERSION", kinds.VERSION + 1)
    after = of(RUN), of(STARTED), of(replace(STARTED, kinds=())), of(plain)
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, False, False, True]


def test_only_long_runs_follow_the_released_budget():
    for change in ({"released_samples": 64}, {"released_size_px": 32}):
        other = replace(PROFILE, **change)
        assert of(RUN, other) == of(RUN)
        assert of(replace(RUN, long=True), other) != of(replace(RUN, long=True))


def test_identity_follows_seed_and_start():
    assert of(RUN, seed=1) != of(RUN)
    other = replace(BASE, config={"level": 1})
    assert of(STARTED, base=other) != of(STARTED)
    assert of(RUN, base=other) == of(RUN)
    more_tests = replace(BASE, tests=("operations", "cameras"))
    assert of(STARTED, base=more_tests) == of(STARTED)


def test_budget_and_size_of_a_run():
    assert BASE.samples(PROFILE) == PROFILE.operation_samples
    assert replace(BASE, long=True).samples(PROFILE) == PROFILE.operation_samples
    assert RUN.samples(PROFILE) == PROFILE.forged_samples
    assert replace(RUN, long=True).samples(PROFILE) == PROFILE.released_samples
    assert replace(RUN, long=True, thorough=True).samples(PROFILE) == PROFILE.thorough_samples
    assert RUN.size_px(PROFILE) == PROFILE.size_px
    assert replace(RUN, long=True).size_px(PROFILE) == PROFILE.released_size_px


def test_items_know_their_paper():
    assert RUN.paper == "mantranet"
    assert Table("mantranet/table-2", "Table 2", "", "", ()).paper == "mantranet"
    figure = Figure("mantranet/figure-2", "Figure 2", "", (), lambda p: {}, lambda d: None)
    assert figure.paper == "mantranet"
    assert Claim("mantranet-C1", "", "", "").paper == "mantranet"
    assert Claim("safl_net-C1", "", "", "").paper == "safl_net"


def test_a_verdict_without_evidence_is_empty():
    assert Verdict(VERDICTS[0]) == Verdict("reproduced", evidence="", was="")
