"""A trained run against its test sets: one row per image, one column per protocol."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn
from tqdm import tqdm

from . import datasets, files, manipulations, metrics, standins, train
from .batch import Batch
from .forge import ForgedSet, Recipe, forge
from .papers import mantranet
from .profiles import Profile
from .train import Job

BATCH_PIXELS = 2 * 256 * 256  # larger batches cost more per image: memory must be found anew
KCMI_PX = 512  # side of the centre of a photo that names its camera (ManTra-Net, sec. 2.3)
NEIGHBOURS = 7  # K of camera identification (ManTra-Net, sec. 2.3)
MEMBERSHIP = "four_kinds/enhancement"  # the set on which class maps are held against masks
TOP = (1, 3, 5, 10)
CORRELATION_PX = 4.0  # of the noise over a whole image
DIGITS = 4


@dataclass(frozen=True)
class Sample:
    """One test image with its manipulated regions, numbered from 1."""

    name: str
    kind: str
    image: UInt8[np.ndarray, "H W 3"]
    regions: UInt8[np.ndarray, "H W"]


def rebuild(job: Job, progress: bool = True) -> bool:
    """Train and score a job where its committed results do not belong to it; True where it did.

    Raises:
        DataError: another process works on the same job, or the disk is full.
    """
    if finished(job):
        return False
    kept = train.is_current(job) and job.released.exists()
    if not kept:  # committed weights are never trained again
        train.train(job, progress)
    train.publish(job, score(job, progress))
    return True


def finished(job: Job) -> bool:
    """Whether the job's stored rows belong to it, and to every set as it stands and is at hand."""
    return train.is_current(job) and not _stale(job)


def at_hand(name: str) -> bool:
    """Whether a set can be scored here: stand-ins always, a real set where the user has it."""
    return name in standins.SETS or datasets.available(name)


def _stale(job: Job) -> list[str]:
    """Sets at hand that were never scored, or have been forged otherwise since."""
    stored = train.read_record(job).get("sets", {}) if train.is_current(job) else {}
    wanted = {name: _key(job, name) for name in job.run.tests if at_hand(name)}
    return [name for name, key in wanted.items() if stored.get(name) != key]


def _key(job: Job, name: str) -> str:
    """What decides a set's images: its recipe's key; a real set's name says all."""
    return _recipe(job, name).key if name in standins.SETS else name


def score(job: Job, progress: bool = True) -> dict[str, str]:
    """Score a job on every set that it names, is at hand and was not scored before.

    Rows of other sets stay, those of a real set that is no longer at hand too.

    Returns:
        the sets that have rows, each with its key.
    """
    stale = _stale(job)
    stored = train.read_record(job).get("sets", {}) if train.is_current(job) else {}
    kept = {name: stored[name] for name in job.run.tests if name in stored and name not in stale}
    rows, pooled = (_stored_rows(job, file, kept) for file in ("per_image.csv", "pooled.csv"))
    model = train.load(job)
    for name in tqdm(stale, desc=f"scoring {job.run.id}", disable=not progress or None):
        scored = score_set(model, job, name)
        rows.append(pd.DataFrame(scored.rows).assign(set=name))
        pooled.append(pd.DataFrame(scored.pooled).assign(set=name))
    _write(job, "per_image.csv", rows)
    _write(job, "pooled.csv", pooled)
    keys = kept | {name: _key(job, name) for name in stale}
    return {name: keys[name] for name in job.run.tests if name in keys}


def _stored_rows(job: Job, file: str, kept: dict[str, str]) -> list[pd.DataFrame]:
    path = job.folder / file
    if not kept or not path.exists():
        return []
    found = pd.read_csv(path, dtype={"image": str})
    return [found[found["set"].isin(kept)]]


@dataclass(frozen=True)
class Scored:
    """The rows of one set, and what only the set as a whole can say."""

    rows: list[dict[str, Any]]
    pooled: list[dict[str, Any]]


def score_set(model: nn.Module, job: Job, name: str) -> Scored:
    """Rows of one set for one network."""
    if isinstance(model, mantranet.ImcModel):
        return Scored(_score_traces(model, job, name), [])
    half = train.precision(job.profile.precision) == "bf16-mixed"
    with torch.autocast("cuda" if torch.cuda.is_available() else "cpu", torch.bfloat16, half):
        return score_masks(model, samples(job, name))


