"""Forged image sets: a recipe in, a cached and deterministic memory-mapped array set out.

Samples do not depend on each other, so a set can be forged on any number of cores, and again.
"""

import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Int, UInt8
from tqdm import tqdm

from . import crops, files, paths, photos, splits
from .errors import RegistryError
from .kinds import INPAINTERS, KINDS, Forged, Recipe, make

SERIAL_BELOW = 2048  # starting workers costs more than forging so few samples
CHUNK = 128


@dataclass(frozen=True)
class ForgedSet:
    """A forged set, mapped from disk."""

    recipe: Recipe
    images: UInt8[np.ndarray, "N S S 3"]
    regions: UInt8[np.ndarray, "N S S"]
    targets: Int[np.ndarray, " N"]

    def __len__(self) -> int:
        return len(self.images)

    def kind(self, index: int) -> str:
        """The kind of manipulation of sample ``index``."""
        return self.recipe.kinds[index % len(self.recipe.kinds)]


def forge(recipe: Recipe, progress: bool = True) -> ForgedSet:
    """The set of ``recipe``: from the cache, or forged now on all cores.

    Raises:
        RegistryError: the recipe names a kind or an inpainter that does not exist.
        DataError: the disk is full, or no photo is left in the recipe's part, or its real set is
            not here.
    """
    check(recipe)
    folder = paths.cache() / "forged" / recipe.key
    if _opened(folder, recipe) is None:
        with files.only_one(folder.with_suffix(".lock"), f"Forged set {recipe.key}", wait=True):
            if _opened(folder, recipe) is None:
                shutil.rmtree(folder, ignore_errors=True)  # what a crash or a full disk has cut
                _forge_into(folder, recipe, progress)
    return ForgedSet(recipe, *_opened(folder, recipe))


def _opened(folder: Path, recipe: Recipe) -> list[np.ndarray] | None:
    """The arrays of a set, mapped; None where one is missing or damaged."""
    if not (folder / "recipe.json").exists():
        return None
    try:
        arrays = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS]
    except (EOFError, FileNotFoundError, ValueError):  # what NumPy raises for a cut file
        return None
    return arrays if {len(array) for array in arrays} == {recipe.count} else None


def check(recipe: Recipe) -> None:
    """Raise RegistryError where a recipe asks for something that does not exist."""
    if recipe.kinds == crops.KINDS:
        splits.require(recipe.sources[0], recipe.part)
        return
    for what, wanted, known in (
        ("kind", recipe.kinds, KINDS),
        ("inpainter", recipe.inpainters, INPAINTERS),
        ("photo source", recipe.sources, photos.SOURCES),
    ):
        for name in wanted:
            if name not in known:
                raise RegistryError(
                    f"A recipe asks for the {what} {name!r}, which does not exist. "
                    f"Choose from {', '.join(known)}."
                )


_ARRAYS = {"images": np.uint8, "regions": np.uint8, "targets": np.int64}


def _forge_into(folder: Path, recipe: Recipe, progress: bool) -> None:
    for left in folder.parent.glob(f"{folder.name}.*.part"):  # by a killed process
        shutil.rmtree(left, ignore_errors=True)
    part = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    part.mkdir(parents=True, exist_ok=True)
    n, s = recipe.count, recipe.size_px
    try:
        for name, axes in (("images", (n, s, s, 3)), ("regions", (n, s, s)), ("targets", (n,))):
            file = part / f"{name}.npy"
            np.lib.format.open_memmap(file, "w+", _ARRAYS[name], axes)
            _reserve(file)
        if recipe.kinds != crops.KINDS:
            _pack(recipe)  # decoded once, here, not once per worker
        _fill_all(part, recipe, progress)
        files.write_json(part / "recipe.json", asdict(recipe))
        part.rename(folder)
    except OSError as error:
        raise files.cannot_write(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _reserve(file: Path) -> None:
    """Take a mapped file's space now: a disk that fills later would kill the process."""
    if hasattr(os, "posix_fallocate"):
        with file.open("r+b") as handle:
            os.posix_fallocate(handle.fileno(), 0, file.stat().st_size)


def _fill_all(part: Path, recipe: Recipe, progress: bool) -> None:
    starts = range(0, recipe.count, CHUNK)
    label = f"forging {recipe.count} {'/'.join(recipe.kinds)[:40]}"
    with tqdm(total=recipe.count, desc=label, unit="image", disable=not progress or None) as bar:
        workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
        if recipe.count < SERIAL_BELOW or workers == 1:
            for start in starts:
                bar.update(_fill(part, recipe, start))
            return
        context = multiprocessing.get_context("spawn")  # safe beside torch's threads
        with ProcessPoolExecutor(workers, context, cv2.setNumThreads, (1,)) as pool:
            for done in as_completed([pool.submit(_fill, part, recipe, s) for s in starts]):
                bar.update(done.result())


def _fill(part: Path, recipe: Recipe, start: int) -> int:
    stop = min(start + CHUNK, recipe.count)
    images, regions, targets = (np.load(part / f"{name}.npy", mmap_mode="r+") for name in _ARRAYS)
    for index in range(start, stop):
        sample = _make(recipe, index)
        images[index], regions[index] = sample.image, sample.regions
        targets[index] = sample.target
    return stop - start


def _make(recipe: Recipe, index: int) -> Forged:
    if recipe.kinds == crops.KINDS:
        return crops.make(recipe, index)
    return make(recipe, index, _pack(recipe))


def _pack(recipe: Recipe) -> photos.PhotoPack:
    return _packed(recipe.sources, recipe.part)


@cache
def _packed(sources: tuple[str, ...], part: str) -> photos.PhotoPack:
    chosen = [photo for name in sources for photo in photos.SOURCES[name]()]
    return photos.pack(photos.split(chosen, part))
