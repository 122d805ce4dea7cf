"""The building blocks that the image network and its inflation share. Layout: n c h w, n = batch x frames."""

import math
from typing import NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn


class TextStates(NamedTuple):
    """Token states of a frozen text encoder, and which of them are tokens (True) rather than padding."""

    states: Float[Tensor, "b l d"]
    mask: Bool[Tensor, "b l"]


Layer = TypeVar("Layer", bound=nn.Module)


def zeroed(layer: Layer) -> Layer:
    """The layer with weights and bias at zero: the residual branch it ends is silent until trained."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def fourier(x: Float[Tensor, "..."], width: int, longest: float = 1000.0) -> Float[Tensor, "... {width}"]:
    """Sinusoidal features at `width / 2` geometric frequencies from 1 to 1 / longest radians per unit."""
    exponents = torch.arange(width // 2, device=x.device, dtype=torch.float32) / (width // 2)
    angles = x.float()[..., None] * torch.exp(-math.log(longest) * exponents)
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class Norm(nn.GroupNorm):
    """Group normalisation over (c, h, w) of each frame: never over time, so a frame alone gives the same result."""

    def __init__(self, channels: int, group: int = 16) -> None:
        super().__init__(max(1, channels // group), channels)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        if x.device.type == "cpu" and torch.is_grad_enabled() and not x.requires_grad:
            x = (
                x.contiguous()
            )  # torch 2.13 on CPUs crashes in the channels-last backward for the weight alone
        return super().forward(x)


class Conditioner(nn.Module):
    """Noise level, text and further scalars -> one vector for the FiLM layers (Imagen, appendix: pooled text)."""

    def __init__(self, width: int, text_dim: int, scalars: int, features: int = 128) -> None:
        super().__init__()
        self.features = features
        self.noise = nn.Sequential(nn.Linear(features, width), nn.SiLU(), nn.Linear(width, width))
        self.text = TextPool(text_dim, width) if text_dim else None
        self.scalars = (
            nn.Sequential(nn.Linear(scalars * features, width), nn.SiLU(), nn.Linear(width, width))
            if scalars
            else None
        )

    def read(self, text: TextStates | None, scalars: Float[Tensor, "b s"] | None) -> Float[Tensor, "b e"]:
        """The part that stays the same at every step of a request."""
        vector: Tensor | float = 0.0
        if self.text is not None:
            assert text is not None, "this network needs text states"
            vector = vector + self.text(text)
        if self.scalars is not None:
            assert scalars is not None, "this network needs its conditioning scalars"
            dtype = next(self.scalars.parameters()).dtype
            vector = vector + self.scalars(fourier(scalars * 100.0, self.features).flatten(1).to(dtype))
        assert isinstance(vector, Tensor), "a network is conditioned on text, on scalars, or on both"
        return vector

    def forward(self, sigma: Float[Tensor, " b"], vector: Float[Tensor, "b e"]) -> Float[Tensor, "b e"]:
        log_snr = 2 * (torch.log1p(-sigma.clamp(max=1 - 1e-4)) - torch.log(sigma.clamp(min=1e-4)))
        noise = self.noise(fourier(log_snr * 10.0, self.features).to(vector.dtype))
        return F.silu(noise + vector)


class TextPool(nn.Module):
    """Learned-query attention over the token states: each head may listen for another word."""

    def __init__(self, text_dim: int, width: int, heads: int = 8) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(text_dim)
        self.score = nn.Linear(text_dim, heads, bias=False)
        self.value = nn.Linear(text_dim, width)
        self.out = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, text: TextStates) -> Float[Tensor, "b e"]:
        states = self.norm(text.states.to(self.score.weight.dtype))
        scores = self.score(states).float().masked_fill(~text.mask[..., None], float("-inf"))
        weights = scores.softmax(dim=1).to(states.dtype)
        values = rearrange(self.value(states), "b l (k d) -> b l k d", k=self.heads)
        pooled: Tensor = self.out(torch.einsum("blk,blkd->bkd", weights, values).flatten(1))
        return pooled


def per_frame(vector: Float[Tensor, "b e"], frames: int) -> Float[Tensor, "n e"]:
    """One vector a sample -> one a frame: n = b x (frames of each sample)."""
    return vector.repeat_interleave(frames // vector.shape[0], dim=0)


class Film(nn.Module):
    """Feature-wise scale and shift from the conditioning vector, starting as the identity."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.project = zeroed(nn.Linear(width, 2 * channels))

    def forward(self, x: Float[Tensor, "n c h w"], vector: Float[Tensor, "b e"]) -> Float[Tensor, "n c h w"]:
        scale, shift = per_frame(self.project(vector), x.shape[0])[..., None, None].chunk(2, dim=1)
        return torch.addcmul(shift, x, 1 + scale)


