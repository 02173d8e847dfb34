"""The ``imdl`` command: what it prints, and that a mistake is one message and exit code 2."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from imdl_lib import checksums, cli, datasets, detect, experiments, fetch, images
from imdl_lib.batch import Prediction
from imdl_lib.registry import Run

KEYS = {"id", "paper", "kind", "number", "caption", "state", "files"}
NO_PROFILE = (
    "imdl: There is no profile 'smoke'. Choose from quick, standard, next, paper; "
    "quick is a first look, standard makes the committed results.\n"
)


@pytest.fixture
def imdl(monkeypatch, capsys, workplace):
    """Run the command in this process: ``imdl("list", "--json")`` -> exit code, out, err."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["imdl", *arguments])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    return run


# What it prints


def test_list_for_programs(imdl):
    code, out, _ = imdl("list", "--json")
    entries = json.loads(out)
    assert code == 0 and len(entries) == 62
    for entry in entries:
        assert entry.keys() >= KEYS
        assert entry["kind"] in ("table", "figure")
        assert entry["state"] in ("made", "needs data", "not yet")
        assert entry["id"].startswith(f"{entry['paper']}/{entry['kind']}-")
        assert isinstance(entry["files"], list)
    assert {entry["paper"] for entry in entries} == {
        "mantranet",
        "pscc_net",
        "safl_net",
        "uen",
        "wcbnet",
    }


