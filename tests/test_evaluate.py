"""Scores of runs: rows and columns, against slow loops and fake networks with known answers."""

import shutil
from dataclasses import replace

import numpy as np
import oracles
import pandas as pd
import pytest
import safetensors.torch
import torch
from PIL import Image
from torch import nn

from imdl_lib import (
    evaluate,
    experiments,
    jobs,
    manipulations,
    metrics,
    standins,
    traces,
    train,
)
from imdl_lib.batch import Prediction
from imdl_lib.errors import DataError
from imdl_lib.evaluate import Sample
from imdl_lib.forge import forge
from imdl_lib.jobs import Job
from imdl_lib.registry import Run

MASK_COLUMNS = {
    "pixel_auc",
    "pixel_auc_negated",
    "pixel_f1_at_half",
    "pixel_f1_best_per_image",
    "fpr_at_half_recall",
    "boundary_f1_at_half",
    "boundary_f1_at_forged_area",
    "image",
    "kind",
    "forged_share",
    "score",
    "mean_of_map",
    "p99_of_map",
}
RECALLS = {"recall_least", "recall_most", "recall_mean", "recall_1", "recall_2"}
TWO = RECALLS | {"recall_mean_alone"}
POOLED = {
    "image_count",
    "pixel_auc_pooled",
    "pixel_f1_best_per_set",
    "pixel_f1_at_eer_pooled",
    *evaluate.IMAGE_METRICS,
    *(f"{name}_of_mean" for name in evaluate.IMAGE_METRICS),
}


def job(run: Run, profile) -> Job:
    return Job(run, profile, 0, {run.id: run})


class Bright(nn.Module):
    """Marks bright pixels, as sharply as they are bright."""

    def forward(self, image: torch.Tensor) -> Prediction:
        prob = image.mean(1, keepdim=True)
        return Prediction(prob.logit(eps=1e-4), prob.mean((1, 2, 3)).logit(eps=1e-4))


# Localization


@pytest.fixture
def photos() -> list[Sample]:
    """Four images of two sizes, some authentic, bright where they are forged, with noise."""
    rng, out = np.random.default_rng(0), []
    for i, (height, width) in enumerate([(8, 12), (8, 12), (6, 10), (6, 10)]):
        regions = np.zeros((height, width), np.uint8)
        if i != 2:
            regions[2:5, 1 : 4 + i] = 1
        light = rng.integers(0, 200, (height, width)) + 40 * (regions > 0)
        image = np.repeat(light[..., None], 3, axis=2).astype(np.uint8)
        out.append(Sample(f"{i:05d}", "splice" if i != 2 else "authentic", image, regions))
    return out


def test_rows_of_masks(photos):
    rows = evaluate.score_masks(Bright(), iter(photos)).rows
    assert [row["image"] for row in rows] == ["00000", "00001", "00002", "00003"]
    assert [row["kind"] for row in rows] == ["splice", "splice", "authentic", "splice"]
    assert all(set(row) == MASK_COLUMNS for row in rows)
    for row, photo in zip(rows, photos, strict=True):
        score, truth = photo.image[..., 0].ravel() / 255, photo.regions.ravel() > 0
        assert row["forged_share"] == pytest.approx(truth.mean())
        assert row["score"] == pytest.approx(score.mean(), abs=1e-3)
        if not truth.any():
            per_pixel = [name for name in row if name.startswith(("pixel_", "boundary_", "fpr_"))]
            assert all(np.isnan(row[name]) for name in per_pixel)
            continue
        assert row["pixel_auc"] == pytest.approx(oracles.auc_by_pairs(score, truth), abs=1e-3)
        assert row["pixel_f1_best_per_image"] == pytest.approx(
            oracles.best_f1(score, truth), abs=1e-3
        )
        assert row["pixel_f1_at_half"] == pytest.approx(oracles.f1(score > 0.5, truth), abs=1e-3)
        assert row["p99_of_map"] == pytest.approx(np.quantile(score, 0.99), abs=1e-3)
        called = (photo.image[..., 0] > 127, photo.regions > 0)
        border = oracles.boundary_f1(*called, metrics.TOLERANCE_PX)
        assert row["boundary_f1_at_half"] == pytest.approx(border, abs=1e-3)


