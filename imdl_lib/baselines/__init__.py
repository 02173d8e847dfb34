"""Methods that the papers compare with, re-run for real; one file each.

A classical method is a function from an image to a map of scores; ``Classical`` makes it a
model like any other.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..batch import Prediction


class Classical(nn.Module):
    """A method without training: ``score_map`` of each image, as a Prediction."""

    def __init__(self, score_map: Callable[[np.ndarray], np.ndarray]) -> None:
        super().__init__()
        self.score_map = score_map

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> Prediction:
        """Scores in [0, 1] taken as probabilities; an image's score is the mean of its map."""
        pixels = (image * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        maps = np.stack([self.score_map(one) for one in pixels])
        prob = torch.from_numpy(maps).float()[:, None].to(image.device)
        return Prediction(prob.logit(), prob.mean((1, 2, 3)).logit())
