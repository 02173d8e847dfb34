"""The ``imdl`` command: what it prints, and that a mistake is one message and exit code 2."""

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from imdl_lib import (
    checksums,
    cli,
    datasets,
    detect,
    experiments,
    fetch,
    history,
    images,
    paths,
)
from imdl_lib.batch import Prediction
from imdl_lib.registry import VERDICTS, Run

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
        assert entry["state"] in experiments.STATES
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


def test_version_of_code_and_results(imdl):
    assert imdl("--version") == (0, f"imdl_lib 0.1.0, results {history.RESULTS}\n", "")


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


def test_a_check_that_finds_faults_ends_with_exit_code_1(imdl, workplace, monkeypatch):
    monkeypatch.setenv("IMDL_DATA", str(workplace))
    (workplace / "casia1").mkdir()
    code, out, err = imdl("data", "check", "casia1")
    assert (code, err) == (1, "") and "2,640 missing" in out
    assert imdl("data", "check", "packaged")[0] == 0
    photo(workplace / "columbia/4cam_auth/a.png")
    code, out, err = imdl("data", "check", "columbia")
    assert (code, err) == (1, "") and "has 0 forged images that can be used. Expected 180" in out
    monkeypatch.setattr(datasets, "check", lambda name, progress: [])
    assert imdl("data", "check", "columbia") == (0, "columbia: every mask fits its image\n", "")


def test_claims(imdl):
    code, out, _ = imdl("claims", "--profile", "quick")
    assert code == 0 and out.startswith("154 claims at profile quick.\n")
    assert imdl("claims", "--paper", "wcbnet", "--profile", "quick")[1].startswith("22 claims at ")


def test_claims_for_programs(imdl):
    code, out, _ = imdl("claims", "--json", "--profile", "quick")
    found = json.loads(out)
    assert code == 0 and len(found) == 154
    assert all({*claim} == {"id", "paper", "verdict", "statement", "evidence"} for claim in found)
    assert {claim["verdict"] for claim in found} <= set(VERDICTS)
    one = json.loads(imdl("claims", "--json", "--paper", "uen", "--profile", "quick")[1])
    assert [claim["id"] for claim in one] == [f"uen-C{number}" for number in range(1, 27)]


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
        "pscc_net/figure-10 is not made. pscc_net/figure-10 shows runs that are not stored at "
        "profile quick: 1 of 1, the first pscc_net/released. Expected rows of all. "
        "Run `imdl train pscc_net/released --profile quick` first.\n"
    ) in out
    assert error == (
        "imdl: 8 of 18 items are not made. Expected weights of all runs that they show. "
        "Run `imdl train --paper pscc_net --profile quick` first.\n"
    )


def test_summary_without_results(imdl, workplace):
    code, out, _ = imdl("summary", "--profile", "quick")
    report = json.loads((workplace / "results/quick/summary.json").read_text())
    published = sorted(i.id for i in experiments.BY_ID.values() if i.paper in experiments.PAPERS)
    assert code == 0 and f"0 of {len(published)} items made" in out
    assert report.keys() == {"profile", "wall_minutes", "stages", "machine", "made", "failed"}
    assert report["made"] == [] and sorted(report["failed"]) == published
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


PAPERS = "mantranet, pscc_net, uen"


@pytest.mark.parametrize(
    ("command", "known"),
    [
        ("train --paper", f"{PAPERS}, blind"),
        ("forge --paper", f"{PAPERS}, blind"),
        ("render --paper", f"{PAPERS}, blind"),
        ("claims --paper", "mantranet, pscc_net, safl_net, uen, wcbnet"),
        ("replace", f"{PAPERS}, blind"),
    ],
)
def test_wrong_paper(imdl, command, known):
    assert mistaken(imdl, *command.split(), "mantra") == (
        f"imdl: There is no paper 'mantra' here. Choose from {known}.\n"
    )


def test_a_file_that_may_not_be_used(imdl, monkeypatch):
    """Whichever command meets it; any other error of the system keeps its traceback."""

    def refuse(number: int):
        def call(*_args) -> None:
            raise OSError(number, os.strerror(number), "/a/b.csv")

        monkeypatch.setattr(experiments, "listing", call)

    refuse(errno.EACCES)
    assert mistaken(imdl, "list") == (
        "imdl: /a/b.csv cannot be used: permission is denied. "
        "Name another, or ask its owner for the right.\n"
    )
    refuse(errno.ENOENT)
    with pytest.raises(FileNotFoundError):
        imdl("list")


