"""Sets: forged once, whole or not at all, alike on any number of cores."""

import json
from dataclasses import replace

import numpy as np
import pytest
from oracles import same

from imdl_lib import files, forge, kinds, paths, photos
from imdl_lib.errors import DataError, RegistryError
from imdl_lib.kinds import Recipe, make

PLAIN = Recipe(("splice",), ("packaged",), "test", 8, 48)


@pytest.fixture
def cache(tmp_path, monkeypatch, pack):
    """An empty cache of sets; the photos are decoded once for all tests."""
    monkeypatch.setenv("IMDL_CACHE", str(tmp_path))
    monkeypatch.setattr(forge, "_pack", lambda recipe: pack)
    return tmp_path / "forged"


def test_several_workers_forge_what_one_does(tmp_path, monkeypatch, pack):
    monkeypatch.setenv("IMDL_CACHE", str(tmp_path))
    some = ("splice", "copy_move", "removal", "enhancement", "operation", "camera")
    recipe = replace(PLAIN, kinds=some, count=300, size_px=32, jpeg_quality=(70, 95))
    monkeypatch.setattr(forge, "SERIAL_BELOW", 256)
    assert recipe.count > 2 * forge.CHUNK
    monkeypatch.setattr(forge.os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    with monkeypatch.context() as patch:
        patch.setattr(forge, "make", None)  # the workers have their own
        forged = forge.forge(recipe, progress=False)
    for index in range(recipe.count):
        sample = make(recipe, index, pack)
        stored = kinds.Forged(
            forged.images[index], forged.regions[index], int(forged.targets[index])
        )
        assert same(sample, stored)


# The cache


def test_a_set_is_forged_once(cache, monkeypatch):
    first = forge.forge(PLAIN, progress=False)
    assert (len(first), first.images.shape, first.regions.shape) == (8, (8, 48, 48, 3), (8, 48, 48))
    monkeypatch.setattr(forge, "make", None)  # whoever forges now fails
    second = forge.forge(PLAIN, progress=False)
    assert np.array_equal(first.images, second.images)
    assert second.recipe == PLAIN


def test_a_set_knows_its_kinds(cache):
    forged = forge.forge(replace(PLAIN, kinds=("pristine", "splice"), count=3), progress=False)
    assert [forged.kind(index) for index in range(3)] == ["pristine", "splice", "pristine"]
    assert forged.regions.any((1, 2)).tolist() == [False, True, False]
    assert forged.targets.tolist() == [-1, -1, -1]


def test_a_set_tells_how_it_was_made(cache):
    forge.forge(PLAIN, progress=False)
    stored = json.loads((cache / PLAIN.key / "recipe.json").read_text())
    assert stored["kinds"] == ["splice"] and stored["size_px"] == 48


def test_a_set_cannot_be_altered_by_accident(cache):
    with pytest.raises(ValueError, match="read-only"):
        forge.forge(PLAIN, progress=False).images[0] = 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_set_is_none(cache, monkeypatch, error):
    def stopped(recipe, index, pack):
        if index == 5:
            raise error
        return make(recipe, index, pack)

    with monkeypatch.context() as patch:
        patch.setattr(forge, "make", stopped)
        with pytest.raises(error):
            forge.forge(PLAIN, progress=False)
    assert [path.suffix for path in cache.iterdir()] == [".lock"]
    assert forge.forge(PLAIN, progress=False).images[7].any()


@pytest.mark.parametrize("name", ["images.npy", "regions.npy", "targets.npy", "recipe.json"])
@pytest.mark.parametrize("left", [0, 60, -1, None])
def test_what_a_crash_left_of_a_set_is_forged_anew(cache, name, left):
    """Cut to some bytes, or gone."""
    whole = np.array(forge.forge(PLAIN, progress=False).images)
    path = cache / PLAIN.key / name
    if left is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:left])
    again = forge.forge(PLAIN, progress=False)
    assert np.array_equal(again.images, whole) and again.regions.shape == whole.shape[:3]


def test_a_full_disk_is_told(cache, monkeypatch):
    def full(path, value):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_json", full)
    with pytest.raises(DataError) as caught:
        forge.forge(PLAIN, progress=False)
    assert str(caught.value) == (
        f"{cache / PLAIN.key} was not written: the disk is full. "
        "Free some space and run the same command again; what was finished is kept."
    )
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


def test_sets_are_below_the_cache(cache):
    forge.forge(PLAIN, progress=False)
    assert (paths.cache() / "forged" / PLAIN.key / "images.npy").is_file()


@pytest.mark.parametrize(
    ("field", "what", "known"),
    [
        ("kinds", "kind", kinds.KINDS),
        ("inpainters", "inpainter", kinds.INPAINTERS),
        ("sources", "photo source", photos.SOURCES),
    ],
)
def test_a_recipe_that_asks_for_what_does_not_exist(cache, field, what, known):
    with pytest.raises(RegistryError) as caught:
        forge.forge(replace(PLAIN, **{field: (next(iter(known)), "magic")}), progress=False)
    assert str(caught.value) == (
        f"A recipe asks for the {what} 'magic', which does not exist. "
        f"Choose from {', '.join(known)}."
    )
    assert not cache.exists()
