"""Measures of uncertainty maps against regions made by hand."""

import math

import pytest
import torch

from imdl_lib import uncertainty
from imdl_lib.batch import Prediction


def maps(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows)[None, None]


def test_errors_are_of_three_kinds():
    """One image that is hit and overshot, one with a hit and a false alarm apart from it."""
    mask = torch.tensor([[[[1, 1, 0, 0]]], [[[1, 1, 0, 0]]]]).bool()
    called = torch.tensor([[[[0, 1, 1, 0]]], [[[1, 0, 0, 1]]]]).bool()
    found = uncertainty.kinds_of_error(called, mask)
    assert found["under"].flatten().tolist() == [1, 0, 0, 0, 0, 1, 0, 0]
    assert found["over"].flatten().tolist() == [0, 0, 1, 0, 0, 0, 0, 0]
    assert found["phantom"].flatten().tolist() == [0, 0, 0, 0, 0, 0, 0, 1]
    nothing = uncertainty.kinds_of_error(torch.zeros_like(mask), mask)
    assert torch.equal(nothing["under"], mask)
    assert not nothing["over"].any() and not nothing["phantom"].any()


def test_columns():
    """Entropy is high on the one wrong pixel; refinement mends it."""
    mask = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    mask[..., :2] = True
    mu = torch.where(mask, 4.0, -4.0)
    mu[0, 0, 7, 1] = -4.0  # missed
    entropy = torch.full((1, 1, 8, 8), 0.1)
    entropy[0, 0, 7, 1] = 0.9
    variance = torch.where(mask, 2.0, 0.5)
    refined = torch.where(mask, 9.0, -9.0)
    found_maps = {"mu": mu, "entropy": entropy, "variance": variance}
    found = uncertainty.columns(Prediction(refined, torch.zeros(1), found_maps), mask)
    values = {name: column.item() for name, column in found.items()}
    assert values["wrong_auc"] == 1
    assert values["wrong_auc_matched"] == 0.75  # a genuine pixel is called instead, and looks sure
    assert values["wrong_auc_under"] == 1
    assert values["wrong_auc_over"] == pytest.approx(0.5)  # it looks as sure as right ones
    assert values["plain_wrong_auc"] == 0.5  # a network that is equally sure everywhere
    assert values["object_auc"] == pytest.approx(16 / 40 + 24 / 40 / 2)  # 3 px of border outside
    assert values["plain_object_auc"] == 0.5
    assert values["entropy_under"] == pytest.approx(0.9)
    assert values["entropy_right"] == pytest.approx(0.1)
    assert values["coarse_under"] == values["coarse_over"] == 1 / 64
    assert values["refined_under"] == values["refined_over"] == 0
    assert values["entropy_phantom"] != values["entropy_phantom"]  # there is none
    assert values["variance_outside"] == 0.5
    assert values["coarse_f1_at_half"] == pytest.approx(2 * 15 / (2 * 15 + 1))
    assert values["coarse_calibration_error"] > values["refined_calibration_error"]


def test_plain_entropy_is_that_of_the_mean_alone():
    mu = torch.tensor([0.0, 2.0, -2.0, 30.0]).view(1, 1, 1, 4)
    said = Prediction(mu, torch.zeros(1), {"mu": mu, "variance": torch.full_like(mu, 9.0)})
    p = torch.tensor([0.5, 1 / (1 + math.exp(-2))]).double()
    by_hand = -(p * p.log2() + (1 - p) * (1 - p).log2())
    found = uncertainty.plain_entropy(said).flatten().tolist()
    assert found == pytest.approx([*by_hand.tolist(), by_hand[1].item(), 0], abs=1e-6)


def test_plain_entropy_is_asked_what_u_p_is_asked():
    """It finds the wrong pixels of a network that is unsure where it errs, whatever U^p says."""
    mask = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    mask[..., :2] = True
    mu = torch.where(mask, 4.0, -4.0)
    mu[0, 0, 0, 0], mu[0, 0, 3, 3] = -0.5, 0.5
    level = torch.full((1, 1, 4, 4), 0.5)
    found_maps = {"mu": mu, "entropy": level, "variance": level}
    found = uncertainty.columns(Prediction(mu, torch.zeros(1), found_maps), mask)
    values = {name: column.item() for name, column in found.items()}
    assert values["plain_wrong_auc"] == values["plain_wrong_auc_matched"] == 1
    assert values["plain_wrong_auc_under"] == values["plain_wrong_auc_phantom"] == 1
    assert values["wrong_auc"] == values["wrong_auc_under"] == 0.5


def test_columns_of_an_authentic_image_are_empty():
    mask = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    sure = {name: torch.ones(1, 1, 8, 8) for name in ("mu", "entropy", "variance")}
    found = uncertainty.columns(Prediction(torch.ones(1, 1, 8, 8), torch.zeros(1), sure), mask)
    assert all(column.isnan().all() for column in found.values())
