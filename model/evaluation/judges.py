"""Judges: small classifiers, taught by rendered truth alone, of what a clip shows, how it moves, before what.

python -m model.evaluation.judges train --out model/checkpoints/judges --minutes 3 --device cuda
python -m model.evaluation.judges check --out model/checkpoints/judges --device cuda
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from einops import rearrange
from jaxtyping import Float, Int
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

CLIP_FRAMES = 80
SEEN_FRAMES = 6  # of a clip, evenly spaced, shown to the judge of looks
LOOK_SIDE = 128  # pixels
MOTION_SIDE = 64


@dataclass(frozen=True)
class JudgesConfig:
    """The classes, by name, and what was measured on fresh rendered truth after the last training."""

    objects: tuple[str, ...]
    motions: tuple[str, ...]
    backgrounds: tuple[str, ...]
    accuracy: dict[str, float]
    frozen_below: float = 0.0  # activity of a clip that is told to move and does not
    command: str = ""


@dataclass(frozen=True)
class Verdict:
    """What the judges see in b clips, as class numbers, and how sure they are, in [0, 1]."""

    object: Int[Tensor, " b"]
    motion: Int[Tensor, " b"]
    background: Int[Tensor, " b"]
    object_odds: Float[Tensor, "b objects"]
    motion_odds: Float[Tensor, "b motions"]
    background_odds: Float[Tensor, "b backgrounds"]


def conv(ins: int, outs: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(ins, outs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outs), nn.SiLU()
    )


class Residual(nn.Module):
    """x + 1x1(3x3(x))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            conv(width, width), nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = x + self.inner(x)
        return functional.silu(total)


class LookJudge(nn.Module):
    """Object and background of single frames: one trunk, the object read where attention points."""

    def __init__(self, objects: int, backgrounds: int, width: int = 192, embedding: int = 224) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            conv(3, 32, 2, 5), conv(32, 64, 2), Residual(64), conv(64, 128, 2), Residual(128),
            conv(128, width, 2), Residual(width),
        )  # fmt: skip
        self.where = nn.Conv2d(width, 1, 1)
        self.read = conv(width, embedding, size=1)
        self.object = nn.Linear(embedding, objects)
        self.background = nn.Linear(width, backgrounds)

    def forward(
        self, frames: Float[Tensor, "n 3 h w"]
    ) -> tuple[Float[Tensor, "n objects"], Float[Tensor, "n backgrounds"]]:
        seen = self.trunk(frames)
        weight = self.where(seen).flatten(2).softmax(-1)
        thing = (self.read(seen).flatten(2) * weight).sum(-1)
        return self.object(thing), self.background(seen.mean((2, 3)))


def conv3d(ins: int, outs: int, size: tuple[int, int, int], stride: tuple[int, int, int]) -> nn.Sequential:
    padding = (size[0] // 2, (size[1] - 1) // 2, (size[2] - 1) // 2)
    return nn.Sequential(
        nn.Conv3d(ins, outs, size, stride, padding, bias=False), nn.BatchNorm3d(outs), nn.SiLU()
    )


class MotionJudge(nn.Module):
    """Motion of clips of 80 frames of 64x64: each frame beside its difference from the clip's mean."""

    def __init__(self, motions: int, width: int = 128) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(6, 32, 8, 4, 2, bias=False), nn.BatchNorm2d(32), nn.SiLU())
        self.trunk = nn.Sequential(
            conv3d(32, 64, (3, 3, 3), (2, 2, 2)),
            conv3d(64, 80, (3, 3, 3), (2, 2, 2)),
            conv3d(80, 24, (1, 1, 1), (1, 1, 1)),
        )
        self.path = nn.Sequential(
            nn.Conv1d(24 * 4 * 4, width, 1), nn.BatchNorm1d(width), nn.SiLU(),
            nn.Conv1d(width, width, 3, padding=1), nn.BatchNorm1d(width), nn.SiLU(),
        )  # fmt: skip
        self.motion = nn.Linear(2 * width, motions)

    def forward(self, clips: Float[Tensor, "b 3 t h w"]) -> Float[Tensor, "b motions"]:
        moving = clips - clips.mean(2, keepdim=True)
        frames = rearrange(torch.cat([clips, 2 * moving], 1), "b c t h w -> (b t) c h w")
        seen = self.trunk(rearrange(self.stem(frames), "(b t) c h w -> b c t h w", b=len(clips)))
        path = self.path(
            rearrange(functional.adaptive_avg_pool3d(seen, (None, 4, 4)), "b c t h w -> b (c h w) t")
        )
        logits: Tensor = self.motion(torch.cat([path.mean(-1), path.amax(-1)], 1))
        return logits


