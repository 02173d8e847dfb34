"""PSCC-Net's own judges on facts and rows for which the answer is known, for and against."""

from functools import partial

import numpy as np
import pytest

from imdl_lib import experiments
from imdl_lib.experiments import pscc_net
from imdl_lib.resampling import DRAWS, Drawn
from imdl_lib.verdicts import FAILED, HELD, OPEN, outcomes

TIMES = {"detection_share_256px": 0.6, "detection_share_1080p": 0.9}
RELEASED, THEIRS = "pscc_net/released", "mantranet/released"


def comes_to(judge) -> list[str]:
    return outcomes(judge.rule("tiny", experiments.RUN_BY_ID))


@pytest.mark.parametrize(
    ("rule", "values", "outcome", "said"),
    [
        (
            partial(pscc_net._times_faster, "time", 5.0),
            [5.0],
            HELD,
            "ManTra-Net takes 5.0 times the time, 5.0 asked",
        ),
        (
            partial(pscc_net._times_faster, "time", 5.0),
            [4.9],
            FAILED,
            "ManTra-Net takes 4.9 times the time, 5.0 asked",
        ),
        (
            pscc_net._light,
            [3_667_942, 3_800_000],
            HELD,
            "3,667,942 weights, ManTra-Net 3,800,000, SPAN 3.7 M printed",
        ),
        (
            pscc_net._light,
            [3_750_000, 3_800_000],
            FAILED,
            "3,750,000 weights, ManTra-Net 3,800,000, SPAN 3.7 M printed",
        ),
        (
            partial(pscc_net._counted, "PSCC-Net detection head"),
            [919_546],
            HELD,
            "PSCC-Net detection head: 0.92 M weights, 0.9 M printed",
        ),
        (
            partial(pscc_net._counted, "PSCC-Net detection head"),
            [950_001],
            FAILED,
            "PSCC-Net detection head: 0.95 M weights, 0.9 M printed",
        ),
        (
            partial(pscc_net._saves, "masks"),
            [0.8, 0.9, 1.0],
            HELD,
            "masks: 0.80, 0.90, 1.00; stopping first saves 20 %, 18.5 asked",
        ),
        (
            partial(pscc_net._saves, "masks"),
            [0.9, 1.0],
            FAILED,
            "masks: 0.90, 1.00; stopping first saves 10 %, 18.5 asked",
        ),
        (
            partial(pscc_net._saves, "masks"),
            [0.6, 0.9, 0.8, 1.0],
            FAILED,
            "masks: 0.60, 0.90, 0.80, 1.00; stopping first saves 40 %, 18.5 asked",
        ),
        (
            pscc_net._slightly_slower,
            [1.02],
            HELD,
            "separate features take 1.02 of the time at 256 px, 1.02 asked",
        ),
        (
            pscc_net._slightly_slower,
            [1.01],
            OPEN,
            "separate features take 1.01 of the time at 256 px, 1.02 asked",
        ),
        (
            pscc_net._slightly_slower,
            [0.99],
            FAILED,
            "separate features take 0.99 of the time at 256 px, 1.02 asked",
        ),
        (
            pscc_net._attention_fits,
            [1000, 1000, 1],
            HELD,
            "1,000 entries of attention at 256 px, 1,000 at 1080p; the fold is undone exactly",
        ),
        (
            pscc_net._attention_fits,
            [1000, 2000, 0],
            FAILED,
            "1,000 entries of attention at 256 px, 2,000 at 1080p; the fold is not undone",
        ),
        (
            partial(pscc_net._worth, "1080p"),
            [0.9],
            HELD,
            "the score alone takes 90% of the time at 1080p",
        ),
        (
            partial(pscc_net._worth, "1080p"),
            [0.95],
            FAILED,
            "the score alone takes 95% of the time at 1080p",
        ),
    ],
)
def test_facts_for_and_against(rule, values, outcome, said):
    assert rule(*map(float, values)) == (outcome, said)


def test_weights_of_attention_are_learned_where_one_has_moved():
    outcome, said = pscc_net._weighed(1.25, *[1.0] * 6, 0.5)
    assert outcome == HELD
    assert said == (
        "alpha_s and alpha_c, scale 1: 1.250 and 1.000; scale 2: 1.000 and 1.000; "
        "scale 3: 1.000 and 1.000; scale 4: 1.000 and 0.500"
    )
    assert pscc_net._weighed(*[1.0] * 8)[0] == FAILED


def detected(knows: float, f1: float = 0.5) -> dict:
    """Rows of 100 forged and 100 authentic images; the score tells a share of them apart."""
    label = np.tile([True, False], 100)
    rng = np.random.default_rng(0)
    told = rng.random(200) < knows
    guess = rng.random(200) < 0.5
    return {
        "set": ["casia1"] * 200,
        "image": [f"{'Tp_D' if forged else 'Au'}_ani{n:05d}" for n, forged in enumerate(label)],
        "kind": np.where(label, "splice", "authentic"),
        "forged_share": np.where(label, 0.2, 0.0),
        "score": np.where(told, label, guess) * 0.8 + 0.1,
        "pixel_f1_at_half": np.where(label, f1, np.nan),
    }


