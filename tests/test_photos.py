"""Sources, the split, packs, patches and segmentations of pristine photos."""

import errno
import hashlib
import multiprocessing
import os
import pickle
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from imdl_lib import checksums, images, photos
from imdl_lib.errors import DataError, RegistryError
from imdl_lib.photos import Photo


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("IMDL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def noise(tmp_path) -> tuple[Photo, ...]:
    """Three photos of noise, 40x30, 60x30 and 20x90 px."""
    rng = np.random.default_rng(0)
    (tmp_path / "mine" / "inner").mkdir(parents=True)
    for name, size in {"a.png": (30, 40), "b.bmp": (30, 60), "inner/a.PNG": (90, 20)}.items():
        pixels = rng.integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "mine" / name)
    (tmp_path / "mine" / "notes.txt").write_text("no photo")
    return photos.folder(tmp_path / "mine")


def some(count: int, source: str = "s", group: int = 1) -> list[Photo]:
    """Photos in families of ``group``."""
    return [
        Photo(f"{source}/{n}", Path(f"{n}"), source, "CC0", f"{source}/{n // group}")
        for n in range(count)
    ]


def test_packaged_photos_can_all_be_read_and_are_large_colour_photos():
    for photo in photos.packaged():
        with Image.open(photo.path) as image:
            assert min(image.size) >= 300, photo.id
            small = np.asarray(image.convert("RGB").resize((64, 64))).astype(int)
        assert np.ptp(small, axis=2).mean() > 4, photo.id
        assert photo.licence, photo.id


def test_families_of_packaged_photos():
    families = Counter(photo.group for photo in photos.packaged())
    shared = {group: count for group, count in families.items() if count > 1}
    assert shared == {
        "packaged/campus": 25,
        "packaged/flowers": 9,
        "packaged/eiffel": 2,
        "packaged/rocks": 2,
        "packaged/walls": 2,
        "packaged/motorcycle": 2,
    }


@pytest.mark.parametrize("source", sorted(set(photos.SOURCES) - {"dresden"}))
def test_names_of_sources(source, monkeypatch, tmp_path):
    monkeypatch.setenv("IMDL_DATA", str(tmp_path))
    monkeypatch.setattr(checksums, "absent", lambda name: ())
    counts = {"packaged": 58, "bsds500": 500, "imagenet_samples": 350, "coco128_seg": 128}
    found = photos.SOURCES[source]()
    assert len({photo.id for photo in found}) == len(found) == counts[source]
    assert all(photo.id.startswith(f"{source}/") and photo.source == source for photo in found)


def test_ids_of_fetched_photos(monkeypatch, tmp_path):
    monkeypatch.setenv("IMDL_DATA", str(tmp_path))
    monkeypatch.setattr(checksums, "absent", lambda name: ())
    photo = {photo.id: photo for photo in photos.fetched("bsds500")}["bsds500/train/100075"]
    assert photo.path == tmp_path / "photos/bsds500/train/100075.jpg"
    assert photo.group == photo.id


def test_fetched_photos_that_are_not_here(monkeypatch, tmp_path):
    monkeypatch.setenv("IMDL_DATA", str(tmp_path))
    with pytest.raises(DataError) as caught:
        photos.fetched("bsds500")
    first = next(iter(checksums.listed("bsds500")))
    assert str(caught.value) == (
        f"1,000 of 1,000 files of `bsds500` are not here, the first {first}. "
        f"Expected them below {tmp_path}. Run `imdl data get bsds500`."
    )


def test_folder_takes_every_photo_below_it(noise):
    assert [photo.id for photo in noise] == ["mine/a.png", "mine/b.bmp", "mine/inner/a.PNG"]


def test_folder_takes_photos_of_linked_folders(tmp_path):
    for name in ("mine/x.jpg", "mine/._x.jpg", "other/y.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "mine/b").symlink_to("../other")
    found = photos.folder(tmp_path / "mine")
    assert [photo.id for photo in found] == ["mine/b/y.jpg", "mine/x.jpg"]


def test_folder_without_photos(tmp_path):
    with pytest.raises(DataError) as caught:
        photos.folder(tmp_path / "none")
    assert str(caught.value) == (
        f"The folder {tmp_path}/none holds no photos. Expected files that end with "
        ".bmp, .jpeg, .jpg, .png, .tif, .tiff, .webp, in it or below it. Check the path."
    )


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(500, (400, 50, 50)), (10, (8, 1, 1)), (3, (1, 1, 1)), (1, (1, 0, 0)), (0, (0, 0, 0))],
)
def test_split_is_8_1_1(count, sizes):
    assert tuple(len(photos.split(some(count), part)) for part in photos.PARTS) == sizes


def test_parts_share_nothing_and_lose_nothing():
    every = some(77, group=3) + some(40, "t")
    parts = [photos.split(every, part) for part in photos.PARTS]
    assert sorted(p.id for part in parts for p in part) == sorted(p.id for p in every)
    groups = [{photo.group for photo in part} for part in parts]
    assert not groups[0] & groups[1] and not groups[1] & groups[2] and not groups[0] & groups[2]


