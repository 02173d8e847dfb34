"""ManTra-Net: manipulation tracing network for detection and localization of image forgeries.

Wu, AbdAlmageed, Natarajan; CVPR 2019.

A network first learns traces by telling 385 manipulations of whole patches apart. A pixel is
then forged where its trace deviates from the traces around it, measured as a Z-score against the
mean of the whole image and of windows. A convolutional LSTM reads these deviations from far to
near.

================  =====================================  ==========
paper             code                                   where
================  =====================================  ==========
F                 ``feature``                            eq. 1
mu_F              ``global_mean``                        eq. 1
D_F               ``deviations`` (``deviation="raw"``)   eq. 2
Z_F               ``deviations`` (``deviation="z"``)     eq. 3
sigma_F           ``global_sigma``, squared in           eq. 4
                  ``Deviation.forward``
epsilon, w_sigma  ``config.epsilon``, ``floor``          eq. 5
mu_F^{n x n}      ``box_mean(feature, n)``               eq. 6
Z*_F              ``Deviation.forward``                  eq. 7
================  =====================================  ==========
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..batch import Batch, Prediction
from ..errors import RegistryError
from ..layers import BayarConv2d, SRMConv2d, SymmetricConv2d, glorot, pad_symmetric, require_tensors
from ..manipulations import CLASSES, HIERARCHY
from . import Departure

BACKBONES = ("vgg", "resnet", "dncnn")
FIRST_LAYERS = ("conv3", "conv5", "bayar", "srm", "combined")


@dataclass(frozen=True)
class Config:
    """Defaults are the paper's; ``released()`` is the network of the public PyTorch port."""

    backbone: str = "vgg"  # sec. 3.1: vgg, resnet or dncnn
    first_layer: str = "combined"  # table 3: conv3, conv5, bayar, srm or combined
    wider: bool = True  # table 5: 32 k filters in place of 16 k
    deeper: bool = True  # table 5: 14 convolutions in place of 11
    level: int = 5  # hierarchy level of the classification: 7, 25, 49, 96, 185, 385 classes
    decision_stride: int = 1  # classes are decided at every pixel; more saves training time
    deviation: str = "z"  # table 6: "raw" (eq. 2) or "z" (eq. 3)
    windows: tuple[int, ...] = (7, 15, 31)  # px, table 6; the whole image always joins
    stack: str = "time"  # table 6: "channel" (FAC) or "time" (TAC)
    far_to_near: bool = True  # sec. 4.1; released: near to far, the whole image last
    signed: bool = True  # eq. 3; released: |Z|
    hard_gates: bool = False  # released: gates clamp(0.2 x + 0.5) in place of a sigmoid
    epsilon: float = 1e-5  # eq. 5; released: 1e-6
    srm_per_channel: bool = False  # table 3: 3 SRM maps; released: 9
    first_filters: int | None = None  # maps of the first layer; released: 16
    width: float = 1.0  # share of all channels; the paper's is 1

    def __post_init__(self) -> None:
        for name, known in (
            ("backbone", BACKBONES),
            ("first_layer", FIRST_LAYERS),
            ("deviation", ("raw", "z")),
            ("stack", ("channel", "time")),
            ("level", tuple(range(6))),
        ):
            if (value := getattr(self, name)) not in known:
                choice = ", ".join(map(str, known))
                raise RegistryError(
                    f"ManTra-Net's {name} is {value!r}, which does not exist. Choose from {choice}."
                )

    @staticmethod
    def released() -> "Config":
        """The network whose converted weights the public PyTorch port distributes."""
        return Config(
            far_to_near=False,
            signed=False,
            hard_gates=True,
            epsilon=1e-6,
            srm_per_channel=True,
            first_filters=16,
        )

    def channels(self, full: int) -> int:
        """Channels of a layer that has ``full`` of them in the paper."""
        return max(4, round(full * self.width))


# Section 3.1: backbones of manipulation classification


