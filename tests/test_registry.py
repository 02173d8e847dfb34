"""What decides a run's identity, and what does not."""

from dataclasses import replace

import pytest

from imdl_lib import recipes
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
    samples={"classes": 2048, "ablation": 768, "released": 1536},
    most_images=512,
    test_count=16,
    real_count=None,
    timed_turns=1,
    large_turns=0,
    seeds=(0,),
    paired_seeds=(0, 1),
    precision="32-true",
)

BASE = Run("mantranet/base", "mantranet.imc", {"level": 0}, ("operation",), ("operations",))
RUN = Run("mantranet/run", "mantranet", {"windows": (7,)}, ("splice",), ("columbia",))
STARTED = replace(RUN, init_from=BASE.id)


def of(run: Run, profile: Profile = PROFILE, seed: int = 0, base: Run = BASE) -> str:
    return identity(run, profile, seed, {base.id: base, run.id: run})


def test_identity_is_stable(monkeypatch):
    """Pinned: a change here makes every committed result stale."""
    monkeypatch.setattr(recipes, "versions", lambda: [2, 1, 1])
    assert of(RUN) == of(RUN) == "181d493a3ed8ae63"
    assert of(STARTED) == "b18dd40eb4f96a96"


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
        {"budget": "released"},
        {"share": 0.5},
        {"version": 1},
        {"chosen_on": "choosing"},
        {"label_noise": 0.3},
    ],
    ids=str,
)
def test_identity_follows_what_decides_the_weights(change):
    assert of(replace(RUN, **change)) != of(RUN)


@pytest.mark.parametrize(
    "change", [{"tests": ()}, {"keep": True}, {"paired": True}, {"id": "mantranet/other"}]
)
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
        {"most_images": 64},
        {"samples": PROFILE.samples | {"ablation": 64}},
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
    monkeypatch.setattr(recipes, "VERSION", recipes.VERSION + 1)
    after = of(RUN), of(STARTED), of(replace(STARTED, kinds=())), of(plain)
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, False, False, True]


def test_only_a_run_s_own_budget_and_size_count():
    other = replace(PROFILE, samples=PROFILE.samples | {"released": 64})
    assert of(RUN, other) == of(RUN)
    larger = replace(PROFILE, released_size_px=32)
    assert of(RUN, larger) == of(RUN)
    assert of(replace(RUN, long=True), larger) != of(replace(RUN, long=True))


def test_identity_follows_seed_and_start():
    assert of(RUN, seed=1) != of(RUN)
    other = replace(BASE, config={"level": 1})
    assert of(STARTED, base=other) != of(STARTED)
    assert of(RUN, base=other) == of(RUN)
    more_tests = replace(BASE, tests=("operations", "cameras"))
    assert of(STARTED, base=more_tests) == of(STARTED)


def test_budget_size_and_seeds_of_a_run():
    assert RUN.samples(PROFILE) == 768
    assert replace(RUN, budget="classes").samples(PROFILE) == 2048
    assert replace(RUN, share=0.25).samples(PROFILE) == 192
    assert replace(RUN, kinds=()).samples(PROFILE) == 0
    assert RUN.size_px(PROFILE) == PROFILE.size_px
    assert replace(RUN, long=True).size_px(PROFILE) == PROFILE.released_size_px
    assert RUN.seeds(PROFILE) == (0,) and replace(RUN, paired=True).seeds(PROFILE) == (0, 1)


def test_a_run_starts_from_the_same_seed_where_there_is_one():
    paired = replace(BASE, paired=True)
    assert [paired.seed_for(PROFILE, seed) for seed in (0, 1, 2)] == [0, 1, 0]
    assert [BASE.seed_for(PROFILE, seed) for seed in (0, 1)] == [0, 0]
    other = replace(PROFILE, samples=PROFILE.samples | {"ablation": 64})
    assert of(STARTED, other, 1, paired) != of(STARTED, PROFILE, 1, paired)


def test_items_know_their_paper():
    assert RUN.paper == "mantranet"
    assert Table("mantranet/table-2", "Table 2", "", "", ()).paper == "mantranet"
    figure = Figure("mantranet/figure-2", "Figure 2", "", (), lambda p: {}, lambda d: None)
    assert figure.paper == "mantranet"
    assert Claim("mantranet-C1", "", "", "").paper == "mantranet"
    assert Claim("safl_net-C1", "", "", "").paper == "safl_net"


def test_a_verdict_without_evidence_is_empty():
    assert Verdict(VERDICTS[0]) == Verdict("reproduced", evidence="", was="")
