"""The blind controls: of no paper, scored wherever a network of a paper is; what they show."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from .. import datasets, figures, registry, tables
from ..realsets import SPECS
from ..registry import BEST_BLIND, BLIND, Run, Source
from ..standins import FOUR_KINDS, SETS
from . import mantranet, pscc_net, uen

ROOM = "blind"

# Runs ------------------------------------------------------------------------------------------

_NOT_OF_MASKS = ("operation", "camera", "copy_and_source")  # kinds whose sets score no mask


def _scored(runs: Iterable[Run]) -> tuple[str, ...]:
    """Every set on which one of the networks is scored for its masks, each once.

    A piece of the training images is one run's own, so it is none of them.
    """
    names = dict.fromkeys(name for run in runs for name in run.tests)
    return tuple(filter(_of_masks, names))


def _of_masks(name: str) -> bool:
    if name in SETS:
        return SETS[name].part == "test" and not {*SETS[name].kinds} & {*_NOT_OF_MASKS}
    return SPECS[name.partition("/")[0]].forged > 0


def _shown(tests: tuple[str, ...]) -> tuple[str, ...]:
    """Those sets that a row of blind controls shows in a table."""
    every = (*mantranet.TABLES, *pscc_net.TABLES, *uen.TABLES)
    sources = (source for table in every for cell in table.cells for source in cell.sources)
    wanted = {source.set for source in sources if source.run == BEST_BLIND}
    names = pd.Series(tests)
    shown = np.any([tables.in_set(names, name) for name in wanted], axis=0)
    return tuple(names[shown])


TESTS = _scored((*mantranet.RUNS, *pscc_net.RUNS, *uen.RUNS))
SHOWN = _shown(TESTS)  # all that the quick profile has the time for
COLUMNS = ("pixel_auc", "pixel_auc_negated", "pixel_f1_at_half", "pixel_f1_best_per_image")
COLUMNS += ("score", "mean_of_map")  # the same: what ranks whole images


def _run(id: str) -> Run:
    """A control; the mean mask is that of ManTra-Net's training images, of which all are forged."""
    trained = id == f"{ROOM}/mean-mask"
    return Run(
        id,
        id.replace("/", "."),
        {},
        FOUR_KINDS if trained else (),
        TESTS,
        keep=trained,
        columns=COLUMNS,
        quick_tests=SHOWN,
    )


RUNS = tuple(map(_run, BLIND))

# Figures ---------------------------------------------------------------------------------------

REAL = ("casia1", "coverage")
LEAST_RATE = 1e-6  # below it a picture is black, whatever it is scaled by
COMPARED = (*REAL, "like_casia", "like_coverage", "like_columbia")
NETWORKS = {
    "ManTra-Net": "mantranet/released",
    "PSCC-Net": "pscc_net/released",
    "UEN": "uen/released",
}


def _title(name: str) -> str:
    return SPECS[name].title if name in SPECS else name


def _positions(profile_name: str) -> dict[str, Any]:
    """Nearness to the centre, and how often each place of the frame is forged."""
    from .. import train
    from ..baselines import blind
    from . import job

    side = blind.GRID
    centre = blind.centre(np.zeros((side, side, 3), np.uint8))
    training = train.load(job(f"{ROOM}/mean-mask", profile_name)).prob[0, 0].numpy()
    rates = [*map(_rates, REAL), training]
    names = ("minus the distance to the centre", *map(_title, REAL), "our training images")
    return {"names": np.array(names), "maps": np.stack([centre, *rates])}


def _rates(name: str) -> np.ndarray:
    """Share of a real set's masks that mark each cell; as stored, where the set is not here."""
    from ..baselines import blind

    if datasets.available(name):
        samples = datasets.open_set(f"{name}/forged")
        return blind.forged_rates(sample.mask for sample in samples)
    path = tables.stored("standard", f"{ROOM}/figure-1", ".npz")
    if not path.exists():
        return np.full((blind.GRID, blind.GRID), np.nan, np.float32)
    with np.load(path) as before:
        return before["maps"][[*before["names"]].index(_title(name))]


def _draw_positions(data: dict[str, Any]) -> Any:
    figure, axes = figures.new(1, len(data["names"]), (11, 3.5))
    for axis, name, shown in zip(axes[0], data["names"], data["maps"], strict=True):
        figures.picture(axis, shown / max(shown.max(), LEAST_RATE))
        axis.set_title(name, fontsize=9)
        axis.set_xlabel(_where(shown), fontsize=8)
    axes[0, 0].set_xlabel("looks at no pixel", fontsize=8)  # its values are no rates
    return figure


def _where(rates: np.ndarray) -> str:
    """How often the middle and the four corners of the frame are forged."""
    if np.isnan(rates).any():
        return "the set is not here"
    last, half = len(rates) - 1, len(rates) // 2
    middle, corners = rates[half - 1 : half + 1, half - 1 : half + 1], rates[::last, ::last]
    return f"forged: {middle.mean():.1%} of the middle,\n{corners.mean():.1%} of the corners"


def _auc(profile_name: str, run: str, set: str) -> float:
    """In percent; NaN where the run has no rows of the set."""
    if run == BEST_BLIND:
        best = tables.best_blind(profile_name, set, "pixel_auc")
        return 100 * best[1] if best else np.nan
    found = tables.per_seed(profile_name, Source(run, set, "pixel_auc"))
    return float(np.mean(found)) if len(found) else np.nan


def _beside(profile_name: str) -> dict[str, Any]:
    """Pixel AUC of blind controls and of released networks, on sets that have any."""
    maps = {"the centre": f"{ROOM}/centre", "best blind control": BEST_BLIND} | NETWORKS
    auc = np.array([[_auc(profile_name, run, s) for s in COMPARED] for run in maps.values()])
    scored = np.isfinite(auc).any(0)
    where = {name: "real" if name in SPECS else "forged by us" for name in COMPARED}
    titles = np.array([f"{_title(name)}\n({how})" for name, how in where.items()])[scored]
    return {"methods": np.array([*maps]), "sets": titles, "auc": auc[:, scored]}


def _draw_beside(data: dict[str, Any]) -> Any:
    figure, axes = figures.new(1, 1, (11, 3.8))
    figures.bars(axes[0, 0], data["methods"], data["sets"], data["auc"])
    axes[0, 0].axhline(50, color="0.6", linewidth=0.8)
    axes[0, 0].set(ylabel="pixel AUC per image, mean (%)", ylim=(40, 100))
    return figure


_figure = partial(registry.figure, ROOM)

FIGURES = (
    _figure(
        1,
        "Where forgeries lie: nearness to the centre, and how often each place is forged",
        ("mean-mask",),
        _positions,
        _draw_positions,
    ),
    _figure(
        2,
        "Maps that never look for a forgery, beside released networks",
        (*BLIND, *NETWORKS.values()),
        _beside,
        _draw_beside,
    ),
)
