"""PSCC-Net: progressive spatio-channel correlation network for detection and localization.

Liu, Liu, Chen, Liu; TCSVT 2022.

A light HRNet yields features at four scales. From the coarsest to the finest each predicts a
mask, and that mask gates the features of the next. Before it does, a module lets every place
and every channel look at all others. A head on the same features scores the image.

================  ==========================  ==========
paper             code                        where
================  ==========================  ==========
F_1 … F_4         ``features``                sec. III-A
M_1 … M_4         ``maps["mask1"]`` …         eq. 1
tau               ``resize``                  eq. 1
f_n               ``SCCM``                    sec. III-B
h, h^-1           ``folded``, ``unfolded``    sec. III-B
X'_g, theta, phi  ``g``, ``theta``, ``phi``   eq. 2, 3
A_s, Y'_s         ``SCCM.spatial``            eq. 2
A_c, Y'_c         ``SCCM.channelwise``        eq. 3
alpha_s, alpha_c  ``gamma_s``, ``gamma_c``    eq. 4
Z                 ``SCCM.correlated``         eq. 4
s_d               ``Prediction.score_logit``  eq. 5
G_m               ``targets``                 eq. 5
================  ==========================  ==========
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..backbones import hrnet
from ..backbones.hrnet import resize
from ..batch import Batch, Prediction
from ..errors import RegistryError, WeightsError
from ..layers import ConvNorm, require_tensors
from . import Departure

SCALES = (1, 2, 3, 4)  # finest first
FOLDS = (4, 2, 2, 1)  # r of each scale, sec. IV-A3


@dataclass(frozen=True)
class Config:
    """Defaults are the paper's; ``released()`` is the network that the authors published."""

    size_px: int | None = 256  # sec. IV-A3: features are resampled to this, its half, …; None: not
    last_scale: int = 1  # table V: masks down to this scale are predicted; 1 is the finest
    spatial: bool = True  # table V: spatial attention (SA)
    channelwise: bool = True  # table V: channel-wise attention (CA)
    shared: bool = True  # table V: both attentions share theta and phi (FS)
    scrambled: bool = False  # released: Y'_c is read in the wrong order of its axes
    balanced: bool = False  # released: classes of pixels and of images weigh the same
    mean_of_masks: bool = True  # eq. 5: a quarter of the sum; released: the sum
    supervised: tuple[int, ...] = SCALES  # sec. III-C: masks that the loss looks at
    width: float = 1.0  # share of the backbone's channels; the paper's is 1

    def __post_init__(self) -> None:
        if self.last_scale not in SCALES:
            raise RegistryError(
                f"PSCC-Net's last_scale is {self.last_scale!r}, which does not exist. "
                f"Choose from {', '.join(map(str, SCALES))}."
            )
        if self.size_px and self.size_px % 32:
            raise RegistryError(
                f"PSCC-Net's size_px is {self.size_px}. Expected a multiple of 32, "
                "so that three halvings and the folds fit."
            )

    @staticmethod
    def released() -> "Config":
        """The network and the loss of the authors' code."""
        return Config(scrambled=True, balanced=True, mean_of_masks=False)


DEFAULT = Config()


# Section III-B: spatio-channel correlation


