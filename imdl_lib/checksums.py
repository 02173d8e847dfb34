"""The files of each set that can be fetched: their checksums, and where they lie.

A set lies below the data root, the folder that ``IMDL_DATA`` names. ``data/checksums.csv.xz``
lists every file with the SHA-256 of its bytes as they are published, of its pixels
(`pixels_sha256`), or of both. Pixels are listed for the masks that are made from an archive, since
a PNG may be compressed in many ways, and for COVERAGE, whose TIFFs many keep compressed. The set
``packaged`` was brought by pip and needs no download; ``data/packaged_photos.csv`` lists its
photos.
"""

import csv
import hashlib
import lzma
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from . import paths
from .errors import DataError, RegistryError

_BSDS = "BIDS/BSDS500/master/BSDS500/data"
_COCO = "Goodccccl/yolov8_python/0f2dcc3495e32245968452037ee54595d3af69f7/coco128-seg"
_CASIA = (
    "kPsarakis/Image-Forgery-Detection-CNN/424d7d15a6e150d086aac79620466762ddf42b72/data/CASIA1"
)
_CASIA_MASKS = "namtpham/casia1groundtruth/a940339bf9c5b8f4f7becebca3bf696851267a27"
_COVERAGE = "wei-won/image-forensics/d5ef7c03/data/COVERAGE"


class Sum(NamedTuple):
    """SHA-256 of a file's bytes and of its pixels, each empty where it is not listed.

    A file is whole when either is the listed one.
    """

    bytes: str
    pixels: str = ""


@dataclass(frozen=True)
class FetchSpec:
    """A set that can be downloaded or, where ``remote`` is empty, that pip has brought."""

    name: str
    title: str
    folder: str  # below the data root
    megabytes: int
    licence: str
    source: str
    remote: dict[str, str] = field(default_factory=dict)  # folder here -> folder at the base URL
    archive: str = ""  # a zip of masks at the base URL, for what ``remote`` does not cover


SETS: dict[str, FetchSpec] = {
    "packaged": FetchSpec(
        name="packaged",
        title="colour photos in mvtb-data, scikit-image and scikit-learn",
        folder="",
        megabytes=85,
        licence="see each photo: MIT, CC0, CC BY 2.0, public domain; one pair states none",
        source="the packages mvtb-data, scikit-image and scikit-learn",
    ),
    "bsds500": FetchSpec(
        name="bsds500",
        title="Berkeley Segmentation Data Set: photos and human segmentations",
        folder="photos/bsds500",
        megabytes=57,
        licence="non-commercial research and education",
        source="https://github.com/BIDS/BSDS500",
        remote={
            "photos/bsds500/train": f"{_BSDS}/images/train",
            "photos/bsds500/val": f"{_BSDS}/images/val",
            "photos/bsds500/test": f"{_BSDS}/images/test",
            "photos/bsds500/groundTruth_train": f"{_BSDS}/groundTruth/train",
            "photos/bsds500/groundTruth_val": f"{_BSDS}/groundTruth/val",
            "photos/bsds500/groundTruth_test": f"{_BSDS}/groundTruth/test",
        },
    ),
    "imagenet_samples": FetchSpec(
        name="imagenet_samples",
        title="350 of the 1,000 ImageNet sample photos, one of a class",
        folder="photos/imagenet_samples",
        megabytes=37,
        licence="non-commercial research and education; the photographers keep their rights",
        source="https://github.com/EliSchwartz/imagenet-sample-images",
        remote={"photos/imagenet_samples": "EliSchwartz/imagenet-sample-images/master"},
    ),
    "coco128_seg": FetchSpec(
        name="coco128_seg",
        title="COCO128-seg: 128 training photos of COCO 2017 with outlines of 929 objects",
        folder="photos/coco128_seg",
        megabytes=8,
        licence="the photographers' Creative Commons licences, which differ; outlines CC BY 4.0",
        source="https://github.com/Goodccccl/yolov8_python",
        remote={
            f"photos/coco128_seg/{folder}": f"{_COCO}/{folder}/train2017"
            for folder in ("images", "labels")
        },
    ),
    "casia1": FetchSpec(
        name="casia1",
        title="CASIA v1: splices, copy-moves and authentic photos",
        folder="casia1",
        megabytes=71,
        licence="research only; cite Dong, Wang and Tan (2013), masks Pham et al. (2019)",
        source="https://github.com/kPsarakis/Image-Forgery-Detection-CNN (photos), "
        "https://github.com/namtpham/casia1groundtruth (masks)",
        remote={"casia1/images": f"{_CASIA}/Sp", "casia1/authentic": f"{_CASIA}/Au"},
        archive=f"{_CASIA_MASKS}/CASIA 1.0 groundtruth.zip",
    ),
    "coverage": FetchSpec(
        name="coverage",
        title="COVERAGE: copy-moves beside similar genuine objects, and their originals",
        folder="coverage",
        megabytes=132,
        licence="non-commercial research only; cite Wen et al. (2016)",
        source="https://github.com/wei-won/image-forensics",
        remote={
            f"coverage/{folder}": f"{_COVERAGE}/{folder}" for folder in ("image", "label", "mask")
        },
    ),
}


