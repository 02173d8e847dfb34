"""Training at a tiny size: resume, identity of weights, what a wrong file is told."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from safetensors import SafetensorError

from imdl_lib import files, profiles, standins, train
from imdl_lib.batch import Batch
from imdl_lib.errors import DataError, RegistryError, WeightsError
from imdl_lib.forge import ForgedSet, Recipe
from imdl_lib.profiles import Profile
from imdl_lib.registry import Run
from imdl_lib.train import Job

CONFIG = {"wider": False, "deeper": False}
BASE = Run("mantranet/base", "mantranet.imc", CONFIG | {"level": 0}, ("operation",), ())
NETWORK = CONFIG | {"windows": (3,)}
RUN = Run("mantranet/run", "mantranet", NETWORK, ("splice", "enhancement"), ())
STARTED = replace(RUN, id="mantranet/started", init_from=BASE.id)
FROZEN = replace(STARTED, id="mantranet/frozen", frozen=True)
RUNS = {run.id: run for run in (BASE, RUN, STARTED, FROZEN)}


def job(run: Run, profile: Profile, seed: int = 0) -> Job:
    return Job(run, profile, seed, RUNS | {run.id: run})


def trained(job: Job) -> dict[str, torch.Tensor]:
    train.train(job, progress=False)
    return safetensors.torch.load_file(job.cached(".safetensors"))


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(one[name].equal(other[name]) for name in one)


def forget(job: Job) -> None:
    """Delete all that the cache holds of a job."""
    for path in job.cached("").parent.glob(f"{job.identity}*"):
        path.unlink()


class Stopped(Exception):
    """Stands for whatever ends a training early."""


def stop_before(monkeypatch: pytest.MonkeyPatch, step: int) -> list[int]:
    """Make training batch ``step`` raise; the list collects the first batch of each call."""
    real, firsts = train.batches, []

    def stopping(forged, batch_size, seed, first, last):
        for number, batch in enumerate(real(forged, batch_size, seed, first, last), start=first):
            if forged.recipe.part == "train":
                if number == first:
                    firsts.append(first)
                if number == step:
                    raise Stopped
            yield batch

    monkeypatch.setattr(train, "batches", stopping)
    return firsts


# Resume


@pytest.mark.parametrize("schedule", ["cosine", "plateau"])
@pytest.mark.parametrize("step", [1, 5])
def test_a_stopped_run_goes_on_to_the_same_weights(workplace, tiny, monkeypatch, schedule, step):
    one = job(RUN, replace(tiny, schedule=schedule))
    whole = trained(one)
    history = files.read_json(one.cached(".json"))["history"]
    forget(one)
    monkeypatch.setattr(train, "SAVE_SECONDS", -1.0)
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_before(patch, step)
        train.train(one, progress=False)
    assert not one.cached(".safetensors").exists()
    firsts = stop_before(monkeypatch, 10**9)
    assert same(trained(one), whole)
    assert firsts == [step]  # not from the beginning
    assert files.read_json(one.cached(".json"))["history"] == history
    assert not one.cached(".ckpt").exists()


KILLED = """
import os, signal, sys
from dataclasses import replace
import torch
from imdl_lib import profiles, train
from imdl_lib.registry import Run
torch.set_num_threads(1)
sizes = {sizes!r}
profile = replace(profiles.QUICK, **sizes)
run = Run({run.id!r}, {run.stage!r}, {run.config!r}, {run.kinds!r}, ())
real = train.batches

def killing(forged, *rest):
    for number, batch in enumerate(real(forged, *rest)):
        if forged.recipe.part == "train" and number == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        yield batch