def folded(x: Float[Tensor, "B C H W"], r: int) -> Float[Tensor, "B D h w"]:
    """h: a channel of (H, W) becomes r^2 channels of (H/r, W/r), each a band of its rows.

    The paper leaves the grouping open; this is the released one.

    >>> folded(torch.arange(8.0).reshape(1, 1, 4, 2), 2)[0, :, :, 0].long().tolist()
    [[0, 1], [2, 3], [4, 5], [6, 7]]
    """
    return x.reshape(len(x), -1, x.shape[2] // r, x.shape[3] // r)


def unfolded(y: Float[Tensor, "B D N"], like: Float[Tensor, "B C H W"]) -> Tensor:
    """h^-1: channels of places, flat, back to the shape of ``like``."""
    return y.reshape(like.shape)


class SCCM(nn.Module):
    """Spatio-channel correlation module: features in, the logits of a mask out."""

    def __init__(self, channels: int, r: int, config: Config) -> None:
        super().__init__()
        self.config, self.r = config, r
        wide = channels * r**2
        if config.spatial or config.channelwise:
            self.g, self.theta, self.phi = (nn.Conv2d(wide, wide, 1) for _ in range(3))
        if config.channelwise and not config.shared:
            self.theta_c, self.phi_c = (nn.Conv2d(wide, wide, 1) for _ in range(2))
        for letter, wanted in (("s", config.spatial), ("c", config.channelwise)):
            if wanted:
                self.add_module(f"W_{letter}", nn.Conv2d(channels, channels, 1))  # omega
                self.register_parameter(f"gamma_{letter}", nn.Parameter(torch.ones(1)))
        head = (nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 1, 3, padding=1))
        self.getmask = nn.Sequential(*head)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 1 H W"]:
        """Logits of the mask at this scale."""
        return self.getmask(self.correlated(x))

    def correlated(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        r""".. math:: Z = X + \alpha_s \omega_s(Y_s) + \alpha_c \omega_c(Y_c)        (eq. 4)"""
        z = x
        if self.config.spatial:
            z = z + self.gamma_s * self.W_s(self.spatial(x))
        if self.config.channelwise:
            z = z + self.gamma_c * self.W_c(self.channelwise(x))
        return z

    def _rows(self, embedding: nn.Conv2d, x: Tensor) -> Float[Tensor, "B N D"]:
        """An embedding of X', one row a place."""
        return embedding(folded(x, self.r)).flatten(2).mT

    def spatial(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        r""".. math:: Y'_s = softmax(X'_\theta X'^T_\phi) X'_g                       (eq. 2)"""
        parts = (self._rows(embedding, x)[:, None] for embedding in (self.theta, self.phi, self.g))
        y = F.scaled_dot_product_attention(*parts, scale=1.0)[:, 0]
        return unfolded(y.mT, x)

    def channelwise(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        r""".. math:: Y'_c = X'_g softmax(X'^T_\theta X'_\phi)                       (eq. 3)"""
        theta, phi = (self.theta, self.phi) if self.config.shared else (self.theta_c, self.phi_c)
        weight = (self._rows(theta, x).mT @ self._rows(phi, x)).softmax(-1)
        y = self._rows(self.g, x) @ weight
        return unfolded(y if self.config.scrambled else y.mT, x)

    def response(self, x: Float[Tensor, "B C H W"], places: Tensor) -> Float[Tensor, "B P N"]:
        """Rows of A_s: how much each chosen place, a number in 0..N-1, looks at every other."""
        theta, phi = self._rows(self.theta, x), self._rows(self.phi, x)
        return (theta[:, places] @ phi.mT).softmax(-1)


# Section III-A: progressive masks and detection


class Masks(nn.Module):
    """Masks from the coarsest scale to the finest, each conditioned on the one before."""

    def __init__(self, config: Config, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.config = config
        for scale, width, r in zip(SCALES, channels, FOLDS, strict=True):
            self.add_module(f"getmask{scale}", SCCM(width, r, config))

    def forward(self, features: list[Tensor]) -> dict[int, Float[Tensor, "B 1 h w"]]:
        r"""Mask logits by scale.

        .. math:: M_{n-1} = f_{n-1}(\tau(M_n) \cdot F_{n-1})                         (eq. 1)
        """
        return self._until(self.config.last_scale, features)

    def _until(self, last: int, features: list[Tensor]) -> dict[int, Tensor]:
        found: dict[int, Tensor] = {}
        for scale in range(SCALES[-1], last - 1, -1):
            x = self._gated(features, scale, found)
            found[scale] = self.get_submodule(f"getmask{scale}")(x)
        return found

    def _gated(self, features: list[Tensor], scale: int, found: dict[int, Tensor]) -> Tensor:
        """A scale's features under the mask of the scale before it."""
        x = features[scale - 1]
        return x if scale == SCALES[-1] else x * resize(found[scale + 1].sigmoid(), x.shape[2:])

    def correlated(self, features: list[Tensor]) -> tuple[Tensor, dict[int, Tensor]]:
        """Z at the finest scale, from which its mask is read, and the masks before it."""
        found = self._until(2, features)
        return self.getmask1.correlated(self._gated(features, 1, found)), found


class DetectionHead(nn.Module):
    """The score of an image from all four features: HRNet's own classifier, made small."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        doubled = [2 * n for n in channels]
        self.incre_modules = nn.ModuleList(
            nn.Sequential(hrnet.Bottleneck(n, n, expansion=2)) for n in channels
        )
        self.downsamp_modules = nn.ModuleList(
            ConvNorm(a, b, 3, stride=2, bias=True) for a, b in pairwise(doubled)
        )
        self.final_layer = ConvNorm(doubled[-1], 128, 1, bias=True)
        self.classifier = nn.Sequential(nn.Linear(128, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, features: list[Tensor]) -> Float[Tensor, "B 2"]:
        """Logits of authentic and forged."""
        y = self.incre_modules[0](features[0])
        for wider, down, x in zip(
            self.incre_modules[1:], self.downsamp_modules, features[1:], strict=True
        ):
            y = wider(x) + down(y)
        return self.classifier(self.final_layer(y).mean((2, 3)))


class Model(nn.Module):
    """PSCC-Net: top-down features, bottom-up masks, a score (fig. 2)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        light = hrnet.Config.light(config.width)
        self.embed_channels = light.channels[0]
        self.backbone = hrnet.HRNet(light)
        self.masks = Masks(config, light.channels)
        self.head = DetectionHead(light.channels)

    def resampled(self, features: list[Tensor]) -> list[Tensor]:
        """Features as masks and head take them: at sizes that do not grow with the image."""
        if self.config.size_px is None:
            return features
        sides = [self.config.size_px >> number for number in range(len(features))]
        return [
            x if x.shape[2:] == (side, side) else resize(x, (side, side))
            for x, side in zip(features, sides, strict=True)
        ]

    def embed(self, image: Float[Tensor, "B 3 H W"]) -> tuple[Tensor, dict[str, Tensor]]:
        """What the finest mask is read from, on which others may build, and the masks before it."""
        z, logits = self.masks.correlated(self.resampled(self.backbone(image)))
        return z, {f"logits{scale}": x.float() for scale, x in logits.items()}

    def read(self, z: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 1 h w"]:
        """Logits of the finest mask."""
        return self.masks.getmask1.getmask(z)

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> Prediction:
        """A mask for images of any size, all masks at their own scales, the image's score."""
        features = self.backbone(image)
        shared = self.resampled(features)
        logits = self.masks(shared)
        classes = self.head(shared).float()
        masks = {f"mask{scale}": x.float().sigmoid() for scale, x in logits.items()}
        finest = resize(masks[f"mask{self.config.last_scale}"], image.shape[2:])
        maps = {"feat4": features[3], "class_logits": classes, **masks}
        maps |= {f"logits{scale}": x.float() for scale, x in logits.items()}
        return Prediction(finest.logit(eps=1e-6), classes[:, 1] - classes[:, 0], maps)


# Section III-C: loss


def targets(batch: Batch, prediction: Prediction) -> dict[int, Float[Tensor, "B 1 h w"]]:
    """G_m: the mask at the size of each predicted one; a pixel is forged where over half is."""
    found = {}
    for scale in SCALES:
        if f"logits{scale}" in prediction.maps:
            size = prediction.maps[f"logits{scale}"].shape[2:]
            found[scale] = (F.adaptive_avg_pool2d(batch.mask.float(), size) > 0.5).float()
    return found


def loss(prediction: Prediction, batch: Batch, config: Config = DEFAULT) -> dict[str, Tensor]:
    r""".. math:: L_{bce}(s_d, l_d) + \frac{1}{4} \sum_m L_{bce}(M_m, G_m)           (eq. 5)"""
    label = batch.label.float()
    per_image = F.binary_cross_entropy_with_logits(prediction.score_logit, label, reduction="none")
    if config.balanced:  # released: 4 for the quarter that is authentic, 4/3 for the rest
        weight = torch.where(label > 0, 4 / 3, 4.0)
        per_image = per_image * weight / weight.mean()
    return {"score": per_image.mean()} | mask_losses(prediction, batch, config)


def mask_losses(
    prediction: Prediction, batch: Batch, config: Config = DEFAULT
) -> dict[str, Tensor]:
    """The terms of eq. 5 that teach masks; of those scales that were predicted."""
    terms = {}
    share = 1 / len(SCALES) if config.mean_of_masks else 1.0
    for scale, target in targets(batch, prediction).items():
        if scale in config.supervised:
            logits = prediction.maps[f"logits{scale}"]
            terms[f"mask{scale}"] = share * _pixel_loss(logits, target, config.balanced)
    return terms


def _pixel_loss(logits: Tensor, target: Tensor, balanced: bool) -> Tensor:
    """Cross-entropy; balanced: forged and pristine pixels of the batch weigh one half each."""
    forged = target.mean()
    weight = None
    if balanced and forged > 0:
        weight = torch.where(target > 0, 0.5 / forged, 0.5 / (1 - forged).clamp(min=1e-6))
    return F.binary_cross_entropy_with_logits(logits, target, weight)


# The released network

PARTS = {"HRNet": "backbone", "NLCDetection": "masks", "DetectionHead": "head"}


def load_released(states: Mapping[str, Mapping[str, Tensor]]) -> Model:
    """The authors' network with their three checkpoints, by part.

    Args:
        states: the state dicts of ``HRNet``, ``NLCDetection`` and ``DetectionHead``; a leading
            ``module.`` of their names is dropped.
    Raises:
        WeightsError: a part or a tensor is missing, odd or of another shape.
    """
    model = Model(Config.released()).eval()
    for theirs, ours in PARTS.items():
        if theirs not in states:
            raise WeightsError(
                f"PSCC-Net's weights lack the part {theirs}. Expected the state dicts of "
                f"{', '.join(PARTS)}. Give all three files of the authors."
            )
        part, state = model.get_submodule(ours), hrnet.renamed(states[theirs])
        remedy = "Give the authors' published files."
        require_tensors(state, part.state_dict(), f"PSCC-Net's {theirs}", remedy)
        part.load_state_dict(state)
    return model


DEPARTURES = (
    Departure(
        "backbone",
        "HRNetV2p-W18 (sec. III-A)",
        "a smaller one: one module a stage, two blocks a branch, a stem that keeps the size",
        "as released: 2,028,572 parameters, the 2.0 M that sec. IV-A3 prints",
        "the printed size is that of the small one; the stem makes F_1 as large as the image",
    ),
    Departure(
        "the folding h",
        "C r^2 maps of HW / r^2 places, their grouping left open (sec. III-B)",
        "bands of rows of each channel",
        "as released",
        "the paper does not choose, and the published weights need it",
    ),
    Departure(
        "queries of the channel-wise attention",
        "X'_g in eq. 3, X'_theta in the text below it",
        "X'_theta",
        "X'_theta",
        "text and code agree; eq. 3 looks like a slip",
    ),
    Departure(
        "axes of Y'_c",
        "h^-1 undoes h (eq. 3, 4)",
        "places and channels are read in the wrong order",
        "`scrambled`: False by default",
        "the paper is the default",
    ),
    Departure(
        "scale of the attentions",
        "none (eq. 2, 3)",
        "none",
        "none",
        "a root of the width, as elsewhere, would be another method",
    ),
    Departure(
        "loss of the masks",
        "a quarter of the sum of four cross-entropies (eq. 5)",
        "the sum, where forged and pristine pixels of a batch weigh one half each",
        "`mean_of_masks` and `balanced`: the paper's by default",
        "the paper is the default",
    ),
    Departure(
        "loss of the score",
        "binary cross-entropy of one score (eq. 5)",
        "cross-entropy of two, weighted 4 and 4/3 against their shares",
        "cross-entropy of the difference of two; `balanced` weighs it",
        "the softmax of two is the sigmoid of their difference",
    ),
    Departure(
        "masks to learn from",
        "downsampled to each scale, how is not said (sec. III-C)",
        "resized by Pillow, then above one half",
        "the mean over a cell's pixels above one half",
        "the same idea without a library's changing default",
    ),
    Departure(
        "first weights",
        "ImageNet for the backbone (sec. IV-A3)",
        "ImageNet where names match: stem, first stage and first modules",
        "from scratch",
        "those weights are not at hand offline; `hrnet.renamed` reads them where they are",
    ),
    Departure(
        "training data",
        "COCO objects and camera sets, a learned inpainter, the copy-moves of [28]; 0.38 M images",
        "lists of the same, without the images",
        "forged from photos at hand by the library: blobs, superpixels and human outlines; "
        "OpenCV's inpainting",
        "the authors' images are not to be had outside one country's storage service",
    ),
    Departure(
        "optimisation",
        "Adam, batch 10, 2e-4 halved every 5 of 25 epochs of 0.1 M images (sec. III-D, IV-A3)",
        "2e-4, 1e-4, 5e-5, 2.5e-5, 1.25e-5",
        "Adam with the profile's batch and schedule",
        "one schedule for all papers, sized by the profile's budget",
    ),
    Departure(
        "training images",
        "256 x 256 px (sec. III-D)",
        "whole photos squeezed to 256 x 256",
        "patches of photos at the profile's size; features are resampled to that size",
        "squeezing would blur the traces that small networks learn from",
    ),
)
