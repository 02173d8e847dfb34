"""UEN: uncertainty-guided learning for manipulation detection.

Ji, Chen, Guo, Xu, Wang, Chen; ICCV 2023. No code was published; what the paper leaves open is
listed in ``DEPARTURES``.

Every pixel's logit is a Gaussian. Its mean is what any localization network says, its variance a
small head reads from that network's features. Its expected entropy is the model's uncertainty, its
variance that of the labels. Both weigh the features, from which another head reads the refined
mask.

===============  ==========================  ==============
paper            code                        where
===============  ==========================  ==============
E                ``base.embed``              sec. 3.1
mu, sigma^2      ``read``, ``variance``      eq. 1
z, p             ``expectations``            eq. 2, 3
U^p              ``Expectations.entropy``    eq. 4
U^GT             ``error``                   eq. 5
L_u              ``uncertainty_loss``        eq. 6
E_w, E_f         ``Model.refined``           eq. 7
L_g              ``likelihood_loss``         eq. 8, 9
L_mu, L_r        ``loss``                    eq. 10
L_total          ``loss``                    eq. 11
===============  ==========================  ==============
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..backbones import hrnet
from ..backbones.hrnet import resize
from ..batch import Batch, Prediction
from ..errors import RegistryError
from ..filters import srm_kernels
from ..layers import ConvNorm
from . import Departure

HIDDEN = 64  # channels of the heads
LEAST_VARIANCE, MOST_VARIANCE = 1e-3, 10.0  # eq. 6 has no lower bound as sigma^2 vanishes
SEED = 0  # of the draws outside training, so that a photo gets one answer

Map = Float[Tensor, "B 1 h w"]


@dataclass(frozen=True)
class Config:
    """Defaults are the paper's."""

    samples: int = 100  # T, sec. 4.1
    nodes: int = 0  # of Gauss-Hermite quadrature in place of T samples; 0: Monte Carlo
    alpha: float = 0.5  # weight of the data uncertainty in eq. 7, sec. 4.1
    beta: float = 0.5  # weight of the model uncertainty in eq. 7, sec. 4.1
    guided: bool = True  # False: table 2 "w/o UEN", the base alone
    supervised: bool = True  # table 3: dynamic uncertainty supervision (DUS), eq. 6
    refining: bool = True  # table 3: uncertainty-guided refinement (UPR), eq. 7
    size_px: int = 512  # side of the training images, sec. 4.1
    resized: bool = False  # whether images are resized to it first, as the paper's tests (sec. 4.1)

    def __post_init__(self) -> None:
        if self.samples < 1 or self.nodes < 0:
            raise RegistryError(
                f"UEN's samples are {self.samples} and its nodes {self.nodes}. "
                "Expected at least one sample, and no nodes or more."
            )


DEFAULT = Config()

# Section 3.1: expectations under the Gaussian of a logit


class Expectations(NamedTuple):
    """What is expected of p = sigmoid(z), z ~ N(mu, sigma^2)."""

    entropy: Map  # U^p, in bits, so in [0, 1]
    forged: Map  # E[p]
    pristine: Map  # E[1 - p], exact where p is nearly one


MAPS = ("mu", "variance", *Expectations._fields)  # of a prediction

Draw = tuple[Tensor | float, float]  # epsilon of eq. 3 (a number or a map), and its weight


def monte_carlo(
    like: Map, samples: int, generator: torch.Generator | None = None
) -> Iterator[Draw]:
    r""".. math:: \epsilon_t \sim \mathcal{N}(0, I), \quad t = 1 \ldots T           (eq. 3)"""
    for _ in range(samples):
        noise = torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)
        yield noise, 1 / samples


def gauss_hermite(nodes: int) -> Iterator[Draw]:
    """Places and weights with which the same expectations need no chance."""
    places, weights = np.polynomial.hermite.hermgauss(nodes)
    yield from zip(
        (math.sqrt(2) * places).tolist(), (weights / math.sqrt(math.pi)).tolist(), strict=True
    )


