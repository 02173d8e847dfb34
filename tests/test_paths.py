"""Where things are, and how the two variables move them."""

from pathlib import Path

import pytest

from imdl_lib import paths
from imdl_lib.errors import DataError


@pytest.fixture
def clean(monkeypatch) -> pytest.MonkeyPatch:
    for name in ("IMDL_CACHE", "IMDL_DATA", "XDG_CACHE_HOME", "JPY_PARENT_PID"):
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


@pytest.mark.parametrize("below", ["", "/deep/cache"])
def test_a_cache_that_is_a_file(clean, tmp_path, below):
    (tmp_path / "file").touch()
    clean.setenv("IMDL_CACHE", f"{tmp_path}/file{below}")
    with pytest.raises(DataError) as caught:
        paths.cache()
    assert str(caught.value) == (
        f"The cache cannot be in {tmp_path}/file{below}: {tmp_path}/file is a file. "
        "Expected a folder that exists, or can be made. Set IMDL_CACHE to one."
    )


def test_no_data_unless_named(clean):
    assert paths.data_root() is None
    clean.setenv("IMDL_DATA", "")
    assert paths.data_root() is None
    clean.setenv("IMDL_DATA", "/big/data")
    assert paths.data_root() == Path("/big/data")


def test_a_relative_folder_is_meant_from_where_the_command_was_called(clean, tmp_path):
    inner = tmp_path / "notebooks"
    inner.mkdir()
    clean.chdir(inner)
    clean.setenv("IMDL_CACHE", "cache")
    clean.setenv("IMDL_DATA", "../data")
    clean.setenv("PWD", "/elsewhere")  # left by a program that started this one in a folder
    assert paths.cache() == inner / "cache"
    assert paths.data_root() == inner / "../data"
    clean.setenv("PWD", str(tmp_path))
    clean.setenv("JPY_PARENT_PID", "1")  # a notebook's kernel
    assert paths.cache() == tmp_path / "cache"
    assert paths.data_root() == tmp_path / "../data"
    clean.delenv("PWD")
    assert paths.cache() == inner / "cache"


def test_an_argument_is_meant_from_the_working_folder_in_a_kernel_too(clean, tmp_path):
    clean.chdir(tmp_path)
    clean.setenv("PWD", "/elsewhere")
    clean.setenv("JPY_PARENT_PID", "1")
    assert paths.argument(Path("a.jpg")) == tmp_path / "a.jpg"
    assert paths.argument(Path("/b/a.jpg")) == Path("/b/a.jpg")


def test_home_is_expanded_and_a_name_that_is_no_users_is_kept(clean, tmp_path):
    clean.setenv("HOME", "/home/ada")
    clean.chdir(tmp_path)
    assert paths.argument(Path("~/a.jpg")) == Path("/home/ada/a.jpg")
    assert paths.argument(Path("~copy.jpg")) == tmp_path / "~copy.jpg"
    clean.setenv("IMDL_DATA", "~/photos")
    assert paths.data_root() == Path("/home/ada/photos")


def test_no_two_notebooks_share_the_place_of_their_executed_copies(tmp_path):
    folder = paths.build("quick") / "notebooks"
    names = ("01_mantranet.ipynb", "solutions/01_mantranet.ipynb")
    for name in names:
        assert paths.executed(paths.NOTEBOOKS / name, "quick") == folder / name
    assert paths.executed(tmp_path / names[0], "quick") == Path(
        f"{folder}/elsewhere{tmp_path.resolve()}", names[0]
    )
    made = paths.executed(folder / names[0], "quick")  # it is not written over itself
    assert made not in (folder / names[0], folder / names[1])
