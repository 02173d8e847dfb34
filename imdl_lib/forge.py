"""Forged image sets: a recipe in, a cached and deterministic memory-mapped array set out.

Samples do not depend on each other, so a set can be forged on any number of cores, and again; or
never stored, each sample forged when it is taken.
"""

import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Int, UInt8
from tqdm import tqdm

from . import crops, files, paths, photos, splits
from .errors import DataError, RegistryError
from .inpainting import INPAINTERS
from .kinds import KINDS, make
from .recipes import Forged, Recipe

SERIAL_BELOW = 2048  # starting workers costs more than forging so few samples
CHUNK = 128


class Samples(NamedTuple):
    """Some samples of a set; ``hosts`` are numbers of the host photos."""

    images: UInt8[np.ndarray, "N S S 3"]
    regions: UInt8[np.ndarray, "N S S"]
    targets: Int[np.ndarray, " N"]
    hosts: Int[np.ndarray, " N"]


@dataclass(frozen=True)
class ForgedSet:
    """A forged set, mapped from disk."""

    recipe: Recipe
    images: UInt8[np.ndarray, "N S S 3"]
    regions: UInt8[np.ndarray, "N S S"]
    targets: Int[np.ndarray, " N"]
    hosts: Int[np.ndarray, " N"]  # numbers of the host photos
    photos: tuple[str, ...]  # the photos' ids, by number

    def __len__(self) -> int:
        return len(self.images)

    def host(self, index: int) -> str:
        """The id of the photo that sample ``index`` was made from."""
        return self.photos[self.hosts[index]]

    def kind(self, index: int) -> str:
        """The kind of manipulation of sample ``index``."""
        return self.recipe.kinds[index % len(self.recipe.kinds)]

    def take(self, index: Int[np.ndarray, " N"]) -> Samples:
        """Those samples."""
        arrays = self.images, self.regions, self.targets, self.hosts
        return Samples(*(np.asarray(array[index]) for array in arrays))


@dataclass(frozen=True)
class LiveSet:
    """A set of which nothing is stored: the same samples, forged each time they are taken."""

    recipe: Recipe

    def __len__(self) -> int:
        return self.recipe.count

    def take(self, index: Int[np.ndarray, " N"]) -> Samples:
        """Those samples, forged now."""
        made = [_make(self.recipe, number) for number in np.asarray(index).tolist()]
        return Samples(
            np.stack([sample.image for sample in made]),
            np.stack([sample.regions for sample in made]),
            np.array([sample.target for sample in made]),
            np.array([sample.host for sample in made]),
        )


def live(recipe: Recipe) -> LiveSet:
    """The set of ``recipe`` without storing it.

    Raises:
        RegistryError: the recipe names a kind or an inpainter that does not exist.
        DataError: no photo is left in the recipe's part, or its real set is not here.
    """
    check(recipe)
    _photos(recipe)
    return LiveSet(recipe)


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
    arrays, hosts = _opened(folder, recipe)
    return ForgedSet(recipe, *arrays, hosts)


def _opened(folder: Path, recipe: Recipe) -> tuple[list[np.ndarray], tuple[str, ...]] | None:
    """The arrays of a set, mapped, and its photos; None where one is missing or damaged."""
    if not (folder / "recipe.json").exists():
        return None
    try:
        arrays = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS]
        hosts = tuple(files.read_json(folder / "photos.json"))
    except (DataError, EOFError, FileNotFoundError, ValueError):  # what is raised for a cut file
        return None
    return (arrays, hosts) if {len(array) for array in arrays} == {recipe.count} else None


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


_ARRAYS = {"images": np.uint8, "regions": np.uint8, "targets": np.int64, "hosts": np.int64}


def _forge_into(folder: Path, recipe: Recipe, progress: bool) -> None:
    for left in folder.parent.glob(f"{folder.name}.*.part"):  # by a killed process
        shutil.rmtree(left, ignore_errors=True)
    part = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    part.mkdir(parents=True, exist_ok=True)
    n, s = recipe.count, recipe.size_px
    try:
        axes = {"images": (n, s, s, 3), "regions": (n, s, s)}
        for name, kind in _ARRAYS.items():
            file = part / f"{name}.npy"
            np.lib.format.open_memmap(file, "w+", kind, axes.get(name, (n,)))
            _reserve(file)
        files.write_json(part / "photos.json", _photos(recipe))  # decodes them, for all workers
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
    arrays = [np.load(part / f"{name}.npy", mmap_mode="r+") for name in _ARRAYS]
    for index in range(start, stop):
        sample = _make(recipe, index)
        values = sample.image, sample.regions, sample.target, sample.host
        for array, value in zip(arrays, values, strict=True):
            array[index] = value
    return stop - start


def _make(recipe: Recipe, index: int) -> Forged:
    if recipe.kinds == crops.KINDS:
        return crops.make(recipe, index)
    return make(recipe, index, _pack(recipe))


def _photos(recipe: Recipe) -> list[str]:
    """Ids of the photos, or names of the real images, that samples give as numbers of their hosts.

    They are opened by that.
    """
    return crops.names(recipe) if recipe.kinds == crops.KINDS else [*_pack(recipe).ids]


def _pack(recipe: Recipe) -> photos.PhotoPack:
    return _packed(recipe.sources, recipe.part)


@cache
def _packed(sources: tuple[str, ...], part: str) -> photos.PhotoPack:
    chosen = [photo for name in sources for photo in photos.SOURCES[name]()]
    return photos.pack(photos.split(chosen, part))
