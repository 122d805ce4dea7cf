"""Generate clips for held-out prompts, let the judges look, and write down the figures.

python -m model.evaluation.evaluate --checkpoint model/checkpoints/ciotat --n 12 --out var/evaluation
"""

import argparse
import hashlib
import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from model.evaluation.judges import LOOK_SIDE, Judges, Verdict, activity, frames_at
from model.evaluation.measures import MEASURED, Judged, borders, seam_ratio, summarise
from model.evaluation.prompts import Question, question
from model.evaluation.sheet import draw_sheet, stack_sheets, to_frames
from model.pipeline import Pipeline
from model.weights import CONFIG, INDEX, WEIGHTS

JUDGES = Path(__file__).parents[1] / "checkpoints" / "judges"
SHOWN = 12  # successes, and as many failures, on the sheet
Clip = Float[Tensor, "3 t _ _"]


def generate(
    pipeline: Pipeline, questions: Sequence[Question], size: int, steps: int, batch: int, guidance: float
) -> Iterator[tuple[Clip, Clip]]:
    """The base clip and the final one of every question, in order, `batch` at a time."""
    for start in range(0, len(questions), batch):
        group = questions[start : start + batch]
        seeds = [one.seed for one in group]
        prompts = [one.prompt for one in group]
        base = pipeline.base_clips(prompts, seeds, steps=steps, guidance_scale=guidance)
        for low, seed in zip(base, seeds, strict=True):
            factor = size // low.shape[-1]
            final = pipeline.upscale(low[None], factor, [seed])[0] if factor > 1 else low
            yield low.float(), final.float()


def judged(
    index: int, asked: Question, clips: tuple[Clip, Clip], judges: Judges, at: Sequence[int]
) -> tuple[Judged, Verdict]:
    """What the judges make of the final clip; seams are measured on both."""
    low, final = clips
    verdict = judges.judge(final[None])
    names = judges.config
    record = Judged(
        index,
        asked,
        names.objects[int(verdict.object[0])],
        names.motions[int(verdict.motion[0])],
        names.backgrounds[int(verdict.background[0])],
        float(activity(final[None])[0]),
        seam_ratio(final, at) if at else None,
        seam_ratio(low, at) if at else None,
    )
    return record, verdict


def digest(folder: Path) -> str:
    """A short hash of every weight and config of a checkpoint, whatever else lies beside them."""
    total = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.name in (INDEX, CONFIG, WEIGHTS)):
        total.update(file.relative_to(folder).as_posix().encode() + file.read_bytes())
    return total.hexdigest()[:16]


def told(record: Judged) -> str:
    """A clip's line on the sheet: its prompt, and whatever the judges saw otherwise."""
    wrong = [f"{what}: {getattr(record, what)}" for what in MEASURED if not record.right(what)]
    return record.question.prompt + (f"   [seen as {', '.join(wrong)}]" if wrong else "")


class Shown:
    """The first successes and failures, kept small for the sheet."""

    def __init__(self) -> None:
        self.rows: dict[bool, list[tuple[NDArray[np.uint8], str]]] = {True: [], False: []}

    def add(self, record: Judged, clip: Clip) -> None:
        rows = self.rows[all(record.right(what) for what in MEASURED)]
        if len(rows) < SHOWN:
            frames = torch.linspace(0, clip.shape[1] - 1, 8).round().long()
            rows.append((to_frames(frames_at(clip[None, :, frames], LOOK_SIDE))[0], told(record)))

    def sheet(self) -> Image.Image:
        rows = self.rows[True] + self.rows[False]
        colours = ["#14641e"] * len(self.rows[True]) + ["#a01414"] * len(self.rows[False])
        return draw_sheet(
            [frames for frames, _ in rows], [text for _, text in rows], columns=8, colours=colours
        )


