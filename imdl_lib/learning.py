"""Whether stored runs have learned, and how much more they would from more samples."""

import pandas as pd

from . import tables
from .registry import HALF, QUARTER

STILL_RISING = 0.015  # what half the samples may cost at most, of an AUC or an accuracy


def learned(profile: str, run: str) -> bool:
    """Whether every stored seed of a run has learned, and would with half the samples as well.

    The second is asked where a run with half of them is stored, on a schedule of its own.
    """
    found = tables.records(profile, run)
    if not found or not all(record.get("learned") for record in found):
        return False
    points = curve(profile, run)
    if 0.5 not in points.index:
        return True
    return bool(points.loc[1.0, "value"] - points.loc[0.5, "value"] < STILL_RISING)


def curve(profile: str, run: str) -> pd.DataFrame:
    """Validation values of a run's first seed by the share of its samples that were seen.

    Returns:
        ``samples``, ``value`` and ``control_value`` (the best blind control's) by share; only what
        is stored.
    """
    points = {}
    for share, ending in ((0.25, QUARTER), (0.5, HALF), (1.0, "")):
        for record in tables.records(profile, run + ending)[:1]:
            if numbers := record.get("validation"):
                kept = {name: numbers[name] for name in ("value", "control_value")}
                points[share] = {"samples": record["samples"]} | kept
    return pd.DataFrame.from_dict(points, "index", columns=["samples", "value", "control_value"])
