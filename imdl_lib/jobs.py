"""One run at one profile with one seed: its network, its recipes, its files, its weights."""

import csv
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from . import (
    baselines,
    crops,
    files,
    kinds,
    manipulations,
    paths,
    speed,
    splits,
    standins,
    validation,
)
from .baselines import blind, cfa1, ela, noi1
from .batch import Batch
from .errors import DataError, RegistryError, WeightsError
from .kinds import Recipe
from .papers import mantranet, pscc_net, uen
from .profiles import PAPER, Profile
from .realsets import SPECS
from .registry import Run, identity

VALIDATION_SHARE = 0.05  # of the samples seen, each time; at most VALIDATION_IMAGES
VALIDATION_IMAGES = 512


Loss = Callable[[Any, Batch], dict[str, Tensor]]  # of a prediction and what is known


@dataclass(frozen=True)
class Stage:
    """How a stage's networks and what they minimise are made, from what a run configures."""

    model: Callable[[Mapping[str, Any], int], nn.Module]  # and of its training images' side
    loss: Callable[[Mapping[str, Any]], Loss] | None = None  # None: no steps of training
    facts: Callable[[nn.Module, "Job"], dict[str, Any]] = lambda full, job: {}  # see `facts`
    learned: Callable[[nn.Module], dict[str, Any]] = lambda trained: {}  # of weights that are kept
    fit: Callable[[Any, np.ndarray], None] | None = None  # in place of steps: from all masks
    columns: Callable[[Any, Batch], dict[str, Tensor]] = validation.localized  # of each image
    measure: Callable[[Mapping[str, Any]], str] = lambda config: "pixel_auc"  # see `validation`
    classes: Callable[[Mapping[str, Any]], int] = lambda config: 0  # of a classifier


def _imc_facts(full: mantranet.ImcModel, job: "Job") -> dict[str, Any]:
    return {
        "classes": manipulations.CLASSES[full.config.level],
        "conv_layers": full.conv_layers,
        "receptive_field_px": full.receptive_field_px,
    }


def _imc_columns(logits: Tensor, batch: Batch) -> dict[str, Tensor]:
    level = manipulations.CLASSES.index(logits.shape[1])
    classes = torch.tensor(manipulations.HIERARCHY[level]).to(batch.operation.device)
    return validation.classified(mantranet.imc_probabilities(logits), classes[batch.operation])


def _pscc_net_facts(full: pscc_net.Model, job: "Job") -> dict[str, Any]:
    paper, turns = pscc_net.Model(pscc_net.Config()), job.profile.timed_turns
    found: dict[str, Any] = {"relative_time": speed.relative_time(full, paper, turns)}
    if job.run.keep:
        theirs = mantranet.Model(mantranet.Config())
        found["relative_time_of_mantranet"] = speed.relative_time(theirs, paper, turns)
        found |= _part_facts(paper) | _attention_facts(paper) | _pscc_net_times(paper, theirs, job)
    if full.config.last_scale > 1:
        found["early_exit_identical"] = _stops_with_the_same_masks(full)
    return found


def _part_facts(paper: pscc_net.Model) -> dict[str, int]:
    """Weights of each part that section IV-A3 counts."""
    return {
        f"parameters_{part}": sum(p.numel() for p in paper.get_submodule(part).parameters())
        for part in pscc_net.PARTS.values()
    }


def _attention_facts(paper: pscc_net.Model) -> dict[str, Any]:
    """What section III-B says of the fold: nothing is lost, and attention does not grow."""
    entries = {
        f"attention_entries_{name}": speed.attention_entries(paper, size)
        for name, size in (("256px", speed.SQUARE), ("1080p", speed.FULL_HD))
    }
    return entries | {"fold_is_exact": speed.fold_is_exact()}