def test_a_cache_that_is_a_file(imdl, monkeypatch, workplace):
    monkeypatch.setenv("IMDL_CACHE", "/etc/hostname")
    assert mistaken(imdl, "train", "mantranet/imc-hl1", "--profile", "quick") == (
        "imdl: The cache cannot be in /etc/hostname: /etc/hostname is a file. "
        "Expected a folder that exists, or can be made. Set IMDL_CACHE to one.\n"
    )


def test_a_run_and_a_paper_at_once(imdl):
    assert mistaken(imdl, "train", "mantranet/released", "--paper", "pscc_net") == (
        "imdl: `imdl train` was given the run mantranet/released and the paper pscc_net. "
        "Expected one of the two. Leave out the other.\n"
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


@pytest.fixture
def networks(workplace, tiny, monkeypatch):
    """Released networks that mark nothing, and a working folder that ``PWD`` does not name."""
    (workplace / "elsewhere").mkdir()
    monkeypatch.setattr(detect.train, "load", lambda job: job.run.id)
    monkeypatch.setattr(detect.evaluate, "predict", said)
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("PWD", str(workplace / "elsewhere"))
    return workplace


def said(run: str, images: np.ndarray) -> Prediction:
    return Prediction(torch.zeros(1, 1, *images.shape[1:3]), torch.zeros(1))


def photo(path, grey: int = 0, width: int = 12):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, width, 3), grey, np.uint8)).save(path)
    return path


def detected(imdl, *arguments: str) -> str:
    """The picture that the command has written, as it says."""
    code, out, err = imdl("detect", *arguments, "--profile", "tiny", "--paper", "mantranet")
    assert (code, err) == (0, "")
    picture, caution = out.split("\n", 1)
    assert caution == f"{cli.CAUTION}\n"
    return picture


def test_detect_asks_every_released_network(networks):
    """Each in its own row, or one paper's alone."""
    path = photo(networks / "photo.png")
    both, one = (
        detect.detect(path, networks / n, "tiny", p) for n, p in (("a.png", ""), ("b.png", "uen"))
    )
    assert len(images.read(both)) > 1.8 * len(images.read(one))
    said_of_it = {"pscc_net": (np.zeros((8, 12)), 0.25)}
    drawn = detect._drawn(np.zeros((8, 12, 3), np.uint8), said_of_it, "photo.png")
    assert drawn.get_suptitle().startswith("photo.png\n")
    titles = [axis.get_title() for axis in drawn.axes]
    assert titles == ["photo", "pscc_net: P(manipulated); image 0.25", "both"]


@pytest.mark.parametrize("size", [(1, 1), (1600, 1), (500, 8), (3, 500), (1, 1600)])
def test_no_photo_makes_a_picture_that_cannot_be_opened(size):
    """Neither a strip that stands nor one that lies; 2,706 px is 8 inches for each network."""
    said_of_it = dict.fromkeys("abc", (np.zeros(size), 0.25))
    drawn = detect._drawn(np.zeros((*size, 3), np.uint8), said_of_it, "strip")
    width, height = (drawn.get_size_inches() * detect.DPI).tolist()
    assert width == 1320 and 400 < height <= 2706


def test_that_a_photo_was_scaled_is_said(imdl, networks, monkeypatch):
    monkeypatch.setattr(detect.evaluate, "MAX_SIDE_PX", 6)
    said_of_it, drawn = "judged at 6x4 of 12x8 px: scaling erases traces", []
    draw = detect._drawn
    monkeypatch.setattr(detect, "_drawn", lambda *a: drawn.append(draw(*a)) or drawn[-1])
    photo(networks / "p.png")
    code, out, err = imdl("detect", "p.png", "--profile", "tiny", "--paper", "mantranet")
    assert (code, err) == (0, "")
    assert out == f"{networks / 'p.imdl.png'}\n{said_of_it}\n{cli.CAUTION}\n"
    assert drawn[0].get_suptitle().startswith(f"p.png, {said_of_it}\n")
    shown = drawn[0].axes[0].get_images()[0].get_array()
    assert shown.shape == (4, 6, 3)


