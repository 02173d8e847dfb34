"""ManTra-Net (Wu, AbdAlmageed, Natarajan, CVPR 2019): its runs, tables, figures and claims."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from .. import figures, published_times, registry, splits, tables
from ..claims import (
    Judge,
    above,
    below,
    both,
    close,
    half_gain,
    half_way,
    higher,
    keeps,
    linear,
    listed,
    loses,
    narrower,
    recorded,
    resampled,
    rising,
    series,
    slower_than_pixels,
    unjudged,
)
from ..distortions import CORRELATION_PX, DISTORTIONS
from ..manipulations import HIERARCHY, class_names
from ..realsets import SPECS
from ..registry import Run, Source
from ..resampling import Drawn, drawn_gaps, host_weights, values
from ..standins import DEGRADATIONS, DISGUISES, FOUR_KINDS, REGENERATIONS, SENSITIVITY, SETS
from ..tables import Settings, Sources
from ..verdicts import CHANCE_AUC, FAILED, HELD

PAPER = "mantranet"

# Runs ------------------------------------------------------------------------------------------

_IMC_TESTS = ("operations", "operations_train", "cameras", "kcmi")
_GRID = {"decision_stride": 4}  # a sixteenth of the pixels decides: as good, several times faster
_PLAIN = {"wider": False, "deeper": False}


def _imc(name: str, **config: Any) -> Run:
    return Run(f"{PAPER}/imc-{name}", "mantranet.imc", _GRID | config, ("operation",), _IMC_TESTS)


def _ladn(name: str, tests: tuple[str, ...] = (), **fields: Any) -> Run:
    config = fields.pop("config", {})
    start = fields.pop("init_from", f"{PAPER}/imc-wd")
    four = tuple(f"four_kinds/{kind}" for kind in FOUR_KINDS)
    return Run(
        f"{PAPER}/{name}", "mantranet", config, FOUR_KINDS, four + tests, init_from=start, **fields
    )


BACKBONES = {"IMC-VGG": "vgg", "IMC-ResNet": "resnet", "IMC-DnCNN": "dncnn"}
FIRST_LAYERS = {
    "Conv2D (3,3)": ("vgg", "conv3"),
    "Conv2D (5,5)": ("conv5", "conv5"),
    "BayarConv2D": ("bayar", "bayar"),
    "SRMConv2D": ("srm", "srm"),
    "Combined": ("combined", "combined"),
}
LEVELS = ("combined", "hl1", "hl2", "hl3", "hl4", "hl5")  # run names, by hierarchy level
DEPTHS = {"Baseline": "hl5", "Wider (W)": "w", "Deeper (D)": "d", "W&D": "wd"}
FEATURES = {
    "D_F": "ladn-d",
    "Z_F": "ladn-z",
    "FAC([Z^7x7, Z_F])": "ladn-fac-7",
    "FAC([Z^7x7, Z^15x15, Z_F])": "ladn-fac-7-15",
    "FAC([Z^7x7, Z^15x15, Z^31x31, Z_F])": "ladn-fac-7-15-31",
    "TAC([Z^7x7, Z^15x15, Z^31x31, Z_F])": "ladn-tac-7-15-31",
}
KIND_COLUMNS = dict(zip(("Splicing", "CopyMove", "Removal", "Enhance"), FOUR_KINDS, strict=True))
SETTINGS = {
    "Fully Random (FR)": "fully-random",
    "Half Freeze (HF)": "ladn-tac-7-15-31",
    "Half Random (HR)": "half-random",
}
BENCHMARKS = {  # published column: (stand-in, real set)
    "NIST": ("like_nist16", "nist16"),
    "Columbia": ("like_columbia", "columbia"),
    "COVERAGE": ("like_coverage", "coverage"),
    "CASIA": ("like_casia", "casia1"),
}
STAND_INS = tuple(stand_in for stand_in, _ in BENCHMARKS.values())
DISGUISED = tuple(
    f"four_kinds/{how}={n:g}" for how, ns in (DISGUISES | REGENERATIONS).items() for n in ns
)
CLASSICAL = {"ELA [29]": "ela", "NOI1 [34]": "noi1", "CFA1 [22]": "cfa1"}

_OUT_OF_DOMAIN = ("inpainting", "like_psbattles", "two_regions")
_TABLE_8 = tuple(name for pair in BENCHMARKS.values() for name in pair)
_RELEASED_TESTS = (
    *_TABLE_8,
    "like_imd20",
    "like_casia_d",
    "several_copies",
    *(name for name in SETS if name.startswith("scenes/")),
    "majority",
    *_OUT_OF_DOMAIN,
    "four_kinds",
    *DISGUISED,
    *(name for name in SETS if name.startswith("sensitivity/")),
    *(  # PSCC-Net's table VI holds its own against these
        f"{name}/{how}={n:g}"
        for name in ("like_columbia", "like_nist16")
        for how, ns in DEGRADATIONS.items()
        for n in ns
    ),
)

RUNS = (
    *(
        _imc(name, **_PLAIN, backbone=name, first_layer="conv3", level=0)
        for name in BACKBONES.values()
    ),
    *(
        _imc(name, **_PLAIN, first_layer=layer, level=0)
        for name, layer in FIRST_LAYERS.values()
        if name != "vgg"
    ),
    *(_imc(f"hl{level}", **_PLAIN, level=level) for level in range(1, 6)),
    _imc("w", wider=True, deeper=False),
    _imc("d", wider=False, deeper=True),
    Run(
        f"{PAPER}/imc-wd",
        "mantranet.imc",
        _GRID,
        ("operation",),
        (*_IMC_TESTS, "four_kinds/enhancement"),
        keep=True,
    ),
    _ladn("ladn-d", config={"deviation": "raw", "windows": (), "stack": "channel"}, frozen=True),
    _ladn("ladn-z", ("two_regions",), config={"windows": (), "stack": "channel"}, frozen=True),
    _ladn("ladn-fac-7", config={"windows": (7,), "stack": "channel"}, frozen=True),
    _ladn("ladn-fac-7-15", config={"windows": (7, 15), "stack": "channel"}, frozen=True),
    _ladn("ladn-fac-7-15-31", ("two_regions",), config={"stack": "channel"}, frozen=True),
    _ladn("ladn-tac-7-15-31", _OUT_OF_DOMAIN, frozen=True),
    _ladn("fully-random", _OUT_OF_DOMAIN, init_from=None),
    _ladn("half-random", _OUT_OF_DOMAIN, init_rate=0.5),
    _ladn(
        "released",
        _RELEASED_TESTS,
        init_rate=0.5,
        jpeg_quality=(70, 100),
        chosen_on="choosing",
        keep=True,
        long=True,
    ),
    *(Run(f"{PAPER}/{name}", f"baseline.{name}", {}, (), _TABLE_8) for name in CLASSICAL.values()),
)

# Tables ----------------------------------------------------------------------------------------


def _one(run: str, set: str, column: str, scale: float = 100.0) -> tuple[Source]:
    return (Source(f"{PAPER}/{run}", set, column, scale),)


def _cameras(run: str) -> tuple[Source, ...]:
    sets = {"cameras": False, "kcmi": True}
    return tuple(
        Source(f"{PAPER}/{run}", name, "camera_correct", real=real) for name, real in sets.items()
    )


_TRAIN, _VALID = "IMC-7 training accuracy", "IMC-7 validation accuracy"
_KCMI = "camera identification accuracy (KCMI, KNN K=7)"


def _imc_cells(column: str, run: str, kcmi_row: str) -> Sources:
    return {
        ("IMC-7 Train Acc.", column, _TRAIN): _one(run, "operations_train", "correct_0"),
        ("IMC-7 Valid Acc.", column, _VALID): _one(run, "operations", "correct_0"),
        (kcmi_row, column, _KCMI): _cameras(run),
    }


def _table_2() -> Sources:
    cells: Sources = {}
    for column, name in BACKBONES.items():
        cells |= _imc_cells(column, f"imc-{name}", "KCMI Test Acc")
        key = ("#Param.", column, "number of parameters")
        cells[key] = _one(f"imc-{name}", "run", "paper_parameters", 1e-3)
        key = ("#Conv2D", column, "number of Conv2D layers")
        cells[key] = _one(f"imc-{name}", "run", "conv_layers", 1.0)
    return cells


def _table_3() -> Sources:
    cells: Sources = {}
    for column, (name, _) in FIRST_LAYERS.items():
        cells |= _imc_cells(column, f"imc-{name}", "KCMI Test Acc.")
    return cells


def _first_layer(name: str, told: Callable[[Any], str]) -> Callable[[str], str]:
    """What a run's first layer is, told of its parts: free, SRM and Bayar maps."""
    return lambda profile_name: told(_job(f"imc-{name}", profile_name).build().trace.first.parts)


