"""Pasting: a piece moved, its tone brought towards the host's, its seam hard, soft or retouched."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from .manipulations import INTERPOLATIONS
from .shapes import Place, bounds

UNRESAMPLED = 1 / 3  # share of pastes that are shifted by whole pixels and at most mirrored
FLIPPED, TURNED = 0.3, 0.5  # shares: of pastes, of resampled ones
SCALES, MOST_DEGREES = (0.7, 1.4), 20.0
TONED = 0.7  # share of splices whose light and colour are brought towards the host's
MOST_SHIFT, GAINS = 60.0, (0.7, 1.4)  # levels of 255; of contrast
SEAMS = ("hard", "hard", "soft", "soft", "blurred", "median", "inpainted")  # drawn alike
MARGIN_PX = 6  # of the donor around a piece, for what blends

Image = UInt8[np.ndarray, "H W 3"]
Mask = Bool[np.ndarray, "H W"]
Box = tuple[slice, slice]  # rows and columns


class Piece(NamedTuple):
    """What is pasted: a rectangle of the donor, and which of its pixels."""

    image: Image
    mask: Mask


@dataclass(frozen=True)
class Move:
    """A similarity without its shift."""

    scale: float = 1.0
    degrees: float = 0.0
    flip: bool = False
    interpolation: str = ""  # a key of INTERPOLATIONS; "" = not resampled

    def times(self, scale: float) -> "Move":
        """A move that scales so much more; one that resampled nothing does so linearly then."""
        name = self.interpolation if scale == 1 else self.interpolation or "linear"
        return replace(self, scale=self.scale * scale, interpolation=name)

    def of(self, piece: Piece) -> Piece:
        """The piece mirrored, scaled and turned."""
        image, mask = piece.image, piece.mask.view(np.uint8) * np.uint8(255)
        if self.flip:
            image, mask = (np.ascontiguousarray(a[:, ::-1]) for a in (image, mask))
        if self.interpolation:
            flag = INTERPOLATIONS[self.interpolation]
            change = self._turned if self.degrees else self._scaled
            image, mask = change(image, flag), change(mask, cv2.INTER_LINEAR)
        kept = mask > 127
        if not kept.any():  # a sliver that became thinner than a pixel
            kept[kept.shape[0] // 2, kept.shape[1] // 2] = True
        return Piece(image, kept)

    def _scaled(self, image: np.ndarray, flag: int) -> np.ndarray:
        size = [max(1, round(side * self.scale)) for side in image.shape[1::-1]]
        return cv2.resize(image, size, interpolation=flag)

    def _turned(self, image: np.ndarray, flag: int) -> np.ndarray:
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), self.degrees, self.scale)
        size = np.ceil(np.abs(matrix[:, :2]) @ (width, height)).astype(int)
        matrix[:, 2] += size / 2 - (width / 2, height / 2)
        border = cv2.BORDER_REFLECT if image.ndim == 3 else cv2.BORDER_CONSTANT
        return cv2.warpAffine(image, matrix, size.tolist(), flags=flag, borderMode=border)


def move(rng: np.random.Generator) -> Move:
    """A random move; a third of them resample nothing."""
    kept, turned, flip = rng.random(3) < (UNRESAMPLED, TURNED, FLIPPED)
    scale, degrees = rng.uniform((SCALES[0], -MOST_DEGREES), (SCALES[1], MOST_DEGREES)).tolist()
    name = tuple(INTERPOLATIONS)[int(rng.integers(len(INTERPOLATIONS)))]
    if kept:
        return Move(flip=bool(flip))
    turns = turned and name not in ("area", "lanczos4")  # averages do not turn; Lanczos is slow
    return Move(scale, degrees if turns else 0.0, bool(flip), name)


def cut(image: Image, mask: Mask) -> Piece:
    """The part of an image that a mask, not empty, marks, with a margin for what blends."""
    box = grown(bounds(mask), mask.shape)
    return Piece(image[box], mask[box])


def grown(box: Box, shape: tuple[int, int], least_px: int = 0) -> Box:
    """A rectangle with a margin, of at least so many pixels a side, within an image."""
    sides = []
    for side, length in zip(box, shape, strict=True):
        size = side.stop - side.start
        margin = max(MARGIN_PX, size // 8, (least_px - size + 1) // 2)
        start = max(0, min(side.start - margin, length - least_px))
        sides.append(slice(start, min(length, max(side.stop + margin, start + least_px))))
    return tuple(sides)


def texture(image: Image) -> UInt8[np.ndarray, "H W"]:
    """Absolute Laplacian of the grey values, in levels."""
    return cv2.convertScaleAbs(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_16S))


def mean(values: np.ndarray, mask: Mask | None = None) -> np.ndarray:
    """Mean of each channel over an image or the pixels of a mask, in levels."""
    return np.array(cv2.mean(values, mask=None if mask is None else mask.view(np.uint8))[:3])


def paste(host: Image, piece: Piece, place: Place, toned: float, rng: np.random.Generator) -> Image:
    """The host with a piece over it; a share ``toned`` of pieces takes on the host's tone."""
    image, mask, under = piece.image[place.shape], piece.mask[place.shape], host[place.frame]
    if rng.random() < toned:
        image = relit(image, mask, under, *rng.uniform(0, (1.0, 0.6)).tolist())
    pasted = host.copy()
    seam = SEAMS[int(rng.integers(len(SEAMS)))]
    pasted[place.frame] = _joined(image, mask, under, seam, 3 + 2 * int(rng.integers(2)))
    return pasted


def relit(image: Image, mask: Mask, host: Image, light: float, colour: float) -> Image:
    """A piece whose mean light and colour go so far, 0 to 1, towards the host's around it."""
    (mine, spread), (theirs, wide) = (
        np.hstack(cv2.meanStdDev(image, mask=mask.view(np.uint8))).T,
        np.hstack(cv2.meanStdDev(host)).T,
    )
    shift = theirs - mine
    shift = light * shift.mean() + colour * (shift - shift.mean())
    gain = (max(1.0, wide.mean()) / max(1.0, spread.mean())) ** (light / 2)
    levels = np.arange(256)[:, None]
    curve = (levels - mine) * np.clip(gain, *GAINS) + mine + shift.clip(-MOST_SHIFT, MOST_SHIFT)
    return cv2.LUT(image, curve.round().clip(0, 255).astype(np.uint8)[None])


def _joined(image: Image, mask: Mask, host: Image, seam: str, kernel_px: int) -> Image:
    if seam == "soft":
        alpha = cv2.GaussianBlur(mask.astype(np.float32), (kernel_px + 2, kernel_px + 2), 0)
        return (
            (host + alpha[..., None] * (image.astype(np.float32) - host)).round().astype(np.uint8)
        )
    joined = np.where(mask[..., None], image, host)
    if seam == "hard":
        return joined
    near = np.ones((kernel_px, kernel_px), np.uint8)
    band = cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_GRADIENT, near)
    return np.where(band[..., None] > 0, _RETOUCHES[seam](joined, band, kernel_px), joined)


_RETOUCHES = {
    "blurred": lambda image, band, k: cv2.GaussianBlur(image, (k, k), 0),
    "median": lambda image, band, k: cv2.medianBlur(image, k),
    "inpainted": lambda image, band, k: cv2.inpaint(image, band, 2, cv2.INPAINT_TELEA),
}
