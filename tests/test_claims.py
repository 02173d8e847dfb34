"""Verdicts from synthetic rows: bootstrap, pairing, budget, missing data."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from imdl_lib import claims, resampling, standins
from imdl_lib.claims import (
    above,
    below,
    both,
    close,
    higher,
    narrower,
    recorded,
    series,
    steadier,
    unjudged,
    waiting,
)
from imdl_lib.registry import VERDICTS, Source, Verdict

NOISE = np.random.default_rng(0).normal(0, 30, 40)  # percent: images differ far more than runs


def source(run: str, set: str = "like_columbia", column: str = "pixel_auc") -> Source:
    return Source(f"invented/{run}", set, column)


A, B, C = source("a"), source("b"), source("c")


@pytest.fixture
def score(store, tiny):
    """Store percentages of a run on a set: ``score(run, values, set=..., names=...)``."""

    def put(run, values, set="like_columbia", names=None, column="pixel_auc", **record):
        names = names or [f"{i:05d}" for i in range(len(values))]
        rows = {"set": [set] * len(values), "image": names, column: np.asarray(values) / 100}
        store("tiny", f"invented/{run}", rows, **record)

    return put


def test_a_difference_on_every_image_is_seen_through_noise(score):
    score("a", 80 + NOISE + 1)
    score("b", 80 + NOISE)
    said = higher((A, B))("tiny")
    assert said == Verdict("reproduced", "a - b +1.0 [+1.0, +1.0] on 40 images")
    assert higher((B, A))("tiny") == Verdict(
        "not reproduced", "b - a -1.0 [-1.0, -1.0] on 40 images"
    )


def test_the_same_difference_on_other_images_is_lost_in_noise(score):
    score("a", 80 + NOISE + 1)
    score("b", 80 + NOISE, names=[f"other{i}" for i in range(40)])
    assert higher((A, B))("tiny").verdict == "inconclusive"
    score("b", NOISE - 50, names=[f"other{i}" for i in range(40)])
    assert higher((A, B))("tiny").verdict == "reproduced"


def test_images_of_different_sets_are_not_paired_by_their_numbers(score, store):
    """Image 00000 of one set has nothing to do with image 00000 of another."""
    rows = {
        "set": ["like_columbia"] * 40 + ["like_coverage"] * 20,
        "image": [*range(40), *range(20)],
    }
    rows["pixel_auc"] = np.concatenate([60 + NOISE, 50 + NOISE[:20]]) / 100
    store("tiny", "invented/a", rows)
    got = resampling.difference("tiny", A, source("a", "like_coverage"))
    assert got.mean == pytest.approx(10 + NOISE.mean() - NOISE[:20].mean())
    assert got.high - got.low > 5


def test_a_distorted_set_is_paired_with_the_set_that_it_alters(store, tiny):
    sets = ["four_kinds"] * 40 + ["four_kinds/resize=0.5"] * 40
    assert set(sets) <= standins.SETS.keys()
    rows = {"set": sets, "image": [*range(40), *range(40)]}
    rows["pixel_auc"] = np.concatenate([60 + NOISE, 50 + NOISE]) / 100
    store("tiny", "invented/a", rows)
    pair = source("a", "four_kinds"), source("a", "four_kinds/resize=0.5")
    got = resampling.difference("tiny", *pair)
    assert [got.mean, got.low, got.high, got.images] == pytest.approx([10, 10, 10, 40])
    said = higher(pair)("tiny").evidence
    assert said == "four_kinds - four_kinds/resize=0.5 +10.0 [+10.0, +10.0] on 40 images"


def test_the_interval_is_that_of_a_bootstrap_over_images(score):
    score("a", 80 + NOISE)
    score("b", np.full(40, 80.0))
    got = resampling.difference("tiny", A, B)
    error = NOISE.std() / np.sqrt(40)
    assert got.mean == pytest.approx(NOISE.mean())
    assert got.low == pytest.approx(NOISE.mean() - 1.96 * error, abs=0.2 * error)
    assert got.high == pytest.approx(NOISE.mean() + 1.96 * error, abs=0.2 * error)
    assert resampling.difference("tiny", A, B) == got  # drawn alike each time


def test_by_how_much(score):
    score("a", 80 + NOISE + 5)
    score("b", 80 + NOISE)
    assert higher((A, B), by=4.9)("tiny").verdict == "reproduced"
    assert higher((A, B), by=5.1)("tiny").verdict == "not reproduced"


def test_all_pairs_must_hold(score):
    score("a", 82 + NOISE)
    score("b", 81 + NOISE)
    score("c", 81 + NOISE[::-1])
    assert higher((A, B), (A, C))("tiny").verdict == "inconclusive"
    said = higher((A, B), (B, A))("tiny")
    assert said.verdict == "not reproduced"
    assert said.evidence == (
        "1 of 2 hold: a - b +1.0 [+1.0, +1.0] on 40 images; b - a -1.0 [-1.0, -1.0] on 40 images"
    )


def test_of_many_comparisons_those_that_hold_are_counted(score):
    score("a", 82 + NOISE)
    score("b", 81 + NOISE)
    said = higher(*[(A, B)] * 4, (B, A))("tiny").evidence
    assert said == "4 of 5 hold; the others: b - a -1.0 [-1.0, -1.0] on 40 images"
    assert higher(*[(A, B)] * 5)("tiny").evidence.count("a - b") == 5


def test_a_failure_on_too_small_a_budget_is_inconclusive(score, tiny):
    score("a", 80 + NOISE)
    score("b", 81 + NOISE, samples=tiny.minimum_samples - 1)
    said = higher((A, B))("tiny")
    assert said.verdict == "inconclusive" and said.evidence.startswith("(budget) a - b -1.0 ")
    assert higher((B, A))("tiny").verdict == "reproduced"
    score("b", 81 + NOISE, samples=tiny.minimum_samples)
    assert higher((A, B))("tiny").verdict == "not reproduced"
    score("b", 81 + NOISE, samples=0)  # a method that needs no training
    assert higher((A, B))("tiny").verdict == "not reproduced"


def test_close(score):
    for run, mean in (("a", 80), ("b", 81), ("c", 81.5)):
        score(run, mean + NOISE)
    assert close(2, A, B, C)("tiny") == Verdict(
        "reproduced", "largest gap c - a +1.5 [+1.5, +1.5] on 40 images; limit 2"
    )
    assert close(1, C, B, A)("tiny").verdict == "not reproduced"
    score("c", 81.5 + NOISE[::-1])
    assert close(2, A, B, C)("tiny").verdict == "inconclusive"


def test_a_success_from_far_more_training_is_inconclusive(score):
    score("a", 81 + NOISE, samples=1000)
    for samples, verdict in ((500, "reproduced"), (499, "inconclusive"), (0, "reproduced")):
        score("b", 80 + NOISE, samples=samples)  # 0: a method that needs no training
        assert higher((A, B))("tiny").verdict == verdict
    score("b", 80 + NOISE, samples=250)
    assert higher((A, B))("tiny").evidence.endswith("(from 4.0 times the samples)")
    assert higher((B, A))("tiny").verdict != "reproduced"


def test_equals_that_find_something_are_close_and_those_that_find_nothing_are_not(score):
    for run in "ab":
        score(run, 80 + NOISE)
    assert close(2, A, B)("tiny").verdict == "reproduced"
    for run in "ab":
        score(run, 0 * NOISE)
    assert close(2, A, B)("tiny").verdict == "inconclusive"


def test_what_is_found_on_training_images_says_nothing_of_chance(score, store):
    blind = {"like_nist16": 0.4, "like_nist16_train": 0.9}
    rows = [
        {"set": name, "image": f"{i}", "pixel_auc": auc}
        for name, auc in blind.items()
        for i in range(40)
    ]
    store("tiny", "invented/a", pd.DataFrame(rows).to_dict("list"))
    score("b", 30 + NOISE, set="like_nist16")
    said = higher((source("a", "like_nist16"), source("b", "like_nist16")))("tiny")
    assert said.verdict == "inconclusive" and "no better than chance" in said.evidence


def test_above(score):
    score("a", 80 + NOISE - NOISE.mean())
    for level, verdict in ((65, "reproduced"), (81, "inconclusive"), (95, "not reproduced")):
        said = above(level, A)("tiny")
        assert said.verdict == verdict
        got = r"like_columbia pixel_auc \+80\.0 \[\+7\d\.\d, \+[89]\d\.\d\] on 40 images"
        assert re.fullmatch(rf"{got}, level {level}", said.evidence)


def rises(x: np.ndarray, y: np.ndarray) -> tuple[bool, str]:
    return bool(y[1] > y[0]), f"{x.tolist()} {np.round(y, 1).tolist()}"


def test_series(score):
    score("a", 80 + NOISE - NOISE.mean())
    score("b", 81 + NOISE - NOISE.mean())
    upwards, downwards = {0.5: A, 1.0: B}, {1.0: B, 2.0: A}
    said = series(rises, upwards)("tiny")
    assert said == Verdict("reproduced", "[0.5, 1.0] [80.0, 81.0]; so in 100% of resamples")
    assert series(rises, downwards)("tiny").verdict == "not reproduced"
    assert series(rises, upwards, downwards)("tiny").evidence.startswith("1 of 2 hold: ")
    score("a", 80 + NOISE, samples=1)
    assert series(rises, downwards)("tiny").verdict == "inconclusive"


def test_a_series_over_other_images_is_as_sure_as_they_are(score):
    score("a", 80 + NOISE - NOISE.mean())
    score("b", 81 + NOISE - NOISE.mean(), names=[f"other{i}" for i in range(40)])
    assert series(rises, {0.5: A, 1.0: B})("tiny").verdict == "inconclusive"
    score("b", 100 + NOISE - NOISE.mean(), names=[f"other{i}" for i in range(40)])
    assert series(rises, {0.5: A, 1.0: B})("tiny").verdict == "reproduced"


def test_narrower(score, store):
    def gap(run: str, points: float) -> tuple[Source, Source]:
        values = np.concatenate([50 + points + NOISE, 80 + NOISE[::-1]]) / 100
        sets = ["operations_train"] * 40 + ["operations"] * 40
        rows = {"set": sets, "image": [*range(40), *range(40)], "pixel_auc": values}
        store("tiny", f"invented/{run}", rows)
        return source(run, "operations_train"), source(run, "operations")

    small, large = gap("a", 1), gap("b", 3)
    said = narrower(small, large)("tiny")
    assert said == Verdict(
        "reproduced",
        "operations_train to operations: gap of a - gap of b -2.0 [-2.0, -2.0] on 40 images",
    )
    assert narrower(large, small)("tiny").verdict == "not reproduced"
    assert narrower(small, gap("c", 1))("tiny").verdict == "inconclusive"


def scored_images(margin: float, seed: int = 1) -> dict:
    """Rows of 100 authentic and 100 forged images whose scores lie ``margin`` deviations apart."""
    rng = np.random.default_rng(seed)
    share = np.tile([0.0, 0.2], 100)
    return {
        "set": ["like_psbattles"] * 200,
        "image": [*range(200)],
        "forged_share": share,
        "kind": np.where(share > 0, "splice", "pristine"),
        "score": rng.normal(0, 1, 200) + margin * (share > 0),
        "mean_of_map": rng.normal(0, 1, 200),
    }


def test_an_image_auc_is_judged_like_a_mean(store, tiny):
    detects = source("a", "like_psbattles", "image_auc")
    for margin, verdict in ((1.0, "reproduced"), (0.0, "inconclusive"), (-1.0, "not reproduced")):
        store("tiny", "invented/a", scored_images(margin))
        said = above(50, detects)("tiny")
        assert said.verdict == verdict
    rows = scored_images(-1.0)
    auc = roc_auc_score(rows["forged_share"] > 0, rows["score"])
    assert f"image_auc {100 * auc:+.1f} [" in said.evidence
    store("tiny", "invented/a", scored_images(2.0))
    by_mean = source("a", "like_psbattles", "image_auc_of_mean")
    assert higher((detects, by_mean), by=20.0)("tiny").verdict == "reproduced"
    assert higher((by_mean, detects))("tiny").verdict == "not reproduced"


def test_the_interval_of_an_image_auc_is_that_of_resampled_images(store, tiny):
    rows = scored_images(1.0)
    store("tiny", "invented/a", rows)
    got = resampling.drawn("tiny", source("a", "like_psbattles", "image_auc"))[0].interval
    rng, label, score = np.random.default_rng(5), rows["forged_share"] > 0, rows["score"]
    drawn = [rng.integers(200, size=200) for _ in range(2000)]
    low, high = np.quantile(
        [100 * roc_auc_score(label[i], score[i]) for i in drawn], [0.025, 0.975]
    )
    assert [got.low, got.high] == pytest.approx([low, high], abs=0.8)


def test_only_images_of_one_kind(store, tiny):
    store("tiny", "invented/a", scored_images(50.0))
    pristine = Source("invented/a", "like_psbattles", "score", 1.0, kind="pristine")
    assert below(1.0, pristine)("tiny").verdict == "reproduced"
    assert "on 100 images" in below(1.0, pristine)("tiny").evidence
    assert below(1.0, Source("invented/a", "like_psbattles", "score", 1.0))("tiny").verdict != (
        "reproduced"
    )


def test_steadier(store, tiny):
    share = np.linspace(0.01, 0.4, 40)  # means of its quarters: .055 to .355
    for run, slope in (("a", 20), ("b", 100)):
        rows = {"set": ["like_columbia"] * 40, "image": [*range(40)], "forged_share": share}
        rows["pixel_auc"] = 0.55 + slope * share / 100
        store("tiny", f"invented/{run}", rows)
    said = steadier((A, B))("tiny")
    assert said.verdict == "reproduced"
    assert "range over areas a 6.0, b 30.0, difference -24.0" in said.evidence
    assert steadier((B, A))("tiny").verdict == "not reproduced"
    assert steadier((A, A))("tiny").verdict == "inconclusive"


def test_recorded(score):
    def fast(time: float) -> tuple[str, str]:
        return ("reproduced" if time < 1 else "inconclusive"), f"{time} s"

    for time, verdict in ((0.5, "reproduced"), (2.0, "inconclusive")):
        score("a", 80 + NOISE, time=time)
        assert recorded(fast, "time", "invented/a")("tiny") == Verdict(verdict, f"{time} s")
    assert recorded(fast, "size", "invented/a")("tiny").verdict == "not yet judged"


def test_both_says_the_worst(score):
    score("a", 80 + NOISE + 1)
    score("b", 80 + NOISE)
    good, bad = higher((A, B)), higher((B, A))
    assert both(good, good)("tiny").verdict == "reproduced"
    assert both(good, bad)("tiny").verdict == "not reproduced"
    assert both(good, higher((A, source("gone"))))("tiny").verdict == "not yet judged"
    assert both(good, bad).runs == {"invented/a", "invented/b"}
    assert both(good, bad)("tiny").evidence.count(" on 40 images") == 2


def test_a_claim_that_nothing_here_decides():
    assert unjudged("SPAN is absent")("tiny") == Verdict("not yet judged", "SPAN is absent")


def test_waiting():
    assert waiting("nist16")("tiny") == Verdict("needs data", "needs NIST16: imdl data info nist16")


EVERY_RULE = pytest.mark.parametrize(
    "judge",
    [
        higher((A, source("gone"))),
        close(2, A, source("gone")),
        above(50, source("gone")),
        series(lambda x, y: (True, ""), {0.0: A, 1.0: source("gone")}),
        narrower((A, A), (A, source("gone"))),
        steadier((A, source("gone"))),
        recorded(lambda time: ("reproduced", ""), "time", "invented/gone"),
    ],
    ids=["higher", "close", "above", "series", "narrower", "steadier", "recorded"],
)


@EVERY_RULE
def test_a_run_that_is_not_scored(score, judge):
    score("a", 80 + NOISE)
    assert judge("tiny") == Verdict("not yet judged", "invented/gone is not scored yet")


def test_a_column_that_is_undefined_everywhere_is_missing(score):
    score("a", np.full(4, np.nan))
    assert above(50, A)("tiny") == Verdict("not yet judged", "invented/a is not scored yet")


def test_a_real_set_that_is_not_here(score):
    score("a", 80 + NOISE)
    said = above(50, source("a", "casia1"))("tiny")
    assert said == Verdict("needs data", "needs CASIA v1: imdl data get casia1")


def test_undefined_images_are_left_out(score):
    score("a", [90, np.nan, 90, 90])
    score("b", [10, 10, np.nan, 10])
    assert resampling.difference("tiny", A, B).images == 2


def test_a_star_joins_sets_and_an_image_has_its_mean_over_seeds(store, tiny):
    rows = {"set": ["four_kinds/splice", "four_kinds/removal"] * 2, "image": ["0", "0", "1", "1"]}
    for seed in (0, 1):
        more = {"pixel_auc": [0.1 + seed / 10, 0.2, 0.3, 0.4]}
        store("tiny", "invented/a", rows | more, seed=seed)
    found = resampling.values("tiny", source("a", "four_kinds/*"))
    assert len(found) == 4 and found["key"].is_unique
    assert found["value"].tolist() == pytest.approx([15, 20, 30, 40])


def test_only_known_verdicts():
    assert {claims.HELD, claims.FAILED, claims.OPEN} <= set(VERDICTS)


def test_falling_is_rising_upside_down():
    x, y = np.arange(4.0), np.array([9.0, 7.0, 8.0, 1.0])
    assert claims.falling(x, y)[0] and not claims.rising(x, y)[0]
    assert claims.rising(x, -y)[0] and not claims.falling(x, -y)[0]
    assert claims.falling(x, y)[1] == "[9.0, 7.0, 8.0, 1.0], rank trend -0.80"
    assert not claims.falling(x, np.array([9.0, 1.0, 2.0, 9.5]))[0]
