"""The lists of files that travel with the library, and where the files lie."""

import hashlib
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from PIL import Image

from imdl_lib import checksums
from imdl_lib.errors import DataError, RegistryError


def test_lists_hold_the_files_of_each_set():
    folders = Counter(
        str(PurePosixPath(path).parent)
        for name in ("bsds500", "imagenet_samples", "coco128_seg", "casia1", "coverage")
        for path in checksums.listed(name)
    )
    assert folders == {
        "photos/bsds500/train": 200,
        "photos/bsds500/val": 100,
        "photos/bsds500/test": 200,
        "photos/bsds500/groundTruth_train": 200,
        "photos/bsds500/groundTruth_val": 100,
        "photos/bsds500/groundTruth_test": 200,
        "photos/imagenet_samples": 350,
        "photos/coco128_seg/images": 128,
        "photos/coco128_seg/labels": 128,
        "casia1/images": 920,
        "casia1/masks": 920,
        "casia1/authentic": 800,
        "coverage/image": 200,
        "coverage/label": 4,
        "coverage/mask": 100,
    }


def test_every_listed_file_has_a_place_to_come_from():
    for name, spec in checksums.SETS.items():
        for path, sums in checksums.listed(name).items():
            assert {len(total) for total in sums} <= {0, 64} and any(sums)
            known = str(PurePosixPath(path).parent) in spec.remote
            assert name == "packaged" or known == bool(sums.bytes)
            assert known or sums.bytes or spec.archive


def test_every_renamed_mask_is_listed():
    renamed = checksums.casia1_masks()
    assert {f"casia1/masks/{name}" for name in renamed} <= set(checksums.listed("casia1"))
    assert Counter(turns for _, turns in renamed.values()) == {0: 106, 1: 1}


def test_ten_authentic_photos_end_in_capitals():
    assert sum(path.endswith(".JPG") for path in checksums.listed("casia1")) == 10


def test_packaged_photos_are_where_pip_put_them():
    assert checksums.available("packaged")
    assert len({row["id"] for row in checksums.packaged_rows()}) == 58


def test_pixels_sum_is_of_the_size_and_the_rgb_bytes():
    image = Image.fromarray(np.array([[[1, 2, 3]]], np.uint8))
    assert checksums.pixels_sha256(image) == hashlib.sha256(b"1x1:\x01\x02\x03").hexdigest()


def test_pixels_sum_depends_on_size_and_pixels_alone():
    mask = np.zeros((2, 8), np.uint8)
    other = mask.copy()
    other[1, 7] = 255
    images = [Image.fromarray(m) for m in (mask, other, mask.reshape(8, 2), mask[:1])]
    assert len({checksums.pixels_sha256(image) for image in images}) == 4
    modes = {checksums.pixels_sha256(images[1].convert(mode)) for mode in ("1", "L", "P", "RGBA")}
    assert modes == {checksums.pixels_sha256(images[1])}


def test_a_set_is_not_available_without_a_usable_data_root(monkeypatch, tmp_path):
    monkeypatch.delenv("IMDL_DATA", raising=False)
    assert not checksums.available("bsds500")
    for wrong in (tmp_path / "none", tmp_path / "file"):
        (tmp_path / "file").touch()
        monkeypatch.setenv("IMDL_DATA", str(wrong))
        assert not checksums.available("bsds500")


def test_unknown_set():
    with pytest.raises(RegistryError) as caught:
        checksums.spec_of("cifar")
    assert str(caught.value) == (
        "There is no set `cifar` to fetch. Expected one of packaged, bsds500, imagenet_samples, "
        "coco128_seg, casia1, coverage. `imdl data info NAME` describes each."
    )


def test_unnamed_data_root(monkeypatch):
    monkeypatch.delenv("IMDL_DATA", raising=False)
    with pytest.raises(DataError) as caught:
        checksums.root()
    assert str(caught.value) == (
        "The data root is not named: IMDL_DATA is not set. Expected the folder that holds, or "
        "will hold, photos and data sets. Name it, for example `export IMDL_DATA=~/imdl-data`."
    )


def test_data_root_that_is_a_file(monkeypatch, tmp_path):
    wrong = tmp_path / "file"
    wrong.touch()
    monkeypatch.setenv("IMDL_DATA", str(wrong))
    with pytest.raises(DataError) as caught:
        checksums.root()
    assert str(caught.value) == (
        f"The data root {wrong} is a file. Expected a folder that holds, or will hold, photos "
        "and data sets. Set IMDL_DATA to a folder."
    )


def test_relative_data_root_is_taken_from_where_the_command_was_called(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    monkeypatch.setenv("IMDL_DATA", "here")
    assert checksums.place("bsds500", "photos/a.jpg") == Path(tmp_path, "here", "photos/a.jpg")


def test_package_that_is_not_installed():
    with pytest.raises(DataError) as caught:
        checksums.packaged_place("no_such_package/images/a.png")
    assert str(caught.value) == (
        "The package `no_such_package` with the packaged photos is not installed. "
        "Expected it beside imdl_lib. Install imdl_lib again with its requirements."
    )
