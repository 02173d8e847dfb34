"""A trained run against its test sets: one row per image, one column per protocol."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn
from tqdm import tqdm

from . import (
    datasets,
    files,
    images,
    jobs,
    metrics,
    real_log,
    recalls,
    responses,
    scales,
    standins,
    traces,
    train,
    uncertainty,
)
from .batch import Prediction
from .distortions import distort
from .errors import DataError
from .forge import ForgedSet, forge
from .jobs import Job
from .kinds import Recipe
from .papers import mantranet

MAX_SIDE_PX = 1600  # a larger photo is scaled down: a network's memory grows with its area
BATCH_PIXELS = 2 * 256 * 256  # larger batches cost more per image: memory must be found anew
MEMBERSHIP = "four_kinds/enhancement"  # the set on which class maps are held against masks
DIGITS = 4
ABOUT = ("image", "kind", "forged_share", "host")  # columns of every row that has them
PIXEL_METRICS = {
    "pixel_auc": metrics.pixel_auc_per_image,
    "pixel_f1_at_half": metrics.pixel_f1_at_half,
    "pixel_f1_best_per_image": metrics.pixel_f1_best_per_image,
    "fpr_at_half_recall": metrics.pixel_fpr_at_half_recall,
    "boundary_f1_at_half": metrics.boundary_f1_at_half,
    "boundary_f1_at_forged_area": metrics.boundary_f1_at_forged_area,
}
IMAGE_METRICS = {
    "image_auc": metrics.image_auc,
    "image_f1_at_eer": metrics.image_f1_at_eer,
    "image_eer": metrics.image_eer,
    "image_tpr_at_1_percent_fpr": metrics.image_tpr_at_fpr,
}


@dataclass(frozen=True)
class Sample:
    """One test image with its manipulated regions, numbered from 1."""

    name: str
    kind: str
    image: UInt8[np.ndarray, "H W 3"]
    regions: UInt8[np.ndarray, "H W"]
    scaled_from: tuple[int, int] | None = None  # height and width in px, where it was larger


def rebuild(job: Job, progress: bool = True) -> bool:
    """Train and score a job where its committed results do not belong to it; True where it did.

    Raises:
        DataError: another process works on the same job, the disk is full, or a set cannot be
            read; rows of the other sets are kept.
    """
    if finished(job):
        if unscored := _stale(job):
            print(
                f"{job.run.id} seed {job.seed} keeps its rows; {', '.join(unscored)} cannot be "
                "scored, for its weights are not here. Delete its folder to train it again."
            )
        return False
    train.train(job, progress)
    sets, faults = score(job, progress)
    if sets or not faults:
        jobs.publish(job, sets)
    if faults:
        raise DataError("\n".join(map(str, faults))) from faults[0]
    return True


def finished(job: Job) -> bool:
    """Whether the job's stored rows belong to it, and to every set as it stands and is at hand.

    A set that it was never scored on is no reason to train it again where its weights are gone.
    """
    stale, stored = _stale(job), _stored_sets(job)
    waits = any(name in stored for name in stale) or (stale and train.at_hand(job))
    return jobs.is_current(job) and not waits


def at_hand(name: str) -> bool:
    """Whether a set can be scored here: stand-ins always, a real set where the user has it."""
    return name in standins.SETS or datasets.available(name)


def _stored_sets(job: Job) -> dict[str, str]:
    """Sets whose stored rows belong to the job, each with its key."""
    return jobs.read_record(job).get("sets", {}) if jobs.is_current(job) else {}


def _stale(job: Job) -> list[str]:
    """Sets at hand that were never scored, or have been forged otherwise since."""
    stored = _stored_sets(job)
    wanted = {name: _key(job, name) for name in job.tests if at_hand(name)}
    return [name for name, key in wanted.items() if stored.get(name) != key]


def _key(job: Job, name: str) -> str:
    """What decides a set's images: its recipe's key; a real set's name says all."""
    return recipe(job, name).key if name in standins.SETS else name


def score(job: Job, progress: bool = True) -> tuple[dict[str, str], list[DataError]]:
    """Score a job on every set that it names, is at hand and was not scored before.

    Rows of other sets stay, those of a real set that is no longer at hand too.

    Returns:
        the sets that have rows, each with its key; what was wrong with those that could not be
        read.
    """
    stale, stored = _stale(job), _stored_sets(job)
    kept = {name: stored[name] for name in job.tests if name in stored and name not in stale}
    rows, pooled = (_stored_rows(job, file, kept) for file in ("per_image.csv", "pooled.csv"))
    model, faults = train.load(job, earlier=False), []
    for name in tqdm(stale, desc=f"scoring {job.run.id}", disable=not progress or None):
        try:
            scored = score_set(model, job, name)
        except DataError as error:
            faults.append(error)
            continue
        kept[name] = _key(job, name)
        _log(job, name, scored)
        rows.append(pd.DataFrame(scored.rows).assign(set=name))
        pooled.append(pd.DataFrame(scored.pooled).assign(set=name))
    _write(job, "per_image.csv", rows)
    _write(job, "pooled.csv", pooled)
    return {name: kept[name] for name in job.tests if name in kept}, faults


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


