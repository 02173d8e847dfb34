"""The cluster bootstrap against slow loops: hosts together, seeds for each network, scenes, AUC."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from imdl_lib import resampling, standins
from imdl_lib.registry import Source
from imdl_lib.resampling import DRAWS, Drawn, Missing, drawn

RNG = np.random.default_rng(0)
NOISE = RNG.normal(0, 30, 40)  # percent: images differ far more than runs


def source(run: str, set: str = "like_columbia", column: str = "pixel_auc") -> Source:
    return Source(f"invented/{run}", set, column)


A, B = source("a"), source("b")


def rows(values, set="like_columbia", hosts=None, column="pixel_auc"):
    found = {"set": [set] * len(values), "image": [f"{i:05d}" for i in range(len(values))]}
    found[column] = np.asarray(values) / 100
    return found | ({"host": hosts} if hosts is not None else {})


def change(*sources, **more):
    first, second = drawn("tiny", *sources, **more)
    return first - second


# Images and hosts


def test_a_difference_on_every_image_is_seen_through_noise(store, tiny):
    store("tiny", "invented/a", rows(80 + NOISE + 1))
    store("tiny", "invented/b", rows(80 + NOISE))
    assert str(change(A, B).interval) == "+1.0 [+1.0, +1.0] on 40 images"


def test_the_interval_is_that_of_a_bootstrap_over_images(store, tiny):
    store("tiny", "invented/a", rows(80 + NOISE))
    store("tiny", "invented/b", rows(np.full(40, 80.0)))
    got, error = change(A, B).interval, NOISE.std() / np.sqrt(40)
    assert got.mean == pytest.approx(NOISE.mean())
    assert got.low == pytest.approx(NOISE.mean() - 1.96 * error, abs=0.2 * error)
    assert got.high == pytest.approx(NOISE.mean() + 1.96 * error, abs=0.2 * error)
    assert change(A, B).interval == got  # drawn alike each time


HOSTS = [f"photo{i % 7}" for i in range(40)]  # seven photos, unlike in how many images they give


def slow_means(value: np.ndarray, hosts: list[str], draws: int, rng) -> np.ndarray:
    """Means of resamples, host by host and image by image."""
    names = sorted(set(hosts))
    found = []
    for _ in range(draws):
        images = [i for name in rng.choice(names, len(names)) for i in members(hosts, name)]
        found.append(np.mean([value[i] for i in images]))
    return np.array(found)


def members(hosts: list[str], name: str) -> list[int]:
    return [i for i, host in enumerate(hosts) if host == name]


def test_images_of_one_photo_are_drawn_together(store, tiny):
    shared = np.random.default_rng(3).normal(0, 20, 7)
    value = 50 + shared[[i % 7 for i in range(40)]] + NOISE / 10
    store("tiny", "invented/a", rows(value, hosts=HOSTS))
    (got,) = drawn("tiny", A)
    slow = slow_means(value, HOSTS, 3000, np.random.default_rng(4))
    assert got.observed == pytest.approx(value.mean())
    assert got.resampled.std() == pytest.approx(slow.std(), rel=0.06)
    assert np.quantile(got.resampled, [0.1, 0.9]) == pytest.approx(
        np.quantile(slow, [0.1, 0.9]), abs=1.2
    )
    store("tiny", "invented/a", rows(value))  # as if each image had a photo of its own
    (alone,) = drawn("tiny", A)
    assert alone.resampled.std() < 0.6 * got.resampled.std()


def test_one_draw_by_hand(store, tiny, monkeypatch):
    """Photo x has 10 and 20, photo y has 60: with x drawn twice and y once, 120 / 5."""
    weights = np.array([[1.0, 1.0], [2.0, 1.0], [0.0, 3.0]])
    monkeypatch.setattr(resampling, "host_weights", lambda count: weights)
    monkeypatch.setattr(resampling, "_seed_weights", lambda count, number: np.ones((3, 1)))
    store("tiny", "invented/a", rows([10, 20, 60], hosts=["x", "x", "y"]))
    (got,) = drawn("tiny", A)
    assert got.observed == pytest.approx(30)
    assert got.resampled == pytest.approx([120 / 5, 60])


def test_a_photo_is_drawn_for_all_sets_that_it_is_in(store, tiny):
    """Two sets of the same photos, alike but for the images' numbers: no draw tells them apart."""
    value = 50 + NOISE
    both = {"set": [], "image": [], "pixel_auc": [], "host": []}
    for name in ("like_columbia", "like_coverage"):
        one = rows(value, name, hosts=HOSTS)
        both = {key: [*both[key], *one[key]] for key in both}
    store("tiny", "invented/a", both)
    got = change(A, source("a", "like_coverage"))
    assert np.abs(got.resampled).max() < 1e-9


