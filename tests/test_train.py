"""Training at a tiny size: resume, identity of weights, what a wrong file is told."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import safetensors.torch
import torch
from runs import BASE, FROZEN, NETWORK, RUN, STARTED, job, trained

from imdl_lib import files, jobs, profiles, train
from imdl_lib.batch import Batch
from imdl_lib.errors import DataError, RegistryError, WeightsError
from imdl_lib.forge import ForgedSet
from imdl_lib.jobs import Job
from imdl_lib.kinds import Recipe
from imdl_lib.papers import uen
from imdl_lib.registry import Run


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

    def stopping(forged, batch_size, seed, first, last, *more):
        for number, batch in enumerate(
            real(forged, batch_size, seed, first, last, *more), start=first
        ):
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
from imdl_lib.jobs import Job
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
train.train(Job(run, profile, 0, {{run.id: run}}), progress=False)
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
        train._leave(one, {"the other one's": torch.ones(1)}, {})
        return real(recipe, progress)

    monkeypatch.setattr(train, "forge", forging)
    train.train(one, progress=False)
    assert list(safetensors.torch.load_file(one.cached(".safetensors"))) == ["the other one's"]


@pytest.mark.parametrize("file", [".safetensors", ".json"])
@pytest.mark.parametrize("left", [0, 40, None])
def test_what_a_crash_left_of_a_finished_run_is_made_anew(workplace, tiny, capsys, file, left):
    """Cut to some bytes, or gone."""
    one = job(RUN, tiny)
    whole = {name: tensor.clone() for name, tensor in trained(one).items()}  # not the file's pages
    path = one.cached(file)
    if left is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:left])
    train.train(one, progress=False)
    told = capsys.readouterr().out
    gone = (file, left) == (".safetensors", None)
    assert gone or told.startswith("mantranet/run: its weights in the cache are damaged, it starts")
    assert same(trained(one), whole)
    assert files.read_json(one.cached(".json"))["identity"] == one.identity


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
        loss = jobs.STAGES[RUN.stage].loss(RUN.config)
        found = np.mean([float(sum(loss(model(b.image), b).values())) for b in batches])
    assert found == pytest.approx(min(losses), rel=1e-4)


def test_a_flat_photo_does_not_spoil_the_weights(workplace, tiny):
    """Its features have no deviation: a root of zero has no slope."""
    model = job(RUN, tiny).build()
    image = torch.rand(2, 3, 16, 16)
    image[1] = 0.5
    loss = jobs.STAGES[RUN.stage].loss(RUN.config)
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
    jobs.publish(one, {})
    forget(one)
    stop_before(monkeypatch, 0)
    released = train.load(one).state_dict()
    assert all(torch.equal(released[name], t.half().float()) for name, t in state.items())


def test_released_weights_of_an_earlier_recipe_are_shown_and_not_started_from(
    workplace, tiny, monkeypatch
):
    base = replace(BASE, keep=True)
    runs = {BASE.id: base, STARTED.id: STARTED}
    one, started = Job(base, tiny, 0, runs), Job(STARTED, tiny, 0, runs)
    state = trained(one)
    jobs.publish(one, {})
    forget(one)
    files.write_json(one.folder / "run.json", jobs.read_record(one) | {"identity": "another"})
    shown = train.load(one).state_dict()
    assert all(torch.equal(shown[name], t.half().float()) for name, t in state.items())
    trained_now, loop = [], train._Loop
    noted = lambda job, *sets: trained_now.append(job.run.id) or loop(job, *sets)  # noqa: E731
    monkeypatch.setattr(train, "_Loop", noted)
    train.train(started, progress=False)
    assert trained_now == [BASE.id, STARTED.id]
    assert same(train.load(one).state_dict(), shown)  # as long as these are the published ones
    with pytest.raises(DataError, match=r"^No weights of mantranet/base are at hand"):
        train.load(Job(base, tiny, 1, runs), earlier=False)


def test_released_weights_of_an_earlier_recipe_that_do_not_fit(workplace, tiny):
    one = job(replace(RUN, keep=True), tiny)
    trained(one)
    jobs.publish(one, {})
    wider = job(replace(RUN, keep=True, config=NETWORK | {"wider": True}), tiny)
    with pytest.raises(WeightsError, match=r"^Weights .*weights\.safetensors belong to another"):
        train.load(wider)


def test_no_weights(workplace, tiny):
    with pytest.raises(DataError) as caught:
        train.load(job(RUN, tiny))
    assert str(caught.value) == (
        "No weights of mantranet/run are at hand at profile tiny. "
        "Run `imdl train mantranet/run --profile tiny`, or name another profile."
    )


def test_committed_weights_are_not_trained_again(workplace, tiny, monkeypatch):
    """Neither those of the run itself nor those that it starts from."""
    base = replace(BASE, keep=True)
    one = Job(base, tiny, 0, {BASE.id: base})
    trained(one)
    jobs.publish(one, {})
    forget(one)
    trained_now, loop = [], train._Loop
    noted = lambda job, *sets: trained_now.append(job.run.id) or loop(job, *sets)  # noqa: E731
    monkeypatch.setattr(train, "_Loop", noted)
    train.train(one, progress=False)
    train.train(Job(STARTED, tiny, 0, {BASE.id: base, STARTED.id: STARTED}), progress=False)
    assert trained_now == [STARTED.id]


def test_a_kept_run_is_scored_with_the_weights_that_are_committed(workplace, tiny):
    one = job(replace(RUN, keep=True), tiny)
    before = trained(one)
    jobs.publish(one, {})
    after = train.load(one).state_dict()
    assert same(before, {name: after[name] for name in before})


def test_a_run_without_training_borrows_the_weights_that_it_starts_from(workplace, tiny):
    other = Run("mantranet/other", "mantranet", NETWORK, (), (), init_from=RUN.id)
    one = job(other, tiny)
    train.train(one, progress=False)
    assert same(train.load(one).state_dict(), trained(job(RUN, tiny)))
    assert other.samples(tiny) == 0
    jobs.publish(one, {})
    assert jobs.is_current(one)


def test_the_papers_schedule_is_validated_every_thousand_steps(workplace, tiny):
    one = job(RUN, replace(tiny, schedule="plateau"))
    trained(one)
    history = files.read_json(one.cached(".json"))["history"]
    assert [row["samples"] for row in history] == [64]  # the end of eight steps
    loop = train._Loop(one, *(train.forge(one.recipe(p), False) for p in ("train", "valid")))
    loop.state["history"] = [{"valid_loss": 1.0}] * 21
    assert loop._rate() == tiny.learning_rate / 2


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


def test_precision():
    assert train.precision("32-true") == "32-true"
    assert train.precision("auto") in ("32-true", "bf16-mixed")


def test_emptied_labels_are_told_and_grow():
    few, many = (train.emptied(1000, share, seed=0) for share in (0.1, 0.3))
    assert len(few) == 100 and len(many) == 300 and few < many
    assert train.emptied(1000, 0.1, seed=1) != few
    assert train.emptied(1000, 0.0, seed=0) == frozenset()


def test_a_run_with_noisy_labels_is_told_empty_masks(workplace, tiny, monkeypatch):
    """Training sees no forged pixel where all labels are emptied; validation sees them."""
    noisy = replace(RUN, id="mantranet/noisy", label_noise=1.0)
    told = []
    real = train._Loop._judged

    def noted(loop, batch):
        told.append((loop.model.training, bool(batch.mask.any())))
        return real(loop, batch)

    monkeypatch.setattr(train._Loop, "_judged", noted)
    train.train(job(noisy, tiny), progress=False)
    assert {any_forged for training, any_forged in told if training} == {False}
    assert {any_forged for training, any_forged in told if not training} == {True}


def test_only_the_chosen_masks_are_emptied(forged):
    whole, taught = (
        next(train.batches(forged, 20, 0, 0, 1, lost)) for lost in (frozenset(), frozenset((3, 7)))
    )
    for name, before, after in zip(whole.name, whole.mask, taught.mask, strict=True):
        assert torch.equal(after, before & (int(name) not in (3, 7)))


def test_a_network_cannot_start_from_one_without_a_tensor_of_its_own():
    with pytest.raises(RegistryError) as error:
        train._start_from(torch.nn.Linear(2, 2), torch.nn.ReLU(), frozen=False)
    assert str(error.value) == (
        "A Linear cannot start from a ReLU: no tensor has the same name in both. "
        "Name another run in `init_from`."
    )


def test_a_plug_in_s_base_starts_from_a_network_of_its_own(tiny):
    torch.manual_seed(0)
    whole = uen.Model(uen.Config(), uen.Vanilla(0.25, 8))
    other = uen.Vanilla(0.25, 8)
    started = train._start_from(whole, other, frozen=True)
    assert torch.equal(whole.base.project[0].weight, other.project[0].weight)
    assert len(started) == len(list(other.parameters()))
    assert all(p.requires_grad for p in whole.variance.parameters())
