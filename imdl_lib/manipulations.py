"""The 385 manipulation operations of ManTra-Net with their hierarchy, and the distortions.

Wu, AbdAlmageed, Natarajan, "ManTra-Net", CVPR 2019, sections 2.3 and 3.2: seven families are
broken down, over six levels, to 7, 25, 49, 96, 185 and 385 classes. The published figure of the
hierarchy has 380 leaves and levels of 7, 27, 49, 96, 191 and 380. Ours is a reconstruction with
the paper's sizes: 380 documented leaves and five invented ones; four double-JPEG classes merged
into two; three classes not split at level 4; parameters sorted within a class.

**What each operation does to the pixels was not published.** These are our readings:

==================  ===========================================================================
BoxBlur k           mean over k x k
GaussianBlur k      k x k, sigma as in ``gaussian_blur``
MedianBlur k        median over k x k
WaveletDenoise t    Daubechies-2, three levels, details soft-thresholded by t grey levels
<KIND>Resize s      down by the factor s and back to the old size, both by the same kind
JPEGCompress Q      ``jpeg``; JPEGDouble: Q1 and then Q2 on the same 8 x 8 grid
WEBPCompress Q      ``webp``
Close, Dilate, ...  square element of size x size, each colour by itself
GaussianNoise       sigma in grey levels 0..255; independent in each pixel and colour
ImpulseNoise        per cent of pixels, half of them black and half white
PoissonNoise L      shot noise of deviation L levels at white: g Poisson(x / g), g = L^2 / 255
UniformNoise M      integers from -M to M levels
Quantization        median-cut palette of that many colours from a grid of pixels, no dither
Dithering           216-colour web palette, Floyd-Steinberg
AutoContrast        linear stretch of each colour, that per cent cut off at both ends
HistEq C            of luma: C = 0 over the whole patch, else CLAHE, clip limit C
==================  ===========================================================================

Every function takes and gives RGB uint8 (H, W, 3), leaves its argument as it is, and raises
ShapeError for an image that is anything else or a number out of its stated range.
"""

import csv
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import pywt
from jaxtyping import Bool, Int64, UInt8
from PIL import Image, ImageOps

from .errors import RegistryError, ShapeError
from .paths import SHIPPED

VERSION = 1  # raised when a change below alters what an operation does
CLASSES = (7, 25, 49, 96, 185, 385)  # at hierarchy levels HL0 to HL5
TILE_PX = 32  # CLAHE's tiles: 8 x 8 of them in the paper's patches of 256 px
PALETTE_PIXELS = 4096  # pixels from which a palette is made
INTERPOLATIONS = {
    "area": cv2.INTER_AREA,  # enlarging by "area" is OpenCV's variant of linear
    "cubic": cv2.INTER_CUBIC,
    "lanczos4": cv2.INTER_LANCZOS4,
    "linear": cv2.INTER_LINEAR,
    "nearest": cv2.INTER_NEAREST,
}


@dataclass(frozen=True)
class Operation:
    """One of the 385 leaves."""

    leaf: int  # 0..384
    family: str  # its class at HL0
    operation: str  # its class at HL1
    parameter: str  # as in the table: "k=3", "Q1=36,Q2=40", "-"
    documented: bool  # False for the five leaves that the published figure does not show

    @property
    def settings(self) -> dict[str, int | float]:
        """The parameter as numbers by name: {"Q1": 36, "Q2": 40}; empty where there is none."""
        found = re.findall(r"(\w+)=([\d.]+)", self.parameter)
        return {name: float(value) if "." in value else int(value) for name, value in found}


def _read_table() -> tuple[tuple[Operation, ...], Int64[np.ndarray, "6 385"]]:
    with (SHIPPED / "imc385.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    operations = tuple(
        Operation(leaf, r["family"], r["operation"], r["parameter"], r["documented"] == "True")
        for leaf, r in enumerate(rows)
    )
    hierarchy = np.array([[int(r[f"HL{level}"]) - 1 for r in rows] for level in range(6)])
    hierarchy.setflags(write=False)  # shared by every caller
    return operations, hierarchy


OPERATIONS, HIERARCHY = _read_table()  # HIERARCHY[level, leaf] = class id at that level, from 0


