"""Make a checkpoint to be served of what was trained: its components, and an index that says how to ask them.

python -m model.training.ship runs/ciotat-1 model/checkpoints/ciotat-1             # the teacher: guided, 20 steps
python -m model.training.ship runs/ciotat-1 model/checkpoints/ciotat-1 --student   # few steps, unguided
"""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

from model.catalog import STYLES, Defaults, Limits, styles
from model.stunet import InflationConfig
from model.tasks import LONGEST, Task
from model.training.recipe import Distillation
from model.weights import CONFIG, WEIGHTS, Sampling, parse, read_json, save_index

LIMITS = Limits(seconds=LONGEST, megapixels=336)  # 20 s of 1024x1024
UNTOLD = (
    Task.TEXT_TO_VIDEO,
    Task.VIDEO_TO_VIDEO,
)  # tasks of a network that is not told what is known of a clip


def shipped(trained: Path, out: Path, sampling: Sampling, student: Distillation | None) -> Path:
    """The checkpoint in `out`; its base model is the student where there is one. Returns `out`.

    Raises InvalidCheckpoint where a component's config cannot be read.
    """
    defaults = Defaults()
    temporal = "base_temporal"
    if student is not None:
        temporal = "base_distilled"
        sampling = replace(sampling, base_sampler="euler", base_shift=student.shift)
        defaults = Defaults(steps=student.steps, guidance_scale=1.0)
    config = trained / temporal / CONFIG
    told = parse(InflationConfig, read_json(config), config).conditioned
    parts = {"base_image": "base_image", "base_temporal": temporal}
    parts |= {name: name for name in ("ssr_image", "ssr_temporal")}
    styled = {f"{STYLES}/{name}" for name in styles(trained)}
    parts |= {name: name for name in sorted(styled)}
    for name, source in parts.items():
        (out / name).mkdir(parents=True, exist_ok=True)
        for file in (CONFIG, WEIGHTS):
            shutil.copyfile(trained / source / file, out / name / file)
    save_index(out, sampling, able(told, bool(styled)), defaults, LIMITS)
    return out


def able(told: bool, styled: bool) -> list[Task]:
    """What a checkpoint does whose network can be told what is known, or not, and that has styles, or none."""
    return [task for task in Task if (styled if task is Task.STYLIZE else told or task in UNTOLD)]


def mebibytes(checkpoints: Path) -> float:
    """What all weights below a folder take."""
    return sum(file.stat().st_size for file in checkpoints.rglob(f"*{WEIGHTS}")) / 2**20


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make a checkpoint to be served of what was trained.")
    parser.add_argument("trained", type=Path, help="the folder that was trained into")
    parser.add_argument("out", type=Path, help="the checkpoint to be served")
    parser.add_argument("--student", action="store_true", help="base_distilled is its base model")
    parser.add_argument("--steps", type=int, default=Distillation.steps, help="that the student was made for")
    parser.add_argument("--shift", type=float, default=Distillation.shift, help="of the student's schedule")
    parser.add_argument(
        "--guided", type=float, nargs=2, default=(0.0, 1.0), metavar=("LOW", "HIGH"), help="noise levels"
    )
    args = parser.parse_args(arguments)
    student = Distillation(steps=args.steps, shift=args.shift) if args.student else None
    out = shipped(args.trained, args.out, Sampling(guidance_interval=tuple(args.guided)), student)
    print(f"{out}: {mebibytes(out):.1f} MiB, with all that lies beside it {mebibytes(out.parent):.1f} MiB")


if __name__ == "__main__":
    main()
