"""Recipes of the base model: text-to-image, then the temporal layers around the frozen result.

    torchrun --nproc-per-node 2 -m model.training.base image --minutes 10 --out runs/base_image
    python -m model.training.base temporal --image runs/base_image --minutes 9 --out runs/base_temporal

Each writes config.json, model.safetensors (averaged weights), state.safetensors (to go on from), a log and a sheet
of samples every other minute. `--resume DIR` goes on from a state, or from shipped weights.
"""

import argparse
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from model.diffusion import noise_for, random_sigmas, schedule, training_loss
from model.evaluation.sheet import draw_sheet, to_frames
from model.guidance import guided, thresholded
from model.image_unet import ImageUNet, ImageUNetConfig
from model.layers import TextStates
from model.pipeline import conditioned
from model.sampling import sample_dpmpp_2m
from model.stunet import InflationConfig, STUNet, inflate
from model.text import TextEncoder, packaged_encoder
from model.training.feed import FRAMES, Batch, Feed, consecutive, random_moment
from model.training.loop import Budget, Place, Trainer
from model.training.objects import Atlas, drawings
from model.training.world import World
from model.weights import WEIGHTS, load_image_unet, load_weights, save_component

SIZE = 128
IMAGE_SHIFT, VIDEO_SHIFT, SPREAD = 2.0, 4.0, 1.3  # of the noise levels trained on
STATE = "state.safetensors"


class WithText(nn.Module):
    """A network that reads its text inside forward: what training compiles."""

    def __init__(self, network: ImageUNet | STUNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, sigma: Tensor, states: Tensor, mask: Tensor) -> Tensor:
        y: Tensor = self.network(x, sigma, self.network.read(TextStates(states, mask)))  # type: ignore[arg-type]
        return y


def text_loss(
    network: nn.Module, feed: Feed, render: Callable[[Batch], Tensor], shift: float, generator: torch.Generator
) -> Callable[[Batch], Tensor]:
    """The loss of a batch: rendered, noised at random levels, denoised with its captions."""

    def loss(batch: Batch) -> Tensor:
        clean, text = render(batch), feed.read(batch)
        sigma = random_sigmas(len(clean), shift, SPREAD, generator)

        def run(x: Tensor, s: Tensor) -> Tensor:
            with torch.autocast(clean.device.type, torch.bfloat16):
                y: Tensor = network(x, s, text.states, text.mask)
            return y

        return training_loss(run, clean, torch.randn_like(clean), sigma).mean()

    return loss


@torch.no_grad()
def samples(network: ImageUNet | STUNet, encoder: TextEncoder, captions: Sequence[str], shape: tuple[int, ...], shift: float) -> Tensor:
    """Guided samples (b, *shape) of captions, from seeds 0, 1, 2, ..."""
    n, device = len(captions), encoder.device
    asked: Any = network.read(encoder(captions))
    avoided: Any = network.read(encoder([""] * n))
    noise = noise_for(range(n), shape).to(device)
    with torch.autocast(device.type, torch.bfloat16):
        denoise = guided(conditioned(network, asked), conditioned(network, avoided), 5.0)
        return sample_dpmpp_2m(thresholded(denoise), noise, schedule(16, shift))


def build(args: argparse.Namespace) -> tuple[ImageUNet | STUNet, nn.Module, Any]:
    """The network, the part of it that learns, and that part's config."""
    if args.recipe == "image":
        torch.manual_seed(args.seed)
        image = ImageUNet(ImageUNetConfig())
        return image, image, image.config
    config = InflationConfig()
    torch.manual_seed(args.seed)
    network = inflate(load_image_unet(args.image), config)
    return network, network.temporal, config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", choices=("image", "temporal"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--image", type=Path, help="folder of the image weights that the temporal layers go around")
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--batch", type=int, help="samples a step and process: 512 pictures, 16 clips")
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--text", type=Path, default=None, help="folder of the text encoder")
    parser.add_argument("--objects", type=int, help="only the first so many objects, for a trial")
    parser.add_argument("--most-steps", type=int, default=10**9)
    parser.add_argument("--eager", action="store_true", help="do not compile")
    args = parser.parse_args()
    train(args)


def train(args: argparse.Namespace) -> None:
    """One recipe from start to finish."""
    place = Place.join(args.device)
    still = args.recipe == "image"
    torch.set_float32_matmul_precision("high")
    encoder = TextEncoder(args.text or packaged_encoder(), place.device)
    world = World(Atlas.load(place.device, SIZE, first_names(args.objects)), place.device)
    feed = Feed(world, encoder, args.batch or (512 if still else 16), 1000 * args.seed + place.rank, still=still)
    network, learner, config = build(args)
    network.to(place.device, memory_format=torch.channels_last)
    budget = Budget(args.minutes, args.rate, average=0.9995 if still else 0.999, most_steps=args.most_steps)
    trainer = Trainer(learner, budget, place, args.out)
    resume(trainer, learner, args.resume)

    compiled: nn.Module = WithText(network)
    if not args.eager:
        compiled.compile(dynamic=False)
    chance = torch.Generator(place.device).manual_seed(place.rank + 1)
    times = torch.Generator().manual_seed(place.rank + 1)

    def render(batch: Batch) -> Tensor:
        n = len(batch.scenes)
        moments = random_moment(n, times) if still else consecutive(n, FRAMES, times)
        clips = world.render(batch.scenes, moments.to(place.device), SIZE)
        return clips[:, :, 0] if still else clips

    shown = Feed(world, encoder, 24 if still else 12, 77, still=False, dropout=0.0)
    captions = world.captions(next(shown.draw()).scenes, random.Random(5))

    def sheet() -> None:
        trainer.swap()
        shape = (3, SIZE, SIZE) if still else (3, FRAMES, SIZE, SIZE)
        drawn = samples(network, encoder, captions, shape, IMAGE_SHIFT if still else VIDEO_SHIFT)
        clips = to_frames(drawn[:, :, None] if still else drawn)
        draw_sheet(clips, captions).save(args.out / "samples.png")
        save_component(args.out, config, learner)
        trainer.swap()

    trainer.run(feed, text_loss(compiled, feed, render, IMAGE_SHIFT if still else VIDEO_SHIFT, chance), sheet)
    if place.rank == 0:
        sheet()
        trainer.save_state(args.out / STATE)


def first_names(count: int | None) -> list[str] | None:
    """The first `count` objects of the world; None is all."""
    return None if count is None else [drawing.name for drawing in drawings()][:count]


def resume(trainer: Trainer, learner: nn.Module, folder: Path | None) -> None:
    """Go on from a full state if the folder has one, else from averaged weights alone."""
    if folder is None:
        return
    if (folder / STATE).exists():
        trainer.load_state(folder / STATE)
        return
    load_weights(learner, folder / WEIGHTS)
    for parameter, average in zip(trainer.parameters, trainer.averaged, strict=True):
        average.copy_(parameter.detach())


if __name__ == "__main__":
    main()
