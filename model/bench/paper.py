"""Networks of the size that Lumiere's must at least have had, with random weights: what the benchmarks measure.

The paper gives no widths. These are multiples of 128, which tensor cores and their kernels are made for.
"""

from typing import NamedTuple

import torch
from torch import nn

from model.image_unet import ImageUNet, ImageUNetConfig
from model.stunet import InflationConfig, STUNet, inflate


class Sizes(NamedTuple):
    """A video network, and one call of it."""

    image: ImageUNetConfig
    inflation: InflationConfig
    shape: tuple[int, int, int, int, int]  # b c t h w, what is seen beside the noisy clip among the channels

    def made(self, device: str | torch.device, dtype: torch.dtype, seed: int = 0) -> STUNet:
        """With random weights, none of them silent: products of zeros take less power, and so less time."""
        torch.manual_seed(seed)
        with torch.device(device):
            network = inflate(ImageUNet(self.image), self.inflation)
        with torch.no_grad():
            for module in network.modules():
                if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                    module.weight.normal_(std=0.02)
        placed: STUNet = network.requires_grad_(False).eval().to(dtype=dtype)
        return placed.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


PAPER_BASE = Sizes(
    ImageUNetConfig(
        patch=2,
        widths=(384, 896, 1536),
        blocks=(1, 3, 4),
        cross_attention=(False, True, True),
        self_attention=(False, False, True),
        embedding=1024,
        text_dim=4096,
    ),
    InflationConfig(inner=1.0, attention_blocks=1, embedding=1024),
    (1, 3, 80, 128, 128),
)
PAPER_SSR = Sizes(
    ImageUNetConfig(
        in_channels=6,
        patch=8,
        widths=(256, 768, 1536),
        blocks=(1, 3, 4),
        cross_attention=(False, False, False),
        self_attention=(False, False, False),
        embedding=512,
        text_dim=0,
        scalars=2,
    ),
    InflationConfig(inner=1.0, attention_blocks=1, places=False, embedding=512),
    (1, 6, 28, 1024, 1024),
)
