"""Shapes of forged regions: Bezier blobs, strokes, and both drawn out to objects' borders.

A shape is a mask no larger than it needs to be. `laid` puts it on a frame so that its position
says nothing: any pixel of it may lie anywhere, and the frame clips what is outside.
"""

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Int, UInt8

POINTS, RADIUS, EDGINESS = 7, 0.2, 0.01  # PSCC-Net's blobs
SEGMENT_STEPS = 12  # points drawn per Bezier segment
OUTLINES = 1024
LEAST_COVERED = 0.05  # of the square that an outline's points lie in: no slivers
LEAST_SHOWN = 0.003  # of the frame, where a shape that is laid on it has so much
LAYING_DRAWS = 24  # of a pixel in a shape's bounding box, a part of which is in the shape
ROUNDED_PX = 7  # of the mean that rounds superpixels off
SPILL = 0.013  # of a frame's side: shapes are laid on so much more, or large ones would keep inside
_T = np.linspace(0, 1, SEGMENT_STEPS, endpoint=False)[:, None]
_BERNSTEIN = np.hstack([(1 - _T) ** 3, 3 * (1 - _T) ** 2 * _T, 3 * (1 - _T) * _T**2, _T**3])


class Place(NamedTuple):
    """Where a shape lies on a frame: rows and columns of the frame, and those of the shape."""

    frame: tuple[slice, slice]
    shape: tuple[slice, slice]


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


def blob(area_px: int | float, rng: np.random.Generator) -> Bool[np.ndarray, "h w"]:
    """A Bezier blob of about ``area_px`` pixels, in its bounding box: a stored outline, turned."""
    turn, number = rng.uniform(0, 2 * np.pi), int(rng.integers(OUTLINES))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    curve = _outlines()[number] @ (np.sqrt(area_px) * rotation)
    points = curve.round().astype(np.int32)
    points -= points.min(0)
    mask = np.zeros(points.max(0)[::-1] + 1, np.uint8)
    cv2.fillPoly(mask, [points], 1)
    return mask.view(bool)


@cache
def _outlines() -> np.ndarray:
    """Outlines of area 1, (`OUTLINES`, n, 2), the same in every process."""
    rng, curves = np.random.default_rng(0), []
    while len(curves) < OUTLINES:
        curve = outline(rng)
        covered = cv2.contourArea(curve.astype(np.float32))
        if covered > LEAST_COVERED:
            curves.append(curve / np.sqrt(covered))
    return np.array(curves)


def strokes(area_px: int | float, rng: np.random.Generator) -> Bool[np.ndarray, "h w"]:
    """Thick random polylines, added until they cover ``area_px``: a structured irregular mask."""
    side = int(np.sqrt(area_px) * rng.uniform(1.5, 3)) + 2
    mask = np.zeros((side, side), np.uint8)
    while cv2.countNonZero(mask) < min(area_px, 0.8 * side**2):
        turns = rng.uniform(-side / 2, side / 2, (4, 2))
        line = (rng.uniform(0, side, 2) + np.cumsum(turns, 0)).astype(np.int32)
        cv2.polylines(mask, [line], False, 1, int(rng.integers(side // 16 + 1, side // 7 + 2)))
    return trimmed(mask.astype(bool))


def trimmed(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "h w"]:
    """A mask, not empty, cut to its bounding box.

    >>> trimmed(np.array([[False, False], [False, True]]))
    array([[ True]])
    """
    return mask[bounds(mask)]


def largest(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """The largest connected piece of a mask.

    >>> largest(np.array([[True, False, True], [True, False, False]]))
    array([[ True, False, False],
           [ True, False, False]])
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=4)
    if count <= 2:
        return mask
    return labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())


def bounds(mask: Bool[np.ndarray, "H W"]) -> tuple[slice, slice]:
    """Rows and columns of a mask's bounding box."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return np.s_[top : top + height, left : left + width]


def laid(
    mask: Bool[np.ndarray, "h w"],
    frame: tuple[int, int],
    rng: np.random.Generator,
    at: Int[np.ndarray, "2"] | None = None,
) -> Place:
    """Where a random pixel of ``mask`` lies on a random pixel of a frame of so many rows, columns.

    So a forged pixel lies anywhere alike. The pixel of ``mask`` is drawn again while less than
    `LEAST_SHOWN` of the frame would show; that of the frame, ``at``, is drawn once or given.
    """
    at = spot(frame, rng) if at is None else at
    rows, columns = bounds(mask)
    size = rows.stop - rows.start, columns.stop - columns.start
    drawn = (rng.random((LAYING_DRAWS, 2)) * size).astype(int)  # the same at any scale
    drawn += (rows.start, columns.start)
    chosen = drawn[mask[tuple(drawn.T)]]
    if not len(chosen):  # a shape that leaves most of its bounding box empty
        chosen = np.argwhere(mask)[:1]
    least = min(LEAST_SHOWN * frame[0] * frame[1], np.count_nonzero(mask))
    for pixel in chosen:
        place = placed(mask.shape, at - pixel, frame)
        if np.count_nonzero(mask[place.shape]) >= least:
            break
    return place


def spot(
    frame: tuple[int, int], rng: np.random.Generator, spill: float = SPILL
) -> Int[np.ndarray, "2"]:
    """A random pixel of a frame grown by a share of its sides, moved onto it where outside."""
    grown = np.multiply(frame, rng.uniform(-spill, 1 + spill, 2)).astype(int)
    return grown.clip(0, np.subtract(frame, 1))


def placed(shape: tuple[int, int], corner: np.ndarray, frame: tuple[int, int]) -> Place:
    """What a frame shows of a shape whose first row and column lie at ``corner``.

    >>> placed((4, 4), np.array([-1, 8]), (10, 10)).frame
    (slice(0, 3, None), slice(8, 10, None))
    """
    starts = [max(0, int(at)) for at in corner]
    stops = [max(0, min(n, int(at) + m)) for at, m, n in zip(corner, shape, frame, strict=True)]
    shown = [slice(a, b) for a, b in zip(starts, stops, strict=True)]
    own = [slice(s.start - int(at), s.stop - int(at)) for s, at in zip(shown, corner, strict=True)]
    return Place(tuple(shown), tuple(own))


def onto(
    mask: Bool[np.ndarray, "h w"],
    frame: tuple[int, int],
    rng: np.random.Generator,
    at: Int[np.ndarray, "2"] | None = None,
) -> Bool[np.ndarray, "H W"]:
    """A frame of so many rows and columns with ``mask`` `laid` on it."""
    place, whole = laid(mask, frame, rng, at), np.zeros(frame, bool)
    whole[place.frame] = mask[place.shape]
    return whole


def snapped(
    mask: Bool[np.ndarray, "H W"], segments: UInt8[np.ndarray, "H W"]
) -> Bool[np.ndarray, "H W"]:
    """The largest piece of the segments that lie in ``mask`` by more than half, or ``mask`` itself.

    It stays ``mask`` where that piece has less than half or more than twice its pixels. Segment 0
    is what belongs to nothing; corners of segments are rounded off.
    """
    inside = np.bincount(segments[mask], minlength=256)
    chosen = 2 * inside > np.bincount(segments.ravel(), minlength=256)
    chosen[0] = False
    rounded = cv2.blur(chosen[segments].view(np.uint8) * np.uint8(255), (ROUNDED_PX, ROUNDED_PX))
    union = largest(rounded > 127)
    return union if 0.5 <= np.count_nonzero(union) / max(1, np.count_nonzero(mask)) <= 2 else mask