def class_names(level: int) -> tuple[str, ...]:
    """Names of the classes at hierarchy level 0 (families) to 5 (leaves), in order of their ids.

    Raises:
        RegistryError: there is no such level.

    >>> class_names(0)[0], class_names(1)[1], class_names(3)[4], class_names(5)[16]
    ('blurring', 'GaussianBlur', 'GaussianBlur k=3..9', 'GaussianBlur k=3')
    """
    if not 0 <= level < len(CLASSES):
        raise RegistryError(
            f"There is no hierarchy level {level}. Expected 0 (7 families) to 5 (385 leaves)."
        )
    members = [np.flatnonzero(HIERARCHY[level] == class_id) for class_id in range(CLASSES[level])]
    return tuple(_class_name(level, [OPERATIONS[leaf] for leaf in group]) for group in members)


def _class_name(level: int, group: list[Operation]) -> str:
    if level < 2:
        return group[0].operation if level else group[0].family
    words = [group[0].operation]
    for name in group[0].settings:
        values = [operation.settings[name] for operation in group]
        low, high = min(values), max(values)
        words.append(f"{name}={low}" if low == high else f"{name}={low}..{high}")
    return " ".join(words)


def manipulate(
    patch_u8: UInt8[np.ndarray, "H W 3"], leaf: int, rng: np.random.Generator
) -> UInt8[np.ndarray, "H W 3"]:
    """Apply one of the 385 operations, y(P) of ManTra-Net section 2.3; the size stays.

    Args:
        patch_u8: RGB, 0..255.
        leaf: 0..384, an index of ``OPERATIONS``.
        rng: source of randomness; only the noises draw from it.
    Raises:
        RegistryError: there is no such leaf.
    """
    _require_rgb(patch_u8)
    if not 0 <= leaf < len(OPERATIONS):
        raise RegistryError(
            f"There is no operation {leaf}. Expected a leaf from 0 to 384. OPERATIONS lists them."
        )
    operation = OPERATIONS[leaf]
    return _OPERATORS[operation.operation](patch_u8, rng, *operation.settings.values())


def jpeg(image: UInt8[np.ndarray, "H W 3"], quality: int) -> UInt8[np.ndarray, "H W 3"]:
    """Compress as JPEG and decompress; ``quality`` 1..100 (libjpeg's scale), 4:2:0 chroma."""
    return _coded(image, ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality)


def webp(image: UInt8[np.ndarray, "H W 3"], quality: int) -> UInt8[np.ndarray, "H W 3"]:
    """Compress as lossy WebP and decompress; ``quality`` 1..100."""
    return _coded(image, ".webp", cv2.IMWRITE_WEBP_QUALITY, quality)


def resize(
    image: UInt8[np.ndarray, "H W 3"], scale: int | float, interpolation: str = "linear"
) -> UInt8[np.ndarray, "h w 3"]:
    """Resize both sides by the factor ``scale`` > 0, to at least 1 px; nothing smooths it first.

    Raises:
        RegistryError: ``interpolation`` is not a key of ``INTERPOLATIONS``.

    >>> resize(np.zeros((100, 60, 3), np.uint8), scale=.25).shape
    (25, 15, 3)
    """
    _require_rgb(image)
    _require(scale > 0, "scale", scale, "a factor above 0")
    if interpolation not in INTERPOLATIONS:
        known = ", ".join(INTERPOLATIONS)
        raise RegistryError(
            f"There is no interpolation {interpolation!r}. Expected one of {known}."
        )
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=INTERPOLATIONS[interpolation])


def gaussian_blur(image: UInt8[np.ndarray, "H W 3"], kernel_px: int) -> UInt8[np.ndarray, "H W 3"]:
    r"""Blur with a Gaussian of ``kernel_px`` x ``kernel_px`` (odd; 1 changes nothing).

    .. math:: \sigma_{px} = 0.3 ((k - 1)/2 - 1) + 0.8        (OpenCV's rule; k = 3 is [1 2 1]/4)
    """
    _require_rgb(image)
    _require(kernel_px > 0 and kernel_px % 2 == 1, "kernel_px", kernel_px, "an odd number above 0")
    return cv2.GaussianBlur(image, (kernel_px, kernel_px), 0)


def gaussian_noise(
    image: UInt8[np.ndarray, "H W 3"], sigma_levels: int | float, rng: np.random.Generator
) -> UInt8[np.ndarray, "H W 3"]:
    """Add white Gaussian noise of deviation ``sigma_levels`` (grey levels 0..255), then clip."""
    _require_rgb(image)
    _require(sigma_levels >= 0, "sigma_levels", sigma_levels, "0 or more")
    noise = rng.standard_normal(image.shape, np.float32) * np.float32(sigma_levels)
    return cv2.add(image, noise, dtype=cv2.CV_8U)  # rounds and clips


