"""What a photo went through before it was edited: scaled down, compressed, cut; or a camera.

Forged and pristine samples, hosts and donors all draw from the same histories.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import UInt8

from . import cameras, manipulations

GRID_PX = 8  # side of a JPEG block
SCALED, COMPRESSED, ALIGNED = 0.5, 0.6, 0.5  # shares: of photos, of photos, of compressed ones
MOST_SCALE = 2.5
QUALITY = (50, 95)


@dataclass(frozen=True)
class History:
    """Photo pixels a pixel of the image, JPEG quality, and the first pixel kept after that."""

    scale: float = 1.0
    quality: int | None = None
    cut: tuple[int, int] = (0, 0)  # below 8 px: where the image lies on the grid of its JPEG
    camera: int | None = None  # a number in `cameras.CAMERAS`; it halves and compresses by itself

    def side(self, size_px: int) -> int:
        """Photo pixels that it takes to make ``size_px``."""
        if self.camera is not None:
            return max(2 * size_px, cameras.HALVE_FROM_PX)
        return round((size_px + max(self.cut)) * self.scale)

    def of(
        self, photo: UInt8[np.ndarray, "H W 3"], rng: np.random.Generator
    ) -> UInt8[np.ndarray, "h w 3"]:
        """The photo after it; ``rng`` is the camera's noise."""
        if self.camera is not None:
            return cameras.shoot(photo, cameras.CAMERAS[self.camera], rng)
        image = photo
        if self.scale != 1:
            size = [max(1, round(side / self.scale)) for side in photo.shape[1::-1]]
            image = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
        if self.quality is not None:
            image = manipulations.jpeg(image, self.quality)
        return image


def drawn(size_px: int, within_px: int, rng: np.random.Generator) -> History:
    """A random history for ``size_px`` of a photo whose shorter side is ``within_px``."""
    quality, cut = compression(rng)
    if size_px + max(cut) > within_px:
        cut = (0, 0)
    return History(scale(within_px / (size_px + max(cut)), rng), quality, cut)


def scale(most: float, rng: np.random.Generator) -> float:
    """Photo pixels a pixel: 1 in half of the cases, else up to ``most`` and `MOST_SCALE`."""
    scaled, wanted = rng.random() < SCALED, rng.uniform(1, max(1, min(MOST_SCALE, most)))
    return float(wanted) if scaled else 1.0


def compression(rng: np.random.Generator) -> tuple[int | None, tuple[int, int]]:
    """JPEG quality, None where never compressed, and where the image is cut from it."""
    compressed, aligned = rng.random(2) < (COMPRESSED, ALIGNED)
    quality, *cut = rng.integers((QUALITY[0], 0, 0), (QUALITY[1] + 1, GRID_PX, GRID_PX)).tolist()
    if not compressed:
        return None, (0, 0)
    return quality, (0, 0) if aligned else tuple(cut)
