"""What each real set is, and how its files belong together: one `DatasetSpec` per set.

A pairing rule lists the images of a folder that is laid out as in the authors' archive, each with
its mask where there is one. Known faults are part of each spec.
"""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from . import checksums, images
from .errors import DataError

AUTHENTIC = "authentic"


@dataclass(frozen=True)
class Entry:
    """Where one image of a set lies, with its mask."""

    name: str
    image: Path
    mask: Path | None  # None too where it is missing
    kind: str  # "authentic", "splice", "copy_move", "removal", "compound"


POLARITIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "white": lambda colour: colour.mean(2) > 127.5,
    "black": lambda colour: colour.mean(2) < 127.5,
    "green": lambda colour: colour[..., 1] > 127,
}


@dataclass(frozen=True)
class DatasetSpec:
    """A real set: what it is, and how its files belong together."""

    name: str
    title: str
    forged: int  # images, before any is skipped
    authentic: int
    licence: str
    source: str
    folder: str  # below the data root
    polarity: str | None  # a key of `POLARITIES`: what means manipulated; None: no masks
    layout: str  # the pairing rule in words
    entries: Callable[[Path], list[Entry]]  # the same rule
    skip: frozenset[str] = frozenset()  # names of pairs that do not fit together
    cut: dict[str, tuple[int, int]] = field(default_factory=dict)  # see `remarks`
    resized: tuple[str, ...] = ()
    note: str = ""
    host: Callable[[str], str] = str  # an image's name -> the photo that it was made from

    @property
    def remarks(self) -> list[str]:
        """What is done with masks that are larger than their images, where this is known."""
        at = ", ".join(f"{name} ({x}, {y})" for name, (x, y) in self.cut.items())
        cut = f"masks are cut as their images were, from (x, y) in px: {at}"
        resized = f"masks are resized as their images were: {', '.join(self.resized)}"
        return [cut] * bool(self.cut) + [resized] * bool(self.resized)


def authentic(folder: Path) -> list[Entry]:
    """Every image of a folder, as authentic."""
    return [Entry(path.stem, path, None, AUTHENTIC) for path in images.directly_in(folder)]


def _paired(
    photos: Path, masks: Path, kind: Callable[[str], str], ending: str = "", prefix: str = ""
) -> list[Entry]:
    """Each image with the mask that bears its name and ``ending``, if there is one."""
    of = {path.stem: path for path in images.directly_in(masks)}
    return [
        Entry(prefix + p.stem, p, of.get(p.stem + ending), kind(p.stem))
        for p in images.directly_in(photos)
    ]


def _casia_kind(stem: str) -> str:
    """Kind from a CASIA name: S = same image, D = another image."""
    return "copy_move" if stem[3:4] == "S" else "splice"


def _casia1_kind(stem: str) -> str:
    """Kind from the mask's own name: 29 images bear the other kind's name by mistake."""
    return _casia_kind(checksums.casia1_masks().get(f"{stem}.png", (stem, 0))[0])


def casia1(root: Path) -> list[Entry]:
    """The images of CASIA v1."""
    return _paired(root / "images", root / "masks", _casia1_kind) + authentic(root / "authentic")


def casia2(root: Path) -> list[Entry]:
    """The images of CASIA v2."""
    forged = _paired(root / "Tp", root / "CASIA 2 Groundtruth", _casia_kind, "_gt")
    return forged + authentic(root / "Au")


def columbia(root: Path) -> list[Entry]:
    """The images of Columbia."""
    spliced = root / "4cam_splc"
    forged = _paired(spliced, spliced / "edgemask", lambda stem: "splice", "_edgemask")
    return forged + authentic(root / "4cam_auth")


def casia_host(name: str) -> str:
    """The photo that an image of CASIA was made from: the first of the ids in its name.

    >>> casia_host("Sp_D_CND_A_pla0005_pla0023_0281"), casia_host("Au_pla_0005")
    ('pla0005', 'pla0005')
    """
    return "".join(re.search(r"([a-z]{3})_?(\d+)", name).groups())


def coverage_pair(name: str) -> str:
    """The pair of COVERAGE that an image is of: ``12t`` is the forgery of ``12``."""
    return name.removesuffix("t")


def coverage(root: Path) -> list[Entry]:
    """The images of COVERAGE."""
    entries, masks = [], {path.stem: path for path in images.directly_in(root / "mask")}
    for path in images.directly_in(root / "image"):
        number, is_forged = path.stem.removesuffix("t"), path.stem.endswith("t")
        kind, mask = ("copy_move", masks.get(f"{number}forged")) if is_forged else (AUTHENTIC, None)
        entries.append(Entry(path.stem, path, mask, kind))
    return entries


