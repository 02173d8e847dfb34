"""The vocabulary: what goes into a model and what comes out, checked at construction.

Axes: ``B`` images of a batch, ``H W`` pixels, ``C h w`` a feature grid, ``K`` classes.
"""

from dataclasses import dataclass, field, fields

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .errors import ShapeError


@dataclass(frozen=True)
class Batch:
    """Images with what is known about them; a target that does not apply is None."""

    image: Float[Tensor, "B 3 H W"]  # RGB in [0, 1]
    mask: Bool[Tensor, "B 1 H W"] | None = None  # True = manipulated
    operation: Int[Tensor, " B"] | None = None  # leaf of the hierarchy, or camera; -1: none
    name: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        image, mask = self.image, self.mask
        if image.ndim != 4 or image.shape[1] != 3 or not image.is_floating_point():
            raise ShapeError(
                f"A batch's image is {_what(image)}. "
                "Expected float (B, 3, H, W) in [0, 1]: RGB, channels first."
            )
        if mask is not None and (mask.dtype != torch.bool or mask.shape != _one(image)):
            raise ShapeError(
                f"A batch's mask is {_what(mask)} but its image is {_what(image)}. "
                f"Expected bool {_one(image)}, True = manipulated."
            )

    @property
    def label(self) -> Bool[Tensor, " B"]:
        """True where an image has at least one manipulated pixel."""
        if self.mask is None:
            raise ShapeError("This batch has no masks, so no labels. Give it `mask`.")
        return self.mask.flatten(1).any(1)

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on ``device``."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        moved = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in values.items()}
        return Batch(**moved)


@dataclass  # not frozen: Fabric moves and casts the fields of what a model returns
class Prediction:
    """What a localization model says about a batch."""

    logits: Float[Tensor, "B 1 H W"]  # at the image's size; sigmoid = P(manipulated)
    score_logit: Float[Tensor, " B"]  # image level; sigmoid = P(manipulated)
    maps: dict[str, Tensor] = field(default_factory=dict)  # what figures show, by name

    @property
    def prob(self) -> Float[Tensor, "B 1 H W"]:
        """Probability in [0, 1] that a pixel is manipulated."""
        return self.logits.float().sigmoid()

    @property
    def score(self) -> Float[Tensor, " B"]:
        """Probability in [0, 1] that an image is manipulated."""
        return self.score_logit.float().sigmoid()


def _one(image: Tensor) -> tuple[int, ...]:
    return (image.shape[0], 1, *image.shape[2:])


def _what(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
