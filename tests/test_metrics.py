"""Metrics against slow forms and scikit-learn, and their undefined cases."""

import math
import subprocess
import sys

import numpy as np
import oracles
import pytest
import torch
from sklearn.metrics import f1_score, jaccard_score, roc_auc_score, roc_curve

from imdl_lib import metrics
from imdl_lib.errors import ShapeError

PER_IMAGE = (
    metrics.pixel_f1_at_half,
    metrics.pixel_iou_at_half,
    metrics.pixel_f1_best_per_image,
    metrics.pixel_auc_per_image,
    metrics.pixel_fpr_at_half_recall,
)
BOUNDARY = (metrics.boundary_f1_at_half, metrics.boundary_f1_at_forged_area)
PER_SET = (
    metrics.image_auc,
    metrics.image_f1_at_half,
    metrics.image_f1_at_eer,
    metrics.image_sensitivity_at_half,
    metrics.image_specificity_at_half,
    metrics.image_eer,
    metrics.image_tpr_at_fpr,
)


@pytest.fixture
def maps():
    """Three images of informative scores with many ties, masks, and which pixels count."""
    rng = np.random.default_rng(0)
    mask = rng.random((3, 1, 24, 16)) < 0.3
    prob = ((rng.random(mask.shape) + 0.4 * mask) / 1.4).round(2).astype(np.float32)
    valid = rng.random(mask.shape) < 0.8
    return torch.from_numpy(prob), torch.from_numpy(mask), torch.from_numpy(valid)


def one_map(scores, truth):
    prob = torch.tensor([[[scores]]], dtype=torch.float32)
    return prob, torch.tensor([[[truth]]], dtype=torch.bool)


def counts_of(prob, mask, valid=None):
    counts = metrics.ScoreCounts()
    counts.add(prob, mask, valid)
    return counts


def kept(prob, mask, valid):
    """Each image's scores and truths that count, flat."""
    for p, m, v in zip(prob, mask, valid, strict=True):
        yield p[v].numpy(), m[v].numpy()


# Pixels, image by image


def test_f1_and_iou_at_half_equal_sklearn(maps):
    f1s, ious = metrics.pixel_f1_at_half(*maps), metrics.pixel_iou_at_half(*maps)
    for f1, iou, (score, truth) in zip(f1s, ious, kept(*maps), strict=True):
        assert f1.item() == pytest.approx(f1_score(truth, score > 0.5), abs=1e-6)
        assert iou.item() == pytest.approx(jaccard_score(truth, score > 0.5), abs=1e-6)


def test_half_itself_is_not_called_manipulated():
    assert metrics.pixel_f1_at_half(*one_map([0.5, 0.6], [True, True])) == pytest.approx(2 / 3)


def test_best_f1_equals_trying_every_threshold(maps):
    for best, pair in zip(metrics.pixel_f1_best_per_image(*maps), kept(*maps), strict=True):
        assert best.item() == pytest.approx(oracles.best_f1(*pair), abs=1e-6)


def test_a_constant_map_wins_the_best_f1_of_everything_called():
    best = metrics.pixel_f1_best_per_image(*one_map([0.2] * 4, [True, False, False, False]))
    assert best.item() == pytest.approx(2 * 0.25 / 1.25)


def test_auc_equals_pairs_and_sklearn(maps):
    for auc, (score, truth) in zip(metrics.pixel_auc_per_image(*maps), kept(*maps), strict=True):
        assert auc.item() == pytest.approx(oracles.auc_by_pairs(score, truth), abs=1e-6)
        assert auc.item() == pytest.approx(roc_auc_score(truth, score), abs=1e-6)


def test_false_alarms_at_half_recall_equal_trying_every_threshold(maps):
    found = metrics.pixel_fpr_at_half_recall(*maps)
    for fpr, (score, truth) in zip(found, kept(*maps), strict=True):
        rates = (oracles.error_rates(score, truth, threshold) for threshold in score)
        assert fpr.item() == pytest.approx(min(f for f, missed in rates if missed <= 0.5), abs=1e-6)


def test_false_alarms_of_one_class_or_of_a_constant_map():
    prob, mask = one_map([0.1, 0.9], [True, True])
    assert metrics.pixel_fpr_at_half_recall(prob, mask).isnan().all()
    assert metrics.pixel_fpr_at_half_recall(prob, ~mask).isnan().all()
    constant = one_map([0.4] * 3, [True, False, False])
    assert metrics.pixel_fpr_at_half_recall(*constant).item() == 1


