"""Missing traces of the colour filter array (CFA1).

P. Ferrara, T. Bianchi, A. De Rosa, A. Piva, *Image forgery localization via fine-grained analysis
of CFA artifacts*, IEEE Transactions on Information Forensics and Security 7(5), 2012. A camera
measures green on a checkerboard and interpolates the rest, so the measured pixels are harder to
predict from their neighbours. Where both kinds are equally hard, the camera's traces are missing.
Compression and resizing remove the traces everywhere; the map then says nothing.
"""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8
from scipy.ndimage import median_filter

BLOCK = 8
WINDOW = 7
MEDIAN = 5
MAX_STEPS = 100
TOLERANCE = 1e-4
LEAST_VARIANCE = 1e-3  # errors are multiples of 1/4 grey level; below this is float rounding
LEAST_SPREAD = 1e-2  # of a Gaussian of the mixture, so that none shrinks onto a single value

_CROSS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4


def score_map(image_u8: UInt8[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W"]:
    r"""Posterior probability that an RGB photo's blocks carry no trace of demosaicing.

    The feature of block b compares the geometric means of the local variance of the prediction
    error over measured (A) and interpolated (I) green pixels; it is about 0 without traces:

    .. math:: L_b = \log \frac{GM_A(b)}{GM_I(b)}, \quad
        L \sim \pi N(0, \sigma_0^2) + (1 - \pi) N(\mu, \sigma_1^2)

    ==============  =====  ===============================================================
    parameter       value  meaning
    ==============  =====  ===============================================================
    BLOCK           8      px, side of a block
    WINDOW          7      px, side of the Gaussian window of the local variance
    MEDIAN          5      blocks, side of the median filter on the posterior
    MAX_STEPS       100    most steps of expectation and maximization
    TOLERANCE       1e-4   change of the mixture's mean at which they stop
    LEAST_VARIANCE  1e-3   squared grey levels; flatter pixels say nothing
    LEAST_SPREAD    1e-2   smallest deviation of a Gaussian of the mixture
    ==============  =====  ===============================================================

    Returns:
        Scores in [0, 1], the same for all pixels of a block, both hypotheses being equally
        likely beforehand; 0.5 where a block is too flat to say anything, and everywhere if fewer
        than three blocks say something.
    """
    height, width = image_u8.shape[:2]
    feature = block_feature(image_u8[..., 1].astype(np.float32))
    known = np.isfinite(feature)
    posterior = np.full(feature.shape, 0.5, np.float32)
    if known.sum() >= 3:
        posterior[known] = missing_posterior(feature[known])
        posterior = median_filter(posterior, MEDIAN, mode="nearest")
    return posterior.repeat(BLOCK, 0).repeat(BLOCK, 1)[:height, :width]