def test_pooled_values_are_those_of_all_pixels_of_forged_images(photos):
    (pooled,) = evaluate.score_masks(Bright(), iter(photos)).pooled
    some = [photo for photo in photos if photo.regions.any()]
    score = np.concatenate([photo.image[..., 0].ravel() / 255 for photo in some])
    truth = np.concatenate([photo.regions.ravel() > 0 for photo in some])
    assert set(pooled) == POOLED
    assert pooled["image_count"] == 4
    assert pooled["pixel_auc_pooled"] == pytest.approx(oracles.auc_by_pairs(score, truth), abs=1e-3)
    assert pooled["pixel_f1_best_per_set"] == pytest.approx(oracles.best_f1(score, truth), abs=1e-3)
    counts = metrics.ScoreCounts()
    prob = torch.from_numpy(score).float().logit(eps=1e-4).sigmoid()
    counts.add(prob[None, None, None], torch.from_numpy(truth)[None, None, None])
    assert pooled["pixel_f1_at_eer_pooled"] == pytest.approx(metrics.pixel_f1_at_eer_pooled(counts))
    means = np.array([photo.image[..., 0].mean() for photo in photos])
    forged = np.array([True, True, False, True])
    assert pooled["image_auc"] == pytest.approx(oracles.auc_by_pairs(means, forged))


def test_a_score_does_not_depend_on_neighbours(photos, monkeypatch):
    together = evaluate.score_masks(Bright(), iter(photos))
    monkeypatch.setattr(evaluate, "BATCH_PIXELS", 1)
    alone = evaluate.score_masks(Bright(), iter(photos))
    pd.testing.assert_frame_equal(pd.DataFrame(together.rows), pd.DataFrame(alone.rows))
    assert together.pooled == alone.pooled


def test_batches_hold_one_size_and_few_pixels(photos, monkeypatch):
    seen = []

    def predict(model, images):
        seen.append(images.shape)
        return Prediction(torch.zeros(len(images), 1, *images.shape[1:3]), torch.zeros(len(images)))

    monkeypatch.setattr(evaluate, "predict", predict)
    evaluate.score_masks(Bright(), iter(photos))
    assert seen == [(2, 8, 12, 3), (2, 6, 10, 3)]
    seen.clear()
    monkeypatch.setattr(evaluate, "BATCH_PIXELS", 8 * 12)
    evaluate.score_masks(Bright(), iter(photos))
    assert seen == [(1, 8, 12, 3), (1, 8, 12, 3), (2, 6, 10, 3)]


def test_negation_helps_where_most_is_forged():
    regions = np.ones((8, 8), np.uint8)
    regions[:3] = 0
    image = np.repeat(np.where(regions, 20, 220)[..., None], 3, axis=2).astype(np.uint8)
    (row,) = evaluate.score_masks(Bright(), iter([Sample("a", "splice", image, regions)])).rows
    assert row["pixel_auc"] == 0
    assert row["pixel_auc_negated"] == 1


def test_no_image_no_rows():
    assert evaluate.score_masks(Bright(), iter([])) == evaluate.Scored([], [])