def _maps(parts: Any) -> str:
    return "+".join(str(len(part.weight)) for part in parts)


def _kernels(parts: Any) -> str:
    return ", ".join(sorted({f"({h},{w})" for h, w in (p.weight.shape[-2:] for p in parts)}))


def _settings_3() -> Settings:
    """Our first layers at the profile's width, which does not narrow SRM and Bayar maps."""
    told = {("#Filters", "number of filters"): _maps, ("Kernel Size", "kernel size"): _kernels}
    return {
        (row, column, metric): _first_layer(name, tell)
        for (row, metric), tell in told.items()
        for column, (name, _) in FIRST_LAYERS.items()
    }


def _table_4() -> Sources:
    cells: Sources = {}
    for level, name in enumerate(LEVELS):
        column = f"HL{level}"
        for coarse, classes in enumerate((7, 25, 49, 96, 185, 385)[: level + 1]):
            key = (f"IMC-{classes} Valid. Acc.", column, f"IMC-{classes} validation accuracy")
            cells[key] = _one(f"imc-{name}", "operations", f"correct_{coarse}")
        cells["KCMI Test Acc.", column, _KCMI] = _cameras(f"imc-{name}")
        key = ("# IMC Classes", column, "number of classes")
        cells[key] = _one(f"imc-{name}", "run", "classes", 1.0)
    return cells