def spec_of(name: str) -> FetchSpec:
    """The set called ``name``.

    Raises:
        RegistryError: there is none.
    """
    if name not in SETS:
        raise RegistryError(
            f"There is no set `{name}` to fetch. Expected one of {', '.join(SETS)}. "
            "`imdl data info NAME` describes each."
        )
    return SETS[name]


def root() -> Path:
    """The data root.

    Raises:
        DataError: ``IMDL_DATA`` is not set, or names a file.
    """
    folder = paths.data_root()
    if folder is None:
        raise DataError(
            "The data root is not named: IMDL_DATA is not set. Expected the folder that holds, or "
            "will hold, photos and data sets. Name it, for example `export IMDL_DATA=~/imdl-data`."
        )
    if folder.exists() and not folder.is_dir():
        raise DataError(
            f"The data root {folder} is a file. Expected a folder that holds, or will hold, photos "
            "and data sets. Set IMDL_DATA to a folder."
        )
    return folder


@cache
def packaged_rows() -> tuple[dict[str, str], ...]:
    """The packaged photos: ``id``, ``path``, ``group``, ``licence``, ``sha256``."""
    with (paths.SHIPPED / "packaged_photos.csv").open(newline="") as file:
        return tuple(csv.DictReader(file))


@cache
def _sums() -> dict[str, Sum]:
    with lzma.open(paths.SHIPPED / "checksums.csv.xz", "rt", newline="") as file:
        return {path: Sum(*sums) for path, *sums in csv.reader(file)}


@cache
def casia1_masks() -> dict[str, tuple[str, int]]:
    """CASIA v1 masks that the archive names differently or has turned.

    Returns:
        From the mask's name to its name in the archive and the quarter turns to the left it needs.
    """
    with (paths.SHIPPED / "casia1_masks.csv").open(newline="") as file:
        rows = csv.DictReader(file)
        return {row["mask"]: (row["original"], int(row["turns"])) for row in rows}


@cache
def listed(name: str) -> dict[str, Sum]:
    """Every file of a set, with its checksums.

    >>> len(listed("bsds500")), len(listed("imagenet_samples")), len(listed("casia1"))
    (1000, 350, 2640)
    """
    folder = spec_of(name).folder
    if not folder:
        return {row["path"]: Sum(row["sha256"]) for row in packaged_rows()}
    return {path: sums for path, sums in _sums().items() if path.startswith(f"{folder}/")}


def place(name: str, path: str) -> Path:
    """Where a file of a set lies, or will lie, on this machine."""
    return root() / path if spec_of(name).folder else packaged_place(path)


def packaged_place(path: str) -> Path:
    """Where pip put a file, from its path below the folder of all packages.

    Raises:
        DataError: its package is not installed.
    """
    package, _, rest = path.partition("/")
    found = find_spec(package)  # finds the folder without the seconds that an import may take
    if found is None or not found.submodule_search_locations:
        raise DataError(
            f"The package `{package}` with the packaged photos is not installed. "
            f"Expected it beside imdl_lib. Install imdl_lib again with its requirements."
        )
    return Path(found.submodule_search_locations[0]) / rest


def absent(name: str) -> tuple[str, ...]:
    """The files of a set that are not here; quick, since no checksum is compared."""
    return tuple(path for path in listed(name) if not place(name, path).is_file())


def available(name: str) -> bool:
    """True where every file of a set is here; never an error for a set that exists."""
    folder = paths.data_root()
    reachable = folder is not None and folder.is_dir()
    return (reachable or not spec_of(name).folder) and not absent(name)


def pixels_sha256(image: Image.Image) -> str:
    """Checksum of an image's size and 8-bit RGB pixels, whatever file holds them."""
    width, height = image.size
    return hashlib.sha256(
        f"{width}x{height}:".encode() + image.convert("RGB").tobytes()
    ).hexdigest()
