"""PSCC-Net (Liu, Liu, Chen, Liu, TCSVT 2022): its runs, tables, figures and claims."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from .. import figures, tables
from ..claims import above, close, higher, separates
from ..registry import Claim, Figure, Run, Source
from ..standins import DEGRADATIONS
from ..tables import Sources

PAPER = "pscc_net"

# Runs ------------------------------------------------------------------------------------------

KINDS = ("splice", "copy_move", "removal", "pristine")  # sec. III-D, balanced
BENCHMARKS = {  # published column: (stand-in, real set)
    "Columbia": ("like_columbia", "columbia"),
    "Coverage": ("like_coverage", "coverage"),
    "CASIA": ("like_casia", "casia1"),
    "NIST16": ("like_nist16", "nist16"),
    "IMD20": ("like_imd20", "imd2020"),
}
_FOUR = tuple(BENCHMARKS[name][0] for name in ("Columbia", "Coverage", "CASIA", "NIST16"))
DISTORTED = {  # published column: what is added to a set's name
    "Resize 0.78x": "/resize=0.78",
    "Resize 0.25x": "/resize=0.25",
    "GSBlur k=3": "/blur=3",
    "GSBlur k=15": "/blur=15",
    "GSNoise sigma=3": "/noise=3",
    "GSNoise sigma=15": "/noise=15",
    "JPEGComp q=100": "/jpeg=100",
    "JPEGComp q=50": "/jpeg=50",
    "Mixed": "/mixed=1",
    "w/o distortion": "",
}
assert len(DISTORTED) == 1 + sum(map(len, DEGRADATIONS.values()))
ABLATIONS = {  # published row: (run, what differs)
    "w/o CA+SA": ("no-ca-sa", {"spatial": False, "channelwise": False}),
    "w/o SA": ("no-sa", {"spatial": False}),
    "w/o CA": ("no-ca", {"channelwise": False}),
    "w/o FS": ("no-fs", {"shared": False}),
    "PSCC-Net": ("full", {}),
}
EARLY = {f"Mask {scale}": (f"mask-{scale}", {"last_scale": scale}) for scale in (4, 3, 2)}
TUNED = {"Coverage": "like_coverage", "CASIA": "like_casia", "NIST16": "like_nist16"}
TUNED_REAL = {"Coverage": "coverage", "NIST16": "nist16"}  # CASIA v1 is for evaluation only
TUNING = {f"tuned-{column.lower()}": (name, name) for column, name in TUNED.items()} | {
    f"tuned-{column.lower()}-real": (name, f"{name}/test") for column, name in TUNED_REAL.items()
}  # run: (what it is trained on, what it is tested on)


def _robustness(*sets: str) -> tuple[str, ...]:
    return tuple(f"{name}{how}" for name in sets for how in DISTORTED.values() if how)


_RELEASED_TESTS = (
    *(name for pair in BENCHMARKS.values() for name in pair),
    "like_casia_d",
    *_robustness("like_columbia", "like_nist16", "like_casia_d"),
)

RUNS = (
    *(Run(f"{PAPER}/{name}", PAPER, config, KINDS, _FOUR) for name, config in ABLATIONS.values()),
    *(
        Run(f"{PAPER}/{name}", PAPER, config, (), _FOUR, init_from=f"{PAPER}/full")
        for name, config in EARLY.values()
    ),
    Run(
        f"{PAPER}/released",
        PAPER,
        {},
        KINDS,
        _RELEASED_TESTS,
        jpeg_quality=(70, 100),
        chosen_on="choosing",
        keep=True,
        long=True,
    ),
    *(
        Run(
            f"{PAPER}/{name}",
            PAPER,
            {},
            (),
            (test,),
            init_from=f"{PAPER}/released",
            init_rate=0.5,  # sec. IV-B2: 1e-4 in place of 2e-4
            trained_on=trained_on,
            long=True,
        )
        for name, (trained_on, test) in TUNING.items()
    ),
)

# Tables ----------------------------------------------------------------------------------------

_AUC = "pixel AUC per image, mean, forged images alone"
_F1 = "pixel F1 at the threshold of equal error rates, all pixels of a set together"


def _one(run: str, set: str, column: str, scale: float = 100.0) -> tuple[Source]:
    return (Source(run if "/" in run else f"{PAPER}/{run}", set, column, scale),)


def _both(run: str, benchmark: str, column: str) -> tuple[Source, ...]:
    stand_in, real = BENCHMARKS[benchmark]
    at_real = Source(f"{PAPER}/{run}", real, column, real=True)
    return (at_real, *_one(run, stand_in, column))


def _table_1() -> Sources:
    cells: Sources = {}
    names = {"NIST": "NIST16"}
    for row in ("Columbia", "Coverage", "CASIA", "NIST", "IMD20"):
        stand_in, _ = BENCHMARKS[names.get(row, row)]
        key = (row, "Pre-trained # Test", "images")
        cells[key] = _one("released", stand_in, "image_count", 1.0)
    return cells


def _table_2() -> Sources:
    cells: Sources = {}
    for column, (stand_in, _) in BENCHMARKS.items():
        key = ("PSCC-Net", column, "pixel AUC, pre-trained")
        cells[key] = _both("released", column, "pixel_auc")
        key = ("ManTra-Net [11]", column, "pixel AUC, pre-trained")
        cells[key] = _one("mantranet/released", stand_in, "pixel_auc")
    return cells


def _table_3() -> Sources:
    cells: Sources = {}
    for column in TUNED:
        key = ("PSCC-Net", column, "pixel AUC, fine-tuned")
        cells[key] = _tuned(column, "pixel_auc")
        key = ("PSCC-Net", column, "pixel F1, fine-tuned, EER threshold")
        cells[key] = _tuned(column, "pixel_f1_at_eer_pooled")
    return cells


def _tuned(benchmark: str, column: str) -> tuple[Source, ...]:
    run = f"tuned-{benchmark.lower()}"
    stand_in = _one(run, TUNED[benchmark], column)
    if benchmark not in TUNED_REAL:
        return stand_in
    at_real = Source(f"{PAPER}/{run}-real", f"{TUNED_REAL[benchmark]}/test", column, real=True)
    return (at_real, *stand_in)


_DETECTION = {  # published column: (metric, column of ours)
    "AUC": ("image AUC", "image_auc"),
    "F1": ("image F1, EER threshold", "image_f1_at_eer"),
    "EER": ("equal error rate (lower is better)", "image_eer"),
    "TPR1%": ("true positive rate at 1 % false positive rate", "image_tpr_at_1_percent_fpr"),
}


def _table_4() -> Sources:
    cells: Sources = {}
    for column, (metric, ours) in _DETECTION.items():
        for row, run, ending in (
            ("ManTra-Net [11]", "mantranet/released", "_of_mean"),
            ("PSCC-Net (dagger: mean of the mask)", "released", "_of_mean"),
            ("PSCC-Net", "released", ""),
        ):
            cells[row, column, metric] = _one(run, "like_casia_d", ours + ending)
    return cells


def _table_5() -> Sources:
    cells: Sources = {}
    for row, (run, _) in (EARLY | ABLATIONS).items():
        for column in ("Columbia", "Coverage", "CASIA", "NIST16"):
            stand_in, _ = BENCHMARKS[column]
            cells[row, column, "pixel AUC, pre-trained"] = _one(run, stand_in, "pixel_auc")
            key = (row, column, "pixel F1, pre-trained, EER threshold")
            cells[key] = _one(run, stand_in, "pixel_f1_at_eer_pooled")
        key = (row, "Runtime", "run time relative to PSCC-Net")
        cells[key] = _one(run, "run", "relative_time", 1.0)
    return cells


def _table_6() -> Sources:
    cells: Sources = {}
    for name, stand_in in (("Columbia", "like_columbia"), ("NIST16", "like_nist16")):
        for method, run in (("ManTraNet [11]", "mantranet/released"), ("PSCC-Net", "released")):
            for column, how in DISTORTED.items():
                key = (f"{name}: {method}", column, "pixel AUC, pre-trained")
                cells[key] = _one(run, stand_in + how, "pixel_auc")
    return cells


def _table_7() -> Sources:
    cells: Sources = {}
    for row, how in DISTORTED.items():
        for column in ("AUC", "F1"):
            metric, ours = _DETECTION[column]
            cells[row, column, metric] = _one("released", f"like_casia_d{how}", ours)
    return cells


_table = partial(tables.table, PAPER)

TABLES = (
    _table("I", "Test sets and splits", "images of our stand-in", _table_1(), "a quoted fact"),
    _table("II", "Pre-trained localization AUC", _AUC, _table_2()),
    _table("III", "Fine-tuned AUC and F1", f"{_AUC}; {_F1}", _table_3()),
    _table(
        "IV",
        "Detection with and without the head",
        "image AUC, F1 and rates of forged against authentic; stand-in for CASIA-D without its "
        "file-format confound",
        _table_4(),
    ),
    _table(
        "V",
        "Ablation",
        f"{_AUC}; {_F1}; run time of one forward at 256 px and the paper's width",
        _table_5(),
    ),
    _table("VI", "Localization robustness", _AUC, _table_6()),
    _table("VII", "Detection robustness", "image AUC; image F1 at equal error rates", _table_7()),
)

# Figures ---------------------------------------------------------------------------------------

_STAND_INS = tuple(stand_in for stand_in, _ in BENCHMARKS.values())
_EXAMPLES = ("four_kinds/splice", "four_kinds/copy_move", "four_kinds/removal")
_PARTS = (
    *("backbone.conv1", "backbone.conv2", "backbone.layer1"),
    *(f"backbone.stage{number}" for number in (2, 3, 4)),
    *(f"masks.getmask{scale}" for scale in (4, 3, 2, 1)),
    "head",
)
_CORRELATION = tuple(
    f"masks.getmask3.{name}" for name in ("theta", "phi", "g", "W_s", "W_c", "getmask")
)


def _job(profile_name: str, id: str = f"{PAPER}/released") -> Any:
    from . import job

    return job(id, profile_name)


def _scales(sets: tuple[str, ...]) -> Callable[[str], dict[str, Any]]:
    def data(profile_name: str) -> dict[str, Any]:
        from .. import pictures

        job = _job(profile_name)
        shown = pictures.rows(job, sets, 1)
        del shown["prediction"]
        return shown | pictures.masks_over_scales(job, shown["image"])

    return data


def _against(sets: tuple[str, ...], each: int) -> Callable[[str], dict[str, Any]]:
    def data(profile_name: str) -> dict[str, Any]:
        from .. import pictures

        shown = pictures.rows(_job(profile_name), sets, each)
        shown["PSCC-Net"] = shown.pop("prediction")
        theirs = _job(profile_name, "mantranet/released")
        return shown | {"ManTra-Net": pictures.maps(theirs, shown["image"])}

    return data


def _failures(profile_name: str) -> dict[str, Any]:
    """The three of sixteen real-life-like edits that are found worst."""
    import torch

    from .. import metrics

    shown = _against(("like_imd20",), 16)(profile_name)
    maps = (torch.from_numpy(shown[name])[:, None] for name in ("PSCC-Net", "mask"))
    auc = metrics.pixel_auc_per_image(*(m.float() if m.dtype != torch.bool else m for m in maps))
    worst = auc.argsort()[:3].numpy()
    return {name: values[worst] for name, values in shown.items()}


def _architecture(shown: tuple[str, ...]) -> Callable[[str], dict[str, Any]]:
    def data(profile_name: str) -> dict[str, Any]:
        import torch

        from .. import pictures
        from ..papers.pscc_net import Config, Model

        return pictures.steps(Model(Config()).eval(), torch.rand(1, 3, 64, 64), shown)

    return data


def _training_data(profile_name: str) -> dict[str, Any]:
    from .. import pictures

    forged = pictures.packaged("like_casia_d", 4)
    removed = pictures.packaged("four_kinds/removal", 2)
    images = np.concatenate([forged.images[:3], removed.images[:1]])
    masks = np.concatenate([forged.regions[:3], removed.regions[:1]]) > 0
    return {"rows": np.array(KINDS)[[0, 3, 1, 2]], "image": images, "mask": masks}


def _roc(profile_name: str) -> dict[str, Any]:
    curves = {}
    for name, run, column in (
        ("ManTra-Net", "mantranet/released", "mean_of_map"),
        ("PSCC-Net, mean of the mask", f"{PAPER}/released", "mean_of_map"),
        ("PSCC-Net, head", f"{PAPER}/released", "score"),
    ):
        rows = tables.scored(profile_name, run, "like_casia_d", column)
        label = rows["forged_share"].to_numpy() > 0
        order = np.argsort(-rows[column].to_numpy(), kind="stable")
        found = np.cumsum(np.stack([~label[order], label[order]]), 1)
        curves[name] = found / found[:, -1:]
    return curves


def _draw_roc(data: dict[str, Any]) -> Any:
    figure, axes = figures.new(1, 1, (5, 4.5))
    lines = {name: (curve[0], curve[1]) for name, curve in data.items()}
    labels = {"xlabel": "false positive rate", "ylabel": "true positive rate"}
    figures.curves(axes[0, 0], lines, title="detection on like_casia_d", **labels)
    return figure


def _correlations(profile_name: str) -> dict[str, Any]:
    from .. import pictures

    shown = _training_data(profile_name)
    rng = np.random.default_rng(0)
    points = np.stack([_points(mask, rng) for mask in shown["mask"]])
    found = pictures.responses(_job(profile_name), shown["image"], points)
    named = {f"P{n + 1}": found["response"][:, n] for n in range(points.shape[1])}
    return shown | {"points": points} | named | {"X": found["X"], "Y_c": found["Y_c"]}


def _points(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two forged pixels and a pristine one; three pristine ones where none is forged."""
    inside, outside = np.argwhere(mask), np.argwhere(~mask)
    first = rng.choice(inside if len(inside) else outside, 2)
    return np.concatenate([first, rng.choice(outside, 1)])


