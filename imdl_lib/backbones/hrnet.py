"""HRNet: branches of four resolutions, computed side by side and exchanged after every stage.

Wang et al., Deep high-resolution representation learning, TPAMI 2021. Tensor names are those of
the published checkpoints, so both ImageNet weights and PSCC-Net's load by name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..layers import ConvNorm

STRIP_ROWS = 64  # of the stem outside training; even, for its half-size branch
HALO_ROWS = 6  # that a strip's border reaches into, five 3 x 3 convolutions; even too
EXPANSION = 4  # of the bottlenecks in the first stage
STAGES = (2, 3, 4)  # those with more than one branch


@dataclass(frozen=True)
class Config:
    """Defaults are HRNetV2-W18; ``light`` is what PSCC-Net uses."""

    channels: tuple[int, ...] = (18, 36, 72, 144)  # of the branches, finest first
    stem: int = 64  # channels of its convolutions
    stem_stride: int = 2  # of both convolutions of the stem
    bottlenecks: int = 4  # in the first stage
    blocks: int = 4  # in a branch of a module
    modules: tuple[int, ...] = (1, 4, 3)  # in stages 2, 3 and 4

    @staticmethod
    def light(width: float = 1.0) -> "Config":
        """PSCC-Net's: a stem that keeps the size, and one small module a stage."""
        stem, *channels = (max(4, round(n * width)) for n in (64, 18, 36, 72, 144))
        return Config(tuple(channels), stem, 1, bottlenecks=2, blocks=2, modules=(1, 1, 1))


class Basic(nn.Module):
    """Two 3 x 3 convolutions beside an identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(channels, channels, 3)
        self.conv2 = ConvNorm(channels, channels, 3, relu=False)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """The block's output, at the input's size."""
        return F.relu(self.conv2(self.conv1(x)) + x)


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions beside a projection where the channels change."""

    def __init__(self, channels_in: int, channels: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        self.conv1 = ConvNorm(channels_in, channels, 1)
        self.conv2 = ConvNorm(channels, channels, 3)
        self.conv3 = ConvNorm(channels, wide, 1, relu=False)
        same = channels_in == wide
        self.downsample = None if same else ConvNorm(channels_in, wide, 1, relu=False)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        """The block's output, at the input's size."""
        beside = x if self.downsample is None else self.downsample(x)
        return F.relu(self.conv3(self.conv2(self.conv1(x))) + beside)


class Exchange(nn.Module):
    """One module: blocks in every branch, then each branch receives the sum of all."""

    def __init__(self, channels: tuple[int, ...], blocks: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(Basic(n) for _ in range(blocks))) for n in channels
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_path(channels, source, target) for source in range(len(channels)))
            for target in range(len(channels))
        )

    def forward(self, branches: list[Tensor]) -> list[Tensor]:
        """Branches of the same number and sizes."""
        branches = [block(x) for block, x in zip(self.branches, branches, strict=True)]
        return [
            F.relu(sum(_resized(p(x), own) for p, x in zip(paths, branches, strict=True)))
            for paths, own in zip(self.fuse_layers, branches, strict=True)
        ]


def _path(channels: tuple[int, ...], source: int, target: int) -> nn.Module:
    """From one branch to another: a projection upwards, halvings downwards."""
    if source == target:
        return nn.Identity()
    if source > target:
        return ConvNorm(channels[source], channels[target], 1, relu=False)
    steps = target - source
    wanted = [channels[source]] * (steps - 1) + [channels[target]]
    return nn.Sequential(
        *(
            ConvNorm(channels[source], n, 3, stride=2, relu=number < steps - 1)
            for number, n in enumerate(wanted)
        )
    )


def _resized(x: Tensor, like: Tensor) -> Tensor:
    return resize(x, like.shape[2:]) if x.shape[2:] != like.shape[2:] else x


def resize(x: Float[Tensor, "B C H W"], size: tuple[int, int]) -> Float[Tensor, "B C h w"]:
    """Bilinear, with corners aligned, as all of PSCC-Net's resampling."""
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=True)