def _table_5() -> Sources:
    cells: Sources = {}
    for column, name in DEPTHS.items():
        for k in (1, 3, 5, 10):
            key = (f"IMC-385 Top-{k}", column, f"IMC-385 validation top-{k} accuracy")
            cells[key] = _one(f"imc-{name}", "operations", f"top_{k}")
        cells["KCMI Test Acc", column, _KCMI] = _cameras(f"imc-{name}")
        key = ("#Conv2D", column, "number of Conv2D layers")
        cells[key] = _one(f"imc-{name}", "run", "conv_layers", 1.0)
        key = ("#Receptive Filed", column, "receptive field")
        cells[key] = _one(f"imc-{name}", "run", "receptive_field_px", 1.0)
    return cells


def _table_6() -> Sources:
    cells: Sources = {}
    for row, name in FEATURES.items():
        sets = {c: f"four_kinds/{k}" for c, k in KIND_COLUMNS.items()} | {"Overall": "four_kinds/*"}
        for column, set in sets.items():
            key = (row, column, "validation pixel F1")
            cells[key] = _one(name, set, "pixel_f1_best_per_set")
    return cells


def _table_7() -> Sources:
    cells: Sources = {}
    for row, name in SETTINGS.items():
        key = (row, "Testing F1", "pixel F1 on the synthetic test split")
        cells[key] = _one(name, "four_kinds/*", "pixel_f1_best_per_set")
        key = (row, "[31] F1", "pixel F1 on partial-convolution inpainting (out of domain)")
        cells[key] = _one(name, "inpainting", "pixel_f1_best_per_set")
        key = (row, "[27] AUC", "image-level AUC on PS-Battles, score = mean of the map")
        cells[key] = _one(name, "like_psbattles", "image_auc")
    return cells


def _table_8() -> Sources:
    cells: Sources = {}
    for row, name in (CLASSICAL | {"ManTra-Net": "released"}).items():
        for column, (stand_in, real) in BENCHMARKS.items():
            at_real = Source(f"{PAPER}/{name}", real, "pixel_auc_negated", real=True)
            sources = (at_real, *_one(name, stand_in, "pixel_auc_negated"))
            cells[row, column, "pixel AUC"] = sources
    return cells


def _settings_8() -> Settings:
    return {
        (row, column, "share of the data set used for training"): partial(_share_used, name, real)
        for row, name in (CLASSICAL | {"ManTra-Net": "released"}).items()
        for column, (_, real) in BENCHMARKS.items()
    }


def _share_used(name: str, real: str, profile_name: str) -> str:
    """Percent of a real set's forged images that a run, or one it starts from, was taught with."""
    from . import RUN_BY_ID

    run = RUN_BY_ID[f"{PAPER}/{name}"]
    if run.trained_on == real:
        return f"{100 * (1 - len(splits.held_out()[real]) / SPECS[real].forged):.0f}"
    start = run.init_from
    return _share_used(start.partition("/")[2], real, profile_name) if start else "0"


def _icons() -> int:
    """Cells of table 1 that are printed, but neither as text nor as a dash."""
    found = tables.published(PAPER)
    of_table = found[found["table"] == "Table 1"]
    return int(((of_table["value"] == "") & (of_table["note"] == "")).sum())


_F1 = "pixel F1 at the best threshold per set, pooled (the paper states no threshold)"
_ACCURACY = (
    "top-1 accuracy of the mean class probability over pixels, test photos; a coarser class has "
    "the sum of what it holds; "
    "cameras: KNN on the mean trace feature, ten virtual cameras stand in for KCMI"
)
_AUC = (
    "pixel AUC per image, mean, negated where more than half is forged; the published CASIA "
    "is v1+v2 (6,044 images), our real set is CASIA v1 (920)"
)


_table = partial(tables.table, PAPER)