def test_recalls_of_two_regions():
    """Region 1 is bright, region 2 darker than the background, but bright in its own half."""

    class Relative(nn.Module):
        """Marks what is brighter than the image's mean."""

        def forward(self, image: torch.Tensor) -> Prediction:
            light = image.mean(1, keepdim=True)
            logits = 20 * (light - light.mean((2, 3), keepdim=True))
            return Prediction(logits, logits.mean((1, 2, 3)))

    light = np.full((8, 16), 180, np.uint8)  # the left half
    light[:, 8:] = 60  # the right half
    regions = np.zeros((8, 16), np.uint8)
    regions[2:6, 2:6], regions[2:6, 10:14] = 1, 2
    light[regions == 1], light[regions == 2] = 250, 100
    image = np.repeat(light[..., None], 3, axis=2)
    (row,) = evaluate.score_masks(
        Relative(), iter([Sample("a", "two_regions", image, regions)])
    ).rows
    assert set(row) == MASK_COLUMNS | TWO
    assert row["recall_most"] == 1
    assert row["recall_least"] == 0
    assert row["recall_mean"] == 0.5
    assert row["recall_mean_alone"] == 1
    swapped = (3 - regions) * (regions > 0)  # region 1 is always the one on the left
    mirrored = Sample("a", "two_regions", image[:, ::-1].copy(), swapped[:, ::-1].copy())
    (other,) = evaluate.score_masks(Relative(), iter([mirrored])).rows
    alike = sorted(TWO - {"recall_1", "recall_2"})
    assert [other[name] for name in alike] == [row[name] for name in alike]
    assert (row["recall_1"], row["recall_2"]) == (other["recall_2"], other["recall_1"]) == (1, 0)


def test_recalls_of_three_regions_and_none_alone():
    light = np.zeros((4, 12), np.uint8)
    light[:, :4], light[:, 4:6], light[:, 8:10] = 250, 200, 150
    regions = np.zeros((4, 12), np.uint8)
    regions[:, :4], regions[:, 4:8], regions[:, 8:10] = 1, 2, 4  # region 3 lies under others
    image = np.repeat(light[..., None], 3, axis=2)
    sample = Sample("a", "several_copies", image, regions)
    (row,) = evaluate.score_masks(Bright(), iter([sample])).rows
    assert [row[f"recall_{n}"] for n in (1, 2, 4)] == [1, 0.5, 1]
    assert np.isnan(row["recall_3"])
    assert (row["recall_least"], row["recall_most"]) == (0.5, 1)
    assert row["recall_mean"] == pytest.approx(2.5 / 3)
    assert "recall_mean_alone" not in row


def test_masks_of_all_scales_have_columns():
    """A network whose coarser masks are the truth, its inverse and nothing."""

    class Coarse(Bright):
        def forward(self, image: torch.Tensor) -> Prediction:
            said, bright = super().forward(image), image[:, :1] - 0.2
            masks = {"mask1": bright, "mask2": bright, "mask3": 1 - bright, "mask4": 0 * bright}
            return Prediction(said.logits, said.score_logit, masks)

    regions = np.zeros((8, 8), np.uint8)
    regions[:, :3] = 1
    image = np.repeat(np.where(regions, 220, 100)[..., None], 3, axis=2).astype(np.uint8)
    samples = [Sample("a", "splice", image, regions), Sample("b", "authentic", image, 0 * regions)]
    forged, authentic = evaluate.score_masks(Coarse(), iter(samples)).rows
    assert [forged[f"mask{n}_auc"] for n in (2, 3, 4)] == [1, 0, 0.5]
    assert [forged[f"mask{n}_fpr_at_half_recall"] for n in (2, 3, 4)] == [0, 1, 1]
    assert forged["mask2_boundary_f1_at_forged_area"] == forged["mask2_f1_best_per_image"] == 1
    added = {name for name in forged if name.startswith("mask")}
    assert len(added) == 12 and all(np.isnan(authentic[name]) for name in added)


# Jobs


TINY = {"wider": False, "deeper": False, "first_layer": "conv3", "level": 1, "decision_stride": 4}
TESTS = ("operations", "cameras", evaluate.MEMBERSHIP)
IMC = Run("mantranet/tiny-imc", "mantranet.imc", TINY, ("operation",), TESTS)
SETS = ("four_kinds", "four_kinds/resize=0.5", "two_regions", "casia1")
ELA = Run("mantranet/ela", "baseline.ela", {}, (), SETS)


