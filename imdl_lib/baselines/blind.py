"""Blind controls: maps that know nothing of forgeries.

What such a map scores on a set is what position, texture or striking objects give away there. A
detector that does not exceed the best of them has not been shown to see any trace of a forgery.
Two do not look at the image at all, five look at it without having seen any forgery.
"""

from collections.abc import Callable, Iterable
from functools import cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn

from ..batch import Prediction
from ..filters import srm_kernels

WINDOW = 9  # px, side of the square over which deviation and energy are taken
MOST_DEVIATION = 127.5  # grey levels: half a window black, half white
MOST_RESIDUAL = 510.0  # grey levels: a chequerboard of single black and white pixels
SALIENCY_PX = 64  # the longer side at which saliency is computed; smaller images as they are
SALIENCY_BLUR = 2.5  # px at that size
LEAST_AMPLITUDE = 1.0  # grey levels, summed over all pixels; below this a frequency is absent
LEAST_RANGE = 1e-3  # share of the greatest value below which a map is flat, but for rounding
GRID = 16  # cells along a side of a mean mask

Image = UInt8[np.ndarray, "H W 3"]
Map = Float32[np.ndarray, "H W"]


def centre(image_u8: Image) -> Map:
    r"""Nearness to the middle of the frame, each axis scaled by its side.

    .. math:: s = 1 - \sqrt{2} \left\| \left(\tfrac{x + 1/2}{W} - \tfrac12,
        \tfrac{y + 1/2}{H} - \tfrac12\right) \right\|

    1 in the middle, towards 0 in the corners.
    """
    rows, columns = (((np.arange(n) + 0.5) / n - 0.5) ** 2 for n in image_u8.shape[:2])
    return (1 - np.sqrt(2 * (rows[:, None] + columns))).astype(np.float32)


def deviation(image_u8: Image) -> Map:
    """Deviation of the grey levels in the window around each pixel, on a logarithmic scale."""
    grey = _grey(image_u8)
    total = cv2.boxFilter(grey, cv2.CV_64F, (WINDOW, WINDOW), normalize=False, **_BORDER)
    squares = cv2.sqrBoxFilter(grey, cv2.CV_64F, (WINDOW, WINDOW), normalize=False, **_BORDER)
    variance = (WINDOW**2 * squares - total**2) / WINDOW**4  # exact: whole numbers, one division
    return _logarithmic(variance, MOST_DEVIATION)


def inverse_deviation(image_u8: Image) -> Map:
    """One less `deviation`: evenness."""
    return 1 - deviation(image_u8)


def high_pass(image_u8: Image) -> Map:
    """Energy of SRM's second-order residual in the window around each pixel, logarithmic."""
    kernel = srm_kernels()[0, 1:4, 1:4].double().numpy()
    residual = cv2.filter2D(_grey(image_u8), cv2.CV_64F, kernel, **_BORDER)
    return _logarithmic(cv2.blur(residual**2, (WINDOW, WINDOW), **_BORDER), MOST_RESIDUAL)


def inverse_high_pass(image_u8: Image) -> Map:
    """One less `high_pass`: smoothness."""
    return 1 - high_pass(image_u8)