class _Expectations(torch.autograd.Function):
    """Sums over draws, one after another; memory does not grow with their number.

    The derivative of E[f(mu + sigma eps)] is E[f'] by mu and E[eps f'] by sigma, so it is summed
    beside the value and nothing of a draw is kept.
    """

    @staticmethod
    def forward(context, mu: Tensor, sigma: Tensor, draws: Iterable[Draw]) -> tuple[Tensor, ...]:
        learning = any(context.needs_input_grad)
        values = [torch.zeros_like(mu) for _ in range(3)]  # entropy, p, 1 - p
        slopes = [torch.zeros_like(mu) for _ in range(4 * learning)]  # of entropy, p by mu, sigma
        for noise, weight in draws:
            z = mu + sigma * noise  # eq. 3
            p, q = z.sigmoid(), (-z).sigmoid()  # eq. 2
            values[0] += weight * (F.softplus(z) - z * p) / math.log(2)  # -p log p - q log q
            values[1] += weight * p
            values[2] += weight * q
            if not learning:
                continue
            steep = weight * p * q
            falling = -z * steep / math.log(2)
            slopes[0] += falling
            slopes[1] += noise * falling
            slopes[2] += steep
            slopes[3] += noise * steep
        context.save_for_backward(*slopes)
        return tuple(values)

    @staticmethod
    @once_differentiable
    def backward(context, entropy: Tensor, forged: Tensor, pristine: Tensor) -> tuple:
        by_mu, by_sigma, p_by_mu, p_by_sigma = context.saved_tensors
        change = forged - pristine
        return entropy * by_mu + change * p_by_mu, entropy * by_sigma + change * p_by_sigma, None


def expectations(mu: Map, variance: Map, draws: Iterable[Draw]) -> Expectations:
    r"""Expected entropy and probability of a logit, differentiable by mean and variance.

    .. math:: U^p = -\frac{1}{T} \sum_t p_t \log p_t + (1 - p_t) \log(1 - p_t)     (eq. 4)

    The logarithm has base 2, so that U^p lies in [0, 1].
    """
    precise = torch.promote_types(mu.dtype, torch.float32)  # never half precision
    return Expectations(*_Expectations.apply(mu.to(precise), variance.to(precise).sqrt(), draws))


# Section 3.2: dynamic uncertainty supervision


def error(mu: Map, mask: Map) -> Map:
    r""".. math:: U^{GT} = y (1 - \hat\mu) + (1 - y) \hat\mu                        (eq. 5)

    It is a target, so no gradient flows through it.

    >>> error(torch.logit(torch.full((1, 1, 1, 1), 0.4)), torch.ones(1, 1, 1, 1)).item()
    0.6000000238418579
    """
    mean = mu.detach().float().sigmoid()
    return mask * (1 - mean) + (1 - mask) * mean


def uncertainty_loss(target: Map, found: Map, variance: Map) -> Tensor:
    r"""L_u, mean over pixels.

    .. math:: \frac{1}{2} \sigma^{-2} (U^{GT} - U^p)^2 + \frac{1}{2} \log \sigma^2   (eq. 6)
    """
    return (0.5 * (target - found) ** 2 / variance + 0.5 * variance.log()).mean()


# Section 3.4: losses


def likelihood_loss(expected: Expectations, mask: Map) -> Tensor:
    r"""L_g, mean over pixels.

    .. math:: -\log \frac{1}{T} \sum_t \exp(y \log p_t + (1 - y) \log(1 - p_t))      (eq. 9)

    For a label of 0 or 1 the sum is that of p_t or of 1 - p_t.
    """
    tiny = torch.finfo(torch.float32).tiny
    likelihood = torch.where(mask > 0.5, expected.forged, expected.pristine)
    return -likelihood.clamp(min=tiny).log().mean()


# Sections 3.1 and 3.3: heads


