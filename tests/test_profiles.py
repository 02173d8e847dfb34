"""The profiles, and what a wrong name is told."""

from dataclasses import replace

import pytest

from imdl_lib import photos, profiles
from imdl_lib.errors import RegistryError

EVERY = pytest.mark.parametrize("profile", profiles.PROFILES.values(), ids=lambda p: p.name)


def test_profiles_by_name():
    assert list(profiles.PROFILES) == ["quick", "standard", "next", "paper"]
    for name in profiles.PROFILES:
        assert profiles.profile(name).name == name


def test_next_differs_from_standard_by_its_name_alone():
    assert replace(profiles.NEXT, name="standard") == profiles.STANDARD


def test_unknown_profile():
    with pytest.raises(RegistryError) as error:
        profiles.profile("smoke")
    assert str(error.value) == (
        "There is no profile 'smoke'. Choose from quick, standard, next, paper; "
        "quick is a first look, standard makes the committed results."
    )


@EVERY
def test_every_field_can_be_used(profile):
    assert set(profile.sources) <= set(photos.SOURCES)
    assert 0 < profile.width <= 1
    assert profile.schedule in ("cosine", "plateau")
    assert profile.precision in ("32-true", "auto")
    assert len(set(profile.seeds)) == len(profile.seeds) > 0
    assert profile.size_px <= profile.released_size_px


@EVERY
def test_every_run_takes_at_least_a_step_on_images_that_exist(profile):
    budgets = ("operation_samples", "forged_samples", "released_samples", "thorough_samples")
    assert all(getattr(profile, name) >= profile.batch for name in budgets)
    assert min(profile.operation_count, profile.forged_count) >= profile.batch


def test_a_profile_is_a_value():
    assert replace(profiles.QUICK, width=0.5) != profiles.QUICK
    assert hash(replace(profiles.QUICK)) == hash(profiles.QUICK)
