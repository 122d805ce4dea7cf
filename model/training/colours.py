"""Drawings in another colour: their light and shade stay, their hues give way to one that has a name."""

from collections.abc import Sequence
from hashlib import blake2b

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from model.training.canvas import rgb

COLOURS: dict[str, str] = {
    "red": "d8281f", "orange": "f08a1c", "yellow": "f6d327", "green": "2f9e44", "blue": "2356d0", "purple": "7d37b8",
    "pink": "f48fb8", "brown": "7a4a26", "black": "232326", "white": "f7f7f5", "grey": "888d93",
}  # fmt: skip
OWN = 0  # the colours that a drawing has; colour i of COLOURS is i + 1
NAMED = ("", *COLOURS)
# A name that holds one of these is already said to have a colour, or none is seen on it.
COLOURED = (
    *COLOURS, "gold", "golden", "grey", "gray", "lime", "tangerine", "rainbow", "peach", "ghost", "bone", "skeleton",
    "glass", "fog", "cloud", "bubbles", "eggplant", "zebra", "panda", "chequered", "medal", "signal", "light",
)  # fmt: skip
DARKEST, LIGHTEST = 0.18, 0.85  # a drawing's usual lightness, between which it is told from black and white
HIGHLIGHT = 0.8  # of white, in what is lightest
HELD_OUT_ONE_IN = 10


def heldout(name: str, colour: str) -> bool:
    """Whether an object in a colour is never trained on: a stable hash of the two words picks one in ten."""
    digest = blake2b(f"{colour} {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % HELD_OUT_ONE_IN == 0


def paintable(names: Sequence[str], *, held: bool = False) -> Bool[Tensor, "n c"]:
    """Which objects may have which of COLOURS, in training or (held) in evaluation alone."""
    plain = [not set(name.lower().replace("-", " ").split()) & set(COLOURED) for name in names]
    pairs = zip(names, plain, strict=True)
    return torch.tensor([[free and heldout(name, one) == held for one in COLOURS] for name, free in pairs])


def lightness(rgba: Float[Tensor, "*n 4 h w"]) -> Float[Tensor, "*n h w"]:
    """Luma of premultiplied colours."""
    red, green, blue = rgba[..., 0, :, :], rgba[..., 1, :, :], rgba[..., 2, :, :]
    return 0.299 * red + 0.587 * green + 0.114 * blue


def usual_lightness(drawings: UInt8[Tensor, "n 4 h w"]) -> Float[Tensor, " n"]:
    """Mean lightness of each drawing where it is not transparent."""
    pixels = drawings.float() / 255
    mean = lightness(pixels).sum((1, 2)) / pixels[:, 3].sum((1, 2)).clamp(min=1)
    return mean.clamp(DARKEST, LIGHTEST)


def tinted(
    rgba: Float[Tensor, "n t 4 h w"], colour: Int[Tensor, " n"], usual: Float[Tensor, " n"]
) -> Float[Tensor, "n t 4 h w"]:
    """Premultiplied drawings in colours (numbers of NAMED, not OWN): what is as light as usual gets the colour itself,
    what is darker is blended with black, what is lighter with white."""
    codes = torch.tensor([rgb(code) for code in COLOURS.values()]).to(rgba.device)
    hue = codes[colour - 1].view(-1, 1, 3, 1, 1)
    middle = usual.view(-1, 1, 1, 1, 1)
    light, alpha = lightness(rgba)[:, :, None], rgba[:, :, 3:]
    dark = torch.minimum(light, middle * alpha)
    painted = hue * dark / middle + HIGHLIGHT * (1 - hue) * (light - dark) / (1 - middle)
    return torch.cat([painted, alpha], dim=2)
