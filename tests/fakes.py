"""Small sets laid out like the published ones, whose pixels tell which photo they are of."""

from pathlib import Path

import numpy as np
from PIL import Image

from imdl_lib import checksums, splits

INSIDE = 100  # is added to a photo's number where it is manipulated


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def coverage(root: Path, height: int = 40, width: int = 56) -> None:
    """COVERAGE: photo ``N`` is grey with the value N, and a square of its forgery N + 100.

    The files of its tampering factors are empty.
    """
    (root / "coverage/label").mkdir(parents=True)
    for path in checksums.listed("coverage"):
        if path.endswith(".mat"):
            (root / path).touch()
    for number in range(1, 101):
        grey = np.full((height, width, 3), number, np.uint8)
        save(root / f"coverage/image/{number}.tif", grey)
        marked = np.zeros((height, width), np.uint8)
        marked[10:22, 16:30] = 255
        save(root / f"coverage/image/{number}t.tif", grey + (marked[..., None] // 255) * INSIDE)
        save(root / f"coverage/mask/{number}forged.tif", marked)


def nist16(root: Path) -> None:
    """NIST16 with its listing, the images that are tested on and 404 others; the files empty."""
    names = [*splits.held_out()["nist16"], *(f"NC2016_{n}" for n in range(10_000, 10_404))]
    kinds = [f"IsManipulationType{kind}" for kind in ("Removal", "Splice", "CopyClone")]
    rows = ["|".join(["ProbeFileName", "ProbeMaskFileName", "IsTarget", *kinds])]
    for name in names:
        rows.append(f"probe/{name}.jpg|mask/{name}.png|Y|N|Y|N")
        for path in (root / f"nist16/probe/{name}.jpg", root / f"nist16/mask/{name}.png"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    listing = root / "nist16/reference/manipulation/NC2016-manipulation-ref.csv"
    listing.parent.mkdir(parents=True)
    listing.write_text("\n".join(rows))
