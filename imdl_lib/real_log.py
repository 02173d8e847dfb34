"""Every look at the two real test sets that are here: one line a scoring, never taken back.

Whoever tries many networks on a test set chooses by it, without meaning to. So each scoring of
CASIA v1 or COVERAGE at a profile whose results are published appends a line to
``results/standard/real_log.csv``; trials that came before this library are its first lines.
"""

import csv
import datetime
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import files, paths

PROFILES = ("standard", "next")  # of which results are published
SETS = ("casia1", "coverage")
COLUMNS = (
    "date",
    "commit",  # "+": with changes to the library that are not committed
    "profile",
    "run",
    "seed",
    "identity",
    "set",
    "distortion",
    "images",
    "pixel_auc_per_image",  # mean over the forged images, in [0, 1]
    "pixel_f1_at_half",  # the same
    "image_auc",  # in [0, 1]; blank where no image is authentic
    "note",
)
DIGITS = 4


def is_real(name: str) -> bool:
    """Whether a set, a part of one or a distorted one is CASIA v1 or COVERAGE.

    >>> is_real("coverage/test"), is_real("like_coverage")
    (True, False)
    """
    return name.partition("/")[0] in SETS


def line(
    run: str,
    seed: int,
    identity: str,
    profile: str,
    name: str,
    rows: Sequence[Mapping[str, Any]],
    pooled: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The log's line of one scoring, from its rows of images and its pooled values."""
    place, _, last = name.rpartition("/")
    at, distortion = (place, last) if "=" in last else (name, "")
    said = {"date": datetime.date.today().isoformat(), "commit": commit(), "profile": profile}
    said |= {"run": run, "seed": seed, "identity": identity, "set": at, "distortion": distortion}
    said |= {"images": len(rows), "pixel_auc_per_image": _mean(rows, "pixel_auc")}
    said |= {"pixel_f1_at_half": _mean(rows, "pixel_f1_at_half")}
    return said | {"image_auc": _mean(pooled, "image_auc"), "note": ""}


def _mean(rows: Sequence[Mapping[str, Any]], column: str) -> str:
    """Blank where no row has a value."""
    found = np.array([row.get(column, np.nan) for row in rows], float)
    return f"{np.nanmean(found):.{DIGITS}f}" if np.isfinite(found).any() else ""


def append(said: Mapping[str, Any]) -> None:
    """Add a line to the log, whole or not at all, also where two processes do so at once.

    Raises:
        DataError: the log cannot be written.
    """
    path = paths.results("standard") / "real_log.csv"
    lock = paths.build("standard") / "real_log.lock"
    with files.only_one(lock, "The log of real scorings", wait=True):
        before = path.read_text() if path.exists() else ",".join(COLUMNS) + "\n"
        with files.whole(path) as temporary, temporary.open("w", newline="") as handle:
            handle.write(before)
            csv.DictWriter(handle, COLUMNS, lineterminator="\n").writerow(said)


def commit() -> str:
    """The checkout's commit, with a plus where the library is changed; blank without git."""
    found = _git("rev-parse", "--short", "HEAD")
    if found.returncode:
        return ""
    changed = _git("diff", "--quiet", "HEAD", "--", "imdl_lib").returncode
    return found.stdout.strip() + ("+" if changed else "")


def _git(*arguments: str) -> subprocess.CompletedProcess:
    try:
        return subprocess.run(
            ["git", *arguments], cwd=paths.ROOT, capture_output=True, text=True, timeout=60
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return subprocess.CompletedProcess(arguments, 1)