def test_the_same_difference_on_other_images_is_lost_in_noise(store, tiny):
    store("tiny", "invented/a", rows(80 + NOISE + 1))
    other = rows(80 + NOISE)
    other["image"] = [f"other{i}" for i in range(40)]
    store("tiny", "invented/b", other)
    got = change(A, B).interval
    assert got.low < 0 < got.high


def test_a_host_that_is_not_stored_is_the_image_itself(store, tiny):
    hosts = ["x", "x", None, None]
    store("tiny", "invented/a", rows([1, 2, 3, 4], hosts=hosts))
    found = resampling.values("tiny", A).host
    assert found.tolist() == ["x", "x", "like_columbia/00002", "like_columbia/00003"]


def test_real_images_have_their_hosts_by_name(store, tiny):
    names = ["Sp_D_CND_A_pla0005_pla0023_0281", "Sp_S_NNN_R_pla0005_pla0005_0411", "Au_pla_0005"]
    found = rows([10, 20, 30], "casia1") | {"image": names}
    store("tiny", "invented/a", found)
    assert set(resampling.values("tiny", source("a", "casia1")).host) == {"casia1/pla0005"}
    store("tiny", "invented/a", rows([10, 20, 30], "coverage") | {"image": ["12", "12t", "13t"]})
    hosts = resampling.values("tiny", source("a", "coverage")).host
    assert hosts.tolist() == ["coverage/12", "coverage/12", "coverage/13"]


def test_images_of_different_sets_are_not_paired_by_their_numbers(store, tiny):
    one, other = rows(60 + NOISE), rows(50 + NOISE[:20], "like_coverage")
    store("tiny", "invented/a", {key: [*one[key], *other[key]] for key in one})
    got = change(A, source("a", "like_coverage")).interval
    assert got.mean == pytest.approx(10 + NOISE.mean() - NOISE[:20].mean())
    assert got.high - got.low > 5


def test_a_distorted_set_is_paired_with_the_set_that_it_alters(store, tiny):
    plain, resized = rows(60 + NOISE, "four_kinds"), rows(50 + NOISE, "four_kinds/resize=0.5")
    assert {plain["set"][0], resized["set"][0]} <= standins.SETS.keys()
    store("tiny", "invented/a", {key: [*plain[key], *resized[key]] for key in plain})
    got = change(source("a", "four_kinds"), source("a", "four_kinds/resize=0.5")).interval
    assert [got.mean, got.low, got.high, got.images] == pytest.approx([10, 10, 10, 40])


def test_a_star_joins_sets_but_no_distorted_ones(store, tiny):
    sets = ["four_kinds/splice", "four_kinds/removal", "four_kinds/jpeg=50", "four_kinds"]
    found = {"set": sets, "image": ["0"] * 4, "pixel_auc": [0.1, 0.2, 0.9, 0.9]}
    store("tiny", "invented/a", found)
    got = resampling.values("tiny", source("a", "four_kinds/*"))
    assert sorted(got.table["seed0"]) == pytest.approx([10, 20])


def test_undefined_images_are_left_out(store, tiny):
    store("tiny", "invented/a", rows([90, np.nan, 90, 90]))
    store("tiny", "invented/b", rows([10, 10, np.nan, 10]))
    assert change(A, B).images == 2


def test_what_is_not_stored_is_missing(store, tiny):
    store("tiny", "invented/a", rows(np.full(4, np.nan)))
    for wanted in (A, B, source("a", "like_coverage"), source("a", column="pixel_f1_at_half")):
        with pytest.raises(Missing):
            drawn("tiny", wanted)


# Seeds


def test_seeds_are_drawn_for_each_network(store, tiny):
    """Three seeds of two networks, no spread over images: of three, two are drawn each time."""
    for run, means in (("a", (70, 73, 79)), ("b", (60, 60, 60))):
        for seed, mean in enumerate(means):
            store("tiny", f"invented/{run}", rows(np.full(5, float(mean))), seed=seed)
    got = change(A, B)
    assert got.observed == pytest.approx(14)
    pairs = {(a + b) / 2 - 60 for a in (70, 73, 79) for b in (70, 73, 79)}
    assert set(np.round(got.resampled, 6)) == pairs
    by_hand = np.var([70, 73, 79], ddof=1) / 3  # of a mean of three independent seeds
    assert got.resampled.var() == pytest.approx(by_hand, rel=0.05)


