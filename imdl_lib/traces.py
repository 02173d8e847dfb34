"""What is measured of a trace extractor (ManTra-Net, sec. 2.3 and 3): classes, maps, cameras."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from . import datasets, manipulations, metrics
from .batch import Batch
from .errors import ImdlError
from .forge import ForgedSet
from .papers import mantranet
from .train import device_of, to_batch, to_tensor

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
        probabilities = mantranet.imc_probabilities(model(batch.image.to(device_of(model)))).cpu()
        columns = _operation_columns(model.config.level, batch.operation, probabilities)
        rows += pd.DataFrame({"image": batch.name, **columns}).to_dict("records")
    return rows


def _operation_columns(
    level: int, leaf: Int[Tensor, " B"], probabilities: Float[Tensor, "B K"]
) -> dict[str, np.ndarray]:
    if not probabilities.isfinite().all():
        raise ImdlError(
            "A network gives class probabilities that are not finite. Its weights are spoilt; "
            "expected numbers in [0, 1]. Train the run again."
        )
    true = torch.tensor(manipulations.HIERARCHY[level])[leaf]
    own = probabilities.gather(1, true[:, None])
    rank = (probabilities >= own).sum(1).numpy()  # ties count against the true class
    columns: dict[str, np.ndarray] = {"leaf": leaf.numpy()}
    columns |= {f"top_{k}": (rank <= k).astype(int) for k in TOP}
    for coarse in range(level + 1):
        said = at_level(probabilities, coarse).argmax(1).numpy()
        right = said == manipulations.HIERARCHY[coarse][leaf.numpy()]
        columns[f"correct_{coarse}"] = right.astype(int)
        if coarse == 1:
            columns["said_1"] = said
    if level:
        columns["wrong_inside_1"] = np.where(rank == 1, np.nan, columns["correct_1"])
    return columns


@torch.no_grad()
def score_membership(
    model: mantranet.ImcModel, forged: ForgedSet, batch_size: int
) -> list[dict[str, Any]]:
    """AUC of class maps against masks: of the best family's, and of a split that no mask chooses.

    ``membership_auc`` is that of the family's map which fits an image's mask best; ``split_auc``
    that of `split`. The controls (``_turned``) turn the mask by half the image around its borders,
    so that chance has as much to choose from.
    """
    rows = []
    for batch in _in_order(forged, batch_size):
        logits = model.decided(batch.image.to(device_of(model)), 1)
        families = at_level(logits.float().softmax(1).cpu(), 0)
        turned = batch.mask.roll(tuple(n // 2 for n in batch.mask.shape[2:]), (2, 3))
        halves, columns = split(families), {}
        for ending, mask in (("", batch.mask), ("_turned", turned)):
            columns[f"membership_auc{ending}"] = _best_class_auc(families, mask)
            columns[f"split_auc{ending}"] = metrics.pixel_auc_per_image(halves, mask).numpy()
        rows += pd.DataFrame({"image": batch.name, **columns}).to_dict("records")
    return rows


def _best_class_auc(
    families: Float[Tensor, "B K H W"], mask: Bool[Tensor, "B 1 H W"]
) -> Float[np.ndarray, " B"]:
    """Best AUC over the maps of the seven families."""
    auc = [metrics.pixel_auc_per_image(one[:, None], mask) for one in families.unbind(1)]
    return torch.stack(auc).amax(0).numpy()


SPLIT_STEPS = 10  # of two means, which settle sooner


def split(families: Float[Tensor, "B K H W"]) -> Float[Tensor, "B 1 H W"]:
    """How much nearer each pixel's classes are to the smaller of two clusters of an image's pixels.

    The clusters are two means (Lloyd), begun at the pixel farthest from the mean of all and at the
    one farthest from that. In [0, 1], where 1/2 is as near to both.
    """
    pixels = families.flatten(2).transpose(1, 2)  # B HW K
    means = pixels.mean(1, keepdim=True)
    for _ in range(2):
        farthest = torch.cdist(pixels, means[:, -1:]).argmax(1, keepdim=True)
        means = torch.cat([means, pixels.take_along_dim(farthest, 1)], 1)
    means = means[:, 1:]
    for _ in range(SPLIT_STEPS):
        member = F.one_hot(torch.cdist(pixels, means).argmin(2), 2).to(pixels)  # B HW 2
        count = member.sum(1)[..., None]
        means = torch.where(count > 0, member.transpose(1, 2) @ pixels / count.clamp(1), means)
    far = torch.cdist(pixels, means)
    smaller = member.sum(1).argmin(1)[:, None, None]
    near = (far - far.take_along_dim(smaller, 2)).sum(2)  # distance to the larger, less the other
    return (0.5 + near / (2 * 2**0.5)).clamp(0, 1).view(-1, 1, *families.shape[2:])


def at_level(probabilities: Float[Tensor, "B K *grid"], coarse: int) -> Float[Tensor, "B k *grid"]:
    """Probabilities of the classes of a coarser level: the sums over what they hold."""
    fine = manipulations.CLASSES.index(probabilities.shape[1])
    if coarse == fine:
        return probabilities
    parent = np.zeros(manipulations.CLASSES[fine], np.int64)
    parent[manipulations.HIERARCHY[fine]] = manipulations.HIERARCHY[coarse]
    shape = (len(probabilities), manipulations.CLASSES[coarse], *probabilities.shape[2:])
    return torch.zeros(shape).index_add(1, torch.tensor(parent), probabilities).clamp(0, 1)


@torch.no_grad()
def score_cameras(
    model: mantranet.ImcModel,
    images: Iterable[UInt8[np.ndarray, "H W 3"]],
    camera: Int[np.ndarray, " N"],
) -> list[dict[str, Any]]:
    """Camera of each image of one half by its nearest neighbours in the other (sec. 2.3).

    Even-numbered images fit, odd-numbered ones test; the feature is the mean trace feature.
    """
    mean = [
        model.features(to_tensor(image[None]).to(device_of(model))).mean((2, 3)) for image in images
    ]
    feature = torch.cat(mean).cpu()
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
