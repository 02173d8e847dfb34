"""Every location the project reads or writes, and nothing else."""

import os
from pathlib import Path

from .errors import DataError

ROOT = Path(__file__).resolve().parent.parent  # the checkout
SHIPPED = Path(__file__).resolve().parent / "data"  # facts that travel with the library
NOTEBOOKS = ROOT / "notebooks"
PUBLISHED = ROOT / "results" / "published"  # numbers printed in the papers


def results(profile: str) -> Path:
    """Folder of stored rows, tables and figure data of a profile."""
    return ROOT / "results" / profile


def history() -> Path:
    """Where the numbers that others replaced are kept."""
    return ROOT / "results" / "history.csv"


def figures(profile: str) -> Path:
    """Folder of rendered figures of a profile."""
    return ROOT / "figures" / profile


def build(profile: str) -> Path:
    """Folder of executed notebooks, pages, stamps and logs of a profile; ignored by git."""
    return ROOT / "build" / profile


def executed(notebook: Path, profile: str) -> Path:
    """Where a notebook's executed copy goes; two notebooks never share a place.

    It is the notebook's own place below `NOTEBOOKS`, or below the disk's root.
    """
    whole, folder = notebook.resolve(), build(profile) / "notebooks"
    if whole.is_relative_to(NOTEBOOKS):
        return folder / whole.relative_to(NOTEBOOKS)
    return folder / "elsewhere" / whole.relative_to(whole.anchor)


def cache() -> Path:
    """Folder of what can be made again: forged sets, photo packs, checkpoints.

    ``IMDL_CACHE`` names it; the default is the user's cache folder.

    Raises:
        DataError: it is a file, or lies below one.
    """
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "imdl"
    folder = _named_by("IMDL_CACHE") or default
    for place in (folder, *folder.parents):
        if place.is_file():
            raise DataError(
                f"The cache cannot be in {folder}: {place} is a file. Expected a folder that "
                "exists, or can be made. Set IMDL_CACHE to one."
            )
    return folder


def data_root() -> Path | None:
    """Folder of real photos and data sets named by ``IMDL_DATA``; None where it is not set."""
    return _named_by("IMDL_DATA")


def _named_by(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(called_from(), _with_home(Path(value))) if value else None


def called_from() -> Path:
    """Folder in which the command was called; a relative folder in a variable is meant from it.

    A notebook's kernel runs in the notebook's folder, and only the shell's ``PWD``, which it
    inherits, tells where Jupyter was called. Elsewhere ``PWD`` is not believed: a program that
    starts another one in a folder of its choice leaves ``PWD`` as it was.
    """
    shell = os.environ.get("PWD") if "JPY_PARENT_PID" in os.environ else None  # Jupyter sets it
    return Path(shell or Path.cwd())


def argument(value: Path) -> Path:
    """The file or folder that a command's argument names, seen from the working folder."""
    return _with_home(value).absolute()


def _with_home(path: Path) -> Path:
    """``~`` as the shell reads it; a name such as ``~copy.jpg``, which is no user's, stays."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path