_NIST16_KINDS = {
    "IsManipulationTypeSplice": "splice",
    "IsManipulationTypeCopyClone": "copy_move",
    "IsManipulationTypeRemoval": "removal",
}
_NIST16_COLUMNS = {"IsTarget", "ProbeFileName", "ProbeMaskFileName", *_NIST16_KINDS}


def nist16(root: Path) -> list[Entry]:
    """The images of NIST16."""
    listing = root / "reference/manipulation/NC2016-manipulation-ref.csv"
    if not listing.is_file():
        return []
    rows = list(csv.DictReader(listing.read_text().splitlines(), delimiter="|"))
    lacking = _NIST16_COLUMNS - set(rows[0] if rows else ())
    if lacking:
        raise DataError(
            f"{listing} lacks the columns {', '.join(sorted(lacking))}. Expected the listing of "
            "NIST16's manipulation task, separated by |. Copy it again."
        )
    targets = [row for row in rows if row["IsTarget"] == "Y"]
    return [_nist16_entry(root, row) for row in targets] + authentic(root / "world")


def _nist16_entry(root: Path, row: dict[str, str]) -> Entry:
    image, mask = root / row["ProbeFileName"], root / row["ProbeMaskFileName"]
    kinds = [kind for column, kind in _NIST16_KINDS.items() if row[column] == "Y"]
    kind = kinds[0] if len(kinds) == 1 else "compound"
    return Entry(image.stem, image, mask if mask.is_file() else None, kind)


def imd2020(root: Path) -> list[Entry]:
    """The images of IMD2020."""
    found = [path for folder in sorted(root.glob("*/")) for path in images.directly_in(folder)]
    masks = {path.with_suffix(""): path for path in found if path.stem.endswith("_mask")}
    entries = []
    for path in found:
        if not path.stem.endswith("_mask"):
            mask = masks.get(path.with_name(f"{path.stem}_mask"))
            kind = AUTHENTIC if path.stem.endswith("_orig") else "compound"
            entries.append(Entry(f"{path.parent.name}/{path.stem}", path, mask, kind))
    return entries


def defacto(root: Path) -> list[Entry]:
    """The images of DEFACTO."""
    kinds = {"copymove": "copy_move", "inpainting": "removal"}
    kinds |= {f"splicing_{number}": "splice" for number in range(1, 8)}
    entries = []
    for part, kind in kinds.items():
        photos, masks = root / f"{part}_img/img", root / f"{part}_annotations/probe_mask"
        entries += _paired(photos, masks, lambda stem, kind=kind: kind, prefix=f"{part}/")
    return entries


def psbattles(root: Path) -> list[Entry]:
    """The images of PS-Battles."""
    made = [
        path for folder in sorted(root.glob("photoshops/*/")) for path in images.directly_in(folder)
    ]
    forged = [Entry(f"{p.parent.name}/{p.stem}", p, None, "compound") for p in made]
    return forged + authentic(root / "originals")


def kcmi(root: Path) -> list[Entry]:
    """The training photos of the camera set; ``name`` begins with the model."""
    return [
        Entry(f"{path.parent.name}/{path.stem}", path, None, AUTHENTIC)
        for folder in sorted(root.glob("train/*/"))
        for path in images.directly_in(folder)
    ]


_CASIA2_SKIP = frozenset(
    """
    Tp_D_CNN_M_N_sec00011_cha00085_11227 Tp_D_CRN_S_N_ani10191_ani10190_12437
    Tp_D_CRN_S_N_nat10130_pla00049_11524 Tp_D_NND_M_B_nat20098_nat20073_01602
    Tp_D_NRN_M_N_nat10134_nat00095_11912 Tp_D_NRN_M_N_nat10134_nat10124_11913
    Tp_S_CRN_S_N_art00059_art00059_10508 Tp_S_NND_S_N_sec20064_sec20064_01654
    Tp_S_NNN_S_N_art20077_art20077_01883 Tp_S_NNN_S_N_ind20037_ind20037_01778
    Tp_S_NNN_S_N_sec00012_sec00012_11230 Tp_S_NNN_S_N_sec00074_sec00074_00751
    Tp_S_NRD_S_N_arc20079_arc20079_01719 Tp_S_NRD_S_N_pla20071_pla20071_01971
    Tp_S_NRN_S_B_ind10002_ind10002_20010 Tp_S_NRN_S_N_art20077_art20077_02316
    Tp_S_NRN_S_N_pla20080_pla20080_01980
    """.split()
)

