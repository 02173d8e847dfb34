"""Parts of real sets: the forged images alone, and those that train, choose and test.

The authors' list of test images decides; ``data/tuning_tests.csv`` holds those of PSCC-Net
(``Coverage_for_fine-tuned.txt`` and ``NIST16_for_finetuned.txt`` of its repository). A part is
named like a set: ``coverage/train``. As in PSCC-Net's Table I, authentic images are in no part;
one of COVERAGE is the original of a forged image, which may be tested on. ``forged`` is a part of
every set: what of it says how well pixels are told apart.
"""

import csv
from functools import cache

from . import paths
from .errors import RegistryError
from .realsets import AUTHENTIC, Entry

PARTS = ("train", "valid", "test")  # of a set that networks are tuned on
FORGED = "forged"
VALID_EVERY = 10  # one of so many images that are not tested on chooses the checkpoint


@cache
def held_out() -> dict[str, frozenset[str]]:
    """Names of the images that a tuned network is tested on, by set.

    >>> {name: len(images) for name, images in held_out().items()}
    {'coverage': 25, 'nist16': 160}
    """
    with (paths.SHIPPED / "tuning_tests.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = dict.fromkeys(row["set"] for row in rows)
    return {name: frozenset(r["image"] for r in rows if r["set"] == name) for name in names}


def require(name: str, part: str = "train") -> None:
    """Raise RegistryError where a real set has no such part; CASIA v1 has none to train on."""
    if part == FORGED:
        return
    if name not in held_out():
        reason = "It is for evaluation only. " if name == "casia1" else ""
        raise RegistryError(
            f"No run can be trained on `{name}`: no split of it is known here. {reason}"
            f"Expected one of {', '.join(held_out())}, or a stand-in."
        )
    if part not in PARTS:
        raise RegistryError(
            f"There is no part {part!r} of `{name}`. Expected one of {', '.join([*PARTS, FORGED])}."
        )


def of_part(name: str, part: str, entries: list[Entry]) -> list[Entry]:
    """The forged images of a part; a tenth of those that are not tested on is ``valid``.

    Raises:
        RegistryError: the set has no such part.
    """
    require(name, part)
    forged = sorted((e for e in entries if e.kind != AUTHENTIC), key=lambda entry: entry.name)
    if part == FORGED:
        return forged
    if part == "test":
        return [entry for entry in forged if entry.name in held_out()[name]]
    others = [entry for entry in forged if entry.name not in held_out()[name]]
    chosen = others[::VALID_EVERY]
    return chosen if part == "valid" else [entry for entry in others if entry not in chosen]
