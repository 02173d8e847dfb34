"""Jobs: recipes, places, records, and the weights that belong to them."""

import errno
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from runs import BASE, NETWORK, RUN, STARTED, job, trained
from safetensors import SafetensorError

from imdl_lib import files, jobs, speed, standins, train
from imdl_lib.errors import DataError, RegistryError, WeightsError
from imdl_lib.papers import pscc_net
from imdl_lib.registry import Run


def test_weights_of_another_network(workplace, tiny):
    trained(job(RUN, tiny))
    wider = replace(RUN, config=NETWORK | {"wider": True})
    path = job(RUN, tiny).cached(".safetensors")
    with pytest.raises(WeightsError) as error:
        jobs.load_weights(job(wider, tiny).build(), path)
    assert str(error.value) == (
        f"Weights {path} belong to another network: tensor adapt.weight is (8, 16, 1, 1) "
        "where (8, 32, 1, 1) is expected. Name the run that these weights were trained for."
    )
    with pytest.raises(WeightsError) as error:
        jobs.load_weights(job(BASE, tiny).build(), path)
    assert str(error.value) == (
        f"Weights {path} belong to another network: tensor adapt.weight is (8, 16, 1, 1) "
        "where nothing is expected. Name the run that these weights were trained for."
    )
    safetensors.torch.save_file({}, path)
    with pytest.raises(WeightsError) as error:
        jobs.load_weights(job(RUN, tiny).build(), path)
    assert str(error.value) == (
        f"Weights {path} belong to another network: tensor adapt.weight is absent "
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
        f"Weights {path} are damaged and were not read ({reason.value}). "
        "Delete the file; the run is trained again when needed."
    )


def test_weights_that_may_not_be_read_are_not_called_damaged(workplace, tiny, monkeypatch):
    one = job(RUN, tiny)
    trained(one)
    real = Path.open

    def denied(path: Path, *args, **how):
        if path == one.cached(".safetensors"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *args, **how)

    monkeypatch.setattr(Path, "open", denied)
    for call in (train.load, jobs.is_trained):
        with pytest.raises(DataError) as caught:
            call(one)
        assert str(caught.value) == (
            f"{one.cached('.safetensors')} cannot be read: permission is denied. "
            "Ask its owner for the right to read it."
        )
    assert one.cached(".safetensors").exists()


def test_weights_may_be_read_by_whom_their_record_may(workplace, tiny):
    one = job(replace(RUN, keep=True), tiny)
    trained(one)
    jobs.publish(one, {})
    for weights in (one.released, one.cached(".safetensors")):
        rights = (one.folder / "run.json").stat().st_mode
        assert oct(weights.stat().st_mode) == oct(rights)


def test_a_pickle_is_not_read(tmp_path):
    """Weights are safetensors; anything that could run code on loading is refused."""
    path = tmp_path / "weights.safetensors"
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match=r"^Weights /.*/weights\.safetensors are damaged"):
        jobs.load_weights(torch.nn.Identity(), path)


def test_wrong_stage(tiny):
    with pytest.raises(RegistryError) as error:
        job(replace(RUN, stage="mantranet.trace"), tiny).build()
    assert str(error.value) == (
        "Run mantranet/run is of stage 'mantranet.trace', which does not exist. Choose from "
        "mantranet.imc, mantranet, pscc_net, uen.vanilla, uen.pscc_net, baseline.ela, "
        "baseline.noi1, baseline.cfa1, blind.centre, blind.deviation, blind.inverse-deviation, "
        "blind.high-pass, blind.inverse-high-pass, blind.saliency, blind.features, "
        "blind.mean-mask."
    )


def test_recipes_of_a_job(tiny):
    one = job(replace(RUN, jpeg_quality=(70, 100)), tiny)
    learn, valid = one.recipe("train"), one.recipe("valid")
    assert (learn.part, learn.count, learn.seed) == ("train", tiny.forged_count, 0)
    assert (valid.part, valid.count, valid.seed) == ("valid", one.validation_images, 1)
    assert learn.kinds == RUN.kinds and learn.jpeg_quality == (70, 100)
    assert job(BASE, tiny).recipe("train").count == tiny.operation_count


def test_records(workplace, tiny):
    one = job(BASE, tiny)
    train.train(one, progress=False)
    jobs.publish(one, {"operations": "a1"})
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
    assert lines[0] == "samples,train_loss,valid_loss,valid_top_1" and len(lines) == 9
    assert [path.name for path in sorted(one.folder.iterdir())] == ["history.csv", "run.json"]
    assert jobs.read_record(one) == record


