"""The super-resolution model's two recipes: pictures first, then temporal layers around the frozen result.

It learns on crops of 256 pixels of worlds drawn at 256, 512 and 1024, from their average over 2, 4 or 8 pixels.
"""

import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from model.diffusion import noise_for, random_sigmas, schedule, training_loss
from model.evaluation.sheet import draw_sheet, to_frames
from model.image_unet import ImageUNet, ImageUNetConfig
from model.sampling import sample_dpmpp_2m
from model.ssr import conditioning_scalars, consistent, enlarged, lowered, projected, upscaled
from model.stunet import InflationConfig, STUNet, inflate
from model.training.feed import Source, consecutive, random_moment
from model.training.loop import Place
from model.training.recipe import Recipe, Settings, fused
from model.training.shapes import Shapes
from model.weights import load_image_unet

BASE, CROP, FACTORS = 128, 256, (2, 4, 8)
MOST_AUGMENTATION = 0.4
SHIFT, SPREAD = 0.7, 1.4
WINDOW = 28
TOGETHER = 4  # batches of one factor that are drawn at once

CONFIG = ImageUNetConfig(
    in_channels=6, patch=8, widths=(64, 128, 192), blocks=(2, 2, 2), cross_attention=(False, False, False),
    self_attention=(False, False, False), embedding=192, text_dim=0, scalars=2,
)  # fmt: skip


class WithScalars(nn.Module):
    """A network that reads its scalars inside forward, on clips (b, 6, t, h, w): what learns from one batch."""

    def __init__(self, network: ImageUNet | STUNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, sigma: Tensor, scalars: Tensor) -> Tensor:
        context: Any = self.network.read(None, scalars)
        if isinstance(self.network, STUNet):
            y: Tensor = self.network(x, sigma, context)
            return y
        still: Tensor = self.network(x[:, :, 0], sigma, context)
        return still[:, :, None]


class Crop(NamedTuple):
    """A batch: scenes, and how much larger than the base model's they are drawn."""

    scenes: Any
    factor: int


class Pair(NamedTuple):
    """A batch as it is seen: sharp, small, and how much larger the former is."""

    high: Float[Tensor, "b 3 t h w"]
    low: Float[Tensor, "b 3 t r s"]
    factor: int


class Crops:
    """Pairs of a sharp clip (b, 3, t, 256, 256) and its low-resolution self, from one enlargement factor a batch."""

    def __init__(self, world: Source, frames: int, seed: int, oblong: float = 0.0) -> None:
        self.world, self.sharp, self.frames = world, world.sharp(), frames
        self.shapes = Shapes(BASE, oblong, seed)
        self.generator, self.rng = torch.Generator().manual_seed(seed), random.Random(seed)

    def draw(self, n: int, generator: torch.Generator) -> Iterator[Pair]:
        """Batches of n without end, of all factors in turn by chance."""
        while True:
            pairs: list[Pair] = []
            for factor in FACTORS:
                high, low, _ = self.render(self.scenes(TOGETHER * n, generator, factor))
                pairs += (
                    Pair(*both, factor)
                    for both in zip(torch.split(high, n), torch.split(low, n), strict=True)
                )
            self.rng.shuffle(pairs)
            yield from pairs

    def scenes(self, n: int, generator: torch.Generator, factor: int | None = None) -> Crop:
        """n scenes and an enlargement factor, a random one where none is named; what would not be sharp at its size is
        left out."""
        factor = factor or self.rng.choice(FACTORS)
        world = self.world if factor == min(FACTORS) else self.sharp
        return Crop(world.scenes(n, generator), factor)

    def render(self, crop: Crop) -> Pair:
        """The sharp clips and their small selves."""
        scenes, factor = crop
        n, device = len(scenes), self.world.device
        rows, columns = (
            (BASE, BASE) if factor < FACTORS[-1] else self.shapes.draw()
        )  # only the largest are oblong
        corners = torch.tensor([columns, rows]) - CROP // factor + 1
        corner = (torch.rand(n, 2, generator=self.generator) * corners).long() * factor
        still = self.frames == 1
        times = random_moment(n, self.generator) if still else consecutive(n, self.frames, self.generator)
        high = self.world.render(
            scenes,
            times.to(device),
            (rows * factor, columns * factor),
            crop=corner.to(device),
            crop_size=CROP,
        )
        return Pair(high, lowered(high, factor), factor)


def crop_loss(network: nn.Module, chance: torch.Generator) -> Callable[[Pair], Tensor]:
    """The loss of a batch: noised on both sides, denoised, projected as when sampling."""

    def loss(pair: Pair) -> Tensor:
        high, low, factor = pair
        n = len(high)
        sigma = random_sigmas(n, SHIFT, SPREAD, chance)
        level = torch.rand(n, generator=chance, device=chance.device) * MOST_AUGMENTATION
        beside = enlarged(torch.lerp(low, torch.randn_like(low), level.view(-1, 1, 1, 1, 1)), factor)
        scalars = conditioning_scalars(level, torch.full_like(level, factor))

        def run(x: Tensor, s: Tensor) -> Tensor:
            with torch.autocast(high.device.type, torch.bfloat16):
                y: Tensor = network(torch.cat([x, beside], dim=1), s, scalars)
            return projected(y.float(), low, factor)

        return training_loss(run, high, torch.randn_like(high), sigma).mean()

    return loss


def upscaler(settings: Settings, place: Place, world: Source) -> Recipe:
    """Crops of still pictures."""
    torch.manual_seed(settings.seed)
    network = ImageUNet(settings.image or CONFIG)
    return recipe(settings, place, world, network, network, network.config)


def temporal(settings: Settings, place: Place, world: Source, image: Path) -> Recipe:
    """Crops of windows of frames, for the temporal layers around frozen image weights."""
    torch.manual_seed(settings.seed)
    frozen = load_image_unet(image)
    config = settings.inflation or InflationConfig(embedding=frozen.config.embedding, places=False)
    network = inflate(frozen, config)
    return recipe(settings, place, world, network, network.temporal, config)


def recipe(
    settings: Settings,
    place: Place,
    world: Source,
    network: ImageUNet | STUNet,
    learner: nn.Module,
    config: Any,
) -> Recipe:
    """What both have in common: pairs of sharp and low-resolution crops."""
    still = isinstance(network, ImageUNet)
    network.to(place.device)
    crops = Crops(world, 1 if still else WINDOW, 1000 * settings.seed + place.rank, settings.oblong)
    chance = torch.Generator(place.device).manual_seed(place.rank + 1)
    scenes = torch.Generator().manual_seed(1000 * settings.seed + place.rank + 500)
    batches = crops.draw(settings.batch or (128 if still else 8), scenes)

    def draw() -> Image.Image:
        return draw_pairs(network, Crops(world, 1 if still else WINDOW, 9), world)

    loss = crop_loss(fused(WithScalars(network), settings), chance)
    return Recipe(learner, config, batches, loss, draw)


@torch.no_grad()
def draw_pairs(network: ImageUNet | STUNet, crops: Crops, world: Source) -> Image.Image:
    """Rows of: low resolution, its upscaling in 4 steps, the truth."""
    # inflating freezes the image network, and this one still learns: a copy goes into the video network
    video = network if isinstance(network, STUNet) else inflate(deepcopy(network))
    clips, texts = [], []
    for row in range(6):
        high, low, factor = crops.render(crops.scenes(1, crops.generator))
        if low.shape[2] % video.temporal_factor:  # a still picture: as a clip of equal frames
            high, low = (x.expand(-1, -1, video.temporal_factor, -1, -1) for x in (high, low))
        noise = noise_for([row], tuple(high.shape[1:])).to(world.device)
        with torch.autocast(world.device.type, torch.bfloat16):
            denoise = consistent(upscaled(video, low, [slice(None)], factor, 0.1), low, factor)
            made = sample_dpmpp_2m(denoise, noise, schedule(4, SHIFT))
        pictures = [enlarged(low, factor)[:, :, :1], made[:, :, :1], high[:, :, :1]]
        clips.append(to_frames(torch.cat(pictures, dim=2))[0])
        gain = psnr(made, high) - psnr(enlarged(low, factor), high)
        texts.append(f"x{factor}: enlarged, upscaled ({gain:+.1f} dB), truth")
    return draw_sheet(clips, texts)


def psnr(made: Tensor, truth: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of pictures in [-1, 1]."""
    return float(10 * torch.log10(4 / (made - truth).square().mean()))
