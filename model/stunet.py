"""The Space-Time U-Net: a frozen image network, and the temporal layers around it (Lumiere, section 3.1)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from model.conditioning import CHANNELS
from model.image_unet import Context, ImageUNet, ImageUNetConfig, Side, unshuffled
from model.inflation import AttentionInflation, Clock, ConvInflation, TemporalDown, TemporalUp
from model.layers import Conditioner, KeysValues, TextStates, zeroed


class InflationError(ValueError):
    """A clip or a delta that does not fit the network."""


@dataclass(frozen=True)
class InflationConfig:
    """Sizes of the temporal layers; the image network's own are in its own config."""

    kernel: int = 3  # frames of every temporal convolution, odd
    inner: float = 0.5  # width of a convolution-based block, as a share of its level's channels
    attention_blocks: int = 2  # attention-based blocks stacked after each image block of the coarsest level
    places: bool = True  # the coarsest level knows where in the picture it is: not for crops
    embedding: int = 256  # width of the temporal layers' own conditioning vector
    conditioned: bool = False  # sees what is known of the clip beside the noisy one (model/conditioning.py)

    def __post_init__(self) -> None:
        if self.kernel % 2 == 0:
            raise InflationError(
                f"a temporal kernel must be odd to keep the number of frames: got {self.kernel}"
            )


class VideoContext(NamedTuple):
    """What the two halves of the network keep of a request."""

    image: Context
    temporal: Float[Tensor, "b e"]
    circular: bool = False  # the clip's last frame is followed by its first


class TemporalDelta(nn.Module):
    """All temporal weights of a network, and nothing else: stored apart, fits any image weights of one shape."""

    def __init__(self, image: ImageUNetConfig, config: InflationConfig) -> None:
        super().__init__()
        widths, bottom = image.widths, len(image.widths) - 1
        self.conditioner = Conditioner(config.embedding, image.text_dim, image.scalars)
        self.clock = Clock(config.embedding)
        self.stem = None
        if config.conditioned:
            beside = CHANNELS * image.patch**2
            self.stem = zeroed(nn.Conv2d(beside, widths[0], 3, padding=1, bias=False))

        def side(level: int) -> nn.ModuleList:
            if level == bottom:
                stack = range(image.blocks[level] * config.attention_blocks)
                return nn.ModuleList(
                    AttentionInflation(widths[level], config.embedding, config.places) for _ in stack
                )
            inner = int(widths[level] * config.inner)
            blocks = range(image.blocks[level])
            return nn.ModuleList(
                ConvInflation(widths[level], inner, config.embedding, config.kernel) for _ in blocks
            )

        self.encoder = nn.ModuleList(side(level) for level in range(bottom + 1))
        self.decoder = nn.ModuleList(side(level) for level in range(bottom))
        self.downs = nn.ModuleList(TemporalDown(widths[k + 1], config.kernel) for k in range(bottom))
        self.ups = nn.ModuleList(TemporalUp(widths[k], config.kernel) for k in range(bottom))


class STUNet(nn.Module):
    """(b, in_channels, t, h, w), noise level (b,), context -> (b, 3, t, h, w), all frames in one pass."""

    def __init__(self, image: ImageUNet, temporal: TemporalDelta, config: InflationConfig) -> None:
        super().__init__()
        self.image, self.temporal, self.config = image, temporal, config

    @property
    def temporal_factor(self) -> int:
        """N of the paper's appendix: clips must have a multiple of this many frames."""
        return int(2 ** len(self.image.downs))

    def read(
        self, text: TextStates | None = None, scalars: Float[Tensor, "b s"] | None = None
    ) -> VideoContext:
        """Project the text and scalars of a request once, for all its steps and frames."""
        return VideoContext(self.image.read(text, scalars), self.temporal.conditioner.read(text, scalars))

    def entry(self, x: Float[Tensor, "n c H W"]) -> Float[Tensor, "n d h w"]:
        """Pixels -> features: the stem that Lumiere, section 3.4, widens, as two whose results are added. The image
        network's own stays what it is; the other starts at zero, and where it is given nothing adds nothing."""
        image, stem = self.image, self.temporal.stem
        own = image.config.in_channels
        if x.shape[1] == own or stem is None:
            return image.entry(x)
        y: Tensor = image.entry(x[:, :own]) + stem(unshuffled(x[:, own:], image.config.patch))
        return y

    def forward(
        self, x: Float[Tensor, "b c t h w"], sigma: Float[Tensor, " b"], context: VideoContext
    ) -> Float[Tensor, "b 3 t h w"]:
        batch, frames = x.shape[0], x.shape[2]
        if frames % self.temporal_factor:
            raise InflationError(
                f"{frames} frames are not divisible by the temporal factor {self.temporal_factor}"
            )
        image, temporal = self.image, self.temporal
        vector = image.conditioner(sigma, context.image.vector)
        asked = temporal.conditioner(sigma, context.temporal)
        moments = [temporal.clock(asked, frames >> level, 1 << level) for level in range(len(image.encoder))]
        text, circular = iter(context.image.text), context.circular
        skips: list[Tensor] = []

        y = self.entry(rearrange(x, "b c t h w -> (b t) c h w"))
        for level, side in enumerate(cast("list[Side]", image.encoder)):
            if level:
                skips.append(y)
                y = temporal.downs[level - 1](image.downs[level - 1](y), frames >> (level - 1), circular)
            inflations = cast(nn.ModuleList, temporal.encoder[level])
            y = stage(y, side, inflations, vector, text, frames >> level, moments[level], circular)
        for level, side in reversed(list(enumerate(cast("list[Side]", image.decoder)))):
            y = temporal.ups[level](image.ups[level](y), frames >> (level + 1), circular)
            y = image.merges[level](torch.cat([y, skips.pop()], dim=1))
            inflations = cast(nn.ModuleList, temporal.decoder[level])
            y = stage(y, side, inflations, vector, text, frames >> level, moments[level], circular)
        return rearrange(image.exit(y), "(b t) c h w -> b c t h w", b=batch)


def stage(
    y: Float[Tensor, "n c h w"],
    side: Side,
    inflations: nn.ModuleList,
    vector: Float[Tensor, "b e"],
    text: Iterator[KeysValues],
    frames: int,
    moments: Float[Tensor, "n f"],
    circular: bool,
) -> Float[Tensor, "n c h w"]:
    """The image blocks of one level, each followed by its inflation blocks."""
    stack = len(inflations) // len(side.blocks)
    for k, block in enumerate(side.blocks):
        y = block(y, vector, next(text) if block.cross is not None else None)
        for inflation in inflations[k * stack : (k + 1) * stack]:
            y = inflation(y, frames, moments, circular)
    return y


def inflate(image: ImageUNet, config: InflationConfig | None = None) -> STUNet:
    """An image network as a video network: its weights frozen, new temporal layers that start as the identity.

    Untrained, frames t = 0 mod N equal the image network's own output for those frames.
    """
    config = config or InflationConfig()
    temporal = TemporalDelta(image.config, config)
    weight = image.stem.weight
    return STUNet(image.requires_grad_(False), temporal.to(weight.device, weight.dtype), config)
