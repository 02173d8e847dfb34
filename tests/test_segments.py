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