def test_split_depends_neither_on_order_nor_on_other_sources():
    every = some(50)
    chosen = {photo.id for photo in photos.split(every, "test")}
    mixed = some(33, "t") + every[::-1]
    assert {p.id for p in photos.split(mixed, "test") if p.source == "s"} == chosen
    by_hash = sorted(every, key=lambda photo: hashlib.sha256(photo.group.encode()).hexdigest())
    assert chosen <= {photo.id for photo in by_hash[-15:]}  # the training part takes the first 35


def test_the_packaged_test_photos_stay_what_the_stored_results_were_made_with():
    assert [photo.id for photo in photos.split(photos.packaged(), "test")] == [
        "packaged/mvtb/butterfly",
        "packaged/mvtb/road",
        "packaged/mvtb/roof",
        "packaged/skimage/chelsea",
        "packaged/sklearn/china",
        "packaged/sklearn/flower",
    ]


def test_unknown_part():
    with pytest.raises(RegistryError) as caught:
        photos.split(some(3), "val")
    assert str(caught.value) == "There is no part `val`. Expected one of train, valid, test."


def test_read_takes_a_photo_or_a_path(noise):
    assert np.array_equal(photos.read(noise[0]), photos.read(noise[0].path))


def test_pack_holds_the_pixels(noise, cache):
    packed = photos.pack(noise, progress=False)
    assert len(packed) == 3
    assert packed.ids == tuple(photo.id for photo in noise)
    for view, photo in zip(packed, noise, strict=True):
        assert np.array_equal(view, photos.read(photo))
        assert not view.flags.writeable
    assert np.array_equal(packed[-1], packed[2])
    with pytest.raises(IndexError):
        packed[3]


def test_pack_scales_larger_photos_down(noise):
    packed = photos.pack(noise, max_side_px=45, progress=False)
    assert [view.shape[:2] for view in packed] == [(30, 40), (22, 45), (45, 10)]
    assert abs(packed[1].mean() - photos.read(noise[1]).mean()) < 2


def stamps(cache: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (cache / "photos").glob("*.pack")}


def test_pack_is_made_once_and_anew_when_a_photo_changes(noise, cache):
    photos.pack(noise, progress=False)
    first = stamps(cache)
    photos.pack(noise, progress=False)
    assert stamps(cache) == first
    Image.new("RGB", (7, 7)).save(noise[0].path)
    assert photos.pack(noise, progress=False)[0].shape == (7, 7, 3)
    assert len(stamps(cache)) == 2


@pytest.mark.parametrize("fault", ["cut", "empty", "foreign", "shorter", "index"])
def test_a_damaged_pack_is_found_and_made_anew(noise, fault):
    path = photos.pack(noise, progress=False).path
    body = path.read_bytes()
    faults = {
        "cut": body[:-5],
        "empty": b"",
        "foreign": b"x" * len(body),
        "shorter": body[1:],
        "index": body[:-60] + b"x" + body[-59:],
    }
    path.write_bytes(faults[fault])
    with pytest.raises(DataError) as caught:
        photos.open_pack(path)
    assert str(caught.value) == (
        f"The photo pack {path} is missing or damaged. Expected a file that `photos.pack` wrote. "
        "Run the same command again; it is made anew."
    )
    assert np.array_equal(photos.pack(noise, progress=False)[1], photos.read(noise[1]))


def test_two_folders_of_one_name_have_a_pack_each(tmp_path):
    """Even where names, sizes and dates of their files agree."""
    packs = []
    for grey in (1, 2):
        file = tmp_path / str(grey) / "mine" / "a.bmp"
        file.parent.mkdir(parents=True)
        Image.new("RGB", (8, 8), (grey,) * 3).save(file)
        os.utime(file, (0, 0))
        packs.append(photos.pack(photos.folder(file.parent), progress=False))
    assert [int(packed[0].max()) for packed in packs] == [1, 2]


def test_an_interrupted_pack_leaves_nothing_behind(noise, cache):
    gone = replace(noise[1], path=noise[1].path.with_name("gone.png"))
    with pytest.raises(DataError, match=r"gone\.png does not exist"):
        photos.pack([noise[0], gone], progress=False)
    assert [path.suffix for path in (cache / "photos").iterdir()] == [".lock"]


def test_a_full_disk_while_packing(noise, monkeypatch, cache):
    def full(*_args) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(images, "at_most", full)
    with pytest.raises(DataError, match="was not written: the disk is full"):
        photos.pack(noise, progress=False)


def test_no_photos_to_pack():
    with pytest.raises(DataError) as caught:
        photos.pack([], progress=False)
    assert str(caught.value) == (
        "There are no photos to pack. Expected at least one. Choose another source or part."
    )


def test_pickled_a_pack_is_only_its_path(noise):
    packed = photos.pack(noise, progress=False)
    pickled = pickle.dumps(packed)
    assert len(pickled) < 500
    assert np.array_equal(pickle.loads(pickled)[1], packed[1])


def total(packed: photos.PhotoPack) -> int:
    return sum(int(view.sum()) for view in packed)


def test_workers_map_the_same_file(noise):
    packed = photos.pack(noise, progress=False)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(total, packed).result() == total(packed)


