"""Measures of uncertainty maps against regions made by hand."""

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


def test_as_many_pixels_as_are_forged():
    prob = torch.tensor([[[[0.1, 0.4, 0.2, 0.3]]], [[[0.9, 0.8, 0.7, 0.6]]]])
    mask = torch.tensor([[[[1, 1, 0, 0]]], [[[0, 0, 0, 0]]]]).bool()
    found = uncertainty.highest(prob, mask)
    assert found.flatten().tolist() == [0, 1, 0, 1, 0, 0, 0, 0]
    level = uncertainty.highest(torch.full((1, 1, 1, 4), 0.5), mask[:1])
    assert level.flatten().tolist() == [1, 1, 0, 0]


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
    assert values["entropy_under"] == pytest.approx(0.9)
    assert values["entropy_right"] == pytest.approx(0.1)
    assert values["coarse_under"] == values["coarse_over"] == 1 / 64
    assert values["refined_under"] == values["refined_over"] == 0
    assert values["entropy_phantom"] != values["entropy_phantom"]  # there is none
    assert values["variance_outside"] == 0.5
    assert values["coarse_f1_at_half"] == pytest.approx(2 * 15 / (2 * 15 + 1))
    assert values["coarse_calibration_error"] > values["refined_calibration_error"]


def test_columns_of_an_authentic_image_are_empty():
    mask = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    sure = {name: torch.ones(1, 1, 8, 8) for name in ("mu", "entropy", "variance")}
    found = uncertainty.columns(Prediction(torch.ones(1, 1, 8, 8), torch.zeros(1), sure), mask)
    assert all(column.isnan().all() for column in found.values())
