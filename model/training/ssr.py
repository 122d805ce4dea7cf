"""Recipes of the super-resolution model: pictures first, then the temporal layers around the frozen result.

    python -m model.training.ssr image --minutes 4 --out runs/ssr_image
    python -m model.training.ssr temporal --image runs/ssr_image --minutes 3 --out runs/ssr_temporal

It learns on crops of 256 pixels of worlds drawn at 256, 512 and 1024, from their average over 2, 4 or 8 pixels.
"""

import argparse
import random
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.diffusion import noise_for, random_sigmas, schedule, training_loss
from model.evaluation.sheet import draw_sheet, to_frames
from model.image_unet import ImageUNet, ImageUNetConfig
from model.sampling import sample_dpmpp_2m
from model.ssr import conditioning_scalars, enlarged, upscaled
from model.stunet import InflationConfig, STUNet, inflate
from model.training.base import STATE, first_names, resume
from model.training.feed import consecutive, random_moment
from model.training.loop import Budget, Place, Trainer
from model.training.objects import Atlas
from model.training.world import Scenes, World
from model.weights import load_image_unet, save_component

BASE, CROP, FACTORS = 128, 256, (2, 4, 8)
MOST_AUGMENTATION = 0.4
SHIFT, SPREAD = 1.0, 1.4
WINDOW = 28

CONFIG = ImageUNetConfig(
    in_channels=6, patch=8, widths=(64, 128, 192), blocks=(2, 2, 2), cross_attention=(False, False, False),
    self_attention=(False, False, False), embedding=192, text_dim=0, scalars=2,
)  # fmt: skip


class WithScalars(nn.Module):
    """A network that reads its scalars inside forward, on clips (b, 6, t, h, w): what training compiles."""

    def __init__(self, network: ImageUNet | STUNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, sigma: Tensor, scalars: Tensor) -> Tensor:
        context = self.network.read(None, scalars)
        if isinstance(self.network, ImageUNet):
            y: Tensor = self.network(x[:, :, 0], sigma, context)[:, :, None]  # type: ignore[arg-type]
        else:
            y = self.network(x, sigma, context)  # type: ignore[arg-type]
        return y


class Crops:
    """Pairs of a sharp clip (b, 3, t, 256, 256) and its low-resolution self, from one enlargement factor a batch."""

    def __init__(self, world: World, frames: int, seed: int) -> None:
        self.world, self.frames = world, frames
        self.generator, self.rng = torch.Generator().manual_seed(seed), random.Random(seed)

    def render(self, scenes: Scenes) -> tuple[Tensor, Tensor, int]:
        """High, low, factor."""
        factor = self.rng.choice(FACTORS)
        n, device = len(scenes), self.world.device
        cells = (BASE * factor - CROP) // factor + 1
        corner = torch.randint(cells, (n, 2), generator=self.generator) * factor
        still = self.frames == 1
        times = random_moment(n, self.generator) if still else consecutive(n, self.frames, self.generator)
        high = self.world.render(scenes, times.to(device), BASE * factor, crop=corner.to(device), crop_size=CROP)
        low = F.avg_pool2d(high.transpose(1, 2).flatten(0, 1), factor).unflatten(0, (n, -1)).transpose(1, 2)
        return high, low, factor


def crop_loss(network: nn.Module, crops: Crops, chance: torch.Generator) -> Callable[[Scenes], Tensor]:
    """The loss of a batch of scenes: cropped, lowered, noised on both sides, denoised."""

    def loss(scenes: Scenes) -> Tensor:
        high, low, factor = crops.render(scenes)
        n = len(high)
        sigma = random_sigmas(n, SHIFT, SPREAD, chance)
        level = torch.rand(n, generator=chance, device=chance.device) * MOST_AUGMENTATION
        beside = enlarged(torch.lerp(low, torch.randn_like(low), level.view(-1, 1, 1, 1, 1)), factor)
        scalars = conditioning_scalars(level, torch.full_like(level, factor))

        def run(x: Tensor, s: Tensor) -> Tensor:
            with torch.autocast(high.device.type, torch.bfloat16):
                y: Tensor = network(torch.cat([x, beside], dim=1), s, scalars)
            return y

        return training_loss(run, high, torch.randn_like(high), sigma).mean()

    return loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", choices=("image", "temporal"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--image", type=Path, help="folder of the image weights that the temporal layers go around")
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--batch", type=int, help="samples a step and process: 128 crops, 8 windows")
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--objects", type=int, help="only the first so many objects, for a trial")
    parser.add_argument("--most-steps", type=int, default=10**9)
    parser.add_argument("--eager", action="store_true", help="do not compile")
    train(parser.parse_args())