@pytest.mark.parametrize("code", [b"$a$_b", "\u5199\u771f".encode(), b"caf\xe9"])
def test_any_name_is_shown(networks, code):
    """Signs of formulas, letters that the font lacks, bytes that are no letters."""
    path = photo(networks / os.fsdecode(code + b".png"))
    assert detect.detect(path, None, "tiny", "mantranet").name == f"{path.stem}.imdl.png"


def test_what_is_likely_manipulated_is_red_on_red_too():
    prob = np.array([[0.0, 1.0]])
    red = np.full((1, 2, 3), (255, 0, 0), np.uint8)
    drawn = detect._drawn(red, {"a": (prob, 0.5)}, "red")
    glow = drawn.axes[2].get_images()[0].get_array()
    assert glow[0].tolist() == [[85, 85, 85], [255, 40, 40]]


def test_the_photo_that_is_named_is_judged_whatever_pwd_says(imdl, networks, monkeypatch):
    judged = []
    monkeypatch.setattr(detect.evaluate, "predict", lambda *a: judged.append(a[1]) or said(*a))
    photo(networks / "elsewhere/p.png", 255)
    photo(networks / "p.png", 7)
    assert detected(imdl, "p.png") == str(networks / "p.imdl.png")
    assert judged[0].max() == 7
    assert list((networks / "elsewhere").iterdir()) == [networks / "elsewhere/p.png"]


@pytest.mark.parametrize("out", ["p.png", "link.png", "{}/p.png", "elsewhere/../p.png"])
def test_a_photo_is_never_replaced_by_what_is_said_of_it(imdl, networks, out):
    before = photo(networks / "p.png").read_bytes()
    (networks / "link.png").symlink_to("p.png")
    out = out.format(networks)
    assert mistaken(imdl, "detect", "p.png", "--out", out, "--profile", "tiny") == (
        f"imdl: {networks / out} is the photo itself and was not replaced. Expected a new name, or "
        "a picture that `imdl detect` has written. Name another file with --out.\n"
    )
    assert (networks / "p.png").read_bytes() == before


def test_no_other_file_is_replaced_either(imdl, networks):
    photo(networks / "a.png")
    before = photo(networks / "b.png", 9).read_bytes()
    (networks / "notes.png").write_text("mine")
    for name in ("b.png", "notes.png"):
        assert mistaken(imdl, "detect", "a.png", "--out", name, "--profile", "tiny") == (
            f"imdl: {networks / name} is a file of another kind and was not replaced. Expected a "
            "new name, or a picture that `imdl detect` has written. Name another file with --out.\n"
        )
    assert (networks / "b.png").read_bytes() == before
    assert (networks / "notes.png").read_text() == "mine"


def test_a_picture_that_is_named_is_made_anew(imdl, networks):
    photo(networks / "a.png"), photo(networks / "b.png", width=24)
    shapes = [
        images.read(Path(detected(imdl, f"{name}.png", "--out", "said.png"))).shape for name in "ab"
    ]
    assert shapes[0] != shapes[1]
    of_itself = mistaken(imdl, "detect", "said.png", "--out", "said.png", "--profile", "tiny")
    assert "is the photo itself" in of_itself


def test_photos_of_one_name_have_a_picture_each(imdl, networks):
    """Whatever their endings and folders; the same photo's is made anew."""
    photo(networks / "a.jpg", 1), photo(networks / "a.png", 2)
    for number, folder in enumerate("xyz"):
        photo(networks / folder / "a.jpg", 10 * (number + 1))
    written = {
        "a.jpg": "a.imdl.png",
        "a.png": "a.png.imdl.png",
        "x/a.jpg": "a.jpg.imdl.png",
        "y/a.jpg": "a.jpg.2.imdl.png",
        "z/a.jpg": "a.jpg.3.imdl.png",
    }
    for name in (*written, "a.jpg", "z/a.jpg"):
        assert detected(imdl, name) == str(networks / written[name])
    assert len(list(networks.glob("*.imdl.png"))) == len(written)


def test_what_one_network_said_does_not_replace_what_all_said(imdl, networks):
    photo(networks / "a.png")
    assert imdl("detect", "a.png", "--profile", "tiny")[0] == 0
    assert detected(imdl, "a.png") == str(networks / "a.png.imdl.png")


def test_a_file_of_mine_that_has_a_pictures_name_is_left_alone(imdl, networks):
    photo(networks / "a.png")
    (networks / "a.imdl.png").write_text("mine")
    assert detected(imdl, "a.png") == str(networks / "a.png.imdl.png")
    assert (networks / "a.imdl.png").read_text() == "mine"