def stored(one: Job, name: str) -> pd.DataFrame:
    return pd.read_csv(one.folder / f"{name}.csv", dtype={"image": str})


def test_a_classification_run_is_rebuilt_once(workplace, tiny):
    one = job(IMC, tiny)
    assert not evaluate.finished(one)
    assert evaluate.rebuild(one, progress=False)
    rows = stored(one, "per_image")
    assert rows.groupby("set").size().to_dict() == {
        "operations": 20,
        "cameras": 8,  # the other eight fit
        evaluate.MEMBERSHIP: 4,
    }
    assert list(rows.columns) == [
        "set",
        "image",
        "leaf",
        *(f"top_{k}" for k in traces.TOP),
        "correct_0",
        "correct_1",
        "said_1",
        "wrong_inside_1",
        "camera",
        "camera_correct",
        "membership_auc",
        "split_auc",
        "membership_auc_turned",
        "split_auc_turned",
    ]
    assert rows["image"].str.fullmatch(r"\d{5}").all()
    assert list(jobs.read_record(one)["sets"]) == list(TESTS)
    before = (one.folder / "per_image.csv").stat().st_mtime_ns
    assert evaluate.finished(one)
    assert not evaluate.rebuild(one, progress=False)
    assert (one.folder / "per_image.csv").stat().st_mtime_ns == before


def test_a_run_is_scored_again_where_a_set_is_new(workplace, tiny, monkeypatch):
    one = job(replace(ELA, tests=SETS[:1]), tiny)
    assert evaluate.rebuild(one, progress=False)
    first = stored(one, "per_image")
    scored, score_set = [], evaluate.score_set
    noted = lambda model, job, name: scored.append(name) or score_set(model, job, name)  # noqa: E731
    monkeypatch.setattr(evaluate, "score_set", noted)
    assert evaluate.rebuild(job(ELA, tiny), progress=False)
    assert scored == list(SETS[1:3])  # and no set twice
    assert stored(one, "pooled")["set"].tolist() == list(SETS[:3])
    assert stored(one, "per_image")[first.columns].head(4).equals(first)


def test_only_sets_that_are_forged_otherwise_are_scored_again(workplace, tiny):
    one = job(ELA, tiny)
    evaluate.rebuild(one, progress=False)
    more = job(ELA, replace(tiny, test_count=5))
    assert not evaluate.finished(more)
    evaluate.rebuild(more, progress=False)
    assert stored(one, "pooled")["image_count"].tolist() == [5, 5, 5]


def test_a_new_set_trains_nothing_again_where_the_weights_are_gone(workplace, tiny, capsys):
    """Rows stay, and a set that was forged otherwise since is another matter."""
    run = Run("mantranet/gone", "mantranet", {"width": 0.0625}, ("splice",), SETS[:1])
    one, more = job(run, tiny), job(replace(run, tests=SETS), tiny)
    evaluate.rebuild(one, progress=False)
    assert not evaluate.finished(more)  # its weights are in the cache
    one.cached(".safetensors").unlink()
    assert evaluate.finished(more)
    assert not evaluate.rebuild(more, progress=False)
    assert list(jobs.read_record(one)["sets"]) == list(SETS[:1])
    assert capsys.readouterr().out == (
        "mantranet/gone seed 0 keeps its rows; four_kinds/resize=0.5, two_regions cannot be "
        "scored, for its weights are not here. Delete its folder to train it again.\n"
    )
    assert not evaluate.finished(job(run, replace(tiny, test_count=5)))