def _figure(number: int, caption: str, needs: tuple[str, ...], data: Any, draw: Any) -> Figure:
    return Figure(f"{PAPER}/figure-{number}", f"Figure {number}", caption, needs, data, draw)


def _grid(*columns: str) -> Callable[[dict[str, Any]], Any]:
    return lambda data: figures.grid(data, columns)


_OWN, _BOTH = (f"{PAPER}/released",), (f"{PAPER}/released", "mantranet/released")
_MASKS = _grid("image", "mask", "mask4", "mask3", "mask2", "mask1")
_COMPARED = _grid("image", "mask", "ManTra-Net", "PSCC-Net")

FIGURES = (
    _figure(1, "Three examples, masks from coarse to fine", _OWN, _scales(_EXAMPLES), _MASKS),
    _figure(
        2,
        "Architecture, drawn from the live modules",
        (),
        _architecture(_PARTS),
        lambda data: figures.architecture(data, "PSCC-Net"),
    ),
    _figure(
        3,
        "Spatio-channel correlation at scale 3, drawn from the live modules",
        (),
        _architecture(_CORRELATION),
        lambda data: figures.architecture(data, "SCCM"),
    ),
    _figure(4, "Training data", (), _training_data, _grid("image", "mask")),
    _figure(
        5,
        "Masks on four stand-ins (SPAN is not re-run and left out)",
        _BOTH,
        _against(_STAND_INS[:4], 2),
        _COMPARED,
    ),
    _figure(
        6,
        "Masks on chained edits (SPAN is not re-run and left out)",
        _BOTH,
        _against(("like_imd20",), 4),
        _COMPARED,
    ),
    _figure(7, "ROC of detection (SPAN is not re-run and left out)", _BOTH, _roc, _draw_roc),
    _figure(
        8,
        "Masks on forged and pristine images (SPAN is not re-run and left out)",
        _BOTH,
        _against(("like_casia_d",), 4),
        _COMPARED,
    ),
    _figure(
        9,
        "What three pixels look at, and a channel before and after",
        _OWN,
        _correlations,
        _grid("image", "mask", "P1", "P2", "P3", "X", "Y_c"),
    ),
    _figure(10, "Masks over scales", _OWN, _scales(_STAND_INS), _MASKS),
    _figure(
        11,
        "Failures: the worst of sixteen (SPAN is not re-run and left out)",
        _BOTH,
        _failures,
        _COMPARED,
    ),
)

