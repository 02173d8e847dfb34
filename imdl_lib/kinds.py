"""What can be done to a photo: one function a kind, each sample from its own generators.

A sample is a function of the recipe and its index alone. The host comes first, and the last step
(scaled, JPEG) has a generator of its own: so the pristine sample of an index is the same scene
unforged, and no history betrays the label.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from . import manipulations, pastes, photos, shapes
from .inpainting import INPAINTERS
from .recipes import Forged, Recipe, Regions
from .scenes import Draw

COPIES_TONED = 0.3  # share of copies whose light and colour are brought towards their new place's
COPY_SCALES = (0.5, 1.0, 2.0)  # of several copies, before each is moved like any other
GAP_PX = 2  # between two regions
LAST_SCALES = (0.8, 1.5)  # what is scaled to a sample is so many times its size
LARGEST_PX = 320  # of a scene that is larger than its sample: most photos hold it
LAST_INTERPOLATIONS = ("area", "cubic", "lanczos4", "linear")


def pristine(draw: Draw) -> Forged:
    """An untouched scene."""
    host = draw.host()
    return Forged(host.image, np.zeros_like(host.segments), host.photo)


def splice(draw: Draw) -> Forged:
    """A piece of one photo pasted into another, its tone brought towards the host's."""
    host, move = draw.host(), pastes.move(draw.rng)
    at = shapes.spot(host.segments.shape, draw.rng)
    piece = draw.donor(host, move, at)
    place = shapes.laid(piece.mask, host.segments.shape, draw.rng, at)
    image = pastes.paste(host.image, piece, place, pastes.TONED, draw.rng)
    return Forged(image, _regions(piece, place, host.segments), host.photo)


def copy_move(draw: Draw) -> Forged:
    """A piece of the scene pasted elsewhere in it; the source stays unmarked."""
    return _copied(draw)[0]


def copy_and_source(draw: Draw) -> Forged:
    """A copy-move whose region 1 is the copy and region 2 what is left to be seen of its source."""
    made, source = _copied(draw)
    return replace(made, regions=np.where(source & (made.regions == 0), np.uint8(2), made.regions))


def several_copies(draw: Draw) -> Forged:
    """One object pasted three times into its own photo, at three scales (PSCC-Net, fig. 11).

    Regions are numbered from the smallest copy up; what is pasted later covers what lies there.
    """
    host = draw.host()
    source, image, regions = draw.source(host), host.image, np.zeros_like(host.segments)
    for number, scale in sorted(enumerate(COPY_SCALES, start=1), reverse=True):
        move = pastes.move(draw.rng).times(scale)
        piece = move.of(pastes.cut(host.image, source))
        place = shapes.laid(piece.mask, regions.shape, draw.rng)
        image = pastes.paste(image, piece, place, COPIES_TONED, draw.rng)
        regions[place.frame][piece.mask[place.shape]] = number
    return Forged(image, regions, host.photo)


def _copied(draw: Draw) -> tuple[Forged, np.ndarray]:
    host, move = draw.host(), pastes.move(draw.rng)
    copy = draw.copy(host, move)
    image = pastes.paste(host.image, copy.piece, copy.place, COPIES_TONED, draw.rng)
    regions = _regions(copy.piece, copy.place, host.segments)
    return Forged(image, regions, host.photo), copy.source


def _regions(piece: pastes.Piece, place: shapes.Place, segments: Regions) -> Regions:
    regions = np.zeros_like(segments)
    regions[place.frame] = piece.mask[place.shape]
    return regions


def removal(draw: Draw) -> Forged:
    """A region filled in from its surroundings."""
    host = draw.host()
    mask = draw.region(host)
    method = draw.recipe.inpainters[int(draw.rng.integers(len(draw.recipe.inpainters)))]
    filled = INPAINTERS[method](host.image, mask, draw.rng)
    return Forged(filled, mask.astype(np.uint8), host.photo)


def enhancement(draw: Draw) -> Forged:
    r"""A region altered by one of the 385 operations: :math:`Z = P(1-M) + y(P)M` (sec. 2.3)."""
    host = draw.host()
    mask, leaf = draw.region(host), draw.leaf()
    altered = manipulations.manipulate(host.image, leaf, draw.rng)
    image = np.where(mask[..., None], altered, host.image)
    return Forged(image, mask.astype(np.uint8), host.photo, leaf)


