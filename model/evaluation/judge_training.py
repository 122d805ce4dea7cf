"""The judges' training: frames and clips rendered for the moment, worn a little as generated ones are."""

import argparse
import json
import shlex
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from model.evaluation.judges import LOOK_SIDE, MOTION_SIDE, Judges, JudgesConfig, activity
from model.training.backgrounds import BACKGROUNDS
from model.training.motions import MOTIONS, SECONDS, STILL
from model.training.objects import Atlas, drawings
from model.training.world import Scenes, World, clip_times

FROZEN_SHARE = 0.25  # of the activity of the calmest rendered clips that move
LOOK_RATE, MOTION_RATE = 2e-3, 2e-3


def worn(clips: Float[Tensor, "b 3 t h w"], generator: torch.Generator) -> Float[Tensor, "b 3 t h w"]:
    """Blurred, tinted, faded, noisy by chance, each clip in its own way: judges must not mind."""
    b, side = len(clips), clips.shape[-1]

    def chance(low: float, high: float, channels: int = 1) -> Tensor:
        drawn = torch.rand(b, channels, 1, 1, 1, generator=generator)
        return (low + (high - low) * drawn).to(clips.device)

    flat = rearrange(clips, "b c t h w -> (b t) c h w")
    soft = functional.interpolate(
        functional.avg_pool2d(flat, 2), (side, side), mode="bilinear", align_corners=False
    )
    softness = chance(-0.6, 1.0).clamp(min=0)
    clips = torch.lerp(clips, rearrange(soft, "(b t) c h w -> b c t h w", b=b), softness)
    clips = clips * chance(0.85, 1.1) * chance(0.95, 1.05, 3) + chance(-0.08, 0.08) + chance(-0.04, 0.04, 3)
    noise = torch.randn_like(clips) * chance(-0.05, 0.08).clamp(min=0)
    return (clips + noise).clamp(-1, 1)