def _pscc_net_times(paper: pscc_net.Model, theirs: mantranet.Model, job: "Job") -> dict[str, Any]:
    turns = job.profile.large_turns
    if not turns or _is_timed(job):
        return {}
    stopped = pscc_net.Model(pscc_net.Config(last_scale=4))
    operations = {"paper": paper, "mantranet": theirs, "stopped": stopped}
    teraflop = {n: speed.teraflop(network, speed.FULL_HD) for n, network in operations.items()}
    return {
        "teraflop_1080p": teraflop["paper"],
        "relative_teraflop_of_mantranet_1080p": teraflop["mantranet"] / teraflop["paper"],
        "relative_teraflop_1080p_mask_4": teraflop["stopped"] / teraflop["paper"],
        "relative_time_1080p_mask_4": speed.relative_time(stopped, paper, turns, speed.FULL_HD),
        "seconds_1080p": speed.seconds(paper, speed.FULL_HD, turns),
        "relative_time_of_mantranet_1024x768": speed.relative_time(
            theirs, paper, turns, speed.PHOTO
        ),
        "detection_share_256px": speed.detection_share(paper, speed.SQUARE, 5 * turns),
        "detection_share_1080p": speed.detection_share(paper, speed.FULL_HD, turns),
        "timed_on": _timed_on(),
    }


def _mantranet_facts(full: mantranet.Model, job: "Job") -> dict[str, Any]:
    turns = job.profile.large_turns
    if not job.run.keep or not turns or _is_timed(job):
        return {}
    return {
        "teraflop_1024x768": speed.teraflop(full, speed.PHOTO),
        "seconds_1024x768": speed.seconds(full, speed.PHOTO, turns),
        "timed_on": _timed_on(),
    }


def _is_timed(job: "Job") -> bool:
    """Whether the record of this network has its times: they take minutes, and stay."""
    return is_current(job) and "timed_on" in read_record(job)


def _timed_on() -> str:
    return f"{environment()['machine']}, {torch.get_num_threads()} threads, fp32"


def _alphas(trained: pscc_net.Model) -> dict[str, float]:
    """The learned weights of both attentions (eq. 4) by scale; all began at 1."""
    named = trained.masks.named_parameters()
    found = {name: float(value.detach()) for name, value in named if "gamma" in name}
    return {
        f"alpha_{kind}_{scale}": round(found[f"getmask{scale}.gamma_{kind}"], 4)
        for scale in pscc_net.SCALES
        for kind in ("s", "c")
    }


@torch.inference_mode()
def _stops_with_the_same_masks(stopped: pscc_net.Model) -> bool:
    """Whether the masks before an early exit are those of the whole network, bit for bit."""
    whole = pscc_net.Model(replace(stopped.config, last_scale=1)).eval()
    stopped.eval().load_state_dict(whole.state_dict())
    image = torch.rand(1, 3, 64, 64)
    early, all_maps = stopped(image).maps, whole(image).maps
    names = [name for name in early if name.startswith("mask")]
    return all(torch.equal(early[name], all_maps[name]) for name in names)


def _guided(base: Callable[[float, int], uen.Base], own: Loss = lambda *_: {}) -> Stage:
    """UEN around a base, made from its width and the side of its training images.

    ``own`` are losses that the base keeps beside that of its mask.
    """

    def plug_in(config: Mapping[str, Any]) -> uen.Config:
        return uen.Config(**{name: value for name, value in config.items() if name != "width"})

    def model(config: Mapping[str, Any], px: int) -> nn.Module:
        own = replace(plug_in(config), size_px=px)
        return uen.Model(own, base(config.get("width", 1.0), px))

    def loss(config: Mapping[str, Any]) -> Loss:
        guided = plug_in(config)
        return lambda said, batch: uen.loss(said, batch, guided) | own(said, batch)

    def facts(full: uen.Model, job: "Job") -> dict[str, Any]:
        if job.run.is_trained and not job.run.keep:
            return {}
        measure = model({}, PAPER.released_size_px)
        return {"relative_time": speed.relative_time(full, measure, job.profile.timed_turns)}

    return Stage(model, loss, facts)


def _classical(score_map: Callable[[np.ndarray], np.ndarray]) -> Stage:
    return Stage(lambda c, px: baselines.Classical(score_map))


