"""No set tells by position where it is forged; pasted regions have their hosts' texture."""

import numpy as np
import pandas as pd
import pytest

from imdl_lib import forge, giveaways, standins
from imdl_lib.kinds import make
from imdl_lib.recipes import Forged, Recipe

COUNT = 500
KINDS = ("splice", "copy_move", "removal", "enhancement", "two_regions", "compound")
STORED = pd.read_csv(giveaways.file()).set_index("set")


def image(value: int = 0, size_px: int = 16) -> np.ndarray:
    return np.full((size_px, size_px, 3), value, np.uint8)


def marked(rows: slice, columns: slice, size_px: int = 16) -> Forged:
    regions = np.zeros((size_px, size_px), np.uint8)
    regions[rows, columns] = 1
    return Forged(image(size_px=size_px), regions, 0)


# The measures


def test_a_region_at_the_top():
    row = giveaways.of_sample(marked(np.s_[:4], np.s_[:]))
    assert (row["top"], row["bottom"]) == (1, 0)
    assert row["left"] == row["right"] == row["deviation"] == 0.5
    assert row["centre"] < 0.3 and row["forged_share"] == 0.25


def test_a_region_at_the_left():
    row = giveaways.of_sample(marked(np.s_[:], np.s_[:2]))
    assert (row["left"], row["right"], row["top"]) == (1, 0, 0.5)


def test_a_region_with_all_the_texture():
    sample = marked(np.s_[3:8], np.s_[3:8])
    sample.image[5, 5] = 200
    row = giveaways.of_sample(sample)
    assert row["deviation"] > 0.8 and row["high_pass"] > 0.8


def test_rates_by_hand():
    cells = giveaways.rates(marked(np.s_[:4], np.s_[2:8]).regions > 0)
    assert cells.tolist() == [[0.5, 1, 0, 0], *3 * [[0, 0, 0, 0]]]
    odd = giveaways.rates(marked(np.s_[:], np.s_[:], 17).regions > 0)
    assert odd == pytest.approx(np.ones((4, 4)))


def test_means_are_over_forged_samples_and_rates_are_pooled():
    halves = [marked(np.s_[:8], np.s_[:]), marked(np.s_[4:], np.s_[:])]
    found = giveaways.measured([*halves, marked(np.s_[:0], np.s_[:])])
    assert found["images"] == 2
    assert found["top"] == pytest.approx((1 + 0) / 2)
    assert found["grid_ratio"] == 2 and found["forged_share"] == 0.625


# Of what the library forges


@pytest.mark.parametrize("kind", KINDS)
def test_packaged_photos_give_nothing_away(kind, train_pack):
    recipe = Recipe((kind,), ("packaged",), "train", COUNT, 48, jpeg_quality=(70, 100))
    found = giveaways.measured(make(recipe, index, train_pack) for index in range(COUNT))
    assert [found[name] for name in giveaways.POSITIONS] == pytest.approx(5 * [0.5], abs=0.04)
    assert found["grid_ratio"] < 2.5
    if kind in giveaways.PASTED:
        assert found["deviation"] == pytest.approx(0.5, abs=0.08)
        assert found["high_pass"] == pytest.approx(0.5, abs=0.08)


@pytest.fixture(scope="module")
def train_pack(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMDL_CACHE", str(tmp_path_factory.mktemp("photos")))
        return forge.photos.pack(
            forge.photos.split(forge.photos.packaged(), "train"), progress=False
        )


# Of the standard sets, as stored


def test_every_standard_set_was_measured_as_it_is_forged_now():
    keys = {name: recipe.key for name, recipe in giveaways.standard_sets().items()}
    assert STORED["key"].to_dict() == keys


def test_standard_sets_are_training_sets_and_stand_ins():
    names = [*giveaways.standard_sets()]
    assert {"like_casia", "four_kinds/splice", "choosing", "majority"} <= set(names)
    assert sum(name.startswith("training/") for name in names) >= 3
    assert all(not standins.SETS[n].distortion for n in names if n in standins.SETS)


@pytest.mark.parametrize("name", STORED.index)
def test_a_standard_set_gives_nothing_away(name):
    row = STORED.loc[name]
    assert row[[*giveaways.POSITIONS]].tolist() == pytest.approx(5 * [0.5], abs=0.02)
    assert row["grid_ratio"] < 2.5
    recipe = giveaways.standard_sets()[name]
    if set(recipe.kinds) <= giveaways.PASTED:
        assert row[["deviation", "high_pass"]].tolist() == pytest.approx([0.5, 0.5], abs=0.06)
