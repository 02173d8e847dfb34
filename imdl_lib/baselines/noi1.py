"""Noise inconsistency by a wavelet transform (NOI1).

B. Mahdian, S. Saic, *Using noise inconsistencies for blind image forensics*, Image and Vision
Computing 27(10), 2009. The finest diagonal wavelet coefficients of a photo are mostly noise; a
region whose noise differs from that of the rest may come from elsewhere.
"""

import cv2
import numpy as np
import pywt
from jaxtyping import Float32, UInt8

WAVELET = "db8"
BLOCK = 8
MAD_OF_NORMAL = 0.6745
LEAST_RANGE = 1e-3  # below this blocks differ by float rounding
_LEAD = 3  # coefficients before the one that is centred on the photo's first two pixels


def score_map(image_u8: UInt8[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W"]:
    r"""Local noise level of an RGB photo, scaled from its least noisy to its noisiest block.

    .. math:: \hat\sigma = \mathrm{median}_{8 \times 8} |HH_1| / 0.6745

    =============  ======  =========================================================
    parameter      value   meaning
    =============  ======  =========================================================
    WAVELET        db8     of the one-level transform of the luminance
    BLOCK          8       coefficients, so a block covers 16 px
    MAD_OF_NORMAL  0.6745  median of |x| for a normal x with deviation 1
    LEAST_RANGE    1e-3    grey levels; blocks whose noise differs by less are alike
    =============  ======  =========================================================

    Returns:
        Scores in [0, 1], high where noise is strong, interpolated between block centres; a
        constant 0.5 (no evidence) where all blocks are alike, as in a photo of a single block.
    """
    height, width = image_u8.shape[:2]
    sigma = block_noise(cv2.cvtColor(image_u8.astype(np.float32), cv2.COLOR_RGB2GRAY))
    low, high = sigma.min(), sigma.max()
    if high - low < LEAST_RANGE:
        return np.full((height, width), 0.5, np.float32)
    size = (2 * BLOCK * sigma.shape[1], 2 * BLOCK * sigma.shape[0])
    scaled = ((sigma - low) / (high - low)).astype(np.float32)
    # Bilinear interpolation can leave [0, 1] by a rounding error
    return cv2.resize(scaled, size, interpolation=cv2.INTER_LINEAR)[:height, :width].clip(0, 1)


def block_noise(luminance: Float32[np.ndarray, "H W"]) -> Float32[np.ndarray, "h w"]:
    """Robust deviation of the finest diagonal coefficients per 16 x 16 px, in grey levels."""
    height, width = ((side + 1) // 2 for side in luminance.shape)
    diagonal = pywt.dwt2(luminance, WAVELET, mode="symmetric")[1][2]
    diagonal = np.abs(diagonal[_LEAD : _LEAD + height, _LEAD : _LEAD + width])
    fill = (-height % BLOCK, -width % BLOCK)
    padded = np.pad(diagonal, [(0, fill[0]), (0, fill[1])], mode="symmetric")
    rows, columns = (side // BLOCK for side in padded.shape)
    blocks = padded.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)  # h w 8 8
    return np.median(blocks.reshape(rows, columns, -1), 2) / MAD_OF_NORMAL
