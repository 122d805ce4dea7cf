"""The figure of the alpha sweep: one prompt from one noise, a row for each share of a style, columns through time.

python -m model.evaluation.alpha_sweep --checkpoint model/checkpoints/ciotat-1 --style line --out sweep.png
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from model.evaluation.sheet import draw_sheet, to_frames
from model.pipeline import Pipeline

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)


def sweep(
    pipeline: Pipeline, style: str, prompt: str, seed: int, steps: int, frames: int
) -> Float[Tensor, "alphas 3 t h w"]:
    """The base clip at each share of the style."""
    side = pipeline.sampling.base_size
    made = [
        pipeline.styled(style, alpha).base_clips([prompt], [seed], shape=(frames, side, side), steps=steps)
        for alpha in ALPHAS
    ]
    return torch.cat(made)


def sheet(clips: Float[Tensor, "alphas 3 t h w"], style: str, prompt: str) -> Image.Image:
    """A row for each share."""
    return draw_sheet(
        to_frames(clips), [f"{style}, alpha {alpha:g}: {prompt}" for alpha in ALPHAS], columns=8
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Draw one prompt at five shares of a style.")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--style", required=True)
    parser.add_argument("--prompt", default="a red car driving to the right on grass")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--frames", type=int, default=80)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--text", type=Path, help="folder of the text encoder (default: the installed one)")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    pipeline = Pipeline.load(args.checkpoint, args.device, encoder=args.text)
    clips = sweep(pipeline, args.style, args.prompt, args.seed, args.steps, args.frames)
    sheet(clips, args.style, args.prompt).save(args.out)


if __name__ == "__main__":
    main()
