"""run_all.sh and the Snakefile in a small checkout whose `imdl` only notes its calls."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imdl_lib.paths import ROOT

IMDL = """#!/bin/sh
echo "$*" >>calls
echo "$IMDL_DATA $IMDL_CACHE" >folders
case $1 in
    train) mkdir -p results/quick/mantranet
        if [ -e slow ]; then touch started; sleep 30; fi
        if [ -e broken ]; then echo "no photos" >&2; exit 2; fi
        cd results/quick/mantranet && mkdir -p a b c ;;
    render) mkdir -p figures/quick/mantranet ;;
    notebook) mkdir -p build/quick/notebooks; touch build/quick/notebooks/01_mantranet.ipynb ;;
    summary) mkdir -p results/quick; touch results/quick/summary.json; echo "one screen" ;;
esac
"""

PYTHON = f"""#!/bin/sh
if [ "$1 $2" = "-m pip" ]; then echo "$*" >>pip-calls; exit; fi
exec {sys.executable} "$@"
"""

EXPERIMENTS = """
from types import SimpleNamespace as Run

PAPERS = {"mantranet": None}
OWNERS = ("mantranet",)
RUNS = (
    Run(id="mantranet/a", paper="mantranet", init_from="mantranet/b"),
    Run(id="mantranet/b", paper="mantranet", init_from=None),
    Run(id="mantranet/c", paper="mantranet", init_from="mantranet/a"),
    Run(id="mantranet/needs-a-set", paper="mantranet", init_from="mantranet/a"),
)
BY_ID = {}

def left_out(run, profile):
    return "its set is not here" if "needs" in run.id else ""
"""

STAGES = [
    "forge --paper mantranet --profile quick",
    "train --paper mantranet --profile quick",
    "render --paper mantranet --profile quick",
    "notebook notebooks/01_mantranet.ipynb --profile quick",
]
SUMMARY = "summary --profile quick"


def write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that needs no set-up beyond a `pip` that does nothing."""
    for name in ("run_all.sh", "Snakefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    write(tmp_path / "imdl_lib/__init__.py", "")
    write(tmp_path / "imdl_lib/lock.py", (ROOT / "imdl_lib/lock.py").read_text())
    write(tmp_path / "imdl_lib/experiments.py", EXPERIMENTS)
    write(tmp_path / "notebooks/01_mantranet.ipynb", "{}")
    write(tmp_path / ".venv/bin/python", PYTHON, 0o755)
    write(tmp_path / ".venv/bin/imdl", IMDL, 0o755)
    write(tmp_path / ".venv/pyvenv.cfg", f"command = python3 -m venv {tmp_path}/.venv\n")
    return tmp_path


def environment(**changes: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "CONDA_PREFIX")}
    return {**kept, "CI": "true", **changes}


def call(
    checkout: Path,
    *arguments: str,
    folder: str = "",
    command: tuple[str | Path, ...] = (),
    **changes: str,
) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*(command or (checkout / "run_all.sh",)), *arguments],
        cwd=checkout / folder,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=60,
    )