def blur_edges(
    image: UInt8[np.ndarray, "H W 3"], mask: Bool[np.ndarray, "H W"], kernel_px: int
) -> UInt8[np.ndarray, "H W 3"]:
    """Blur only a band along the mask's border (ManTra-Net section 5.2, Fig. 4(b)).

    The band is where the square of ``kernel_px`` (odd) holds both kinds of pixel; it gets the
    values of ``gaussian_blur`` with the same ``kernel_px``.
    """
    blurred = gaussian_blur(image, kernel_px)
    if mask.dtype != bool or mask.shape != image.shape[:2]:
        raise ShapeError(
            f"A mask is {mask.dtype} {mask.shape} but its image is {image.shape}. "
            f"Expected bool {image.shape[:2]}, True = manipulated."
        )
    band = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, _square(kernel_px))
    return np.where(band[..., None] > 0, blurred, image)


def correlated_noise(
    image: UInt8[np.ndarray, "H W 3"],
    sigma_levels: int | float,
    correlation_px: int | float,
    rng: np.random.Generator,
) -> UInt8[np.ndarray, "H W 3"]:
    """Add noise that neighbours share, the same to all colours (ManTra-Net Fig. 6(b)).

    ``correlation_px`` > 0 is the deviation of the Gaussian that smooths the noise, and
    ``sigma_levels`` the deviation of the noise after that, in grey levels 0..255.
    """
    _require_rgb(image)
    _require(sigma_levels >= 0, "sigma_levels", sigma_levels, "0 or more")
    _require(correlation_px > 0, "correlation_px", correlation_px, "a length above 0")
    radius, (height, width) = math.ceil(3 * correlation_px), image.shape[:2]
    # White noise with a margin, so that no border is smoothed over fewer samples.
    white = rng.standard_normal((height + 2 * radius, width + 2 * radius), np.float32)
    kernel = cv2.getGaussianKernel(2 * radius + 1, correlation_px, cv2.CV_32F)
    smooth = cv2.sepFilter2D(white, -1, kernel, kernel)[radius:-radius, radius:-radius]
    gain = np.float32(sigma_levels / np.square(kernel).sum())  # smoothing left sum(kernel^2)
    return cv2.add(image, cv2.merge([smooth * gain] * 3), dtype=cv2.CV_8U)


def stylise(image: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "H W 3"]:
    """Regenerate every pixel by edge-aware stylisation (for ManTra-Net Fig. 6(a))."""
    _require_rgb(image)
    return cv2.stylization(image)


def _require(holds: bool, name: str, value: int | float, expected: str) -> None:
    if not holds:
        raise ShapeError(f"{name} is {value}. Expected {expected}.")


def _require_rgb(image: np.ndarray) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ShapeError(
            f"An image is {image.dtype} {image.shape}. "
            "Expected uint8 (H, W, 3) with at least one pixel: RGB, 0 to 255."
        )


def _coded(image: np.ndarray, suffix: str, flag: int, quality: int) -> np.ndarray:
    _require_rgb(image)
    _require(1 <= quality <= 100, "quality", quality, "1 to 100")
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)  # OpenCV's coders want BGR
    _, code = cv2.imencode(suffix, bgr, [flag, quality])
    return cv2.cvtColor(cv2.imdecode(code, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def _square(size_px: int) -> np.ndarray:
    return np.ones((size_px, size_px), np.uint8)


def _wavelet_denoise(image: np.ndarray, _: np.random.Generator, strength: int) -> np.ndarray:
    height, width = image.shape[:2]
    levels = min(3, pywt.dwt_max_level(min(height, width), "db2"))
    coarse, *details = pywt.wavedec2(image.astype(np.float32), "db2", level=levels, axes=(0, 1))
    shrunk = [tuple(pywt.threshold(d, strength, "soft") for d in level) for level in details]
    smooth = pywt.waverec2([coarse, *shrunk], "db2", axes=(0, 1))[:height, :width]
    return smooth.round().clip(0, 255).astype(np.uint8)


def _down_and_up(kind: str, image: np.ndarray, _: np.random.Generator, scale: float) -> np.ndarray:
    small = resize(image, scale, kind)  # at that size the scale would give itself away
    return cv2.resize(small, image.shape[1::-1], interpolation=INTERPOLATIONS[kind])


def _morphology(
    steps: tuple[Callable, ...], image: np.ndarray, _: np.random.Generator, size_px: int
) -> np.ndarray:
    # An even square has no centre; mirrored in the second step, it shifts the image back.
    before, after = size_px // 2, (size_px - 1) // 2
    for step, anchor in zip(steps, ((before, before), (after, after)), strict=False):
        image = step(image, _square(size_px), anchor=anchor)
    return image


def _impulse_noise(image: np.ndarray, rng: np.random.Generator, percent: int) -> np.ndarray:
    draw, noisy = rng.random(image.shape[:2], np.float32), image.copy()
    noisy[draw < percent / 200] = 0
    noisy[draw > 1 - percent / 200] = 255
    return noisy


def _poisson_noise(image: np.ndarray, rng: np.random.Generator, level: int) -> np.ndarray:
    levels_per_photon = level**2 / 255
    photons = rng.poisson(image / levels_per_photon).astype(np.float32)
    return cv2.convertScaleAbs(photons, alpha=levels_per_photon)


def _uniform_noise(image: np.ndarray, rng: np.random.Generator, half_range: int) -> np.ndarray:
    noise = rng.integers(-half_range, half_range + 1, image.shape, np.int16)
    return cv2.add(image, noise, dtype=cv2.CV_8U)


def _few_colours(image: np.ndarray, _: np.random.Generator, colours: int) -> np.ndarray:
    # Median cut is slow in the number of pixels; a grid of them gives as good a palette.
    step, undithered = max(1, math.isqrt(image[..., 0].size // PALETTE_PIXELS)), Image.Dither.NONE
    sample = Image.fromarray(np.ascontiguousarray(image[::step, ::step]))
    palette = sample.quantize(colours, dither=undithered)
    few = Image.fromarray(image).quantize(palette=palette, dither=undithered)
    return np.array(few.convert("RGB"))


def _dithered(image: np.ndarray, _: np.random.Generator) -> np.ndarray:
    dither, palette = Image.Dither.FLOYDSTEINBERG, Image.Palette.WEB
    return np.array(Image.fromarray(image).convert("P", None, dither, palette).convert("RGB"))


def _auto_contrast(image: np.ndarray, _: np.random.Generator, percent: int) -> np.ndarray:
    return np.array(ImageOps.autocontrast(Image.fromarray(image), percent))


def _equalised(image: np.ndarray, _: np.random.Generator, clip_limit: int) -> np.ndarray:
    luma, *chroma = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
    if clip_limit:
        tiles = [max(1, side // TILE_PX) for side in luma.shape[::-1]]
        equal = cv2.createCLAHE(clip_limit, tiles).apply(luma)
    else:
        equal = cv2.equalizeHist(luma)
    return cv2.cvtColor(cv2.merge([equal, *chroma]), cv2.COLOR_YCrCb2RGB)


# From a class at HL1 to (image, rng, *settings) -> image.
_OPERATORS: dict[str, Callable[..., np.ndarray]] = {
    "BoxBlur": lambda image, _, k: cv2.blur(image, (k, k)),
    "GaussianBlur": lambda image, _, k: gaussian_blur(image, k),
    "MedianBlur": lambda image, _, k: cv2.medianBlur(image, k),
    "WaveletDenoise": _wavelet_denoise,
    **{f"{kind.upper()}Resize": partial(_down_and_up, kind) for kind in INTERPOLATIONS},
    "JPEGCompress": lambda image, _, quality: jpeg(image, quality),
    "JPEGDouble-lowQ1": lambda image, _, first, second: jpeg(jpeg(image, first), second),
    "JPEGDouble-highQ1": lambda image, _, first, second: jpeg(jpeg(image, first), second),
    "WEBPCompress": lambda image, _, quality: webp(image, quality),
    "Close": partial(_morphology, (cv2.dilate, cv2.erode)),
    "Dilate": partial(_morphology, (cv2.dilate,)),
    "Erode": partial(_morphology, (cv2.erode,)),
    "Open": partial(_morphology, (cv2.erode, cv2.dilate)),
    "GaussianNoise": lambda image, rng, sigma: gaussian_noise(image, sigma, rng),
    "ImpulseNoise": _impulse_noise,
    "PoissonNoise": _poisson_noise,
    "UniformNoise": _uniform_noise,
    "Quantization": _few_colours,
    "Dithering": _dithered,
    "AutoContrast": _auto_contrast,
    "HistEq": _equalised,
}