def test_a_picture_goes_into_a_folder(imdl, networks):
    photo(networks / "p.png"), (networks / "r").mkdir()
    assert detected(imdl, "p.png", "--out", "r") == str(networks / "r/p.imdl.png")
    assert detected(imdl, "p.png", "--out", "") == str(networks / "p.imdl.png")


@pytest.mark.parametrize("out", ["result", "result.bmp", "result.jpg", "a/b.txt"])
def test_an_ending_that_is_no_pictures_is_refused_before_the_networks_run(
    imdl, networks, monkeypatch, out
):
    monkeypatch.setattr(detect.evaluate, "predict", pytest.fail)
    photo(networks / "p.png")
    assert mistaken(imdl, "detect", "p.png", "--out", out, "--profile", "tiny") == (
        f"imdl: A picture cannot be written to {networks / out}. Expected a folder that exists, or "
        "a name that ends with .png. Name one with --out.\n"
    )


@pytest.mark.parametrize(
    ("out", "fault"),
    [
        ("n" * 300 + ".png", "its name is too long. Name a shorter one"),
        ("p.png/r.png", "a part of its path is a file. Name another folder"),
    ],
)
def test_a_name_that_cannot_be_written_is_refused_before_the_networks_run(
    imdl, networks, monkeypatch, out, fault
):
    monkeypatch.setattr(detect.evaluate, "predict", pytest.fail)
    photo(networks / "p.png")
    assert mistaken(imdl, "detect", "p.png", "--out", out, "--profile", "tiny") == (
        f"imdl: {networks / out} was not written: {fault}; what was finished is kept.\n"
    )


def test_detect_of_an_unknown_paper(imdl, workplace):
    assert mistaken(imdl, "detect", str(workplace / "photo.png"), "--paper", "span") == (
        "imdl: There is no paper 'span' here. Choose from mantranet, pscc_net, uen.\n"
    )


def test_a_notebook_that_is_not_there(imdl, workplace):
    missing = workplace / "09.ipynb"
    assert mistaken(imdl, "notebook", str(missing), "--profile", "quick") == (
        f"imdl: There is no notebook {missing}. Expected a file. Check the path.\n"
    )


def test_notebooks_of_one_name_have_a_copy_each(imdl, workplace, monkeypatch):
    """By a relative path from any folder; their kernels are told where the command was called."""
    calls = []
    monkeypatch.setattr(
        cli.subprocess, "run", lambda command, **how: calls.append((command, how)) or Done
    )
    monkeypatch.setattr(paths, "NOTEBOOKS", workplace / "notebooks")
    monkeypatch.setenv("PWD", "/elsewhere")
    (workplace / "notebooks/solutions").mkdir(parents=True)
    for name in ("X.ipynb", "solutions/X.ipynb"):
        (workplace / "notebooks" / name).touch()
        monkeypatch.chdir(workplace / "notebooks")
        relative = f"build/quick/notebooks/{name}"
        assert imdl("notebook", name, "--profile", "quick") == (0, f"{relative}\n", "")
        (execute, how), (page, _) = calls
        assert execute[3:5] == [str(workplace / "notebooks" / name), str(workplace / relative)]
        assert page[-1] == execute[4]
        assert how["env"]["PWD"] == str(workplace / "notebooks")
        calls.clear()


class Done:
    returncode = 0


@pytest.mark.parametrize(
    ("encoding", "printed"), [("utf-8", b"caf\xe9 \xc3\xbc"), ("ascii", b"caf\\udce9 \\xfc")]
)
def test_no_name_stops_a_print(encoding, printed):
    command = [sys.executable, "-c", PRINT_A_NAME]
    environment = os.environ | {"PYTHONIOENCODING": f"{encoding}:strict"}
    done = subprocess.run(command, env=environment, capture_output=True, timeout=100)
    assert (done.returncode, done.stdout, done.stderr) == (0, printed + b"\n", b"")


PRINT_A_NAME = r"""
from imdl_lib import cli
cli.app = lambda: print("caf\udce9 \xfc")
cli.main()
"""


def test_an_unknown_option(imdl):
    err = mistaken(imdl, "list", "--jsn")
    assert "No such option: --jsn" in err


def test_a_mistake_in_a_process_of_its_own():
    command = [sys.executable, "-m", "imdl_lib.cli", "list", "--profile", "smoke"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", NO_PROFILE)