def _head(channels: int) -> nn.Sequential:
    """Two 1 x 1 convolutions to one map, whose bias starts at zero."""
    layers = (nn.Conv2d(channels, HIDDEN, 1), nn.ReLU(), nn.Conv2d(HIDDEN, 1, 1))
    nn.init.zeros_(layers[-1].bias)
    return nn.Sequential(*layers)


@runtime_checkable
class Base(Protocol):
    """A localization network that reads its mask from features."""

    embed_channels: int

    def embed(self, image: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """E of images, (B, C, h, w), and what the network's own losses need besides."""

    def read(self, e: Tensor) -> Tensor:
        """Logits of its mask, (B, 1, h, w)."""


class Model(nn.Module):
    """A base, guided by two uncertainties (fig. 2)."""

    def __init__(self, config: Config, base: Base) -> None:
        super().__init__()
        self.config, self.base = config, base
        channels = base.embed_channels
        if config.guided:
            self.variance = _head(channels)
        if config.guided and config.refining:
            first = ConvNorm(2 * channels, HIDDEN, 1, bias=True)
            self.refine = nn.Sequential(
                first, ConvNorm(HIDDEN, HIDDEN, 1, bias=True), nn.Conv2d(HIDDEN, 1, 1)
            )

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> Prediction:
        """A mask for images of any size, the coarse one, both uncertainties.

        Maps: ``mu`` (logits), and with guidance ``variance``, ``entropy`` (U^p, in [0, 1]),
        ``forged`` and ``pristine`` (expected probabilities), all at the features' size; and those
        of the base's own losses.
        """
        e, maps = self.base.embed(self.resized(image))  # algorithm 1, line 2
        maps["mu"] = self.base.read(e).float()
        final = maps["mu"]
        if self.config.guided:
            raw = F.softplus(self.variance(e).float())
            maps["variance"] = (raw + LEAST_VARIANCE).clamp(max=MOST_VARIANCE)  # eq. 1
            expected = expectations(maps["mu"], maps["variance"], self.draws(maps["mu"]))
            maps |= expected._asdict()
            if self.config.refining:
                final = self.refined(e, maps["variance"], expected.entropy).float()
        logits = resize(final, image.shape[2:])
        mean = logits.sigmoid().mean((1, 2, 3))
        return Prediction(logits, mean.logit(eps=1e-6), maps)

    def resized(self, image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 h w"]:
        """An image as the base sees it; the mask is put back to the size of the image itself."""
        if not self.config.resized:
            return image
        size = (self.config.size_px, self.config.size_px)
        return F.interpolate(image, size, mode="bilinear", antialias=True)

    def draws(self, mu: Map) -> Iterator[Draw]:
        """Quadrature where the configuration says so, else samples.

        Outside training these are the same for every photo, whatever else its batch holds.
        """
        if self.config.nodes:
            return gauss_hermite(self.config.nodes)
        if self.training:
            return monte_carlo(mu, self.config.samples)
        generator = torch.Generator(mu.device).manual_seed(SEED)
        return monte_carlo(mu[:1], self.config.samples, generator)

    def refined(self, e: Float[Tensor, "B C h w"], variance: Map, entropy: Map) -> Map:
        r"""Logits of the refined mask.

        .. math:: E_w = E \odot (\alpha \sigma^2 + \beta U^p), \quad
                  E_f = \text{Concat}(E, E_w)                                        (eq. 7)
        """
        weight = self.config.alpha * variance + self.config.beta * entropy
        return self.refine(torch.cat([e, e * weight.to(e.dtype)], 1))


# Section 4.1: the vanilla baseline


class Vanilla(nn.Module):
    """Three streams on HRNet: colours, what SRM kernels leave, and traces of resampling."""

    def __init__(self, width: float = 1.0, embed_channels: int = 64) -> None:
        super().__init__()
        config = replace(hrnet.Config.light(width), stem_stride=2)
        channels = config.channels
        self.embed_channels = embed_channels
        self.rgb, self.srm = hrnet.HRNet(config), hrnet.HRNet(config)
        self.register_buffer("kernels", srm_kernels()[:, None].expand(3, 3, 5, 5) / 3, False)
        self.fuse = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(n, n, 1) for n in channels[:count]) for count in (2, 2, 3, 4)
        )
        self.register_buffer("laplacian", srm_kernels()[:1].expand(3, 1, 5, 5).clone(), False)
        steps = ((3, config.stem, 2), (config.stem, config.stem, 2), (config.stem, channels[0], 1))
        self.resampling = nn.Sequential(*(ConvNorm(a, b, 3, stride) for a, b, stride in steps))
        self.project = ConvNorm(sum(channels), embed_channels, 1)
        self.read = _head(embed_channels)

    def embed(self, image: Float[Tensor, "B 3 H W"]) -> tuple[Tensor, dict[str, Tensor]]:
        """E at a quarter of the image's size; the streams meet at the end of each stage."""
        noise = F.conv2d(image, self.kernels, padding=2)
        ours, theirs = self.rgb.stem(image), self.srm.stem(noise)
        ours = self._met(0, ours, theirs)
        for number, stage in enumerate(hrnet.STAGES, start=1):
            ours, theirs = self.rgb.advanced(stage, ours), self.srm.advanced(stage, theirs)
            ours = self._met(number, ours, theirs)
        traces = self.resampling(F.conv2d(image, self.laplacian, padding=2, groups=3))
        finest = ours[0] + traces
        size = finest.shape[2:]
        return self.project(torch.cat([finest, *(resize(x, size) for x in ours[1:])], 1)), {}

    def _met(self, number: int, ours: list[Tensor], theirs: list[Tensor]) -> list[Tensor]:
        """Each branch of the colours takes in its neighbour of the noise."""
        joined = zip(ours, self.fuse[number], theirs, strict=True)
        return [x + project(noise) for x, project, noise in joined]