@pytest.mark.parametrize("level", [0.0, 0.3, 0.5, 1.0])
def test_auc_of_a_constant_map_is_a_half(level):
    prob, mask = one_map([level] * 5, [True, False, False, True, False])
    assert metrics.pixel_auc_per_image(prob, mask).item() == 0.5
    assert metrics.pixel_auc_pooled(counts_of(prob, mask)) == 0.5


def test_auc_of_the_inverted_mask_is_the_rest(maps):
    prob, mask, valid = maps
    total = metrics.pixel_auc_per_image(*maps) + metrics.pixel_auc_per_image(prob, ~mask, valid)
    assert total.numpy() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("forged", [True, False])
def test_auc_of_one_class_is_nan(forged):
    prob, mask = one_map([0.1, 0.9], [forged, forged])
    assert metrics.pixel_auc_per_image(prob, mask).isnan().all()
    assert math.isnan(metrics.pixel_auc_pooled(counts_of(prob, mask)))


def test_authentic_images():
    prob, mask = one_map([0.1, 0.9], [False, False])
    assert metrics.pixel_f1_at_half(prob, mask).item() == 0
    assert metrics.pixel_iou_at_half(prob, mask).item() == 0
    assert metrics.pixel_f1_best_per_image(prob, mask).isnan().all()
    assert metrics.pixel_f1_at_half(prob / 9, mask).isnan().all()
    assert metrics.pixel_iou_at_half(prob / 9, mask).isnan().all()


@pytest.mark.parametrize("metric", PER_IMAGE)
def test_pixels_that_do_not_count_change_nothing(metric, maps):
    prob, mask, valid = maps
    other = torch.where(valid, prob, 1 - prob)
    assert torch.equal(metric(*maps), metric(other, mask | ~valid, valid))
    assert not torch.equal(metric(*maps), metric(prob, mask))


@pytest.mark.parametrize("metric", PER_IMAGE)
def test_nothing_that_counts_is_nan(metric, maps):
    assert metric(*maps[:2], torch.zeros_like(maps[1])).isnan().all()


@pytest.mark.parametrize("metric", PER_IMAGE)
def test_a_batch_is_its_images_one_by_one(metric, maps):
    alone = [metric(*(part[i : i + 1] for part in maps)) for i in range(3)]
    assert torch.equal(metric(*maps), torch.cat(alone))


# Borders


@pytest.mark.parametrize("tolerance_px", [0, 1, 3, 40])
def test_boundary_f1_equals_measuring_every_distance(tolerance_px):
    rng = np.random.default_rng(3)
    for _ in range(8):
        mask, called = np.zeros((2, 13, 17), bool)
        for region in (mask, called):
            for top, left, height, width in rng.integers((0, 0, 1, 1), (12, 15, 8, 9), (2, 4)):
                region[top : top + height, left : left + width] = True
        pair = torch.from_numpy(called)[None, None].float(), torch.from_numpy(mask)[None, None]
        found = metrics.boundary_f1_at_half(*pair, tolerance_px).item()
        slow = oracles.boundary_f1(called, mask, tolerance_px)
        assert found == pytest.approx(slow, abs=1e-6, nan_ok=True)


def test_boundary_f1_by_hand():
    """A square of 4 px, called one px too far to the right: 6 of 12 border pixels agree."""
    mask = torch.zeros(1, 1, 9, 9, dtype=torch.bool)
    mask[..., 2:6, 2:6] = True
    prob = mask.float().roll(1, 3)
    assert metrics.boundary_f1_at_half(prob, mask, 0).item() == pytest.approx(6 / 12)
    assert metrics.boundary_f1_at_half(prob, mask, 1).item() == 1
    assert metrics.boundary_f1_at_half(0.4 * prob, mask, 1).item() == 0
    assert metrics.boundary_f1_at_forged_area(0.4 * prob, mask, 1).item() == 1


@pytest.mark.parametrize("metric", BOUNDARY)
def test_regions_without_a_border(metric):
    """Nothing, and everything, has none; a border on one side alone is missed or phantom."""
    prob, half = torch.full((1, 1, 2, 4), 0.1), torch.zeros(1, 1, 2, 4, dtype=torch.bool)
    half[..., :2] = True
    none = torch.zeros_like(half)
    assert metric(prob, none).isnan().all()
    assert metric(1 - prob, ~none).isnan().all()
    assert metrics.boundary_f1_at_half(1 - prob, half).item() == 0
    assert metrics.boundary_f1_at_half(half.float(), none).item() == 0


