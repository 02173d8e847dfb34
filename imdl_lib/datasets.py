"""Reading real data sets: one reader for all of `realsets.SPECS`, and a check of what is on disk.

CASIA v1 and COVERAGE can be fetched; the others are brought by the user into the folder that
`info` names. Wherever a set is named, so can be a part of one that networks are tuned on,
``coverage/test``, or the forged images of any: ``casia1/forged``.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from tqdm import tqdm

from . import checksums, fetch, images, paths, splits
from .errors import DataError, RegistryError
from .realsets import AUTHENTIC, POLARITIES, SPECS, DatasetSpec, Entry

MOST_MARKED = 0.75  # of an image; a mask that marks more is probably inverted
COLOUR_SPREAD = 8.0  # mean difference of a grey mask's channels that JPEG may leave
WHOLE = 0.95  # share of a set's forged images with which it counts as being here

Mask = Bool[np.ndarray, "H W"]
Rgb = UInt8[np.ndarray, "H W 3"]


@dataclass(frozen=True)
class Sample:
    """One image of a set."""

    name: str
    image_u8: Rgb
    mask: Mask | None  # True = manipulated; None: authentic, or the set has no masks
    kind: str  # "authentic", "splice", "copy_move", "removal", "compound"


def spec_of(name: str) -> DatasetSpec:
    """The set called ``name``, or of which it names a part.

    Raises:
        RegistryError: there is none.
    """
    name, _, part = name.partition("/")
    if part:
        splits.require(name, part)
    if name not in SPECS:
        raise RegistryError(
            f"There is no data set `{name}`. Expected one of {', '.join(SPECS)}. "
            "`imdl data info NAME` describes each."
        )
    return SPECS[name]


def needs(name: str) -> str:
    """What a table's cell prints when a set is missing.

    >>> needs("nist16"), needs("casia1")
    ('needs NIST16: imdl data info nist16', 'needs CASIA v1: imdl data get casia1')
    """
    spec = spec_of(name)
    verb = "get" if spec.name in checksums.SETS else "info"
    return f"needs {spec.title}: imdl data {verb} {spec.name}"


def missing(name: str | None) -> bool:
    """Whether ``name`` is a real set, and not here; a stand-in is never missing."""
    return name in SPECS and not available(name)


def require(name: str | None, what: str) -> None:
    """Raise DataError where a real set on which ``what`` is trained is not here."""
    if not missing(name):
        return
    spec = spec_of(name)
    remedy = (
        f"Expected every file of it. Run `imdl data get {name}`."
        if spec.name in checksums.SETS
        else f"Expected {WHOLE:.0%} or more of its {spec.forged:,} forged images. "
        f"`imdl data info {name}` says where they go."
    )
    raise DataError(f"{what} is trained on {spec.title}, which is not here. {remedy}")


def info(name: str) -> str:
    """A paragraph on a set: counts, licence, source, layout, known faults, whether it is here."""
    spec = spec_of(name)
    if spec.name in checksums.SETS:
        notes = [f"  note     {line}" for line in (spec.note, *spec.remarks)]
        return "\n".join([fetch.info(spec.name), *notes])
    masks = f"{spec.polarity} = manipulated" if spec.polarity else "none"
    here = f"yes; `imdl data check {name}` reads every file" if available(name) else "no"
    return "\n".join(
        [
            f"{name}: {spec.title}",
            f"  images   {spec.forged:,} forged, {spec.authentic:,} authentic",
            f"  licence  {spec.licence}",
            f"  source   {spec.source}; it cannot be fetched by this library",
            f"  goes to  $IMDL_DATA/{spec.folder}",
            f"  layout   {spec.layout}",
            f"  masks    {masks}",
            f"  note     {spec.note}",
            f"  here     {here}",
        ]
    )


def available(name: str) -> bool:
    """True where a set is here; a set that is not is never an error.

    One that can be fetched is here when every file is; another when 95 % of its forged images
    are (of its photos, where none is forged), since copies of it differ.
    """
    spec, root = spec_of(name), paths.data_root()
    if spec.name in checksums.SETS:
        return checksums.available(spec.name)
    if root is None or not (root / spec.folder).is_dir():
        return False
    try:
        found = _forged(spec, root) if spec.forged else spec.entries(root / spec.folder)
        usable = [entry for entry in found if _has_mask(spec, entry)]
    except DataError:  # a damaged listing, which `check` explains
        return False
    return len(usable) >= WHOLE * (spec.forged or spec.authentic)


def _forged(spec: DatasetSpec, root: Path) -> list[Entry]:
    return [entry for entry in spec.entries(root / spec.folder) if entry.kind != AUTHENTIC]


def _has_mask(spec: DatasetSpec, entry: Entry) -> bool:
    return entry.kind == AUTHENTIC or spec.polarity is None or entry.mask is not None


@dataclass(frozen=True)
class RealSet(Sequence):
    """The samples of a set, each read when it is asked for."""

    spec: DatasetSpec
    entries: tuple[Entry, ...]

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Sample:
        entry = self.entries[index]
        image = images.read(entry.image)
        mask = None if entry.mask is None else _mask(self.spec, entry, image)
        return Sample(entry.name, image, mask, entry.kind)


def open_set(name: str) -> RealSet:
    """The samples of a set or part, forged ones first; pairs that do not fit are left out.

    Raises:
        DataError: the set is not here.
        RegistryError: there is no such set.
    """
    spec, root = spec_of(name), checksums.root()
    every = sorted(spec.entries(root / spec.folder), key=lambda entry: entry.kind == AUTHENTIC)
    entries = [entry for entry in every if _has_mask(spec, entry)]
    kept = [e for e in entries if e.name not in spec.skip and not _misfit(spec, e)]
    if part := name.partition("/")[2]:
        kept = splits.of_part(spec.name, part, kept)
    if not kept:
        raise DataError(
            f"{spec.title} is not in {root / spec.folder}. Expected {spec.layout}. "
            f"`imdl data info {spec.name}` says more."
        )
    return RealSet(spec, tuple(kept))


def _misfit(spec: DatasetSpec, entry: Entry) -> str:
    """How the mask of a pair does not fit its image, both as they are read; else empty.

    Of a set that can be fetched again nothing is left out: there, reading such a pair is an error.
    """
    if entry.mask is None or spec.name in checksums.SETS:
        return ""
    try:
        image, mask = images.size(entry.image), images.size(entry.mask)
    except DataError:  # which says more where the sample is read
        return ""
    return "" if image == mask else _unlike(spec, entry, mask, image)


def _unlike(spec: DatasetSpec, entry: Entry, mask: tuple[int, ...], image: tuple[int, ...]) -> str:
    return (
        f"Mask of `{spec.name}/{entry.name}` is {mask[1]}x{mask[0]} but its image is "
        f"{image[1]}x{image[0]}. Masks must match their image. Check the file."
    )


def readable(found: RealSet, numbers: Iterable[int]) -> Iterator[Sample]:
    """The samples of these numbers; what cannot be read is said, and left out.

    Raises:
        DataError: so is more than 5 % of a set that the user brings, or anything of one that can
            be fetched again.
    """
    faults = 0
    for number in numbers:
        try:
            sample = found[number]
        except DataError as error:
            faults += 1
            if found.spec.name in checksums.SETS or faults > (1 - WHOLE) * len(found):
                raise
            print(f"{found.spec.name}/{found.entries[number].name} is left out: {error}")
        else:
            yield sample


def _mask(spec: DatasetSpec, entry: Entry, image: np.ndarray) -> Mask:
    colour, name = _fitted(spec, entry, image), f"{spec.name}/{entry.name}"
    if colour.shape != image.shape:
        raise DataError(_unlike(spec, entry, colour.shape, image.shape))
    spread = float(np.ptp(colour, axis=2).mean())
    if spec.polarity != "green" and spread > COLOUR_SPREAD:
        raise DataError(
            f"Mask of `{name}` is in colour: its channels differ by {spread:.0f} on average. "
            f"Expected black and white, {spec.polarity} = manipulated. Check the file."
        )
    return POLARITIES[spec.polarity](colour)


def _fitted(spec: DatasetSpec, entry: Entry, image: Rgb) -> UInt8[np.ndarray, "h w 3"]:
    """A mask's colours, cut or resized as its image was where the spec says so."""
    colour, (height, width) = images.read(entry.mask), image.shape[:2]
    if colour.shape == image.shape:
        return colour
    if entry.name in spec.cut:
        x, y = spec.cut[entry.name]
        return colour[y : y + height, x : x + width]
    if entry.name in spec.resized:
        return cv2.resize(colour, (width, height), interpolation=cv2.INTER_NEAREST)
    return colour