SPECS: dict[str, DatasetSpec] = {
    "casia1": DatasetSpec(
        name="casia1",
        title="CASIA v1",
        forged=920,
        authentic=800,
        licence="research only",
        source="imdl data get casia1",
        folder="casia1",
        polarity="white",
        layout="images/NAME.jpg with masks/NAME.png; authentic/*",
        entries=casia1,
        host=casia_host,
        note="461 splices, 459 copy-moves; one more, like an authentic image, has no mask",
    ),
    "casia2": DatasetSpec(
        name="casia2",
        title="CASIA v2",
        forged=5123,
        authentic=7491,
        licence="research only",
        source="photos: the links of https://github.com/namtpham/casia2groundtruth; masks there",
        folder="casia2",
        polarity="white",
        layout="Tp/NAME.* with CASIA 2 Groundtruth/NAME_gt.png; Au/*",
        entries=casia2,
        host=casia_host,
        skip=_CASIA2_SKIP,
        note="17 masks of another size (SunnyHaze/CASIA2.0-Corrected-Groundtruth#1) are skipped",
    ),
    "columbia": DatasetSpec(
        name="columbia",
        title="Columbia uncompressed",
        forged=180,
        authentic=183,
        licence="research only",
        source="https://www.ee.columbia.edu/ln/dvmm/downloads/authsplcuncmp/",
        folder="columbia",
        polarity="green",
        layout="4cam_splc/NAME.tif with 4cam_splc/edgemask/NAME_edgemask.jpg; 4cam_auth/*",
        entries=columbia,
        note="masks come in several colours: green above 127 is the spliced side",
    ),
    "coverage": DatasetSpec(
        name="coverage",
        title="COVERAGE",
        forged=100,
        authentic=100,
        licence="research only",
        source="imdl data get coverage",
        folder="coverage",
        polarity="white",
        layout="image/Nt.tif with mask/Nforged.tif; image/N.tif is authentic",
        entries=coverage,
        host=coverage_pair,
        cut={
            "41t": (0, 0),
            "48t": (0, 150),
            "57t": (0, 0),
            "58t": (0, 0),
            "59t": (0, 70),
            "61t": (150, 0),
        },
        resized=("55t", "56t", "95t"),
        note="nine masks are larger than their images (wenbihan/coverage#2); all pairs are used",
    ),
    "nist16": DatasetSpec(
        name="nist16",
        title="NIST16",
        forged=564,
        authentic=874,
        licence="by agreement with NIST",
        source="https://mfc.nist.gov (Nimble Challenge 2016)",
        folder="nist16",
        polarity="black",
        layout="the targets in reference/manipulation/NC2016-manipulation-ref.csv; world/*",
        entries=nist16,
        note="the removal and splice tasks list the same images again",
    ),
    "imd2020": DatasetSpec(
        name="imd2020",
        title="IMD2020 real-life",
        forged=2010,
        authentic=414,
        licence="research only",
        source="http://staff.utia.cas.cz/novozada/db/",
        folder="imd2020",
        polarity="white",
        layout="ID/NAME.* with ID/NAME_mask.png; ID/ID_orig.jpg is authentic",
        entries=imd2020,
        skip=frozenset({"z14/00030_fake"}),
        note="one mask of another size is skipped",
    ),
    "defacto": DatasetSpec(
        name="defacto",
        title="DEFACTO",
        forged=149_000,
        authentic=0,
        licence="that of MS COCO, whose photos it alters",
        source="https://defactodataset.github.io",
        folder="defacto",
        polarity="white",
        layout="PART_img/img/NAME.tif with PART_annotations/probe_mask/NAME.jpg",
        entries=defacto,
        note="without the faces; masks of another size are left out",
    ),
    "psbattles": DatasetSpec(
        name="psbattles",
        title="PS-Battles",
        forged=90_886,
        authentic=11_142,
        licence="the images' own; the list is free",
        source="https://github.com/dbisUnibas/PS-Battles",
        folder="psbattles",
        polarity=None,
        layout="photoshops/ID/*, without masks; originals/* is authentic",
        entries=psbattles,
        note="some images are no longer on the web",
    ),
    "kcmi": DatasetSpec(
        name="kcmi",
        title="Kaggle camera models",
        forged=0,
        authentic=2750,
        licence="the competition's rules",
        source="https://www.kaggle.com/c/sp-society-camera-model-identification",
        folder="kcmi",
        polarity=None,
        layout="train/MODEL/*.jpg, ten models",
        entries=kcmi,
        note="for camera identification alone; ManTra-Net counts 2,475 of its photos",
    ),
}