def frames_at(clips: Float[Tensor, "b 3 t h w"], side: int) -> Float[Tensor, "b 3 t s s"]:
    """Every frame made smaller (or larger) to side x side by averaging."""
    if clips.shape[-1] == side:
        return clips.float()
    flat = rearrange(clips.float(), "b c t h w -> (b t) c h w")
    flat = functional.interpolate(flat, (side, side), mode="bilinear", antialias=True, align_corners=False)
    return rearrange(flat, "(b t) c h w -> b c t h w", b=len(clips))


Network = TypeVar("Network", bound=nn.Module)


def save_judge(folder: Path, config: Any, network: nn.Module) -> None:
    """Write config.json and model.safetensors, floats as float16."""
    folder.mkdir(parents=True, exist_ok=True)
    halved = {
        key: (value.half() if value.is_floating_point() else value).cpu().contiguous()
        for key, value in network.state_dict().items()
    }
    save_file(halved, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(asdict(config), indent=1) + "\n")


def filled(network: Network, folder: Path) -> Network:
    """The network with the weights that `save_judge` wrote."""
    weights = load_file(folder / "model.safetensors")
    network.load_state_dict({key: v.float() if v.is_floating_point() else v for key, v in weights.items()})
    return network


class Judges(nn.Module):
    """The three judges and their vocabulary."""

    def __init__(self, config: JudgesConfig) -> None:
        super().__init__()
        self.config = config
        self.look = LookJudge(len(config.objects), len(config.backgrounds))
        self.motion = MotionJudge(len(config.motions))

    @torch.no_grad()
    def judge(self, clips: Float[Tensor, "b 3 t h w"]) -> Verdict:
        """Whole clips of 80 frames in [-1, 1], of any size; use in `eval()` mode."""
        if clips.shape[2] != CLIP_FRAMES:
            raise ValueError(f"the judges look at clips of {CLIP_FRAMES} frames, not {clips.shape[2]}")
        spread = torch.linspace(0, CLIP_FRAMES - 1, 2 * SEEN_FRAMES + 1, device=clips.device)[1::2].long()
        frames = rearrange(frames_at(clips[:, :, spread], LOOK_SIDE), "b c t h w -> (b t) c h w")
        parts = [self.look(part) for part in torch.split(frames, 256)]
        objects, backgrounds = (
            torch.cat(logits).float().log_softmax(-1).view(len(clips), SEEN_FRAMES, -1).mean(1).softmax(-1)
            for logits in zip(*parts, strict=True)
        )
        motions = self.motion(frames_at(clips, MOTION_SIDE)).float().softmax(-1)
        return Verdict(
            objects.argmax(-1), motions.argmax(-1), backgrounds.argmax(-1), objects, motions, backgrounds
        )

    @classmethod
    def load(cls, folder: Path, device: torch.device | str = "cpu") -> "Judges":
        """Read a folder of config.json and model.safetensors, ready to judge."""
        entries: dict[str, Any] = json.loads((folder / "config.json").read_text())
        names = {key: tuple(entries[key]) for key in ("objects", "motions", "backgrounds")}
        return filled(cls(JudgesConfig(**{**entries, **names})), folder).to(device).eval()

    def save(self, folder: Path) -> None:
        """Write config.json and model.safetensors, floats as float16."""
        save_judge(folder, self.config, self)

    def measured(self, **values: Any) -> None:
        """Note figures in the config."""
        self.config = replace(self.config, **values)


def activity(clips: Float[Tensor, "b 3 t h w"]) -> Float[Tensor, " b"]:
    """RMS deviation of each pixel from its mean over the clip: flicker adds little, slow motion much."""
    small = frames_at(clips, MOTION_SIDE)
    return (small - small.mean(2, keepdim=True)).square().mean((1, 2, 3, 4)).sqrt()


def main(arguments: Sequence[str] | None = None) -> None:
    import argparse

    parser = argparse.ArgumentParser(description="Train the judges, or check them on fresh rendered truth.")
    parser.add_argument("task", choices=("train", "check"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--objects", type=int, help="only the first so many objects, spread over all: a trial"
    )
    parser.add_argument("--batch", type=int, default=512, help="frames; clips are a quarter as many")
    parser.add_argument("--share", type=float, default=0.6, help="of the time given to the judge of looks")
    parser.add_argument("--clips", type=int, default=2048, help="fresh clips to measure on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="start from the weights in --out")
    args = parser.parse_args(arguments)

    from model.evaluation.judge_training import run

    run(args)


if __name__ == "__main__":
    main()
