"""Forged test sets, fixed and deterministic: what each stands for, and what it does not.

A set's recipe is completed by a profile (photos, count, size). Its photos are test photos, but for
the sets that choose checkpoints, and for a piece of what a run was itself trained on. A distorted
set is another set, altered when it is read.
"""

from dataclasses import dataclass, replace

from . import manipulations
from .errors import RegistryError
from .kinds import Recipe

FOUR_KINDS = ("splice", "copy_move", "removal", "enhancement")  # ManTra-Net, sec. 2.3


@dataclass(frozen=True)
class StandIn:
    """A test set that the library forges."""

    name: str
    kinds: tuple[str, ...]
    stands_for: str
    lacks: str = ""
    seed: int = 1000
    part: str = "test"  # of the photos, 8:1:1
    size_factor: float = 1.0  # times the side of ablations' training images
    count_factor: float = 1.0
    jpeg_quality: tuple[int, int] | None = None
    cameras: bool = False
    inpainters: tuple[str, ...] = ("telea", "navier_stokes")
    leaves: tuple[int, ...] = ()
    area: tuple[float, float] = (0.03, 0.3)
    scene_factor: float = 0.0  # as size_factor, of scenes that are shrunk before they are forged
    distortion: str = ""  # a key of `distortions.DISTORTIONS`
    amount: float = 0.0  # in the distortion's unit

    def recipe(self, sources: tuple[str, ...], count: int, size_px: int) -> Recipe:
        """The forging recipe at a profile's photos, count and size."""
        return Recipe(
            kinds=self.kinds,
            sources=sources,
            part=self.part,
            count=round(count * self.count_factor),
            size_px=round(size_px * self.size_factor),
            seed=self.seed,
            jpeg_quality=self.jpeg_quality,
            cameras=self.cameras,
            area=self.area,
            inpainters=self.inpainters,
            leaves=self.leaves,
            scene_px=round(size_px * self.scene_factor) or None,
        )


DISGUISES = {  # ManTra-Net, fig. 4b; units are those of `distortions.DISTORTIONS`
    "resize": (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3),
    "jpeg": (100, 90, 80, 70, 60, 50),
    "blur_edges": (3, 5, 7, 9, 11),
}
REGENERATIONS = {"stylise": (1,), "correlated_noise": (20,)}  # ManTra-Net, fig. 6a and 6b
DEGRADATIONS = {  # PSCC-Net, tables VI and VII
    "resize": (0.78, 0.25),
    "blur": (3, 15),
    "noise": (3, 15),
    "jpeg": (100, 50),
    "mixed": (1,),
}

SENSITIVITY = {  # operations of ManTra-Net's fig. 4a
    "blurring": ("GaussianBlur", "BoxBlur", "MedianBlur"),
    "noise": ("GaussianNoise", "UniformNoise", "ImpulseNoise"),
    "compression and resampling": ("JPEGCompress", "WEBPCompress", "LINEARResize"),
}

_BENCHMARKS = (
    StandIn(
        "like_columbia",
        ("splice",),
        "Columbia: splices of photos that two cameras took",
        "uncompressed files, straight-edged regions, Columbia's scenes",
        cameras=True,
        size_factor=2.0,
        seed=1001,
    ),
    StandIn(
        "like_coverage",
        ("copy_move",),
        "COVERAGE: copy-moves",
        "the genuine look-alike objects beside the copies",
        size_factor=4.0,
        seed=1002,
    ),
    StandIn(
        "like_casia",
        ("splice", "copy_move"),
        "CASIA: splices and copy-moves, JPEG",
        "hand-cut objects and their retouching",
        jpeg_quality=(75, 100),
        size_factor=4.0,
        seed=1003,
    ),
    StandIn(
        "like_nist16",
        ("splice", "copy_move", "removal"),
        "NIST16: three kinds at a larger size",
        "megapixels, near-duplicate scenes, careful hiding of traces",
        jpeg_quality=(90, 100),
        size_factor=5.0,
        count_factor=0.5,
        area=(0.02, 0.15),
        seed=1004,
    ),
    StandIn(
        "like_imd20",
        ("compound", "removal"),
        "IMD2020: chained edits, recompressed",
        "people's intentions; edits by hand",
        jpeg_quality=(60, 95),
        size_factor=4.0,
        seed=1005,
    ),
    StandIn(
        "like_casia_d",
        ("splice", "pristine", "copy_move", "pristine"),
        "CASIA-D without its file-format confound: forged and authentic share one history",
        "hand-cut objects",
        jpeg_quality=(75, 100),
        size_factor=4.0,
        seed=1006,
    ),
    StandIn(
        "like_psbattles",
        ("compound", "pristine"),
        "PS-Battles: chained edits against pristine photos, image level",
        "artists' work: whole scenes, text, faces",
        jpeg_quality=(70, 95),
        size_factor=4.0,
        count_factor=2.0,
        seed=1007,
    ),
    StandIn(
        "inpainting",
        ("removal",),
        "inpainting by methods that training never saw (biharmonic, Poisson cloning)",
        "learned inpainting such as partial convolutions",
        inpainters=("biharmonic", "cloned"),
        seed=1008,
    ),
)