def test_a_record_without_a_run_is_empty(workplace, tiny):
    assert jobs.read_record(job(RUN, tiny)) == {}


def test_released_weights_are_half_precision(workplace, tiny):
    one = job(replace(RUN, keep=True), tiny)
    train.train(one, progress=False)
    jobs.publish(one, {})
    kinds = {t.dtype for t in safetensors.torch.load_file(one.released).values()}
    assert kinds == {torch.float16}


def test_facts_of_the_first_backbone(tiny):
    run = replace(BASE, config=BASE.config | {"first_layer": "conv3"})
    assert jobs.facts(job(run, tiny)) == {
        "paper_parameters": 486_103,
        "classes": 7,
        "conv_layers": 11,
        "receptive_field_px": 23,
    }


def test_facts_of_an_early_exit(tiny, monkeypatch):
    """Times are of networks at the paper's width; here any time will do."""
    monkeypatch.setattr(speed, "relative_time", lambda model, measure, turns: turns)
    stopped = replace(RUN, stage="pscc_net", config={"last_scale": 3}, keep=False)
    facts = jobs.facts(job(stopped, tiny))
    assert facts == {
        "paper_parameters": 3_668_000 - 58,
        "relative_time": tiny.timed_turns,
        "early_exit_identical": True,
    }
    monkeypatch.setattr(torch, "equal", lambda a, b: False)
    assert not jobs.facts(job(stopped, tiny))["early_exit_identical"]


def test_facts_of_released_networks(workplace, tiny, monkeypatch):
    """Without megapixel images in quick; where they are timed, once for a record."""
    monkeypatch.setattr(speed, "relative_time", lambda *_: 0.5)
    monkeypatch.setattr(speed, "seconds", lambda *_: 9.0)
    monkeypatch.setattr(speed, "detection_share", lambda *_: 0.6)
    whole = replace(RUN, stage="pscc_net", config={}, keep=True)
    facts = jobs.facts(job(whole, tiny))
    assert facts == {
        "paper_parameters": 3_668_000 - 58,
        "relative_time": 0.5,
        "relative_time_of_mantranet": 0.5,
        "parameters_backbone": 2_028_572,
        "parameters_masks": 719_824,
        "parameters_head": 919_546,
        "attention_entries_256px": facts["attention_entries_1080p"],
        "attention_entries_1080p": facts["attention_entries_256px"],
        "fold_is_exact": True,
    }
    timed = job(whole, replace(tiny, large_turns=1))
    times = jobs.facts(timed)
    assert times.keys() - facts.keys() == {
        "teraflop_1080p",
        "relative_teraflop_of_mantranet_1080p",
        "relative_teraflop_1080p_mask_4",
        "relative_time_1080p_mask_4",
        "seconds_1080p",
        "relative_time_of_mantranet_1024x768",
        "detection_share_256px",
        "detection_share_1080p",
        "timed_on",
    }
    assert times["timed_on"].endswith(f" cores, {torch.get_num_threads()} threads, fp32")
    files.write_json(timed.folder / "run.json", {"identity": timed.identity, **times})
    assert jobs.facts(timed) == facts
    theirs = job(replace(RUN, config={}, keep=True), replace(tiny, large_turns=1))
    assert set(jobs.facts(theirs)) == {
        "paper_parameters",
        "teraflop_1024x768",
        "seconds_1024x768",
        "timed_on",
    }


def test_what_is_learned_is_read_from_committed_weights(workplace, tiny):
    one = job(replace(RUN, keep=True), tiny)
    train.train(one, progress=False)
    jobs.publish(one, {})
    assert jobs.read_record(one)["any_size"] is True
    masks = pscc_net.Model(pscc_net.Config(width=0.125, size_px=32))
    with torch.no_grad():
        masks.masks.getmask3.gamma_s.fill_(1.25)
        masks.masks.getmask1.gamma_c.fill_(0.5)
    learned = jobs.STAGES["pscc_net"].learned(masks)
    assert len(learned) == 8
    assert learned | {"alpha_s_3": 1.25, "alpha_c_1": 0.5, "alpha_s_1": 1.0} == learned


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


def test_a_run_may_see_images_at_the_size_of_its_training(tiny):
    run = Run("uen/run", "uen.vanilla", {"resized": True}, (), (), long=True)
    config = job(run, replace(tiny, released_size_px=48)).build().config
    assert config.resized and config.size_px == 48


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
