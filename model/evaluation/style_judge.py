"""A judge of style: a small classifier of frames, the base and each style, taught by rendered truth alone.

python -m model.evaluation.style_judge train --out model/checkpoints/style_judge --minutes 2 --device cuda
python -m model.evaluation.style_judge check --out model/checkpoints/style_judge
"""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from model.evaluation.judge_training import cross_entropy, teach, worn
from model.evaluation.judges import LOOK_SIDE, SEEN_FRAMES, Residual, conv, filled, frames_at, save_judge
from model.training import styles
from model.training.motions import SECONDS
from model.training.objects import Atlas, drawings
from model.training.world import World

FOLDER = Path(__file__).parents[1] / "checkpoints" / "style_judge"
BASE = "base"
RATE = 2e-3


@dataclass(frozen=True)
class StyleJudgeConfig:
    """The classes, by name, and the shares right on fresh rendered frames after the last training."""

    styles: tuple[str, ...] = (BASE, *styles.STYLES)
    accuracy: dict[str, float] | None = None
    command: str = ""


class StyleJudge(nn.Module):
    """Frames of 128x128 -> logits of the styles: what is drawn is read where attention points, as the object is."""

    def __init__(self, config: StyleJudgeConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = nn.Sequential(
            conv(3, 24, 2, 5), conv(24, 48, 2), Residual(48), conv(48, 96, 2), Residual(96)
        )
        self.where = nn.Conv2d(96, 1, 1)
        self.style = nn.Linear(96, len(config.styles))

    def forward(self, frames: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n styles"]:
        seen = self.trunk(frames)
        weight = self.where(seen).flatten(2).softmax(-1)
        logits: Tensor = self.style((seen.flatten(2) * weight).sum(-1))
        return logits

    @torch.no_grad()
    def judge(self, clips: Float[Tensor, "b 3 t h w"]) -> list[str]:
        """The style of each clip in [-1, 1], of any size, by a few of its frames; use in `eval()` mode."""
        at = torch.linspace(0, clips.shape[2] - 1, 2 * SEEN_FRAMES + 1, device=clips.device)[1::2].long()
        frames = rearrange(frames_at(clips[:, :, at], LOOK_SIDE), "b c t h w -> (b t) c h w")
        odds = self(frames).float().log_softmax(-1).view(len(clips), SEEN_FRAMES, -1).mean(1)
        return [self.config.styles[i] for i in odds.argmax(-1).tolist()]

    @classmethod
    def load(cls, folder: Path = FOLDER, device: torch.device | str = "cpu") -> "StyleJudge":
        """Read a folder of config.json and model.safetensors, ready to judge."""
        entries: dict[str, Any] = json.loads((folder / "config.json").read_text())
        judge = cls(StyleJudgeConfig(**entries | {"styles": tuple(entries["styles"])}))
        return filled(judge, folder).to(device).eval()

    def save(self, folder: Path) -> None:
        """Write config.json and model.safetensors, floats as float16."""
        save_judge(folder, self.config, self)


class StyleLessons:
    """Endless frames of one world in every style, worn as generated ones are."""

    def __init__(self, worlds: Sequence[World], seed: int) -> None:
        self.worlds, self.generator = worlds, torch.Generator().manual_seed(seed)

    @classmethod
    def of(
        cls, names: Sequence[str], device: torch.device, seed: int, workers: int | None = None
    ) -> "StyleLessons":
        """Of those of the named objects that every style has."""
        names = styles.shared(names)
        atlases = [Atlas.load(device, LOOK_SIDE, names, workers)]
        atlases += [styles.load(style, device, LOOK_SIDE, names, workers) for style in styles.STYLES]
        return cls([World(atlas, device) for atlas in atlases], seed)

    def frames(self, n: int, wear: bool = True) -> tuple[Float[Tensor, "n 3 h w"], Int[Tensor, " n"]]:
        """n frames, and which style each is in; as many of each as can be."""
        told = torch.arange(n) % len(self.worlds)
        frames = torch.cat(
            [self._frames(world, int((told == i).sum())) for i, world in enumerate(self.worlds)]
        )
        labels = told.sort().values.to(frames.device)
        return (worn(frames, self.generator) if wear else frames)[:, :, 0], labels

    def _frames(self, world: World, n: int) -> Float[Tensor, "n 3 1 h w"]:
        scenes = world.scenes(n, self.generator)
        times = torch.rand(n, 1, generator=self.generator).to(world.device) * SECONDS
        return world.render(scenes, times, LOOK_SIDE)


@torch.no_grad()
def check(judge: StyleJudge, lessons: StyleLessons, frames: int, wear: bool) -> dict[str, float]:
    """The share of each style's fresh frames that are judged right."""
    batches = [lessons.frames(100, wear) for _ in range(max(1, frames // 100))]
    told = torch.cat([labels for _, labels in batches])
    right = torch.cat([judge(seen).argmax(-1) == labels for seen, labels in batches])
    return {
        style: round(right[told == i].float().mean().item(), 4) for i, style in enumerate(judge.config.styles)
    }


def train(judge: StyleJudge, lessons: StyleLessons, minutes: float, batch: int) -> int:
    """Teach it for so many minutes; returns the number of steps."""

    def loss() -> Tensor:
        frames, labels = lessons.frames(batch)
        return cross_entropy(judge(frames), labels)

    device = next(judge.parameters()).device
    return teach(judge, loss, RATE, minutes, "style", device)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Train the judge of style, or check it on fresh rendered truth."
    )
    parser.add_argument("task", choices=("train", "check"))
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--every", type=int, default=1, help="every nth object alone: a trial")
    parser.add_argument("--batch", type=int, default=500, help="frames")
    parser.add_argument("--frames", type=int, default=5000, help="fresh ones to measure on")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    device = torch.device(args.device)
    torch.manual_seed(args.seed)
    names = [drawing.name for drawing in drawings()][:: args.every]
    lessons = StyleLessons.of(names, device, args.seed)
    judge = (
        StyleJudge.load(args.out, device)
        if args.task == "check"
        else StyleJudge(StyleJudgeConfig()).to(device)
    )
    if args.task == "train":
        print(train(judge, lessons, args.minutes, args.batch), "steps", flush=True)
    judge.eval()
    fresh = StyleLessons(lessons.worlds, args.seed + 10_000)
    clean, worn_too = (check(judge, fresh, args.frames, wear) for wear in (False, True))
    accuracy = clean | {f"{style}_worn": share for style, share in worn_too.items()}
    print(json.dumps(accuracy))
    if args.task == "train":
        command = "python -m model.evaluation.style_judge " + shlex.join(arguments or sys.argv[1:])
        judge.config = replace(judge.config, accuracy=accuracy, command=command)
        judge.save(args.out)


if __name__ == "__main__":
    main()
