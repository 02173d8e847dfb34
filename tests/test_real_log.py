"""The log of real scorings: what a line holds, that no line is lost, who writes to it."""

import csv
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from imdl_lib import evaluate, jobs, paths, profiles, real_log
from imdl_lib.evaluate import Sample
from imdl_lib.registry import Run

ROWS = [
    {"pixel_auc": 0.5, "pixel_f1_at_half": 0.25},
    {"pixel_auc": 0.75, "pixel_f1_at_half": 0.0},
    {"pixel_auc": np.nan, "pixel_f1_at_half": np.nan},  # authentic
]
ABOUT = ("mantranet/ela", 0, "0123456789abcdef", "standard")


def logged() -> pd.DataFrame:
    return pd.read_csv(paths.results("standard") / "real_log.csv", dtype=str, keep_default_na=False)


def test_a_line_holds_means_over_forged_images(workplace):
    said = real_log.line(*ABOUT, "coverage/test", ROWS, [{"image_auc": 0.61}])
    assert list(said) == list(real_log.COLUMNS)
    expected = {"run": "mantranet/ela", "set": "coverage/test", "distortion": "", "images": 3}
    expected |= {"pixel_auc_per_image": "0.6250", "pixel_f1_at_half": "0.1250"}
    expected |= {"image_auc": "0.6100", "commit": ""}
    assert said | expected == said


def test_a_distortion_has_a_column_of_its_own(workplace):
    said = real_log.line(*ABOUT, "casia1/jpeg=50", ROWS)
    assert (said["set"], said["distortion"], said["image_auc"]) == ("casia1", "jpeg=50", "")


def test_lines_follow_those_that_are_there(workplace):
    for number in range(3):
        real_log.append(real_log.line(*ABOUT, "casia1", ROWS[number:]))
    assert list(logged().columns) == list(real_log.COLUMNS)
    assert logged()["images"].tolist() == ["3", "2", "1"]


APPENDING = """
from pathlib import Path
from imdl_lib import paths, real_log
paths.ROOT = Path({root!r})
for number in range(20):
    real_log.append(dict.fromkeys(real_log.COLUMNS, {who!r}))
"""


def test_two_processes_at_once_lose_no_line(workplace):
    started = [
        subprocess.Popen([sys.executable, "-c", APPENDING.format(root=str(workplace), who=who)])
        for who in "ab"
    ]
    assert [process.wait(100) for process in started] == [0, 0]
    assert logged()["run"].value_counts().to_dict() == {"a": 20, "b": 20}


@pytest.mark.parametrize(
    ("name", "profile", "written"),
    [("casia1", "standard", 1), ("casia1", "next", 1), ("casia1", "tiny", 0)],
)
def test_evaluate_writes_the_log_itself(workplace, tiny, monkeypatch, name, profile, written):
    run = Run("mantranet/ela", "baseline.ela", {}, (), (name,))
    sizes = tiny if profile == "tiny" else profiles.profile(profile)
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    sample = Sample("a", "splice", image, np.eye(8, dtype=np.uint8))
    monkeypatch.setattr(evaluate, "at_hand", lambda name: True)
    monkeypatch.setattr(evaluate, "samples", lambda job, name: iter([sample]))
    one = jobs.Job(run, sizes, 0, {run.id: run})
    assert evaluate.rebuild(one, progress=False)
    assert (paths.results("standard") / "real_log.csv").exists() == bool(written)
    if written:
        stored = pd.read_csv(one.folder / "per_image.csv")
        (line,) = logged().to_dict("records")
        assert float(line["pixel_auc_per_image"]) == pytest.approx(stored["pixel_auc"].mean())
        assert (line["identity"], line["profile"]) == (one.identity, profile)
    assert not evaluate.rebuild(one, progress=False)  # what is stored is not looked at again
    assert not written or len(logged()) == 1


def test_the_committed_log_starts_with_the_trials_before_it():
    with (paths.results("standard") / "real_log.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert list(rows[0]) == list(real_log.COLUMNS)
    assert rows[0]["run"].startswith("trial: ") and rows[0]["pixel_auc_per_image"] == "0.725"
    assert all(real_log.is_real(row["set"]) for row in rows)
    assert all(0 <= float(row["pixel_auc_per_image"]) <= 1 for row in rows)