TABLES = (
    _table(
        "1",
        "Earlier forgery detectors of four years",
        f"quoted facts, nothing to run; {_icons()} more cells hold icons, which are not quoted",
        {},
    ),
    _table(
        "2",
        "Three IMC backbones compared on seven families",
        f"{_ACCURACY}; parameters in thousands at the paper's width",
        _table_2(),
    ),
    _table("3", "First-layer choice", _ACCURACY, _table_3(), settings=_settings_3()),
    _table(
        "4",
        "IMC accuracy by hierarchy level",
        _ACCURACY,
        _table_4(),
        "a coarser model does not predict finer classes",
    ),
    _table(
        "5", "Wider and deeper IMC-385 networks", _ACCURACY.replace("top-1", "top-k"), _table_5()
    ),
    _table("6", "Anomaly features compared", _F1, _table_6()),
    _table(
        "7",
        "Three ways to train the trace features",
        f"{_F1}; image AUC of the mean of the map; stand-ins for [31] and [27]",
        _table_7(),
        "a setting, not a measurement",
    ),
    _table("8", "Against earlier methods", _AUC, _table_8(), settings=_settings_8()),
)

# Figures ---------------------------------------------------------------------------------------


def _job(name: str, profile_name: str) -> Any:
    from . import job

    return job(f"{PAPER}/{name}", profile_name)


def _examples(profile_name: str) -> dict[str, Any]:
    from .. import pictures

    data = pictures.rows(_job("released", profile_name), ("like_psbattles",), 8)
    return {key: values[::2][:3] for key, values in data.items()}  # every second one is pristine


def _architecture(profile_name: str) -> dict[str, Any]:
    from .. import pictures
    from ..papers.mantranet import Config

    return pictures.architecture(Config())


def _confusion(profile_name: str) -> dict[str, Any]:
    from .. import pictures

    matrix = confusion_matrix(profile_name)
    forged = pictures.packaged("four_kinds/enhancement", 4)
    maps = pictures.membership(_job("imc-wd", profile_name), forged)
    shown = {"image": forged.images[:], "mask": forged.regions[:] > 0, "membership": maps}
    return {"matrix": matrix, "names": pictures.class_names(), "rows": np.arange(4), **shown}


def confusion_matrix(profile_name: str) -> np.ndarray:
    """Share of each true HL1 class (down) that IMC-VGG-W&D says is each class (across)."""
    rows = tables.scored(profile_name, f"{PAPER}/imc-wd", "operations", "said_1")
    return _shares(*_level_1(rows))


def _level_1(rows: Any) -> tuple[np.ndarray, np.ndarray]:
    return HIERARCHY[1][rows["leaf"].astype(int)], rows["said_1"].to_numpy(int)


def _shares(true: np.ndarray, said: np.ndarray) -> np.ndarray:
    counts = np.zeros((25, 25))
    np.add.at(counts, (true, said), 1)
    totals = counts.sum(1, keepdims=True)
    return np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)


def _curves(profile_name: str) -> dict[str, Any]:
    found = [
        tables.scored(profile_name, f"{PAPER}/released", name, "pixel_auc")
        for name in ("four_kinds", "four_kinds/*", *DISGUISED, "sensitivity/*")
    ]
    mean = pd.concat(found).groupby("set")["pixel_auc"].mean()
    return {"sets": mean.index.to_numpy(str), "pixel_auc": mean.to_numpy()}


def _samples(profile_name: str) -> dict[str, Any]:
    from .. import pictures

    sets = (*STAND_INS, "inpainting", "like_psbattles")
    return pictures.rows(_job("released", profile_name), sets, 1)


