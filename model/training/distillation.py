"""Few steps: a student whose one unguided evaluation does what takes its teacher several guided ones.

Guidance is folded in (Meng et al. 2023, stage one) and steps are joined (Salimans & Ho 2022, progressive distillation)
in one go: the student learns at the noise levels of its own short schedule alone, and there the estimate of clean x
with which ONE step to the next level arrives where the guided teacher does. Only the temporal weights learn, so that
every set of image weights that fits the teacher fits the student.
"""

import copy
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from model.conditioning import keeping
from model.diffusion import Denoiser, loss_weight, noised, precondition, schedule
from model.evaluation.sheet import draw_sheet, to_frames
from model.guidance import guided, thresholded
from model.layers import TextStates
from model.sampling import sample_euler
from model.stunet import STUNet
from model.text import TextEncoder
from model.training.feed import FRAMES, TOKENS, Feed, Source
from model.training.known import share_made, told
from model.training.loop import Place
from model.training.pictures import Pictures, pictures
from model.training.recipe import Distillation, Recipe, Settings, fused
from model.training.shapes import Shapes
from model.training.text_to_video import SIZE, WithText, samples
from model.weights import load_stunet
from model.words import conditioned

CLIPS = 8  # a step and process: each costs a student and 2 * moves guided teachers


def moved(denoise: Denoiser, x: Tensor, levels: Sequence[float]) -> Tensor:
    """x, from the first level to the last, by the midpoint method on the flow dx/dsigma = (x - clean) / sigma: second
    order, and nowhere singular, however noisy or clean the ends."""
    for begin, end in pairwise(levels):
        middle = (begin + end) / 2
        half = x + (middle - begin) * (x - denoise(x, begin)) / begin
        x = x + (end - begin) * (half - denoise(half, middle)) / middle
    return x


def joined(
    x: Float[Tensor, "b ..."], arrived: Float[Tensor, "b ..."], begin: float, end: float
) -> Float[Tensor, "b ..."]:
    """The estimate of clean x with which one first-order step (sampling.step_to) leads from x to `arrived`."""
    ratio = end / begin
    return (arrived - ratio * x) / (1 - ratio)


def lessons(plan: Distillation) -> list[list[float]]:
    """For each step of the student the levels that its teacher moves through; the ends are the student's own.

    >>> [[round(level, 3) for level in each] for each in lessons(Distillation(steps=2, moves=2, shift=3.0))]
    [[1.0, 0.9, 0.75], [0.75, 0.5, 0.0]]
    """
    fine = schedule(plan.steps * plan.moves, plan.shift)
    return [fine[k : k + plan.moves + 1] for k in range(0, len(fine) - 1, plan.moves)]


def distilled_loss(
    student: WithText,
    teacher: STUNet,
    plan: Distillation,
    read: Callable[[dict[str, Tensor]], TextStates],
    empty: TextStates,
    chance: torch.Generator,
) -> Callable[[Pictures], Tensor]:
    """The loss of a batch, all of it at one step of the student's schedule, drawn at random."""
    steps = lessons(plan)

    def loss(batch: Pictures) -> Tensor:
        clean, text = batch.clean, read(batch.tokens)
        n = len(clean)
        levels = steps[int(torch.randint(plan.steps, (), generator=chance, device=chance.device))]
        begin, end = levels[0], levels[-1]
        sigma = clean.new_full((n,), begin)
        known = None
        if batch.moves is not None:
            known = told(clean, batch.moves, chance)
            clean = known.clip
        noise = torch.randn(clean.shape, generator=chance, device=clean.device)
        x = noised(clean, noise, sigma)
        beside = None if known is None else known.beside
        kind = clean.device.type
        with torch.no_grad(), torch.autocast(kind, torch.bfloat16):
            asked = conditioned(teacher, teacher.read(text), beside)
            avoided = conditioned(teacher, teacher.read(repeated(empty, n)), beside)
            denoise = thresholded(guided(asked, avoided, plan.guidance, plan.interval))
            denoise = denoise if known is None else keeping(denoise, known)
            target = joined(x, moved(denoise, x, levels), begin, end)

        def run(scaled: Tensor, s: Tensor) -> Tensor:
            with torch.autocast(kind, torch.bfloat16):
                y: Tensor = student(scaled if beside is None else torch.cat([scaled, beside], dim=1), s, text)
            return y if known is None else known.kept(y)

        error = loss_weight(sigma) * (precondition(run, x, sigma) - target).square().flatten(1).mean(1)
        return (error if known is None else error / share_made(known.mask)).mean()

    return loss


def repeated(text: TextStates, n: int) -> TextStates:
    """One text, n times."""
    return TextStates(text.states.expand(n, -1, -1), text.mask.expand(n, -1))


def distillation(settings: Settings, place: Place, world: Source, image: Path, temporal: Path) -> Recipe:
    """A student of the network with these image and temporal weights, which starts as its teacher."""
    plan = settings.distillation
    teacher = load_stunet(image, temporal).to(place.device)
    delta = copy.deepcopy(teacher.temporal).requires_grad_(True)
    network = STUNet(teacher.image, delta, teacher.config)
    encoder = TextEncoder(settings.text, place.device, TOKENS)
    seed = 1000 * settings.seed + place.rank
    feed = Feed(world, encoder, settings.batch or CLIPS, seed, still=False, dropout=0.0)
    chance = torch.Generator(place.device).manual_seed(seed + 1)
    times = torch.Generator().manual_seed(seed + 1)

    shapes = Shapes(SIZE, settings.oblong, settings.seed)
    moves = teacher.config.conditioned
    batches = pictures(world, feed, shapes, times, frames=FRAMES, moves=moves)

    fused(teacher, settings)
    student = fused(WithText(network), settings)
    loss = distilled_loss(student, teacher, plan, feed.read, encoder([""]), chance)
    shown = Feed(world, encoder, 1, 77, still=False, dropout=0.0)
    captions = world.captions(next(shown.draw()).scenes, random.Random(5))

    def draw() -> Image.Image:
        drawn = samples(
            network, encoder, captions, (3, FRAMES, SIZE, SIZE), plan.shift, sample_euler, plan.steps, 1.0
        )
        return draw_sheet(to_frames(drawn), captions)

    return Recipe(delta, teacher.config, batches, loss, draw)