def _log(job: Job, name: str, scored: Scored) -> None:
    """Real sets never choose: that they were looked at is written down, whatever came out."""
    if real_log.is_real(name) and job.profile.name in real_log.PROFILES:
        about = (job.run.id, job.seed, job.identity, job.profile.name)
        real_log.append(real_log.line(*about, name, scored.rows, scored.pooled))


def score_set(model: nn.Module, job: Job, name: str) -> Scored:
    """Rows of one set for one network."""
    if isinstance(model, mantranet.ImcModel):
        return Scored(_score_traces(model, job, name), [])
    if name == responses.SET:
        return Scored(responses.score(model, _forged(job, name)), [])
    half = train.precision(job.profile.precision) == "bf16-mixed"
    with torch.autocast(train.device_of(model).type, torch.bfloat16, half):
        return score_masks(model, samples(job, name), job.run.columns)


def _score_traces(model: mantranet.ImcModel, job: Job, name: str) -> list[dict[str, Any]]:
    if name == "kcmi":
        return traces.score_cameras(model, *traces.kcmi_crops())
    forged = _forged(job, name)
    if name == "cameras":
        images = (np.asarray(image) for image in forged.images)
        return traces.score_cameras(model, images, np.asarray(forged.targets))
    score_one = traces.score_membership if name == MEMBERSHIP else traces.score_operations
    return score_one(model, forged, job.profile.batch)


def samples(job: Job, name: str) -> Iterator[Sample]:
    """The samples of a stand-in or a real set, distorted where the set says so.

    Photos of a real set that are larger than ``MAX_SIDE_PX`` are scaled down with their masks.
    """
    if name not in standins.SETS:
        found = datasets.open_set(name)
        numbers = _spread(range(len(found)), job.profile.real_count)
        for sample in datasets.readable(found, numbers):
            mask = sample.mask
            regions = np.zeros(sample.image_u8.shape[:2]) if mask is None else mask
            yield _fitted(
                Sample(sample.name, sample.kind, sample.image_u8, regions.astype(np.uint8))
            )
        return
    stand_in, forged = standins.stand_in(name), _forged(job, name)
    kinds = _kinds(job, stand_in, forged)
    for index in range(len(forged)):
        image, regions = np.array(forged.images[index]), np.array(forged.regions[index])
        rng = np.random.default_rng([stand_in.seed, index])
        image, regions = distort(image, regions, stand_in.distortion, stand_in.amount, rng)
        yield Sample(f"{index:05d}", kinds[index], image, regions)


def _fitted(sample: Sample) -> Sample:
    """A sample of at most ``MAX_SIDE_PX``; a pixel is forged where half of what it covers is."""
    image = images.at_most(sample.image, MAX_SIDE_PX)
    if image is sample.image:
        return sample
    height, width = image.shape[:2]
    share = cv2.resize(
        sample.regions.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA
    )
    regions = (share >= 0.5).astype(np.uint8)
    return Sample(sample.name, sample.kind, image, regions, sample.regions.shape)


def _spread(found: Sequence, count: int | None) -> Iterator:
    """All samples of a set, or ``count`` at even distances, authentic ones among them."""
    wanted = min(count or len(found), len(found))
    return (found[round(number)] for number in np.linspace(0, len(found) - 1, wanted))


def _kinds(job: Job, stand_in: standins.StandIn, forged: ForgedSet) -> list[str]:
    """How each image was forged; of training images whose masks were emptied, which ones were."""
    if stand_in.part != "train" or not job.run.label_noise:
        return [forged.kind(index) for index in range(len(forged))]
    lost = train.emptied(job.recipe("train").count, job.run.label_noise, job.seed)
    return ["emptied" if index in lost else "kept" for index in range(len(forged))]


@torch.no_grad()
def score_masks(model: nn.Module, images: Iterator[Sample], wanted: tuple[str, ...] = ()) -> Scored:
    """Pixel and image scores of a localization network: all columns, or those that are wanted."""
    rows, counts = [], metrics.ScoreCounts()
    for group in _groups(images):
        prediction = predict(model, np.stack([sample.image for sample in group]))
        prob, score = prediction.prob, prediction.score
        mask = torch.from_numpy(np.stack([s.regions for s in group]) > 0)[:, None]
        forged = mask.flatten(1).any(1)
        if forged.any():  # an authentic image says nothing of how well pixels are told apart
            counts.add(prob[forged], mask[forged])
        columns = _columns(prob, mask, wanted)
        if "entropy" in prediction.maps:
            columns |= uncertainty.columns(prediction, mask)
        if scales.shown(prediction.maps):
            columns |= scales.columns(prediction.maps, mask)
        for i, sample in enumerate(group):
            row = {name: float(column[i]) for name, column in columns.items()}
            share = float((sample.regions > 0).mean())
            row |= {"image": sample.name, "kind": sample.kind, "forged_share": share}
            row |= {"score": float(score[i]), "mean_of_map": float(prob[i].mean())}
            if sample.scaled_from:
                row["scaled_from"] = "x".join(map(str, sample.scaled_from[::-1]))
            if not wanted:
                row["p99_of_map"] = float(prob[i].quantile(0.99))
                row |= _recalls(model, prob[i, 0], sample)
            rows.append(row)
    pooled = [_pooled(counts, rows)] if rows else []
    return Scored(_kept(rows, wanted) if wanted else rows, pooled)


