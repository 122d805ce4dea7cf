"""make bench: the shipped cascade on CPUs, part by part, as ratios to a matrix product of the same run.

Processor time is counted, not the clock's: what else the machine does then changes little. A job is its parts times how
often it does them; the ratios are compared with those of the committed baseline.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from model.bench.networks import SHIPPED
from model.diffusion import noise_for
from model.guidance import thresholded
from model.pipeline import Pipeline
from model.sampling import step_to
from model.ssr import consistent, upscaled
from model.steps import to_frames
from model.weights import Sampling
from model.windows import windowed, windows_of

BASELINE = Path(__file__).parent / "baseline.json"
WORSE = 1.25  # times the baseline's ratio, from which on a part is said to have become slower
STEPS, GUIDED = 8, 1  # of the base pass that a job is reckoned with: the student's


class Measured(NamedTuple):
    """What a machine takes for the parts of a job."""

    side: int  # pixels, of the video
    dtype: str
    threads: int
    reference_s: float  # of the matrix product
    ratios: dict[str, float]  # of a part to it
    seconds: dict[str, float]  # of the processor, for a part
    of_job: dict[str, float]  # and for as many of it as a job has


def processor_seconds(call: Callable[[], object], times: int = 3) -> float:
    """The least of several calls, after one that warms up, in seconds of all threads together."""
    call()
    took = []
    for _ in range(times):
        began = time.process_time()
        call()
        took.append(time.process_time() - began)
    return min(took)


def parts_of(pipeline: Pipeline, side: int) -> dict[str, tuple[Callable[[], object], int]]:
    """What a job of a square video consists of, and how often it does it."""
    how: Sampling = pipeline.sampling
    frames, factor = how.longest, side // how.base_size
    context = pipeline.base.read(pipeline.text(["a red balloon rising over grass"]))
    clip = torch.randn(1, 3, frames, how.base_size, how.base_size)
    high = torch.randn(1, 3, frames, side, side)
    window = high[:, :, : how.window].contiguous()
    sigma = torch.tensor([0.5])
    windows = len(windows_of(frames, how.window, how.overlap))
    denoise = upscaled(pipeline.ssr, clip, [slice(0, how.window)], factor, how.augmentation)

    def base() -> object:
        return pipeline.base(clip.to(pipeline.dtype), sigma, context)

    return {
        "base step": (base, STEPS * GUIDED),
        "ssr window": (lambda: denoise(window, 0.5), how.ssr_steps * windows),
        "ssr step around its windows": (lambda: around(pipeline, clip, high, factor), how.ssr_steps),
        "noise": (lambda: noise_for([7], (3, frames, side, side)), 1),
        "frames": (lambda: to_frames(high[0]), 1),
    }


def around(pipeline: Pipeline, low: torch.Tensor, high: torch.Tensor, factor: int) -> torch.Tensor:
    """All of a step of super-resolution but its network: windows are fused, projected, thresholded and stepped."""
    how = pipeline.sampling
    windows = windowed(lambda _: lambda x, sigma: x, how.window, how.overlap)
    clean = thresholded(consistent(windows, low, factor))(high, 0.5)
    return step_to(high, clean, 0.5, 0.4)


@torch.inference_mode()
def measured(checkpoint: Path, side: int) -> Measured:
    """All parts, and what they are of a job."""
    pipeline = Pipeline.load(checkpoint)
    square = torch.randn(2048, 2048, dtype=pipeline.dtype)
    reference = processor_seconds(lambda: square @ square)
    seconds, job = {}, {}
    for name, (call, times) in parts_of(pipeline, side).items():
        seconds[name] = processor_seconds(call)
        job[name] = times * seconds[name]
        ratio = seconds[name] / reference
        print(f"{name:30}{seconds[name]:9.3f} s{ratio:10.1f} x{job[name]:9.2f} s of a job", flush=True)
    ratios = {name: each / reference for name, each in seconds.items()}
    return Measured(side, str(pipeline.dtype), torch.get_num_threads(), reference, ratios, seconds, job)


def slower(ratios: dict[str, float], baseline: dict[str, float]) -> dict[str, float]:
    """Parts that have become slower than the baseline, and how many times."""
    compared = {name: ratios[name] / before for name, before in baseline.items() if name in ratios}
    return {name: times for name, times in compared.items() if times > WORSE}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, default=SHIPPED)
    parser.add_argument("--side", type=int, default=512, help="pixels a side of the video")
    parser.add_argument(
        "--threads", type=int, default=1, help="more of them wait for each other where others work too"
    )
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "bench-cpu.json")
    parser.add_argument("--baseline", type=Path, default=BASELINE)
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    found = measured(args.checkpoint, args.side)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(found._asdict(), indent=2) + "\n")
    total = sum(found.of_job.values())
    print(f"a job of {args.side}x{args.side} with {STEPS} steps: {total:.1f} s of processor time")
    before = json.loads(args.baseline.read_text())["ratios"] if args.baseline.is_file() else {}
    worse = slower(found.ratios, before)
    for name, times in worse.items():
        print(f"SLOWER than the baseline: {name}, {times:.2f} times")
    raise SystemExit(1 if worse else 0)


if __name__ == "__main__":
    main()
