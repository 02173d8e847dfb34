"""Responses of PSCC-Net's correlation module as numbers: hand-made regions, an oracle, rows."""

import numpy as np
import pytest
import torch

from imdl_lib import responses
from imdl_lib.forge import forge
from imdl_lib.papers.pscc_net import Config, Model
from imdl_lib.standins import stand_in


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(0)
    return Model(Config(size_px=64, width=0.25)).eval()


@pytest.fixture(scope="module")
def copies():
    return forge(stand_in(responses.SET).recipe(("packaged",), 6, 32), progress=False)


def test_a_response_is_one_on_average(model, copies):
    x = responses.gated(model, copies.images[:1])
    looks = responses.response(responses.sccm(model), x)
    assert looks.shape == (256, 256) and looks.min() >= 0
    assert looks.mean(1).numpy() == pytest.approx(1, abs=1e-4)


def test_pixels_of_all_bands_of_rows_share_a_place(model, copies):
    """At scale 3 a channel is cut into four bands of rows: pixel 0 is seen as pixel 64 is."""
    x = responses.gated(model, copies.images[:1])
    looks = responses.response(responses.sccm(model), x)
    assert torch.equal(looks[0], looks[64])
    assert torch.equal(looks[:, 5], looks[:, 5 + 3 * 64])
    assert not torch.equal(looks[0], looks[1])


def test_mean_responses_by_region():
    """Sixteen pixels: four of a copy, four of its source, the rest; each pair has its own value."""
    regions = np.zeros((4, 4), np.uint8)
    regions[0], regions[3] = responses.COPY, responses.SOURCE
    part = torch.tensor([0] * 4 + [1] * 8 + [2] * 4)  # copy, rest, source
    value = torch.tensor([[7.0, 1.0, 2.0], [0.5, 3.0, 0.25], [4.0, 5.0, 6.0]])
    looks = value[part][:, part]
    found = responses._responses(looks, regions, torch.Size((4, 4)))
    assert found["copy_at_copy"] == 7 and found["copy_at_rest"] == 1
    assert found["copy_at_source"] == 2
    assert found["rest_at_copy"] == pytest.approx((8 * 0.5 + 4 * 4) / 12)  # pristine = not copied
    assert found["rest_at_source"] == pytest.approx((8 * 0.25 + 4 * 6) / 12)
    assert found["copy_peak"] == 7 and found["rest_peak"] == pytest.approx((8 * 3 + 4 * 6) / 12)


def test_contrast_counts_deviations_and_skips_constant_channels():
    region = torch.tensor([[True, True], [False, False]])
    x = torch.tensor([[[1.0, 1.0], [0.0, 0.0]], [[5.0, 5.0], [5.0, 5.0]]])
    assert responses._contrast(x, region) == pytest.approx(1 / x[0].std().item())
    assert responses._contrast(100 * x - 7, region) == pytest.approx(1 / x[0].std().item())


def test_rows(model, copies):
    rows = responses.score(model, copies)
    assert [row["kind"] for row in rows] == ["copy_and_source", "pristine"] * 3
    for row in rows:
        assert (row["forged_share"] > 0) == (row["kind"] != "pristine")
        assert np.isnan(row["copy_peak"]) == (row["kind"] == "pristine")
        assert row["rest_peak"] >= 1 and row["contrast_y"] > 0
