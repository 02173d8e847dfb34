"""No unlisted photo is in a real test set; a copy of a photo would be found."""

import os

import cv2
import numpy as np
import pytest

from imdl_lib import checksums, datasets, images, leaks, photos

REAL_ROOT = os.environ.get("IMDL_DATA", "")


@pytest.fixture
def real_root(monkeypatch):
    monkeypatch.setenv("IMDL_DATA", REAL_ROOT)


def noise(height: int = 96, width: int = 144, seed: int = 0) -> np.ndarray:
    """A photo's grey values: noise that is stronger the slower it varies."""
    rng = np.random.default_rng(seed)
    layers = [
        cv2.resize(rng.standard_normal((n, n)), (width, height), interpolation=cv2.INTER_CUBIC) * s
        for n, s in ((3, 30), (6, 20), (12, 12), (24, 6))
    ]
    return (128 + sum(layers)).clip(0, 255).astype(np.uint8)


def test_listed_images_are_in_the_real_sets():
    ids = {f"bsds500/{path.split('/', 2)[2][:-4]}" for path in checksums.listed("bsds500")}
    for leak in leaks.listed():
        assert leak.photo in ids
        assert f"{leak.set}/{leak.image}" in leaks.real_hashes()
        assert leak.shows in {"whole", "host", "donor"}
        assert leak.shows == "donor" or float(leak.correlation) > 0.97
    assert len({(leak.photo, leak.image) for leak in leaks.listed()}) == len(leaks.listed())


def test_a_forgery_is_named_after_the_photo_it_shows():
    whole = {leak.photo: leak.image for leak in leaks.listed() if leak.shows == "whole"}
    assert whole.keys() == leaks.photo_ids()
    for leak in leaks.listed():
        part = whole[leak.photo].removeprefix("Au_").replace("_", "")
        assert leak.shows == "whole" or part in leak.image


def test_every_image_of_the_real_sets_has_a_hash():
    names = [name.split("/") for name in leaks.real_hashes()]
    assert [sum(name[0] == set for name in names) for set in leaks.SETS] == [1720, 200]
    assert all(len(text) == 2 * 18 for text in leaks.real_hashes().values())


def test_a_hash_is_the_signs_of_the_lowest_frequencies():
    wave = np.cos(np.pi * 3 * (np.arange(48) + 0.5) / 48)
    bits = leaks.hashed((128 + 100 * wave[:, None].repeat(48, 1)).round().astype(np.uint8))
    assert bits.shape == (leaks.BITS,) and bits[3 * leaks.SIDE - 1]  # 3 half waves down, 0 across
    photo = noise()
    assert (leaks.hashed(photo) != leaks.hashed(photo // 2 + 40)).sum() <= 4  # light changes little


def test_views_hold_the_photo_its_mirror_image_and_windows():
    photo = noise()
    seen = leaks.views(photo)
    assert seen.shape == (2 * (1 + 4 * leaks.STEPS**2), leaks.BITS)
    for wanted in (photo, photo[:, ::-1], photo[:89, :134], photo[-71:, -107:]):
        assert (seen == leaks.hashed(np.ascontiguousarray(wanted))).all(1).any()
    assert leaks.views(np.zeros((1, 1), np.uint8)).shape[1] == leaks.BITS


def test_a_cropped_mirrored_recompressed_copy_is_found():
    """Of windows that are no view's: 0.82 to 0.98 of the sides, anywhere, the aspect changed."""
    rng, distances = np.random.default_rng(0), []
    for seed in range(40):
        photo = noise(170, 256, seed)
        shape = np.array(photo.shape)
        size = (shape * rng.uniform(0.82, 0.98) * rng.uniform(0.98, 1.02, 2)).astype(int)
        top, left = (int(rng.integers(room + 1)) for room in shape - size)
        window = photo[top : top + size[0], left : left + size[1]]
        window = np.ascontiguousarray(window[:, ::-1] if seed % 2 else window)
        copy = cv2.imdecode(cv2.imencode(".jpg", window, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], 0)
        distances.append(int((leaks.views(photo) != leaks.hashed(copy)).sum(1).min()))
    assert max(distances) <= leaks.NEAR_BITS, distances
    others = [leaks.views(noise(seed=n)) != leaks.hashed(noise(seed=n + 1)) for n in range(20)]
    assert min(int(differing.sum(1).min()) for differing in others) > leaks.NEAR_BITS


def unlisted_are_far(source: str) -> None:
    for photo in photos.SOURCES[source]():
        if photo.id not in leaks.photo_ids():
            distance, name = leaks.nearest(photos.read(photo))
            assert distance > leaks.NEAR_BITS, f"{photo.id} resembles {name}: {distance} bits"


def test_no_packaged_photo_is_in_a_real_set():
    unlisted_are_far("packaged")


@pytest.mark.parametrize("source", ["bsds500", "coco128_seg", "imagenet_samples"])
def test_no_unlisted_photo_is_in_a_real_set(source, real_root):
    if not checksums.available(source):
        pytest.skip(f"needs {source}")
    unlisted_are_far(source)


def test_listed_photos_are_found_by_their_hashes(real_root):
    if not checksums.available("bsds500"):
        pytest.skip("needs bsds500")
    found = {photo.id: photo for photo in photos.SOURCES["bsds500"]()}
    for leak in leaks.listed():
        if leak.shows == "whole":
            distance, name = leaks.nearest(photos.read(found[leak.photo]))
            assert distance <= leaks.NEAR_BITS and name == f"{leak.set}/{leak.image}"


@pytest.mark.parametrize("name", leaks.SETS)
def test_hashes_are_of_the_real_images(name, real_root):
    """Decoders may differ by a bit or two."""
    if not datasets.available(name):
        pytest.skip(f"needs {name}")
    hashes = leaks.hashes_of(name)
    assert hashes.keys() == {n for n in leaks.real_hashes() if n.startswith(f"{name}/")}
    for image, text in hashes.items():
        assert (int(text, 16) ^ int(leaks.real_hashes()[image], 16)).bit_count() <= 4, image


def test_grey_keeps_the_shape_of_a_photo():
    image = np.zeros((30, 60, 3), np.uint8)
    image[..., 1] = 255
    assert leaks.grey(image).shape == (128, 256)
    assert set(np.unique(leaks.grey(image))) == {150}  # 0.587 of 255
    assert leaks.grey(images.read(photos.packaged()[0].path)).max() > 0
