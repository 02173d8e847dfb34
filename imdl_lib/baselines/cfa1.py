"""Missing traces of the colour filter array (CFA1).

P. Ferrara, T. Bianchi, A. De Rosa, A. Piva, *Image forgery localization via fine-grained analysis
of CFA artifacts*, IEEE Transactions on Information Forensics and Security 7(5), 2012. A camera
measures green on a checkerboard and interpolates the rest, so the measured pixels are harder to
predict from their neighbours. Where both kinds are equally hard, the camera's traces are missing.
Compression and resizing remove the traces everywhere; the map then says nothing.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from scipy.ndimage import median_filter
from scipy.special import expit

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


def block_feature(green: Float32[np.ndarray, "H W"]) -> Float32[np.ndarray, "h w"]:
    """L of each 8 x 8 block, taking (0, 0) as measured; NaN where either kind of pixel is flat."""
    fill = [(0, -side % BLOCK) for side in green.shape]
    green = np.pad(green, fill, mode="reflect")  # without repeating the edge: keeps the pattern
    error = green - cv2.filter2D(green, -1, _CROSS, borderType=cv2.BORDER_REFLECT_101)
    variance = local_variance(error)
    uneven = variance > LEAST_VARIANCE
    log_variance = np.log(np.maximum(variance, LEAST_VARIANCE))  # 0 weight where the floor acts
    measured = np.add.outer(*map(np.arange, green.shape)) % 2 == 0
    of_measured, of_rest = (block_mean(log_variance, uneven & k) for k in (measured, ~measured))
    return of_measured - of_rest


def local_variance(error: Float32[np.ndarray, "H W"]) -> Float32[np.ndarray, "H W"]:
    r"""Gaussian-weighted variance of the error over the pixels of the same kind, section III.B.

    .. math:: \sigma^2(x) = \frac{\sum_i \alpha_i e^2(x+i) - (\sum_i \alpha_i e(x+i))^2}
        {1 - \sum_i \alpha_i^2}
    """
    gaussian = cv2.getGaussianKernel(WINDOW, WINDOW // 2 / 2, cv2.CV_32F)
    alpha = gaussian * gaussian.T
    alpha[np.add.outer(*map(np.arange, alpha.shape)) % 2 == 1] = 0  # neighbours of the other kind
    alpha /= alpha.sum()
    mean, square = (
        cv2.filter2D(part, -1, alpha, borderType=cv2.BORDER_REFLECT_101)
        for part in (error, error * error)
    )
    return (square - mean * mean) / (1 - (alpha**2).sum())


def block_mean(
    value: Float32[np.ndarray, "H W"], chosen: Bool[np.ndarray, "H W"]
) -> Float32[np.ndarray, "h w"]:
    """Mean of the chosen pixels of each block; NaN where there are none."""
    rows, columns = (side // BLOCK for side in value.shape)
    total, count = (
        part.reshape(rows, BLOCK, columns, BLOCK).sum((1, 3), dtype=np.float32)
        for part in (value * chosen, chosen)
    )
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def missing_posterior(feature: Float32[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """P(no traces | L), after fitting the two Gaussians by expectation and maximization.

    Which half of the checkerboard was measured does not matter: the other half gives -L, which the
    mixture fits with -mu.
    """
    value = feature.astype(np.float64)
    share, mean = 0.5, value.mean()
    spread_missing = spread_present = max(value.std(), LEAST_SPREAD)
    for _ in range(MAX_STEPS):
        odds = np.log(share / (1 - share)) + log_odds(value, mean, spread_missing, spread_present)
        missing = expit(odds.clip(-30, 30))  # so that neither Gaussian loses every block
        before, mean = mean, np.average(value, weights=1 - missing)
        share = missing.mean()
        spread_missing = deviation(value, missing)
        spread_present = deviation(value - mean, 1 - missing)
        if abs(mean - before) < TOLERANCE:
            break
    return expit(log_odds(value, mean, spread_missing, spread_present))


def log_odds(
    value: Float[np.ndarray, " n"], mean: float, spread_missing: float, spread_present: float
) -> Float[np.ndarray, " n"]:
    """log N(L; 0, spread_missing) - log N(L; mean, spread_present)."""
    missing, present = value / spread_missing, (value - mean) / spread_present
    return (present**2 - missing**2) / 2 + np.log(spread_present / spread_missing)


def deviation(value: Float[np.ndarray, " n"], weight: Float[np.ndarray, " n"]) -> float:
    """Weighted deviation about 0, at least LEAST_SPREAD."""
    return max(np.sqrt(np.average(value**2, weights=weight)), LEAST_SPREAD)
