"""What is measured of a trace extractor (ManTra-Net, sec. 2.3 and 3): classes, maps, cameras."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from . import datasets, manipulations, metrics
from .batch import Batch
from .forge import ForgedSet
from .papers import mantranet
from .train import to_batch, to_tensor

KCMI_PX = 512  # side of the centre of a photo that names its camera (ManTra-Net, sec. 2.3)
NEIGHBOURS = 7  # K of camera identification (ManTra-Net, sec. 2.3)
TOP = (1, 3, 5, 10)


@torch.no_grad()
def score_operations(
    model: mantranet.ImcModel, forged: ForgedSet, batch_size: int
) -> list[dict[str, Any]]:
    """Whether the true class is among the first k, and said at that level and coarser ones."""
    rows = []
    for batch in _in_order(forged, batch_size):
        probabilities = mantranet.imc_probabilities(model(batch.image))
        columns = _operation_columns(model.config.level, batch.operation, probabilities)
        rows += pd.DataFrame({"image": batch.name, **columns}).to_dict("records")
    return rows


def _operation_columns(
    level: int, leaf: Int[Tensor, " B"], probabilities: Float[Tensor, "B K"]
) -> dict[str, np.ndarray]:
    true = torch.tensor(manipulations.HIERARCHY[level])[leaf]
    own = probabilities.gather(1, true[:, None])
    rank = 1 + (probabilities > own).sum(1).numpy()
    said = probabilities.argmax(1).numpy()
    columns: dict[str, np.ndarray] = {"leaf": leaf.numpy()}
    columns |= {f"top_{k}": (rank <= k).astype(int) for k in TOP}
    for coarse in range(level + 1):
        right = parents(level, coarse)[said] == manipulations.HIERARCHY[coarse][leaf.numpy()]
        columns[f"correct_{coarse}"] = right.astype(int)
    if level:
        columns["said_1"] = parents(level, 1)[said]
        columns["wrong_inside_1"] = np.where(rank == 1, np.nan, columns["correct_1"])
    return columns


@torch.no_grad()
def score_membership(
    model: mantranet.ImcModel, forged: ForgedSet, batch_size: int
) -> list[dict[str, Any]]:
    """AUC of the class map that fits an image's mask best, and one fitted to another's mask.

    The control turns the mask by half the image, so that it asks as much of chance.
    """
    rows = []
    for batch in _in_order(forged, batch_size):
        probabilities = model.decided(batch.image, 1).float().softmax(1)
        shifted = batch.mask.roll(tuple(n // 2 for n in batch.mask.shape[2:]), (2, 3))
        columns = {"membership_auc": batch.mask, "membership_auc_shuffled": shifted}
        best = {name: _best_class_auc(probabilities, m) for name, m in columns.items()}
        rows += pd.DataFrame({"image": batch.name, **best}).to_dict("records")
    return rows


def _best_class_auc(
    probabilities: Float[Tensor, "B K H W"], mask: Bool[Tensor, "B 1 H W"]
) -> Float[np.ndarray, " B"]:
    """Best AUC over the families' maps: probabilities summed within each class of level 0."""
    level = manipulations.CLASSES.index(probabilities.shape[1])
    family = torch.tensor(parents(level, 0))
    summed = torch.zeros(len(mask), manipulations.CLASSES[0], *mask.shape[2:])
    summed.index_add_(1, family, probabilities)
    auc = [metrics.pixel_auc_per_image(one[:, None].clamp(0, 1), mask) for one in summed.unbind(1)]
    return torch.stack(auc).amax(0).numpy()


def parents(fine: int, coarse: int) -> np.ndarray:
    """Class at level ``coarse`` of each class at level ``fine``."""
    classes = np.zeros(manipulations.CLASSES[fine], np.int64)
    classes[manipulations.HIERARCHY[fine]] = manipulations.HIERARCHY[coarse]
    return classes


@torch.no_grad()
def score_cameras(
    model: mantranet.ImcModel,
    images: Iterable[UInt8[np.ndarray, "H W 3"]],
    camera: Int[np.ndarray, " N"],
) -> list[dict[str, Any]]:
    """Camera of each image of one half by its nearest neighbours in the other (sec. 2.3).

    Even-numbered images fit, odd-numbered ones test; the feature is the mean trace feature.
    """
    mean = [model.features(to_tensor(image[None])).mean((2, 3)) for image in images]
    feature = torch.cat(mean)
    distance = torch.cdist(feature[1::2], feature[::2]).numpy()
    votes = camera[::2][np.argsort(distance, axis=1, kind="stable")[:, :NEIGHBOURS]]
    said = np.array([np.bincount(row).argmax() for row in votes])
    pairs = zip(range(1, len(camera), 2), camera[1::2], said, strict=True)
    return [
        {"image": f"{i:05d}", "camera": int(c), "camera_correct": int(c == s)} for i, c, s in pairs
    ]


def kcmi_crops() -> tuple[Iterator[UInt8[np.ndarray, "H W 3"]], Int[np.ndarray, " N"]]:
    """The centres of the camera set's photos, and the number of each one's model (sec. 2.3)."""
    photos = datasets.open_set("kcmi")
    models = [entry.name.split("/")[0] for entry in photos.entries]
    return (_centre(photo.image_u8) for photo in photos), np.unique(models, return_inverse=True)[1]


def _centre(image: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "h w 3"]:
    top, left = (max(0, (n - KCMI_PX) // 2) for n in image.shape[:2])
    return image[top : top + KCMI_PX, left : left + KCMI_PX]


def _in_order(forged: ForgedSet, batch_size: int) -> Iterator[Batch]:
    for start in range(0, len(forged), batch_size):
        yield to_batch(forged, np.arange(start, min(start + batch_size, len(forged))))
