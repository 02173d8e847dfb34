"""What comparisons come to: every word of the closed list, and each condition broken once."""

from dataclasses import replace

import numpy as np
import pytest

from imdl_lib import verdicts
from imdl_lib.claims import above, below, both, constructed, higher, recorded, unjudged, waiting
from imdl_lib.errors import RegistryError
from imdl_lib.registry import DECIDED, VERDICTS, Run, Source, Verdict
from imdl_lib.verdicts import BLIND, FAILED, HELD, OPEN, Comparison, folded, outcomes

NOISE = np.random.default_rng(0).normal(0, 30, 40)
SET = "like_columbia"


def trained(name: str, **fields) -> Run:
    return Run(f"invented/{name}", "pscc_net", {}, fields.pop("kinds", ("splice",)), (), **fields)


RUNS = {
    run.id: run
    for run in (
        *map(trained, "abc"),
        trained("method", kinds=()),  # untrained
        trained("early", kinds=(), init_from="invented/a"),  # another use of a's weights
        trained("late", init_from="invented/a"),
        trained("classes", kinds=("operation",)),
        trained("pre", init_from="invented/classes"),
    )
}


def source(run: str, set: str = SET, column: str = "pixel_auc", **more) -> Source:
    return Source(f"invented/{run}", set, column, **more)


A, B = source("a"), source("b")


@pytest.fixture
def score(store, tiny):
    """Percentages of a run on a set, for two seeds that have learned unless said otherwise."""

    def put(run, values, set=SET, column="pixel_auc", seeds=(0, 1), **record):
        id = run if "/" in run else f"invented/{run}"
        rows = {"set": [set] * len(values), "image": [f"{i}" for i in range(len(values))]}
        rows[column] = np.asarray(values) / 100
        for seed in seeds:
            store("tiny", id, rows, seed=seed, **({"learned": True, "samples": 1000} | record))

    return put


@pytest.fixture
def fair(score):
    """Two trainings that are fit to compare: a is a point better on every image."""
    score("blind/centre", 50 + NOISE)
    score("a", 81 + NOISE)
    score("b", 80 + NOISE)
    return score


def said(judge) -> Verdict:
    found = judge("tiny", RUNS)
    assert found.verdict in VERDICTS
    return found


# Holm's correction and the fold


def comparison(p: float, holds: bool = True) -> Comparison:
    """One whose two-sided p-value is ``p``."""
    sides = (p / 2, 1 - p / 2)
    return Comparison("", *(sides if holds else sides[::-1]))


def test_holm_by_hand():
    """Of four: .01 <= .05 / 4, .015 <= .05 / 3, .026 > .05 / 2, and so .03 is open too."""
    found = [comparison(0.03), comparison(0.01), comparison(0.026, holds=False), comparison(0.015)]
    assert outcomes(found) == [OPEN, HELD, OPEN, HELD]
    found[2] = comparison(0.025, holds=False)  # = .05 / 2
    assert outcomes(found) == [HELD, HELD, FAILED, HELD]
    assert outcomes([comparison(0.05)]) == [HELD] and outcomes([comparison(0.051)]) == [OPEN]


def test_what_is_certain_costs_the_others_no_more_than_their_own_number():
    certain = Comparison("", 0.0, 1.0)
    assert outcomes([certain, comparison(0.05)]) == [HELD, HELD]
    assert outcomes([comparison(0.05), comparison(0.05)]) == [OPEN, OPEN]


def test_so_many_comparisons_that_none_can_be_decided():
    least = comparison(2 / (verdicts.DRAWS + 1))  # the smallest two-sided p-value of the bootstrap
    assert outcomes([least] * 250) == [HELD] * 250
    with pytest.raises(RegistryError) as error:
        outcomes([least] * 251)
    assert str(error.value) == (
        "A claim is judged by 251 comparisons. 10,000 draws can decide 250 at most. "
        "Judge the mean of several sources instead."
    )


@pytest.mark.parametrize(
    "found, verdict",
    [
        ([HELD, HELD], "reproduced"),
        ([HELD, OPEN], "undecided"),
        ([OPEN, OPEN], "undecided"),
        ([FAILED, OPEN], "contradicted"),
        ([FAILED, FAILED], "contradicted"),
        ([HELD, FAILED, OPEN], "mixed"),
    ],
)
def test_the_fold(found, verdict):
    assert folded(found) == verdict


# Each word


def test_reproduced_and_contradicted(fair):
    assert said(higher((A, B))) == Verdict(
        "reproduced", "pixel_auc of like_columbia: a - b +1.0 [+1.0, +1.0] on 40 images"
    )
    assert said(higher((B, A))) == Verdict(
        "contradicted", "pixel_auc of like_columbia: b - a -1.0 [-1.0, -1.0] on 40 images"
    )