def _score_traces(model: mantranet.ImcModel, job: Job, name: str) -> list[dict[str, Any]]:
    if name == "kcmi":
        return score_cameras(model, *kcmi_crops())
    forged = _forged(job, name)
    if name == "cameras":
        images = (np.asarray(image) for image in forged.images)
        return score_cameras(model, images, np.asarray(forged.targets))
    score_one = score_membership if name == MEMBERSHIP else score_operations
    return score_one(model, forged, job.profile.batch)


def kcmi_crops() -> tuple[Iterator[UInt8[np.ndarray, "H W 3"]], Int[np.ndarray, " N"]]:
    """The centres of the camera set's photos, and the number of each one's model (sec. 2.3)."""
    photos = datasets.open_set("kcmi")
    models = [entry.name.split("/")[0] for entry in photos.entries]
    return (_centre(photo.image_u8) for photo in photos), np.unique(models, return_inverse=True)[1]


def _centre(image: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "h w 3"]:
    top, left = (max(0, (n - KCMI_PX) // 2) for n in image.shape[:2])
    return image[top : top + KCMI_PX, left : left + KCMI_PX]


def samples(job: Job, name: str) -> Iterator[Sample]:
    """The samples of a stand-in or a real set, distorted where the set says so."""
    if name not in standins.SETS:
        for sample in datasets.open_set(name):
            mask = sample.mask
            regions = np.zeros(sample.image_u8.shape[:2]) if mask is None else mask
            yield Sample(sample.name, sample.kind, sample.image_u8, regions.astype(np.uint8))
        return
    stand_in, forged = standins.stand_in(name), _forged(job, name)
    for index in range(len(forged)):
        image, regions = np.array(forged.images[index]), np.array(forged.regions[index])
        image, regions = distort(image, regions, stand_in.distortion, stand_in.amount)
        yield Sample(f"{index:05d}", forged.kind(index), image, regions)


def distort(
    image: UInt8[np.ndarray, "H W 3"], regions: UInt8[np.ndarray, "H W"], how: str, amount: float
) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    """An image and its regions after one distortion of ``standins.DISTORTIONS``."""
    if how == "resize":
        image = manipulations.resize(image, amount)
        size = (image.shape[1], image.shape[0])
        return image, cv2.resize(regions, size, interpolation=cv2.INTER_NEAREST)
    if how == "jpeg":
        return manipulations.jpeg(image, int(amount)), regions
    if how == "stylise":
        return manipulations.stylise(image), regions
    if how == "correlated_noise":
        rng = np.random.default_rng(0)
        return manipulations.correlated_noise(image, amount, CORRELATION_PX, rng), regions
    if how == "blur_edges":
        return manipulations.blur_edges(image, regions > 0, int(amount)), regions
    return image, regions


@torch.no_grad()
def score_masks(model: nn.Module, images: Iterator[Sample]) -> Scored:
    """Pixel and image scores of a localization network."""
    rows, counts = [], metrics.ScoreCounts()
    for group in _groups(images):
        prob, score = predict(model, np.stack([sample.image for sample in group]))
        mask = torch.from_numpy(np.stack([s.regions for s in group]) > 0)[:, None]
        forged = mask.flatten(1).any(1)
        if forged.any():  # an authentic image says nothing of how well pixels are told apart
            counts.add(prob[forged], mask[forged])
        columns = _columns(prob, mask)
        for i, sample in enumerate(group):
            row = {name: float(column[i]) for name, column in columns.items()}
            share = float((sample.regions > 0).mean())
            row |= {"image": sample.name, "kind": sample.kind, "forged_share": share}
            rows.append(row | {"score": float(score[i])} | _recalls(model, prob[i, 0], sample))
    return Scored(rows, [_pooled(counts, rows)] if rows else [])


def predict(
    model: nn.Module, images: UInt8[np.ndarray, "B H W 3"]
) -> tuple[Float[Tensor, "B 1 H W"], Float[Tensor, " B"]]:
    """Probability maps and image scores, on the model's device."""
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    with torch.inference_mode():
        prediction = model(to_tensor(images).to(device))
    return prediction.prob.cpu(), prediction.score.cpu()


def to_tensor(images: UInt8[np.ndarray, "B H W 3"]) -> Float[Tensor, "B 3 H W"]:
    """Images in [0, 1], channels last in memory."""
    image = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2)
    return image.float().contiguous(memory_format=torch.channels_last) / 255


def _columns(
    prob: Float[Tensor, "B 1 H W"], mask: Bool[Tensor, "B 1 H W"]
) -> dict[str, Float[Tensor, " B"]]:
    negated = metrics.negate_when_mostly_forged(prob, mask)
    return {
        "pixel_auc": metrics.pixel_auc_per_image(prob, mask),
        "pixel_auc_negated": metrics.pixel_auc_per_image(negated, mask),
        "pixel_f1_at_half": metrics.pixel_f1_at_half(prob, mask),
        "pixel_f1_best_per_image": metrics.pixel_f1_best_per_image(prob, mask),
    }


def _recalls(model: nn.Module, prob: Float[Tensor, "H W"], sample: Sample) -> dict[str, float]:
    """Recall of the more and of the less found of two regions, and of the latter seen alone.

    The threshold marks as many pixels of the map as are forged. Alone means in the half of the
    image that holds it: the region of interest of sec. 5.4.
    """
    if sample.regions.max() < 2:
        return {}
    found = {n: _recall(prob.numpy(), sample.regions, n) for n in (1, 2)}
    least, most = sorted(found, key=found.get)
    middle = sample.image.shape[1] // 2
    half = np.s_[:, :middle] if least == 1 else np.s_[:, middle:]
    alone, _ = predict(model, sample.image[half][None])
    return {
        "recall_least": found[least],
        "recall_most": found[most],
        "recall_least_alone": _recall(alone[0, 0].numpy(), sample.regions[half], least),
    }


def _recall(prob: np.ndarray, regions: np.ndarray, number: int) -> float:
    chosen = regions == number
    if not chosen.any():
        return float("nan")
    return float((prob[chosen] > np.quantile(prob, 1 - (regions > 0).mean())).mean())


def _pooled(counts: metrics.ScoreCounts, rows: list[dict[str, Any]]) -> dict[str, Any]:
    score = np.array([row["score"] for row in rows])
    label = np.array([row["forged_share"] > 0 for row in rows])
    return {
        "images": len(rows),
        "pixel_auc_pooled": metrics.pixel_auc_pooled(counts),
        "pixel_f1_best_per_set": metrics.pixel_f1_best_per_set(counts),
        "pixel_f1_at_eer_pooled": metrics.pixel_f1_at_eer_pooled(counts),
        "image_auc": metrics.image_auc(score, label),
    }


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


def _in_order(forged: ForgedSet, batch_size: int) -> Iterator[Batch]:
    for start in range(0, len(forged), batch_size):
        yield train.to_batch(forged, np.arange(start, min(start + batch_size, len(forged))))


def _recipe(job: Job, name: str) -> Recipe:
    profile: Profile = job.profile
    return standins.stand_in(name).recipe(profile.sources, profile.test_count, profile.size_px)


def _forged(job: Job, name: str) -> ForgedSet:
    return forge(_recipe(job, name), progress=False)


def _groups(images: Iterator[Sample]) -> Iterator[list[Sample]]:
    """Neighbours of one size, together up to ``BATCH_PIXELS``."""
    group: list[Sample] = []
    for sample in images:
        full = len(group) * sample.regions.size >= BATCH_PIXELS
        if group and (full or sample.image.shape != group[0].image.shape):
            yield group
            group = []
        group.append(sample)
    if group:
        yield group


def _write(job: Job, file: str, parts: list[pd.DataFrame]) -> None:
    """Rows in the order of the run's sets; no file where there are none."""
    rows = pd.concat([part for part in parts if len(part)] or [pd.DataFrame()])
    if not len(rows):
        return
    place = {name: number for number, name in enumerate(job.run.tests)}
    rows = rows.sort_values("set", key=lambda sets: sets.map(place), kind="stable")
    with files.whole(job.folder / file) as temporary:
        rows[["set", *rows.columns.drop("set")]].round(DIGITS).to_csv(temporary, index=False)