class Lessons:
    """Endless batches of rendered truth, of all pairs: judges learn the held-out ones too."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.generator = world, torch.Generator().manual_seed(seed)

    def scenes(self, n: int) -> Scenes:
        """n scenes, a tenth of them of held-out pairs where there are any."""
        held = n // 10
        parts = [
            self.world.scenes(n - held, self.generator),
            self.world.scenes(held, self.generator, heldout=True),
        ]
        return Scenes(
            *(torch.cat(pair) for pair in zip(*(vars(part).values() for part in parts), strict=True))
        )

    def frames(self, n: int) -> tuple[Float[Tensor, "n 3 h w"], Scenes]:
        scenes = self.scenes(n)
        times = torch.rand(n, 1, generator=self.generator).to(self.world.device) * SECONDS
        return worn(self.world.render(scenes, times, LOOK_SIDE), self.generator)[:, :, 0], scenes

    def clips(self, n: int) -> tuple[Float[Tensor, "n 3 t h w"], Scenes]:
        scenes = self.scenes(n)
        clips = self.world.render(scenes, clip_times(n, device=self.world.device), MOTION_SIDE)
        return worn(clips, self.generator), scenes


def pace(minutes: float, label: str) -> Iterator[float]:
    """The share of the time that is spent, again and again until all is; a bar shows it."""
    start, total = time.monotonic(), 60 * minutes
    with tqdm(total=round(total), unit="s", desc=label) as bar:
        while (spent := time.monotonic() - start) < total:
            bar.update(round(spent) - bar.n)
            yield spent / total


def teach(
    network: nn.Module,
    loss: Callable[[], Tensor],
    peak: float,
    minutes: float,
    label: str,
    device: torch.device,
) -> int:
    """Minimise `loss` for so many minutes, the rate rising over the first tenth and falling to nothing."""
    network.train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=peak, weight_decay=0.02, betas=(0.9, 0.98))
    steps = 0
    for done in pace(minutes, label):
        rate = (
            peak * min(done / 0.1 + 0.01, 1.0) * (0.5 + 0.5 * torch.cos(torch.tensor(done * torch.pi)).item())
        )
        for group in optimiser.param_groups:
            group["lr"] = rate
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            value = loss()
        optimiser.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        steps += 1
        if steps % 200 == 0:
            print(f"{label}: step {steps}, {done:.0%} of the time, loss {value.item():.4f}", flush=True)
    network.eval()
    return steps


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    return functional.cross_entropy(logits.float(), target, label_smoothing=0.02)


@torch.no_grad()
def check(judges: Judges, lessons: Lessons, clips: int, wear: bool, batch: int = 32) -> dict[str, float]:
    """Shares right on fresh rendered clips of 128x128, clean or worn."""
    right: dict[str, list[Tensor]] = {"object": [], "motion": [], "background": []}
    wrong: dict[str, Counter[str]] = {name: Counter() for name in right}
    for _ in tqdm(range(max(1, clips // batch)), desc="check", unit="batch"):
        scenes = lessons.scenes(batch)
        rendered = lessons.world.render(scenes, clip_times(batch, device=lessons.world.device), LOOK_SIDE)
        verdict = judges.judge(worn(rendered, lessons.generator) if wear else rendered)
        for name, hits in right.items():
            told, seen = getattr(scenes, name), getattr(verdict, name)
            hits.append(told == seen)
            words = getattr(judges.config, f"{name}s")
            pairs = torch.stack([told, seen], 1)[told != seen].tolist()
            wrong[name].update(f"{words[a]} -> {words[b]}" for a, b in pairs)
    for name, counts in wrong.items():
        print(f"{name}, most often mistaken: {counts.most_common(8)}", flush=True)
    return {name: round(torch.cat(hits).float().mean().item(), 5) for name, hits in right.items()}


@torch.no_grad()
def frozen_threshold(lessons: Lessons, clips: int = 256) -> float:
    """A quarter of the activity that 98 in 100 rendered clips of moving objects exceed."""
    scenes = lessons.scenes(clips)
    scenes = scenes[scenes.motion != STILL]
    rendered = lessons.world.render(scenes, clip_times(len(scenes), device=lessons.world.device), MOTION_SIDE)
    return FROZEN_SHARE * float(activity(rendered).quantile(0.02))


def new_judges(names: tuple[str, ...]) -> Judges:
    return Judges(JudgesConfig(names, MOTIONS, tuple(b.name for b in BACKGROUNDS), {}))


def train(judges: Judges, lessons: Lessons, args: argparse.Namespace, device: torch.device) -> None:
    """Teach the judge of looks, then the judge of motion, and keep each as soon as it is taught."""

    def look_loss() -> Tensor:
        frames, scenes = lessons.frames(args.batch)
        objects, backgrounds = judges.look(frames)
        return cross_entropy(objects, scenes.object) + 0.3 * cross_entropy(backgrounds, scenes.background)

    def motion_loss() -> Tensor:
        clips, scenes = lessons.clips(max(8, args.batch // 4))
        return cross_entropy(judges.motion(clips), scenes.motion)

    judges.look.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    calmer = 0.5 if args.resume else 1.0
    for network, loss, peak, share, label in (
        (judges.look, look_loss, LOOK_RATE, args.share, "look"),
        (judges.motion, motion_loss, MOTION_RATE, 1 - args.share, "motion"),
    ):
        if share > 0:
            steps = teach(network, loss, calmer * peak, args.minutes * share, label, device)
            print(f"{label}: {steps} steps", flush=True)
            judges.save(args.out)


def run(args: argparse.Namespace) -> None:
    """The command line's two tasks."""
    device = torch.device(args.device)
    torch.manual_seed(args.seed)
    torch.backends.cudnn.benchmark = True  # few shapes here, each many times
    everything = tuple(drawing.name for drawing in drawings())
    if args.resume or args.task == "check":
        judges = Judges.load(args.out, device)
    else:
        names = everything[:: len(everything) // args.objects][: args.objects] if args.objects else everything
        judges = new_judges(names).to(device)
    started = time.monotonic()
    # a drawing is at most 0.96 of a frame of 128, sampled twice as finely
    world = World(Atlas.load(device, 256, judges.config.objects), device)
    print(f"{len(world.atlas)} objects drawn in {time.monotonic() - started:.1f} s", flush=True)
    if args.task == "train":
        train(judges, Lessons(world, args.seed), args, device)
        judges.measured(command="python -m model.evaluation.judges " + shlex.join(sys.argv[1:]))
    fresh = Lessons(world, args.seed + 10_000)
    judges.eval()
    accuracy = check(judges, fresh, args.clips, wear=False)
    accuracy |= {
        f"{name}_worn": value for name, value in check(judges, fresh, args.clips // 4, wear=True).items()
    }
    judges.measured(accuracy=accuracy, frozen_below=frozen_threshold(fresh))
    judges.save(args.out)
    weights = (args.out / "model.safetensors").stat().st_size
    print(json.dumps({**accuracy, "frozen_below": judges.config.frozen_below, "bytes": weights}))
