"""Arrays behind figures that show images: packaged photos, a network's maps, module shapes.

Pictures in committed figures come from packaged photos, whose licence is known.
"""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from . import evaluate, manipulations, responses, standins, traces, train
from .backbones import hrnet
from .forge import ForgedSet, forge
from .jobs import Job
from .kinds import Recipe
from .papers import mantranet

SIZE_PX = 128


def packaged(name: str, count: int, size_px: int = SIZE_PX) -> ForgedSet:
    """The first ``count`` samples of a stand-in, forged from packaged photos."""
    return forge(_packaged(name, count, size_px), progress=False)


def forged_and_before(name: str, count: int, size_px: int = SIZE_PX) -> tuple[ForgedSet, ForgedSet]:
    """Those samples, and the same photos untouched; both without the stand-in's last JPEG."""
    recipe = replace(_packaged(name, count, size_px), jpeg_quality=None)
    before = replace(recipe, kinds=("pristine",))
    return forge(recipe, progress=False), forge(before, progress=False)


def _packaged(name: str, count: int, size_px: int) -> Recipe:
    recipe = standins.stand_in(name).recipe(("packaged",), count, size_px)
    return replace(recipe, count=count, size_px=size_px)


def outlined(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """An image (H, W, 3) with the outline of a mask (H, W) in red."""
    grown, shrunk = (
        change(mask.astype(np.uint8), np.ones((3, 3))) for change in (cv2.dilate, cv2.erode)
    )
    return np.where((grown != shrunk)[..., None], np.uint8([255, 0, 0]), image)


def maps(job: Job, images: np.ndarray) -> np.ndarray:
    """Probability maps (N, H, W) of a trained localization network, half precision."""
    prob = evaluate.predict(train.load(job), images).prob
    return prob[:, 0].numpy().astype(np.float16)


def rows(job: Job, names: tuple[str, ...], each: int) -> dict[str, Any]:
    """Rows of image, mask and prediction: ``each`` samples of every stand-in named."""
    sets = [packaged(name, each) for name in names]
    images = np.concatenate([forged.images for forged in sets])
    regions = np.concatenate([forged.regions for forged in sets])
    labels = np.repeat([name.split("/")[-1] for name in names], each)
    return {"rows": labels, "image": images, "mask": regions > 0, "prediction": maps(job, images)}


def masks_over_scales(job: Job, images: np.ndarray) -> dict[str, np.ndarray]:
    """PSCC-Net's masks 4 to 1, (N, H, W), each at the images' size."""
    found = evaluate.predict(train.load(job), images).maps
    names = sorted((name for name in found if name.startswith("mask")), reverse=True)
    size = images.shape[1:3]
    return {
        name: hrnet.resize(found[name], size)[:, 0].numpy().astype(np.float16) for name in names
    }


def looks(job: Job, images: np.ndarray, points: np.ndarray) -> dict[str, np.ndarray]:
    """What chosen pixels of each image look at, and channel 1 of X and Y_c (PSCC-Net, fig. 9).

    Args:
        images: (N, H, W, 3) uint8.
        points: (N, P, 2), row and column of chosen pixels.
    Returns:
        ``response`` (N, P, h, w) and ``X``, ``Y_c`` (N, h, w), each map scaled to [0, 1].
    """
    model = train.load(job)
    module, x = responses.sccm(model), responses.gated(model, images)
    height, width = x.shape[2:]
    at = points * (height, width) // images.shape[1:3]
    number = torch.from_numpy(at[..., 0] * width + at[..., 1])
    rows = [responses.response(module, x[i : i + 1])[number[i]] for i in range(len(x))]
    channel = module.channelwise(x)[:, 0].detach()
    maps = {"response": torch.stack(rows).unflatten(2, (height, width)), "X": x[:, 0]}
    return {name: _scaled(values) for name, values in (maps | {"Y_c": channel}).items()}


def _scaled(maps: torch.Tensor) -> np.ndarray:
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    return ((maps - low) / (high - low).clamp(min=1e-12)).cpu().numpy().astype(np.float16)


def membership(job: Job, forged: ForgedSet) -> np.ndarray:
    """Class at hierarchy level 1 that each pixel most likely belongs to, (N, H, W)."""
    model = train.load(job)
    image = train.to_tensor(forged.images[:]).to(train.device_of(model))
    with torch.inference_mode():
        probabilities = model.decided(image, 1).float().softmax(1).cpu()
    return traces.at_level(probabilities, 1).argmax(1).numpy().astype(np.int16)


def class_names() -> np.ndarray:
    """Names of the 25 classes of hierarchy level 1."""
    return np.array(manipulations.class_names(1))


def architecture(config: mantranet.Config, size_px: int = 64) -> dict[str, Any]:
    """Steps of the live ManTra-Net in the order in which they run, with measured shapes."""
    model = mantranet.Model(config).eval()
    return steps(model, torch.rand(1, 3, size_px, size_px))


def steps(model: nn.Module, image: torch.Tensor, shown: tuple[str, ...] = ()) -> dict[str, Any]:
    """What runs, in order: part, name, kind, output shape and weights of each innermost module.

    A module whose children are used without being called, such as a ConvLSTM, is one step.
    Activations are left out. ``shown`` names modules to tell of instead of the innermost ones.
    """
    found: dict[str, tuple[str, str, int]] = {}

    def note(name: str) -> Any:
        def hook(module: nn.Module, _: Any, output: Any) -> None:
            if shape := _shape(output):
                count = sum(p.numel() for p in module.parameters())
                found[name] = (type(module).__name__, shape, count)

        return hook

    handles = [m.register_forward_hook(note(n)) for n, m in model.named_modules() if n]
    with torch.inference_mode():
        model(image)
    for handle in handles:
        handle.remove()
    inner = [n for n in found if not any(other.startswith(f"{n}.") for other in found)]
    kept = [n for n in found if n in shown] if shown else inner
    rows = [
        (n.partition(".")[0], n.partition(".")[2] or n, *found[n])
        for n in kept
        if found[n][0] != "ReLU"
    ]
    names = ("part", "name", "kind", "shape", "parameters")
    return {
        name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }


def _shape(output: Any) -> str:
    """A tensor's shape, or that of the first of several and their number; empty for others."""
    if isinstance(output, torch.Tensor):
        return " x ".join(map(str, output.shape))
    if isinstance(output, list | dict):
        first = next(iter(output.values() if isinstance(output, dict) else output))
        return f"{len(output)} of {_shape(first)}"
    return ""
