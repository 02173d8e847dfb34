"""What each kind alters and what it leaves; a sample is a function of its recipe and index."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from oracles import same

from imdl_lib import cameras, kinds, manipulations, photos
from imdl_lib.kinds import KINDS, Draw, Recipe, make

LOCAL = ("splice", "copy_move", "removal", "enhancement", "two_regions", "compound")
PLAIN = Recipe(("splice",), ("packaged",), "test", 8, 48)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def of_kind(kind: str, **settings) -> Recipe:
    return replace(PLAIN, kinds=(kind,), **settings)


def host_of(recipe: Recipe, index: int, pack: photos.PhotoPack) -> np.ndarray:
    """The photo under a sample: the first thing that every kind draws."""
    return Draw(recipe, pack, np.random.default_rng([recipe.seed, index])).pair()[0].image


# A sample is a function of the recipe and its index


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_is_made_again_alike_and_in_any_order(kind, pack):
    recipe = of_kind(kind, jpeg_quality=(60, 90))
    forwards = [make(recipe, index, pack) for index in range(4)]
    backwards = [make(recipe, index, pack) for index in (3, 2, 1, 0)][::-1]
    assert all(map(same, forwards, backwards))
    assert not any(same(forwards[0], other) for other in forwards[1:])
    assert not same(make(replace(recipe, seed=9), 0, pack), forwards[0])


def test_kinds_take_turns(pack):
    recipe = replace(PLAIN, kinds=("pristine", "splice", "removal"))
    empty = [not make(recipe, index, pack).regions.any() for index in range(6)]
    assert empty == [True, False, False] * 2


CHANGES = {
    "kinds": ("removal",),
    "sources": ("bsds500",),
    "part": "train",
    "count": 9,
    "size_px": 49,
    "seed": 1,
    "jpeg_quality": (90, 90),
    "cameras": True,
    "area": (0.03, 0.31),
    "inpainters": ("telea",),
    "leaves": (0,),
    "scene_px": 96,
}


def test_every_field_of_a_recipe_names_another_set():
    assert CHANGES.keys() == vars(PLAIN).keys()
    keys = {replace(PLAIN, **{name: value}).key for name, value in CHANGES.items()}
    assert len(keys | {PLAIN.key}) == len(CHANGES) + 1
    assert replace(PLAIN).key == PLAIN.key


@pytest.mark.parametrize("module", [kinds, manipulations, cameras])
def test_a_version_names_other_sets(module, monkeypatch):
    before = PLAIN.key
    monkeypatch.setattr(module, "VERSION", module.VERSION + 1)
    assert PLAIN.key != before


# What the kinds do


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size_px", [32, 33])
def test_a_sample_has_the_size_asked_for(kind, size_px, pack):
    sample = make(of_kind(kind, size_px=size_px), 0, pack)
    assert sample.image.shape == (size_px, size_px, 3) and sample.image.dtype == np.uint8
    assert sample.regions.shape == (size_px, size_px) and sample.regions.dtype == np.uint8


@pytest.mark.parametrize("cameras", [False, True])
def test_pristine_is_the_photo(cameras, pack):
    recipe = of_kind("pristine", cameras=cameras)
    sample = make(recipe, 3, pack)
    assert np.array_equal(sample.image, host_of(recipe, 3, pack))
    assert not sample.regions.any() and sample.target == -1


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
    near = cv2.dilate(sample.regions, np.ones((5, 5), np.uint8)) > 0
    change = np.abs(sample.image.astype(int) - host).max(2)
    return change[~near].max(initial=0), change[sample.regions > 0].mean()


@pytest.mark.parametrize("kind", ["splice", "copy_move"])
def test_a_pasted_region_is_where_the_mask_says(kind, pack):
    hard = 0
    for index in range(20):
        sample, host = make(of_kind(kind), index, pack), host_of(of_kind(kind), index, pack)
        away, inside = alteration(sample, host)
        assert away == 0 and inside > 0
        differs = (sample.image != host).any(2)
        hard += not (differs & (sample.regions == 0)).any()
    assert 2 <= hard <= 15  # a third of the edges is hard


def test_a_compound_edit_is_where_the_mask_says(pack):
    recipe = of_kind("compound")
    for index in range(12):
        sample, host = make(recipe, index, pack), host_of(recipe, index, pack)
        near = cv2.dilate(sample.regions, np.ones((7, 7), np.uint8)) > 0
        assert not (sample.image != host).any(2)[~near].any()
        assert sample.regions.any()


def test_paste_by_hand(rng):
    """A white square on black, pasted on grey: its area scales, its light changes."""
    host, donor = np.full((64, 64, 3), 100, np.uint8), np.full((64, 64, 3), 200, np.uint8)
    mask = np.zeros((64, 64), bool)
    mask[24:40, 24:40] = True
    for _ in range(30):
        sample = kinds.paste(host, donor, mask, rng)
        inside = cv2.erode(sample.regions, np.ones((5, 5), np.uint8), borderValue=1) > 0
        levels = np.unique(sample.image[inside])
        assert len(levels) == 1 and 170 <= levels[0] <= 230
        assert sample.regions.sum() <= 1.05 * 256 * 1.4**2
        assert np.unique(sample.regions).tolist() == [0, 1]


def test_copy_move_moves(rng):
    host = rng.integers(0, 256, (80, 80, 3), np.uint8)
    mask = np.zeros((80, 80), bool)
    mask[30:50, 30:50] = True
    shifts = []
    for _ in range(40):
        moved = np.argwhere(kinds.paste(host, host, mask, rng).regions).mean(0) - 39.5
        shifts.append(np.abs(moved).max())
    assert min(shifts) > 80 / 5 - 3  # a region cut by the border shifts its middle a little
    spliced = [kinds.paste(host, host.copy(), mask, rng).regions for _ in range(40)]
    near = [np.abs(np.argwhere(regions).mean(0) - 39.5).max() for regions in spliced]
    assert min(near) < 8  # another photo's region may stay


def test_a_source_is_told_from_its_copy(pack):
    """Region 1 is the copy of the plain kind; region 2 is where nothing was altered."""
    for index in range(10):
        traced = make(of_kind("copy_and_source"), index, pack)
        plain = make(of_kind("copy_move"), index, pack)
        assert np.array_equal(traced.image, plain.image)
        assert np.array_equal(traced.regions == 1, plain.regions == 1)
        assert (traced.regions == 2).any()
        pristine = make(of_kind("pristine"), index, pack)
        source = traced.regions == 2
        inner = source & ~cv2.dilate((plain.regions == 1).astype(np.uint8), np.ones((7, 7))).astype(
            bool
        )
        assert np.array_equal(traced.image[inner], pristine.image[inner])


def test_a_copy_comes_from_the_same_photo(pack):
    """Neither relit, turned nor scaled, what is pasted is what lay under the mask."""

    class Still(np.random.Generator):
        """Draws what changes nothing, and one place."""

        def uniform(self, low, high, size=None):
            return np.array([0.75, 0.25]) if size else (low + high) / 2 if low < 0 else 1.0

        def choice(self, options):
            return 0

    host = pack[0][:64, :64].copy()
    mask = np.zeros((64, 64), bool)
    mask[20:31, 10:25] = True
    sample = kinds.paste(host, host, mask, Still(np.random.PCG64()))
    rows, columns = np.nonzero(sample.regions)
    assert sample.regions.sum() == mask.sum()
    shift = np.argwhere(sample.regions)[0] - np.argwhere(mask)[0]
    source = host[rows - shift[0], columns - shift[1]].astype(int)
    assert np.abs(shift).max() > 12
    assert np.abs(source - sample.image[rows, columns]).mean() < 16


@pytest.mark.parametrize("kind", ["removal", "enhancement"])
@pytest.mark.parametrize("area", [(0.05, 0.1), (0.3, 0.4)])
def test_regions_cover_what_the_recipe_says(kind, area, pack):
    recipe = of_kind(kind, area=area, size_px=128)
    shares = [(make(recipe, index, pack).regions > 0).mean() for index in range(12)]
    assert min(shares) > 0.85 * area[0]
    assert max(shares) < area[1] + 0.15  # strokes overshoot
    assert np.median(shares) < 1.5 * area[1]


def test_pasted_regions_cover_about_what_the_recipe_says(pack):
    recipe = of_kind("splice", area=(0.1, 0.1), size_px=128)
    shares = [(make(recipe, index, pack).regions > 0).mean() for index in range(20)]
    assert max(shares) < 1.15 * 0.1 * 1.4**2
    assert min(shares) > 0.25 * 0.1 * 0.7**2  # the smallest, cut by the border
    assert np.median(shares) == pytest.approx(0.1, rel=0.4)


def test_several_copies_are_of_three_scales(pack):
    """Each copy has .7 to 1.4 times its scale; larger ones may lie under smaller ones."""
    recipe = of_kind("several_copies", size_px=128, area=(0.01, 0.03))
    areas = []
    for index in range(20):
        regions = make(recipe, index, pack).regions
        assert (regions == 1).any()
        areas.append([(regions == number).sum() for number in (1, 2, 3)])
    small, middle, large = np.array(areas).T
    assert (small < middle).mean() > 0.9 and (middle < large).mean() > 0.8
    assert np.median(middle / small) == pytest.approx(4, rel=0.5)


def test_a_copy_that_is_too_small_is_a_pixel():
    image, mask = np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16), bool)
    mask[4, 3:9] = True
    for scale in (0.01, 0.5, 1.0):
        assert kinds._scaled(image, mask, scale)[1].sum() >= 1


@pytest.mark.parametrize("kind", ["splice", "copy_move"])
def test_scenes_are_the_same_at_every_size(kind, pack):
    """Host, region and place agree, but where an object is followed at one size alone."""
    small, large = of_kind(kind, size_px=40, scene_px=160), of_kind(kind, size_px=160, scene_px=160)
    assert np.array_equal(host_of(large, 0, pack), host_of(replace(large, scene_px=None), 0, pack))
    shared = []
    for index in range(12):
        host = cv2.resize(host_of(large, index, pack), (40, 40), interpolation=cv2.INTER_AREA)
        assert np.array_equal(host_of(small, index, pack), host)
        ours, theirs = (make(recipe, index, pack).regions for recipe in (small, large))
        theirs = cv2.resize(theirs, (40, 40), interpolation=cv2.INTER_NEAREST)
        shared.append((ours & theirs).sum() / (ours | theirs).sum())
    assert np.median(shared) > 0.75 and min(shared) > 0.1


def test_two_regions_are_two(pack):
    for index in range(12):
        regions = make(of_kind("two_regions", size_px=64), index, pack).regions
        assert np.unique(regions).tolist() == [0, 1, 2]
        grown = [cv2.dilate((regions == n).astype(np.uint8), np.ones((3, 3))) for n in (1, 2)]
        assert not (grown[0] & grown[1]).any()  # they do not touch either


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


def test_the_cameras_of_host_and_donor_differ(pack, monkeypatch):
    taken = []
    shot = Draw.shot
    monkeypatch.setattr(Draw, "shot", lambda self, n: (taken.append(n), shot(self, n))[1])
    for index in range(10):
        make(of_kind("splice", cameras=True), index, pack)
    assert len(taken) == 20
    assert all(first != second for first, second in zip(taken[::2], taken[1::2], strict=True))


# The last step


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_step_is_jpeg_whatever_the_kind(kind, pack):
    plain, compressed = of_kind(kind), of_kind(kind, jpeg_quality=(62, 62))
    first, last = (make(recipe, 1, pack) for recipe in (plain, compressed))
    assert np.array_equal(last.image, manipulations.jpeg(first.image, 62))
    assert np.array_equal(last.regions, first.regions) and last.target == first.target


def test_qualities_are_drawn_from_the_whole_range_for_forged_and_pristine(pack, monkeypatch):
    drawn = {"pristine": set(), "splice": set()}
    recipe = replace(PLAIN, kinds=tuple(drawn), jpeg_quality=(70, 73), size_px=16)
    for index in range(80):
        qualities = drawn[recipe.kinds[index % 2]]
        with monkeypatch.context() as patch:
            patch.setattr(manipulations, "jpeg", lambda image, q, to=qualities: to.add(q) or image)
            make(recipe, index, pack)
    assert drawn == {"pristine": {70, 71, 72, 73}, "splice": {70, 71, 72, 73}}


# Inpainting


@pytest.mark.parametrize("name", kinds.INPAINTERS)
def test_an_inpainter_fills_the_region_only(name, pack, rng):
    host, mask = pack[0][:40, :40].copy(), np.zeros((40, 40), bool)
    mask[10:20, 12:25] = True
    before = host.copy()
    filled = kinds.INPAINTERS[name](host, mask, rng)
    assert filled.shape == host.shape and filled.dtype == np.uint8
    assert np.array_equal(host, before)
    assert np.array_equal(filled[~mask], host[~mask])
    assert (filled[mask] != host[mask]).any()


@pytest.mark.parametrize("name", ["telea", "navier_stokes", "biharmonic"])
def test_a_hole_in_a_flat_photo_is_filled_flat(name, rng):
    host, mask = np.full((20, 20, 3), 90, np.uint8), np.zeros((20, 20), bool)
    host[8:12, 8:12], mask[8:12, 8:12] = 255, True
    filled = kinds.INPAINTERS[name](host, mask, rng)
    assert np.abs(filled.astype(int) - 90).max() <= 2


@pytest.mark.parametrize("name", kinds.INPAINTERS)
def test_regions_at_the_border_are_filled_too(name, pack, rng):
    host, mask = pack[0][:32, :32].copy(), np.zeros((32, 32), bool)
    mask[:9, :7] = mask[20:, 30:] = True
    assert kinds.INPAINTERS[name](host, mask, rng).shape == host.shape


def test_cloning_leaves_a_region_on_the_border_alone(rng):
    host, mask = np.full((12, 12, 3), 90, np.uint8), np.zeros((12, 12), bool)
    mask[0] = True
    assert np.array_equal(kinds.cloned(host, mask, rng), host)


@pytest.mark.parametrize("kind", LOCAL)
def test_a_local_edit_always_has_a_region(kind, pack):
    recipe = of_kind(kind, size_px=32)
    assert all(make(recipe, index, pack).regions.any() for index in range(15))


@pytest.mark.parametrize("kind", ["splice", "copy_move"])
def test_a_pasted_region_has_no_dark_rim(kind, pack, monkeypatch):
    white = kinds.Scene(np.full((48, 48, 3), 200, np.uint8))
    monkeypatch.setattr(kinds.Draw, "pair", lambda draw: (white, white))
    darkest = [make(of_kind(kind), index, pack).image.min() for index in range(200)]
    assert min(darkest) >= 0.85 * 200 - 1


def test_half_of_the_objects_follow_segments(pack):
    recipe = of_kind("enhancement", size_px=64)
    followed = 0
    for index in range(100):
        draw = Draw(recipe, pack, np.random.default_rng([1, index]))
        scene = draw.patch(64)
        mask = draw.object(scene)
        numbers = np.unique(scene.segments[mask])
        followed += np.array_equal(mask, np.isin(scene.segments, numbers))
    assert 25 <= followed <= 60
