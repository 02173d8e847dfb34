"""One photo through a released network: a picture of the photo, the map and both together."""

from pathlib import Path

import numpy as np

from . import evaluate, experiments, figures, files, paths, photos, train

RUN = "mantranet/released"
MAX_SIDE_PX = 1600  # a larger photo is scaled down: memory grows with its area


def detect(photo: Path, out: Path | None, profile: str = "standard") -> Path:
    """Write ``<photo>.imdl.png`` beside the caller (or ``out``) and return its path.

    Raises:
        DataError: the photo cannot be read, or no weights are at hand for the profile.
    """
    image = _fitted(photos.read(photo))
    prob, score = evaluate.predict(train.load(experiments.job(RUN, profile)), image[None])
    target = paths.from_call(str(out or f"{photo.stem}.imdl.png"))
    drawn = _drawn(image, prob[0, 0].numpy(), float(score[0]))
    with files.whole(target) as temporary:
        drawn.savefig(temporary, dpi=110)
    return target


def _fitted(image: np.ndarray) -> np.ndarray:
    """The photo at ``MAX_SIDE_PX`` or below."""
    from .manipulations import resize

    scale = MAX_SIDE_PX / max(image.shape[:2])
    return image if scale >= 1 else resize(image, scale)


def _drawn(image: np.ndarray, prob: np.ndarray, score: float) -> figures.Figure:
    figure, axes = figures.new(1, 3, (12, 4.2 * image.shape[0] / image.shape[1] + 0.4))
    glow = image * (1 - prob[..., None]) + np.array([255, 40, 40]) * prob[..., None]
    shown = (image, prob, glow.astype(np.uint8))
    titles = ("photo", f"P(manipulated) per pixel, mean {score:.2f}", "both")
    for axis, values, title in zip(axes[0], shown, titles, strict=True):
        figures.picture(axis, values)
        axis.set_title(title)
    return figure
