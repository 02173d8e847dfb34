"""Real data sets: one `DatasetSpec` each, one reader, and a check of what lies on disk.

Only CASIA v1 can be fetched. The others are brought by the user into the folder that
`info` names; their layouts are those of the authors' archives. Known faults, gathered from the
sets' issue lists, are part of each spec.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image
from tqdm import tqdm

from . import checksums, fetch, images, paths
from .errors import DataError, RegistryError

AUTHENTIC = "authentic"
SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff"})
MOST_MARKED = 0.75  # of an image; a mask that marks more is probably inverted
COLOUR_SPREAD = 8.0  # mean difference of a mask's channels that JPEG does not explain
WHOLE = 0.95  # share of a set's forged images with which it counts as being here

Mask = Bool[np.ndarray, "H W"]
Rgb = UInt8[np.ndarray, "H W 3"]

POLARITIES: dict[str, Callable[[Rgb], Mask]] = {
    "white": lambda colour: colour.mean(2) > 127.5,
    "black": lambda colour: colour.mean(2) < 127.5,
    "green": lambda colour: colour[..., 1] > 127,
}


@dataclass(frozen=True)
class Sample:
    """One image of a set."""

    name: str
    image_u8: Rgb
    mask: Mask | None  # None for an authentic image, and where a set has no masks
    kind: str  # "authentic", "splice", "copy_move", "removal", "compound"


@dataclass(frozen=True)
class Entry:
    """Where one image of a set lies, with its mask."""

    name: str
    image: Path
    mask: Path | None
    kind: str


@dataclass(frozen=True)
class DatasetSpec:
    """A real set: what it is, and how its files belong together."""

    name: str
    title: str
    forged: int
    authentic: int
    licence: str
    source: str
    folder: str  # below the data root
    polarity: str | None  # a key of `POLARITIES`: what means manipulated; None: no masks
    pairing: str  # the rule, in words
    entries: Callable[[Path], list[Entry]]  # the rule
    skip: frozenset[str] = frozenset()  # names of pairs that do not fit together
    sizes_differ: bool = False  # pairs of different sizes exist and are left out


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES and p.is_file())


def _authentic(folder: Path) -> list[Entry]:
    return [Entry(path.stem, path, None, AUTHENTIC) for path in _files(folder)]


def _paired(
    photos: Path, masks: Path, kind: Callable[[str], str], ending: str = "", prefix: str = ""
) -> list[Entry]:
    """Each image with the mask that bears its name and ``ending``, if there is one."""
    of_stem = {path.stem: path for path in _files(masks)}
    return [
        Entry(prefix + path.stem, path, of_stem.get(path.stem + ending), kind(path.stem))
        for path in _files(photos)
    ]


def _casia_kind(stem: str) -> str:
    """Kind from a CASIA name: S = same image, D = another image."""
    return "copy_move" if stem[3:4] == "S" else "splice"


def _casia1_kind(stem: str) -> str:
    """Kind from the mask's first name: 29 images are named as the other kind by mistake."""
    original, _ = checksums.casia1_masks().get(f"{stem}.png", (stem, 0))
    return _casia_kind(original)


def _casia1(root: Path) -> list[Entry]:
    forged = _paired(root / "images", root / "masks", _casia1_kind)
    return forged + _authentic(root / "authentic")


def _casia2(root: Path) -> list[Entry]:
    forged = _paired(root / "Tp", root / "CASIA 2 Groundtruth", _casia_kind, "_gt")
    return forged + _authentic(root / "Au")


def _columbia(root: Path) -> list[Entry]:
    spliced = root / "4cam_splc"
    forged = _paired(spliced, spliced / "edgemask", lambda stem: "splice", "_edgemask")
    return forged + _authentic(root / "4cam_auth")


def _coverage(root: Path) -> list[Entry]:
    found, masks = _files(root / "image"), {path.stem: path for path in _files(root / "mask")}
    forged = [
        Entry(path.stem, path, masks.get(f"{path.stem[:-1]}forged"), "copy_move")
        for path in found
        if path.stem.endswith("t")
    ]
    authentic = [path for path in found if not path.stem.endswith("t")]
    return forged + [Entry(path.stem, path, None, AUTHENTIC) for path in authentic]


_NIST16_KINDS = {
    "IsManipulationTypeSplice": "splice",
    "IsManipulationTypeCopyClone": "copy_move",
    "IsManipulationTypeRemoval": "removal",
}


def _nist16(root: Path) -> list[Entry]:
    listing = root / "reference" / "manipulation" / "NC2016-manipulation-ref.csv"
    if not listing.is_file():
        return []
    with listing.open(newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="|") if row["IsTarget"] == "Y"]
    return [_nist16_entry(root, row) for row in rows] + _authentic(root / "world")


def _nist16_entry(root: Path, row: dict[str, str]) -> Entry:
    image, mask = root / row["ProbeFileName"], root / row["ProbeMaskFileName"]
    kinds = [kind for column, kind in _NIST16_KINDS.items() if row[column] == "Y"]
    kind = kinds[0] if len(kinds) == 1 else "compound"
    return Entry(image.stem, image, mask if mask.is_file() else None, kind)


def _imd2020(root: Path) -> list[Entry]:
    found = [path for folder in sorted(root.glob("*/")) for path in _files(folder)]
    masks = {path.with_suffix(""): path for path in found if path.stem.endswith("_mask")}
    entries = []
    for path in found:
        name = f"{path.parent.name}/{path.stem}"
        if path.stem.endswith("_orig"):
            entries.append(Entry(name, path, None, AUTHENTIC))
        elif not path.stem.endswith("_mask"):
            mask = masks.get(path.with_name(f"{path.stem}_mask"))
            entries.append(Entry(name, path, mask, "compound"))
    return entries


def _defacto(root: Path) -> list[Entry]:
    kinds = {"copymove": "copy_move", "inpainting": "removal"}
    kinds |= {f"splicing_{number}": "splice" for number in range(1, 8)}
    entries = []
    for part, kind in kinds.items():
        masks = root / f"{part}_annotations" / "probe_mask"
        photos = root / f"{part}_img" / "img"
        entries += _paired(photos, masks, lambda stem, kind=kind: kind, prefix=f"{part}/")
    return entries


def _psbattles(root: Path) -> list[Entry]:
    made = [path for folder in sorted(root.glob("photoshops/*/")) for path in _files(folder)]
    forged = [Entry(f"{p.parent.name}/{p.stem}", p, None, "compound") for p in made]
    return forged + _authentic(root / "originals")
