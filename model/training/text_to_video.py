"""The base model's recipes: a text-to-image network, temporal layers around the frozen result, styles of it."""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from torch.func import functional_call

from model.diffusion import noise_for, random_sigmas, schedule, training_loss
from model.evaluation.sheet import draw_sheet, to_frames
from model.guidance import guided, thresholded
from model.image_unet import ImageUNet, ImageUNetConfig
from model.layers import TextStates
from model.sampling import Sampler, no_callback, sample_dpmpp_2m
from model.stunet import InflationConfig, STUNet, inflate
from model.style import StyleConfig, StyleDelta, replaced, weights_digest
from model.text import TextEncoder
from model.training.feed import FRAMES, TOKENS, Feed, Source
from model.training.known import share_made, told
from model.training.loop import Place
from model.training.pictures import Pictures, pictures
from model.training.recipe import Recipe, Settings, fused
from model.training.shapes import Shapes
from model.weights import load_image_unet
from model.words import conditioned

SIZE = 128
IMAGE_SHIFT, VIDEO_SHIFT, SPREAD = 4.0, 12.0, 1.3  # of the noise levels trained on
# An object of 40 pixels' side in 80 frames stands out of the noise below 0.996 (384,000 values: 2.7 standard deviations
# there): its course can be seen, and the words teach nothing. One clip in four is so noisy that only the words tell.
COURSE_SHIFT, COURSE_SHARE = 1000.0, 0.25


class WithText(nn.Module):
    """A network that reads its text inside forward: what learns from one batch."""

    def __init__(self, network: ImageUNet | STUNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, sigma: Tensor, text: TextStates) -> Tensor:
        context: Any = self.network.read(text)
        y: Tensor = self.network(x, sigma, context)
        return y


class WithStyle(nn.Module):
    """The same with a style's change added to the frozen weights: it is the change that learns."""

    def __init__(self, network: ImageUNet | STUNet, delta: StyleDelta) -> None:
        super().__init__()
        self.frozen, self.delta = WithText(network), delta

    def forward(self, x: Tensor, sigma: Tensor, text: TextStates) -> Tensor:
        styled = self.delta.applied(dict(self.frozen.network.named_parameters()))
        weights = {f"network.{name}": weight for name, weight in styled.items()}
        y: Tensor = functional_call(self.frozen, weights, (x, sigma, text))
        return y


def still_sigmas(n: int, chance: torch.Generator) -> Float[Tensor, " {n}"]:
    """Noise levels for stills."""
    return random_sigmas(n, IMAGE_SHIFT, SPREAD, chance)


def clip_sigmas(n: int, chance: torch.Generator) -> Float[Tensor, " {n}"]:
    """Noise levels for clips, a share of them where nothing but the text can tell the course of a motion."""
    seen = random_sigmas(n, VIDEO_SHIFT, SPREAD, chance)
    unseen = random_sigmas(n, COURSE_SHIFT, SPREAD, chance)
    return torch.where(torch.rand(n, generator=chance, device=chance.device) < COURSE_SHARE, unseen, seen)


def text_loss(
    network: nn.Module,
    feed: Feed,
    sigmas: Callable[[int, torch.Generator], Tensor],
    chance: torch.Generator,
    *,
    still: bool,
) -> Callable[[Pictures], Tensor]:
    """The loss of a batch: noised at random levels, denoised with its captions and what is told of it, which is
    something where it says what moves."""

    def loss(batch: Pictures) -> Tensor:
        clean, text = batch.clean[:, :, 0] if still else batch.clean, feed.read(batch.tokens)
        sigma = sigmas(len(clean), chance)
        known = None if batch.moves is None else told(clean, batch.moves, chance)
        clean = clean if known is None else known.clip

        def run(x: Tensor, s: Tensor) -> Tensor:
            with torch.autocast(clean.device.type, torch.bfloat16):
                y: Tensor = network(x if known is None else torch.cat([x, known.beside], dim=1), s, text)
            return y if known is None else known.kept(y)

        error = training_loss(run, clean, torch.randn_like(clean), sigma)
        return (error if known is None else error / share_made(known.mask)).mean()

    return loss