_ABLATIONS = (
    *(
        StandIn(f"four_kinds/{kind}", (kind,), f"ManTra-Net's synthetic {kind} test split", seed=n)
        for n, kind in enumerate(FOUR_KINDS, start=1020)
    ),
    StandIn("operations", ("operation",), "the IMC test split", count_factor=5.0, seed=1030),
    StandIn(
        "operations_train",
        ("operation",),
        "a piece of the IMC training split",
        count_factor=5.0,
        part="train",
        seed=0,  # the training set's own: a sample depends on recipe and number alone
    ),
    replace(
        next(s for s in _BENCHMARKS if s.name == "like_nist16"),
        name="like_nist16_train",
        stands_for="a piece of the training images of a run on NIST16's stand-in",
        part="train",
        seed=0,
        size_factor=2.0,
        count_factor=4.0,
    ),
    StandIn(
        "cameras",
        ("camera",),
        "the Kaggle camera set: ten virtual cameras",
        "real sensors, lenses and firmware",
        count_factor=4.0,
        size_factor=2.0,
        seed=1031,
    ),
    StandIn(
        "two_regions",
        ("two_regions",),
        "images with two regions altered differently",
        size_factor=2.0,
        seed=1032,
    ),
)

_SIZES = tuple(
    StandIn(
        f"sizes/{factor}",
        ("splice", "copy_move", "removal"),
        f"forgeries of {factor} times the side of the training images (PSCC-Net, sec. IV-A3)",
        size_factor=float(factor),
        count_factor=0.75,
        seed=1060 + factor,
    )
    for factor in (1, 2, 4)
)

_COPIES = StandIn(
    "copies",
    ("copy_and_source", "pristine"),
    "copies whose sources are known, to see where a network looks (PSCC-Net, fig. 9)",
    size_factor=2.0,
    seed=1065,
)

_SEVERAL_COPIES = StandIn(
    "several_copies",
    ("several_copies",),
    "one object copied three times at three scales (PSCC-Net, fig. 11)",
    "people's reasons to copy something; copies that touch or are retouched",
    size_factor=4.0,
    area=(0.01, 0.03),
    seed=1070,
)

_SCENES = tuple(
    StandIn(
        f"scenes/{factor}",
        ("splice", "copy_move"),
        "the same scenes and regions at several sizes, each forged at its own (ManTra-Net, "
        "sec. 5.3); by the side of the training images of ablations",
        "photos that were taken at that size: smaller ones are shrunk before they are forged",
        size_factor=float(factor),
        scene_factor=5.0,
        seed=1071,  # one for all: a scene is drawn by its number alone
    )
    for factor in (1, 2, 4, 5)
)

_MAJORITY = StandIn(
    "majority",
    ("enhancement",),
    "images of which mostly more than half is forged; masks are negated above one half",
    area=(0.6, 0.85),
    seed=1041,
)

_CHOOSING = StandIn(
    "choosing",
    ("splice", "compound", "copy_move", "removal"),
    "photos from cameras and edits that training lacks; it chooses checkpoints and is no test",
    cameras=True,
    jpeg_quality=(60, 100),
    area=(0.02, 0.2),
    part="valid",
    seed=1050,
)

_CHOOSING_BOTH = replace(
    _CHOOSING,
    name="choosing_with_pristine",
    kinds=(*_CHOOSING.kinds, "pristine"),
    stands_for=f"{_CHOOSING.stands_for}; for networks that score images too",
    seed=1051,
)

_MIXED = StandIn("four_kinds", FOUR_KINDS, "ManTra-Net's four synthetic kinds, mixed", seed=1040)

_DISTORTED = tuple(
    replace(base, name=f"{base.name}/{how}={amount:g}", distortion=how, amount=float(amount))
    for names, amounts_of in (
        (("four_kinds",), DISGUISES),
        (("four_kinds",), REGENERATIONS),
        (("like_columbia", "like_nist16", "like_casia_d"), DEGRADATIONS),
    )
    for base in (*_BENCHMARKS, _MIXED)
    if base.name in names
    for how, amounts in amounts_of.items()
    for amount in amounts
)

_SENSITIVITY = tuple(
    StandIn(
        f"sensitivity/{op.operation}/{op.parameter}",
        ("enhancement",),
        f"regions altered by {op.operation} {op.parameter}",
        leaves=(op.leaf,),
        count_factor=0.5,
        seed=1100 + op.leaf,
    )
    for op in manipulations.OPERATIONS
    if any(op.operation in names for names in SENSITIVITY.values())
    and (op.leaf % 3 == 0 or op.parameter in ("k=3", "Q=100"))
)

SETS: dict[str, StandIn] = {
    s.name: s
    for s in (
        *(*_BENCHMARKS, *_ABLATIONS, _MAJORITY, _CHOOSING, _CHOOSING_BOTH, _MIXED),
        *(*_SIZES, _COPIES, _SEVERAL_COPIES, *_SCENES),
        *(*_DISTORTED, *_SENSITIVITY),
    )
}


def stand_in(name: str) -> StandIn:
    """The stand-in called ``name``.

    Raises:
        RegistryError: there is none of that name.
    """
    if name not in SETS:
        shown = ", ".join(n for n in SETS if "/" not in n)
        raise RegistryError(f"There is no stand-in test set {name!r}. Choose from {shown}.")
    return SETS[name]