def evaluate(args: argparse.Namespace, shard: tuple[int, int]) -> None:
    """One shard's clips, judged as they come; figures, records and a sheet in --out."""
    judges = Judges.load(args.judges, args.device)
    pipeline = Pipeline.load(args.checkpoint, args.device, encoder=args.text)
    indices = list(range(args.n))[shard[0] :: shard[1]]
    questions = [question(index, args.seed) for index in indices]
    how = pipeline.sampling
    at = borders(80, how.window, how.overlap) if args.size > how.base_size else []
    shown, records = Shown(), []
    clips = generate(pipeline, questions, args.size, args.steps, args.batch, args.guidance)
    for index, asked, pair in tqdm(
        zip(indices, questions, clips, strict=True), total=len(indices), unit="clip"
    ):
        record, _ = judged(index, asked, pair, judges, at)
        records.append(record)
        shown.add(record, pair[1])
    name = "" if shard[1] == 1 else f"-{shard[0]}"
    args.out.mkdir(parents=True, exist_ok=True)
    shown.sheet().save(args.out / f"sheet{name}.png")
    report = {**provenance(args), **summarise(records, judges.config.frozen_below)}
    write(args.out / f"results{name}.json", report)


def provenance(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "command": "python -m model.evaluation.evaluate " + shlex.join(sys.argv[1:]),
        "checkpoint": digest(args.checkpoint),
        "judges": digest(args.judges),
        "seed": args.seed,
        "size": args.size,
        "steps": args.steps,
        "guidance": args.guidance,
        "device": torch.cuda.get_device_name() if args.device.startswith("cuda") else "cpu",
    }


def merge(out: Path) -> None:
    """All shards' records as one report, their sheets as one sheet."""
    files = sorted(out.glob("results-*.json"))
    if not files:
        raise FileNotFoundError(f"{out} has no results-*.json to merge")
    reports = [json.loads(file.read_text()) for file in files]
    if (
        len(
            {(r["checkpoint"], r["judges"], r["seed"], r["size"], r["steps"], r["guidance"]) for r in reports}
        )
        > 1
    ):
        raise ValueError(
            f"the shards in {out} come from different checkpoints, judges, seeds, sizes, steps or guidance"
        )
    clips = [Judged(**{**c, "question": Question(**c["question"])}) for r in reports for c in r["clips"]]
    first = {key: value for key, value in reports[0].items() if key in provenance_keys()}
    summary = summarise(sorted(clips, key=lambda clip: clip.index), reports[0]["frozen"]["below"])
    stack_sheets([Image.open(file) for file in sorted(out.glob("sheet-*.png"))]).save(out / "sheet.png")
    write(out / "results.json", {**first, **summary})


def provenance_keys() -> tuple[str, ...]:
    return ("command", "checkpoint", "judges", "seed", "size", "steps", "guidance", "device")


def write(file: Path, report: dict[str, Any]) -> None:
    """Everything to the file, all but the single clips to the screen."""
    file.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps({key: value for key, value in report.items() if key != "clips"}, indent=1))


def shard_of(text: str) -> tuple[int, int]:
    index, count = (int(part) for part in text.split("/"))
    if not 0 <= index < count:
        raise argparse.ArgumentTypeError(f"a shard is i/n with 0 <= i < n, not {text}")
    return index, count


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Judge a checkpoint on held-out prompts.")
    parser.add_argument("--checkpoint", type=Path, help="a checkpoint folder")
    parser.add_argument("--judges", type=Path, default=JUDGES)
    parser.add_argument("--n", type=int, default=12)
    parser.add_argument("--text", type=Path, help="folder of the text encoder (default: the installed one)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", type=int, default=128, choices=(128, 256, 512, 1024))
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=2.5, help="scale of classifier-free guidance")
    parser.add_argument("--batch", type=int, help="base clips at a time (default: 16 on a GPU, 1 on a CPU)")
    parser.add_argument(
        "--shard", type=shard_of, default=(0, 1), help="i/n: only every n-th prompt, from the i-th"
    )
    parser.add_argument("--merge", action="store_true", help="make one report of the shards in --out")
    args = parser.parse_args(arguments)
    if args.merge:
        return merge(args.out)
    if args.checkpoint is None:
        parser.error("--checkpoint is needed, unless --merge")
    args.batch = args.batch or (16 if args.device.startswith("cuda") else 1)
    return evaluate(args, args.shard)


if __name__ == "__main__":
    main()