def check(name: str, progress: bool = True) -> list[str]:
    """Read every image and mask of a set; what is wrong, one text each.

    Raises:
        DataError: the set is not here at all.
        RegistryError: there is no such set.
    """
    found, root = open_set(name), checksums.root()
    problems = [*_count_problems(found), *_unusable(found.spec, root)]
    for index in tqdm(range(len(found)), name, unit="image", disable=not progress or None):
        try:
            problems += _sample_problems(found.spec, found[index])
        except DataError as error:
            problems.append(str(error))
    return problems


def _count_problems(found: RealSet) -> list[str]:
    spec, authentic = found.spec, sum(e.kind == AUTHENTIC for e in found.entries)
    counts = ((len(found) - authentic, spec.forged - len(spec.skip), "forged"),)
    counts += ((authentic, spec.authentic, AUTHENTIC),)
    return [
        f"`{spec.name}` has {actual:,} {kind} images that can be used. Expected {expected:,}. "
        f"`imdl data info {spec.name}` says where each file goes."
        for actual, expected, kind in counts
        if actual != expected
    ]


def _unusable(spec: DatasetSpec, root: Path) -> list[str]:
    """What is said of each forged image that is left out: its mask is missing or does not fit."""
    forged = [entry for entry in _forged(spec, root) if entry.name not in spec.skip]
    bare = [
        f"`{spec.name}/{entry.name}` has no mask. Expected {spec.layout}. "
        "It is left out; add its mask."
        for entry in forged
        if not _has_mask(spec, entry)
    ]
    return bare + [said for entry in forged if (said := _misfit(spec, entry))]


def _sample_problems(spec: DatasetSpec, sample: Sample) -> list[str]:
    if sample.mask is None:
        return []
    marked = sample.mask.mean()
    if 0 < marked <= MOST_MARKED:
        return []
    return [
        f"Mask of `{spec.name}/{sample.name}` marks {marked:.0%} of the image as manipulated. "
        f"Expected more than none and at most {MOST_MARKED:.0%}, with {spec.polarity} = "
        "manipulated. It may be inverted or empty; check the file."
    ]