train.batches, train.SAVE_SECONDS = killing, -1.0
train.train(train.Job(run, profile, 0, {{run.id: run}}), progress=False)
"""


def test_a_killed_process_is_gone_on_from(workplace, tiny, monkeypatch):
    one = job(RUN, tiny)
    whole = trained(one)
    forget(one)
    sizes = {k: v for k, v in vars(tiny).items() if v != getattr(profiles.QUICK, k)}
    script = KILLED.format(sizes=sizes, run=RUN)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=100)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    firsts = stop_before(monkeypatch, 10**9)
    assert same(trained(one), whole)
    assert firsts == [5]


def test_a_damaged_checkpoint_starts_the_run_again(workplace, tiny):
    one = job(RUN, tiny)
    whole = trained(one)
    forget(one)
    one.cached(".ckpt").write_bytes(b"half a file")
    assert same(trained(one), whole)


def test_a_finished_run_is_not_trained_again(workplace, tiny, monkeypatch):
    one = job(STARTED, tiny)
    trained(one)
    firsts = stop_before(monkeypatch, 0)  # any step would raise
    train.train(one, progress=False)
    train.load(one)
    assert firsts == []


def test_a_run_that_another_process_finished_meanwhile_is_not_trained_again(
    workplace, tiny, monkeypatch
):
    """The other one finishes while this one forges."""
    one = job(RUN, tiny)
    real = train.forge

    def forging(recipe, progress):
        one.cached(".safetensors").parent.mkdir(parents=True, exist_ok=True)
        one.cached(".safetensors").write_bytes(b"the other one's weights")
        return real(recipe, progress)

    monkeypatch.setattr(train, "forge", forging)
    train.train(one, progress=False)
    assert one.cached(".safetensors").read_bytes() == b"the other one's weights"


def test_two_at_once(workplace, tiny):
    one = job(RUN, tiny)
    with (
        files.only_one(one.cached(".lock"), "the other one"),
        pytest.raises(DataError) as error,
    ):
        train.train(one, progress=False)
    assert str(error.value) == (
        f"Run mantranet/run is being worked on by another process (number {os.getpid()}). "
        "Wait for it, or stop it, then run the same command again."
    )
    assert trained(one)


# Weights


def test_weights_are_a_function_of_the_seed(workplace, tiny):
    first = trained(job(RUN, tiny))
    forget(job(RUN, tiny))
    assert same(trained(job(RUN, tiny)), first)
    assert not same(trained(job(RUN, tiny, seed=1)), first)


def test_training_lowers_the_loss(workplace, tiny):
    one = job(BASE, replace(tiny, operation_samples=320))
    trained(one)
    history = files.read_json(one.cached(".json"))["history"]
    assert [row["samples"] for row in history] == list(range(32, 321, 32))
    assert min(row["valid_loss"] for row in history) < history[0]["valid_loss"]


def test_the_weights_of_the_lowest_validation_loss_are_kept(workplace, tiny, monkeypatch):
    one = job(RUN, replace(tiny, learning_rate=0.3))  # so high that the loss jumps about
    best = trained(one)
    losses = [row["valid_loss"] for row in files.read_json(one.cached(".json"))["history"]]
    model = train.load(one)
    assert same(dict(model.state_dict()), best)
    valid = train.forge(one.recipe("valid"), False)
    with torch.no_grad():
        batches = train.batches(valid, tiny.batch, 0, 0, max(1, len(valid) // tiny.batch))
        loss = train.STAGES[RUN.stage].loss
        found = np.mean([float(sum(loss(model(b.image), b).values())) for b in batches])
    assert found == pytest.approx(min(losses), rel=1e-4)


def test_a_flat_photo_does_not_spoil_the_weights(workplace, tiny):
    """Its features have no deviation: a root of zero has no slope."""
    model = job(RUN, tiny).build()
    image = torch.rand(2, 3, 16, 16)
    image[1] = 0.5
    loss = train.STAGES[RUN.stage].loss
    batch = Batch(image, torch.zeros(2, 1, 16, 16, dtype=torch.bool))
    sum(loss(model(image), batch).values()).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def trace(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: t for name, t in state.items() if name.startswith("trace.")}


def test_a_start_hands_on_its_trace_and_frozen_keeps_it(workplace, tiny):
    base, frozen, started = (trained(job(run, tiny)) for run in (BASE, FROZEN, STARTED))
    assert len(trace(base)) > 10
    assert same(trace(frozen), trace(base))
    assert not same(trace(started), trace(base))
    alone = trained(job(RUN, tiny))
    assert not same(trace(alone), trace(base))
    assert not frozen["decide.weight"].equal(alone["decide.weight"])


def test_a_slower_trace_moves_less(workplace, tiny):
    base = trace(trained(job(BASE, tiny)))

    def moved(rate: float) -> float:
        run = replace(STARTED, init_rate=rate)
        state = trained(job(run, tiny))
        return sum(float((state[name] - base[name]).abs().mean()) for name in base)

    assert 0 < moved(0.01) < 0.1 * moved(1.0)


def test_a_start_is_trained_where_it_is_missing(workplace, tiny):
    trained(job(FROZEN, tiny))
    assert job(BASE, tiny).cached(".safetensors").exists()


def test_released_weights_are_read_without_training(workplace, tiny, monkeypatch):
    one = job(replace(RUN, keep=True), tiny)
    state = trained(one)
    train.publish(one, {})
    forget(one)
    stop_before(monkeypatch, 0)
    released = train.load(one).state_dict()
    assert all(torch.equal(released[name], t.half().float()) for name, t in state.items())


def test_released_weights_of_another_identity_are_not_read(workplace, tiny):
    one = job(replace(RUN, keep=True), tiny)
    trained(one)
    train.publish(one, {})
    forget(one)
    files.write_json(one.folder / "run.json", {"identity": "another"})
    train.load(one)
    assert one.cached(".safetensors").exists()


def test_weights_of_another_network(workplace, tiny):
    trained(job(RUN, tiny))
    wider = replace(RUN, config=NETWORK | {"wider": True})
    path = job(RUN, tiny).cached(".safetensors")
    with pytest.raises(WeightsError) as error:
        train.load_weights(job(wider, tiny).build(), path)
    assert str(error.value) == (
        f"Weights {path.name} belong to another network: tensor adapt.weight is (8, 16, 1, 1) "
        "where (8, 32, 1, 1) is expected. Name the run that these weights were trained for."
    )
    with pytest.raises(WeightsError) as error:
        train.load_weights(job(BASE, tiny).build(), path)
    assert str(error.value) == (
        f"Weights {path.name} belong to another network: tensor adapt.weight is (8, 16, 1, 1) "
        "where nothing is expected. Name the run that these weights were trained for."
    )
    safetensors.torch.save_file({}, path)
    with pytest.raises(WeightsError) as error:
        train.load_weights(job(RUN, tiny).build(), path)
    assert str(error.value) == (
        f"Weights {path.name} belong to another network: tensor adapt.weight is absent "
        "where (8, 16, 1, 1) is expected. Name the run that these weights were trained for."
    )


@pytest.mark.parametrize("keep", [0, 5, 200, -1], ids=["empty", "head", "half", "last byte"])
def test_damaged_weights(workplace, tiny, keep):
    one = job(RUN, tiny)
    trained(one)
    path = one.cached(".safetensors")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(SafetensorError) as reason:
        safetensors.torch.load_file(path)
    with pytest.raises(WeightsError) as error:
        train.load(one)
    assert str(error.value) == (
        f"Weights {path.name} are damaged and were not read ({reason.value}). "
        "Delete the file; the run is trained again when needed."
    )


def test_a_pickle_is_not_read(tmp_path):
    """Weights are safetensors; anything that could run code on loading is refused."""
    path = tmp_path / "weights.safetensors"
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match=r"^Weights weights\.safetensors are damaged"):
        train.load_weights(torch.nn.Identity(), path)


def test_wrong_stage(tiny):
    with pytest.raises(RegistryError) as error:
        job(replace(RUN, stage="mantranet.trace"), tiny).build()
    assert str(error.value) == (
        "Run mantranet/run is of stage 'mantranet.trace', which does not exist. Choose from "
        "mantranet.imc, mantranet, baseline.ela, baseline.noi1, baseline.cfa1."
    )


def test_a_classical_method_needs_no_training(workplace, tiny):
    one = job(Run("mantranet/ela", "baseline.ela", {}, (), ()), tiny)
    train.train(one, progress=False)
    assert not list((workplace / "cache").glob("runs/*"))
    assert not train.load(one).training


# Batches


@pytest.fixture
def forged() -> ForgedSet:
    """Twenty images, each filled with its number."""
    number = np.arange(20)
    images = np.repeat(number.astype(np.uint8), 4 * 4 * 3).reshape(20, 4, 4, 3)
    regions = (images[..., 0] % 2).astype(np.uint8) * 2
    recipe = Recipe(("enhancement",), ("packaged",), "train", 20, 4)
    return ForgedSet(recipe, images, regions, number)


def numbers(batches) -> list[list[int]]:
    return [batch.operation.tolist() for batch in batches]


def test_batches_are_a_function_of_seed_and_number(forged):
    every = numbers(train.batches(forged, 6, 3, 0, 9))
    assert numbers(train.batches(forged, 6, 3, 4, 9)) == every[4:]
    assert numbers(train.batches(forged, 6, 3, 0, 9)) == every
    assert numbers(train.batches(forged, 6, 4, 0, 9)) != every


def test_a_pass_shows_no_image_twice_and_the_next_is_shuffled_anew(forged):
    every = numbers(train.batches(forged, 5, 0, 0, 8))
    for start in (0, 4):
        assert sorted(chain.from_iterable(every[start : start + 4])) == list(range(20))
    assert every[:4] != every[4:]


def test_a_batch_holds_what_was_forged(forged):
    batch = train.to_batch(forged, np.array([2, 5]))
    assert batch.image.shape == (2, 3, 4, 4)
    assert batch.image[1].unique().item() == pytest.approx(5 / 255)
    assert batch.mask.flatten(1).all(1).tolist() == [False, True]  # region numbers become True
    assert batch.operation.tolist() == [2, 5]
    assert batch.name == ("00002", "00005")


def test_a_set_smaller_than_a_batch_still_gives_batches(forged):
    assert [len(n) for n in numbers(train.batches(forged, 64, 0, 0, 2))] == [20, 20]


# Job and records


def test_recipes_of_a_job(tiny):
    one = job(replace(RUN, jpeg_quality=(70, 100)), tiny)
    learn, valid = one.recipe("train"), one.recipe("valid")
    assert (learn.part, learn.count, learn.seed) == ("train", tiny.forged_count, 0)
    assert (valid.part, valid.count, valid.seed) == ("valid", one.validation_images, 1)
    assert learn.kinds == RUN.kinds and learn.jpeg_quality == (70, 100)
    assert job(BASE, tiny).recipe("train").count == tiny.operation_count


def test_precision():
    assert train.precision("32-true") == "32-true"
    assert train.precision("auto") in ("32-true", "bf16-mixed")


def test_records(workplace, tiny):
    one = job(BASE, tiny)
    train.train(one, progress=False)
    train.publish(one, {"operations": "a1"})
    record = files.read_json(one.folder / "run.json")
    expected = {
        "identity": one.identity,
        "run": BASE.id,
        "profile": "tiny",
        "seed": 0,
        "samples": 64,
        "precision": "32-true",
        "classes": 7,
        "sets": {"operations": "a1"},
    }
    assert record | expected == record
    assert {"train_seconds", "device", "environment", "parameters"} <= record.keys()
    assert record["paper_parameters"] > record["parameters"]
    lines = (one.folder / "history.csv").read_text().splitlines()
    assert lines[0] == "samples,train_loss,valid_loss" and len(lines) == 9
    assert [path.name for path in sorted(one.folder.iterdir())] == ["history.csv", "run.json"]
    assert train.read_record(one) == record


def test_a_record_without_a_run_is_empty(workplace, tiny):
    assert train.read_record(job(RUN, tiny)) == {}


def test_released_weights_are_half_precision(workplace, tiny):
    one = job(replace(RUN, keep=True), tiny)
    train.train(one, progress=False)
    train.publish(one, {})
    kinds = {t.dtype for t in safetensors.torch.load_file(one.released).values()}
    assert kinds == {torch.float16}


def test_facts_of_the_first_backbone(tiny):
    run = replace(BASE, config=BASE.config | {"first_layer": "conv3"})
    assert train.facts(job(run, tiny)) == {
        "paper_parameters": 486_103,
        "classes": 7,
        "conv_layers": 11,
        "receptive_field_px": 23,
    }


def test_a_folder_that_cannot_be_written(workplace, tiny, monkeypatch):
    """A full disk while the weights are written: one message, and nothing half-written."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    one = job(RUN, tiny)
    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(DataError) as error:
        train.train(one, progress=False)
    assert str(error.value) == (
        f"{one.cached('.safetensors')} was not written: the disk is full. "
        "Free some space and run the same command again; what was finished is kept."
    )
    assert not one.cached(".safetensors").exists()


def test_places(workplace, tiny):
    one = job(RUN, tiny, seed=3)
    assert one.folder == workplace / "results/tiny/mantranet/run/seed3"
    assert one.cached(".ckpt") == Path(workplace / "cache/runs" / f"{one.identity}.ckpt")
    assert job(STARTED, tiny, seed=3).start == job(BASE, tiny, seed=3)
    assert one.start is None


def test_a_released_run_is_validated_on_what_it_was_not_trained_on(workplace, tiny):
    one = job(replace(RUN, chosen_on="choosing", long=True), tiny)
    train_set, valid_set = one.recipe("train"), one.recipe("valid")
    assert (train_set.kinds, train_set.part) == (RUN.kinds, "train")
    assert valid_set.kinds == standins.stand_in("choosing").kinds
    assert (valid_set.part, valid_set.cameras) == ("valid", True)
    assert (valid_set.count, valid_set.size_px) == (one.validation_images, 16)
    assert job(RUN, tiny).recipe("valid").kinds == RUN.kinds
