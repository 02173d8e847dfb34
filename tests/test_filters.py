"""The three SRM kernels against their difference operators."""

import numpy as np
import torch
import torch.nn.functional as F

from imdl_lib.filters import srm_kernels


def response(kernel: int, image: np.ndarray) -> np.ndarray:
    """Correlation of an image with one kernel, where it fits."""
    given = torch.tensor(image, dtype=torch.float32)[None, None]
    return F.conv2d(given, srm_kernels()[kernel][None, None])[0, 0].numpy()


def test_kernels_are_5_by_5_of_zero_sum():
    kernels = srm_kernels()
    assert kernels.shape == (3, 5, 5) and kernels.dtype == torch.float32
    assert kernels.sum((1, 2)).abs().max() < 1e-6


def test_the_small_kernel_is_a_second_difference_along_both_axes():
    difference = np.array([1, -2, 1])
    expected = np.zeros((5, 5))
    expected[1:4, 1:4] = -np.outer(difference, difference) / 4
    assert np.array_equal(srm_kernels()[0].numpy(), expected)


def test_the_square_kernel_by_hand():
    kernel = srm_kernels()[1].numpy() * 12
    assert np.allclose(kernel[2], [-2, 8, -12, 8, -2])
    assert np.allclose(kernel[1], [2, -6, 8, -6, 2])
    assert np.allclose(kernel[0], [-1, 2, -2, 2, -1])
    assert np.allclose(kernel, kernel[::-1]) and np.allclose(kernel, kernel.T)


def test_the_line_is_a_second_difference_along_a_row():
    expected = np.zeros((5, 5))
    expected[2, 1:4] = [0.5, -1, 0.5]
    assert np.array_equal(srm_kernels()[2].numpy(), expected)


def test_ramps_leave_no_residual():
    rows, columns = np.mgrid[:9, :9]
    for kernel in range(3):
        assert np.abs(response(kernel, 3 * columns + 2 * rows + 5)).max() < 1e-5


def test_a_parabola_along_a_row_is_seen_by_the_line_alone():
    columns = np.mgrid[:9, :9][1]
    assert np.allclose(response(2, columns**2), 1)  # half of the second difference, 2
    assert np.abs(response(0, columns**2)).max() < 1e-5


def test_each_call_gives_its_own_kernels():
    srm_kernels().zero_()
    assert srm_kernels().abs().max() == 1