def test_patch_lies_inside_and_depends_on_the_seed(noise):
    photo = photos.read(noise[1])
    first, same, other = (photos.patch(photo, 16, np.random.default_rng(s))[0] for s in (1, 1, 2))
    assert first.shape == (16, 16, 3)
    assert np.array_equal(first, same) and not np.array_equal(first, other)
    windows = np.lib.stride_tricks.sliding_window_view(photo, (16, 16, 3)).reshape(-1, 16, 16, 3)
    assert (windows == first).all((1, 2, 3)).any()
    whole, _ = photos.patch(photo[:30, :30], 30, np.random.default_rng(0))
    assert np.array_equal(whole, photo[:30, :30])


def test_patch_rejects_plain_squares():
    photo = np.zeros((64, 256, 3), np.uint8)
    photo[:, 128:] = np.random.default_rng(0).integers(0, 2, (64, 128, 1), np.uint8) * 255
    rng = np.random.default_rng(0)
    deviations = [photos.intensity_deviation(photos.patch(photo, 32, rng)[0]) for _ in range(50)]
    assert min(deviations) >= photos.MIN_DEVIATION
    plain = [photo[:32, left : left + 32].std() < photos.MIN_DEVIATION for left in range(224)]
    assert np.mean(plain) > 0.4  # so 50 squares drawn blindly would hold plain ones


def test_patch_of_a_plain_photo_is_the_least_plain_that_was_drawn():
    photo = np.full((40, 40, 3), 90, np.uint8)
    photo[30:, 30:] = 120
    rng = np.random.default_rng(3)
    drawn = [photos.patch(photo, 16, rng)[0].max() for _ in range(20)]
    assert drawn.count(120) > 15  # a single draw meets the corner 28 times in 100


def test_photo_smaller_than_the_patch():
    with pytest.raises(DataError) as caught:
        photos.patch(np.zeros((30, 20, 3), np.uint8), 24, np.random.default_rng(0))
    assert str(caught.value) == (
        "A photo of 20x30 px is too small for a patch. Expected at least 24x24. "
        "Leave it out, or use a smaller patch."
    )


def test_one_pixel_photo_is_too_small_for_a_patch():
    with pytest.raises(DataError, match="A photo of 1x1 px is too small for a patch"):
        photos.patch(np.zeros((1, 1, 3), np.uint8), 64, np.random.default_rng(0))


def test_intensity_deviation_is_numpy_s():
    grey = np.random.default_rng(0).integers(0, 256, (50, 50), np.uint8)
    rgb = np.repeat(grey[..., None], 3, axis=2)
    assert photos.intensity_deviation(rgb) == pytest.approx(grey.std(), abs=1e-6)


def test_segments_of_a_pack_are_outlines_where_there_are_any(tmp_path):
    slope = np.mgrid[:40, :60].sum(0).astype(np.uint8)[..., None].repeat(3, 2)
    outlines = np.repeat(np.repeat([[1, 2], [300, 4]], 20, 0), 30, 1).astype(np.uint16)
    for name in ("train", "groundTruth_train"):
        (tmp_path / name).mkdir()
    for name in ("7", "8"):
        Image.fromarray(slope).save(tmp_path / f"train/{name}.png")
    cells = np.empty((1, 1), object)
    cells[0, 0] = {"Segmentation": outlines}
    savemat(tmp_path / "groundTruth_train/7.mat", {"groundTruth": cells})
    chosen = [
        Photo(f"bsds500/train/{n}", tmp_path / f"train/{n}.png", "bsds500", "", n) for n in "78"
    ]
    packed = photos.pack(chosen, progress=False)
    assert packed.segments(0)[[0, 0, 39, 39], [0, 59, 0, 59]].tolist() == [1, 2, 45, 4]
    assert packed.segments(0).shape == (40, 60)
    assert len(np.unique(packed.segments(1))) > 4  # no outline: superpixels
    small = photos.pack(chosen, 20, progress=False).segments(0)
    assert small.shape == (13, 20) and small[12].tolist() == [45] * 10 + [4] * 10
    assert np.array_equal(packed[1], packed[0])


def test_segments_of_coco128_seg_are_its_objects_and_0_elsewhere(tmp_path):
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    Image.new("RGB", (60, 40)).save(tmp_path / "images/9.jpg")
    (tmp_path / "labels/9.txt").write_text("0 .5 0 1 0 1 1 .5 1\n")
    (tmp_path / "labels/25.txt").write_text("")
    Image.new("RGB", (60, 40)).save(tmp_path / "images/25.jpg")
    chosen = [
        Photo(f"coco128_seg/images/{n}", tmp_path / f"images/{n}.jpg", "coco128_seg", "", n)
        for n in ("9", "25")
    ]
    packed = photos.pack(chosen, progress=False)
    assert packed.segments(0)[:, [0, 28, 31, 59]].tolist() == [[0, 0, 1, 1]] * 40
    assert not packed.segments(1).any()
    assert photos.pack(chosen, 30, progress=False).segments(0).mean() == pytest.approx(
        0.5, abs=0.05
    )
