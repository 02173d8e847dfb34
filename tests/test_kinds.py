"""What each kind alters and what it leaves; a sample is a function of its recipe and index."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from oracles import same

from imdl_lib import histories, kinds, manipulations, pastes, photos
from imdl_lib.kinds import KINDS, make
from imdl_lib.pastes import Move
from imdl_lib.recipes import Forged, Recipe

LOCAL = ("splice", "copy_move", "removal", "enhancement", "two_regions", "compound")
SCENES = (*LOCAL, "pristine", "copy_and_source", "several_copies")  # of which each has a twin
PLAIN = Recipe(("splice",), ("packaged",), "test", 8, 48, scaled_share=0.0)


def of_kind(kind: str, **settings) -> Recipe:
    return replace(PLAIN, kinds=(kind,), **settings)


def host_of(recipe: Recipe, index: int, pack: photos.PhotoPack) -> np.ndarray:
    """The scene under a sample."""
    return make(recipe.twin, index, pack).image


# A sample is a function of the recipe and its index


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_is_made_again_alike_and_in_any_order(kind, pack):
    recipe = of_kind(kind, jpeg_quality=(60, 90), scaled_share=0.5)
    forwards = [make(recipe, index, pack) for index in range(4)]
    backwards = [make(recipe, index, pack) for index in (3, 2, 1, 0)][::-1]
    assert all(map(same, forwards, backwards))
    assert not any(same(forwards[0], other) for other in forwards[1:])
    assert not same(make(replace(recipe, seed=9), 0, pack), forwards[0])


def test_kinds_take_turns(pack):
    recipe = replace(PLAIN, kinds=("pristine", "splice", "removal"))
    empty = [not make(recipe, index, pack).regions.any() for index in range(6)]
    assert empty == [True, False, False] * 2


# What the kinds do


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size_px", [32, 33])
def test_a_sample_has_the_size_asked_for(kind, size_px, pack):
    sample = make(of_kind(kind, size_px=size_px, scaled_share=0.5), 0, pack)
    assert sample.image.shape == (size_px, size_px, 3) and sample.image.dtype == np.uint8
    assert sample.regions.shape == (size_px, size_px) and sample.regions.dtype == np.uint8


@pytest.mark.parametrize("kind", SCENES)
@pytest.mark.parametrize("settings", [{}, {"cameras": True}, {"scaled_share": 1.0}])
def test_a_sample_and_its_twin_are_one_scene(kind, settings, pack):
    """Host, history, noise and last step agree, so away from the regions nothing differs."""
    recipe = of_kind(kind, size_px=64, area=(0.03, 0.08), **settings)
    away = []
    for index in range(8):
        sample, twin = make(recipe, index, pack), make(recipe.twin, index, pack)
        assert sample.host == twin.host and not twin.regions.any() and twin.target == -1
        near = cv2.dilate(np.minimum(sample.regions, 1), np.ones((13, 13), np.uint8)) > 0
        assert np.array_equal(sample.image[~near], twin.image[~near])
        away.append((~near).mean())
    assert np.mean(away) > 0.3


def test_a_twin_takes_the_same_last_jpeg(pack, monkeypatch):
    drawn, real = [], manipulations.jpeg
    monkeypatch.setattr(histories, "compression", lambda rng: (None, (0, 0)))
    monkeypatch.setattr(
        manipulations, "jpeg", lambda image, quality: drawn.append(quality) or real(image, quality)
    )
    recipe = of_kind("copy_move", jpeg_quality=(50, 90))
    for index in range(20):
        drawn.clear()
        make(recipe, index, pack), make(recipe.twin, index, pack)
        assert drawn[: len(drawn) // 2] == drawn[len(drawn) // 2 :] and len(drawn) in (0, 2)


@pytest.mark.parametrize("kind", ["removal", "enhancement", "two_regions"])
@pytest.mark.parametrize("cameras", [False, True])
def test_nothing_outside_the_regions_is_touched(kind, cameras, pack):
    recipe = of_kind(kind, cameras=cameras)
    changed = 0
    for index in range(12):
        sample, host = make(recipe, index, pack), host_of(recipe, index, pack)
        differs = (sample.image != host).any(2)
        assert not (differs & (sample.regions == 0)).any()
        changed += differs.any()
    assert changed > 6  # some operations leave a smooth region as it is


def alteration(sample: kinds.Forged, host: np.ndarray) -> tuple[float, float]:
    """Largest change away from the regions (further than a soft edge), mean change in them."""
    near = cv2.dilate(sample.regions, np.ones((9, 9), np.uint8)) > 0
    change = np.abs(sample.image.astype(int) - host).max(2)
    return change[~near].max(initial=0), change[sample.regions > 0].mean()


@pytest.mark.parametrize("kind", ["splice", "copy_move"])
def test_a_pasted_region_is_where_the_mask_says(kind, pack):
    hard = 0
    for index in range(40):
        sample, host = make(of_kind(kind), index, pack), host_of(of_kind(kind), index, pack)
        away, inside = alteration(sample, host)
        assert away == 0 and inside > 0
        differs = (sample.image != host).any(2)
        hard += not (differs & (sample.regions == 0)).any()
    assert 5 <= hard <= 20  # two seams of seven are hard


def test_a_compound_edit_is_where_the_mask_says(pack):
    recipe = of_kind("compound")
    for index in range(12):
        sample, host = make(recipe, index, pack), host_of(recipe, index, pack)
        near = cv2.dilate(sample.regions, np.ones((11, 11), np.uint8)) > 0
        assert not (sample.image != host).any(2)[~near].any()
        assert sample.regions.any()


def test_a_third_of_the_pastes_are_not_resampled(pack, monkeypatch):
    drawn, real = [], pastes.move
    monkeypatch.setattr(pastes, "move", lambda rng: drawn.append(real(rng)) or drawn[-1])
    for kind in ("splice", "copy_move", "compound"):
        for index in range(120):
            make(of_kind(kind, size_px=24), index, pack)
    assert len(drawn) == 360
    kept = np.mean([not move.interpolation for move in drawn])
    assert kept == pytest.approx(pastes.UNRESAMPLED, abs=0.08)


def test_a_copy_is_made_of_pixels_of_its_own_photo(pack, monkeypatch):
    """Neither resampled nor toned nor retouched, what is pasted lay elsewhere in the scene."""
    monkeypatch.setattr(pastes, "move", lambda rng: Move())
    monkeypatch.setattr(pastes, "SEAMS", ("hard",))
    monkeypatch.setattr(kinds, "COPIES_TONED", 0.0)
    recipe = of_kind("copy_and_source", size_px=64)
    for index in range(12):
        sample, host = make(recipe, index, pack), host_of(recipe, index, pack)
        rows, columns = np.nonzero(sample.regions == 1)
        box = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        inside = (sample.regions[box] == 1).astype(np.uint8)
        found = cv2.matchTemplate(host, sample.image[box], cv2.TM_SQDIFF, mask=inside)
        at = np.unravel_index(found.argmin(), found.shape)
        source = tuple(slice(a, a + n) for a, n in zip(at, inside.shape, strict=True))
        assert np.array_equal(host[source][inside > 0], sample.image[box][inside > 0])
        assert at != (rows.min(), columns.min())


def test_a_source_is_told_from_its_copy(pack):
    """Region 1 is the copy of the plain kind; region 2 is where nothing was altered."""
    for index in range(10):
        traced = make(of_kind("copy_and_source"), index, pack)
        plain = make(of_kind("copy_move"), index, pack)
        assert np.array_equal(traced.image, plain.image)
        assert np.array_equal(traced.regions == 1, plain.regions == 1)
        assert (traced.regions == 2).any()
        near = cv2.dilate((plain.regions == 1).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        source = (traced.regions == 2) & ~near
        host = host_of(of_kind("copy_move"), index, pack)
        assert np.array_equal(traced.image[source], host[source])


@pytest.mark.parametrize("kind", ["splice", "copy_move", "removal", "enhancement"])
def test_regions_cover_less_than_the_recipe_says_where_the_frame_clips_them(kind, pack):
    recipe = of_kind(kind, area=(0.1, 0.1), size_px=128)
    shares = np.array([(make(recipe, index, pack).regions > 0).mean() for index in range(60)])
    assert shares.min() > 0.002 and shares.max() < 0.25
    assert 0.05 < np.median(shares) < 0.115
    assert (shares < 0.08).mean() > 0.2  # clipped


def test_several_copies_are_of_three_scales(pack):
    """Each copy has .7 to 1.4 times its scale; larger ones may lie under smaller ones."""
    recipe = of_kind("several_copies", size_px=128, area=(0.01, 0.03))
    areas = []
    for index in range(20):
        regions = make(recipe, index, pack).regions
        assert (regions == 1).any() and regions.max() <= 3
        areas.append([(regions == number).sum() for number in (1, 2, 3)])
    small, middle, large = np.array(areas).T
    assert (small < middle).mean() > 0.75 and (middle < large).mean() > 0.75
    assert np.median(middle / small) == pytest.approx(4, rel=0.5)


@pytest.mark.parametrize("kind", ["splice", "copy_move"])
def test_scenes_are_the_same_at_every_size(kind, pack):
    """Hosts agree; places do but where another source of a copy fits at one size alone."""
    small, large = of_kind(kind, size_px=40, scene_px=160), of_kind(kind, size_px=160, scene_px=160)
    assert np.array_equal(host_of(large, 0, pack), host_of(replace(large, scene_px=None), 0, pack))
    shared = []
    for index in range(12):
        host = cv2.resize(host_of(large, index, pack), (40, 40), interpolation=cv2.INTER_AREA)
        assert np.array_equal(host_of(small, index, pack), host)
        ours, theirs = (make(recipe, index, pack).regions for recipe in (small, large))
        theirs = cv2.resize(theirs, (40, 40), interpolation=cv2.INTER_NEAREST)
        shared.append((ours & theirs).sum() / (ours | theirs).sum())
    print(np.round(shared, 2))
    assert np.median(shared) > 0.75


@pytest.mark.parametrize("size_px", [32, 33, 64])
def test_two_regions_are_two_each_in_its_half(size_px, pack):
    for index in range(12):
        regions = make(of_kind("two_regions", size_px=size_px), index, pack).regions
        assert np.unique(regions).tolist() == [0, 1, 2]
        assert not (regions[:, size_px // 2 :] == 1).any()
        assert not (regions[:, : size_px // 2] == 2).any()
        grown = [cv2.dilate((regions == n).astype(np.uint8), np.ones((2, 2))) for n in (1, 2)]
        assert not (grown[0] & grown[1]).any()  # they do not touch


def test_an_operation_is_told_and_drawn_from_the_leaves(pack):
    leaves = (17, 200, 384)
    for kind in ("enhancement", "operation"):
        recipe = of_kind(kind, leaves=leaves)
        assert {make(recipe, index, pack).target for index in range(24)} == set(leaves)
    every = of_kind("operation", size_px=8)
    targets = [make(every, index, pack).target for index in range(60)]
    assert min(targets) < 60 and max(targets) > 325


def test_an_enhancement_is_the_operation_it_names(pack):
    leaf = next(op.leaf for op in manipulations.OPERATIONS if op.operation == "Dithering")
    recipe = of_kind("enhancement", leaves=(leaf,))
    sample, host = make(recipe, 2, pack), host_of(recipe, 2, pack)
    altered = manipulations.manipulate(host, leaf, np.random.default_rng(0))
    inside = sample.regions > 0
    assert np.array_equal(sample.image[inside], altered[inside])


def test_an_operation_alters_the_whole_patch_before_it_is_cropped(pack):
    leaf = next(op.leaf for op in manipulations.OPERATIONS if op.operation == "Dithering")
    sample = make(of_kind("operation", leaves=(leaf,)), 0, pack)
    assert not sample.regions.any()
    assert set(np.unique(sample.image)) <= set(range(0, 256, 51))  # the web palette


def test_a_camera_is_told(pack):
    targets = {make(of_kind("camera", size_px=16), index, pack).target for index in range(60)}
    assert targets == set(range(10))


# The last step


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_step_is_jpeg_whatever_the_kind(kind, pack):
    compressed = of_kind(kind, jpeg_quality=(62, 62), jpeg_share=1.0)
    first, last = (make(recipe, 1, pack) for recipe in (of_kind(kind), compressed))
    assert np.array_equal(last.image, manipulations.jpeg(first.image, 62))
    assert np.array_equal(last.regions, first.regions) and last.target == first.target


def test_the_last_step_does_not_depend_on_the_kind():
    """Its generator and its chances are of the recipe's other fields alone."""
    recipe = replace(PLAIN, jpeg_quality=(70, 73), scaled_share=0.4, jpeg_share=0.3, size_px=64)
    steps = [kinds._last_step(recipe, index) for index in range(1500)]
    for kind in ("pristine", "copy_move"):
        other = replace(recipe, kinds=(kind,), area=(0.1, 0.2), count=99)
        assert [kinds._last_step(other, index) for index in range(1500)] == steps
    qualities = [step.quality for step in steps if step.quality]
    assert set(qualities) == {70, 71, 72, 73}
    assert len(qualities) / 1500 == pytest.approx(0.3, abs=0.04)
    scaled = [step.scene_px for step in steps if step.scene_px != 64]
    assert len(scaled) / 1500 == pytest.approx(0.4, abs=0.05)
    assert min(scaled) < 53 and max(scaled) > 93
    assert {step.interpolation for step in steps} == set(kinds.LAST_INTERPOLATIONS)