def _kept(rows: list[dict[str, Any]], wanted: tuple[str, ...]) -> list[dict[str, Any]]:
    kept = (*ABOUT, *wanted, "scaled_from")  # the last one only in rows of photos that were
    return [{name: row[name] for name in kept if name in row} for row in rows]


@torch.inference_mode()
def predict(model: nn.Module, images: UInt8[np.ndarray, "B H W 3"]) -> Prediction:
    """What a network says of images, computed on its device, in main memory."""
    said = model(train.to_tensor(images).to(train.device_of(model)))
    maps = {name: values.cpu() for name, values in said.maps.items()}
    return Prediction(said.logits.cpu(), said.score_logit.cpu(), maps)


def _columns(
    prob: Float[Tensor, "B 1 H W"], mask: Bool[Tensor, "B 1 H W"], wanted: tuple[str, ...]
) -> dict[str, Float[Tensor, " B"]]:
    forged = mask.flatten(1).any(1)  # on an authentic image each column is undefined
    found = {
        name: measure(prob, mask).where(forged, torch.nan)
        for name, measure in PIXEL_METRICS.items()
        if not wanted or name in wanted
    }
    if "pixel_auc" in found:
        found["pixel_auc_negated"] = _negated(found["pixel_auc"], mask)
    return found


def _negated(auc: Float[Tensor, " B"], mask: Bool[Tensor, "B 1 H W"]) -> Float[Tensor, " B"]:
    """AUC of maps as `metrics.negate_when_mostly_forged` turns them over: 1 - AUC."""
    return torch.where(2 * mask.flatten(1).count_nonzero(1) > mask[0].numel(), 1 - auc, auc)


def _recalls(model: nn.Module, prob: Float[Tensor, "H W"], sample: Sample) -> dict[str, float]:
    """Recall of several regions together; of the two halves' regions each alone besides."""
    found = recalls.of_regions(prob.numpy(), sample.regions)
    return found | _alone(model, sample) if sample.kind == "two_regions" else found


def _alone(model: nn.Module, sample: Sample) -> dict[str, float]:
    """Recall of two regions, each in the half of the image that holds it (ManTra-Net, sec. 5.4).

    Both are seen, since the one that was found less would gain by chance.
    """
    middle, found = sample.image.shape[1] // 2, []
    for number, half in ((1, np.s_[:, :middle]), (2, np.s_[:, middle:])):
        crop = predict(model, sample.image[half][None]).prob[0, 0].numpy()
        found.append(recalls.of_region(crop, sample.regions[half], number))
    return {"recall_mean_alone": float(np.mean(found))}


def _pooled(counts: metrics.ScoreCounts, rows: list[dict[str, Any]]) -> dict[str, Any]:
    score, mean = (np.array([row[name] for row in rows]) for name in ("score", "mean_of_map"))
    label = np.array([row["forged_share"] > 0 for row in rows])
    return {
        "image_count": len(rows),
        "pixel_auc_pooled": metrics.pixel_auc_pooled(counts),
        "pixel_f1_best_per_set": metrics.pixel_f1_best_per_set(counts),
        "pixel_f1_at_eer_pooled": metrics.pixel_f1_at_eer_pooled(counts),
        **{name: measure(score, label) for name, measure in IMAGE_METRICS.items()},
        **{f"{name}_of_mean": measure(mean, label) for name, measure in IMAGE_METRICS.items()},
    }


def recipe(job: Job, name: str) -> Recipe:
    """What a stand-in is forged by for a job; a piece of training images is of its own."""
    profile, stand_in = job.profile, standins.stand_in(name)
    made = stand_in.recipe(profile.sources, profile.test_count, profile.size_px)
    if stand_in.part != "train":
        return made
    own = job.recipe("train")  # a sample depends on recipe and number alone
    return replace(own, count=min(own.count, made.count))


def _forged(job: Job, name: str) -> ForgedSet:
    return forge(recipe(job, name), progress=False)


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
    place = {name: number for number, name in enumerate(job.tests)}
    rows = rows.sort_values("set", key=lambda sets: sets.map(place), kind="stable")
    with files.whole(job.folder / file) as temporary:
        rows[["set", *rows.columns.drop("set")]].round(DIGITS).to_csv(temporary, index=False)
