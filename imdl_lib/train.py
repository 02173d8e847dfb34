"""One training loop for every run, on Lightning Fabric: seeds, precision, checkpoints, resume."""

import ctypes
import math
import multiprocessing
import os
import pickle
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import lightning_fabric as lightning
import numpy as np
import pandas as pd
import safetensors.torch
import torch
from jaxtyping import Bool, Float, Int, Shaped, UInt8
from torch import Tensor, nn
from tqdm import tqdm

from . import datasets, files, validation
from .batch import Batch
from .errors import DataError, ImdlError, RegistryError
from .forge import ForgedSet, LiveSet, Samples, forge, live
from .jobs import (
    STAGES,
    Job,
    environment,
    is_published,
    is_trained,
    load_weights,
    stored_config,
)

PLATEAU_STEPS = 1000  # between validations under that schedule (ManTra-Net, sec. 2.3)
VALIDATIONS = 10  # times per run that the validation loss is measured
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h
CHOICE = "valid_choice"  # in a history: the term of the loss that chooses the checkpoint
AHEAD = 2  # batches that each worker forges before they are asked for
SAVE_SECONDS = 60.0  # at most so much work is lost when a run is killed

Index = Int[np.ndarray, " B"]  # numbers of samples


def load(job: Job, earlier: bool = True) -> nn.Module:
    """The trained network of a job, in evaluation mode, on the GPU where there is one.

    A released network is shown (in photos, figures and notebooks) with the weights that are
    published, on every machine alike, until its successor is published, as long as their tensors
    fit the network that they say they are of. Nothing is trained or scored from what an earlier
    recipe left.

    Args:
        earlier: whether published weights of an earlier recipe will do.
    Raises:
        DataError: no weights are at hand.
        WeightsError: stored weights belong to another network.
    """
    keep_memory()
    weights = _weights(job, earlier) if job.run.is_trained else None
    model = job.build(stored_config(weights) if weights else None)
    if weights:
        load_weights(model, weights)
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
    sets = [_training_images(job, progress)]
    if not fitted:
        sets.append(forge(job.recipe("valid"), progress))
    with files.only_one(job.cached(".lock"), f"Run {job.run.id}"):
        if is_trained(job):  # another process has finished it
            return
        if fitted:
            _fit(job, *sets)
        else:
            _Loop(job, *sets).run(progress)