# Claims ----------------------------------------------------------------------------------------


def _of(run: str, set: str, column: str = "pixel_auc") -> Source:
    return _one(run, set, column)[0]


def _ordered(runs: tuple[str, ...]) -> tuple[tuple[Source, Source], ...]:
    """Each run against the one before it, on each set of the ablation."""
    return tuple((_of(b, s), _of(a, s)) for a, b in pairwise(runs) for s in _FOUR)


JUDGES: dict[str, Any] = {
    "C4": higher(
        *((_of("released", s), _of("mantranet/released", s)) for s in _STAND_INS if s != _FOUR[1])
    ),
    "C5": higher((_of("released", "like_coverage"), _of("mantranet/released", "like_coverage"))),
    "C9": higher(
        *((_of(f"tuned-{c.lower()}", s), _of("released", s)) for c, s in TUNED.items()), by=0.0
    ),
    "C14": separates(50.0, f"{PAPER}/released", "like_casia_d"),
    "C21": higher(*_ordered(("mask-4", "mask-3", "mask-2", "full"))),
    "C23": close(2.0, *(_of(run, "like_columbia") for run in ("mask-3", "full"))),
    "C26": higher(
        *((_of(run, s), _of("no-ca-sa", s)) for run in ("no-sa", "no-ca") for s in _FOUR)
    ),
    "C27": higher(*((_of("no-ca", s), _of("no-sa", s)) for s in _FOUR)),
    "C28": higher(*((_of("full", s), _of("no-fs", s)) for s in _FOUR)),
    "C29": higher(
        *(
            (_of("released", s + how), _of("mantranet/released", s + how))
            for s in ("like_columbia", "like_nist16")
            for how in DISTORTED.values()
        )
    ),
    "C32": above(50.0, *(_of("released", f"like_casia_d{how}") for how in DISTORTED.values())),
}

CLAIMS = tuple(
    Claim(**row, judge=JUDGES.get(row["id"].split("-")[1])) for row in tables.claims(PAPER)
)