# Section 3.4: total loss


def loss(prediction: Prediction, batch: Batch, config: Config = DEFAULT) -> dict[str, Tensor]:
    r"""The four terms, each a mean over the mask's pixels.

    .. math:: L_{total} = L_\mu + L_r + L_u + L_g                                   (eq. 10, 11)
    """
    mask = batch.mask.float()
    found = {n: resize(m, mask.shape[2:]) for n, m in prediction.maps.items() if n in MAPS}
    bce = F.binary_cross_entropy_with_logits
    terms = {"mu": bce(found["mu"], mask)}
    if not config.guided:
        return terms
    expected = Expectations(*(found[name] for name in Expectations._fields))
    terms["g"] = likelihood_loss(expected, mask)
    if config.supervised:
        target = error(found["mu"], mask)
        terms["u"] = uncertainty_loss(target, expected.entropy, found["variance"])
    if config.refining:
        terms["r"] = bce(prediction.logits, mask)
    return terms


DEPARTURES = (
    Departure(
        "width of the backbone",
        "HRNetV2, its width not stated (sec. 4.1)",
        "no code was published",
        "the light HRNet of 18 channels at a quarter of the image, all branches projected to 64",
        "the same family as PSCC-Net's; it trains on a processor",
    ),
    Departure(
        "first weights",
        "ImageNet for the stream of colours (sec. 4.1)",
        "no code was published",
        "from scratch, or from synthetic pre-training",
        "those weights are not at hand offline, and are of a wider network",
    ),
    Departure(
        "SRM stream",
        "parallel to the backbone, fused at the end of each stage (sec. 4.1)",
        "no code was published",
        "three maps, each the mean over colours, zeros beyond the frame; a 1 x 1 convolution of "
        "each branch is added",
        "how they are fused is not said; a sum keeps the other stream's weights usable",
    ),
    Departure(
        "resampling stream",
        "starts in stage 4, fused at its end (sec. 4.1)",
        "no code was published",
        "a second-order high-pass and three convolutions, added to the finest branch",
        "the cited features need a Radon transform on every patch and have no code",
    ),
    Departure(
        "heads",
        "two MLPs (eq. 1)",
        "no code was published",
        "two 1 x 1 convolutions each; the variance is a softplus within [0.001, 10]",
        "without a floor eq. 6 has no minimum",
    ),
    Departure(
        "PSCC-Net as a base",
        "UEN is embedded into it (sec. 4.3)",
        "no code was published",
        "E is Z of its finest scale, mu its finest mask, whose loss is L_mu; its other masks keep "
        "theirs; its score is not taught",
        "mu is what conventional methods predict (sec. 3.1): without UEN it is PSCC-Net as it is",
    ),
    Departure(
        "U^p within [0, 1]",
        "entropy, normalised (eq. 4)",
        "no code was published",
        "entropy in bits",
        "stretching each image to its own range would break the distance to U^GT in eq. 6",
    ),
    Departure(
        "U^GT",
        "follows the prediction (eq. 5)",
        "no code was published",
        "a constant for the optimiser",
        "a target that can be moved is no supervision",
    ),
    Departure(
        "sign of L_g",
        "a log-likelihood, added to what is minimised (eq. 9, 11)",
        "no code was published",
        "its negative",
        "as printed it would be minimised by wrong answers",
    ),
    Departure(
        "coarse loss",
        "log mu, where mu is a logit (eq. 10)",
        "no code was published",
        "cross-entropy of the sigmoid of mu",
        "the logarithm of a negative logit does not exist",
    ),
    Departure(
        "refining layer",
        "two 1 x 1 convolutions, each with normalisation and ReLU (sec. 3.3)",
        "no code was published",
        "the same, then one 1 x 1 convolution to a logit",
        "the output of a ReLU cannot say less than one half",
    ),
    Departure(
        "size of the losses",
        "N pixels of the predicted result (eq. 6)",
        "no code was published",
        "each map is resized to the mask first, bilinear with aligned corners, mu as a logit",
        "borders are judged at the mask's size",
    ),
    Departure(
        "samples",
        "T = 100, the same in training and testing (sec. 4.3)",
        "no code was published",
        "T, summed one by one; outside training from a fixed seed, the same for all photos; "
        "figure 5 changes T in testing alone; `nodes` puts quadrature instead",
        "one photo, one answer; memory does not grow with T",
    ),
    Departure(
        "optimisation",
        "SGD, 5e-5, exponential decay, 240 epochs at 512 px (sec. 4.1)",
        "no code was published",
        "Adam with the profile's batch and schedule",
        "at that rate SGD hardly moves weights that start from nothing",
    ),
    Departure(
        "training and test images",
        "CASIA v2 and 404 of NIST16, crops of 512 px; tests resized to 512 px (sec. 4.1)",
        "no code was published",
        "stand-ins: forged patches of the profile's size, as many as the profile says; tests as "
        "they are, and in one run at the size of the patches",
        "those sets are not at hand; 404 patches, seen thirty times, were learned by heart from "
        "the sixth time on",
    ),
    Departure(
        "choice of the checkpoint",
        "not stated",
        "no code was published",
        "the lowest validation loss, of all terms that the run minimises; validation masks stay "
        "whole where training masks are emptied",
        "one rule for all papers",
    ),
    Departure(
        "label noise",
        "0 to 50 % of images relabelled, a third setting of alpha and beta (fig. 4)",
        "no code was published",
        "0, 10, 30 and 50 %, a higher level on top of the lower; (1, 0) is the third setting",
        "neither the levels nor the setting can be read from the text",
    ),
    Departure(
        "scores",
        "pixel AUC and F1, no threshold (sec. 4.1); kinds of error by eye (fig. 6)",
        "no code was published",
        "F1 at one half and at the best of each image; kinds by connected pieces, as many pixels "
        "called as forged; a border is 3 px to each side",
        "each choice can turn a comparison, so both are shown",
    ),
    Departure(
        "score of an image",
        "none",
        "no code was published",
        "the mean of the mask",
        "as for ManTra-Net",
    ),
)
