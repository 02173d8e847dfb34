"""Whole images disturbed, in stated units: what robustness figures and tables ask for."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import UInt8

from . import manipulations

CORRELATION_PX = 4.0  # of the noise that neighbours share (ManTra-Net, fig. 6b)

Image = UInt8[np.ndarray, "H W 3"]
Regions = UInt8[np.ndarray, "H W"]


@dataclass(frozen=True)
class Distortion:
    """The unit of its amount, and what it does to an image; ``regions`` says where it is forged."""

    unit: str
    apply: Callable[[Image, Regions, float, np.random.Generator], np.ndarray]


def mixed(image: Image, rng: np.random.Generator) -> np.ndarray:
    """Resized, blurred, made noisy and compressed, each at random (PSCC-Net, sec. IV-G).

    Scale in [0.25, 0.78], odd kernel in [3, 15] px, deviation in [3, 15] levels, JPEG quality in
    [50, 100].
    """
    image = manipulations.resize(image, rng.uniform(0.25, 0.78))
    image = manipulations.gaussian_blur(image, 1 + 2 * int(rng.integers(1, 8)))
    image = manipulations.gaussian_noise(image, rng.uniform(3, 15), rng)
    return manipulations.jpeg(image, int(rng.integers(50, 101)))


DISTORTIONS: dict[str, Distortion] = {
    "resize": Distortion("scale", lambda i, r, amount, rng: manipulations.resize(i, amount)),
    "blur": Distortion(
        "kernel px", lambda i, r, amount, rng: manipulations.gaussian_blur(i, int(amount))
    ),
    "noise": Distortion(
        "deviation, levels of 255",
        lambda i, r, amount, rng: manipulations.gaussian_noise(i, amount, rng),
    ),
    "jpeg": Distortion("quality", lambda i, r, amount, rng: manipulations.jpeg(i, int(amount))),
    "mixed": Distortion("at random", lambda i, r, amount, rng: mixed(i, rng)),
    "blur_edges": Distortion(
        "kernel px", lambda i, r, amount, rng: manipulations.blur_edges(i, r > 0, int(amount))
    ),
    "stylise": Distortion("once", lambda i, r, amount, rng: manipulations.stylise(i)),
    "correlated_noise": Distortion(
        "deviation, levels of 255",
        lambda i, r, amount, rng: manipulations.correlated_noise(i, amount, CORRELATION_PX, rng),
    ),
}


def distort(
    image: Image, regions: Regions, how: str, amount: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """An image and its regions after a distortion of ``DISTORTIONS``; unaltered where it is ""."""
    if not how:
        return image, regions
    image = DISTORTIONS[how].apply(image, regions, amount, rng)
    if image.shape[:2] != regions.shape:
        size = (image.shape[1], image.shape[0])
        regions = cv2.resize(regions, size, interpolation=cv2.INTER_NEAREST)
    return image, regions
