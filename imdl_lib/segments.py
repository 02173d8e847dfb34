"""What belongs together in a photo: outlines that people drew, or superpixels.

Segments are numbered from 1 on. 0 is no object, which only polygons leave: BSDS500's people
outlined the background too, in segments like any other, and superpixels cover the whole photo.
"""

import zlib
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Int32, UInt8
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from .errors import DataError

SUPERPIXEL_PX = 16  # side, so that several fit the regions of a 64 px patch
COMPACTNESS = 12.0  # of superpixels; larger = squarer


def drawn(file: Path) -> Int32[np.ndarray, "H W"]:
    """The segments that the first human outlined in a ground-truth file of BSDS500, from 1 on.

    Raises:
        DataError: the file is damaged.
    """
    try:
        return loadmat(file)["groundTruth"][0, 0]["Segmentation"][0, 0].astype(np.int32)
    except (MatReadError, OSError, ValueError, LookupError, TypeError, zlib.error) as error:
        raise DataError(
            f"The segmentation {file} is damaged ({error}). Expected a MATLAB file with the cells "
            "`groundTruth`. Run `imdl data get bsds500`: it fetches damaged files again."
        ) from error


def polygons(file: Path, shape: tuple[int, int]) -> Int32[np.ndarray, "H W"]:
    """The objects that a label file of COCO128-seg outlines, from 1 on; 0 elsewhere.

    Each line is an object: its class, then x and y of each corner as shares of width and height.
    Where objects overlap, the one with the smaller bounding box is seen whole.

    Args:
        file: the labels of a photo; an empty file has no object.
        shape: height and width of the segments in px.
    Raises:
        DataError: the file is damaged.
    """
    from skimage.draw import polygon  # half a second to import, rarely needed

    try:
        outlines = [_corners(line) for line in file.read_text().splitlines()]
    except (OSError, ValueError) as error:
        raise DataError(
            f"The outlines {file} are damaged ({error}). Expected lines of a class and three or "
            "more x y pairs in [0, 1]. "
            "Run `imdl data get coco128_seg`: it fetches damaged files again."
        ) from error
    found = np.zeros(shape, np.int32)
    for number, corners in enumerate(sorted(outlines, key=_box_area, reverse=True), start=1):
        columns, rows = (corners * shape[::-1] - 0.5).T  # a pixel's middle decides
        found[polygon(rows, columns, shape)] = number
    return found


def _corners(line: str) -> np.ndarray:
    corners = np.array(line.split()[1:], float).reshape(-1, 2)
    if len(corners) < 3 or corners.min() < 0 or corners.max() > 1:
        raise ValueError(f"a line of {len(corners)} pairs")
    return corners


def _box_area(corners: np.ndarray) -> float:
    return float(np.ptp(corners, axis=0).prod())


def superpixels(image: UInt8[np.ndarray, "H W 3"]) -> Int32[np.ndarray, "H W"]:
    """SLIC superpixels of about `SUPERPIXEL_PX`, from 1 on; found at half the image's size."""
    from skimage.segmentation import slic  # half a second to import, rarely needed

    height, width = image.shape[:2]
    half = (max(1, width // 2), max(1, height // 2))
    small = cv2.resize(image, half, interpolation=cv2.INTER_AREA)
    count = max(1, height * width // SUPERPIXEL_PX**2)
    found = slic(small, count, COMPACTNESS, max_num_iter=5, start_label=1)
    return resized(found.astype(np.int32), (height, width))


def resized(segments: Int32[np.ndarray, "H W"], shape: tuple[int, int]) -> np.ndarray:
    """Segments at another height and width, by nearest neighbours.

    >>> resized(np.array([[1, 2]], np.int32), (1, 4))
    array([[1, 1, 2, 2]], dtype=int32)
    """
    rows, columns = (np.arange(n) * m // n for n, m in zip(shape, segments.shape, strict=True))
    return segments[rows[:, None], columns]
