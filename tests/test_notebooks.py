"""Committed notebooks keep the rules, and each rule can be broken; nbval runs them separately."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from notebook_rules import Cell, broken_rules, code_of, headings

from imdl_lib.paths import NOTEBOOKS, ROOT

HEADINGS = [
    "The paper in one minute",
    "Parameters",
    "Data",
    "Method, equation by equation",
    "Train",
    "Tables and figures",
    "What held up",
    "Departures",
    "Exercises",
]
PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
PAPERS = [path for path in PATHS if re.match(r"0[1-5]_", path.name)]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_keeps_the_rules(path):
    assert broken_rules(json.loads(path.read_text())) == []


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: path.stem)
def test_paper_notebooks_share_their_headings(path):
    assert headings(json.loads(path.read_text())) == HEADINGS


def markdown(text: str) -> Cell:
    return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(True)}


def code(text: str, *outputs: dict[str, Any], **metadata: Any) -> Cell:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": metadata,
        "outputs": list(outputs),
        "source": text.splitlines(True),
    }


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text.splitlines(True)}


def shown(**data: str) -> dict[str, Any]:
    named = {key.replace("_", "/"): value for key, value in data.items()}
    return {"output_type": "display_data", "metadata": {}, "data": named}


def notebook_of(*cells: Cell) -> dict[str, Any]:
    """A notebook that keeps the rules, but for ``cells``."""
    start = [
        code("profile = 'standard'\nseed = 0", tags=["parameters"]),
        code("from imdl_lib import setup\nsetup(profile, seed)", stream("profile standard\n")),
    ]
    every = copy.deepcopy([markdown("## Parameters"), *start, *cells])
    for count, cell in enumerate(code_of(every), start=1):
        cell["execution_count"] = count
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {
        "cells": every,
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 4,
    }


@pytest.mark.parametrize(
    "cells",
    [
        [
            code("show('mantranet/table-2')", stream("VGG 0.91\n")),
            code("check('mantranet/table-2')"),
        ],
        [
            code(
                "show('a/fig-3a')\ncheck('a/fig-3a')", shown(image_png="iVBO", text_plain="<Image>")
            )
        ],
        [code("print(speed())", stream("70 images in 1.0 s\n"), tags=["nbval-ignore-output"])],
        [code("for row in rows:\n    print(row)", stream("0.91 at 3/5\n"))],
        [code('experiments.claims("a", profile)', stream("0.019 s a photo\n"))],
        [markdown("## Exercises"), code("def mine():\n    pass\n" * 8)],
    ],
)
def test_good_cells_are_let_through(cells):
    assert broken_rules(notebook_of(*cells)) == []


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        (code("x = 1\n" * 13), "a cell of 13 lines, more than 12"),
        (markdown("one\n" * 13), "a cell of 13 lines, more than 12"),
        (code("def f():\n    pass"), "a function"),
        (code("f = lambda x: x"), "a function"),
        (code("class A:\n    pass"), "a class"),
        (code("for b in batches:\n    loss(b).backward()"), "a training loop"),
        (code("read('../data/photo')"), "a path"),
        (code("read(f'results/{profile}/rows')"), "a path"),
        (code("read('photo.png')"), "a path"),
        (code("plt.figure()"), "a plotting call"),
        (code("rows.plot()"), "a plotting call"),
        (code("!pip install torch"), "a shell or magic line"),
        (code("%pip install torch"), "a shell or magic line"),
        (code("os.system('pip install torch')"), "a shell call"),
        (code("import numpy as np"), "an import after the second code cell"),
        (code("show('a/table-1')"), "show('a/table-1') is not followed by"),
        (code("show('a/table-1')\ncheck('a/table-2')"), "show('a/table-1') is not followed by"),
        (code("f()", stream("oops", "stderr")), "error text"),
        (code("f()", shown(text_html="<b>")), "text/html"),
        (code("f()", shown(image_svg="<svg>")), "image/svg"),
        (code("f()", stream("a"), stream("b")), "2 outputs instead of one"),
        (code("f()", stream("in /home/me/photos\n")), "a path"),
        (code("f()", stream("took 3.2 s\n")), "a time"),
        (code("f()", stream("UserWarning: old\n")), "a warning"),
        (code("f()", stream(" 40%|████\n")), "a progress bar"),
        (code("f()", shown(text_plain="<object at 0x7f01>")), "an address"),
        (code("f()", scrolled=True), "cell metadata scrolled"),
        (code("f()", tags=["nbval-skip"]), "a cell tagged nbval-skip"),
        (code("x = 1", tags=["parameters"]), "2 cells tagged parameters, not one"),
    ],
)
def test_each_rule_can_be_broken(cell, fault):
    assert any(found.startswith(fault) for found in broken_rules(notebook_of(cell)))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("profile = 'quick'\nseed = 0", "the default profile is 'quick', not 'standard'"),
        (
            "profile = 'standard'\nseed = 1 + 1",
            "the parameters hold more than literals: seed = 1 + 1",
        ),
        (
            "profile = 'standard'\nwidth = 2",
            "the cell after the parameters does not validate width",
        ),
    ],
)
def test_the_parameters_are_literals_with_the_committed_defaults(text, fault):
    notebook = notebook_of()
    notebook["cells"][1]["source"] = text.splitlines(True)
    assert broken_rules(notebook) == [fault]


def test_counts_run_from_one_without_a_gap():
    notebook = notebook_of(code("f()"))
    notebook["cells"][-1]["execution_count"] = None
    assert broken_rules(notebook) == [
        "execution counts [1, 2, None] instead of 1 to 3, so nbval skips cells"
    ]


@pytest.mark.parametrize(("stored", "passes"), [("4\n", True), ("5\n", False)])
def test_nbval_compares_what_is_stored_with_what_a_notebook_prints(tmp_path: Path, stored, passes):
    notebook = notebook_of(code("print(2 + 2)", stream(stored)))
    notebook["cells"][1:3] = []
    notebook["cells"][1]["execution_count"] = 1
    path = tmp_path / "small.ipynb"
    path.write_text(json.dumps(notebook))
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "tests/nbval.ini"), str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode == 0) == passes, done.stdout + done.stderr
    assert ("1 passed" if passes else "1 failed") in done.stdout