class HRNet(nn.Module):
    """Four feature maps, the finest first; each next one has half the sides."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, channels = config, config.channels
        stem, wide = config.stem, config.stem * EXPANSION
        self.conv1 = ConvNorm(3, stem, 3, config.stem_stride)
        self.conv2 = ConvNorm(stem, stem, 3, config.stem_stride)
        self.layer1 = nn.Sequential(
            *(Bottleneck(wide if n else stem, stem, EXPANSION) for n in range(config.bottlenecks))
        )
        self.transition1 = nn.ModuleList(
            [
                ConvNorm(wide, channels[0], 3),
                nn.Sequential(ConvNorm(wide, channels[1], 3, stride=2)),
            ]
        )
        self.transition2 = _new_branch(channels, 2)
        self.transition3 = _new_branch(channels, 3)
        for stage, modules in zip(STAGES, config.modules, strict=True):
            exchanges = (Exchange(channels[:stage], config.blocks) for _ in range(modules))
            self.add_module(f"stage{stage}", nn.Sequential(*exchanges))

    def stem(self, image: Float[Tensor, "B 3 H W"]) -> list[Tensor]:
        """What runs at full size with many channels: all up to the first two branches."""
        x = self.layer1(self.conv2(self.conv1(image)))
        return [branch(x) for branch in self.transition1]

    def _stem_in_strips(self, image: Float[Tensor, "B 3 H W"]) -> list[Tensor]:
        """The same numbers strip by strip, so that its 256 channels never exist at full size."""
        height, halves, found = image.shape[2], 2, []
        for top in range(0, height, STRIP_ROWS):
            start, stop = max(0, top - HALO_ROWS), top + STRIP_ROWS + HALO_ROWS
            strip = self.stem(image[:, :, start:stop])
            skip = top - start
            whole = strip[0][:, :, skip : skip + STRIP_ROWS]
            half = strip[1][:, :, skip // halves : (skip + STRIP_ROWS) // halves]
            found.append((whole, half))
        return [torch.cat(parts, 2) for parts in zip(*found, strict=True)]

    def forward(self, image: Float[Tensor, "B 3 H W"]) -> list[Tensor]:
        """Features of an image in [0, 1], at 1, 1/2, 1/4 and 1/8 of the stem's size."""
        tall = self.config.stem_stride == 1 and image.shape[2] > STRIP_ROWS + HALO_ROWS
        in_strips = tall and not self.training and not torch.is_grad_enabled()
        branches = self._stem_in_strips(image) if in_strips else self.stem(image)
        for stage in STAGES:
            branches = self.advanced(stage, branches)
        return branches

    def advanced(self, stage: int, branches: list[Tensor]) -> list[Tensor]:
        """Branches after one of ``STAGES``, given those after the one before; 3 and 4 add one."""
        if stage > STAGES[0]:
            new = self.get_submodule(f"transition{stage - 1}")[stage - 1]
            branches = [*branches, new(branches[-1])]
        return self.get_submodule(f"stage{stage}")(branches)


def _new_branch(channels: tuple[int, ...], number: int) -> nn.ModuleList:
    made = nn.Sequential(ConvNorm(channels[number - 1], channels[number], 3, stride=2))
    return nn.ModuleList([*(nn.Identity() for _ in range(number)), made])


def renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a published checkpoint under the names that they have here.

    A convolution and its normalisation are one ``ConvNorm`` here, two neighbours there.

    >>> tensor = torch.zeros(1)
    >>> list(renamed({"module.layer1.0.conv2.weight": tensor, "layer1.0.bn2.bias": tensor}))
    ['layer1.0.conv2.0.weight', 'layer1.0.conv2.1.bias']
    """
    found = {}
    for name, tensor in state.items():
        name = re.sub(r"\bbn(\d)\.", r"conv\1.1.", name.removeprefix("module."))
        found[re.sub(r"\bconv(\d)\.(weight|bias)", r"conv\1.0.\2", name)] = tensor
    return found