def train(args: argparse.Namespace) -> None:
    """One recipe from start to finish."""
    place, still = Place.join(args.device), args.recipe == "image"
    torch.set_float32_matmul_precision("high")
    world = World(Atlas.load(place.device, 512, first_names(args.objects)), place.device)
    torch.manual_seed(args.seed)
    temporal = InflationConfig(embedding=CONFIG.embedding)
    network: ImageUNet | STUNet = ImageUNet(CONFIG) if still else inflate(load_image_unet(args.image), temporal)
    learner = network if isinstance(network, ImageUNet) else network.temporal
    network.to(place.device, memory_format=torch.channels_last)
    budget = Budget(args.minutes, args.rate, average=0.999, most_steps=args.most_steps)
    trainer = Trainer(learner, budget, place, args.out)
    resume(trainer, learner, args.resume)

    compiled: nn.Module = WithScalars(network)
    if not args.eager:
        compiled.compile(dynamic=False)
    crops = Crops(world, 1 if still else WINDOW, 1000 * args.seed + place.rank)
    chance = torch.Generator(place.device).manual_seed(place.rank + 1)
    draw = torch.Generator().manual_seed(1000 * args.seed + place.rank + 500)

    def scenes() -> "list[Scenes] | object":
        while True:
            yield world.scenes(args.batch or (128 if still else 8), draw)

    def sheet() -> None:
        trainer.swap()
        save_component(args.out, CONFIG if still else temporal, learner)
        draw_pairs(network, Crops(world, 1 if still else WINDOW, 9), world).save(args.out / "samples.png")
        trainer.swap()

    trainer.run(scenes(), crop_loss(compiled, crops, chance), sheet)  # type: ignore[arg-type]
    if place.rank == 0:
        sheet()
        trainer.save_state(args.out / STATE)


@torch.no_grad()
def draw_pairs(network: ImageUNet | STUNet, crops: Crops, world: World) -> "object":
    """Rows of: low resolution, its upscaling in 6 steps, the truth."""
    video = network if isinstance(network, STUNet) else inflate(network).to(world.device)
    clips, texts = [], []
    for row in range(6):
        high, low, factor = crops.render(world.scenes(1, crops.generator))
        frames = low.shape[2]
        if frames % video.temporal_factor:  # a still picture: as a clip of equal frames
            high, low = (x.expand(-1, -1, video.temporal_factor, -1, -1) for x in (high, low))
        noise = noise_for([row], tuple(high.shape[1:])).to(world.device)
        with torch.autocast(world.device.type, torch.bfloat16):
            denoise = upscaled(video, low, [slice(None)], factor, 0.1)
            made = sample_dpmpp_2m(denoise, noise, schedule(6, SHIFT))
        pictures = [enlarged(low, factor)[:, :, :1], made[:, :, :1], high[:, :, :1]]
        clips.append(to_frames(torch.cat(pictures, dim=2))[0])
        texts.append(f"x{factor}: enlarged, upscaled, truth; PSNR {psnr(made, high):.1f} dB")
    return draw_sheet(clips, texts)


def psnr(made: Tensor, truth: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of pictures in [-1, 1]."""
    return float(10 * torch.log10(4 / (made - truth).square().mean()))


if __name__ == "__main__":
    main()
