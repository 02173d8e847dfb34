"""Filling in: the region only, flat holes flat, borders too."""

import numpy as np
import pytest

from imdl_lib.inpainting import INPAINTERS, cloned


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.mark.parametrize("name", INPAINTERS)
def test_an_inpainter_fills_the_region_only(name, pack, rng):
    host, mask = pack[0][:40, :40].copy(), np.zeros((40, 40), bool)
    mask[10:20, 12:25] = True
    before = host.copy()
    filled = INPAINTERS[name](host, mask, rng)
    assert filled.shape == host.shape and filled.dtype == np.uint8
    assert np.array_equal(host, before)
    assert np.array_equal(filled[~mask], host[~mask])
    assert (filled[mask] != host[mask]).any()


@pytest.mark.parametrize("name", ["telea", "navier_stokes", "biharmonic"])
def test_a_hole_in_a_flat_photo_is_filled_flat(name, rng):
    host, mask = np.full((20, 20, 3), 90, np.uint8), np.zeros((20, 20), bool)
    host[8:12, 8:12], mask[8:12, 8:12] = 255, True
    filled = INPAINTERS[name](host, mask, rng)
    assert np.abs(filled.astype(int) - 90).max() <= 2


@pytest.mark.parametrize("name", INPAINTERS)
def test_regions_at_the_border_are_filled_too(name, pack, rng):
    host, mask = pack[0][:32, :32].copy(), np.zeros((32, 32), bool)
    mask[:9, :7] = mask[20:, 30:] = True
    assert INPAINTERS[name](host, mask, rng).shape == host.shape


def test_cloning_leaves_a_region_on_the_border_alone(rng):
    host, mask = np.full((12, 12, 3), 90, np.uint8), np.zeros((12, 12), bool)
    mask[0] = True
    assert np.array_equal(cloned(host, mask, rng), host)