class ResBlock(nn.Module):
    """Two 3x3 convolutions with FiLM between them, and a residual connection."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.norm_in, self.conv_in = Norm(channels), nn.Conv2d(channels, channels, 3, padding=1)
        self.norm_out, self.film = Norm(channels), Film(width, channels)
        self.conv_out = zeroed(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x: Float[Tensor, "n c h w"], vector: Float[Tensor, "b e"]) -> Float[Tensor, "n c h w"]:
        y = self.conv_in(F.silu(self.norm_in(x)))
        y = self.conv_out(F.silu(self.film(self.norm_out(y), vector)))
        return x + y  # type: ignore[no-any-return]


def heads_of(x: Float[Tensor, "... m c"], dim: int) -> Float[Tensor, "... k m d"]:
    """Split channels into attention heads of `dim`, and normalise each (bounded logits in bfloat16)."""
    return F.rms_norm(rearrange(x, "... m (k d) -> ... k m d", d=dim), (dim,))


class SpatialAttention(nn.Module):
    """Self-attention among the positions of each frame."""

    def __init__(self, channels: int, head_dim: int = 64) -> None:
        super().__init__()
        self.head_dim = head_dim
        self.norm, self.qkv = Norm(channels), nn.Linear(channels, 3 * channels)
        self.out = zeroed(nn.Linear(channels, channels))

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        height = x.shape[2]
        tokens = rearrange(self.norm(x), "n c h w -> n (h w) c")
        q, k, v = self.qkv(tokens).chunk(3, dim=-1)
        values = rearrange(v, "n m (k d) -> n k m d", d=self.head_dim)
        y = F.scaled_dot_product_attention(heads_of(q, self.head_dim), heads_of(k, self.head_dim), values)
        out: Tensor = self.out(rearrange(y, "n k m d -> n m (k d)"))
        return x + rearrange(out, "n (h w) c -> n c h w", h=height)


class KeysValues(NamedTuple):
    """Projected text of one cross-attention layer: made once a request, used at every step and frame."""

    keys: Float[Tensor, "b k l d"]
    values: Float[Tensor, "b k l d"]
    mask: Bool[Tensor, "b 1 1 l"]


class CrossAttention(nn.Module):
    """Attention from every position of every frame to the tokens of its sample's text."""

    def __init__(self, channels: int, text_dim: int, head_dim: int = 64) -> None:
        super().__init__()
        self.head_dim = head_dim
        self.norm, self.query = Norm(channels), nn.Linear(channels, channels)
        self.text_norm, self.key_value = nn.LayerNorm(text_dim), nn.Linear(text_dim, 2 * channels)
        self.out = zeroed(nn.Linear(channels, channels))

    def read(self, text: TextStates) -> KeysValues:
        states = self.text_norm(text.states.to(self.query.weight.dtype))
        key, value = self.key_value(states).chunk(2, dim=-1)
        values = rearrange(value, "b l (k d) -> b k l d", d=self.head_dim)
        return KeysValues(heads_of(key, self.head_dim), values, text.mask[:, None, None, :])

    def forward(self, x: Float[Tensor, "n c h w"], text: KeysValues) -> Float[Tensor, "n c h w"]:
        samples, height = text.keys.shape[0], x.shape[2]
        tokens = rearrange(self.norm(x), "(b t) c h w -> b (t h w) c", b=samples)
        query = heads_of(self.query(tokens), self.head_dim)
        keys = text.keys.to(query.dtype)  # rms_norm may leave the low precision of its input under autocast
        y = F.scaled_dot_product_attention(query, keys, text.values.to(query.dtype), attn_mask=text.mask)
        out: Tensor = self.out(rearrange(y, "b k m d -> b m (k d)"))
        return x + rearrange(out, "b (t h w) c -> (b t) c h w", t=x.shape[0] // samples, h=height)
