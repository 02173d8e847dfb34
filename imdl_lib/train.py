"""One training loop for every run, on Lightning Fabric: seeds, precision, checkpoints, resume."""

import ctypes
import math
import os
import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning_fabric as lightning
import numpy as np
import safetensors.torch
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from tqdm import tqdm

from . import datasets, files, validation
from .batch import Batch
from .errors import DataError, ImdlError, RegistryError
from .forge import ForgedSet, forge
from .jobs import STAGES, Job, environment, is_published, is_trained, load_weights

PLATEAU_STEPS = 1000  # between validations under that schedule (ManTra-Net, sec. 2.3)
VALIDATIONS = 10  # times per run that the validation loss is measured
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h
SAVE_SECONDS = 60.0  # at most so much work is lost when a run is killed


def load(job: Job, earlier: bool = True) -> nn.Module:
    """The trained network of a job, in evaluation mode, on the GPU where there is one.

    A released network is shown (in photos, figures and notebooks) with the weights that are
    published, on every machine alike, until its successor is published, as long as their tensors
    fit. Nothing is trained or scored from what an earlier recipe left.

    Args:
        earlier: whether published weights of an earlier recipe will do.
    Raises:
        DataError: no weights are at hand.
        WeightsError: stored weights belong to another network.
    """
    keep_memory()
    model = job.build()
    if job.run.is_trained:
        load_weights(model, _weights(job, earlier))
    elif job.start:  # another use of the same weights
        _start_from(model, load(job.start, earlier), frozen=True)
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval()


def at_hand(job: Job) -> bool:
    """Whether ``load`` finds what it needs: weights of the job, or of the one it borrows from."""
    if job.run.is_trained:
        return is_published(job) or job.cached(".safetensors").exists()
    return not job.start or at_hand(job.start)


def _weights(job: Job, earlier: bool) -> Path:
    if is_published(job) or (earlier and job.released.exists()):
        return job.released
    if not job.cached(".safetensors").exists():
        raise DataError(
            f"No weights of {job.run.id} are at hand at profile {job.profile.name}. "
            f"Run `imdl train {job.run.id} --profile {job.profile.name}`, or name another profile."
        )
    return job.cached(".safetensors")


def device_of(model: nn.Module) -> torch.device:
    """Where a network's weights are; the CPU for a method without any."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))


def precision(wanted: str) -> str:
    """Fabric's name of a precision; ``auto`` is bf16 where the hardware multiplies in it."""
    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    flags = Path("/proc/cpuinfo")
    return "bf16-mixed" if flags.exists() and "amx_bf16" in flags.read_text() else "32-true"


def train(job: Job, progress: bool = True) -> None:
    """Train a job and leave its weights in the cache; go on where an earlier call was stopped.

    Raises:
        DataError: another process trains the same job, or the real set it needs is not here.
        RegistryError: the job's run may not be trained on what it names.
    """
    if is_published(job) or is_trained(job):
        return
    job.recipe("train")  # before its start is trained, which takes hours
    datasets.require(job.run.trained_on, f"Run {job.run.id}")
    if job.start:
        train(job.start, progress)
    if not job.run.is_trained:
        return
    fitted = STAGES[job.run.stage].fit is not None
    parts = ("train",) if fitted else ("train", "valid")
    sets = [forge(job.recipe(part), progress) for part in parts]
    with files.only_one(job.cached(".lock"), f"Run {job.run.id}"):
        if is_trained(job):  # another process has finished it
            return
        if fitted:
            _fit(job, *sets)
        else:
            _Loop(job, *sets).run(progress)


def _fit(job: Job, train_set: ForgedSet) -> None:
    """Leave what a stage takes from all masks at once."""
    model = job.build()
    STAGES[job.run.stage].fit(model, train_set.regions)
    _leave(job, model.state_dict(), {"samples": len(train_set), "history": []})


