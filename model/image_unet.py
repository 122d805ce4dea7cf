"""The text-to-image network that Lumiere inflates: a pixel-space U-Net over unshuffled patches."""

from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from model.layers import (
    Conditioner,
    CrossAttention,
    KeysValues,
    Norm,
    ResBlock,
    SpatialAttention,
    TextStates,
    zeroed,
)


@dataclass(frozen=True)
class ImageUNetConfig:
    """Sizes of an image network. One level more halves height and width once more."""

    in_channels: int = 3  # 3 noisy; 6 with the upsampled low-resolution picture beside it
    patch: int = 4  # pixels a side that the stem folds into channels
    widths: tuple[int, ...] = (128, 256, 320)  # channels of each level, finest first
    blocks: tuple[int, ...] = (1, 2, 3)  # residual blocks of each level, on each side
    cross_attention: tuple[bool, ...] = (False, True, True)
    self_attention: tuple[bool, ...] = (False, False, True)
    embedding: int = 256  # width of the conditioning vector
    text_dim: int = 384  # width of the text encoder's states; 0 = the network takes no text
    scalars: int = 0  # further conditioning numbers, such as the augmentation level

    def __post_init__(self) -> None:
        lengths = {len(self.widths), len(self.blocks), len(self.cross_attention), len(self.self_attention)}
        if len(lengths) != 1:
            raise ValueError(f"widths, blocks and attentions must name as many levels: got {sorted(lengths)}")
        if not self.text_dim and (any(self.cross_attention) or not self.scalars):
            raise ValueError(
                "a network without text (text_dim = 0) has no cross-attention, and needs scalars"
            )

    @property
    def divisor(self) -> int:
        """Height and width must be multiples of this many pixels."""
        return int(self.patch * 2 ** (len(self.widths) - 1))


class Context(NamedTuple):
    """What a network keeps of a request for all its steps: the pooled vector, and text keys and values by layer."""

    vector: Float[Tensor, "b e"]
    text: tuple[KeysValues, ...]


class Block(nn.Module):
    """A residual block, then the attentions of its level."""

    def __init__(self, config: ImageUNetConfig, level: int) -> None:
        super().__init__()
        channels = config.widths[level]
        self.res = ResBlock(channels, config.embedding)
        self.spatial = SpatialAttention(channels) if config.self_attention[level] else None
        self.cross = CrossAttention(channels, config.text_dim) if config.cross_attention[level] else None

    def forward(self, x: Tensor, vector: Tensor, text: KeysValues | None) -> Tensor:
        x = self.res(x, vector)
        if self.spatial is not None:
            x = self.spatial(x)
        if self.cross is not None and text is not None:
            x = self.cross(x, text)
        return x


class Side(nn.Module):
    """The blocks of one level on one side of the U."""

    def __init__(self, config: ImageUNetConfig, level: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(config, level) for _ in range(config.blocks[level]))


def unshuffled(x: Float[Tensor, "n c H W"], patch: int) -> Float[Tensor, "n d h w"]:
    """F.pixel_unshuffle, channels last in memory: one pass, where that and a change of layout take eight times as
    long on CPUs."""
    rows = rearrange(x, "n c (h p) (w q) -> n h w (c p q)", p=patch, q=patch)
    return rearrange(rows, "n h w d -> n d h w")


def shuffled(x: Float[Tensor, "n d h w"], patch: int) -> Float[Tensor, "n c H W"]:
    """F.pixel_shuffle, in the order of pixels in memory, whatever that of x."""
    return rearrange(x, "n (c p q) h w -> n c (h p) (w q)", p=patch, q=patch)


class ImageUNet(nn.Module):
    """(b, in_channels, h, w), noise level (b,), context -> (b, 3, h, w): estimate of clean x."""

    def __init__(self, config: ImageUNetConfig) -> None:
        super().__init__()
        self.config = config
        widths, levels = config.widths, range(len(config.widths))
        self.conditioner = Conditioner(config.embedding, config.text_dim, config.scalars)
        self.stem = nn.Conv2d(config.in_channels * config.patch**2, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(
            Side(config, level) for level in levels
        )  # the last one is the bottom of the U
        self.downs = nn.ModuleList(nn.Conv2d(widths[k], widths[k + 1], 2, stride=2) for k in levels[:-1])
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(widths[k + 1], widths[k], 2, stride=2) for k in levels[:-1]
        )
        self.merges = nn.ModuleList(nn.Conv2d(2 * widths[k], widths[k], 1) for k in levels[:-1])
        self.decoder = nn.ModuleList(Side(config, level) for level in levels[:-1])
        self.head_norm = Norm(widths[0])
        self.head = zeroed(nn.Conv2d(widths[0], 3 * config.patch**2, 3, padding=1))

    def read(self, text: TextStates | None = None, scalars: Float[Tensor, "b s"] | None = None) -> Context:
        """Project the text and scalars of a request once, for all its steps and frames."""
        layers = [block.cross for side in (*self.encoder, *self.decoder) for block in side.blocks]
        read = tuple(layer.read(text) for layer in layers if layer is not None and text is not None)
        return Context(self.conditioner.read(text, scalars), read)

    def entry(self, x: Float[Tensor, "n c H W"]) -> Float[Tensor, "n d h w"]:
        """Pixels -> features of the finest level."""
        height, width = x.shape[-2:]
        if height % self.config.divisor or width % self.config.divisor:
            raise ValueError(f"{height}x{width} pixels are not divisible by {self.config.divisor}")
        y: Tensor = self.stem(unshuffled(x, self.config.patch))
        return y

    def exit(self, x: Float[Tensor, "n d h w"]) -> Float[Tensor, "n 3 H W"]:
        """Features of the finest level -> pixels."""
        return shuffled(self.head(F.silu(self.head_norm(x))), self.config.patch)

    def forward(
        self, x: Float[Tensor, "b c h w"], sigma: Float[Tensor, " b"], context: Context
    ) -> Float[Tensor, "b 3 h w"]:
        vector, text = self.conditioner(sigma, context.vector), iter(context.text)
        skips: list[Tensor] = []
        x = self.entry(x)
        for level, side in enumerate(cast("list[Side]", self.encoder)):
            if level:
                skips.append(x)
                x = self.downs[level - 1](x)
            for block in side.blocks:
                x = block(x, vector, next(text) if block.cross is not None else None)
        for level, side in reversed(list(enumerate(cast("list[Side]", self.decoder)))):
            x = self.merges[level](torch.cat([self.ups[level](x), skips.pop()], dim=1))
            for block in side.blocks:
                x = block(x, vector, next(text) if block.cross is not None else None)
        return self.exit(x)
