"""What can be done to a photo: one function a kind, each sample from its own generator.

A sample is a function of the recipe and its index alone. Authentic and forged samples of a set
share the recipe's last step (JPEG quality, cameras), so that no file history betrays the label.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from . import cameras, manipulations, photos, shapes

VERSION = 2  # raised when a change below alters what a recipe forges

COPY_SCALES = (0.5, 1.0, 2.0)  # of several copies, before each is pasted at .7 to 1.4 times that

Image = UInt8[np.ndarray, "S S 3"]
Regions = UInt8[np.ndarray, "S S"]  # 0 = pristine, 1, 2 … = the manipulated regions
Mask = Bool[np.ndarray, "S S"]


def versions() -> list[int]:
    """The versions of all that decides what a recipe forges."""
    return [VERSION, manipulations.VERSION, cameras.VERSION]


@dataclass(frozen=True)
class Recipe:
    """All that decides the samples of a set."""

    kinds: tuple[str, ...]  # sample i is of kind ``kinds[i % len(kinds)]``
    sources: tuple[str, ...]  # names in ``photos.SOURCES``
    part: str  # train, valid or test: 8:1:1 by photo
    count: int
    size_px: int
    seed: int = 0
    jpeg_quality: tuple[int, int] | None = None  # last step, drawn alike for every kind
    cameras: bool = False  # host and donor are taken by two virtual cameras
    area: tuple[float, float] = (0.03, 0.3)  # share of the image that a region covers
    inpainters: tuple[str, ...] = ("telea", "navier_stokes")
    leaves: tuple[int, ...] = ()  # operations drawn from; empty = all 385
    scene_px: int | None = None  # side that a scene has before it is shrunk to size_px, then forged

    @property
    def key(self) -> str:
        """Hash that names the set in the cache."""
        decides = asdict(self)
        if self.scene_px is None:  # older keys stay valid
            del decides["scene_px"]
        text = json.dumps([versions(), decides], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Forged:
    """One sample; ``target`` is the operation's leaf or the camera's number, -1 where neither."""

    image: Image
    regions: Regions
    target: int = -1


class Scene(NamedTuple):
    """A patch of a photo and the numbers of what belongs together in it, where they are known."""

    image: Image
    segments: Regions | None = None


@dataclass(frozen=True)
class Draw:
    """What one sample is made from; every random choice comes from ``rng``."""

    recipe: Recipe
    pack: photos.PhotoPack = field(repr=False)
    rng: np.random.Generator = field(repr=False)

    def patch(self, size_px: int) -> Scene:
        """A textured patch of a random photo that is large enough."""
        whole_px = size_px * (self.recipe.scene_px or self.recipe.size_px) // self.recipe.size_px
        fitting = _fitting(self.pack, whole_px)
        number = int(fitting[int(self.rng.integers(len(fitting)))])
        image, place = photos.patch(self.pack[number], whole_px, self.rng)
        scene = Scene(image, self.pack.segments(number)[place])
        return scene if whole_px == size_px else _shrunk(scene, size_px)

    def pair(self) -> tuple[Scene, Scene]:
        """Patches of two photos, each taken by its own camera where the recipe says so."""
        size = self.recipe.size_px
        if not self.recipe.cameras:
            return self.patch(size), self.patch(size)
        first, second = self.rng.choice(len(cameras.CAMERAS), 2, replace=False)
        return Scene(self.shot(int(first))), Scene(self.shot(int(second)))

    def shot(self, camera: int) -> Image:
        """A patch as one virtual camera takes it."""
        size = self.recipe.size_px
        taken = cameras.shoot(self.patch(2 * size).image, cameras.CAMERAS[camera], self.rng)
        top, left = ((np.array(taken.shape[:2]) - size) // 2).tolist()
        return taken[top : top + size, left : left + size]

    def object(self, scene: Scene) -> Mask:
        """A blob over a share of the scene in the recipe's range; half of them follow objects."""
        mask = shapes.blob(self.recipe.size_px, self.rng.uniform(*self.recipe.area), self.rng)
        follow = self.rng.random() < 0.5 and scene.segments is not None
        return shapes.snapped(mask, scene.segments) if follow else mask

    def region(self, scene: Scene) -> Mask:
        """Three times of four as `object`, else a bundle of strokes."""
        if self.rng.random() < 0.75:
            return self.object(scene)
        return shapes.strokes(self.recipe.size_px, self.rng.uniform(*self.recipe.area), self.rng)

    def leaf(self) -> int:
        """An operation, drawn uniformly."""
        leaves = self.recipe.leaves or range(len(manipulations.OPERATIONS))
        return int(leaves[int(self.rng.integers(len(leaves)))])


