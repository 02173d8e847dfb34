"""The library's shape: modules import downwards only, and name no place but public ones."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import imdl_lib
from imdl_lib.paths import ROOT

LIBRARY = ROOT / "imdl_lib"
FILES = sorted(LIBRARY.rglob("*.py"))
ALONE = ("papers", "baselines")  # packages whose files may not import each other
PUBLIC = {  # hosts that a reader is sent to, or that data come from
    "arxiv.org",
    "codeload.github.com",
    "defactodataset.github.io",
    "doi.org",
    "www.kaggle.com",
    "github.com",
    "mfc.nist.gov",
    "openaccess.thecvf.com",
    "raw.githubusercontent.com",
    "staff.utia.cas.cz",
    "www.ee.columbia.edu",
}


def listed_order(docstring: str) -> list[list[str]]:
    """The rows of modules in the library's docstring, from the first in the data flow on."""
    rows = re.findall(r"^    ([a-z_]+(?:, [a-z_]+)*) ", docstring, re.MULTILINE)
    return [row.split(", ") for row in rows]


ORDER = [module for row in listed_order(imdl_lib.__doc__) for module in row]


def module_of(path: Path) -> tuple[str, ...]:
    """Dotted name below the library: ``papers/uen.py`` is ``("papers", "uen")``."""
    parts = path.relative_to(LIBRARY).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def imported(source: str, package: tuple[str, ...]) -> set[tuple[str, ...]]:
    """What a source inside ``package`` imports from the library, in functions too."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ("imdl_lib", *package)[: 1 + len(package) - (node.level - 1)]
            stem = (*(base if node.level else ()), *(node.module or "").split("."))
            names = [(*filter(None, stem), alias.name) for alias in node.names]
        else:
            continue
        found.update(name[1:3] for name in names if name[0] == "imdl_lib" and len(name) > 1)
    return found


def upward(module: tuple[str, ...], imports: set[tuple[str, ...]]) -> list[str]:
    """The imports that break the order: of a later module, or of a neighbour that stands alone."""
    wrong = []
    for target in sorted(imports):
        own = target[0] == module[0]
        neighbour = len(target) > 1 and Path(LIBRARY, *target).with_suffix(".py").exists()
        if own and len(module) > 1 and module[0] in ALONE and neighbour:
            wrong.append(".".join(target))
        elif not own and ORDER.index(target[0]) > ORDER.index(module[0]):
            wrong.append(".".join(target))
    return wrong


def test_every_module_is_listed_once():
    assert len(ORDER) == len(set(ORDER))
    assert {module_of(path)[0] for path in FILES if module_of(path)} <= set(ORDER)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_a_module_imports_only_from_modules_above_it(path):
    module = module_of(path)
    if not module:
        return
    package = module if path.name == "__init__.py" else module[:-1]
    wrong = upward(module, imported(path.read_text(), package))
    assert not wrong, (
        f"{path.name} imports {wrong}, which the list in imdl_lib/__init__.py has below"
    )


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("batch", "from .errors import ShapeError", []),
        ("errors", "from .batch import Batch", ["batch.Batch"]),
        ("errors", "def f():\n    import imdl_lib.cli", ["cli"]),
        ("photos", "from imdl_lib import cli, fetch", ["cli"]),
        ("papers.uen", "from ..layers import a\nfrom ..batch import b", []),
        ("papers.uen", "from .mantranet import Model", ["papers.mantranet"]),
        ("papers.uen", "from . import Departure, mantranet", ["papers.mantranet"]),
        ("papers.uen", "from ..metrics import f1", ["metrics.f1"]),
        ("experiments.uen", "from .records import Run\nfrom ..papers import uen", []),
    ],
)
def test_the_order_is_understood_in_every_form_of_import(module, source, wrong):
    parts = tuple(module.split("."))
    assert upward(parts, imported(source, parts[:-1])) == wrong


def test_the_registry_is_read_without_torch():
    code = "import sys; from imdl_lib import experiments; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def foreign_places(text: str) -> list[str]:
    """Hosts that are not public, and paths that leave the checkout or belong to one machine."""
    hosts = set(re.findall(r"\bhttps?://([\w.-]+)", text)) - PUBLIC
    paths = re.findall(
        r"\.\./[\w./-]*|(?<![\w.}/])/(?:work|home|root|Users|opt|mnt)/[\w./-]*", text
    )
    return sorted(hosts) + paths


def test_the_library_names_no_registry_and_no_path_outside_the_checkout():
    found = {path.name: foreign_places(path.read_text()) for path in FILES}
    assert {name: places for name, places in found.items() if places} == {}


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("see https://doi.org/10.1109/x and results/quick", []),
        ("pip --index https://packages.example/simple", ["packages.example"]),
        ("read ../elsewhere/data", ["../elsewhere/data"]),
        ("cache in /home/me/photos", ["/home/me/photos"]),
        ("BSDS500/data/images, f'{root}/work/x'", []),
    ],
)
def test_foreign_places_are_found(text, places):
    assert foreign_places(text) == places