def test_rows_of_a_real_set_that_is_no_longer_here_stay(workplace, tiny, monkeypatch):
    one = job(replace(ELA, tests=("casia1", "four_kinds")), tiny)
    sample = evaluate.Sample(
        "a", "splice", np.zeros((8, 8, 3), np.uint8), np.eye(8, dtype=np.uint8)
    )
    with monkeypatch.context() as patch:
        patch.setattr(evaluate, "at_hand", lambda name: name == "casia1")
        patch.setattr(evaluate, "samples", lambda job, name: iter([sample]))
        evaluate.rebuild(one, progress=False)
    assert not evaluate.at_hand("casia1")
    evaluate.rebuild(one, progress=False)
    assert stored(one, "per_image").groupby("set").size().to_dict() == {
        "casia1": 1,
        "four_kinds": 4,
    }
    assert stored(one, "pooled")["set"].tolist() == ["casia1", "four_kinds"]


def test_rows_of_a_finished_set_are_kept_where_another_cannot_be_read(workplace, tiny, monkeypatch):
    one = job(replace(ELA, tests=("four_kinds", "two_regions", "four_kinds/resize=0.5")), tiny)
    score_set = evaluate.score_set

    def spoilt(model: nn.Module, job: Job, name: str) -> evaluate.Scored:
        if name == "two_regions":
            raise DataError("a.jpg is damaged.")
        return score_set(model, job, name)

    with monkeypatch.context() as patch, pytest.raises(DataError, match=r"^a\.jpg is damaged\.$"):
        patch.setattr(evaluate, "score_set", spoilt)
        evaluate.rebuild(one, progress=False)
    assert stored(one, "pooled")["set"].tolist() == ["four_kinds", "four_kinds/resize=0.5"]
    again = []
    noted = lambda model, job, name: again.append(name) or score_set(model, job, name)  # noqa: E731
    monkeypatch.setattr(evaluate, "score_set", noted)
    assert evaluate.rebuild(one, progress=False)
    assert again == ["two_regions"]
    assert stored(one, "pooled")["set"].tolist() == list(one.run.tests)


def test_nothing_is_published_where_no_set_can_be_read(workplace, tiny, monkeypatch):
    def spoilt(*_args) -> None:
        raise DataError("a.jpg is damaged.")

    monkeypatch.setattr(evaluate, "score_set", spoilt)
    with pytest.raises(DataError, match=r"^a\.jpg is damaged\.\na\.jpg is damaged\.$"):
        evaluate.rebuild(job(replace(ELA, tests=SETS[:2]), tiny), progress=False)
    assert not (workplace / "results").exists()


def test_authentic_images_do_not_count_among_pooled_pixels(monkeypatch):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (16, 16, 3), np.uint8)
    forged = evaluate.Sample("a", "splice", image, (np.eye(16) > 0).astype(np.uint8))
    authentic = evaluate.Sample("b", "authentic", image[::-1].copy(), np.zeros((16, 16), np.uint8))
    model = jobs.STAGES["baseline.ela"].model({}, 16)
    both, one = (
        evaluate.score_masks(model, iter(s)).pooled[0] for s in ([forged, authentic], [forged])
    )
    assert both["pixel_auc_pooled"] == one["pixel_auc_pooled"]
    assert (both["image_count"], one["image_count"]) == (2, 1)


def test_rows_of_sets_and_a_real_set_that_is_not_here(workplace, tiny):
    one = job(ELA, tiny)
    evaluate.rebuild(one, progress=False)
    rows, pooled = stored(one, "per_image"), stored(one, "pooled")
    assert set(rows.columns) == MASK_COLUMNS | TWO | {"set"}
    assert rows.groupby("set").size().to_dict() == dict.fromkeys(SETS[:3], 4)
    assert set(rows["kind"]) == {*standins.FOUR_KINDS, "two_regions"}
    assert rows.loc[rows["set"] != "two_regions", list(TWO)].isna().all().all()
    assert rows.loc[rows["set"] == "two_regions", list(TWO)].notna().all().all()
    assert set(pooled.columns) == POOLED | {"set"}
    assert pooled["image_count"].tolist() == [4, 4, 4]
    assert list(jobs.read_record(one)["sets"]) == list(SETS[:3])
    assert not evaluate.at_hand("casia1")
    assert evaluate.finished(one)  # what is not at hand is not waited for