def keep_memory() -> None:
    """Let glibc keep what is freed: mapping each large activation anew takes a third of a step."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, -1)


class _Loop:
    """The state of one training: network, optimizer, step, history, best weights."""

    def __init__(self, job: Job, train_set: ForgedSet, valid_set: ForgedSet) -> None:
        keep_memory()
        self.job, self.train_set, self.valid_set = job, train_set, valid_set
        self.precision = precision(job.profile.precision)
        self.fabric = lightning.Fabric(devices=1, precision=self.precision)
        lightning.seed_everything(job.seed, verbose=False)
        model = job.build().to(memory_format=torch.channels_last)
        started = (
            _start_from(model, load(job.start, earlier=False), job.run.frozen) if job.start else []
        )
        groups = _groups(model, started, job.run.init_rate, job.profile.learning_rate)
        optimizer = torch.optim.Adam(groups)
        self.model, self.optimizer = self.fabric.setup(model, optimizer)
        self.steps = max(1, job.run.samples(job.profile) // job.profile.batch)
        self.state: dict[str, Any] = {"step": 0, "seconds": 0.0, "history": [], "best": None}
        self.stage = STAGES[job.run.stage]
        self.loss = self.stage.loss(job.run.config)
        self.measure = self.stage.measure(job.run.config)
        self.emptied = emptied(len(train_set), job.run.label_noise, job.seed)

    def run(self, progress: bool) -> None:
        self._resume()
        every = self._steps_between_validations()
        done, batch_size = self.state["step"], self.job.profile.batch
        began = saved = time.monotonic()
        label = f"training {self.job.run.id}"
        with tqdm(total=self.steps, initial=done, desc=label, disable=not progress or None) as bar:
            seed, steps = self.job.seed, self.steps
            for batch in batches(self.train_set, batch_size, seed, done, steps, self.emptied):
                train_loss = self._step(batch)
                bar.update()
                now = time.monotonic()
                self.state["seconds"] += now - began
                began = now
                if self.state["step"] % every == 0 or self.state["step"] == self.steps:
                    self._validate(train_loss)
                    bar.set_postfix_str(f"loss {train_loss:.3f}")
                if now - saved > SAVE_SECONDS:
                    self._save()
                    saved = now
        self._finish()

    def _steps_between_validations(self) -> int:
        if self.job.profile.schedule == "plateau":
            return PLATEAU_STEPS
        return max(1, self.steps // VALIDATIONS)

    def _step(self, batch: Batch) -> float:
        self.model.train()
        rate = self._rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        self.optimizer.zero_grad(set_to_none=True)
        value = self._judged(batch)[1]
        self.fabric.backward(value)
        self.optimizer.step()
        self.state["step"] += 1
        return float(value.detach())

    def _judged(self, batch: Batch) -> tuple[Any, Tensor]:
        """What the network says of a batch, and the loss of that."""
        batch = batch.to(self.fabric.device)
        said = self.model(batch.image.to(memory_format=torch.channels_last))
        return said, sum(self.loss(said, batch).values())

    def _rate(self) -> float:
        base = self.job.profile.learning_rate
        if self.job.profile.schedule == "cosine":
            warm = min(1.0, (self.state["step"] + 1) / max(1, self.steps // 20))
            return base * warm * 0.5 * (1 + math.cos(math.pi * self.state["step"] / self.steps))
        losses = [row["valid_loss"] for row in self.state["history"]]
        return base * 0.5 ** _plateaus(losses, patience=20)  # ManTra-Net, sec. 2.3

    def _validate(self, train_loss: float) -> None:
        self.model.eval()
        losses, parts = [], []
        with torch.no_grad():
            for batch in self._valid_batches():
                said, loss = self._judged(batch)
                losses.append(float(loss))
                parts.append(self.stage.columns(said, batch))
        valid_loss = float(np.mean(losses))
        self._require_finite(valid_loss)
        columns = validation.joined(parts)
        row = {"samples": self.state["step"] * self.job.profile.batch}
        row |= {"train_loss": train_loss, "valid_loss": valid_loss}
        row |= {f"valid_{self.measure}": validation.value(self.measure, columns)}
        self.state["history"].append(row)
        if valid_loss <= min(row["valid_loss"] for row in self.state["history"]):
            state = self.model.module.state_dict()
            self.state["best"] = {name: t.detach().cpu().clone() for name, t in state.items()}
            self.state["columns"] = {name: torch.from_numpy(v) for name, v in columns.items()}

    def _valid_batches(self) -> Iterator[Batch]:
        """The validation images, the same ones in the same order each time."""
        size = self.job.profile.batch
        return batches(self.valid_set, size, 0, 0, max(1, len(self.valid_set) // size))

    def _require_finite(self, valid_loss: float) -> None:
        if not math.isfinite(valid_loss):
            self.job.cached(".ckpt").unlink(missing_ok=True)
            raise ImdlError(
                f"Run {self.job.run.id} has no finite validation loss after "
                f"{self.state['step']} steps. Its weights are spoilt. "
                "Lower the learning rate; the run starts again when called."
            )

    def _learned(self) -> dict[str, Any]:
        """Whether the network has learned, at its chosen checkpoint."""
        columns = {name: values.numpy() for name, values in self.state["columns"].items()}
        classes = self.stage.classes(self.job.run.config)
        return validation.learned(self.measure, columns, self._valid_batches(), classes)

    def _save(self) -> None:
        everything = {
            **self.state,
            "model": self.model.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all(),
        }
        with files.whole(self.job.cached(".ckpt")) as temporary:
            torch.save(everything, temporary)

    def _resume(self) -> None:
        path = self.job.cached(".ckpt")
        if not path.exists():
            return
        try:
            everything = torch.load(path, weights_only=True)
        except (RuntimeError, EOFError, LookupError, ValueError, pickle.UnpicklingError) as error:
            print(f"{self.job.run.id}: its checkpoint is damaged, it starts again ({error})")
            path.unlink()
            return
        self.model.module.load_state_dict(everything.pop("model"))
        self.optimizer.load_state_dict(everything.pop("optimizer"))
        torch.set_rng_state(everything.pop("random"))
        torch.cuda.set_rng_state_all(everything.pop("random_cuda"))
        self.state = everything

    def _finish(self) -> None:
        record = {
            "samples": self.steps * self.job.profile.batch,
            "parameters": sum(p.numel() for p in self.model.module.parameters()),
            "train_seconds": round(self.state["seconds"], 1),
            "precision": self.precision,
            "device": str(self.fabric.device),
            **self._learned(),
            "history": self.state["history"],
        }
        _leave(self.job, self.state["best"], record)
        self.job.cached(".ckpt").unlink(missing_ok=True)


def _leave(job: Job, state: dict[str, Tensor], record: dict[str, Any]) -> None:
    """Leave a finished training in the cache: its record, then its weights."""
    best = {name: t.contiguous() for name, t in state.items()}
    if job.run.keep:  # as they will be committed, so that all scores are of the same
        best = {name: t.half().float() for name, t in best.items()}
    about = {"identity": job.identity, "run": job.run.id, "profile": job.profile.name}
    about |= {"seed": job.seed, "environment": environment()}
    files.write_json(job.cached(".json"), about | record)
    with files.whole(job.cached(".safetensors")) as temporary:
        safetensors.torch.save_file(best, temporary)


def batches(
    forged: ForgedSet,
    batch_size: int,
    seed: int,
    first: int,
    last: int,
    emptied: frozenset[int] = frozenset(),
) -> Iterator[Batch]:
    """Batches ``first`` to ``last`` of an endless shuffle; a function of seed and number alone.

    Masks of the samples in ``emptied`` are left empty.
    """
    per_pass = max(1, len(forged) // batch_size)
    for step in range(first, last):
        order = np.random.default_rng([seed, step // per_pass]).permutation(len(forged))
        start = (step % per_pass) * batch_size
        yield to_batch(forged, np.sort(order[start : start + batch_size]), emptied)


def emptied(count: int, share: float, seed: int) -> frozenset[int]:
    """Which of ``count`` training images lose their masks; a larger share holds the smaller."""
    order = np.random.default_rng([seed, count]).permutation(count)
    return frozenset(order[: round(share * count)].tolist())


def to_tensor(images: UInt8[np.ndarray, "B H W 3"]) -> Float[Tensor, "B 3 H W"]:
    """Images in [0, 1], channels last in memory."""
    image = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2)
    return image.float().contiguous(memory_format=torch.channels_last) / 255


def to_batch(forged: ForgedSet, index: np.ndarray, emptied: frozenset[int] = frozenset()) -> Batch:
    """Samples of a forged set as a batch; masks of those in ``emptied`` are left empty."""
    kept = ~np.isin(index, [*emptied])[:, None, None]
    mask = torch.from_numpy(kept & (np.asarray(forged.regions[index]) > 0))[:, None]
    operation = torch.from_numpy(np.asarray(forged.targets[index]))
    return Batch(to_tensor(forged.images[index]), mask, operation, tuple(f"{i:05d}" for i in index))


def _start_from(model: nn.Module, base: nn.Module, frozen: bool) -> list[nn.Parameter]:
    """Give ``model``, or its base, the tensors of ``base`` by name; returns its own of these.

    Raises:
        RegistryError: it has none of them.
    """
    wanted, given = model.state_dict(), base.state_dict()
    shared = {n: t for n, t in given.items() if n in wanted}
    shared |= {f"base.{n}": t for n, t in given.items() if f"base.{n}" in wanted}  # of a plug-in
    if not shared:
        raise RegistryError(
            f"A {type(model).__name__} cannot start from a {type(base).__name__}: no tensor has "
            "the same name in both. Name another run in `init_from`."
        )
    model.load_state_dict(shared, strict=False)
    started = [p for name, p in model.named_parameters() if name in shared]
    for parameter in started:
        parameter.requires_grad_(not frozen)
    return started


def _groups(
    model: nn.Module, started: list[nn.Parameter], init_rate: float, rate: float
) -> list[dict[str, Any]]:
    """Optimizer groups: what starts from another run learns at its own share of the rate."""
    slower = {id(p) for p in started} if init_rate != 1 else set()
    trained = [p for p in model.parameters() if p.requires_grad]
    slow = [p for p in trained if id(p) in slower]
    fast = [p for p in trained if id(p) not in slower]
    groups = ((fast, 1.0), (slow, init_rate))
    return [{"params": ps, "scale": scale, "lr": rate * scale} for ps, scale in groups if ps]


def _plateaus(losses: list[float], patience: int) -> int:
    best, waited, count = float("inf"), 0, 0
    for value in losses:
        best, waited = (value, 0) if value < best else (best, waited + 1)
        if waited == patience:
            count, waited = count + 1, 0
    return count
