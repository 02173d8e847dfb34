"""Where things are, and how the two variables move them."""

from pathlib import Path

import pytest

from imdl_lib import paths


@pytest.fixture
def clean(monkeypatch) -> pytest.MonkeyPatch:
    for name in ("IMDL_CACHE", "IMDL_DATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_the_checkout():
    assert (paths.ROOT / "pyproject.toml").is_file()
    assert (paths.SHIPPED / "imc385.csv").is_file()
    assert paths.PUBLISHED.is_dir()
    assert paths.NOTEBOOKS == paths.ROOT / "notebooks"


def test_every_profile_has_its_own_folders():
    for folder, name in (
        (paths.results, "results"),
        (paths.figures, "figures"),
        (paths.build, "build"),
    ):
        assert folder("quick") == paths.ROOT / name / "quick"
        assert folder("standard") != folder("quick")


def test_the_cache_is_the_users_own(clean):
    clean.setenv("HOME", "/home/ada")
    assert paths.cache() == Path("/home/ada/.cache/imdl")
    clean.setenv("XDG_CACHE_HOME", "/fast")
    assert paths.cache() == Path("/fast/imdl")


@pytest.mark.parametrize("empty", ["IMDL_CACHE", "XDG_CACHE_HOME"])
def test_an_empty_variable_counts_as_none(clean, empty):
    clean.setenv("HOME", "/home/ada")
    clean.setenv(empty, "")
    assert paths.cache() == Path("/home/ada/.cache/imdl")


def test_the_cache_that_is_named(clean):
    clean.setenv("XDG_CACHE_HOME", "/fast")
    clean.setenv("IMDL_CACHE", "/big/cache")
    assert paths.cache() == Path("/big/cache")


def test_no_data_unless_named(clean):
    assert paths.data_root() is None
    clean.setenv("IMDL_DATA", "")
    assert paths.data_root() is None
    clean.setenv("IMDL_DATA", "/big/data")
    assert paths.data_root() == Path("/big/data")


def test_a_relative_name_is_seen_from_where_the_command_was_called(clean, tmp_path):
    inner = tmp_path / "notebooks"
    inner.mkdir()
    clean.setenv("PWD", str(tmp_path))
    clean.chdir(inner)  # as a notebook's kernel does
    clean.setenv("IMDL_CACHE", "cache")
    clean.setenv("IMDL_DATA", "../data")
    assert paths.cache() == tmp_path / "cache"
    assert paths.data_root().resolve() == tmp_path.parent / "data"


def test_a_shell_without_pwd(clean, tmp_path):
    clean.delenv("PWD", raising=False)
    clean.chdir(tmp_path)
    assert paths.from_call("a") == tmp_path / "a"


def test_home_is_expanded(clean):
    clean.setenv("HOME", "/home/ada")
    assert paths.from_call("~/photos") == Path("/home/ada/photos")