def test_mixed_and_undecided(fair):
    fair("c", 80 + NOISE[::-1])
    found = said(higher((A, B), (B, A)))
    assert found.verdict == "mixed" and found.evidence.startswith("1 of 2 hold, 1 contradicted: ")
    found = said(higher((A, B), (A, source("c"))))
    assert found.verdict == "undecided"
    assert found.evidence.startswith("1 of 2 hold, 0 contradicted: ")
    assert said(higher((B, A), (A, source("c")))).verdict == "contradicted"


def test_of_many_comparisons_those_that_do_not_hold_are_told(fair):
    found = said(higher(*[(A, B)] * 4, (B, A))).evidence
    assert found == (
        "4 of 5 hold, 1 contradicted; those that do not hold: "
        "pixel_auc of like_columbia: b - a -1.0 [-1.0, -1.0] on 40 images"
    )
    assert said(higher(*[(A, B)] * 5)).evidence.count("a - b") == 5


def test_no_better_than_blind(fair):
    """The better side must exceed the best blind control by its interval, for and against."""
    fair("blind/deviation", 82 + NOISE[::-1])
    for pair in ((A, B), (B, A)):
        found = said(higher(pair))
        assert found.verdict == BLIND
        assert "(invented/a is no better than blind/deviation on like_columbia: -1.0 [" in (
            found.evidence
        )
    fair("blind/deviation", 75 + NOISE)
    assert said(higher((A, B))).verdict == "reproduced"


def test_the_worse_side_may_be_no_better_than_blind(fair):
    fair("b", 40 + NOISE)
    assert said(higher((A, B))).verdict == "reproduced"


def test_chance_is_the_least_of_blind_controls(fair):
    fair("blind/centre", 10 + NOISE)
    fair("a", 49 + NOISE - NOISE.mean())
    fair("b", 40 + NOISE - NOISE.mean())
    found = said(higher((A, B)))
    assert found.verdict == BLIND and "no better than chance on like_columbia" in found.evidence


def test_an_undecided_claim_stays_so_without_a_blind_control(score):
    score("a", 80 + NOISE)
    score("b", 80 + NOISE[::-1])
    assert said(higher((A, B))).verdict == "undecided"
    score("b", 60 + NOISE)
    assert said(higher((A, B))) == Verdict(
        "not yet judged", "a blind control has no pixel_auc on like_columbia yet"
    )


def test_what_is_no_score_asks_it_of_the_pixel_auc(fair, store):
    def put(auc):
        rows = {"set": [SET] * 40, "image": [f"{i}" for i in range(40)]}
        rows |= {"pixel_auc": (auc + NOISE) / 100, "inside": 0.2 + NOISE / 1e4}
        rows |= {"outside": 0.1 + NOISE / 1e4}
        store("tiny", "invented/a", rows, learned=True)
        return said(higher((source("a", column="inside"), source("a", column="outside")))).verdict

    assert [put(80), put(50)] == ["reproduced", BLIND]


def test_a_mean_over_sets_is_held_against_blind_controls_on_all_of_them(store, tiny):
    """Twenty points beyond the centre on one set do not stand for thirty below it on another."""
    sets = (SET, "like_coverage")
    levels = {"invented/a": (80, 55), "invented/b": (79, 54), "blind/centre": (60, 85)}

    def put():
        for run, pair in levels.items():
            for seed in (0, 1):
                rows = {"set": np.repeat(sets, 40), "image": [f"{i}" for i in range(40)] * 2}
                rows["pixel_auc"] = np.concatenate([(level + NOISE) / 100 for level in pair])
                store("tiny", run, rows, seed=seed, learned=True)
        ours, theirs = (tuple(source(run, name) for name in sets) for run in "ab")
        return said(higher((ours, theirs)))

    found = put()
    assert found.verdict == BLIND
    assert "(invented/a is no better than blind/centre on like_columbia, like_coverage: -5.0 [" in (
        found.evidence
    )
    levels["blind/centre"] = (60, 50)
    assert put().verdict == "reproduced"


def test_where_less_is_better_the_pixel_auc_is_asked(fair, store):
    """A control that marks everything has the most false alarms, and is not the best for that."""

    def put(run, auc, alarms, **more):
        rows = {"set": [SET] * 40, "image": [f"{i}" for i in range(40)]}
        rows |= {"pixel_auc": (auc + NOISE) / 100, "pixel_fpr_at_half_recall": alarms}
        for seed in (0, 1):
            store("tiny", run, rows, seed=seed, learned=True)

    put("blind/centre", 50, 1.0)
    put("invented/a", 80, 0.2)
    put("invented/b", 70, 0.3)
    pair = tuple(source(run, column="pixel_fpr_at_half_recall") for run in "ba")
    assert said(higher(pair)).verdict == "reproduced"
    put("blind/centre", 85, 1.0)
    assert said(higher(pair)).verdict == BLIND