def test_a_gate_must_keep_more_than_one_by_lot(store, tiny):
    """A perfect score keeps all F1; a random one keeps what it lets through."""
    gate = pscc_net._gated(0.5)
    for knows, outcome in ((1.0, HELD), (0.0, OPEN)):
        store("tiny", RELEASED, detected(knows), **TIMES)
        assert comes_to(gate) == [outcome]
    store("tiny", RELEASED, detected(1.0), **TIMES)
    (comparison,) = gate.rule("tiny", experiments.RUN_BY_ID)
    assert comparison.said == (
        "50% forged: 50% of images pass and keep 50.0 of 50.0 points of F1, by lot 25.0; "
        "spared: 20% of the time at 256px, 5% of the time at 1080p"
    )
    store("tiny", RELEASED, detected(1.0) | {"score": 1 - detected(1.0)["score"]}, **TIMES)
    assert comes_to(gate) == [FAILED]


def test_a_gate_of_a_network_that_marks_nothing_decides_nothing(store, tiny):
    store("tiny", RELEASED, detected(1.0, f1=0.0), **TIMES)
    assert comes_to(pscc_net._gated(0.1)) == [OPEN]


def copies(small: float, large: float, seed: int) -> dict:
    noise = np.random.default_rng(seed).normal(0, 0.05, 40)
    columns = {"recall_1": small + noise, "recall_3": large - noise}
    return {"set": ["several_copies"] * 40, "image": [*range(40)]} | columns


@pytest.mark.parametrize("small", [0.2, 0.8])  # large copies are found better, or worse
def test_less_sensitive_to_the_scale_of_copies(store, tiny, small):
    store("tiny", RELEASED, copies(0.5, 0.55, 0))
    store("tiny", THEIRS, copies(small, 1 - small, 1))
    margin, said = pscc_net._less_by_scale("tiny")
    assert margin.observed == pytest.approx(55, abs=6) and margin.interval.low > 0
    assert said.startswith("large against small copies: ManTra-Net +6")
    store("tiny", RELEASED, copies(0.1, 0.9, 0))
    assert pscc_net._less_by_scale("tiny")[0].interval.high < 0


def test_channel_attention_must_strengthen_more_than_where_nothing_is_forged(store, tiny):
    def looks(forged: float, pristine: float) -> dict:
        kind = np.tile(["copy_and_source", "pristine"], 20)
        x = np.random.default_rng(0).normal(1, 0.1, 40)
        y = x + np.where(kind == "pristine", pristine, forged)
        rows = {"set": ["copies"] * 40, "image": [*range(40)], "kind": kind}
        return rows | {"contrast_x": x, "contrast_y": y}

    for forged, pristine, sign in ((0.5, 0.1, 1), (0.5, 0.9, -1)):
        store("tiny", RELEASED, looks(forged, pristine))
        margin = pscc_net._strengthens("tiny")[0]
        assert margin.observed == pytest.approx(forged - pristine)
        assert margin.interval.low * sign > 0


def test_mask_3_is_no_good_stop_where_it_beats_the_finest(store, tiny):
    """Then masks do not improve from coarse to fine; nor where mask 4 would do."""

    def masks(four: float, three: float, one: float) -> dict:
        noise = np.random.default_rng(0).normal(0, 0.1, 40)
        names = ("mask4_auc", "mask3_auc", "pixel_auc")
        columns = {n: value + noise for n, value in zip(names, (four, three, one), strict=True)}
        return {"set": ["coverage"] * 40, "image": [f"{n}t" for n in range(40)]} | columns

    stop = pscc_net._good_stop("coverage", "Coverage")
    for values, outcome in (
        ((0.7, 0.8, 0.805), [HELD, HELD]),
        ((0.7, 0.8, 0.75), [FAILED, HELD]),
        ((0.8, 0.8, 0.8), [HELD, FAILED]),
    ):
        store("tiny", RELEASED, masks(*values))
        assert comes_to(stop) == outcome


def test_masks_over_scales_end_with_the_columns_of_every_network():
    line = pscc_net._over_scales("coverage", "auc")
    assert [*line] == [-4.0, -3.0, -2.0, -1.0]
    assert [s.column for s in line.values()] == ["mask4_auc", "mask3_auc", "mask2_auc", "pixel_auc"]
    line = pscc_net._over_scales("coverage", "fpr_at_half_recall")
    assert line[-1.0].column == "fpr_at_half_recall"


def test_a_size_is_that_of_a_gap_of_either_sign():
    gap = Drawn(-3.0, np.full(DRAWS, -2.0), 5)
    assert pscc_net._size(gap).observed == 3 and (pscc_net._size(gap).resampled == 2).all()
