"""Which results these are, and what each number was before its run was trained again."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from . import files, paths

RESULTS = 1  # version of the committed results, to cite; raised when numbers move, see CHANGELOG.md
COLUMNS = (
    "run",
    "seed",
    "set",
    "column",
    "old",  # mean over the set's images, or its pooled value, in [0, 1]; blank: not scored then
    "new",
    "old_identity",
    "old_forging",  # versions of what its images were forged by
    "new_identity",
    "new_forging",
    "results",  # the version that brought the new number
)
SHOWN = {"pixel_auc": "pixel AUC", "image_auc": "image AUC", "top_1": "top-1"}  # by `show`


def read() -> pd.DataFrame:
    """Every number that was replaced, beside its successor."""
    path = paths.history()
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=COLUMNS)


def add(lines: Iterable[Mapping[str, Any]]) -> None:
    """Append lines, whole or not at all."""
    path, header = paths.history(), ",".join(COLUMNS) + "\n"
    before = path.read_text() if path.exists() else header
    new = pd.DataFrame(lines, columns=COLUMNS).to_csv(index=False, header=False)
    with files.whole(path) as temporary:
        temporary.write_text(before + new)


def show() -> None:
    """Print what replaced results were and are: released networks, on whole sets, in percent."""
    found = read()
    print(f"results version {RESULTS}; {found['run'].nunique()} runs have been trained again")
    seen = found["run"].str.endswith("/released") & found["column"].isin(SHOWN)
    seen &= ~found["set"].str.contains("/") & (found["seed"] == 0)
    if not seen.any():
        return
    found = found[seen].replace({"column": SHOWN})
    means = found.set_index(["run", "set", "column", "results"])[["old", "new"]]
    print((100 * means).round(1).to_string())