def test_a_home_stands_for_a_set_on_which_the_network_fails(fair, store):
    fair("a", 40 + NOISE)
    assert said(below(50, A)).verdict == BLIND
    home = source("a", "like_coverage")
    rows = {"set": [SET] * 40 + ["like_coverage"] * 40, "image": [f"{i}" for i in range(40)] * 2}
    for run, there, here in (("invented/a", 40, 80), ("blind/centre", 45, 50)):
        values = np.concatenate([there + NOISE - NOISE.mean(), here + NOISE - NOISE.mean()])
        for seed in (0, 1):
            both = rows | {"pixel_auc": values / 100}
            store("tiny", run, both, seed=seed, learned=True)
    assert said(below(55, A, home=home)).verdict == "reproduced"


def test_one_seed(fair):
    """One seed decides no comparison of two trainings, for or against."""
    fair("c", 80 + NOISE, seeds=(0,))
    for pair in ((A, source("c")), (source("c"), A)):
        found = said(higher(pair))
        assert found.verdict == "one seed"
        assert found.evidence.startswith("(one seed of invented/c) ")


def test_one_seed_decides_a_level_and_one_network_s_own_differences(fair):
    fair("c", 81 + NOISE, seeds=(0,))
    assert said(above(60, source("c"))).verdict == "reproduced"
    fair("method", 60 + NOISE, seeds=(0,), samples=0, learned=False)
    assert said(higher((source("c"), source("method")))).verdict == "reproduced"


def test_another_use_of_the_same_weights_is_no_other_training(fair):
    fair("early", 80 + NOISE, seeds=(0,), samples=0, learned=False)
    assert said(higher((A, source("early")))).verdict == "reproduced"


def test_rows_of_one_seed_are_one_seed_whichever_weights_made_them(fair):
    fair("early", 80 + NOISE, seeds=(0,), samples=0)
    fair("b", 82 + NOISE)
    found = said(higher((source("b"), source("early"))))
    assert found.verdict == "one seed" and found.evidence.startswith("(one seed of invented/early)")


def test_budgets_of_sides_that_have_not_learned(fair):
    """Absent or false, for and against, of either side."""
    for run, values in (("a", 81 + NOISE), ("b", 80 + NOISE)):
        fair(run, values, learned=False)
        assert said(higher((A, B))).verdict == "holds at this budget"
        found = said(higher((B, A)))
        assert found.verdict == "contrary at this budget"
        assert found.evidence.startswith(f"(invented/{run} is not shown to have learned) ")
        assert said(higher((A, B), (B, A))).verdict == "undecided"
        fair(run, values)


def test_a_side_that_the_claim_calls_weak_need_not_have_learned(fair):
    fair("b", 80 + NOISE, learned=False)
    assert said(higher((A, B), weak=True)).verdict == "reproduced"
    fair("a", 81 + NOISE, learned=False)
    assert said(higher((A, B), weak=True)).verdict == "holds at this budget"


def test_a_weak_side_that_borrows_weights_need_not_have_learned_either(fair):
    fair("a", 80 + NOISE, learned=False)
    fair("early", 80 + NOISE, samples=0)
    fair("b", 82 + NOISE)
    assert said(higher((B, source("early")), weak=True)).verdict == "reproduced"
    assert said(higher((B, source("early")))).verdict == "holds at this budget"
    fair("a", 83 + NOISE, learned=False)  # the same weights on the side that is not weak
    assert said(higher((A, source("early")), weak=True)).verdict == "holds at this budget"


def test_budgets_that_are_unequal(fair):
    fair("b", 80 + NOISE, samples=500)
    assert said(higher((A, B))).verdict == "reproduced"
    fair("b", 80 + NOISE, samples=499)
    found = said(higher((A, B)))
    assert found.verdict == "holds at this budget"
    assert found.evidence.startswith(
        "(invented/a saw 1,000 samples with masks, invented/b 499) pixel_auc of "
    )
    assert said(higher((B, A))).verdict == "contrary at this budget"
    assert said(higher((B, A), weak=True)).verdict == "contrary at this budget"