def test_two_uses_of_one_network_share_its_seeds(store, tiny):
    for seed, mean in enumerate((60, 70, 95)):
        store("tiny", "invented/a", rows(np.full(5, mean + 1.0)), seed=seed)
        store("tiny", "invented/b", rows(np.full(5, float(mean))), seed=seed)
    apart, together = change(A, B), change(A, B, network=lambda run: "one")
    assert apart.resampled.std() > 5
    assert together.resampled == pytest.approx(np.ones(DRAWS))


def test_seeds_and_hosts_vary_together(store, tiny):
    """The variance of the mean is that over hosts and that over seeds."""
    seeds = (-6.0, 0.0, 6.0)
    for seed, shift in enumerate(seeds):
        store("tiny", "invented/a", rows(50 + shift + NOISE), seed=seed)
    (got,) = drawn("tiny", A)
    by_hand = NOISE.var() / 40 + np.var(seeds, ddof=1) / 3
    assert got.resampled.var() == pytest.approx(by_hand, rel=0.05)


def test_an_image_that_one_seed_leaves_undefined(store, tiny):
    store("tiny", "invented/a", rows([10, np.nan]), seed=0)
    store("tiny", "invented/a", rows([30, 50]), seed=1)
    (got,) = drawn("tiny", A)
    assert got.observed == pytest.approx(30)  # of three values


# Image AUC


def scores(seed: int, margin: float = 1.0) -> dict:
    """Scores of 60 authentic and 60 forged images, three images a photo, some scores equal."""
    rng = np.random.default_rng(seed)
    share = np.tile([0.0, 0.2], 60)
    score = np.round(rng.normal(0, 1, 120) + margin * (share > 0), 1)
    found = {"set": ["like_psbattles"] * 120, "image": [*range(120)], "forged_share": share}
    return found | {"score": score, "host": [f"photo{i // 3}" for i in range(120)]}


def test_an_image_auc_is_resampled_by_host(store, tiny):
    found = scores(1)
    store("tiny", "invented/a", found)
    (got,) = drawn("tiny", source("a", "like_psbattles", "image_auc"))
    label, score, rng = found["forged_share"] > 0, found["score"], np.random.default_rng(5)
    assert got.observed == pytest.approx(100 * roc_auc_score(label, score))
    slow = []
    for _ in range(1500):
        chosen = (3 * rng.integers(40, size=40)[:, None] + np.arange(3)).ravel()
        slow.append(100 * roc_auc_score(label[chosen], score[chosen]))
    wanted = np.quantile(slow, [0.025, 0.5, 0.975])
    assert np.quantile(got.resampled, [0.025, 0.5, 0.975]) == pytest.approx(wanted, abs=0.9)


def test_an_image_auc_is_the_mean_over_seeds(store, tiny):
    auc = []
    for seed in (0, 1):
        found = scores(seed)
        store("tiny", "invented/a", found, seed=seed)
        auc.append(100 * roc_auc_score(found["forged_share"] > 0, found["score"]))
    (got,) = drawn("tiny", source("a", "like_psbattles", "image_auc"))
    assert got.observed == pytest.approx(np.mean(auc))


# Ranges over areas, and p-values


def test_ranges_over_areas(store, tiny):
    share = np.linspace(0.01, 0.4, 40)  # means of its quarters: .055 to .355
    for run, slope in (("a", 20), ("b", 100)):
        found = rows(55 + slope * share) | {"forged_share": share}
        store("tiny", f"invented/{run}", found)
    ours, theirs = resampling.drawn_ranges("tiny", A, B)
    assert [ours.observed, theirs.observed] == pytest.approx([6.0, 30.0])
    assert (ours - theirs).interval.high < 0


def test_p_values_are_shares_of_draws_and_never_nought():
    draws = np.ones(DRAWS)
    held, failed = Drawn(1.0, draws, 4).p_values
    assert held == 1 / (DRAWS + 1) and failed == 1.0
    draws[:300] = -1
    draws[300:400] = 0  # says neither
    draws[400:500] = np.nan
    held, failed = Drawn(1.0, draws, 4).p_values
    assert held == pytest.approx(501 / (DRAWS + 1))
    assert failed == pytest.approx((DRAWS - 300 + 1) / (DRAWS + 1))


