"""What of a clip is known: the one interface behind image-to-video, inpainting, cinemagraphs and extension.

The network sees <J, C, M> of Lumiere, section 3.4: the noisy video, the conditioning video with what is to be made
blanked out, and a mask. M = 1 is known and kept, M = 0 is made. Where all is to be made, it is text-to-video.
"""

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


def keeping(denoise: Denoiser, known: Known) -> Denoiser:
    """A denoiser whose every estimate keeps what is known."""
    return lambda x, sigma: known.kept(denoise(x, sigma))