def start(checkout: Path) -> subprocess.Popen:
    """A run that is in the middle of a training that does not end."""
    (checkout / "slow").touch()
    process = subprocess.Popen(
        [checkout / "run_all.sh"],
        cwd=checkout,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    for _ in range(200):
        if (checkout / "started").exists():
            (checkout / "slow").unlink()
            return process
        time.sleep(0.1)
    raise AssertionError("the training did not start")


def kill(process: subprocess.Popen) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def calls(checkout: Path) -> list[str]:
    """What `imdl` was asked for since the last look."""
    log = checkout / "calls"
    lines = log.read_text().splitlines()
    log.unlink()
    return lines


def test_a_second_call_does_nothing_and_what_was_deleted_is_made_again(checkout):
    first = call(checkout)
    assert first.returncode == 0, first.stderr
    assert calls(checkout) == [*STAGES, SUMMARY, SUMMARY]
    assert "[2 of 5] train/mantranet" in first.stdout
    assert first.stdout.endswith("one screen\n")

    assert call(checkout).returncode == 0
    assert calls(checkout) == [SUMMARY]

    (checkout / "results/quick/mantranet/a").rmdir()
    assert call(checkout).returncode == 0
    assert calls(checkout) == [*STAGES[1:], SUMMARY, SUMMARY]


def test_a_killed_run_goes_on_where_it_was(checkout):
    kill(start(checkout))
    assert calls(checkout) == STAGES[:2]
    again = call(checkout)
    assert again.returncode == 0, again.stderr
    assert "An earlier run was cut short; going on where it was." in again.stdout
    assert calls(checkout) == [*STAGES[1:], SUMMARY, SUMMARY]


def test_a_live_run_is_reported_in_one_sentence_and_left_alone(checkout):
    process = start(checkout)
    try:
        owner = (checkout / "build/run.lock").read_text().strip()
        second = call(checkout)
        assert second.returncode == 2
        assert second.stderr == (
            f"Another ./run_all.sh (process {owner}) is at work in this checkout. "
            "Wait for it, or stop it with Ctrl-C where it runs; what it finished is kept.\n"
        )
        assert process.poll() is None
        os.kill(int(owner), 0)
    finally:
        kill(process)


def test_a_failed_stage_fails_the_call_and_still_ends_with_the_summary(checkout):
    (checkout / "broken").touch()
    result = call(checkout)
    assert result.returncode == 1
    assert calls(checkout) == [*STAGES[:2], SUMMARY]
    assert "no photos" in result.stderr
    assert result.stderr.endswith(
        "Something failed, see above; run the same command again to redo just that.\n"
    )


def test_larger_profiles_have_a_job_per_run_and_start_a_run_after_the_one_it_needs(checkout):
    result = call(checkout, "standard", "-n", "--printshellcmds")
    assert result.returncode == 0, result.stderr
    trained = [line.split("imdl ")[1] for line in result.stdout.splitlines() if "train m" in line]
    assert trained == [f"train mantranet/{run} --profile standard" for run in "bac"]
    assert not (checkout / "calls").exists()


def test_set_up_happens_once_and_again_when_the_lock_changes(checkout):
    install = "-m pip install --no-input --disable-pip-version-check --quiet -c requirements.lock"

    def installs(*arguments: str) -> list[str]:
        call(checkout, *arguments, "--version")
        log = checkout / "pip-calls"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [line for line in lines if " install " in line]

    assert installs("quick", "-n") == [f"{install} -e ."]
    assert installs("test") == [f"{install} -e .[dev]"]
    assert installs("quick", "-n") == []
    write(checkout / "requirements.lock", "torch==2.13.0\n")
    assert installs("quick", "-n") == [f"{install} -e ."]


def links(checkout: Path) -> Path:
    """A link, by its absolute path, to a relative link to run_all.sh."""
    (checkout / "home/bin").mkdir(parents=True)
    (checkout / "home/rebuild").symlink_to("../run_all.sh")
    (checkout / "home/bin/rebuild").symlink_to(checkout / "home/rebuild")
    return checkout / "home/bin/rebuild"


@pytest.mark.parametrize("shell", [(), ("sh",), ("bash",)], ids=["itself", "sh", "bash"])
def test_a_call_through_a_link_and_by_any_shell_is_one_of_the_same_checkout(checkout, shell):
    command = (*shell, links(checkout))
    called = call(checkout, folder="home", command=command)
    assert called.returncode == 0, called.stderr
    assert calls(checkout) == [*STAGES, SUMMARY, SUMMARY]
    beside_the_link = {path.name for path in (checkout / "home").rglob("*")}
    assert not beside_the_link & {".venv", "build", "results"}


def test_relative_folders_are_meant_from_where_the_command_was_called(checkout):
    called = call(checkout, "--version", folder="notebooks", IMDL_DATA="photos", IMDL_CACHE="../c")
    assert called.returncode == 0, called.stderr
    here = checkout / "notebooks"
    assert (checkout / "folders").read_text() == f"{here}/photos {here}/../c\n"