def test_samples_are_counted_over_the_chain_of_starts(fair):
    late = source("late")
    fair("late", 85 + NOISE, samples=1000)  # and the thousand of a
    assert said(higher((late, B))).verdict == "reproduced"
    fair("late", 85 + NOISE, samples=1001)
    found = said(higher((late, B)))
    assert found.verdict == "holds at this budget" and "saw 2,001 samples" in found.evidence


def test_pre_training_on_another_task_is_named_and_does_not_count(fair):
    fair("classes", np.full(40, 50.0), samples=10**6)
    fair("pre", 85 + NOISE)
    found = said(higher((source("pre"), B)))
    assert found.verdict == "reproduced"
    assert found.evidence.endswith(
        "on 40 images; invented/pre starts from invented/classes, 1,000,000 samples"
    )


def test_a_method_without_training_needs_only_the_other_side(fair):
    fair("method", 60 + NOISE, samples=0, learned=False)
    assert said(higher((A, source("method")))).verdict == "reproduced"
    fair("a", 81 + NOISE, learned=False)
    assert said(higher((A, source("method")))).verdict == "holds at this budget"


def test_classes_are_held_against_the_largest_ones(score):
    """Always saying one of the first ten of 385 is right 2.6 times in a hundred."""
    top = source("classes", "operations", "top_10")
    score("classes", np.tile([0.0, 0, 0, 100], 10), "operations", "top_10")
    assert said(above(5, top)).verdict == "reproduced"
    score("classes", np.tile([0.0] * 39 + [100], 10), "operations", "top_10")
    found = said(below(20, top))
    assert found.verdict == BLIND and "its largest classes on operations" in found.evidence


def test_conditions_are_asked_in_their_order(fair):
    fair("b", 80 + NOISE, seeds=(0, 1), samples=1, learned=False)
    assert said(higher((A, B))).verdict == "holds at this budget"
    fair("c", 80 + NOISE, seeds=(0,), samples=1, learned=False)
    assert said(higher((A, source("c")))).verdict == "one seed"
    fair("blind/centre", 90 + NOISE)
    assert said(higher((A, source("c")))).verdict == BLIND


def test_a_decision_must_stay_the_same_without_what_fails_a_condition(fair):
    """What is mixed does not become contradicted where its one success fails a condition."""
    fair("c", 80 + NOISE, seeds=(0,))
    holds, fails = (A, source("c")), (B, A)
    assert said(higher(holds, fails)).verdict == "one seed"
    assert said(higher(fails, (source("c"), A))).verdict == "contradicted"  # by two seeds alone


def test_by_construction(fair):
    assert said(constructed("a test holds it")) == Verdict("by construction", "a test holds it")
    assert said(both(constructed("so"), constructed("and so"))).verdict == "by construction"
    assert said(both(constructed("so"), higher((A, B)))).verdict == "reproduced"


def test_facts_of_a_record(fair):
    def light(weights: float) -> tuple[str, str]:
        return (HELD if weights < 5 else FAILED if weights > 6 else OPEN), f"{weights:g} weights"

    for weights, verdict in ((4, "reproduced"), (5, "undecided"), (7, "contradicted")):
        fair("a", 81 + NOISE, weights=weights)
        assert said(recorded(light, "weights", "invented/a")).verdict == verdict
    fair("a", 81 + NOISE, weights=4)
    assert said(recorded(light, "weights", "invented/a", constructed=True)) == Verdict(
        "by construction", "4 weights"
    )
    fair("a", 81 + NOISE, weights=7)
    assert said(recorded(light, "weights", "invented/a", constructed=True)).verdict == (
        "contradicted"
    )


def test_what_waits(fair, monkeypatch):
    monkeypatch.delenv("IMDL_DATA", raising=False)
    assert said(unjudged("needs SPAN")) == Verdict("not yet judged", "needs SPAN")
    assert said(waiting("nist16")) == Verdict("needs data", "needs NIST16: imdl data info nist16")
    assert said(above(50, source("a", "nist16"))) == Verdict(
        "needs data", "needs NIST16: imdl data info nist16"
    )
    assert said(above(50, source("a", "casia1"))) == Verdict(
        "not yet judged", "invented/a has no pixel_auc on casia1 yet"
    )


def test_a_rule_that_was_changed_prints_both_verdicts(fair):
    changed = replace(higher((A, B)), was=higher((B, A)))
    found = said(changed)
    assert (found.verdict, found.was) == ("reproduced", "contradicted")


def test_the_words_are_a_closed_list():
    assert set(DECIDED) < set(VERDICTS) and len(set(VERDICTS)) == len(VERDICTS) == 12
    named = {BLIND, "one seed", *verdicts.AT_THIS_BUDGET.values()}
    assert named <= set(VERDICTS) - set(DECIDED)