def pristine(draw: Draw) -> Forged:
    """An untouched patch."""
    image = draw.pair()[0].image
    return Forged(image, np.zeros(image.shape[:2], np.uint8))


def splice(draw: Draw) -> Forged:
    """A region of one photo, scaled, turned, shifted and relit, pasted into another."""
    host, donor = draw.pair()
    return paste(host.image, donor.image, draw.object(donor), draw.rng)


def copy_move(draw: Draw) -> Forged:
    """A region of the photo pasted elsewhere in the same photo; the source stays unmarked."""
    host = draw.pair()[0]
    return paste(host.image, host.image, draw.object(host), draw.rng)


def copy_and_source(draw: Draw) -> Forged:
    """A copy-move whose region 1 is the copy and region 2 what is left to be seen of its source."""
    host = draw.pair()[0]
    mask = draw.object(host)
    made = paste(host.image, host.image, mask, draw.rng)
    regions = np.where(mask & (made.regions == 0), np.uint8(2), made.regions)
    return Forged(made.image, regions)


def several_copies(draw: Draw) -> Forged:
    """One object pasted three times into its own photo, at three scales (PSCC-Net, fig. 11).

    Regions are numbered from the smallest copy up; what is pasted later covers what lies there.
    """
    host = draw.pair()[0]
    mask, image = draw.object(host), host.image
    regions = np.zeros(mask.shape, np.uint8)
    for number, scale in sorted(enumerate(COPY_SCALES, start=1), reverse=True):
        made = paste(image, *_scaled(host.image, mask, scale), draw.rng)
        image, regions = made.image, np.where(made.regions > 0, np.uint8(number), regions)
    return Forged(image, regions)


def _scaled(image: Image, mask: Mask, scale: float) -> tuple[Image, Mask]:
    """A photo and its mask, scaled about the mask's centre."""
    centre, size = np.argwhere(mask).mean(0)[::-1], mask.shape[::-1]
    matrix = cv2.getRotationMatrix2D(centre.tolist(), 0, scale)
    region = cv2.warpAffine(mask * np.uint8(255), matrix, size) > 127
    region[tuple(centre[::-1].astype(int))] = True  # a sliver that became thinner than a pixel
    return cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REFLECT), region


def removal(draw: Draw) -> Forged:
    """A region filled in from its surroundings."""
    host = draw.pair()[0]
    mask = draw.region(host)
    method = str(draw.rng.choice(draw.recipe.inpainters))
    return Forged(INPAINTERS[method](host.image, mask, draw.rng), mask.astype(np.uint8))


def enhancement(draw: Draw) -> Forged:
    r"""A region altered by one of the 385 operations: :math:`Z = P(1-M) + y(P)M` (sec. 2.3)."""
    host = draw.pair()[0]
    mask, leaf = draw.region(host), draw.leaf()
    altered = manipulations.manipulate(host.image, leaf, draw.rng)
    return Forged(np.where(mask[..., None], altered, host.image), mask.astype(np.uint8), leaf)


def two_regions(draw: Draw) -> Forged:
    """Two disjoint regions altered by operations of two families (sec. 4.1, fig. 6c)."""
    host, size, (low, high) = draw.pair()[0].image, draw.recipe.size_px, draw.recipe.area
    image, regions = host, np.zeros((size, size), np.uint8)
    families = draw.rng.choice(manipulations.CLASSES[0], 2, replace=False)
    for number, (family, side) in enumerate(zip(families, (0, 1), strict=True), start=1):
        area = draw.rng.uniform(max(low, 0.04), min(high, 0.1))
        mask = shapes.blob_in_half(size, side, area, draw.rng)
        leaves = np.flatnonzero(manipulations.HIERARCHY[0] == family)
        altered = manipulations.manipulate(host, int(draw.rng.choice(leaves)), draw.rng)
        image = np.where(mask[..., None], altered, image)
        regions[mask] = number
    return Forged(image, regions)