@torch.no_grad()
def samples(
    network: ImageUNet | STUNet,
    encoder: TextEncoder,
    captions: Sequence[str],
    shape: tuple[int, ...],
    shift: float,
    sampler: Sampler = sample_dpmpp_2m,
    steps: int = 16,
    guidance: float = 4.0,
) -> Tensor:
    """Samples (b, *shape) of captions, from seeds 0, 1, 2, ..."""
    device = encoder.device
    asked: Any = network.read(encoder(captions))
    avoided: Any = network.read(encoder([""] * len(captions)))
    noise = noise_for(range(len(captions)), shape).to(device)
    with torch.autocast(device.type, torch.bfloat16):
        denoise = guided(conditioned(network, asked), conditioned(network, avoided), guidance)
        return sampler(thresholded(denoise), noise, schedule(steps, shift), no_callback)


def text_to_image(settings: Settings, place: Place, world: Source) -> Recipe:
    """Still pictures at random moments of the world's clips."""
    torch.manual_seed(settings.seed)
    network = ImageUNet(settings.image or ImageUNetConfig())
    return recipe(settings, place, world, network, network, network.config)


def temporal(settings: Settings, place: Place, world: Source, image: Path) -> Recipe:
    """Whole clips, for the temporal layers around frozen image weights."""
    torch.manual_seed(settings.seed)
    config = settings.inflation or InflationConfig(conditioned=True)
    network = inflate(load_image_unet(image), config)
    return recipe(settings, place, world, network, network.temporal, config)


def style(settings: Settings, place: Place, world: Source, image: Path) -> Recipe:
    """Still pictures of another drawing of the same objects, with the same captions, for a change of image weights."""
    torch.manual_seed(settings.seed)
    network = load_image_unet(image).requires_grad_(False)
    config = StyleConfig(of=weights_digest(image))
    return recipe(settings, place, world, network, StyleDelta(network, config.rank), config)


def recipe(
    settings: Settings,
    place: Place,
    world: Source,
    network: ImageUNet | STUNet,
    learner: nn.Module,
    config: Any,
) -> Recipe:
    """What both have in common: captions in, pictures (or clips) of them out."""
    still = isinstance(network, ImageUNet)
    network.to(place.device)
    delta = learner.to(place.device) if isinstance(learner, StyleDelta) else None
    batch = settings.batch or (512 if still else 16)
    encoder = TextEncoder(settings.text, place.device, TOKENS)
    feed = Feed(world, encoder, batch, 1000 * settings.seed + place.rank, still=still)
    chance = torch.Generator(place.device).manual_seed(place.rank + 1)
    times = torch.Generator().manual_seed(place.rank + 1)
    shift = IMAGE_SHIFT if still else VIDEO_SHIFT
    shapes = Shapes(SIZE, settings.oblong, settings.seed)

    shown = Feed(world, encoder, 3 if still else 1, 77, still=False, dropout=0.0)
    captions = world.captions(next(shown.draw()).scenes, random.Random(5))

    def styled() -> ImageUNet | STUNet:
        """The network as it is by now."""
        if delta is None:
            return network
        return replaced(network, delta.applied(dict(network.named_parameters())))

    def draw() -> Image.Image:
        shape = (3, SIZE, SIZE) if still else (3, FRAMES, SIZE, SIZE)
        drawn = samples(styled(), encoder, captions, shape, shift)
        return draw_sheet(to_frames(drawn[:, :, None] if still else drawn), captions)

    # what is told to a network that can be told anything
    moves = isinstance(network, STUNet) and network.config.conditioned

    def batches() -> Iterator[Pictures]:
        return pictures(world, feed, shapes, times, frames=FRAMES, still=still, moves=moves)

    sigmas = still_sigmas if still else clip_sigmas
    taught = WithStyle(network, delta) if delta is not None else WithText(network)
    loss = text_loss(fused(taught, settings), feed, sigmas, chance, still=still)
    return Recipe(learner, config, batches(), loss, draw)
