"""A recipe's key names its set, and everything that decides samples is in it."""

from dataclasses import replace

import pytest

from imdl_lib import cameras, manipulations, recipes
from imdl_lib.recipes import Recipe

PLAIN = Recipe(("splice",), ("packaged",), "test", 8, 48)
CHANGES = {
    "kinds": ("removal",),
    "sources": ("bsds500",),
    "part": "train",
    "count": 9,
    "size_px": 49,
    "seed": 1,
    "jpeg_quality": (90, 90),
    "jpeg_share": 0.25,
    "scaled_share": 0.25,
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


@pytest.mark.parametrize("module", [recipes, manipulations, cameras])
def test_a_version_names_other_sets(module, monkeypatch):
    before = PLAIN.key
    monkeypatch.setattr(module, "VERSION", module.VERSION + 1)
    assert PLAIN.key != before


def test_the_twin_of_a_set_is_its_scenes_unforged():
    twin = replace(PLAIN, kinds=("splice", "pristine"), seed=7).twin
    assert twin == replace(PLAIN, kinds=("pristine",), seed=7)
