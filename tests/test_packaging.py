"""What is installed, from where, and how it starts: the lock, run_all.sh, the citation."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from imdl_lib import lock
from imdl_lib.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
DECLARED = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
PINS = lock.pins(lock.LOCK.read_text())
USAGE = (
    "Usage: ./run_all.sh [quick | standard | paper] [arguments for snakemake]\n"
    "       ./run_all.sh test [arguments for pytest]\n"
    "The default is quick. With -n, snakemake only lists what it would do.\n"
)


def name_of(requirement: str) -> str:
    return lock.plain(re.match(r"[\w.-]+", requirement)[0])


def test_the_lock_holds_exact_public_versions_and_nothing_else():
    lines = [line for line in lock.LOCK.read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==\d[\w.]*", line)] == []
    assert lines == sorted(lines, key=lambda line: line.partition("==")[0])
    assert len(lines) == len(PINS)


def test_every_dependency_is_pinned_and_torch_twice_alike():
    assert [name for name in map(name_of, DECLARED) if name not in PINS] == []
    assert f"torch=={PINS['torch']}" in PROJECT["dependencies"]


def test_the_conda_environment_is_the_same_lock_and_checkout():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["dependencies"] == [
        f"python{PROJECT['requires-python']}",
        "pip",
        {"pip": ["-c requirements.lock", "-e ."]},
    ]


def test_what_the_library_imports_is_declared_and_every_folder_is_packaged():
    sources = sorted((ROOT / "imdl_lib").rglob("*.py"))
    nodes = [node for path in sources for node in ast.walk(ast.parse(path.read_text()))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {n.module for n in nodes if isinstance(n, ast.ImportFrom) and not n.level}
    roots = {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - {"imdl_lib"}
    owners = {root: set(map(lock.plain, packages_distributions()[root])) for root in roots}
    declared = set(map(name_of, PROJECT["dependencies"]))
    assert {root: owner for root, owner in owners.items() if not owner & declared} == {}
    folders = {".".join(path.parent.relative_to(ROOT).parts) for path in sources}
    assert set(SETUPTOOLS["packages"]) == folders


def test_hooks_call_tools_that_the_environment_has():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    tools = {hook["entry"].split()[0] for hook in hooks}
    assert tools - {"python"} <= set(map(name_of, DECLARED))


def test_the_citation_names_the_five_papers():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    first = [
        (paper["authors"][0]["family-names"], paper["year"]) for paper in citation["references"]
    ]
    assert first == [("Wu", 2019), ("Liu", 2022), ("Sun", 2023), ("Ji", 2023), ("Wang", 2024)]
    assert citation["version"] == PROJECT["version"]


@pytest.fixture
def here(monkeypatch) -> dict[str, str]:
    """An environment that holds this checkout with the locked packages; tests spoil it."""
    found = dict(PINS)
    monkeypatch.setattr(lock, "source", lambda name: ROOT)
    monkeypatch.setattr(lock, "installed", lambda name, extras: found)
    return found


def test_an_environment_as_locked_is_accepted(here):
    assert lock.fault(frozenset()) is None


def test_another_version_than_the_locked_one_is_named(here):
    here["numpy"] = "1.0"
    assert lock.fault(frozenset()) == f"numpy is 1.0 there, but the lock says {PINS['numpy']}"


def test_another_checkout_is_refused(here, monkeypatch):
    monkeypatch.setattr(lock, "source", lambda name: ROOT.parent)
    assert (
        lock.fault(frozenset()) == "imdl-lib is installed there from elsewhere than this checkout"
    )


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(lock, "NAME", "imdl-lib-that-is-not-there")
    assert lock.fault(frozenset()) == "imdl-lib-that-is-not-there is not installed there"


def test_what_a_package_requires_is_followed_with_its_extras():
    found = lock.installed("imdl-lib", frozenset({"dev"}))
    assert {"torch", "sympy", "pytest", "iniconfig"} <= set(found)
    assert "+" not in found["torch"]
    assert "pre-commit" not in lock.installed("imdl-lib", frozenset())


def test_a_written_lock_is_the_one_that_is_read():
    pinned = lock.pins(lock.write(frozenset({"dev"})))
    assert "imdl-lib" not in pinned
    assert pinned.keys() >= set(map(name_of, DECLARED))


def shell(tmp_path: Path, *arguments: str, tools: dict[str, str]) -> subprocess.CompletedProcess:
    """run_all.sh on a machine that has the basic commands and ``tools``, name to shell script."""
    for name in ("bash", "cat", "dirname", "grep", "tail", "uname"):
        (tmp_path / name).symlink_to(shutil.which(name))
    for name, script in tools.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    return subprocess.run(
        [tmp_path / "bash", ROOT / "run_all.sh", *arguments],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("tools", "missing"),
    [
        ({}, "git, python3 (3.11 or newer)"),
        ({"git": "exit 0"}, "python3 (3.11 or newer)"),
        ({"git": "exit 0", "python3": "exit 1"}, "python3 (3.11 or newer)"),
        (
            {"git": "exit 0", "python3": 'case $* in *lock.py*|*venv*|"-c ") exit 1;; esac'},
            "python3's venv module",
        ),
    ],
)
def test_what_is_missing_on_the_machine_is_named(tmp_path, tools, missing):
    if "python3" in tools:  # its lock check must fail with words, as a bare python's does
        tools = tools | {"python": "echo imdl-lib is not installed there; exit 1"}
    result = shell(tmp_path, tools=tools)
    assert result.returncode == 2
    assert result.stderr == (
        f"Missing on this machine: {missing}. "
        "git, python3 (3.11 or newer) and its venv module are needed. "
        "Install them, on Debian or Ubuntu with 'sudo apt install git python3 python3-venv', "
        "on macOS with 'brew install git python'; then run the same command again.\n"
    )


def test_an_unknown_profile_is_refused(tmp_path):
    result = shell(tmp_path, "fast", tools={})
    assert result.returncode == 2
    assert result.stderr == (
        f"There is no profile 'fast'. Expected quick, standard, paper or test. {USAGE}"
    )


def test_help_is_one_screen(tmp_path):
    assert shell(tmp_path, "--help", tools={}).stdout == USAGE


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("name", ["run_all.sh", ".ci/run"])
def test_shell_scripts_are_clean(name):
    done = subprocess.run(["shellcheck", ROOT / name], capture_output=True, text=True)
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["run_all.sh", ".ci/run"])
def test_shell_scripts_can_be_executed(name):
    assert os.access(ROOT / name, os.X_OK)