def test_rows_have_four_digits(workplace, tiny):
    one = job(replace(ELA, tests=("four_kinds",)), tiny)
    evaluate.rebuild(one, progress=False)
    for text in (one.folder / "per_image.csv").read_text().splitlines()[1:]:
        assert all(len(cell.partition(".")[2]) <= 4 for cell in text.split(","))


def test_samples_of_a_distorted_set_are_those_of_its_origin(workplace, tiny):
    one = job(ELA, tiny)
    plain = list(evaluate.samples(one, "four_kinds"))
    small = list(evaluate.samples(one, "four_kinds/resize=0.5"))
    assert [(s.name, s.kind) for s in plain] == [(s.name, s.kind) for s in small]
    for whole, half in zip(plain, small, strict=True):
        assert half.image.shape == (8, 8, 3) and whole.image.shape == (16, 16, 3)
        image = manipulations.resize(whole.image, 0.5)
        assert np.array_equal(half.image, image)


def test_training_images_say_whether_their_masks_were_emptied(workplace, tiny):
    run = Run("mantranet/noisy", "baseline.ela", {}, (), (), trained_on="like_nist16")
    run = replace(run, label_noise=0.5)
    name = "like_nist16_train"
    lost = train.emptied(tiny.forged_count, 0.5, seed=0)
    kinds = [sample.kind for sample in evaluate.samples(job(run, tiny), name)]
    assert kinds == ["emptied" if i in lost else "kept" for i in range(len(kinds))]
    assert len(set(kinds)) == 2
    clean = evaluate.samples(job(replace(run, label_noise=0.0), tiny), name)
    assert next(iter(clean)).kind in standins.stand_in(name).kinds


def test_samples_of_a_real_set(workplace, tiny, monkeypatch):
    """Images without masks are authentic: nothing of them is forged."""
    root = workplace / "real"
    monkeypatch.setenv("IMDL_DATA", str(root))
    light = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    mask = np.zeros((8, 12), np.uint8)
    mask[:2] = 255
    places = {"images/Sp_D_a_1.png": light, "masks/Sp_D_a_1.png": mask}
    places["authentic/Au_ani_1.png"] = light
    for name, pixels in places.items():
        (root / "casia1" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / "casia1" / name)
    forged, authentic = evaluate.samples(job(ELA, tiny), "casia1")
    assert (forged.kind, forged.regions.sum()) == ("splice", 24)
    assert (authentic.kind, authentic.regions.sum()) == ("authentic", 0)
    assert np.array_equal(forged.image, light) and forged.scaled_from is None
    with monkeypatch.context() as patch:
        patch.setattr(evaluate, "MAX_SIDE_PX", 6)
        small = next(iter(evaluate.samples(job(ELA, tiny), "casia1")))
        assert small.image.shape == (4, 6, 3) and small.scaled_from == (8, 12)
    few = evaluate.samples(job(ELA, replace(tiny, real_count=1)), "casia1")
    assert [sample.kind for sample in few] == ["splice"]
    assert [s.kind for s in evaluate.samples(job(ELA, tiny), "casia1/forged")] == ["splice"]


def test_large_photos_of_a_real_set_are_scaled_and_their_rows_say_so(monkeypatch):
    """A pixel is forged where at least half of what it covers is."""
    regions = np.zeros((6, 12), np.uint8)
    regions[:3, :5] = 1
    image = np.zeros((6, 12, 3), np.uint8)
    image[:, :6] = 200
    sample = Sample("a", "splice", image, regions)
    assert evaluate._fitted(sample) is sample
    monkeypatch.setattr(evaluate, "MAX_SIDE_PX", 6)
    small = evaluate._fitted(sample)
    assert small.image[..., 0].tolist() == [[200] * 3 + [0] * 3] * 3
    assert small.regions.tolist() == [[1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0], [0] * 6]
    (row,) = evaluate.score_masks(Bright(), iter([small])).rows
    assert row["scaled_from"] == "12x6" and row.keys() - {"scaled_from"} == MASK_COLUMNS
    (short,) = evaluate.score_masks(Bright(), iter([small]), ("pixel_auc",)).rows
    assert list(short) == ["image", "kind", "forged_share", "pixel_auc", "scaled_from"]
    assert row["pixel_auc"] == pytest.approx(
        oracles.auc_by_pairs(small.image[..., 0].ravel() / 255, small.regions.ravel() > 0), abs=1e-3
    )


