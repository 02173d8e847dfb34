"""Fixed forensic filters: the three high-pass kernels of the steganalysis rich model (SRM)."""

import torch
from jaxtyping import Float
from torch import Tensor

_SECOND_ORDER = [[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]  # 3 x 3, divided by 4
_SQUARE = [  # 5 x 5, divided by 12
    [-1, 2, -2, 2, -1],
    [2, -6, 8, -6, 2],
    [-2, 8, -12, 8, -2],
    [2, -6, 8, -6, 2],
    [-1, 2, -2, 2, -1],
]
_HORIZONTAL = [1, -2, 1]  # 1 x 3, divided by 2


def srm_kernels() -> Float[Tensor, "3 5 5"]:
    """The three SRM kernels that forensic networks use, each of zero sum (RGB-N; ManTra-Net).

    >>> srm_kernels().sum((1, 2)).abs().max() < 1e-6
    tensor(True)
    """
    kernels = torch.zeros(3, 5, 5)
    kernels[0, 1:4, 1:4] = torch.tensor(_SECOND_ORDER) / 4
    kernels[1] = torch.tensor(_SQUARE) / 12
    kernels[2, 2, 1:4] = torch.tensor(_HORIZONTAL) / 2
    return kernels