@pytest.mark.parametrize("metric", BOUNDARY)
def test_a_batch_of_borders_is_its_images_one_by_one(metric, maps):
    prob, mask, _ = maps
    alone = [metric(prob[i : i + 1], mask[i : i + 1]) for i in range(3)]
    assert torch.equal(metric(prob, mask), torch.cat(alone))


# Pixels, pooled


def test_pooled_metrics_equal_sklearn_and_trying_every_threshold(maps):
    prob, mask, valid = maps
    score, truth = prob[valid].numpy(), mask[valid].numpy()
    counts = counts_of(*maps)
    assert metrics.pixel_auc_pooled(counts) == pytest.approx(roc_auc_score(truth, score), abs=1e-6)
    best = oracles.best_f1(score, truth)
    assert metrics.pixel_f1_best_per_set(counts) == pytest.approx(best, abs=1e-6)


def test_pooling_weighs_pixels_and_not_images():
    prob, mask = one_map([0.9, 0.1, 0.8, 0.2], [True, False, False, True])
    valid = torch.tensor([[[[True, True, False, False]]], [[[True, True, True, True]]]])
    pair = prob.expand(2, -1, -1, -1), mask.expand(2, -1, -1, -1), valid
    assert metrics.pixel_auc_per_image(*pair).tolist() == [1.0, 0.75]
    pooled = metrics.pixel_auc_pooled(counts_of(*pair))
    assert pooled == pytest.approx(8 / 9)


def test_threshold_at_eer_is_where_the_rates_meet(maps):
    prob, mask, valid = maps
    score, truth = prob[valid].numpy(), mask[valid].numpy()
    threshold = metrics.threshold_at_eer(counts_of(*maps))
    gaps = {t: abs(np.subtract(*oracles.error_rates(score, truth, t))) for t in score}
    reached = abs(np.subtract(*oracles.error_rates(score, truth, threshold)))
    assert reached == pytest.approx(min(gaps.values()), abs=1e-9)


def test_f1_at_the_eer_of_the_set_is_one_threshold_for_all(maps):
    prob, mask, valid = maps
    counts = counts_of(*maps)
    threshold = metrics.threshold_at_eer(counts)
    for f1, (score, truth) in zip(
        metrics.pixel_f1_at_set_eer(prob, mask, counts, valid), kept(*maps), strict=True
    ):
        assert f1.item() == pytest.approx(oracles.f1(score >= threshold, truth), abs=1e-6)
    pooled = oracles.f1(prob[valid].numpy() >= threshold, mask[valid].numpy())
    assert metrics.pixel_f1_at_eer_pooled(counts) == pytest.approx(pooled, abs=1e-6)


def test_a_score_at_the_threshold_is_called_manipulated():
    prob, mask = one_map([0.75, 0.5, 0.25, 0.25], [True, True, False, False])
    counts = counts_of(prob, mask)
    assert metrics.threshold_at_eer(counts) == 0.5
    assert metrics.pixel_f1_at_set_eer(prob, mask, counts).item() == 1
    assert metrics.pixel_f1_at_eer_pooled(counts) == 1


def test_a_set_of_one_class_has_no_eer():
    prob, mask = one_map([0.1, 0.9], [False, False])
    counts = counts_of(prob, mask)
    assert math.isnan(metrics.threshold_at_eer(counts))
    assert math.isnan(metrics.pixel_f1_at_eer_pooled(counts))
    assert math.isnan(metrics.pixel_f1_best_per_set(counts))
    assert metrics.pixel_f1_at_set_eer(prob, mask, counts).isnan().all()


# Images


@pytest.fixture
def images():
    rng = np.random.default_rng(2)
    label = rng.random(300) < 0.4
    return ((rng.random(300) + 0.3 * label) / 1.3).round(2), label


def test_image_metrics_equal_sklearn(images):
    score, label = images
    assert metrics.image_auc(*images) == pytest.approx(roc_auc_score(label, score), abs=1e-9)
    assert metrics.image_f1_at_half(*images) == pytest.approx(f1_score(label, score > 0.5))
    assert metrics.image_sensitivity_at_half(*images) == (score[label] > 0.5).mean()
    assert metrics.image_specificity_at_half(*images) == (score[~label] <= 0.5).mean()


def test_image_rates_lie_on_the_curve_of_sklearn(images):
    score, label = images
    fpr, tpr, _ = roc_curve(label, score, drop_intermediate=False)
    assert metrics.image_tpr_at_fpr(*images, fpr=0.05) == tpr[fpr <= 0.05].max()
    eer = metrics.image_eer(*images)
    assert np.interp(eer, fpr, tpr) == pytest.approx(1 - eer, abs=1e-9)


def test_image_f1_at_the_threshold_of_equal_errors(images):
    score, label = images
    fpr, tpr, threshold = roc_curve(label, score, drop_intermediate=False)
    best = threshold[1:][np.abs(fpr + tpr - 1)[1:].argmin()]
    assert metrics.image_f1_at_eer(*images) == pytest.approx(f1_score(label, score >= best))


def test_image_rates_by_hand():
    score, label = np.array([0.9, 0.8, 0.4, 0.3]), np.array([True, False, True, False])
    assert metrics.image_eer(score, label) == 0.5
    assert metrics.image_tpr_at_fpr(score, label) == 0.5
    assert metrics.image_tpr_at_fpr(score, label, fpr=0.5) == 1
    assert metrics.image_eer(np.full(4, 0.3), label) == 0.5
    assert metrics.image_eer(score, score > 0.5) == 0
    assert metrics.image_tpr_at_fpr(1 - score, score > 0.5) == 0


def test_images_of_one_class():
    score, none = np.array([0.2, 0.7]), np.zeros(2, bool)
    every = (metrics.image_auc, metrics.image_eer, metrics.image_tpr_at_fpr)
    for metric in (*every, metrics.image_f1_at_eer):
        assert math.isnan(metric(score, none))
        assert math.isnan(metric(score, ~none))
    assert math.isnan(metrics.image_sensitivity_at_half(score, none))
    assert math.isnan(metrics.image_specificity_at_half(score, ~none))
    assert metrics.image_f1_at_half(score, none) == 0
    assert math.isnan(metrics.image_f1_at_half(score / 2, none))


# Flips and borders


def test_a_map_is_negated_when_more_than_half_is_forged():
    prob = torch.tensor([0.1, 0.2, 0.3, 0.4]).view(1, 1, 1, 4).expand(2, -1, -1, -1)
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0]], dtype=torch.bool).view(2, 1, 1, 4)
    flipped = metrics.negate_when_mostly_forged(prob, mask)
    assert torch.equal(flipped[0], prob[0])
    assert torch.equal(flipped[1], 1 - prob[1])
    valid = torch.tensor([[1, 1, 1, 0]], dtype=torch.bool).view(1, 1, 1, 4).expand(2, -1, -1, -1)
    assert torch.equal(metrics.negate_when_mostly_forged(prob, mask, valid), 1 - prob)
    valid = valid.flip(3)
    assert torch.equal(metrics.negate_when_mostly_forged(prob, mask, valid)[0], prob[0])


@pytest.mark.parametrize("metric", [metrics.pixel_auc_per_image, metrics.pixel_f1_best_per_image])
def test_the_oracle_flip_gives_the_better_of_both(metric, maps):
    prob, mask, valid = maps
    prob = torch.cat([prob[:1], 1 - prob[1:]])
    flipped = metrics.negate_when_better(prob, mask, valid, metric)
    both = torch.stack([metric(prob, mask, valid), metric(1 - prob, mask, valid)])
    assert torch.equal(metric(flipped, mask, valid), both.max(0).values)
    assert torch.equal(flipped[0], prob[0]) and not torch.equal(flipped[1], prob[1])


def test_an_authentic_map_is_never_flipped():
    prob, mask = one_map([0.1, 0.9], [False, False])
    assert torch.equal(metrics.negate_when_better(prob, mask), prob)


@pytest.mark.parametrize("radius_px", [0, 1, 3, 40])
def test_ignored_border_is_where_both_classes_are_near(radius_px):
    mask = np.zeros((17, 23), bool)
    mask[4:11, 6:], mask[15, 2] = True, True
    valid = metrics.ignore_border(torch.from_numpy(mask)[None, None], radius_px)
    assert np.array_equal(valid[0, 0].numpy(), oracles.far_from_border(mask, radius_px))


def test_as_many_pixels_as_are_forged():
    prob = torch.tensor([[[[0.1, 0.4, 0.2, 0.3]]], [[[0.9, 0.8, 0.7, 0.6]]]])
    mask = torch.tensor([[[[1, 1, 0, 0]]], [[[0, 0, 0, 0]]]]).bool()
    found = metrics.highest(prob, mask)
    assert found.flatten().tolist() == [0, 1, 0, 1, 0, 0, 0, 0]
    level = metrics.highest(torch.full((1, 1, 1, 4), 0.5), mask[:1])
    assert level.flatten().tolist() == [1, 1, 0, 0]


def test_every_metric_validates():
    prob, mask = one_map([-0.1, 0.9], [True, False])
    scores, labels = np.array([-0.1, 0.9]), np.array([True, False])
    counts = metrics.ScoreCounts()
    calls = [(metric, (prob, mask)) for metric in PER_IMAGE + BOUNDARY]
    calls += [(metrics.negate_when_mostly_forged, (prob, mask))]
    calls += [(metric, (scores, labels)) for metric in PER_SET]
    calls += [(metrics.pixel_f1_at_set_eer, (prob, mask, counts)), (counts.add, (prob, mask))]
    for metric, arguments in calls:
        with pytest.raises(ShapeError, match=r"The scores range from -0\.1 to 0\.9"):
            metric(*arguments)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_scores_of_every_float_type(maps, dtype):
    """Each metric of scores that the type holds exactly is that of the same scores in float32."""
    prob, mask, _ = maps
    prob = (prob * 64).round() / 64
    every = (*PER_IMAGE, *BOUNDARY, metrics.calibration_error_per_image)
    for metric in (*every, metrics.negate_when_mostly_forged, metrics.highest):
        found, expected = (metric(scores, mask) for scores in (prob.to(dtype), prob))
        assert torch.equal(found.float(), expected.float()), metric.__name__
    counts = [counts_of(scores, mask).positive.tolist() for scores in (prob.to(dtype), prob)]
    assert counts[0] == counts[1]


def test_what_is_not_valid_never_matters(maps):
    prob, mask, valid = maps
    odd = prob.where(valid, math.nan)
    turned = mask ^ ~valid
    for metric in PER_IMAGE:
        assert torch.equal(metric(odd, turned, valid), metric(prob, mask, valid)), metric.__name__
    counts = [counts_of(*pair, valid) for pair in ((odd, turned), (prob, mask))]
    assert np.array_equal(counts[0].positive, counts[1].positive)
    at_eer = [
        metrics.pixel_f1_at_set_eer(*pair, counts[0], valid) for pair in ((odd, turned), maps[:2])
    ]
    assert torch.equal(*at_eer)
    for negate in (metrics.negate_when_mostly_forged, metrics.negate_when_better):
        found = [negate(*pair, valid)[valid] for pair in ((odd, turned), (prob, mask))]
        assert torch.equal(*found), negate.__name__


WITHOUT_TYPE_CHECKS = """
import numpy as np, pandas as pd, torch
from imdl_lib import metrics
from imdl_lib.errors import ShapeError
one = torch.rand(64, 64)
rows = pd.DataFrame({"score": [0.9, 0.4, 0.4], "share": [0.2, 0.1, 0.0]})
for name in metrics.__dict__:
    if name.startswith(("pixel_", "boundary_", "calibration_", "negate_", "highest", "ignore_")):
        if not name.endswith(("_pooled", "_per_set")):
            counts = (metrics.ScoreCounts(),) if name.endswith("_eer") else ()
            for maps in ((one, one > 0.5), (one[None].numpy(), one[None].numpy() > 0.5)):
                maps = (maps[1], 1) if name == "ignore_border" else maps
                try:
                    getattr(metrics, name)(*maps, *counts)
                except ShapeError:
                    continue
                print(name)
    if name.startswith("image_"):
        columns = getattr(metrics, name)(rows.score, rows.share > 0)
        assert columns == getattr(metrics, name)(rows.score.to_numpy(), (rows.share > 0).to_numpy())
"""


def test_every_metric_refuses_maps_without_axes_and_takes_columns_of_tables():
    """In a process of its own: here the tests' own type checks would come first."""
    command = [sys.executable, "-c", WITHOUT_TYPE_CHECKS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (done.stdout, done.stderr) == ("", "")


def test_calibration_error_by_hand():
    """Four pixels at .9 of which two are forged, four at .05 of which none is."""
    prob = torch.tensor([0.9] * 4 + [0.05] * 4).view(1, 1, 1, 8)
    mask = torch.tensor([1, 1, 0, 0, 0, 0, 0, 0]).bool().view(1, 1, 1, 8)
    found = metrics.calibration_error_per_image(prob, mask)
    assert found.item() == pytest.approx((4 * 0.4 + 4 * 0.05) / 8)
    assert metrics.calibration_error_per_image(mask.float(), mask).item() == 0