class FirstLayer(nn.Module):
    """The five first layers of table 3; no bias but in the plain ones."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        full = 72 if config.backbone == "dncnn" else 32 if config.wider else 16
        kind, total = config.first_layer, config.first_filters or full
        self.free = self.srm = self.bayar = None
        if kind == "srm" or kind == "combined":
            self.srm = SRMConv2d(config.srm_per_channel)
        if kind == "bayar" or kind == "combined":
            self.bayar = BayarConv2d(3)
        fixed = sum(len(part.weight) for part in (self.srm, self.bayar) if part is not None)
        if kind in ("conv3", "conv5"):
            self.free = SymmetricConv2d(3, config.channels(total), int(kind[-1]))
        elif kind == "combined":
            free = max(2, round(config.width * (total - fixed)))
            self.free = SymmetricConv2d(3, free, 5, bias=False)
        self.parts = [part for part in (self.free, self.srm, self.bayar) if part is not None]
        self.channels = fixed + (self.free.out_channels if self.free is not None else 0)

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C H W"]:
        """Free, SRM and Bayar maps, in that order."""
        return torch.cat([part(image) for part in self.parts], 1)


def vgg(config: Config, channels: int) -> nn.Sequential:
    """IMC-VGG below its first layer (tables 2 and 5); filters grow geometrically."""
    unit = 32 if config.wider else 16
    repeats = (1, 2, 3, 3 if config.deeper else 2)
    widths = [unit << block for block, times in enumerate(repeats) for _ in range(times)]
    widths += [256, 256] if config.deeper else []
    layers: list[nn.Module] = []
    for full in widths:
        layers += [SymmetricConv2d(channels, config.channels(full), 3), nn.ReLU()]
        channels = config.channels(full)
    last = config.channels(256 if config.wider or config.deeper else 128)
    return nn.Sequential(*layers, SymmetricConv2d(channels, last, 3))


class Residual(nn.Module):
    """Two convolutions beside a projection: IMC-ResNet's unit (table 2)."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.first = SymmetricConv2d(channels_in, channels, 3)
        self.second = SymmetricConv2d(channels, channels, 3)
        self.norm = nn.BatchNorm2d(channels)
        same = channels_in == channels
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels_in, channels, 1)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        """The unit's output, at the input's size."""
        return F.relu(self.norm(self.second(F.relu(self.first(x)))) + self.shortcut(x))


def resnet(config: Config, channels: int) -> nn.Sequential:
    """IMC-ResNet below its first layer (table 2)."""
    layers: list[nn.Module] = []
    for full in (16, 32, 64, 128):
        layers.append(Residual(channels, config.channels(full)))
        channels = config.channels(full)
    return nn.Sequential(*layers, SymmetricConv2d(channels, config.channels(128), 3))


def dncnn(config: Config, channels: int) -> nn.Sequential:
    """IMC-DnCNN below its first layer (table 2)."""
    width, layers = config.channels(72), []
    for _ in range(9):
        layers += [SymmetricConv2d(channels, width, 3), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, SymmetricConv2d(width, config.channels(128), 3))


