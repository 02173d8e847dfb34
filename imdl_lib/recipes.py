"""What a forged set is made by, and what one sample of it holds."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace

import numpy as np
from jaxtyping import Bool, UInt8

from . import cameras, manipulations

VERSION = 4  # of forging; raised when a change alters what a recipe forges

Image = UInt8[np.ndarray, "S S 3"]
Regions = UInt8[np.ndarray, "S S"]  # 0 = pristine, 1, 2 … = the manipulated regions
Mask = Bool[np.ndarray, "S S"]


def versions() -> list[int]:
    """The versions of all that decides what a recipe forges."""
    return [VERSION, manipulations.VERSION, cameras.VERSION]


@dataclass(frozen=True)
class Recipe:
    """All that decides the samples of a set."""

    kinds: tuple[str, ...]  # sample i is of kind ``kinds[i % len(kinds)]``
    sources: tuple[str, ...]  # names in ``photos.SOURCES``
    part: str  # train, valid or test: 8:1:1 by photo
    count: int
    size_px: int
    seed: int = 0
    jpeg_quality: tuple[int, int] | None = None  # of the last step
    jpeg_share: float = 0.5  # of the samples that it compresses, whatever their kind
    scaled_share: float = 0.2  # of the samples that are scaled before that
    cameras: bool = False  # host and donor are taken by two virtual cameras
    area: tuple[float, float] = (0.03, 0.3)  # share of the image that a whole region covers
    inpainters: tuple[str, ...] = ("telea", "navier_stokes")
    leaves: tuple[int, ...] = ()  # operations drawn from; empty = all 385
    scene_px: int | None = None  # side that a scene has before it is shrunk to size_px, then forged

    @property
    def key(self) -> str:
        """Hash that names the set in the cache."""
        text = json.dumps([versions(), asdict(self)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def twin(self) -> "Recipe":
        """The recipe of the same scenes unforged: same hosts, histories and last steps."""
        return replace(self, kinds=("pristine",))


@dataclass(frozen=True)
class Forged:
    """One sample."""

    image: Image
    regions: Regions
    host: int  # number of the host photo in its pack, or of the image in its real set
    target: int = -1  # the operation's leaf or the camera's number; -1 where neither
