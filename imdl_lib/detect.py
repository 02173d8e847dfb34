"""One photo through the released networks: a picture of the photo, each map, and both together."""

import hashlib
import warnings
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image

from . import evaluate, experiments, figures, files, images, photos, train
from .errors import DataError

ROW_INCHES = (1.2, 8.0)  # lowest and highest row of a picture; a photo's shape decides
DPI = 110
RED = (255, 40, 40)
ASKED = "imdl detect"  # the text in a picture that says of which photo it is


def detect(photo: Path, out: Path | None, profile: str = "standard", paper: str = "") -> Path:
    """Write what each paper's released network, or one's, says of a photo; returns the picture.

    It is ``out``; where ``out`` is a folder, it lies there, and without ``out`` in the working
    folder, as ``<photo>.imdl.png``. Another photo's picture of that name is left alone: then the
    name holds the photo's ending too, or a number.

    Raises:
        DataError: the photo cannot be read, ``out`` not written, or no weights are at hand.
        RegistryError: there is no such paper.
    """
    runs = [run.id for run in experiments.RUNS if run.id.endswith("/released")]
    whole = photos.read(photo)
    image = images.at_most(whole, evaluate.MAX_SIDE_PX)
    asked = _question(photo, profile, paper)
    files.require_writable(_target(photo, out, asked))  # before minutes of work
    said = {}
    for id in [experiments.run(f"{paper}/released").id] if paper else runs:
        found = evaluate.predict(train.load(experiments.job(id, profile)), image[None])
        said[id.split("/")[0]] = found.prob[0, 0].numpy(), float(found.score[0])
    title = (_printable(photo.name), notice(whole.shape[:2]))
    drawn = _drawn(image, said, ", ".join(filter(None, title)))
    target = _target(photo, out, asked)  # another call may have taken the name since
    with files.whole(target) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters in a photo's name that the font lacks
        drawn.savefig(temporary, dpi=DPI, metadata={ASKED: asked})
    return target


def notice(size: tuple[int, int]) -> str:
    """What has to be known of a photo, by height and width, that is too large to be judged whole.

    >>> notice((3000, 4000)), notice((1200, 1600))
    ('judged at 1600x1200 of 4000x3000 px: scaling erases traces', '')
    """
    height, width = images.size_at_most(size, evaluate.MAX_SIDE_PX)
    if (height, width) == size:
        return ""
    return f"judged at {width}x{height} of {size[1]}x{size[0]} px: scaling erases traces"


def _question(photo: Path, profile: str, paper: str) -> str:
    digest = hashlib.sha256(photo.read_bytes()).hexdigest()
    return f"{digest} {profile} {paper or 'every paper'}"


def _target(photo: Path, out: Path | None, asked: str) -> Path:
    """Where the picture goes, so that nothing is replaced but an answer to the same question."""
    try:
        if out is None or out.is_dir():
            places = ((out or Path.cwd()) / name for name in _names(photo))
            return next(at for at in places if not at.exists() or _asked(at) == asked)
        _check_out(photo, out)
        return out
    except OSError as error:  # such as a name that is too long to be looked for
        raise files.cannot_write(out or photo, error) from error


def _names(photo: Path) -> Iterator[str]:
    yield f"{photo.stem}.imdl.png"
    yield f"{photo.name}.imdl.png"
    yield from (f"{photo.name}.{number}.imdl.png" for number in count(2))


def _check_out(photo: Path, out: Path) -> None:
    if out.suffix.lower() != ".png":
        raise DataError(
            f"A picture cannot be written to {out}. Expected a folder that exists, or a name that "
            "ends with .png. Name one with --out."
        )
    if out.exists() and (out.samefile(photo) or not _asked(out)):
        what = "the photo itself" if out.samefile(photo) else "a file of another kind"
        raise DataError(
            f"{out} is {what} and was not replaced. Expected a new name, or a picture that "
            "`imdl detect` has written. Name another file with --out."
        )


def _asked(file: Path) -> str | None:
    """The question that a picture answers; None where no call of `detect` has written it."""
    try:
        with Image.open(file) as picture:
            return picture.info.get(ASKED)
    except (OSError, SyntaxError, ValueError):  # what Pillow raises for any other file
        return None


def _printable(name: str) -> str:
    """A file's name with a question mark for each byte that is no letter."""
    return name.encode(errors="replace").decode()


def _drawn(
    image: np.ndarray, said: dict[str, tuple[np.ndarray, float]], title: str
) -> figures.Figure:
    """A row for each network, from its map and its score of the image."""
    height = np.clip(4.2 * image.shape[0] / image.shape[1] + 0.4, *ROW_INCHES)
    figure, axes = figures.new(len(said), 3, (12, height * len(said) + 0.6))
    scale = "maps: black 0, yellow 1; last column: the redder, the more likely manipulated"
    figure.suptitle(f"{title}\n{scale}", parse_math=False, fontsize=9)
    grey = image.mean(2, keepdims=True)  # on which red can be seen
    for row, (name, (prob, score)) in zip(axes, said.items(), strict=True):
        glow = grey * (1 - prob[..., None]) + np.array(RED) * prob[..., None]
        titles = ("photo", f"{name}: P(manipulated); image {score:.2f}", "both")
        for axis, values, head in zip(
            row, (image, prob, glow.astype(np.uint8)), titles, strict=True
        ):
            figures.picture(axis, values)
            axis.set_title(head)
    return figure
