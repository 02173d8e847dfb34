"""Shapes of forged regions: Bezier blobs, strokes, and blobs drawn out to objects' borders."""

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

POINTS, RADIUS, EDGINESS = 7, 0.2, 0.01  # PSCC-Net's blobs
SEGMENT_STEPS = 12  # points drawn per Bezier segment
_T = np.linspace(0, 1, SEGMENT_STEPS, endpoint=False)[:, None]
_BERNSTEIN = np.hstack([(1 - _T) ** 3, 3 * (1 - _T) ** 2 * _T, 3 * (1 - _T) * _T**2, _T**3])


def outline(rng: np.random.Generator) -> np.ndarray:
    """A closed curve of cubic Bezier segments through random points, (n, 2), about the origin.

    ``RADIUS`` is the handles' length as a share of the chord, ``EDGINESS`` how far the tangent at
    a point leans from the mean of its two chords (0 = smooth).
    """
    points = rng.random((POINTS, 2))
    points = points[np.argsort(np.arctan2(*(points - points.mean(0)).T))]
    chord = np.roll(points, -1, 0) - points
    angle = np.unwrap(np.arctan2(chord[:, 1], chord[:, 0]))
    before = np.roll(angle, 1)
    lean = np.arctan(EDGINESS) / np.pi + 0.5
    tangent = before + lean * ((angle - before + np.pi) % (2 * np.pi) - np.pi)
    handle = RADIUS * np.linalg.norm(chord, axis=1, keepdims=True)
    out = np.stack([np.cos(tangent), np.sin(tangent)], 1)
    end, end_out = np.roll(points, -1, 0), np.roll(out, -1, 0)
    control = np.stack([points, points + handle * out, end - handle * end_out, end], 1)
    curve = np.einsum("tk,nkd->ntd", _BERNSTEIN, control).reshape(-1, 2)
    return curve - curve.mean(0)


def blob(size_px: int, area: float, rng: np.random.Generator) -> Bool[np.ndarray, "S S"]:
    """A Bezier blob that covers about ``area`` (a share of the square) and lies inside it."""
    curve = outline(rng)
    covered = max(cv2.contourArea(curve.astype(np.float32)), 1e-3)
    curve = curve * np.sqrt(area / covered)
    low, high = -curve.min(0), 1 - curve.max(0)
    middle = (low + high) / 2
    place = rng.uniform(np.minimum(low, middle), np.maximum(high, middle))
    mask = np.zeros((size_px, size_px), np.uint8)
    cv2.fillPoly(mask, [((curve + place) * size_px).round().astype(np.int32)], 1)
    if not mask.any():  # a sliver thinner than a pixel
        row, column = (place * size_px).astype(int).clip(0, size_px - 1)
        mask[row, column] = 1
    return mask.astype(bool)


def strokes(size_px: int, area: float, rng: np.random.Generator) -> Bool[np.ndarray, "S S"]:
    """Thick random polylines, added until they cover ``area``: a structured irregular mask."""
    mask = np.zeros((size_px, size_px), np.uint8)
    while mask.mean() < area:
        turns = rng.uniform(-size_px / 3, size_px / 3, (4, 2))
        line = (rng.uniform(0, size_px, 2) + np.cumsum(turns, 0)).astype(np.int32)
        cv2.polylines(
            mask, [line], False, 1, int(rng.integers(size_px // 20 + 1, size_px // 8 + 2))
        )
    return mask.astype(bool)


def blob_in_half(
    size_px: int, side: int, area: float, rng: np.random.Generator
) -> Bool[np.ndarray, "S S"]:
    """A blob wholly in the left (0) or right (1) half, clear of the middle; ``area`` of the whole.

    Two of them, one a side, never touch.
    """
    small = size_px * 7 // 16
    mask = np.zeros((size_px, size_px), bool)
    top = int(rng.integers(size_px - small + 1))
    left = 0 if side == 0 else size_px - small
    mask[top : top + small, left : left + small] = blob(small, area * (size_px / small) ** 2, rng)
    return mask


def snapped(
    mask: Bool[np.ndarray, "S S"], segments: UInt8[np.ndarray, "S S"]
) -> Bool[np.ndarray, "S S"]:
    """The union of the segments that lie in ``mask`` by more than half, or ``mask`` itself.

    It stays ``mask`` where no such union has between half and twice its pixels.

    >>> snapped(np.array([[True, True], [True, False]]), np.array([[1, 2], [1, 2]], np.uint8))
    array([[ True, False],
           [ True, False]])
    """
    inside = np.bincount(segments[mask], minlength=256)
    chosen = 2 * inside > np.bincount(segments.ravel(), minlength=256)
    union = chosen[segments]
    return union if 0.5 <= union.sum() / max(1, mask.sum()) <= 2 else mask
