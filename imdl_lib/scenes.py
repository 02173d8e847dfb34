"""What a sample is made from: a host, pieces of other photos or of the same, regions to alter."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Int, UInt8

from . import cameras, histories, manipulations, objects, pastes, photos, shapes
from .histories import History
from .pastes import Box, Move, Piece
from .recipes import Image, Mask, Recipe, Regions

OUTLINED = 0.65  # share of regions that are a whole object, where a person outlined some
SNAPPED = 0.7  # share of the others that are unions of superpixels; the rest are blobs
STROKES = 0.2  # share of altered regions that are bundles of strokes
TEXTURED = (
    0.3  # share of pasted pieces that shall have more texture than their host; seams add some
)
DONOR_TRIES, COPY_TRIES = 6, 8
SIZE_SLACK = 1.3  # an object may be so much smaller or larger than asked
DONOR_PX = 40_000  # of a photo that a piece is scaled down from at most, where it is
MOST_OVERLAP = 0.1  # of a copy with its source
COPY_SPILL = -0.032  # copies keep clear of their sources, which drives them outwards
LEAST_CHANGE = 4.0  # levels of 255 that a copy changes on average; less cannot be seen
BLENDING = 0.7  # share of donated pieces that shall have the colours of the place
NEAR_LEVELS, MISFIT_LEVELS = 25.0, 60.0  # a distance that is enough; what a wrong texture counts
MISFIT = 0.3  # what a wrong texture counts, in overlap

Part = Bool[np.ndarray, "h w"]  # of a photo


class Scene(NamedTuple):
    """A square of a photo after a history, and numbers of what belongs together in it."""

    image: Image
    segments: Regions
    photo: int  # its number in the pack
    history: History
    whole: tuple[Image, Regions]  # image and segments before they were shrunk, where they were


class Found(NamedTuple):
    """A rectangle of a photo, which of its pixels are wanted, and the history it shall have."""

    photo: int
    box: Box
    mask: Part
    history: History


class Copy(NamedTuple):
    """A piece of a scene, where it is to lie in the scene, and where it was."""

    piece: Piece
    place: shapes.Place
    source: Mask


@dataclass(frozen=True)
class Draw:
    """The draws of one sample; every random choice but the last step comes from ``rng``."""

    recipe: Recipe
    pack: photos.PhotoPack = field(repr=False)
    rng: np.random.Generator = field(repr=False)
    size_px: int  # of the scene; the last step may scale it to the recipe's

    @property
    def shrinking(self) -> float:
        """How many times larger a scene is before it is shrunk and forged."""
        return (self.recipe.scene_px or self.recipe.size_px) / self.recipe.size_px

    def host(self) -> Scene:
        """A textured square of a random photo; always the first thing drawn."""
        size = round(self.size_px * self.shrinking)
        camera = int(self.rng.integers(len(cameras.CAMERAS))) if self.recipe.cameras else None
        taken = History(camera=camera)
        fitting = _fitting(self.pack, taken.side(size))
        number = int(fitting[int(self.rng.integers(len(fitting)))])
        photo = self.pack[number]
        if camera is None:
            taken = histories.drawn(size, min(photo.shape[:2]), self.rng)
        square, place = photos.patch(photo, taken.side(size), self.rng)
        image = taken.of(square, self.rng)
        segments = _resized(self.pack.segments(number)[place], image.shape)
        window = tuple(slice(at, at + size) for at in taken.cut)
        whole = np.ascontiguousarray(image[window]), segments[window]
        image, shown = (_resized(values, (self.size_px, self.size_px)) for values in whole)
        return Scene(image, shown, number, taken, whole)

    def patch(self, size_px: int) -> tuple[Image, int]:
        """A textured square of a random photo as it is, and the photo's number."""
        fitting = _fitting(self.pack, size_px)
        number = int(fitting[int(self.rng.integers(len(fitting)))])
        return photos.patch(self.pack[number], size_px, self.rng)[0], number

    def leaf(self) -> int:
        """An operation, drawn uniformly."""
        leaves = self.recipe.leaves or range(len(manipulations.OPERATIONS))
        return int(leaves[int(self.rng.integers(len(leaves)))])

    def area_px(self) -> float:
        """Pixels of a whole region."""
        return float(self.rng.uniform(*self.recipe.area)) * self.size_px**2

    def donor(self, host: Scene, move: Move, at: Int[np.ndarray, "2"]) -> Piece:
        """A piece of another photo, moved, that shall lie about a pixel of the host.

        It has more texture than the host or less, at random, and mostly the colours of the place.
        """
        wanted, blends = self.rng.random(2) < (TEXTURED, BLENDING)
        level, colour = pastes.mean(pastes.texture(host.whole[0]))[0], self._colour_about(host, at)
        best: tuple[float, Found | None] = (np.inf, None)
        for _ in range(DONOR_TRIES):
            found = self._found(host, self.area_px() / move.scale**2)
            image = self.pack[found.photo][found.box]
            apart = np.abs(pastes.mean(image, found.mask) - colour).mean() if blends else 0.0
            if apart < best[0]:
                texture = pastes.mean(pastes.texture(image), found.mask)[0]
                cost = apart + ((texture > level) != wanted) * MISFIT_LEVELS
                best = min(best, (cost, found), key=lambda one: one[0])
            if best[0] < NEAR_LEVELS:
                break
        return move.of(self._piece(best[1]))

    def _colour_about(self, host: Scene, at: np.ndarray) -> np.ndarray:
        """Mean colour of a square about a pixel, of a third of the side."""
        low = np.maximum(0, at - self.size_px // 6)
        rows, columns = (slice(start, start + self.size_px // 3) for start in low.tolist())
        return pastes.mean(host.image[rows, columns])

    def _found(self, host: Scene, area_px: float) -> Found:
        """What gives about so many pixels once it is scaled, or taken by another camera."""
        camera, area_px = host.history.camera, area_px * self.shrinking**2
        if camera is None:
            taken = History(histories.scale(np.sqrt(DONOR_PX / area_px), self.rng))
        else:
            other = camera + 1 + int(self.rng.integers(len(cameras.CAMERAS) - 1))
            taken = History(scale=2.0, camera=other % len(cameras.CAMERAS))
        return Found(*self._object(host.photo, area_px * taken.scale**2), taken)

    def _piece(self, found: Found) -> Piece:
        """What was found, after its history; JPEG files are drawn here."""
        taken = found.history
        if taken.camera is None:
            taken = replace(taken, quality=histories.compression(self.rng)[0])
        image = taken.of(self.pack[found.photo][found.box], self.rng)
        size = [max(1, round(side / self.shrinking)) for side in image.shape[:2]]
        mask = _resized(found.mask.view(np.uint8), size).view(bool)
        return Piece(_resized(image, size), mask)

    def _object(self, host: int, area_px: float) -> tuple[int, Box, Part]:
        """A photo that is not the host, a rectangle of it, and a mask of about so many pixels."""
        slack, least = SIZE_SLACK, cameras.HALVE_FROM_PX if self.recipe.cameras else 0
        if self.rng.random() < OUTLINED:
            thing = objects.near(self.pack, area_px / slack, area_px * slack, self.rng)
            if thing is not None and thing.photo != host:
                segments = self.pack.segments(thing.photo)
                box = pastes.grown(thing.box, segments.shape, least)
                return thing.photo, box, segments[box] == thing.segment
        number = (host + 1 + int(self.rng.integers(max(1, len(self.pack) - 1)))) % len(self.pack)
        segments, shape = self.pack.segments(number), shapes.blob(area_px, self.rng)
        room = np.maximum(0, np.array(segments.shape) - shape.shape)
        place = shapes.placed(shape.shape, self.rng.integers(room + 1), segments.shape)
        box = pastes.grown(place.frame, segments.shape, least)
        mask = np.zeros(segments[box].shape, bool)
        inner = place.frame[0].start - box[0].start, place.frame[1].start - box[1].start
        shown = shape[place.shape]
        mask[inner[0] :, inner[1] :][: len(shown), : shown.shape[1]] = shown
        return number, box, self._snapped(mask, segments[box], number)

    def _snapped(self, mask: Part, segments: UInt8[np.ndarray, "h w"], photo: int) -> Part:
        """A blob drawn out to superpixels, most of the time, where a photo has them."""
        wanted = self.rng.random() < SNAPPED and not objects.is_human(self.pack, photo)
        return shapes.snapped(mask, segments) if wanted else mask

    def copy(self, host: Scene, move: Move) -> Copy:
        """A piece of the host itself, moved; its source is in the host, beside it.

        What may be drawn again is the source; the pixel about which the copy lies is not.
        """
        frame, wanted = host.segments.shape, self.rng.random() < TEXTURED
        at = shapes.spot(frame, self.rng, COPY_SPILL)
        texture = cv2.resize(pastes.texture(host.whole[0]), frame, interpolation=cv2.INTER_AREA)
        best: tuple[float, Copy | None] = (np.inf, None)
        for _ in range(COPY_TRIES):
            source = self.source(host, 1 / move.scale**2)
            piece = move.of(pastes.cut(host.image, source))
            place = shapes.laid(piece.mask, frame, self.rng, at)
            shown = piece.mask[place.shape]
            overlap = pastes.mean(source[place.frame].view(np.uint8), shown)[0]
            changed = cv2.absdiff(piece.image[place.shape], host.image[place.frame])
            change = pastes.mean(changed, shown).mean()
            fits = (pastes.mean(texture, source) > pastes.mean(texture))[0] == wanted
            cost = max(0.0, overlap - MOST_OVERLAP) + (not fits) * MISFIT + (change < LEAST_CHANGE)
            best = min(best, (cost, Copy(piece, place, source)), key=lambda one: one[0])
            if not cost:
                break
        return best[1]

    def source(self, host: Scene, share: float = 1.0) -> Mask:
        """An object of the scene, or a blob in it, of a share of what a region covers."""
        segments, area_px = host.whole[1], self.area_px() * share * self.shrinking**2
        mask = self._source(host.photo, segments, area_px)
        return _resized(mask.view(np.uint8), host.segments.shape).view(bool)

    def _source(self, photo: int, segments: Regions, area_px: float) -> Mask:
        slack = SIZE_SLACK**2
        if self.rng.random() < OUTLINED and objects.is_human(self.pack, photo):
            whole = objects.inside(segments, area_px / slack, area_px * slack)
            if len(whole):
                return segments == whole[int(self.rng.integers(len(whole)))]
        mask, shape = np.zeros(segments.shape, bool), shapes.blob(area_px, self.rng)
        room = np.maximum(0, np.array(segments.shape) - shape.shape)
        place = shapes.placed(shape.shape, self.rng.integers(room + 1), segments.shape)
        mask[place.frame] = shape[place.shape]
        return self._snapped(mask, segments, photo)

    def region(self, host: Scene) -> Mask:
        """A region of the host to alter, about a random pixel of it; where large, all the rest."""
        frame, area = host.segments.shape, self.area_px()
        if area > self.size_px**2 / 2:
            rest = shapes.onto(shapes.blob(self.size_px**2 - area, self.rng), frame, self.rng)
            return ~self._snapped(rest, host.segments, host.photo)
        if self.rng.random() < STROKES:
            return shapes.onto(shapes.strokes(area, self.rng), frame, self.rng)
        at = shapes.spot(frame, self.rng)
        blob = shapes.onto(shapes.blob(area, self.rng), frame, self.rng, at)
        if not objects.is_human(self.pack, host.photo):
            return self._snapped(blob, host.segments, host.photo)
        return self._within(blob, host.segments == host.segments[tuple(at)])

    def _within(self, blob: Mask, segment: Mask) -> Mask:
        """An object where its size is what the recipe allows, or as much of it as a blob covers."""
        low, high = np.array(self.recipe.area) * self.size_px**2
        if self.rng.random() < OUTLINED:
            if low / SIZE_SLACK <= np.count_nonzero(segment) <= high:
                return segment
            part = blob & segment
            if np.count_nonzero(part) > np.count_nonzero(blob) / 2:
                return part
        return blob


def _resized(values: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """An image at so many rows and columns, averaged; or segments, by their nearest pixels."""
    if values.shape[:2] == tuple(shape[:2]):
        return values
    flag = cv2.INTER_AREA if values.ndim == 3 else cv2.INTER_NEAREST_EXACT
    return cv2.resize(values, shape[1::-1], interpolation=flag)


def _fitting(pack: photos.PhotoPack, size_px: int) -> np.ndarray:
    """Numbers of the photos that hold a patch of a size; all, where none does, to say so."""
    fitting = np.flatnonzero(_shorter_sides(pack) >= size_px)
    return fitting if len(fitting) else np.arange(len(pack))


@cache
def _shorter_sides(pack: photos.PhotoPack) -> np.ndarray:
    return np.array([min(shape[:2]) for shape in pack.shapes])
