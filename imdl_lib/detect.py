"""One photo through the released networks: a picture of the photo, each map, and both together."""

from pathlib import Path

import numpy as np

from . import evaluate, experiments, figures, files, paths, photos, train

MAX_SIDE_PX = 1600  # a larger photo is scaled down: memory grows with its area


def detect(photo: Path, out: Path | None, profile: str = "standard", paper: str = "") -> Path:
    """Write what each paper's released network, or one's, says of a photo; returns the picture.

    It is ``<photo>.imdl.png`` in the folder of the call, or ``out``.

    Raises:
        DataError: the photo cannot be read, or no weights are at hand for the profile.
        RegistryError: there is no such paper.
    """
    runs = [run.id for run in experiments.RUNS if run.id.endswith("/released")]
    image = _fitted(photos.read(photo))
    said = {}
    for id in [experiments.run(f"{paper}/released").id] if paper else runs:
        found = evaluate.predict(train.load(experiments.job(id, profile)), image[None])
        said[id.split("/")[0]] = found.prob[0, 0].numpy(), float(found.score[0])
    target = paths.from_call(str(out or f"{photo.stem}.imdl.png"))
    drawn = _drawn(image, said)
    with files.whole(target) as temporary:
        drawn.savefig(temporary, dpi=110)
    return target


def _fitted(image: np.ndarray) -> np.ndarray:
    """The photo at ``MAX_SIDE_PX`` or below."""
    from .manipulations import resize

    scale = MAX_SIDE_PX / max(image.shape[:2])
    return image if scale >= 1 else resize(image, scale)


def _drawn(image: np.ndarray, said: dict[str, tuple[np.ndarray, float]]) -> figures.Figure:
    """A row for each network, from its map and its score of the image."""
    height = 4.2 * image.shape[0] / image.shape[1] + 0.4
    figure, axes = figures.new(len(said), 3, (12, height * len(said)))
    for row, (name, (prob, score)) in zip(axes, said.items(), strict=True):
        glow = image * (1 - prob[..., None]) + np.array([255, 40, 40]) * prob[..., None]
        titles = ("photo", f"{name}: P(manipulated); image {score:.2f}", "both")
        for axis, values, title in zip(
            row, (image, prob, glow.astype(np.uint8)), titles, strict=True
        ):
            figures.picture(axis, values)
            axis.set_title(title)
    return figure