@pytest.mark.parametrize(
    ("count", "chosen"), [(None, "abcdefgh"), (3, "aeh"), (2, "ah"), (1, "a"), (20, "abcdefgh")]
)
def test_few_samples_of_a_real_set_are_spread_over_it(count, chosen):
    assert "".join(evaluate._spread("abcdefgh", count)) == chosen


def test_a_run_stores_the_columns_that_it_names(workplace, tiny):
    wanted = ("pixel_auc", "mean_of_map")
    for columns in (wanted, ()):
        run = Run("blind/centre", "blind.centre", {}, (), ("four_kinds/splice",), columns=columns)
        one = job(replace(run, version=len(columns)), tiny)
        evaluate.rebuild(one, progress=False)
        found = list(pd.read_csv(one.folder / "per_image.csv"))
        if columns:
            assert found == ["set", "image", "kind", "forged_share", *wanted]
            auc = pd.read_csv(one.folder / "per_image.csv")["pixel_auc"]
        assert {"pixel_f1_at_half", "p99_of_map"} <= set(found) or columns
        assert pd.read_csv(one.folder / "per_image.csv")["pixel_auc"].equals(auc)


def test_a_quick_run_is_scored_on_its_quick_tests(workplace, tiny):
    tests = ("four_kinds/splice", "four_kinds/removal")
    run = Run("blind/centre", "blind.centre", {}, (), tests, quick_tests=tests[1:])
    for profile, wanted in ((tiny, tests), (replace(tiny, name="quick"), tests[1:])):
        one = job(run, profile)
        evaluate.rebuild(one, progress=False)
        assert tuple(jobs.read_record(one)["sets"]) == wanted


def test_the_mean_mask_is_that_of_its_training_images(workplace, tiny):
    run = replace(experiments.run("blind/mean-mask"), tests=("four_kinds/splice",), columns=())
    sizes = replace(tiny, size_px=32)
    one = jobs.Job(run, sizes, 0, {run.id: run})
    assert evaluate.rebuild(one, progress=False)
    regions = np.array(forge(one.recipe("train")).regions) > 0
    expected = regions.mean(0).reshape(16, 2, 16, 2).mean((1, 3))
    stored = safetensors.torch.load_file(one.released)["prob"][0, 0].float().numpy()
    assert stored == pytest.approx(expected, abs=1e-3)
    record = jobs.read_record(one)
    assert record["samples"] == len(regions) and "history" not in record
    names = {path.name for path in one.folder.iterdir()}
    assert names == {"run.json", "per_image.csv", "pooled.csv", "weights.safetensors"}
    assert not evaluate.rebuild(one, progress=False)
    shutil.rmtree(workplace / "cache/runs")
    assert not evaluate.rebuild(one, progress=False)


def test_a_negated_auc_is_that_of_the_map_turned_over():
    prob, mask = torch.rand(3, 1, 9, 9), torch.zeros(3, 1, 9, 9, dtype=torch.bool)
    mask[0, :, :3], mask[1, :, :7] = True, True
    found = evaluate._columns(prob, mask, ("pixel_auc",))
    turned = metrics.negate_when_mostly_forged(prob, mask)
    assert found["pixel_auc_negated"][:2] == pytest.approx(
        metrics.pixel_auc_per_image(turned, mask)[:2], abs=1e-6
    )
    assert found["pixel_auc_negated"][1] != found["pixel_auc"][1]
    assert found["pixel_auc_negated"][2].isnan()