def test_no_scene_is_larger_than_most_photos():
    recipe = replace(PLAIN, size_px=300, scaled_share=1.0)
    sides = [kinds._last_step(recipe, index).scene_px for index in range(200)]
    assert max(sides) == kinds.LARGEST_PX and min(sides) < 250
    large = replace(recipe, size_px=400)
    assert max(kinds._last_step(large, index).scene_px for index in range(200)) == 400


@pytest.mark.parametrize("kind", ["pristine", "splice"])
def test_what_is_scaled_last_is_scaled_with_its_regions(kind, pack):
    for index in range(6):
        step = kinds._last_step(of_kind(kind, scaled_share=1.0), index)
        sample = make(of_kind(kind, scaled_share=1.0), index, pack)
        before = make(of_kind(kind, size_px=step.scene_px), index, pack)
        flag = manipulations.INTERPOLATIONS[step.interpolation]
        scaled = cv2.resize(before.image, (48, 48), interpolation=flag)
        assert sample.host == before.host and np.array_equal(sample.image, scaled)
        shares = [(made.regions > 0).mean() for made in (sample, before)]
        assert shares[0] == pytest.approx(shares[1], abs=0.02)


@pytest.mark.parametrize("kind", kinds.WHOLE)
def test_what_the_whole_image_tells_is_never_scaled(kind, pack):
    for index in range(5):
        plain, scaled = of_kind(kind, scaled_share=0.0), of_kind(kind, scaled_share=1.0)
        assert same(make(plain, index, pack), make(scaled, index, pack))


def test_forged_and_pristine_have_one_share_of_histories(pack, monkeypatch):
    """Qualities of hosts, by kind: none, or anything in the range, alike."""
    drawn, real = {"pristine": [], "splice": [], "copy_move": []}, histories.drawn
    for kind, found in drawn.items():
        with monkeypatch.context() as patch:
            patch.setattr(histories, "drawn", lambda *a, to=found: to.append(real(*a)) or to[-1])
            for index in range(60):
                make(of_kind(kind, size_px=16), index, pack)
    assert drawn["pristine"] == drawn["splice"] == drawn["copy_move"]


@pytest.mark.parametrize("kind", LOCAL)
@pytest.mark.parametrize("size_px", [16, 32])
def test_a_local_edit_always_has_a_region(kind, size_px, pack):
    recipe = of_kind(kind, size_px=size_px, scaled_share=0.5)
    assert all(make(recipe, index, pack).regions.any() for index in range(25))


def test_a_host_is_told(pack):
    found = {make(PLAIN, index, pack).host for index in range(40)}
    assert found == set(range(len(pack)))
    assert isinstance(make(PLAIN, 0, pack), Forged)
