"""Outlines that people drew, and superpixels."""

import numpy as np
import pytest
from scipy.io import savemat

from imdl_lib import segments
from imdl_lib.errors import DataError


@pytest.fixture
def file(tmp_path):
    """A ground truth with the outlines of two humans."""
    humans = [np.repeat([[1], [2]], 3, axis=1), np.repeat([[1], [1]], 3, axis=1)]
    cells = np.empty((1, 2), object)
    for n, labels in enumerate(humans):
        cells[0, n] = {"Segmentation": labels.astype(np.uint16), "Boundaries": labels == 1}
    savemat(tmp_path / "7.mat", {"groundTruth": cells})
    return tmp_path / "7.mat"


def test_drawn_is_what_the_first_human_outlined(file):
    assert segments.drawn(file).tolist() == [[1, 1, 1], [2, 2, 2]]


@pytest.mark.parametrize("body", [b"", b"not MATLAB" * 30])
def test_damaged(file, body):
    file.write_bytes(body)
    with pytest.raises(DataError) as caught:
        segments.drawn(file)
    text = str(caught.value)
    assert text.startswith(f"The segmentation {file} is damaged (")
    assert text.endswith(
        "). Expected a MATLAB file with the cells `groundTruth`. "
        "Run `imdl data get bsds500`: it fetches damaged files again."
    )


def test_truncated(file):
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"The segmentation .* is damaged"):
        segments.drawn(file)


@pytest.fixture
def labels(tmp_path):
    """A square in the left upper corner of a photo, and a large one that overlaps it."""
    lines = ["7 0 0 .5 0 .5 .5 0 .5", "2 .25 .25 1 .25 1 1 .25 1"]
    (tmp_path / "7.txt").write_text("\n".join(lines) + "\n")
    return tmp_path / "7.txt"


def test_polygons_are_objects_on_no_object_the_small_one_on_top(labels):
    two, one, none = [2, 2, 2, 2, 0, 0, 0, 0], [2, 2, 2, 2, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1, 1, 1]
    assert segments.polygons(labels, (8, 8)).tolist() == [two] * 2 + [one] * 2 + [none] * 4


def test_polygons_cover_their_shares_of_any_size(labels):
    found = segments.polygons(labels, (300, 400))
    assert found[149, 199] == 2 and found[151, 201] == 1 and found[74, 201] == 0
    shares = [(found == number).mean() for number in range(3)]
    assert np.allclose(shares, [1 - 0.25 - 0.5, 0.5, 0.25], atol=0.01)


def test_an_empty_label_file_has_no_object(labels):
    labels.write_text("")
    assert not segments.polygons(labels, (4, 6)).any()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("3 .1 .1 .2 .2", "a line of 2 pairs"),
        ("3 .1 .1 .2 .2 .3 1.2", "a line of 3 pairs"),
        ("3 .1 .1 .2 .2 .3", "cannot reshape array of size 5 into shape (2)"),
        ("3 a b c d e f", "could not convert string to float: 'a'"),
    ],
)
def test_damaged_polygons(labels, text, reason):
    labels.write_text(text)
    with pytest.raises(DataError) as caught:
        segments.polygons(labels, (8, 8))
    assert str(caught.value) == (
        f"The outlines {labels} are damaged ({reason}). Expected lines of a class and three or "
        "more x y pairs in [0, 1]. "
        "Run `imdl data get coco128_seg`: it fetches damaged files again."
    )


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (64, 96), (101, 67)])
def test_superpixels_cover_any_image(size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    found = segments.superpixels(image)
    assert found.shape == size and found.min() >= 1


def test_superpixels_keep_to_borders():
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, 32:] = 255
    found = segments.superpixels(image)
    assert not set(found[:, :31].ravel()) & set(found[:, 33:].ravel())
    assert len(np.unique(found)) >= 8
