"""Filling a region in from its surroundings, in four ways."""

from collections.abc import Callable

import cv2
import numpy as np

from .recipes import Image, Mask


def _inpaint(flag: int) -> Callable[..., Image]:
    return lambda host, mask, rng: cv2.inpaint(host, mask.astype(np.uint8), 3, flag)


def biharmonic(host: Image, mask: Mask, rng: np.random.Generator) -> Image:
    """Smooth interpolation from the border inwards (scikit-image)."""
    from skimage.restoration import inpaint_biharmonic  # half a second to import, rarely needed

    filled = inpaint_biharmonic(host, mask, channel_axis=-1)
    return (filled * 255).round().clip(0, 255).astype(np.uint8)


def cloned(host: Image, mask: Mask, rng: np.random.Generator) -> Image:
    """Another place of the photo blended in by Poisson editing, as retouching tools do."""
    source = np.ascontiguousarray(host[::-1] if rng.random() < 0.5 else host[:, ::-1])
    inner = mask.copy()
    inner[[0, -1]] = inner[:, [0, -1]] = False  # the solver needs a border of known pixels
    rows, columns = np.nonzero(inner)
    if len(rows) == 0:
        return host
    centre = (int(columns.min() + columns.max()) // 2, int(rows.min() + rows.max()) // 2)
    return cv2.seamlessClone(source, host, inner.astype(np.uint8) * 255, centre, cv2.NORMAL_CLONE)


INPAINTERS: dict[str, Callable[..., Image]] = {
    "telea": _inpaint(cv2.INPAINT_TELEA),
    "navier_stokes": _inpaint(cv2.INPAINT_NS),
    "biharmonic": biharmonic,
    "cloned": cloned,
}
