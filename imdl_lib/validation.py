"""What a network does on its own validation images, and whether that shows that it has learned.

A localization network has learned where its pixel AUC per image exceeds that of the best blind
control on the same images by more than `MARGIN`, by the lower end of the 95 % interval. A network
that scores images is held against the rule that smooth, or textured, images are the forged ones; a
classifier against the largest class and, where its classes are many, against five times the chance
of its ten best guesses.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from . import baselines, metrics
from .baselines import blind
from .batch import Batch, Prediction

MARGIN = 0.05  # of an AUC or an accuracy
Z95 = 1.96  # standard errors from the middle of a 95 % interval to its end
BEST_GUESSES, TIMES_CHANCE, MANY_CLASSES = 10, 5, 300
DIGITS = 4

Columns = dict[str, np.ndarray]  # one value an image, by name


def localized(said: Prediction, batch: Batch) -> dict[str, Float[Tensor, " B"]]:
    """Of each image: its pixel AUC (NaN where it is authentic), its score, whether it is forged."""
    auc = metrics.pixel_auc_per_image(said.prob.cpu(), batch.mask.cpu())
    return {"pixel_auc": auc, "score": said.score.cpu(), "forged": batch.label.float().cpu()}


def classified(
    probability: Float[Tensor, "B K"], target: Int[Tensor, " B"]
) -> dict[str, Float[Tensor, " B"]]:
    """Of each image: its class, and whether that is the best guess, or among the ten best.

    >>> classified(torch.tensor([[0.1, 0.7, 0.2]]), torch.tensor([2]))["top_1"]
    tensor([0.])
    """
    order = probability.cpu().argsort(1, descending=True)[:, :BEST_GUESSES]
    hit = order == target.cpu()[:, None]
    top = {"top_1": hit[:, 0].float(), f"top_{BEST_GUESSES}": hit.any(1).float()}
    return top | {"class": target.cpu().float()}


def joined(parts: Iterable[Mapping[str, Tensor]]) -> Columns:
    """The columns of all batches."""
    listed = list(parts)
    return {name: torch.cat([part[name] for part in listed]).numpy() for name in listed[0]}


def value(measure: str, columns: Columns) -> float:
    """A measure over all images: ``image_auc``, or the mean of the column of that name."""
    if measure == "image_auc":
        return metrics.image_auc(columns["score"].astype(float), columns["forged"] > 0)
    found = columns[measure]
    return float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")


def learned(
    measure: str, columns: Columns, batches: Iterable[Batch], classes: int = 0
) -> dict[str, Any]:
    """Whether a network has learned, with the numbers that say so, for its record.

    Args:
        measure: ``pixel_auc``, ``image_auc`` or ``top_1``.
        columns: of the network at its chosen checkpoint, in the order of ``batches``.
        batches: its validation images.
        classes: that a classifier chooses from; 0: it is none.
    """
    if classes:
        return _beyond_guessing(columns, classes)
    control, other = _best_control(measure, columns, batches)
    own, theirs = value(measure, columns), value(measure, other)
    limit = _auc_limit if measure == "image_auc" else _mean_limit
    numbers = {"measure": measure, "value": own, "control": control, "control_value": theirs}
    numbers |= {"gain": own - theirs, "gain_low": limit(measure, columns, other)}
    return _record(numbers["gain_low"] > MARGIN, numbers)


def _best_control(measure: str, columns: Columns, batches: Iterable[Batch]) -> tuple[str, Columns]:
    """The control that does best on these images, by name, with its columns."""
    every = list(batches)
    if measure == "image_auc":
        scores = _smoothness(every)
        rules = {"smoothest": scores, "most textured": 1 - scores}
        found = {name: columns | {"score": score} for name, score in rules.items()}
    else:
        found = {name: joined(parts) for name, parts in _blind(every).items()}
    best = max(found, key=lambda name: np.nan_to_num(value(measure, found[name])))
    return best, found[best]


def _blind(batches: list[Batch]) -> dict[str, list[dict[str, Tensor]]]:
    """Every blind control's columns of every batch; the mean mask is that of these very images."""
    networks: dict[str, nn.Module] = {
        name: baselines.Classical(map) for name, map in blind.CONTROLS.items()
    }
    networks["mean-mask"] = blind.MeanMask()
    networks["mean-mask"].fit(
        np.concatenate([batch.mask[:, 0].byte().numpy() for batch in batches])
    )
    return {
        name: [localized(network(batch.image), batch) for batch in batches]
        for name, network in networks.items()
    }


def _smoothness(batches: list[Batch]) -> Float[np.ndarray, " N"]:
    """A rule's score of each image: one less its high-pass energy."""
    network = baselines.Classical(blind.inverse_high_pass)
    return np.concatenate([network(batch.image).score.numpy() for batch in batches])


def _mean_limit(measure: str, own: Columns, other: Columns) -> float:
    """Lower end of the 95 % interval of a mean difference between two networks' images."""
    gains = own[measure] - other[measure]
    return lower_limit(gains[np.isfinite(gains)])


def lower_limit(values: Float[np.ndarray, " N"]) -> float:
    """Lower end of the 95 % interval of a mean; NaN of fewer than two values.

    >>> round(lower_limit(np.array([1.0, 3.0])), 2)
    0.04
    """
    if len(values) < 2:
        return float("nan")
    return float(values.mean() - Z95 * values.std(ddof=1) / np.sqrt(len(values)))


def _auc_limit(measure: str, own: Columns, other: Columns) -> float:
    """The same of a difference of two image AUCs, by what each image adds to them.

    DeLong, DeLong and Clarke-Pearson, Biometrics 1988, eq. 3 to 5.
    """
    forged = own["forged"] > 0
    parts = [_placements(columns["score"], forged) for columns in (own, other)]
    gains = [a - b for a, b in zip(*parts, strict=True)]  # of forged, of authentic images
    error = np.sqrt(sum(gain.var(ddof=1) / len(gain) for gain in gains))
    return float(gains[0].mean() - Z95 * error)


def _placements(
    score: Float[np.ndarray, " N"], forged: Bool[np.ndarray, " N"]
) -> tuple[np.ndarray, np.ndarray]:
    """Share of the other class on the right side of each forged and each authentic image."""
    above = np.sign(score[forged][:, None] - score[~forged][None]) / 2 + 0.5
    return above.mean(1), above.mean(0)


def _beyond_guessing(columns: Columns, classes: int) -> dict[str, Any]:
    """Whether a classifier beats its largest class, or of many classes five times chance."""
    measure = "top_1" if classes < MANY_CLASSES else f"top_{BEST_GUESSES}"
    largest = float(np.bincount(columns["class"].astype(int)).max() / len(columns["class"]))
    level = largest if classes < MANY_CLASSES else TIMES_CHANCE * BEST_GUESSES / classes
    margin = MARGIN if classes < MANY_CLASSES else 0.0
    control = "largest class" if classes < MANY_CLASSES else "five times chance"
    low = lower_limit(columns[measure]) - level
    numbers = {"measure": measure, "value": value(measure, columns), "control": control}
    numbers |= {"control_value": level, "gain": numbers["value"] - level, "gain_low": low}
    return _record(low > margin, numbers)


def _record(has: bool, numbers: dict[str, Any]) -> dict[str, Any]:
    """For a file of JSON, which has no word for what is undefined but null."""
    rounded = {k: round(v, DIGITS) if isinstance(v, float) else v for k, v in numbers.items()}
    defined = {k: None if v != v else v for k, v in rounded.items()}
    return {"learned": bool(has), "validation": defined}