def test_list_for_people(imdl, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = imdl("list", "--profile", "quick")
    assert code == 0
    ids = re.findall(r"[a-z_]+/(?:table|figure)-\w+", out)
    assert len(ids) == 62 and "mantranet/table-2" in ids and "not yet" in out


def test_env(imdl, monkeypatch):
    monkeypatch.setenv("IMDL_DATA", "/somewhere")
    code, out, _ = imdl("env")
    told = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert code == 0
    assert {"python", "torch", "numpy", "machine", "precision"} <= told.keys()
    assert told["IMDL_DATA"] == "/somewhere"
    monkeypatch.delenv("IMDL_DATA")
    assert "IMDL_DATA  not set: packaged photos only" in imdl("env")[1]


def test_data_info_of_all_and_of_one(imdl):
    code, out, _ = imdl("data", "info")
    assert code == 0
    for name in {*fetch.SETS, *datasets.SPECS}:
        assert out.count(f"{name}: ") >= 1
    assert imdl("data", "info", "columbia")[1].startswith("columbia: ")


def test_data_check_of_a_fetched_set_ends_with_remarks(imdl, workplace, monkeypatch):
    monkeypatch.setenv("IMDL_DATA", str(workplace))
    lines = imdl("data", "check", "coverage")[1].splitlines()
    assert lines[0] == "coverage: 0 of 304 files are whole; 304 missing, 0 damaged."
    assert lines[-2:] == [f"  no fault: {line}" for line in datasets.SPECS["coverage"].remarks]
    assert "no fault" not in imdl("data", "check", "casia1")[1]


def test_claims(imdl):
    code, out, _ = imdl("claims", "--profile", "quick")
    assert code == 0 and "QUICK (NOT JUDGED)" in out


def test_train_a_run_once(imdl, monkeypatch, tiny):
    run = Run("mantranet/ela", "baseline.ela", {}, (), ("four_kinds",))
    monkeypatch.setattr(experiments, "RUN_BY_ID", {run.id: run})
    assert imdl("train", run.id, "--profile", "tiny")[:2] == (
        0,
        "mantranet/ela seed 0: finished now\n",
    )
    assert imdl("train", run.id, "--profile", "tiny")[:2] == (
        0,
        "mantranet/ela seed 0: already finished\n",
    )


def test_a_run_whose_set_is_not_here_is_left_out_of_its_paper(imdl, monkeypatch, tiny):
    """Neither training nor forging all of a paper fails; asked for by name, it is an error."""
    real = experiments.run("pscc_net/tuned-nist16-real")
    ela = Run("pscc_net/ela", "baseline.ela", {}, (), ("four_kinds",))
    monkeypatch.setattr(experiments, "RUNS", (real, ela))
    monkeypatch.setattr(experiments, "RUN_BY_ID", {**experiments.RUN_BY_ID, ela.id: ela})
    said = f"{real.id} is left out: it needs NIST16: imdl data info nist16\n"
    train = imdl("train", "--paper", "pscc_net", "--profile", "tiny")
    assert train[:2] == (0, f"{said}pscc_net/ela seed 0: finished now\n")
    assert imdl("forge", "--paper", "pscc_net", "--profile", "tiny")[:2] == (0, said)
    code, out, error = imdl("train", real.id, "--profile", "tiny")
    assert (code, out) == (2, "")
    assert error == (
        f"imdl: Run {real.id} is trained on NIST16, which is not here. Expected 95% or more of its "
        "564 forged images. `imdl data info nist16` says where they go.\n"
    )


def test_what_cannot_be_rendered_is_said_and_the_rest_is_made(imdl, workplace):
    code, out, error = imdl("render", "--paper", "pscc_net", "--profile", "quick")
    assert code == 2
    assert "results/quick/pscc_net/items/table-ii.csv" in out
    assert "figures/quick/pscc_net/figure-2.png" in out
    assert (
        "pscc_net/figure-10 is not made. No weights of pscc_net/released are at hand at profile "
        "quick. Run `imdl train pscc_net/released --profile quick`, or name another profile.\n"
    ) in out
    assert (
        "pscc_net/figure-7 is not made. No rows of mantranet/released on like_casia_d with the "
        "column mean_of_map are stored at profile quick. "
        "Run `imdl train mantranet/released --profile quick` first.\n"
    ) in out
    assert error == (
        "imdl: 8 of 18 items are not made. Expected weights of all runs that they show. "
        "Run `imdl train --paper pscc_net --profile quick` first.\n"
    )


def test_summary_without_results(imdl, workplace):
    code, out, _ = imdl("summary", "--profile", "quick")
    report = json.loads((workplace / "results/quick/summary.json").read_text())
    assert code == 0 and f"0 of {len(experiments.BY_ID)} items made" in out
    assert report.keys() == {"profile", "wall_minutes", "stages", "machine", "made", "failed"}
    assert report["made"] == [] and sorted(report["failed"]) == sorted(experiments.BY_ID)
    assert report["wall_minutes"] == 0 and report["stages"] == {}


def test_summary_adds_up_stages(imdl, workplace):
    minutes = workplace / "build/quick/minutes"
    for name, seconds in (("train/mantranet.tsv", 60), ("notebook/01.tsv", 30)):
        (minutes / name).parent.mkdir(parents=True)
        (minutes / name).write_text(f"s\th:m:s\n{seconds}\t0:01:00\n")
    imdl("summary", "--profile", "quick")
    report = json.loads((workplace / "results/quick/summary.json").read_text())
    assert report["stages"] == {"train": 1.0, "notebook": 0.5}
    assert report["wall_minutes"] == 1.5


# Mistakes


def mistaken(imdl, *arguments: str) -> str:
    code, out, err = imdl(*arguments)
    assert (code, out) == (2, "")
    assert "Traceback" not in err
    return err


def test_wrong_run(imdl):
    known = ", ".join(sorted(experiments.RUN_BY_ID))
    for name in ("mantranet/imc", ""):
        said = f"imdl: There is no run {name!r}. Choose from {known}.\n"
        assert mistaken(imdl, "train", name) == said


@pytest.mark.parametrize(
    "arguments",
    [
        ("list",),
        ("train", "mantranet/imc-vgg"),
        ("forge",),
        ("render",),
        ("claims",),
        ("summary",),
        ("notebook", "notebooks/01_mantranet.ipynb"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_wrong_profile(imdl, workplace, arguments):
    assert mistaken(imdl, *arguments, "--profile", "smoke") == NO_PROFILE
    assert sorted(path.name for path in workplace.iterdir()) == ["cache"]  # nothing was begun


@pytest.mark.parametrize("command", ["train", "forge", "render", "claims"])
def test_wrong_paper(imdl, command):
    assert mistaken(imdl, command, "--paper", "mantra") == (
        "imdl: There is no paper 'mantra' here. Choose from mantranet, pscc_net, uen.\n"
    )


def test_wrong_set(imdl):
    known = list(dict.fromkeys([*checksums.SETS, *datasets.SPECS]))
    for verb in ("info", "get", "check"):
        assert mistaken(imdl, "data", verb, "casia9") == (
            f"imdl: There is no set `casia9`. Expected one of {', '.join(known)}. "
            "`imdl data info` describes each.\n"
        )


def test_no_data_root(imdl):
    for arguments in (("get", "casia1"), ("check", "columbia")):
        assert mistaken(imdl, "data", *arguments) == (
            "imdl: The data root is not named: IMDL_DATA is not set. Expected the folder that "
            "holds, or will hold, photos and data sets. Name it, for example "
            "`export IMDL_DATA=~/imdl-data`.\n"
        )


def test_a_set_that_is_not_here(imdl, workplace, monkeypatch):
    monkeypatch.setenv("IMDL_DATA", str(workplace))
    spec = datasets.SPECS["columbia"]
    assert mistaken(imdl, "data", "check", "columbia") == (
        f"imdl: {spec.title} is not in {workplace / spec.folder}. Expected {spec.layout}. "
        "`imdl data info columbia` says more.\n"
    )


def test_a_photo_that_is_not_there(imdl, workplace):
    missing = workplace / "none.jpg"
    assert mistaken(imdl, "detect", str(missing)) == (
        f"imdl: {missing} does not exist. Expected an image file. Check the path.\n"
    )


def test_a_file_that_is_no_photo(imdl, workplace):
    path = workplace / "notes.txt"
    path.write_text("no photo")
    assert mistaken(imdl, "detect", str(path)) == (
        f"imdl: {path} is not an image that can be read. "
        "Expected a JPEG, PNG, TIFF, WebP or BMP photo. Save it as one of these.\n"
    )


def test_detect_without_weights(imdl, workplace, tiny):
    path = workplace / "photo.png"
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path)
    assert mistaken(imdl, "detect", str(path), "--profile", "tiny") == (
        "imdl: No weights of mantranet/released are at hand at profile tiny. "
        "Run `imdl train mantranet/released --profile tiny`, or name another profile.\n"
    )


def test_detect_asks_every_released_network(workplace, tiny, monkeypatch):
    """Each in its own row, or one paper's alone."""
    path = workplace / "photo.png"
    Image.fromarray(np.zeros((8, 12, 3), np.uint8)).save(path)
    monkeypatch.setattr(detect.train, "load", lambda job: job.run.id)
    monkeypatch.setattr(detect.evaluate, "predict", said)
    both, one = (
        detect.detect(path, workplace / n, "tiny", p)
        for n, p in (("a.png", ""), ("b.png", "pscc_net"))
    )
    assert len(images.read(both)) > 1.8 * len(images.read(one))
    drawn = detect._drawn(np.zeros((8, 12, 3), np.uint8), {"pscc_net": (np.zeros((8, 12)), 0.25)})
    titles = [axis.get_title() for axis in drawn.axes]
    assert titles == ["photo", "pscc_net: P(manipulated); image 0.25", "both"]


def said(run: str, images: np.ndarray) -> Prediction:
    return Prediction(torch.zeros(1, 1, *images.shape[1:3]), torch.zeros(1))


def test_detect_of_an_unknown_paper(imdl, workplace):
    assert mistaken(imdl, "detect", str(workplace / "photo.png"), "--paper", "span") == (
        "imdl: There is no paper 'span' here. Choose from mantranet, pscc_net, uen.\n"
    )


def test_a_notebook_that_is_not_there(imdl, workplace):
    missing = workplace / "09.ipynb"
    assert mistaken(imdl, "notebook", str(missing), "--profile", "quick") == (
        f"imdl: There is no notebook {missing}. Expected a file. Check the path.\n"
    )


def test_an_unknown_option(imdl):
    err = mistaken(imdl, "list", "--jsn")
    assert "No such option: --jsn" in err


def test_a_mistake_in_a_process_of_its_own():
    command = [sys.executable, "-m", "imdl_lib.cli", "list", "--profile", "smoke"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", NO_PROFILE)