def _training_images(job: Job, progress: bool) -> ForgedSet | LiveSet:
    recipe = job.recipe("train")
    fitted = STAGES[job.run.stage].fit is not None  # from all of them at once
    return live(recipe) if job.is_live and not fitted else forge(recipe, progress)


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

    def __init__(self, job: Job, train_set: ForgedSet | LiveSet, valid_set: ForgedSet) -> None:
        keep_memory()
        cv2.setNumThreads(torch.get_num_threads())  # it forges in this process, too
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
        lost = emptied(len(train_set), job.run.label_noise, job.seed)
        self.order = Order(job.profile.batch, job.seed, lost, turned=True)

    def run(self, progress: bool) -> None:
        self._resume()
        every = self._steps_between_validations()
        done = self.state["step"]
        began = saved = time.monotonic()
        label = f"training {self.job.run.id}"
        with tqdm(total=self.steps, initial=done, desc=label, disable=not progress or None) as bar:
            for batch in batches(self.train_set, self.order, done, self.steps):
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
        value = sum(self._judged(batch)[1].values())
        self.fabric.backward(value)
        self.optimizer.step()
        self.state["step"] += 1
        return float(value.detach())

    def _judged(self, batch: Batch) -> tuple[Any, dict[str, Tensor]]:
        """What the network says of a batch, and the terms of the loss of that."""
        batch = batch.to(self.fabric.device)
        said = self.model(batch.image.to(memory_format=torch.channels_last))
        return said, self.loss(said, batch)

    def _rate(self) -> float:
        base = self.job.profile.learning_rate
        if self.job.profile.schedule == "cosine":
            warm = min(1.0, (self.state["step"] + 1) / max(1, self.steps // 20))
            return base * warm * 0.5 * (1 + math.cos(math.pi * self.state["step"] / self.steps))
        losses = [row["valid_loss"] for row in self.state["history"]]
        return base * 0.5 ** _plateaus(losses, patience=20)  # ManTra-Net, sec. 2.3

    def _validate(self, train_loss: float) -> None:
        self.model.eval()
        terms, parts = [], []
        with torch.no_grad():
            for batch in self._valid_batches():
                said, losses = self._judged(batch)
                terms.append({name: float(loss) for name, loss in losses.items()})
                parts.append(self.stage.columns(said, batch))
        columns, means = validation.joined(parts), pd.DataFrame(terms).mean()
        row = {"samples": self.state["step"] * self.job.profile.batch, "train_loss": train_loss}
        row |= {"valid_loss": float(means.sum())}
        if chosen_by := self.stage.chosen_by(self.job.run.config):
            row |= {CHOICE: float(means[chosen_by])}
        row |= {f"valid_{self.measure}": validation.value(self.measure, columns)}
        self._require_finite(row["valid_loss"])
        self.state["history"].append(row)
        if self._is_best():
            state = self.model.module.state_dict()
            self.state["best"] = {name: t.detach().cpu().clone() for name, t in state.items()}
            self.state["columns"] = {name: torch.from_numpy(v) for name, v in columns.items()}

    def _is_best(self) -> bool:
        """Whether the last checkpoint is the one to choose so far."""
        losses = [row.get(CHOICE, row["valid_loss"]) for row in self.state["history"]]
        return losses[-1] <= min(losses)

    def _valid_batches(self) -> Iterator[Batch]:
        """The validation images, the same ones in the same order each time."""
        size = self.job.profile.batch
        return batches(self.valid_set, Order(size), 0, max(1, len(self.valid_set) // size))

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
        shown = list(self._valid_batches())
        numbers = [int(name) for batch in shown for name in batch.name]
        hosts = np.array([self.valid_set.host(number) for number in numbers])
        classes = self.stage.classes(self.job.run.config)
        return validation.learned(self.measure, columns, shown, hosts, classes)

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


@dataclass(frozen=True)
class Order:
    """What becomes of a set's samples on their way into batches."""

    batch_size: int
    seed: int = 0
    emptied: frozenset[int] = frozenset()  # samples whose masks are left empty
    turned: bool = False  # each into one of the eight turns and reflections of the square

    def indices(self, count: int, first: int, last: int) -> Iterator[Index]:
        """Samples of batches ``first`` to ``last`` of an endless shuffle of ``count``."""
        per_pass, order = max(1, count // self.batch_size), None
        for step in range(first, last):
            if order is None or step % per_pass == 0:
                rng = np.random.default_rng([self.seed, step // per_pass])
                order = rng.permutation(count)
            start = (step % per_pass) * self.batch_size
            yield np.sort(order[start : start + self.batch_size])


AS_THEY_ARE = Order(1)


def batches(forged: ForgedSet | LiveSet, order: Order, first: int, last: int) -> Iterator[Batch]:
    """Batches ``first`` to ``last`` of a set; a function of the order's seed and number alone."""
    indices = order.indices(len(forged), first, last)
    for step, (index, taken) in enumerate(_taken(forged, indices), start=first):
        yield to_batch(taken, index, order, step)


def _taken(
    forged: ForgedSet | LiveSet, indices: Iterator[Index]
) -> Iterator[tuple[Index, Samples]]:
    """Samples by their numbers; a set that is forged on the way has a worker per idle thread."""
    workers = torch.get_num_threads() - 1
    if isinstance(forged, ForgedSet) or workers < 1:
        yield from ((index, forged.take(index)) for index in indices)
        return
    context = multiprocessing.get_context("spawn")  # safe beside torch's threads
    with ProcessPoolExecutor(workers, context, cv2.setNumThreads, (1,)) as pool:
        waiting: deque = deque()
        for index in indices:
            waiting.append((index, pool.submit(forged.take, index)))
            if len(waiting) > AHEAD * workers:
                done, future = waiting.popleft()
                yield done, future.result()
        yield from ((index, future.result()) for index, future in waiting)


def emptied(count: int, share: float, seed: int) -> frozenset[int]:
    """Which of ``count`` training images lose their masks; a larger share holds the smaller."""
    order = np.random.default_rng([seed, count]).permutation(count)
    return frozenset(order[: round(share * count)].tolist())


def to_tensor(images: UInt8[np.ndarray, "B H W 3"]) -> Float[Tensor, "B 3 H W"]:
    """Images in [0, 1], channels last in memory."""
    image = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2)
    return image.float().contiguous(memory_format=torch.channels_last) / 255


def to_batch(taken: Samples, index: Index, order: Order = AS_THEY_ARE, step: int = 0) -> Batch:
    """Samples of the numbers ``index`` as batch ``step`` of an order."""
    kept = ~np.isin(index, [*order.emptied])[:, None, None]
    images, masks = taken.images, kept & (taken.regions > 0)
    if order.turned:
        flips = np.random.default_rng([order.seed, step, 1]).random((3, len(index))) < 0.5
        images, masks = turned(images, flips), turned(masks, flips)
    operation = torch.from_numpy(taken.targets)
    mask, names = torch.from_numpy(masks)[:, None], tuple(f"{i:05d}" for i in index)
    return Batch(to_tensor(images), mask, operation, names)


def turned(
    images: Shaped[np.ndarray, "B S S *C"], flips: Bool[np.ndarray, "3 B"]
) -> Shaped[np.ndarray, "B S S *C"]:
    """Squares transposed, upside down and mirrored, each where ``flips`` says so.

    A side that is a multiple of 8 keeps the grid of JPEG blocks.
    """
    made, (transposed, upside_down, mirrored) = images.copy(), flips
    made[transposed] = made[transposed].swapaxes(1, 2)
    made[upside_down] = made[upside_down, ::-1]
    made[mirrored] = made[mirrored, :, ::-1]
    return made


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