def compound(draw: Draw) -> Forged:
    """A splice that was then altered and whose border was smoothed: a chain of edits."""
    spliced = splice(draw)
    mask = spliced.regions > 0
    altered = manipulations.manipulate(spliced.image, draw.leaf(), draw.rng)
    image = np.where(mask[..., None], altered, spliced.image)
    return Forged(manipulations.blur_edges(image, mask, kernel_px=3), spliced.regions)


def operation(draw: Draw) -> Forged:
    """A whole patch altered by one operation, then cropped to half its side (sec. 2.3)."""
    size, leaf = draw.recipe.size_px, draw.leaf()
    altered = manipulations.manipulate(draw.patch(2 * size).image, leaf, draw.rng)
    top, left = draw.rng.integers(size + 1, size=2).tolist()
    image = altered[top : top + size, left : left + size]
    return Forged(image, np.zeros((size, size), np.uint8), leaf)


def camera(draw: Draw) -> Forged:
    """A whole patch as one of ten virtual cameras takes it."""
    number = int(draw.rng.integers(len(cameras.CAMERAS)))
    image = draw.shot(number)
    return Forged(image, np.zeros(image.shape[:2], np.uint8), number)


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


def paste(host: Image, donor: Image, mask: Mask, rng: np.random.Generator) -> Forged:
    """``donor`` under ``mask``, moved by a random similarity and relit, over ``host``.

    Scale in [0.7, 1.4], rotation in ±30°, luminance in [0.85, 1.15], edges hard or up to 5 px
    soft. Within one photo the region moves by at least a fifth of the side, or it would lie on
    itself.
    """
    size = len(host)
    centre = np.argwhere(mask).mean(0)[::-1]
    target = rng.uniform(0.2, 0.8, 2) * size
    while donor is host and np.abs(target - centre).max() < size / 5:
        target = rng.uniform(0.2, 0.8, 2) * size
    matrix = cv2.getRotationMatrix2D(centre.tolist(), rng.uniform(-30, 30), rng.uniform(0.7, 1.4))
    matrix[:, 2] += target - centre
    moved = (cv2.warpAffine(mask * np.uint8(255), matrix, (size, size)) > 127).astype(np.uint8)
    light = rng.uniform(0.85, 1.15)
    lit = cv2.convertScaleAbs(donor, alpha=light)
    paint = cv2.warpAffine(lit, matrix, (size, size), borderMode=cv2.BORDER_REFLECT)
    soft = int(rng.choice([0, 3, 5]))
    if soft:
        alpha = cv2.GaussianBlur(moved.astype(np.float32), (soft, soft), 0)[..., None]
        image = (host + alpha * (paint.astype(np.float32) - host)).round().astype(np.uint8)
    else:
        image = np.where(moved[..., None] > 0, paint, host)
    return Forged(image, moved)


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


def make(recipe: Recipe, index: int, pack: photos.PhotoPack) -> Forged:
    """Sample ``index`` of a set, last step included."""
    draw = Draw(recipe, pack, np.random.default_rng([recipe.seed, index]))
    sample = KINDS[recipe.kinds[index % len(recipe.kinds)]](draw)
    if recipe.jpeg_quality is None:
        return sample
    low, high = recipe.jpeg_quality
    quality = int(draw.rng.integers(low, high + 1))
    return Forged(manipulations.jpeg(sample.image, quality), sample.regions, sample.target)


def _shrunk(scene: Scene, size_px: int) -> Scene:
    """A scene at a smaller size; what belongs together keeps its number."""
    size = (size_px, size_px)
    segments = cv2.resize(scene.segments, size, interpolation=cv2.INTER_NEAREST)
    return Scene(cv2.resize(scene.image, size, interpolation=cv2.INTER_AREA), segments)


@cache
def _fitting(pack: photos.PhotoPack, size_px: int) -> np.ndarray:
    """Numbers of the photos that hold a patch of a size; all, where none does, to say so."""
    fitting = [i for i, photo in enumerate(pack) if min(photo.shape[:2]) >= size_px]
    return np.array(fitting or range(len(pack)))
