"""What a clip is made under: what of it is known, what it starts from, whether it flows into itself.

One interface behind image-to-video, inpainting, cinemagraphs, extension and edits. The network sees <J, C, M> of
Lumiere, section 3.4: the noisy video, the conditioning video with what is to be made blanked out, and a mask. M = 1 is
known and kept, M = 0 is made. Where all is to be made, it is text-to-video.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from model.diffusion import Denoiser

CHANNELS = 4  # of C and M, beside the three of J


class Known(NamedTuple):
    """A clip in [-1, 1], and where it is known: 1 is kept exactly, 0 is made."""

    clip: Float[Tensor, "b 3 t h w"]
    mask: Float[Tensor, "b 1 t h w"]

    @property
    def beside(self) -> Float[Tensor, "b 4 t h w"]:
        """C and M, as the network sees them beside the noisy clip."""
        return torch.cat([self.clip * self.mask, self.mask], dim=1)

    def kept(self, estimate: Float[Tensor, "b 3 t h w"]) -> Float[Tensor, "b 3 t h w"]:
        """The estimate, but for what is known: that to the bit."""
        return torch.where(self.mask > 0, self.clip.to(estimate.dtype), estimate)

    def rolled(self, frames: int) -> "Known":
        """The same so many frames later, its end at its beginning."""
        return Known(self.clip.roll(frames, 2), self.mask.roll(frames, 2))


def keeping(denoise: Denoiser, known: Known) -> Denoiser:
    """A denoiser whose every estimate keeps what is known."""
    return lambda x, sigma: known.kept(denoise(x, sigma))


class Source(NamedTuple):
    """The clip that SDEdit (Meng et al. 2021) starts from, and how far towards noise: 0 leaves it as it is, 1 leaves
    nothing of it."""

    clip: Float[Tensor, "b 3 t h w"]
    strength: float

    def noised(self, noise: Float[Tensor, "b 3 t h w"], sigma: float) -> Float[Tensor, "b 3 t h w"]:
        """Where the sampler starts: on the path between the clip and the noise."""
        return torch.lerp(self.clip, noise, sigma)


@dataclass(frozen=True, eq=False)
class Conditions:
    """All of it, at one size. None of it is text-to-video."""

    known: Known | None = None
    source: Source | None = None
    loop: bool = False  # the last frame flows into the first

    @property
    def strength(self) -> float:
        """Where on the schedule the sampler starts."""
        return self.source.strength if self.source else 1.0

    def begun(self, noise: Float[Tensor, "b 3 t h w"], sigma: float) -> Float[Tensor, "b 3 t h w"]:
        """What the sampler starts from, at the first noise level of its schedule."""
        return self.source.noised(noise, sigma) if self.source else noise

    def keeping(self, denoise: Denoiser) -> Denoiser:
        """A denoiser whose every estimate keeps what is known, if anything is."""
        return keeping(denoise, self.known) if self.known else denoise

    def on(self, device: torch.device) -> "Conditions":
        """The same on another device."""
        known, source = self.known, self.source
        return Conditions(
            known and Known(known.clip.to(device), known.mask.to(device)),
            source and Source(source.clip.to(device), source.strength),
            self.loop,
        )

    def within(self, window: slice) -> "Conditions":
        """Those of some of the frames."""
        known, source = self.known, self.source
        return Conditions(
            known and Known(known.clip[:, :, window], known.mask[:, :, window]),
            source and Source(source.clip[:, :, window], source.strength),
            self.loop,
        )

    def after(self, beginning: Float[Tensor, "b 3 k h w"]) -> "Conditions":
        """Those of a clip that goes on from these frames: they are known too. Only of what knows something at all, if
        perhaps nothing of this clip."""
        assert self.known is not None
        clip, mask = (each.clone() for each in self.known)
        clip[:, :, : beginning.shape[2]] = beginning
        mask[:, :, : beginning.shape[2]] = 1
        return replace(self, known=Known(clip, mask))


FREE = Conditions()


def joined(parts: Sequence[Conditions]) -> Conditions:
    """Those of clips that follow each other, as those of one."""
    first, known, source = parts[0], None, None
    if first.known:
        found = [each.known for each in parts if each.known]
        known = Known(
            torch.cat([each.clip for each in found], dim=2), torch.cat([each.mask for each in found], dim=2)
        )
    if first.source:
        clips = [each.source.clip for each in parts if each.source]
        source = Source(torch.cat(clips, dim=2), first.source.strength)
    return Conditions(known, source, first.loop)


def nothing_known(shape: tuple[int, ...], device: torch.device) -> Known:
    """Of clips (b, 3, t, h, w): all is to be made."""
    clip = torch.zeros(shape, device=device)
    return Known(clip, torch.zeros_like(clip[:, :1]))
