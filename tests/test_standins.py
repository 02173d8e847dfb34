"""Every stand-in can be forged, tells what it stands for, and shares no sample with training."""

from dataclasses import replace

import pytest

from imdl_lib import evaluate, experiments, manipulations, profiles, standins
from imdl_lib.errors import RegistryError
from imdl_lib.forge import check
from imdl_lib.kinds import KINDS
from imdl_lib.standins import SETS, stand_in

SOURCES = ("packaged",)
TRAINING_SEEDS = {0, 1}


@pytest.mark.parametrize("name", SETS)
def test_a_recipe_names_what_exists(name):
    recipe = stand_in(name).recipe(SOURCES, 20, 64)
    check(recipe)
    assert recipe.count > 0 and recipe.size_px > 0
    assert 0 < recipe.area[0] <= recipe.area[1] < 1
    assert all(0 <= leaf < len(manipulations.OPERATIONS) for leaf in recipe.leaves)


@pytest.mark.parametrize("name", SETS)
def test_it_says_what_it_stands_for(name):
    assert SETS[name].name == name
    assert SETS[name].stands_for


def test_tests_are_of_test_photos_but_the_one_that_shows_the_training_split():
    other = {s.name: s.part for s in SETS.values() if s.part != "test"}
    assert other == {
        "operations_train": "train",
        "like_nist16_train": "train",
        "choosing": "valid",
        "choosing_with_pristine": "valid",
    }


@pytest.mark.parametrize("profile", profiles.PROFILES)
@pytest.mark.parametrize(
    "name, run",
    [("operations_train", "mantranet/imc-vgg"), ("like_nist16_train", "uen/nist-both-50")],
)
def test_a_piece_of_the_training_split_is_one(name, run, profile):
    """A sample depends on recipe and number alone, so a piece may count fewer."""
    job = experiments.job(run, profile)
    whole, piece = job.recipe("train"), evaluate.recipe(job, name)
    assert replace(piece, count=0) == replace(whole, count=0)
    assert 0 < piece.count <= whole.count
    assert piece.kinds == stand_in(name).kinds


def test_what_chooses_checkpoints_is_no_test():
    assert all("choosing" not in run.tests for run in experiments.RUNS)
    assert not stand_in("choosing").kinds == standins.FOUR_KINDS


def test_a_recipe_is_completed_by_the_profile():
    spec = standins.StandIn("x", ("splice",), "y", size_factor=1.5, count_factor=0.5)
    recipe = spec.recipe(("packaged", "bsds500"), 200, 96)
    assert recipe.sources == ("packaged", "bsds500")
    assert (recipe.count, recipe.size_px) == (100, 144)
    nist = stand_in("like_nist16").recipe(SOURCES, 8, 64)
    assert nist.kinds == ("splice", "copy_move", "removal")
    assert nist.jpeg_quality == (90, 100) and nist.part == "test" and not nist.cameras


def test_every_field_reaches_the_recipe():
    changes = {
        "kinds": ("removal",),
        "seed": 5,
        "part": "valid",
        "size_factor": 3.0,
        "count_factor": 3.0,
        "jpeg_quality": (1, 2),
        "cameras": True,
        "inpainters": ("cloned",),
        "leaves": (1,),
        "area": (0.4, 0.5),
        "scene_factor": 5.0,
    }
    plain = standins.StandIn("x", ("splice",), "nothing")
    keys = [replace(plain, **{k: v}).recipe(SOURCES, 8, 32).key for k, v in changes.items()]
    assert len({plain.recipe(SOURCES, 8, 32).key, *keys}) == len(changes) + 1


def test_two_sets_share_a_seed_only_where_they_show_the_same_scenes():
    """One is the other distorted, or smaller."""
    undistorted = [s for s in SETS.values() if not s.distortion and s.part != "train"]
    seeds = [s.seed for s in undistorted if not s.scene_factor]
    scenes = {s.seed for s in undistorted if s.scene_factor}
    assert len(set(seeds)) == len(seeds) and len(scenes) == 1 and not scenes & set(seeds)
    assert not TRAINING_SEEDS & {s.seed for s in SETS.values() if s.part != "train"}


def test_the_set_of_training_accuracy_is_what_was_trained_on():
    sizes = profiles.STANDARD
    one = experiments.job("mantranet/imc-vgg", "standard").recipe("train")
    shown = stand_in("operations_train").recipe(sizes.sources, sizes.test_count, sizes.size_px)
    assert replace(shown, count=one.count) == one


def test_distorted_sets_are_their_origin_read_otherwise():
    for s in SETS.values():
        if s.distortion:
            origin = stand_in(s.name.split("/")[0])
            assert s.recipe(SOURCES, 20, 64) == origin.recipe(SOURCES, 20, 64)
    assert stand_in("four_kinds/resize=0.3").amount == 0.3
    assert stand_in("four_kinds/jpeg=50").distortion == "jpeg"


@pytest.mark.parametrize(
    ("bases", "amounts_of"),
    [
        (("four_kinds",), standins.DISGUISES | standins.REGENERATIONS),
        (("like_columbia", "like_nist16", "like_casia_d"), standins.DEGRADATIONS),
    ],
)
def test_every_amount_of_every_distortion_is_a_set(bases, amounts_of):
    for base in bases:
        for how, amounts in amounts_of.items():
            for amount in amounts:
                assert stand_in(f"{base}/{how}={amount:g}").amount == amount


def test_each_of_the_four_kinds_has_its_own_set():
    for kind in standins.FOUR_KINDS:
        assert stand_in(f"four_kinds/{kind}").kinds == (kind,)
    assert set(standins.FOUR_KINDS) < set(KINDS)


def test_sensitivity_sets_hold_one_operation_each():
    chosen = {name: s for name, s in SETS.items() if name.startswith("sensitivity/")}
    for name, spec in chosen.items():
        (leaf,) = spec.leaves
        operation = manipulations.OPERATIONS[leaf]
        assert name == f"sensitivity/{operation.operation}/{operation.parameter}"
    drawn = {operation for group in standins.SENSITIVITY.values() for operation in group}
    assert {name.split("/")[1] for name in chosen} == drawn
    assert "sensitivity/GaussianBlur/k=3" in chosen and "sensitivity/JPEGCompress/Q=100" in chosen


def test_a_name_that_does_not_exist():
    with pytest.raises(RegistryError) as caught:
        stand_in("casia2")
    assert str(caught.value) == (
        "There is no stand-in test set 'casia2'. Choose from like_columbia, like_coverage, "
        "like_casia, like_nist16, like_imd20, like_casia_d, like_psbattles, inpainting, "
        "operations, operations_train, like_nist16_train, cameras, two_regions, majority, "
        "choosing, choosing_with_pristine, four_kinds, copies, several_copies."
    )