def two_regions(draw: Draw) -> Forged:
    """A region in each half altered by operations of two families (sec. 4.1, fig. 6c)."""
    host, size, (low, high) = draw.host(), draw.size_px, draw.recipe.area
    image, regions = host.image, np.zeros((size, size), np.uint8)
    halves = np.s_[:, : (size - GAP_PX) // 2], np.s_[:, (size + GAP_PX + 1) // 2 :]
    families = draw.rng.choice(manipulations.CLASSES[0], 2, replace=False)
    for number, (family, half) in enumerate(zip(families, halves, strict=True), start=1):
        area = draw.rng.uniform(max(low, 0.04), min(high, 0.1)) * size**2
        frame = regions[half].shape
        regions[half][shapes.onto(shapes.blob(area, draw.rng), frame, draw.rng)] = number
        leaves = np.flatnonzero(manipulations.HIERARCHY[0] == family)
        altered = manipulations.manipulate(host.image, int(draw.rng.choice(leaves)), draw.rng)
        image = np.where((regions == number)[..., None], altered, image)
    return Forged(image, regions, host.photo)


def compound(draw: Draw) -> Forged:
    """A splice that was then altered and whose border was smoothed: a chain of edits."""
    spliced = splice(draw)
    mask = spliced.regions > 0
    altered = manipulations.manipulate(spliced.image, draw.leaf(), draw.rng)
    image = np.where(mask[..., None], altered, spliced.image)
    return replace(spliced, image=manipulations.blur_edges(image, mask, kernel_px=3))


def operation(draw: Draw) -> Forged:
    """A whole patch altered by one operation, then cropped to half its side (sec. 2.3)."""
    size, leaf = draw.size_px, draw.leaf()
    patch, photo = draw.patch(2 * size)
    altered = manipulations.manipulate(patch, leaf, draw.rng)
    top, left = draw.rng.integers(size + 1, size=2).tolist()
    image = altered[top : top + size, left : left + size]
    return Forged(image, np.zeros((size, size), np.uint8), photo, leaf)


def camera(draw: Draw) -> Forged:
    """A whole scene as one of ten virtual cameras takes it."""
    host = replace(draw, recipe=replace(draw.recipe, cameras=True)).host()
    return Forged(host.image, np.zeros_like(host.segments), host.photo, host.history.camera)


KINDS: dict[str, Callable[[Draw], Forged]] = {
    "pristine": pristine,
    "splice": splice,
    "copy_move": copy_move,
    "copy_and_source": copy_and_source,
    "several_copies": several_copies,
    "removal": removal,
    "enhancement": enhancement,
    "two_regions": two_regions,
    "compound": compound,
    "operation": operation,
    "camera": camera,
}
WHOLE = ("operation", "camera")  # what was done to the whole patch is to be told: never scaled


def make(recipe: Recipe, index: int, pack: photos.PhotoPack) -> Forged:
    """Sample ``index`` of a set, last step included."""
    kind = recipe.kinds[index % len(recipe.kinds)]
    last = _last_step(recipe, index)
    if kind in WHOLE:
        last = replace(last, scene_px=recipe.size_px)
    draw = Draw(recipe, pack, np.random.default_rng([recipe.seed, index]), last.scene_px)
    return last.of(KINDS[kind](draw), recipe.size_px)


@dataclass(frozen=True)
class LastStep:
    """What is done to the whole image at the end: scaled from ``scene_px``, compressed."""

    scene_px: int
    interpolation: str
    quality: int | None

    def of(self, sample: Forged, size_px: int) -> Forged:
        """The sample after it."""
        image, regions = sample.image, sample.regions
        if self.scene_px != size_px:
            flag = manipulations.INTERPOLATIONS[self.interpolation]
            image = cv2.resize(image, (size_px, size_px), interpolation=flag)
            nearest = cv2.INTER_NEAREST_EXACT
            regions = cv2.resize(regions, (size_px, size_px), interpolation=nearest)
        if self.quality is not None:
            image = manipulations.jpeg(image, self.quality)
        return replace(sample, image=image, regions=regions)


def _last_step(recipe: Recipe, index: int) -> LastStep:
    """Drawn by the recipe and the index alone, whatever the kind."""
    rng = np.random.default_rng([recipe.seed, index, 1])
    scaled, compressed = rng.random(2) < (recipe.scaled_share, recipe.jpeg_share)
    size_px, factor = recipe.size_px, rng.uniform(*LAST_SCALES)
    scene_px = min(round(size_px * factor), max(size_px, LARGEST_PX)) if scaled else size_px
    name = LAST_INTERPOLATIONS[int(rng.integers(len(LAST_INTERPOLATIONS)))]
    low, high = recipe.jpeg_quality or (100, 100)
    quality = int(rng.integers(low, high + 1))
    return LastStep(scene_px, name, quality if compressed and recipe.jpeg_quality else None)