def test_values_that_are_always_equal_say_neither(store, tiny):
    store("tiny", "invented/a", rows(80 + NOISE))
    store("tiny", "invented/b", rows(80 + NOISE))
    assert change(A, B).p_values == (1.0, 1.0)


def test_means_of_several(store, tiny):
    store("tiny", "invented/a", rows(80 + NOISE))
    store("tiny", "invented/b", rows(70 + NOISE))
    both = drawn("tiny", A, B)
    got = resampling.mean(both)
    assert got.observed == pytest.approx(75 + NOISE.mean())
    assert got.resampled == pytest.approx((both[0].resampled + both[1].resampled) / 2)


def test_stored_rows_are_read_again_when_they_change(store, tiny):
    store("tiny", "invented/a", rows([10, 20]))
    assert drawn("tiny", A)[0].observed == pytest.approx(15)
    store("tiny", "invented/a", rows([30, 40]))
    assert drawn("tiny", A)[0].observed == pytest.approx(35)
    assert isinstance(resampling.values("tiny", A).table, pd.DataFrame)


def test_gaps_within_images_and_across_them(store, tiny):
    """Of (0, 1), (0, 1), (1, 1): within 1, 1, 0; across 4 of 6 pairs are apart by 1."""
    found = {"set": ["two_regions"] * 3, "image": ["0", "1", "2"], "host": ["x", "y", "z"]}
    store("tiny", "invented/a", found | {"recall_1": [0, 0, 1], "recall_2": [1, 1, 1]})
    sources = (source("a", "two_regions", f"recall_{n}") for n in (1, 2))
    within, across = resampling.drawn_gaps("tiny", *sources)
    assert within.observed == pytest.approx(100 * 2 / 3)
    assert across.observed == pytest.approx(100 * 4 / 6)


def test_gaps_across_images_leave_out_images_of_one_host(store, tiny):
    rng = np.random.default_rng(2)
    one, other, hosts = rng.random(30), rng.random(30), rng.integers(5, size=30)
    found = {"set": ["two_regions"] * 30, "image": [f"{i:02d}" for i in range(30)]}
    found |= {"recall_1": one, "recall_2": other, "host": [f"photo{h}" for h in hosts]}
    store("tiny", "invented/a", found)
    pairs = [(i, j) for i in range(30) for j in range(30) if hosts[i] != hosts[j]]
    slow = np.mean([abs(one[i] - other[j]) for i, j in pairs])
    a, b = (source("a", "two_regions", f"recall_{n}") for n in (1, 2))
    within, across = resampling.drawn_gaps("tiny", a, b)
    assert across.observed == pytest.approx(100 * slow)
    assert within.observed == pytest.approx(100 * np.abs(one - other).mean())
    assert (within - across).interval.low < 0 < (within - across).interval.high  # independent


def test_the_forged_images_of_a_real_set_are_found_in_all_of_it(store, tiny):
    names = ["Sp_D_CND_A_pla0005_pla0023_0281", "Sp_D_CND_A_sec0056_sec0015_0282", "Au_pla_0005"]
    whole = rows([10, 20, np.nan], "casia1") | {"image": names, "forged_share": [0.1, 0.1, 0.0]}
    whole["pixel_f1_at_half"] = [0.5, 0.6, 0.7]
    store("tiny", "invented/a", whole)
    part = rows([30, 50], "casia1/forged") | {"image": names[:2], "forged_share": [0.1, 0.1]}
    store("tiny", "invented/b", part)
    got = change(source("b", "casia1/forged"), source("a", "casia1/forged"))
    assert (got.observed, got.images) == (pytest.approx(25), 2)
    f1 = source("a", "casia1/forged", "pixel_f1_at_half")
    assert resampling.values("tiny", f1).table["seed0"].tolist() == [50, 60]
    assert set(resampling.values("tiny", source("b", "casia1/forged")).host) == {
        "casia1/pla0005",
        "casia1/sec0056",
    }


def test_one_image_has_one_host_whichever_run_names_it(store, tiny):
    store("tiny", "invented/a", rows(80 + NOISE))
    store("tiny", "invented/b", rows(79 + NOISE, hosts=HOSTS))
    for pair in ((A, B), (B, A)):
        assert np.abs(change(*pair).resampled).max() == pytest.approx(1)