STAGES: dict[str, Stage] = {
    "mantranet.imc": Stage(
        lambda c, px: mantranet.ImcModel(mantranet.Config(**c)),
        lambda c: mantranet.imc_loss,
        _imc_facts,
        columns=_imc_columns,
        measure=lambda c: "top_1",
        classes=lambda c: manipulations.CLASSES[mantranet.Config(**c).level],
    ),
    "mantranet": Stage(
        lambda c, px: mantranet.Model(mantranet.Config(**c)),
        lambda c: mantranet.loss,
        _mantranet_facts,
        lambda trained: {"any_size": speed.any_size(trained)},
    ),
    "pscc_net": Stage(
        lambda c, px: pscc_net.Model(pscc_net.Config(**{"size_px": px, **c})),
        lambda c: partial(pscc_net.loss, config=pscc_net.Config(**c)),
        _pscc_net_facts,
        _alphas,
        measure=lambda c: "image_auc" if c.get("supervised") == () else "pixel_auc",
    ),
    "uen.vanilla": _guided(lambda width, px: uen.Vanilla(width)),
    "uen.pscc_net": _guided(
        lambda width, px: pscc_net.Model(pscc_net.Config(size_px=px, width=width)),
        pscc_net.mask_losses,
    ),
    "baseline.ela": _classical(ela.score_map),
    "baseline.noi1": _classical(noi1.score_map),
    "baseline.cfa1": _classical(cfa1.score_map),
    **{f"blind.{name}": _classical(control) for name, control in blind.CONTROLS.items()},
    "blind.mean-mask": Stage(lambda c, px: blind.MeanMask(), fit=blind.MeanMask.fit),
}


@dataclass(frozen=True)
class Job:
    """One run at one profile with one seed: where its files are and how it is built."""

    run: Run
    profile: Profile
    seed: int
    runs: Mapping[str, Run]  # the registry, for the runs it starts from

    @property
    def identity(self) -> str:
        """Hash of everything that decides the weights."""
        return identity(self.run, self.profile, self.seed, self.runs)

    @property
    def folder(self) -> Path:
        """Where the run's committed files are."""
        return paths.results(self.profile.name) / self.run.id / f"seed{self.seed}"

    @property
    def released(self) -> Path:
        """The committed half-precision weights of a kept run."""
        return self.folder / "weights.safetensors"

    def cached(self, suffix: str) -> Path:
        """The run's file of that ending in the user's cache."""
        return paths.cache() / "runs" / f"{self.identity}{suffix}"

    @property
    def start(self) -> "Job | None":
        """The job whose tensors this one starts from."""
        name = self.run.init_from
        return Job(self.runs[name], self.profile, self.seed, self.runs) if name else None

    def build(self) -> nn.Module:
        """The untrained network, at the profile's width."""
        stage = self.run.stage
        if stage not in STAGES:
            raise RegistryError(
                f"Run {self.run.id} is of stage {stage!r}, which does not exist. "
                f"Choose from {', '.join(STAGES)}."
            )
        config = {"width": self.profile.width, **self.run.config}
        return STAGES[stage].model(config, self.run.size_px(self.profile))

    @property
    def tests(self) -> tuple[str, ...]:
        """The sets that the run is scored on at the profile."""
        return self.run.tests_at(self.profile)

    @property
    def validation_images(self) -> int:
        """Images that the validation loss is measured on."""
        wanted = round(VALIDATION_SHARE * self.run.samples(self.profile))
        return max(self.profile.batch, min(wanted, VALIDATION_IMAGES))

    def recipe(self, part: str) -> Recipe:
        """What the run is trained (``train``) or validated (``valid``) on.

        Raises:
            RegistryError: it may not be trained on what it names.
        """
        operations = self.run.kinds == ("operation",)
        count = self.profile.operation_count if operations else self.profile.forged_count
        decided = {
            "sources": self.profile.sources,
            "count": count if part == "train" else self.validation_images,
            "size_px": self.run.size_px(self.profile),
        }
        if part == "valid" and self.run.chosen_on:
            return standins.stand_in(self.run.chosen_on).recipe(**decided)
        decided |= {"part": part, "seed": 0 if part == "train" else 1}
        if self.run.trained_on in SPECS:
            splits.require(self.run.trained_on)
            return Recipe(kinds=crops.KINDS, **decided | {"sources": (self.run.trained_on,)})
        if self.run.trained_on:
            like = standins.stand_in(self.run.trained_on).recipe(self.profile.sources, 1, 1)
            return replace(like, **decided)
        return Recipe(kinds=self.run.kinds, jpeg_quality=self.run.jpeg_quality, **decided)


