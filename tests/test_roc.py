"""Counting against scikit-learn, the 65536 levels, and messages."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import roc_auc_score

from imdl_lib import roc
from imdl_lib.errors import ShapeError


def counts_of(score, truth):
    counts = roc.ScoreCounts()
    counts.add(torch.from_numpy(score).view(1, 1, 1, -1), torch.from_numpy(truth).view(1, 1, 1, -1))
    return counts


@pytest.fixture(scope="module")
def lowest():
    """The lowest score of each level."""
    return np.array([roc.lowest_score(level) for level in range(roc.LEVELS)], np.float32)


# Exact counts


def test_counts_of_scores_with_ties():
    score, truth = np.array([0.5, 0.1, 0.5, 0.5, 1.0]), np.array([1, 0, 0, 1, 1], bool)
    positive, negative = roc.count_scores(score.astype(np.float32), truth)
    assert positive.tolist() == [0, 2, 1]
    assert negative.tolist() == [1, 1, 0]


def test_counts_of_nothing():
    positive, negative = roc.count_scores(np.zeros(0), np.zeros(0, bool))
    assert len(positive) == len(negative) == 0
    assert math.isnan(roc.auc(positive, negative)) and math.isnan(roc.best_f1(positive, negative))


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(np.float64, 30, elements=st.floats(0, 1)),
    hnp.arrays(np.bool_, 30).filter(lambda truth: truth.any() and not truth.all()),
)
def test_auc_of_any_floats_equals_sklearn(score, truth):
    for exact in (score, score.astype(np.float32)):
        auc = roc.auc(*roc.count_scores(exact, truth))
        assert auc == pytest.approx(roc_auc_score(truth, exact), abs=1e-9)


def test_minus_zero_ties_with_zero():
    assert roc.auc(*roc.count_scores(np.array([-0.0, 0.0]), np.array([True, False]))) == 0.5


# Levels


def test_merged_counts_are_the_counts_of_all():
    rng = np.random.default_rng(0)
    score, truth = rng.random((3, 500), dtype=np.float32), rng.random((3, 500)) < 0.3
    parts = [counts_of(*pair) for pair in zip(score, truth, strict=True)]
    merged, whole = (
        parts[0].merge(parts[1]).merge(parts[2]),
        counts_of(score.ravel(), truth.ravel()),
    )
    assert np.array_equal(merged.positive, whole.positive)
    assert np.array_equal(merged.negative, whole.negative)
    assert whole.positive.sum() == truth.sum() and whole.negative.sum() == (~truth).sum()
    assert parts[0].positive.sum() == truth[0].sum()


@pytest.mark.parametrize("shift", [-20, -9, 0, 9])
def test_pooled_auc_of_a_saturated_network_equals_sklearn(shift):
    rng = np.random.default_rng(1)
    truth = rng.random(20000) < 0.2
    score = (1 / (1 + np.exp(-rng.normal(shift + truth, 1.5)))).astype(np.float32)
    counts = counts_of(score, truth)
    auc = roc_auc_score(truth, score)
    assert roc.auc(counts.positive, counts.negative) == pytest.approx(auc, abs=1e-4)


@settings(max_examples=200, deadline=None)
@given(st.floats(0, 1, width=32), st.integers(0, roc.LEVELS - 1))
def test_a_score_reaches_a_level_where_it_reaches_its_lowest_score(score, level):
    reached = roc.level_of(torch.tensor([score], dtype=torch.float32)).item() >= level
    assert reached == (score >= roc.lowest_score(level))


def test_the_lowest_score_of_a_level_is_in_it(lowest):
    level = roc.level_of(torch.from_numpy(lowest)).numpy()
    alone = np.append(np.diff(lowest) > 0, True)  # near 1 float32 has fewer scores than levels
    assert np.array_equal(level[alone], np.flatnonzero(alone))
    assert alone.mean() > 0.7


def test_levels_are_fine_and_in_order(lowest):
    prob = torch.cat([torch.linspace(0, 1, 100001), torch.tensor([1e-9, 1 - 1e-6])]).sort().values
    level = roc.level_of(prob)
    assert (level.diff() >= 0).all()
    assert (level[0], level[-1]) == (0, roc.LEVELS - 1)
    assert np.diff(lowest).max() <= 2**-11
    inner = slice(1, roc.LEVELS // 2)
    assert (np.diff(lowest)[inner] / lowest[inner]).max() <= 2**-10


# Messages


def message(validate, *arguments):
    with pytest.raises(ShapeError) as caught:
        validate(*arguments)
    return str(caught.value)


def test_message_for_a_mask_of_another_size_or_type():
    prob = torch.rand(1, 1, 1, 2)
    mask = prob > 2
    assert message(roc.validate_maps, prob, mask[..., :1], None) == (
        "The mask is torch.bool (1, 1, 1, 1) but the scores are (1, 1, 1, 2). Expected torch.bool "
        "of the same shape. Resize the scores to the mask, or threshold the mask."
    )
    assert message(roc.validate_maps, prob, mask, mask.float()) == (
        "The valid map is torch.float32 (1, 1, 1, 2) but the scores are (1, 1, 1, 2). Expected "
        "torch.bool of the same shape. Resize the scores to the mask, or threshold the mask."
    )


@pytest.mark.parametrize("bad, low, high", [(-2.0, "-2", "0.9"), (math.nan, "nan", "nan")])
def test_message_for_scores_out_of_range(bad, low, high):
    score, label = np.array([bad, 0.9]), np.array([True, False])
    expected = (
        f"The scores range from {low} to {high}. Expected [0, 1] without NaN. "
        "Apply a sigmoid to logits, or scale the map."
    )
    assert message(roc.validated_images, score, label) == expected
    maps = [torch.from_numpy(part).view(1, 1, 1, 2) for part in (score, label)]
    assert message(roc.validate_maps, *maps, None) == expected


def test_message_for_labels_of_another_length_or_type():
    assert message(roc.validated_images, np.array([0.1, 0.9]), np.array([True])) == (
        "The labels are bool (1,) but the scores are (2,). Expected bool of the same shape, "
        "True = manipulated. Give one label per score."
    )
    assert message(roc.validated_images, np.array([0.1]), np.array([1])) == (
        "The labels are int64 (1,) but the scores are (1,). Expected bool of the same shape, "
        "True = manipulated. Give one label per score."
    )


def test_message_for_a_map_without_axes_of_images_and_channels():
    """64 rows of one map are not 64 images."""
    prob = torch.rand(64, 64)
    said = (
        "has the shape {}. Expected (B, 1, H, W): images, one channel, rows, columns. "
        "Give a single one of H x W as tensor[None, None]."
    )
    for shape in ((64, 64), (1, 64, 64), (2, 3, 8, 8), (1, 1, 2, 2, 2)):
        prob = torch.rand(shape)
        expected = f"The score map {said.format(shape)}"
        assert message(roc.validate_maps, prob, prob > 2, None) == expected
        assert message(roc.validate_mask, prob > 2) == f"The mask {said.format(shape)}"
    prob = torch.rand(1, 1, 4, 4)
    assert (
        message(roc.validate_maps, prob, prob[0] > 2, None) == f"The mask {said.format((1, 4, 4))}"
    )


def test_message_for_maps_that_are_no_tensors_of_floats():
    prob = torch.rand(1, 1, 1, 2)
    end = "Expected a torch tensor of the shape (B, 1, H, W). Convert it, for example with "
    for value, kind in ((prob.numpy(), "numpy.ndarray"), ([[0.5]], "builtins.list")):
        assert message(roc.validate_maps, value, prob > 2, None) == (
            f"The score map is a {kind}. {end}torch.from_numpy."
        )
    assert message(roc.validate_maps, prob, prob.numpy() > 2, None).startswith("The mask is a num")
    assert message(roc.validate_maps, prob.long(), prob > 2, None) == (
        "The score map holds torch.int64. Expected floats in [0, 1]. Convert it with .float()."
    )
    assert message(roc.validate_mask, prob) == (
        "The mask holds torch.float32. Expected torch.bool, True = manipulated. Threshold it."
    )


@pytest.mark.parametrize("outside", [math.nan, -3.0, math.inf])
def test_scores_that_are_not_valid_may_be_anything(outside):
    prob = torch.tensor([[[[0.3, outside]]]])
    roc.validate_maps(prob, prob > 2, torch.tensor([[[[True, False]]]]))
    with pytest.raises(ShapeError):
        roc.validate_maps(prob, prob > 2, torch.tensor([[[[False, True]]]]))


def test_scores_of_images_from_whatever_numpy_reads():
    truth = [True, False, True]
    frame = pd.DataFrame({"score": [0.25, 0.5, 0.75], "forged": truth}, index=[7, 8, 9])
    for score in (frame.score, [0.25, 0.5, 0.75], torch.tensor([0.25, 0.5, 0.75]).half()):
        for label in (frame.forged, truth, torch.tensor(truth)):
            found = roc.validated_images(score, label)
            assert [values.tolist() for values in found] == [[0.25, 0.5, 0.75], truth]


def test_message_for_scores_that_are_no_list_of_numbers():
    assert message(roc.validated_images, ["high"], [True]) == (
        "The scores or labels are no arrays of numbers (could not convert string to float: "
        "'high'). Expected one score in [0, 1] and one bool for each image. Convert them with "
        "numpy.asarray."
    )
    assert message(roc.validated_images, np.full((2, 1), 0.5), np.full((2, 1), True)) == (
        "The scores have the shape (2, 1). Expected (N,): one score for each image. Flatten them."
    )