def saliency(image_u8: Image) -> Map:
    r"""What stands out of an image by its spectrum alone, scaled from 0 to 1.

    X. Hou, L. Zhang, *Saliency Detection: A Spectral Residual Approach*, CVPR 2007, eqs. 3 to 6.

    .. math:: s = g * \left| \mathcal{F}^{-1}\left[
        \exp(L - h_3 * L) \, e^{i P} \right] \right|^2, \quad L = \log |\mathcal{F}[I]|
    """
    height, width = image_u8.shape[:2]
    scale = min(1, SALIENCY_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(_grey(image_u8).astype(np.float64), size, interpolation=cv2.INTER_AREA)
    spectrum = np.fft.fft2(small)
    amplitude = np.maximum(np.abs(spectrum), LEAST_AMPLITUDE)
    logarithm = np.log(amplitude)
    residual = logarithm - cv2.blur(logarithm, (3, 3), **_BORDER)
    energy = np.abs(np.fft.ifft2(np.exp(residual) * spectrum / amplitude)) ** 2
    return _spread(cv2.GaussianBlur(energy, (0, 0), SALIENCY_BLUR, **_BORDER), (width, height))


@torch.inference_mode()
@torch.autocast("cpu", enabled=False)
def features(image_u8: Image) -> Map:
    """Energy of a frozen ImageNet network's features at a stride of 16, scaled from 0 to 1."""
    from ..backbones.efficientnet import features_s16

    image = torch.from_numpy(np.array(image_u8)).permute(2, 0, 1)[None].float() / 255
    energy = features_s16(_lite0(), image).square().mean(1)[0]
    return _spread(energy.double().numpy(), image_u8.shape[1::-1])


@cache
def _lite0() -> nn.Module:
    from ..backbones.efficientnet import lite0, repeat_edges

    return repeat_edges(lite0())


CONTROLS: dict[str, Callable[[Image], Map]] = {  # by the name of the run
    "centre": centre,
    "deviation": deviation,
    "inverse-deviation": inverse_deviation,
    "high-pass": high_pass,
    "inverse-high-pass": inverse_high_pass,
    "saliency": saliency,
    "features": features,
}


def forged_rates(masks: Iterable[np.ndarray]) -> Float32[np.ndarray, "16 16"]:
    """Share of each cell of a grid over the frame that masks of any size mark, on average.

    Masks are (H, W); other than 0 is forged.
    """
    marked = ((mask > 0).astype(np.float32) for mask in masks)
    cells = [cv2.resize(one, (GRID, GRID), interpolation=cv2.INTER_AREA) for one in marked]
    return np.mean(cells, 0, dtype=np.float32)


class MeanMask(nn.Module):
    """The mean of the masks that networks are trained on, laid over any image."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("prob", torch.zeros(1, 1, GRID, GRID))

    def fit(self, masks: Iterable[np.ndarray]) -> None:
        """Take the mean of training masks (H, W); other than 0 is forged."""
        self.prob = torch.from_numpy(forged_rates(masks))[None, None]

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> Prediction:
        """The stored share at each pixel; an image's score is the mean of its map."""
        prob = F.interpolate(self.prob, image.shape[2:], mode="bilinear", align_corners=False)
        prob = prob.expand(len(image), -1, -1, -1)
        return Prediction(prob.logit(), prob.mean((1, 2, 3)).logit())


_BORDER = {"borderType": cv2.BORDER_REFLECT}


def _grey(image_u8: Image) -> UInt8[np.ndarray, "H W"]:
    """Whole grey levels: sums over a window are then exact, and flat places exactly flat."""
    return cv2.cvtColor(image_u8, cv2.COLOR_RGB2GRAY)


def _logarithmic(square: Float[np.ndarray, "H W"], most: float) -> Map:
    """The root of a square in grey levels, in [0, 1]: log(1 + root) / log(1 + most)."""
    root = np.sqrt(np.maximum(square, 0))
    return (np.log1p(root) / np.log1p(most)).astype(np.float32)


def _spread(energy: Float[np.ndarray, "h w"], size: tuple[int, int]) -> Map:
    """A coarse map from its least to its greatest value, at ``size`` (width, height).

    A constant 0.5 where it is flat.
    """
    low, high = energy.min(), energy.max()
    if high - low <= LEAST_RANGE * high:
        return np.full(size[::-1], 0.5, np.float32)
    scaled = ((energy - low) / (high - low)).astype(np.float32)
    # Bilinear interpolation can leave [0, 1] by a rounding error
    return cv2.resize(scaled, size, interpolation=cv2.INTER_LINEAR).clip(0, 1)
