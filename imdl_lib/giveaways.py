"""What tells forged pixels apart without any trace of a forgery: where they lie, and texture.

A set is fair where none of it does: the mean over images of a position's pixel AUC is one half,
all cells of a grid are forged about alike, and pasted regions have as much texture as their hosts.
What is filled in or blurred is smoother by its nature; there texture is reported, not balanced.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Float32, UInt8

from . import crops, experiments, files, forge, metrics, paths, profiles, standins
from .baselines import blind
from .kinds import WHOLE
from .recipes import Forged, Recipe

COUNT = 2000  # samples of each standard set that are measured
GRID = 4  # cells a side
PASTED = frozenset({"splice", "copy_move"})  # kinds whose texture is balanced
CHUNK = 50
DIGITS = 3

Image = UInt8[np.ndarray, "H W 3"]
Map = Float32[np.ndarray, "H W"]


def _rows(image: Image) -> Map:
    return np.repeat(np.linspace(1, 0, len(image), dtype=np.float32), image.shape[1]).reshape(
        image.shape[:2]
    )


MAPS: dict[str, Callable[[Image], Map]] = {
    "centre": blind.centre,
    "top": _rows,
    "bottom": lambda image: 1 - _rows(image),
    "left": lambda image: _rows(image.transpose(1, 0, 2)).T,
    "right": lambda image: 1 - _rows(image.transpose(1, 0, 2)).T,
    "deviation": blind.deviation,
    "high_pass": blind.high_pass,
}
POSITIONS = ("centre", "top", "bottom", "left", "right")


def of_sample(sample: Forged) -> dict[str, float]:
    """Pixel AUC of each of `MAPS` on a forged sample, and its share of forged pixels."""
    mask = torch.from_numpy(sample.regions > 0)[None, None]
    row = {"forged_share": float(mask.float().mean())}
    for name, look in MAPS.items():
        found = torch.from_numpy(np.ascontiguousarray(look(sample.image)))[None, None]
        row[name] = float(metrics.pixel_auc_per_image(found, mask))
    return row


def rates(mask: Bool[np.ndarray, "S S"]) -> Float[np.ndarray, "G G"]:
    """Share of forged pixels in each cell of a grid."""
    cells = cv2.resize(mask.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA)
    return cells.astype(np.float64)


def measured(samples: Iterable[Forged]) -> dict[str, float]:
    """Means over the forged samples, and the largest ratio of two cells' forged rates."""
    forged = [sample for sample in samples if sample.regions.any()]
    return _summary([of_sample(s) for s in forged], [rates(s.regions > 0) for s in forged])


def _summary(rows: list[dict[str, float]], cells: list[np.ndarray]) -> dict[str, float]:
    pooled = np.mean(cells, 0)
    ratio = float(pooled.max() / pooled.min())
    return {"images": len(rows), **pd.DataFrame(rows).mean().to_dict(), "grid_ratio": ratio}


def standard_sets() -> dict[str, Recipe]:
    """What localization networks are trained, chosen and tested on at the standard profile.

    Each once, at `COUNT` samples; a set that only distorts another one is that one.
    """
    sizes = profiles.STANDARD
    found: dict[str, Recipe] = {}
    for name, spec in standins.SETS.items():
        one = not spec.distortion and not name.startswith("sensitivity/")
        if one and spec.part != "train" and not set(spec.kinds) & {*WHOLE}:
            found[name] = spec.recipe(sizes.sources, COUNT, sizes.size_px)
    for run in experiments.RUNS:
        if run.is_trained:
            recipe = experiments.job(run.id, "standard").recipe("train")
            if recipe.kinds != crops.KINDS and not set(recipe.kinds) & {*WHOLE}:
                found[f"training/{'+'.join(recipe.kinds)}/{recipe.size_px}"] = recipe
    return {name: replace(recipe, count=COUNT) for name, recipe in found.items()}


def file() -> Path:
    """Where the measures of the standard sets are stored."""
    return paths.results("standard") / "giveaways.csv"


def write() -> None:
    """Measure the standard sets whose recipes are not those that are stored, on all cores.

    Raises:
        DataError: a source of photos is not here.
    """
    stored = pd.read_csv(file()).set_index("set") if file().exists() else pd.DataFrame()
    rows = []
    for name, recipe in standard_sets().items():
        if name in stored.index and stored.loc[name, "key"] == recipe.key:
            rows.append({"set": name, **stored.loc[name]})
        else:
            rows.append({"set": name, "key": recipe.key, **_of_set(recipe)})
        print(rows[-1], flush=True)
        with files.whole(file()) as temporary:
            pd.DataFrame(rows).round(DIGITS).to_csv(temporary, index=False)


def _of_set(recipe: Recipe) -> dict[str, float]:
    live = forge.live(recipe)  # decodes the photos, for all workers
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        parts = [*pool.map(_of_part, *zip(*_parts(live), strict=True))]
    return _summary([row for rows, _ in parts for row in rows], [c for _, cs in parts for c in cs])


def _parts(live: forge.LiveSet) -> Iterator[tuple[forge.LiveSet, range]]:
    return ((live, range(start, start + CHUNK)) for start in range(0, len(live), CHUNK))


def _of_part(live: forge.LiveSet, numbers: range) -> tuple[list[dict[str, float]], list]:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    taken = live.take(np.array(numbers))
    made = [Forged(image, regions, 0) for image, regions in zip(*taken[:2], strict=True)]
    forged = [sample for sample in made if sample.regions.any()]
    return [of_sample(s) for s in forged], [rates(s.regions > 0) for s in forged]