def load_weights(model: nn.Module, path: Path) -> None:
    """Read safetensors into ``model``.

    Raises:
        DataError: the file may not be read.
        WeightsError: the file is damaged, or is of another network.
    """
    files.require_readable(path)
    try:
        state = safetensors.torch.load_file(path)
    except Exception as error:  # the reader has no error type of its own for a damaged file
        raise WeightsError(
            f"Weights {path} are damaged and were not read ({error}). "
            "Delete the file; the run is trained again when needed."
        ) from error
    wanted = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    found = {name: tuple(t.shape) for name, t in state.items()}
    if wanted != found:
        odd = sorted(set(wanted.items()) ^ set(found.items()))[0][0]
        raise WeightsError(
            f"Weights {path} belong to another network: tensor {odd} is "
            f"{found.get(odd, 'absent')} where {wanted.get(odd, 'nothing')} is expected. "
            "Name the run that these weights were trained for."
        )
    model.load_state_dict({name: t.float() for name, t in state.items()})


def is_trained(job: Job) -> bool:
    """Whether the cache holds a job's weights and their record, both whole.

    What is left of a pair that was cut, by a crash or a full disk, is removed: it is made again.

    Raises:
        DataError: a file may not be read.
    """
    weights, record = job.cached(".safetensors"), job.cached(".json")
    if not weights.exists():
        return False
    files.require_readable(weights)
    try:
        with safetensors.safe_open(weights, "pt"):  # which compares the file's length
            files.read_json(record)
    except (safetensors.SafetensorError, DataError, FileNotFoundError) as error:
        if isinstance(error, DataError) and record.exists():
            files.require_readable(record)
        print(f"{job.run.id}: its weights in the cache are damaged, it starts again ({error})")
        weights.unlink()
        record.unlink(missing_ok=True)
        return False
    return True


def read_record(job: Job) -> dict[str, Any]:
    """The job's committed run.json; empty where it was never finished."""
    path = job.folder / "run.json"
    return files.read_json(path) if path.exists() else {}


def is_current(job: Job) -> bool:
    """Whether the job's committed results belong to the registry as it stands."""
    return read_record(job).get("identity") == job.identity


def is_published(job: Job) -> bool:
    """Whether the job's weights are among the committed results, and belong to the registry."""
    return is_current(job) and job.released.exists()


def publish(job: Job, sets: dict[str, str]) -> None:
    """Put a scored job's record, history and (where kept) weights among the results.

    The record comes last: where it is, everything is.
    """
    record = {**_record(job), **versions(job), **facts(job), "sets": sets}
    history = record.pop("history", [])
    if job.run.is_trained and not is_published(job):
        _publish_training(job, history)
    record |= _learned(job)
    files.write_json(job.folder / "run.json", record)


def _record(job: Job) -> dict[str, Any]:
    """The record of a training, or of a method that needs none."""
    if is_published(job):
        return read_record(job)
    if job.run.is_trained:
        return files.read_json(job.cached(".json")) | {"run": job.run.id}  # weights have no name
    named = {"identity": job.identity, "run": job.run.id, "profile": job.profile.name}
    return {**named, "seed": job.seed, "samples": 0, "environment": environment()}


def versions(job: Job) -> dict[str, Any]:
    """Of the run's recipe, and of the forging that its images, or its test sets, rest on."""
    return {"recipe": job.run.version, "forging": ".".join(map(str, kinds.versions()))}


def facts(job: Job) -> dict[str, Any]:
    """What is measured on the untrained network: at the paper's width, whatever the profile's."""
    stage = STAGES[job.run.stage]
    if not stage.loss:
        return {}
    full = stage.model(job.run.config, PAPER.released_size_px)
    count = sum(p.numel() for p in full.parameters())
    return {"paper_parameters": count, **stage.facts(full, job)}


def _learned(job: Job) -> dict[str, Any]:
    """What is measured on the weights that are committed."""
    if not job.run.keep:
        return {}
    trained = job.build()
    load_weights(trained, job.released)
    return STAGES[job.run.stage].learned(trained)


def _publish_training(job: Job, history: list[dict[str, float | int]]) -> None:
    if history:  # what is fitted in one step has none
        with files.whole(job.folder / "history.csv") as temporary, temporary.open("w") as handle:
            writer = csv.DictWriter(handle, list(history[0]))
            writer.writeheader()
            writer.writerows({k: round(v, 4) for k, v in row.items()} for row in history)
    if job.run.keep:
        state = safetensors.torch.load_file(job.cached(".safetensors"))
        with files.whole(job.released) as temporary:
            safetensors.torch.save_file({n: t.half() for n, t in state.items()}, temporary)


def environment() -> dict[str, str]:
    """Versions that a result depends on."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__.split("+")[0],
        "numpy": np.__version__,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }
