"""Every location the project reads or writes, and nothing else."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # the checkout
SHIPPED = Path(__file__).resolve().parent / "data"  # facts that travel with the library
NOTEBOOKS = ROOT / "notebooks"
PUBLISHED = ROOT / "results" / "published"  # numbers printed in the papers


def results(profile: str) -> Path:
    """Folder of stored rows, tables and figure data of a profile."""
    return ROOT / "results" / profile


def figures(profile: str) -> Path:
    """Folder of rendered figures of a profile."""
    return ROOT / "figures" / profile


def build(profile: str) -> Path:
    """Folder of executed notebooks, pages, stamps and logs of a profile; ignored by git."""
    return ROOT / "build" / profile


def cache() -> Path:
    """Folder of what can be made again: forged sets, photo packs, checkpoints.

    ``IMDL_CACHE`` names it; the default is the user's cache folder.
    """
    base = os.environ.get("IMDL_CACHE")
    if base:
        return from_call(base)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "imdl"


def data_root() -> Path | None:
    """Folder of real photos and data sets named by ``IMDL_DATA``; None where it is not set."""
    value = os.environ.get("IMDL_DATA")
    return from_call(value) if value else None


def from_call(value: str) -> Path:
    """``value`` as seen from where the command was called.

    A notebook's kernel runs in the notebook's folder, but inherits the shell's ``PWD``.
    """
    return Path(os.environ.get("PWD") or Path.cwd(), Path(value).expanduser())
