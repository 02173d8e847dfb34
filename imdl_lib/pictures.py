"""Arrays behind figures that show images: packaged photos, a network's maps, module shapes.

Pictures in committed figures come from packaged photos, whose licence is known.
"""

from typing import Any

import numpy as np
import torch
from torch import nn

from . import evaluate, manipulations, standins, traces, train
from .forge import ForgedSet, forge
from .jobs import Job
from .kinds import Recipe
from .papers import mantranet

SIZE_PX = 128


def packaged(name: str, count: int, size_px: int = SIZE_PX) -> ForgedSet:
    """The first ``count`` samples of a stand-in, forged from packaged photos."""
    stand_in = standins.stand_in(name)
    recipe = stand_in.recipe(("packaged",), count, size_px)
    return forge(Recipe(**{**vars(recipe), "count": count, "size_px": size_px}), progress=False)


def maps(job: Job, images: np.ndarray) -> np.ndarray:
    """Probability maps (N, H, W) of a trained localization network, half precision."""
    prob, _ = evaluate.predict(train.load(job), images)
    return prob[:, 0].numpy().astype(np.float16)


def rows(job: Job, names: tuple[str, ...], each: int) -> dict[str, Any]:
    """Rows of image, mask and prediction: ``each`` samples of every stand-in named."""
    sets = [packaged(name, each) for name in names]
    images = np.concatenate([forged.images for forged in sets])
    regions = np.concatenate([forged.regions for forged in sets])
    labels = np.repeat([name.split("/")[-1] for name in names], each)
    return {"rows": labels, "image": images, "mask": regions > 0, "prediction": maps(job, images)}


def membership(job: Job, forged: ForgedSet) -> np.ndarray:
    """Class at hierarchy level 1 that each pixel most likely belongs to, (N, H, W)."""
    model = train.load(job)
    image = train.to_batch(forged, np.arange(len(forged))).image
    with torch.inference_mode():
        leaf = model.decided(image, 1).argmax(1).numpy()
    return traces.parents(model.config.level, 1)[leaf].astype(np.int16)


def class_names() -> np.ndarray:
    """Names of the 25 classes of hierarchy level 1."""
    return np.array(manipulations.class_names(1))


def architecture(config: mantranet.Config, size_px: int = 64) -> dict[str, Any]:
    """Steps of the live ManTra-Net in the order in which they run, with measured shapes."""
    model = mantranet.Model(config).eval()
    return steps(model, torch.rand(1, 3, size_px, size_px))


def steps(model: nn.Module, image: torch.Tensor) -> dict[str, Any]:
    """What runs, in order: part, name, kind, output shape and weights of each innermost module.

    A module whose children are used without being called, such as a ConvLSTM, is one step.
    Activations are left out.
    """
    found: dict[str, tuple[str, str, int]] = {}

    def note(name: str) -> Any:
        def hook(module: nn.Module, _: Any, output: Any) -> None:
            if isinstance(output, torch.Tensor):
                count = sum(p.numel() for p in module.parameters())
                found[name] = (type(module).__name__, " x ".join(map(str, output.shape)), count)

        return hook

    handles = [m.register_forward_hook(note(n)) for n, m in model.named_modules() if n]
    with torch.inference_mode():
        model(image)
    for handle in handles:
        handle.remove()
    inner = [n for n in found if not any(other.startswith(f"{n}.") for other in found)]
    kept = [(n, *found[n]) for n in inner if found[n][0] != "ReLU"]
    rows = [(n.partition(".")[0], n.partition(".")[2] or n, *rest) for n, *rest in kept]
    names = ("part", "name", "kind", "shape", "parameters")
    return {
        name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }
