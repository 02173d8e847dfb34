r"""Ten virtual cameras, a stand-in for the ten models of the Kaggle camera identification set.

ManTra-Net (CVPR 2019, section 2.3) judges its trace features by how well they tell ten camera
models apart (2,475 photos, not redistributable). Here the same photo can be taken by ten cameras
that share scene, exposure, colours and size and differ only in their processing:

    light -> sensor noise -> colour filter array -> demosaicing -> chroma denoising
          -> sharpening -> tone curve -> JPEG with the camera's own tables

What it does not stand for: lenses, hot pixels and sensor fingerprints, white balance, colour
matrices, and the scenes that a model's owner prefers.
"""

import io
import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from .errors import ShapeError

VERSION = 1  # raised when a change below alters what a camera takes
HALVE_FROM_PX = 128  # a photo whose shorter side is at least this is halved first
MOST_ISO_STOPS = 2  # a shot's gain is 1 to 2^2, so that noise alone does not name the camera
DISPLAY_GAMMA = 2.2


@dataclass(frozen=True)
class Camera:
    """How one model turns light into a file."""

    name: str
    cfa: str  # colours of the sensor's first 2 x 2 pixels, row by row
    demosaic: str  # bilinear, vng (variable number of gradients) or edge (edge-aware)
    full_well_electrons: int  # white at the lowest gain; fewer = more shot noise
    read_noise_electrons: int  # deviation
    chroma_median_px: int  # 1 = no chroma denoising
    sharpening: float  # amount of unsharp masking
    sharpening_px: float  # its Gaussian's deviation
    contrast: float  # slope of the tone curve at mid-grey is 1 + contrast
    luma_steps: tuple[int, int]  # JPEG quantisation of the lowest and the highest frequency
    chroma_steps: tuple[int, int]
    subsampling: str  # of chroma


CAMERAS = (
    Camera("Alder", "RGGB", "bilinear", 20_000, 8, 1, 0.0, 1.0, 0.00, (2, 9), (3, 12), "4:4:4"),
    Camera("Birch", "RGGB", "edge", 12_000, 6, 3, 0.5, 0.8, 0.02, (3, 16), (4, 20), "4:2:0"),
    Camera("Cedar", "GRBG", "vng", 30_000, 4, 1, 0.3, 1.2, -0.02, (1, 6), (2, 8), "4:2:2"),
    Camera("Elm", "BGGR", "bilinear", 8_000, 10, 5, 0.9, 0.7, 0.03, (4, 14), (6, 22), "4:2:0"),
    Camera("Fir", "GBRG", "edge", 25_000, 5, 1, 0.0, 1.0, 0.01, (2, 20), (3, 24), "4:2:2"),
    Camera("Hazel", "BGGR", "vng", 10_000, 9, 3, 0.6, 1.5, -0.02, (5, 12), (6, 16), "4:2:0"),
    Camera("Larch", "GRBG", "bilinear", 15_000, 7, 3, 0.4, 1.0, 0.02, (3, 8), (3, 14), "4:4:4"),
    Camera("Maple", "GBRG", "vng", 6_000, 12, 5, 0.2, 0.8, -0.03, (2, 24), (4, 28), "4:2:0"),
    Camera("Oak", "RGGB", "vng", 18_000, 6, 1, 0.8, 1.0, 0.01, (1, 12), (1, 14), "4:4:4"),
    Camera("Pine", "GBRG", "edge", 9_000, 8, 5, 1.0, 1.3, -0.01, (4, 18), (5, 30), "4:2:2"),
)

_DEMOSAIC = {
    ("RGGB", "bilinear"): cv2.COLOR_BayerRGGB2RGB,
    ("BGGR", "bilinear"): cv2.COLOR_BayerBGGR2RGB,
    ("GRBG", "bilinear"): cv2.COLOR_BayerGRBG2RGB,
    ("GBRG", "bilinear"): cv2.COLOR_BayerGBRG2RGB,
    ("RGGB", "vng"): cv2.COLOR_BayerRGGB2RGB_VNG,
    ("BGGR", "vng"): cv2.COLOR_BayerBGGR2RGB_VNG,
    ("GRBG", "vng"): cv2.COLOR_BayerGRBG2RGB_VNG,
    ("GBRG", "vng"): cv2.COLOR_BayerGBRG2RGB_VNG,
    ("RGGB", "edge"): cv2.COLOR_BayerRGGB2RGB_EA,
    ("BGGR", "edge"): cv2.COLOR_BayerBGGR2RGB_EA,
    ("GRBG", "edge"): cv2.COLOR_BayerGRBG2RGB_EA,
    ("GBRG", "edge"): cv2.COLOR_BayerGBRG2RGB_EA,
}
_TO_LINEAR = ((np.arange(256) / 255) ** DISPLAY_GAMMA).astype(np.float32)


def shoot(
    photo_u8: UInt8[np.ndarray, "H W 3"], camera: Camera, rng: np.random.Generator
) -> UInt8[np.ndarray, "h w 3"]:
    """Take a photo of a photo with a virtual camera.

    Args:
        photo_u8: RGB, shown with gamma 2.2; at least 2 px each way.
        camera: one of ``CAMERAS``.
        rng: source of the gain and the noise; the same state gives the same picture.
    Returns:
        RGB. Half the size, (H // 2, W // 2), where the shorter side has 128 px or more: halving
        wipes out the photo's own demosaicing and JPEG traces. Else the size of the photo.
    Raises:
        ShapeError: ``photo_u8`` is not RGB uint8 (H, W, 3) or has fewer than 2 px on a side.
    """
    shape = photo_u8.shape
    if photo_u8.dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or min(shape[:2]) < 2:
        raise ShapeError(
            f"A photo is {photo_u8.dtype} {shape}. "
            "Expected uint8 (H, W, 3) with at least 2 x 2 pixels: RGB, 0 to 255."
        )
    scene = _scene(photo_u8)
    raw = _expose(_mosaic(scene, camera.cfa), camera, rng)
    image = _demosaic(raw, camera)
    return _compress(_develop(image, camera), camera)


def quantization_tables(camera: Camera) -> list[list[int]]:
    """The camera's JPEG tables, luma then chroma: 64 steps each, row by row.

    A step grows linearly with the sum of both frequencies.

    >>> quantization_tables(CAMERAS[0])[0][:8]
    [2, 2, 3, 4, 4, 4, 5, 6]
    """
    frequency = np.add.outer(np.arange(8), np.arange(8)) / 14  # 0 to 1
    steps = (camera.luma_steps, camera.chroma_steps)
    return [
        (low + (high - low) * frequency).round().astype(int).ravel().tolist() for low, high in steps
    ]


def _scene(photo: np.ndarray) -> np.ndarray:
    height, width = photo.shape[:2]
    if min(height, width) < HALVE_FROM_PX:
        return photo
    return cv2.resize(photo, (width // 2, height // 2), interpolation=cv2.INTER_AREA)


def _mosaic(scene: np.ndarray, cfa: str) -> Float32[np.ndarray, "h w"]:
    """Linear light behind the colour filters, in [0, 1]."""
    seen = np.empty(scene.shape[:2], np.uint8)
    for site, colour in enumerate(cfa):
        row, column = divmod(site, 2)
        seen[row::2, column::2] = scene[row::2, column::2, "RGB".index(colour)]
    return cv2.LUT(seen, _TO_LINEAR)


def _expose(
    light: np.ndarray, camera: Camera, rng: np.random.Generator
) -> UInt8[np.ndarray, "h w"]:
    r"""Shot and read noise, then a square root to 8 bits, as cameras compress their raw data.

    .. math:: \sigma^2(x) = x / w + (r / w)^2,  w = full well / gain
    """
    gain = 2 ** rng.uniform(0, MOST_ISO_STOPS)
    well = camera.full_well_electrons / gain
    sigma = cv2.sqrt(light / well + (camera.read_noise_electrons / well) ** 2)
    noisy = light + sigma * rng.standard_normal(light.shape, np.float32)
    return cv2.convertScaleAbs(cv2.sqrt(np.maximum(noisy, 0)), alpha=255)


def _demosaic(raw: np.ndarray, camera: Camera) -> np.ndarray:
    image = cv2.cvtColor(raw, _DEMOSAIC[camera.cfa, camera.demosaic])
    if camera.chroma_median_px == 1:
        return image
    luma, *chroma = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
    smooth = [cv2.medianBlur(plane, camera.chroma_median_px) for plane in chroma]
    return cv2.cvtColor(cv2.merge([luma, *smooth]), cv2.COLOR_YCrCb2RGB)


def _develop(image: np.ndarray, camera: Camera) -> np.ndarray:
    blurred = cv2.GaussianBlur(image, (0, 0), camera.sharpening_px)
    sharp = cv2.addWeighted(image, 1 + camera.sharpening, blurred, -camera.sharpening, 0)
    return cv2.LUT(sharp, _tone_curve(camera.contrast))


def _tone_curve(contrast: float) -> UInt8[np.ndarray, "256"]:
    """From square-root values to display values, steeper in the middle by ``contrast``."""
    shown = (np.arange(256) / 255) ** (2 / DISPLAY_GAMMA)
    steep = shown - contrast * np.sin(2 * math.pi * shown) / (2 * math.pi)
    return (255 * steep).round().astype(np.uint8)


def _compress(image: np.ndarray, camera: Camera) -> np.ndarray:
    file, tables = io.BytesIO(), quantization_tables(camera)
    Image.fromarray(image).save(file, "JPEG", qtables=tables, subsampling=camera.subsampling)
    return np.array(Image.open(file))