class Trace(nn.Module):
    """The manipulation-trace feature: a fully convolutional network, unit length at each pixel."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.first = FirstLayer(config)
        body = {"vgg": vgg, "resnet": resnet, "dncnn": dncnn}[config.backbone]
        self.body = body(config, self.first.channels)
        self.channels = self.body[-1].out_channels

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C H W"]:
        """The trace feature of an image in [0, 1]."""
        return F.normalize(self.body(F.relu(self.first(2 * image - 1))), dim=1)


class ImcModel(nn.Module):
    """Image manipulation classification (sec. 3): the class of every pixel's neighbourhood."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.trace = Trace(config)
        self.decision = nn.Conv2d(self.trace.channels, CLASSES[config.level], 3)
        self.apply(glorot)

    def features(self, image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C H W"]:
        """The trace feature."""
        return self.trace(image)

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B K h w"]:
        """Class logits on the decision's grid."""
        return self.decided(image, self.config.decision_stride)

    def decided(self, image: Float[Tensor, "B 3 H W"], stride: int) -> Float[Tensor, "B K h w"]:
        """Class logits at every ``stride``-th pixel; 1 gives the membership map of fig. 3b."""
        padded = pad_symmetric(self.trace(image), 1)
        return F.conv2d(padded, self.decision.weight, self.decision.bias, stride)

    @property
    def conv_layers(self) -> int:
        """Convolutions in a row, projections of shortcuts left out (table 2)."""
        kernels = [m for m in self.trace.body.modules() if isinstance(m, SymmetricConv2d)]
        return 1 + len(kernels) + 1

    @property
    def receptive_field_px(self) -> int:
        """Side of the square of pixels that a decision can see."""
        first = max(part.weight.shape[-1] for part in self.trace.first.parts)
        return first + 2 * (self.conv_layers - 1)


def imc_probabilities(logits: Float[Tensor, "B K h w"]) -> Float[Tensor, "B K"]:
    """Class probabilities of an image: the mean over its pixels."""
    return logits.float().softmax(1).mean((2, 3))


def imc_loss(logits: Float[Tensor, "B K h w"], batch: Batch) -> dict[str, Tensor]:
    """Cross-entropy of every pixel, averaged (sec. 2.3)."""
    level = CLASSES.index(logits.shape[1])
    classes = torch.tensor(HIERARCHY[level]).to(logits.device)[batch.operation]
    target = classes[:, None, None].expand(-1, *logits.shape[2:])
    return {"class": F.cross_entropy(logits.float(), target)}


# Section 4.1: anomalous features


def box_mean(feature: Float[Tensor, "B C H W"], window: int) -> Float[Tensor, "B C H W"]:
    r"""Mean over the part of a window that lies inside the image, by running sums.

    .. math:: \mu_F^{n \times n}[i, j]                                               (eq. 6)

    The cost does not grow with the window. The image's mean is taken out first, so that sums
    stay small and single precision suffices.

    >>> box_mean(torch.tensor([[[[1.0, 2.0, 6.0]]]]), 3)
    tensor([[[[1.5000, 3.0000, 4.0000]]]])
    """
    centre = feature.mean((2, 3), keepdim=True)
    sums = _window_sums(_window_sums(feature - centre, window, 2), window, 3)
    counts = [_counts(n, window, feature) for n in feature.shape[2:]]
    return sums / (counts[0][:, None] * counts[1]) + centre


def _window_sums(x: Tensor, window: int, axis: int) -> Tensor:
    """Sums of zero-padded neighbours along an axis: differences of one running sum."""
    reach, size = window // 2, x.shape[axis]
    pad = (reach + 1, reach) if axis == 3 else (0, 0, reach + 1, reach)
    total = F.pad(x, pad).cumsum(axis)
    return total.narrow(axis, 2 * reach + 1, size) - total.narrow(axis, 0, size)


def _counts(size: int, window: int, like: Tensor) -> Float[Tensor, " n"]:
    places = torch.arange(size, device=like.device)
    reach = window // 2
    span = (places + reach).clamp(max=size - 1) - (places - reach).clamp(min=0) + 1
    return span.to(like.dtype)


def global_mean(feature: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C 1 1"]:
    r""".. math:: \mu_F = \sum_{ij} F[i, j] / (HW)                                   (eq. 1)"""
    return feature.mean((2, 3), keepdim=True)


def global_sigma(feature: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C 1 1"]:
    r""".. math:: \sigma_F^2 = \sum_{ij} F[i, j]^2 / (HW) - \mu_F^2                   (eq. 4)"""
    return feature.var((2, 3), unbiased=False, keepdim=True).sqrt()


class Deviation(nn.Module):
    """How far each feature lies from the dominant one, near and far (eq. 2 to 7)."""

    def __init__(self, config: Config, channels: int) -> None:
        super().__init__()
        self.config = config
        self.floor = nn.Parameter(torch.zeros(1, channels, 1, 1))  # w_sigma

    def forward(self, feature: Float[Tensor, "B C H W"]) -> Float[Tensor, "T B C H W"]:
        """One deviation per window and one for the whole image, in reading order."""
        feature = feature.float()  # sums and variances need full precision
        means = [box_mean(feature, n) for n in self.config.windows] + [global_mean(feature)]
        stacked = torch.stack([feature - mean for mean in means])  # (T, B, C, H, W)
        if self.config.deviation == "z":
            floor = self.config.epsilon + self.floor.clamp(min=0)
            # eq. 3 and 5, with the maximum of squares: a root's slope at 0 is infinite
            variance = feature.var((2, 3), unbiased=False, keepdim=True)
            stacked = stacked / torch.maximum(variance, floor**2).sqrt()
        if not self.config.signed:
            stacked = stacked.abs()
        return stacked.flip(0) if self.config.far_to_near else stacked


def hard_sigmoid(x: Tensor) -> Tensor:
    """Keras' piecewise linear gate, clamp(0.2 x + 0.5)."""
    return (0.2 * x + 0.5).clamp(0, 1)


def normalise(feature: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
    """Zero mean and unit variance of each image and channel; a single pixel becomes zero."""
    variance = feature.var((2, 3), unbiased=False, keepdim=True)
    return (feature - global_mean(feature)) / (variance + 1e-3).sqrt()


class ConvLSTM(nn.Module):
    """Convolutional LSTM (Shi et al., 2015) that returns its last hidden state."""

    def __init__(self, channels: int, hidden: int, hard: bool, kernel: int = 7) -> None:
        super().__init__()
        self.hidden = hidden
        self.gate = hard_sigmoid if hard else torch.sigmoid
        self.gates = nn.Conv2d(channels + hidden, 4 * hidden, kernel, padding=kernel // 2)

    def forward(self, sequence: Float[Tensor, "T B C H W"]) -> Float[Tensor, "B D H W"]:
        """Read a sequence; gates in the order input, forget, candidate, output.

        What comes from the input is convolved for all times at once.
        """
        times, batch = sequence.shape[:2]
        split = sequence.shape[2]
        weight, bias, pad = self.gates.weight, self.gates.bias, self.gates.padding
        given = F.conv2d(sequence.flatten(0, 1), weight[:, :split], bias, padding=pad)
        given = given.unflatten(0, (times, batch))
        hidden = cell = None
        for gates in given:
            if hidden is not None:
                gates = gates + F.conv2d(hidden, weight[:, split:], padding=pad)
            i, f, g, o = gates.split(self.hidden, 1)
            fresh = self.gate(i) * g.tanh()
            cell = fresh if cell is None else self.gate(f) * cell + fresh
            hidden = self.gate(o) * cell.tanh()
        return hidden


class Together(nn.Module):
    """All deviations read at once, stacked along channels (FAC, sec. 4.1)."""

    def __init__(self, channels: int, hidden: int, kernel: int = 7) -> None:
        super().__init__()
        self.mix = nn.Conv2d(channels, hidden, kernel, padding=kernel // 2)

    def forward(self, sequence: Float[Tensor, "T B C H W"]) -> Float[Tensor, "B D H W"]:
        """One convolution over all of them."""
        return self.mix(sequence.transpose(0, 1).flatten(1, 2)).tanh()


class Model(nn.Module):
    """ManTra-Net: traces, adaptation, deviations, decision (fig. 2)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        channels, hidden = config.channels(64), config.channels(8)
        self.trace = Trace(config)
        self.adapt = nn.Conv2d(self.trace.channels, channels, 1, bias=False)
        self.deviation = Deviation(config, channels)
        if config.stack == "time":
            self.read: nn.Module = ConvLSTM(channels, hidden, config.hard_gates)
        else:
            self.read = Together(channels * (len(config.windows) + 1), hidden)
        self.decide = nn.Conv2d(hidden, 1, 7, padding=3)
        self.apply(glorot)

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> Prediction:
        """A map for images of any size; an image's score is the mean of its map (sec. 5.1)."""
        featex = self.trace(image)
        adapted = self.adapt(featex).float()
        if self.config.deviation == "z":  # per image, it would turn D_F into Z_F
            adapted = normalise(adapted)
        logits = self.decide(self.read(self.deviation(adapted)))
        score = logits.float().sigmoid().mean((1, 2, 3)).logit(eps=1e-6)
        return Prediction(logits, score, {"featex": featex})


def loss(prediction: Prediction, batch: Batch) -> dict[str, Tensor]:
    """Cross-entropy of every pixel (sec. 2.3)."""
    target = batch.mask.float()
    return {"mask": F.binary_cross_entropy_with_logits(prediction.logits.float(), target)}


# The released network


REMEDY = (
    "Give the state dict of the converted PyTorch weights; the authors' Keras file is not read."
)


def load_released(state: Mapping[str, Tensor]) -> Model:
    """The public PyTorch port's network with its tensors, as that port names them.

    Raises:
        WeightsError: a tensor is missing, odd or of another shape.
    """
    state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    model = Model(Config.released()).eval()
    names = released_names(model)
    wanted = {names[ours]: tensor for ours, tensor in model.state_dict().items()}
    require_tensors(state, wanted, "the port's ManTra-Net", REMEDY)
    model.load_state_dict({ours: state[theirs] for ours, theirs in names.items()})
    return model


def released_names(model: Model) -> dict[str, str]:
    """The port's name of each of our tensors."""
    names = {
        "trace.first.free.weight": "IMTFE.init_conv.weight",
        "trace.first.srm.weight": "IMTFE.SRMConv2D.weight",
        "trace.first.bayar.weight": "IMTFE.BayarConv2D.weight",
        "adapt.weight": "AnomalyDetector.adaptation.weight",
        "deviation.floor": "AnomalyDetector.sigma_F",
    }
    for part, theirs in (("read.gates", "conv_lstm.cell_list.0.conv"), ("decide", "end.0")):
        for kind in ("weight", "bias"):
            names[f"{part}.{kind}"] = f"AnomalyDetector.{theirs}.{kind}"
    for name in model.state_dict():
        if name.startswith("trace.body."):
            names[name] = name.replace("trace.body.", "IMTFE.middle_and_last_block.")
    return names


DEPARTURES = (
    Departure(
        "filters of the blocks",
        "16 k and 32 k with k the block's number (table 2)",
        "16, 32, 64, 128 and 32, 64, 128, 256",
        "as released",
        "only doubling gives table 2's 487 K parameters: 486,103; counting up gives 218,663",
    ),
    Departure(
        "parameters of IMC-ResNet",
        "465 K, 14 convolutions, four units (table 2)",
        "not released",
        "462,951: four units of 16, 32, 64, 128 filters, 11 convolutions and three projections",
        "the printed list gives no count of its own; ours is within 0.5 %",
    ),
    Departure(
        "parameters of IMC-DnCNN",
        "482 K, 12 convolutions of 72 filters (table 2)",
        "not released",
        "515,007, as the printed list adds up to",
        "the printed count does not follow from the printed list; ours is 6.8 % larger",
    ),
    Departure(
        "SRM maps of the first layer",
        "3 (table 3: 10 + 3 + 3)",
        "9, one kernel on each colour",
        "`srm_per_channel`: 3 by default",
        "the paper is the default",
    ),
    Departure(
        "first layer of the trace extractor",
        "32 maps (table 5, wider)",
        "16 in the released model, by mistake as its authors say",
        "`first_filters`: 32 by default",
        "the paper is the default",
    ),
    Departure(
        "sign of Z",
        "Z = D / sigma (eq. 3)",
        "|Z|",
        "`signed`: True by default",
        "the paper is the default",
    ),
    Departure(
        "sigma of windows",
        "sigma of the whole feature (eq. 4); none is defined for windows",
        "one sigma for all windows",
        "as released",
        "eq. 4 is the only sigma that the paper defines",
    ),
    Departure(
        "order of reading",
        "far to near (sec. 4.1)",
        "7, 15, 31, whole image: near to far",
        "`far_to_near`: True by default",
        "the paper is the default",
    ),
    Departure(
        "floor of sigma",
        "epsilon = 1e-5 (eq. 5)",
        "1e-6",
        "`epsilon`: 1e-5 by default",
        "the paper is the default; after normalisation sigma is near 1 in ours and in the port, so "
        "the learned floor is not reached and keeps its first value",
    ),
    Departure(
        "gates of the ConvLSTM",
        "not stated; its reference uses sigmoids",
        "clamp(0.2 x + 0.5), Keras' default",
        "`hard_gates`: sigmoids by default",
        "the reference is the default",
    ),
    Departure(
        "normalisation after adaptation",
        "not stated",
        "batch normalisation; the port uses the batch's own statistics",
        "each image's own statistics, and none before the raw deviation D_F",
        "a result must not depend on its neighbours; per image, D_F would become Z_F",
    ),
    Departure(
        "initial weights",
        "not stated",
        "Keras' defaults: Glorot uniform weights, zero biases",
        "as released",
        "under torch's defaults the unit-length feature of the plain networks is constant over "
        "pixels and images, and nothing is learned",
    ),
    Departure(
        "reading without time (FAC and D_F)",
        "not stated what replaces the ConvLSTM",
        "not released",
        "one 7 x 7 convolution to 8 maps, tanh",
        "the ConvLSTM's kernel, width and range without its memory; it has fewer weights",
    ),
    Departure(
        "loss of manipulation classification",
        "cross-entropy; per pixel or per image is not stated",
        "not released",
        "of every pixel, averaged; an image's class is the mean probability. Our runs decide on "
        "every fourth pixel of a row and column (`decision_stride`)",
        "the network is fully convolutional; the grid saves most of 385 softmaxes a pixel",
    ),
    Departure(
        "operators behind the 385 names",
        "named in a figure, without definitions",
        "not released",
        "OpenCV, Pillow and PyWavelets, see `manipulations.py`",
        "nothing more is known",
    ),
    Departure(
        "the hierarchy",
        "7, 25, 49, 96, 185, 385 classes (table 4)",
        "a figure with 380 leaves and 7, 27, 49, 96, 191, 380 classes",
        "the paper's counts: five leaves are invented (HistEq C = 0; wavelet strengths 11, 13, "
        "15, 17), four double-JPEG classes merged into two, and Quantization, AutoContrast and "
        "HistEq lose their split at HL4",
        "the smallest changes that give the printed counts",
    ),
)