def _failures(profile_name: str) -> dict[str, Any]:
    from .. import manipulations, pictures

    forged = pictures.packaged("two_regions", 6)
    rng = np.random.default_rng(0)
    images, regions = np.array(forged.images), np.array(forged.regions)
    images[0] = manipulations.stylise(images[0])
    (sigma,) = REGENERATIONS["correlated_noise"]
    images[1] = manipulations.correlated_noise(images[1], sigma, CORRELATION_PX, rng)
    job = _job("released", profile_name)
    whole = pictures.maps(job, images[:3])
    labels = np.array(["(a) regenerated", "(b) correlated noise", "(c) two regions"])
    remedy = np.zeros_like(whole)
    for i in range(3):
        for columns in (np.s_[: images.shape[2] // 2], np.s_[images.shape[2] // 2 :]):
            remedy[i][:, columns] = pictures.maps(job, images[i : i + 1][:, :, columns])[0]
    shown = {"image": images[:3], "mask": regions[:3] > 0, "prediction": whole}
    return {"rows": labels, **shown, "each_half_alone": remedy}


_SHOWN = ("image", "mask", "prediction")


def _draw_curves(data: dict[str, Any]) -> Any:
    auc = dict(zip(data["sets"].tolist(), data["pixel_auc"].tolist(), strict=True))
    figure, axes = figures.new(2, 3, (12, 6.5))
    for axis, (title, names) in zip(axes[0], SENSITIVITY.items(), strict=True):
        lines = {name: _sensitivity(auc, name) for name in names}
        labels = {"xlabel": "parameter, from its least to its greatest", "ylim": (0.3, 1)}
        figures.curves(axis, lines, title=f"(a) {title}", ylabel="pixel AUC per image", **labels)
    for axis, (name, amounts) in zip(axes[1], DISGUISES.items(), strict=True):
        x = np.array(amounts)
        y = np.array([auc.get(f"four_kinds/{name}={amount:g}", np.nan) for amount in amounts])
        untouched = np.full(len(x), auc.get("four_kinds", np.nan))
        lines = {"disguised": (x, y), "as forged": (x, untouched)}
        labels = {
            "xlabel": DISTORTIONS[name].unit,
            "ylabel": "pixel AUC per image",
            "ylim": (0.3, 1),
        }
        figures.curves(axis, lines, title=f"(b) {name.replace('_', ' ')}", **labels)
    return figure


def _sensitivity(auc: dict[str, float], operation: str) -> tuple[np.ndarray, np.ndarray]:
    """AUC along an operation's parameter; places in [0, 1]."""
    found = [(name, v) for name, v in auc.items() if name.startswith(f"sensitivity/{operation}/")]
    points = sorted((float(name.rsplit("=", 1)[1].rstrip("%")), value) for name, value in found)
    return np.linspace(0, 1, len(points)), np.array([value for _, value in points])


def _draw_confusion(data: dict[str, Any]) -> Any:
    figure, axes = figures.new(1, 2, (12, 6.5))
    figures.confusion(axes[0, 0], data["matrix"], tuple(data["names"].tolist()))
    axes[0, 1].axis("off")
    for i in range(len(data["rows"])):
        for j, column in enumerate(("image", "mask", "membership")):
            place = (j / 3 + 0.01, 1 - (i + 1) / 4 + 0.01, 0.31, 0.23)
            figures.picture(axes[0, 1].inset_axes(place), data[column][i])
    return figure


_figure = partial(registry.figure, PAPER)


FIGURES = (
    _figure(
        1,
        "Chained edits (stand-in for PS-Battles) and what the network marks",
        ("released",),
        _examples,
        figures.grid_of(*_SHOWN),
    ),
    _figure(
        2,
        "Trace extractor and anomaly network, drawn from the live modules",
        (),
        _architecture,
        lambda data: figures.architecture(data, "ManTra-Net"),
    ),
    _figure(
        3,
        "(a) 25-class confusion matrix of IMC-VGG-W&D; (b) membership maps",
        ("imc-wd",),
        _confusion,
        _draw_confusion,
    ),
    _figure(
        4,
        "(a) sensitivity by manipulation; (b) robustness to three disguises",
        ("released",),
        _curves,
        _draw_curves,
    ),
    _figure(
        5,
        "Sample results on the stand-ins, by set",
        ("released",),
        _samples,
        figures.grid_of(*_SHOWN),
    ),
    _figure(
        6,
        "Failures, and the region-of-interest remedy",
        ("released",),
        _failures,
        figures.grid_of(*_SHOWN, "each_half_alone"),
    ),
)

# Claims ----------------------------------------------------------------------------------------


def _of(run: str, set: str, column: str, **more: Any) -> Source:
    return Source(f"{PAPER}/{run}", set, column, **more)


def _seven(run: str) -> Source:
    return _of(f"imc-{run}", "operations", "correct_0")


def _seven_seen(run: str) -> Source:
    return _of(f"imc-{run}", "operations_train", "correct_0")


def _camera(run: str) -> Source:
    return _of(f"imc-{run}", "cameras", "camera_correct")


def _pixel(run: str, set: str = "four_kinds/*") -> Source:
    return _of(run, set, "pixel_auc")


def _f1(run: str, set: str = "four_kinds/*") -> Source:
    """F1 as near to tables 6 and 7 as an image by itself has it: they name no threshold."""
    return _of(run, set, "pixel_f1_best_per_image")


def _top(k: int, run: str) -> Source:
    return _of(f"imc-{run}", "operations", f"top_{k}")


_printed = partial(tables.printed_value, PAPER)


def _double_jpeg(profile_name: str) -> tuple[Drawn, str]:
    """Whether single taken for double JPEG is the largest confusion; 1 where it is, else -1."""
    rows, leaves = (
        values(profile_name, Source(f"{PAPER}/imc-wd", "operations", column, 1.0))
        for column in ("said_1", "leaf")
    )
    hosts, place = np.unique(rows.host, return_inverse=True)
    cell = np.zeros((len(hosts), 25 * 25))  # of the confusion matrix, by host
    for seed in rows.table:
        true, said = HIERARCHY[1][leaves.table[seed].astype(int)], rows.table[seed].to_numpy(int)
        np.add.at(cell, (place, 25 * true + said), 1)
    counts = (host_weights(len(hosts)) @ cell).reshape(-1, 25, 25)
    common = counts[0].sum(1) >= LEAST_IMAGES
    shares = counts / np.maximum(1, counts.sum(2, keepdims=True)) * common[:, None]
    shares[:, np.arange(25), np.arange(25)] = 0
    names = list(class_names(1))
    true, said = np.unravel_index(shares.reshape(len(shares), -1).argmax(1), (25, 25))
    doubled = np.array([name.startswith("JPEGDouble") for name in names])
    margin = np.where((true == names.index("JPEGCompress")) & doubled[said], 1.0, -1.0)
    worst = f"{names[true[0]]} taken for {names[said[0]]} ({shares[0, true[0], said[0]]:.0%})"
    evidence = f"largest confusion of classes with {LEAST_IMAGES} images or more: {worst}"
    share = float((margin[1:] > 0).mean())
    evidence += f"; single taken for double JPEG is it in {share:.0%} of resamples"
    return Drawn(margin[0], margin[1:], len(place)), evidence


LEAST_IMAGES = 20  # of a class whose confusions are counted
_MEMBERSHIP = "four_kinds/enhancement"  # where class maps are held against masks
HARDLY = 2.0  # points of AUC that are hardly any, where a claim names no number
_OTHER_LAYERS = [name for name, _ in FIRST_LAYERS.values() if name != "combined"]
_WINDOWS = ("ladn-z", "ladn-fac-7", "ladn-fac-7-15", "ladn-fac-7-15-31")  # none, 1, 2, 3
_FR, _HF, _HR = SETTINGS.values()
_OTHER_KINDS = [kind for kind in FOUR_KINDS if kind != "enhancement"]


def _half_way_to(row: str, k: int) -> float:
    """Half as far from chance as W&D's top-k accuracy was published."""
    printed = _printed("Table 5", row, "W&D", f"IMC-385 validation top-{k} accuracy")
    return half_way(printed, 100 * k / 385)


def _printed_range(number: str, row: str, columns: Iterable[str], metric: str) -> float:
    """The largest less the smallest printed value of a row."""
    printed = [_printed(number, row, column, metric) for column in columns]
    return max(printed) - min(printed)


def _camera_by_backbone(other: str) -> Judge:
    """VGG is *much* the best: by half the published gain."""
    vgg, theirs = (
        _printed("Table 2", "KCMI Test Acc", column, _KCMI) for column in ("IMC-VGG", other)
    )
    return higher((_camera("vgg"), _camera(BACKBONES[other])), by=half_gain(vgg, theirs))


def _camera_by_level() -> Judge:
    finest, coarsest = (
        _printed("Table 4", "KCMI Test Acc.", column, _KCMI) for column in ("HL5", "HL0")
    )
    return higher((_camera("hl5"), _camera("combined")), by=half_gain(finest, coarsest))


def _overall(row: str) -> float:
    return _printed("Table 6", row, "Overall", "validation pixel F1")


_NO_WINDOW, *_, _THREE_WINDOWS, _IN_TIME = (row for row in FEATURES if row != "D_F")


def _scale(name: str) -> dict[float, Source]:
    amounts = sorted(DISGUISES[name])
    return {float(a): _pixel("released", f"four_kinds/{name}={a:g}") for a in amounts}


def _by_level(source: Callable[[str], Source], coarsest: int = 0) -> dict[float, Source]:
    return {float(n): source(name) for n, name in enumerate(LEVELS) if n >= coarsest}


def _coarse(level: int) -> Callable[[str], Source]:
    return lambda run: _of(f"imc-{run}", "operations", f"correct_{level}")


def _negated(run: str, set: str, real: bool = False) -> Source:
    return _of(run, set, "pixel_auc_negated", real=real)


_PSBATTLES = "image-level AUC on PS-Battles, score = mean of the map"


def _abroad(run: str) -> tuple[Source, Source]:
    """Table 7's two columns out of the training domain."""
    return _f1(run, "inpainting"), _of(run, "like_psbattles", "image_auc")


def _ahead(better: str, *others: str) -> Iterator[tuple[Source, Source]]:
    """One run against others in both columns out of the domain."""
    return (
        (a, b) for other in others for a, b in zip(_abroad(better), _abroad(other), strict=True)
    )


def _altered(*operations: str) -> tuple[Source, ...]:
    return tuple(
        _pixel("released", name)
        for name in SETS
        if name.startswith(tuple(f"sensitivity/{operation}/" for operation in operations))
    )


_NOISE_AND_BLUR = SENSITIVITY["noise"] + SENSITIVITY["blurring"]
_SUBTLE = (
    "GaussianBlur/k=3",
    "GaussianNoise/sigma=5",
    "UniformNoise/M=5",
    "ImpulseNoise/percent=3",
)
_LOSSLESS = "sensitivity/JPEGCompress/Q=100"  # the only quality above 95

JUDGED_ON = {  # column of table 8: the real set where it can be fetched, else the stand-in
    "NIST": "like_nist16",
    "Columbia": "like_columbia",
    "COVERAGE": "coverage",
    "CASIA": "casia1",
}


def _against(method: str, column: str) -> Judge:
    """By a *wide* margin: half the published one."""
    ours, theirs = (_printed("Table 8", row, column, "pixel AUC") for row in ("ManTra-Net", method))
    pair = (_negated(run, JUDGED_ON[column]) for run in ("released", CLASSICAL[method]))
    return higher(tuple(pair), by=half_gain(ours, theirs))


def _second_on(column: str, first: str, third: str) -> Judge:
    """Between two quoted methods on a published set."""
    ours = _negated("released", BENCHMARKS[column][1], real=True)
    low, high = (_printed("Table 8", row, column, "pixel AUC") for row in (third, first))
    return both(above(low, ours), below(high, ours))


def _mean_topk(run: str) -> tuple[Source, ...]:
    """Table 5's four accuracies: one effect, since each holds the ones before it."""
    return tuple(_top(k, run) for k in (1, 3, 5, 10))


def _better(run: str, *others: str) -> Judge:
    """On table 5's accuracies together, and on cameras."""
    return higher(
        *((measure(run), measure(other)) for other in others for measure in (_mean_topk, _camera))
    )


def _apart(run: str) -> Judge:
    """One region is found and the other missed: more than regions of different images are."""
    first, second = (_of(run, "two_regions", f"recall_{number}") for number in (1, 2))

    def statistic(profile_name: str) -> tuple[Drawn, str]:
        within, across = drawn_gaps(profile_name, first, second)
        said = f"{run}: recalls of two regions differ by {within.observed:.1f} in one image, "
        return within - across, (
            f"{said}by {across.observed:.1f} in two; difference {(within - across).interval}"
        )

    return resampled(statistic, first, second)


_HARDER = (  # several regions, small ones, chained edits, small and large images
    *("several_copies", "like_nist16", "like_imd20"),
    *("scenes/1", "scenes/5"),
)


def _any_size(kept: float) -> tuple[str, str]:
    said = f"maps of square, odd and wide images {'have' if kept else 'lack'} their images' sizes"
    return (HELD if kept else FAILED), said


JUDGES: dict[str, Judge] = {
    "C1": both(*(above(_half_way_to(f"IMC-385 Top-{k}", k), _top(k, "wd")) for k in (1, 10))),
    "C2": keeps(  # the claim names learned inpainting, which no stand-in has
        0.5,
        (_pixel(_HR, "inpainting"), _pixel(_HR, "four_kinds/removal")),
        (_pixel(_HR, "like_psbattles"), _pixel(_HR)),
    ),
    "C3": close(
        2 * _printed_range("Table 2", "IMC-7 Valid Acc.", BACKBONES, _VALID),
        *(_seven(name) for name in BACKBONES.values()),
    ),
    "C4": narrower(*((_seven_seen(name), _seven(name)) for name in BACKBONES.values())),
    "C5": both(*(_camera_by_backbone(other) for other in BACKBONES if other != "IMC-VGG")),
    "C6": close(2.0, *(_seven(name) for name, _ in FIRST_LAYERS.values())),  # the claim's margin
    "C7": higher(*((f("combined"), f(n)) for n in _OTHER_LAYERS for f in (_seven, _camera))),
    "C8": series(rising, *(_by_level(_coarse(level), level) for level in range(5))),
    "C9": both(series(rising, _by_level(_camera)), _camera_by_level()),
    "C10": both(_better("w", "hl5"), _better("d", "hl5")),
    "C11": _better("wd", "w", "d", "hl5"),
    "C12": unjudged("would take extractors with receptive fields of 29, 41 and 53 px"),
    "C13": above(50.0, _of("imc-wd", "operations", "wrong_inside_1")),
    "C14": resampled(_double_jpeg, _of("imc-wd", "operations", "correct_1")),
    "C15": unjudged("would take an extractor trained on photos that were never compressed"),
    "C16": higher(
        *(
            (_of("imc-wd", _MEMBERSHIP, name), _of("imc-wd", _MEMBERSHIP, f"{name}_turned"))
            for name in ("split_auc", "membership_auc")
        ),
        home=_of("imc-wd", _MEMBERSHIP, "split_auc"),
    ),
    "C17": both(
        _apart("ladn-z"),
        higher(
            (
                _of("ladn-fac-7-15-31", "two_regions", "recall_least"),
                _of("ladn-z", "two_regions", "recall_least"),
            ),
            weak=True,
        ),
    ),
    "C18": higher((_f1("ladn-z"), _f1("ladn-d")), weak=True),
    "C19": both(
        series(rising, {float(n): _f1(run) for n, run in enumerate(_WINDOWS)}),
        higher(
            (_f1(_WINDOWS[-1]), _f1(_WINDOWS[0])),
            by=half_gain(_overall(_THREE_WINDOWS), _overall(_NO_WINDOW)),
        ),
    ),
    "C20": higher(
        (_f1("ladn-tac-7-15-31"), _f1("ladn-fac-7-15-31")),
        by=half_gain(_overall(_IN_TIME), _overall(_THREE_WINDOWS)),
    ),
    "C21": both(
        higher(
            *(
                (_pixel(_HF, "four_kinds/enhancement"), _pixel(_HF, f"four_kinds/{kind}"))
                for kind in _OTHER_KINDS
            )
        ),
        narrower(  # what unfreezing adds
            *(
                tuple(_pixel(run, f"four_kinds/{kind}") for run in (_HR, _HF))
                for kind in ("enhancement", *_OTHER_KINDS)
            )
        ),
    ),
    "C22": higher(
        (_f1(_FR), _f1(_HF)),
        (_f1(_FR), _f1(_HR)),
        *(pair for other in (_HF, _HR) for pair in _ahead(other, _FR)),
    ),
    "C23": higher(*_ahead(_HF, _FR), (_f1(_HR), _f1(_HF)), *_ahead(_HR, _HF)),
    "C24": higher(*_ahead(_HR, _FR, _HF)),
    "C25": above(
        half_way(
            _printed("Table 7", "Half Random (HR)", "[27] AUC", _PSBATTLES),
            CHANCE_AUC,
        ),
        _of(_HR, "like_psbattles", "image_auc"),
    ),
    "C26": above(  # figure 4a has no printed values: half way to a map without error
        half_way(100.0, CHANCE_AUC),
        *(_pixel("released", f"sensitivity/{name}") for name in _SUBTLE),
    ),
    "C27": higher(
        (_altered(*_NOISE_AND_BLUR), _altered("JPEGCompress", "WEBPCompress")),
        (
            tuple(s for s in _altered("JPEGCompress") if s.set != _LOSSLESS),
            _pixel("released", _LOSSLESS),
        ),
    ),
    "C28": series(linear, _scale("resize"), _scale("jpeg")),
    "C29": series(slower_than_pixels, _scale("resize"), beyond=True),
    "C30": close(
        HARDLY,
        _pixel("released", "four_kinds"),
        *(_pixel("released", f"four_kinds/blur_edges={k}") for k in DISGUISES["blur_edges"]),
    ),
    "C31": higher((_negated("released", "majority"), _pixel("released", "majority"))),
    "C32": both(*(_against(method, column) for method in CLASSICAL for column in JUDGED_ON)),
    "C33": both(
        _second_on("NIST", "RGB-N [55]", "J-LSTM [7]"),
        _second_on("Columbia", "RGB-N [55]", "CFA1 [22]"),
    ),
    "C34": both(  # published numbers of CASIA are of v1 and v2
        *(
            above(
                _printed("Table 8", "RGB-N [55]", column, "pixel AUC"),
                _negated("released", JUDGED_ON[column], real=True),
            )
            for column in ("COVERAGE", "CASIA")
        )
    ),
    "C35": higher(  # the side of its training images is twice that of ablations
        *((_pixel("released", "scenes/2"), _pixel("released", f"scenes/{n}")) for n in (4, 5))
    ),
    "C36": close(
        2 * _printed_range("Table 8", "ManTra-Net", JUDGED_ON, "pixel AUC"),
        *(_negated("released", name) for name in JUDGED_ON.values()),
    ),
    "C37": unjudged(
        "would take NIST16's stand-in tuned on twice, with base photos shared between training "
        "and test and without"
    ),
    "C38": published_times.within(
        _printed("text", "ManTra-Net", "1024x768 image, NVIDIA 1080Ti", "run time"),
        "1024x768",
        f"{PAPER}/released",
    ),
    "C39": both(  # copes: it keeps half of what it finds in plain images, beyond blind maps
        keeps(
            0.5,
            *((_pixel("released", name), _pixel("released", "four_kinds")) for name in _HARDER),
        ),
        recorded(_any_size, "any_size", f"{PAPER}/released", constructed=True),
    ),
    "C40": loses(
        0.5, (_pixel("released", "four_kinds/stylise=1"), _pixel("released", "four_kinds"))
    ),
    "C41": loses(
        0.5,
        (_pixel("released", "four_kinds/correlated_noise=20"), _pixel("released", "four_kinds")),
    ),
    "C42": _apart("released"),
    "C43": higher(
        (
            _of("released", "two_regions", "recall_mean_alone"),
            _of("released", "two_regions", "recall_mean"),
        )
    ),
    "C44": recorded(_any_size, "any_size", f"{PAPER}/released", constructed=True),
    "C45": unjudged(
        "would take anomaly networks on extractors of every level, and a learning curve"
    ),
}

CLAIMS = listed(PAPER, JUDGES)
