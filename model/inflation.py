"""The temporal layers that turn an image network into a video network (Lumiere, section 3.1, figure 4, appendix B).

All work on n c h w with n = b x t, channels last in memory, so that (t, h w) is a picture for an ordinary
convolution and no layout is copied. A new layer is the identity, or nearest-neighbour resampling in time.
"""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from model.layers import Film, Norm, fourier, heads_of, zeroed

POSITION_FEATURES = 64  # sinusoids that tell a frame's number to attention over time


class Clock(nn.Module):
    """One conditioning vector a sample -> one a frame: what was asked, at this moment of the clip.

    `stride` is how many frames of the clip one frame of the level stands for: frame k is then frame k * stride.
    """

    def __init__(self, embedding: int) -> None:
        super().__init__()
        self.time = nn.Linear(POSITION_FEATURES, embedding)
        self.mix = nn.Linear(embedding, embedding)

    def forward(self, vector: Float[Tensor, "b e"], frames: int, stride: int) -> Float[Tensor, "n e"]:
        number = stride * torch.arange(frames, device=vector.device, dtype=torch.float32)
        time = self.time(fourier(number, POSITION_FEATURES, longest=100.0).to(vector.dtype))
        mixed = F.silu(rearrange(vector, "b e -> b 1 e") + time)
        return rearrange(mixed + F.silu(self.mix(mixed)), "b t e -> (b t) e")


def places(height: int, width: int, device: torch.device) -> Float[Tensor, "{height} {width} f"]:
    """Sinusoids of where each position lies in the picture, whatever its size."""
    y, x = ((torch.arange(n, device=device, dtype=torch.float32) + 0.5) / n for n in (height, width))
    rows, columns = (fourier(axis * 8 * math.pi, POSITION_FEATURES, longest=32.0) for axis in (y, x))
    return torch.cat([rows[:, None].expand(-1, width, -1), columns.expand(height, -1, -1)], dim=-1)


class TemporalConv(nn.Conv2d):
    """1D convolution over time, on n c h w. `stride` 2 keeps frames 0, 2, 4, ... Beyond the ends of a clip there is
    nothing; of one that is `circular`, its other end."""

    def __init__(self, channels: int, out: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(channels, out, (kernel, 1), stride=(stride, 1), padding=(kernel // 2, 0))

    def over(
        self, x: Float[Tensor, "n c h w"], frames: int, circular: bool = False
    ) -> Float[Tensor, "m d h w"]:
        height, reach = x.shape[2], self.kernel_size[0] // 2
        y = rearrange(x, "(b t) c h w -> b c t (h w)", t=frames)
        if circular:
            around = F.pad(y, (0, 0, reach, reach), mode="circular")
            y = F.conv2d(around, self.weight, self.bias, self.stride)
        else:
            y = super().forward(y)
        return rearrange(y, "b c t (h w) -> (b t) c h w", h=height)

    def become_identity(self) -> None:
        """Appendix B, 'identity initialized': each channel copies its own frame."""
        nn.init.zeros_(self.weight)
        assert self.bias is not None
        nn.init.zeros_(self.bias)
        with torch.no_grad():
            self.weight[:, :, self.kernel_size[0] // 2, 0] = torch.eye(self.out_channels)


class TemporalDown(nn.Module):
    """Half the frames: identity-initialised temporal convolution, then stride 2. Untrained: y[t] = x[2t]."""

    def __init__(self, channels: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = TemporalConv(channels, channels, kernel, stride=2)
        self.conv.become_identity()

    def forward(
        self, x: Float[Tensor, "n c h w"], frames: int, circular: bool = False
    ) -> Float[Tensor, "m c h w"]:
        return self.conv.over(x, frames, circular)


class TemporalUp(nn.Module):
    """Twice the frames: frame duplication, then an identity-initialised convolution. Untrained: y[t] = x[t // 2]."""

    def __init__(self, channels: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = TemporalConv(channels, channels, kernel)
        self.conv.become_identity()

    def forward(
        self, x: Float[Tensor, "n c h w"], frames: int, circular: bool = False
    ) -> Float[Tensor, "m c h w"]:
        return self.conv.over(x.repeat_interleave(2, dim=0), 2 * frames, circular)


class ConvInflation(nn.Module):
    """Figure 4b: 2D convolution, norm, 1D convolution over time, norm, zero-initialised projection, residual.

    The second norm is modulated (FiLM) by the noise level, the text and the frame's moment: the frozen image network
    never had a reason to listen for the words of motion, so the temporal layers hear them themselves (ADR 0007).
    """

    def __init__(self, channels: int, inner: int, embedding: int, kernel: int = 3) -> None:
        super().__init__()
        self.norm = Norm(channels)
        self.spatial = nn.Conv2d(channels, inner, 3, padding=1)
        self.spatial_norm = Norm(inner)
        self.temporal = TemporalConv(inner, inner, kernel)
        self.temporal_norm, self.film = Norm(inner), Film(embedding, inner)
        self.project = zeroed(nn.Conv2d(inner, channels, 1))

    def forward(
        self, x: Float[Tensor, "n c h w"], frames: int, vector: Float[Tensor, "m e"], circular: bool = False
    ) -> Float[Tensor, "n c h w"]:
        y = F.silu(self.spatial_norm(self.spatial(self.norm(x))))
        y = F.silu(self.film(self.temporal_norm(self.temporal.over(y, frames, circular)), vector))
        change: Tensor = self.project(y)
        return x + change


class AttentionInflation(nn.Module):
    """Figure 4c: attention over time at each position, zero-initialised projection, residual.

    Frames are told apart by sinusoids of their number at this level, and, with `places`, positions by sinusoids of
    where they lie in the picture: added before FiLM, so that text and moment decide what happens where (ADR 0007).
    """

    def __init__(self, channels: int, embedding: int, places: bool = True, head_dim: int = 64) -> None:
        super().__init__()
        self.place = nn.Linear(2 * POSITION_FEATURES, channels) if places else None
        self.head_dim = head_dim
        self.norm, self.film = Norm(channels), Film(embedding, channels)
        self.position = nn.Linear(POSITION_FEATURES, channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.project = zeroed(nn.Linear(channels, channels))

    def forward(
        self, x: Float[Tensor, "n c h w"], frames: int, vector: Float[Tensor, "m e"], circular: bool = False
    ) -> Float[Tensor, "n c h w"]:
        height = x.shape[2]  # each frame sees all others, however the clip ends
        y = self.norm(x)
        if self.place is not None:
            y = y + rearrange(
                self.place(places(x.shape[2], x.shape[3], x.device).to(x.dtype)), "h w c -> c h w"
            )
        tokens = rearrange(self.film(y, vector), "(b t) c h w -> b (h w) t c", t=frames)
        number = torch.arange(frames, device=x.device, dtype=torch.float32)
        position = self.position(fourier(number, POSITION_FEATURES, longest=100.0).to(x.dtype))
        tokens = (tokens + position).contiguous()  # else the weights are copied once a position
        q, k, v = self.qkv(tokens).chunk(3, dim=-1)
        b = v.shape[0]
        q, k = (rearrange(heads_of(z, self.head_dim), "b p k t d -> (b p) k t d") for z in (q, k))
        v = rearrange(v, "b p t (k d) -> (b p) k t d", d=self.head_dim)
        y = rearrange(F.scaled_dot_product_attention(q, k, v), "m k t d -> m t (k d)")
        change: Tensor = self.project(y)
        return x + rearrange(change, "(b h w) t c -> (b t) c h w", b=b, h=height)
