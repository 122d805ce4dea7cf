"""Ways to a clip longer than the base model makes at once, judged on each five seconds and at their borders.

python -m model.evaluation.longer --checkpoint model/checkpoints/ciotat-1 --n 12 --seconds 10 --out var/longer
python -m model.evaluation.longer --synthetic --out var/longer     # Gaussian clips, of which the best denoiser is known
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from model.conditioning import Conditions, Known, keeping, nothing_known
from model.diffusion import Denoiser, noise_for, schedule
from model.evaluation.figures import wilson
from model.evaluation.judges import CLIP_FRAMES, Judges
from model.evaluation.pixels import borders, seam_ratio
from model.evaluation.prompts import Question, question
from model.evaluation.sheet import draw_sheet, to_frames
from model.extension import Pass, extended, spans_of
from model.guidance import guided, thresholded
from model.pipeline import Pipeline
from model.sampling import sample_dpmpp_2m
from model.spec import FPS
from model.windows import windowed
from model.words import conditioned

JUDGES = Path(__file__).parents[1] / "checkpoints" / "judges"
LOOKS = ("object", "motion", "background")
# what is known of the frames of a pass, or nothing -> its denoiser
Knowing = Callable[[Known | None], Denoiser]
Way = Callable[[Knowing, Tensor, Sequence[float]], Tensor]


def in_windows(longest: int, shared: int, soft: bool) -> Way:
    """Windows fused at each step, with ramps for weights or with equal ones."""

    def make(knowing: Knowing, noise: Tensor, sigmas: Sequence[float]) -> Tensor:
        denoise = windowed(lambda windows: knowing(None), longest, shared, soft=soft)
        return sample_dpmpp_2m(thresholded(denoise), noise, sigmas)

    return make


def in_passes(longest: int, known: int, told: bool) -> Way:
    """One pass after the other; each keeps the end of the one before, and is `told` of it where its network can be."""

    def make(knowing: Knowing, noise: Tensor, sigmas: Sequence[float]) -> Tensor:
        def one_pass(one: Pass, begun: object) -> Tensor:
            what = one.under.known
            assert what is not None
            denoise = keeping(thresholded(knowing(what if told else None)), what)
            return sample_dpmpp_2m(denoise, noise[:, :, one.span], sigmas)

        under = Conditions(nothing_known(tuple(noise.shape), noise.device))
        return extended(one_pass, spans_of(noise.shape[2], longest, known), under)

    return make


def ways_of(longest: int, shared: int, known: int, told: bool) -> dict[str, tuple[Way, list[int]]]:
    """Each by its name, and where its borders are in a clip: (way, size of a piece, frames shared)."""
    ways: dict[str, tuple[Way, list[int]]] = {
        "windows, ramps": (in_windows(longest, shared, True), [longest, shared]),
        "windows, equal weights": (in_windows(longest, shared, False), [longest, shared]),
        "passes, kept": (in_passes(longest, known, False), [longest, known]),
    }
    return ways | ({"passes, told": (in_passes(longest, known, True), [longest, known])} if told else {})


def edges(name: str, frames: int, longest: int, shared: int) -> list[int]:
    """The steps between frames at which the pieces of this way change."""
    if name.startswith("windows"):
        return borders(frames, longest, shared)
    return [span.start + shared - 1 for span in spans_of(frames, longest, shared)[1:]]


def asked_of(pipeline: Pipeline, one: Question, guidance: float) -> Knowing:
    """The denoiser of a question."""
    wanted, avoided = (pipeline.base.read(pipeline.text([text])) for text in (one.prompt, ""))

    def knowing(known: Known | None) -> Denoiser:
        beside = None if known is None else known.beside
        return guided(
            conditioned(pipeline.base, wanted, beside),
            conditioned(pipeline.base, avoided, beside),
            guidance,
            pipeline.sampling.guidance_interval,
        )

    return knowing


def share(hits: Sequence[bool]) -> dict[str, Any]:
    """How many are right, with the 95 % interval."""
    return {"right": sum(hits), "of": len(hits), "interval": wilson(sum(hits), len(hits))}


def judged(clip: Float[Tensor, "1 3 t h w"], one: Question, judges: Judges) -> list[dict[str, bool]]:
    """What is right of each five seconds."""
    found = []
    for start in range(0, clip.shape[2], CLIP_FRAMES):
        verdict = judges.judge(clip[:, :, start : start + CLIP_FRAMES])
        names = {what: getattr(judges.config, f"{what}s")[int(getattr(verdict, what)[0])] for what in LOOKS}
        found.append({what: names[what] == getattr(one, what) for what in LOOKS})
    return found


@torch.inference_mode()
def compare(pipeline: Pipeline, judges: Judges, args: argparse.Namespace) -> dict[str, Any]:
    """Every way on the same questions and the same noise."""
    how, frames, side = pipeline.sampling, FPS * args.seconds, pipeline.sampling.base_size
    told = pipeline.base.temporal.stem is not None
    sigmas = schedule(args.steps, how.base_shift)
    questions = [question(index, args.seed) for index in range(args.n)]
    report: dict[str, Any] = {}
    for name, (way, (longest, shared)) in ways_of(how.longest, how.shared, how.known, told).items():
        if args.ways and name not in args.ways:
            continue
        parts: list[list[dict[str, bool]]] = []
        seams: list[float | None] = []
        shown = []
        for one in questions:
            noise = noise_for([one.seed], (3, frames, side, side)).to(pipeline.device)
            clip = way(asked_of(pipeline, one, args.guidance), noise, sigmas).float()
            parts.append(judged(clip, one, judges))
            seams.append(seam_ratio(clip[0].cpu(), edges(name, frames, longest, shared)))
            shown.append(to_frames(clip)[0])
            print(name, one.prompt, parts[-1], seams[-1], flush=True)
        draw_sheet(shown, [one.prompt for one in questions], columns=20).save(
            args.out / f"{name.replace(', ', '-').replace(' ', '-')}.png"
        )
        known = sorted(seam for seam in seams if seam is not None)
        report[name] = {
            "seam_ratio": known[len(known) // 2] if known else None,
            "parts": [
                {what: share([clip[k][what] for clip in parts]) for what in LOOKS}
                for k in range(frames // CLIP_FRAMES)
            ],
        }
    return report


def gaussian(frames: int, correlation: float) -> Float[Tensor, "f f"]:
    """Covariance of clips whose frames are alike by `correlation` from one to the next."""
    place = torch.arange(frames, dtype=torch.float64)
    return correlation ** (place[:, None] - place).abs()


def best_denoiser(correlation: float, scale: float = 0.3) -> Knowing:
    """The posterior mean of such clips, with or without known frames, of windows and passes alike."""

    def knowing(known: Known | None) -> Denoiser:
        def denoise(x: Tensor, sigma: float) -> Tensor:
            frames = x.shape[2]
            covariance = scale**2 * gaussian(frames, correlation)
            noise = torch.full((frames,), max(sigma, 1e-6) ** 2, dtype=torch.float64)
            seen, a = x.double(), 1 - sigma
            gain = torch.full((frames,), a, dtype=torch.float64)
            if known is not None:
                exact = known.mask[0, 0, :, 0, 0] > 0
                noise[exact], gain[exact] = 1e-12, 1.0
                seen = torch.where(known.mask > 0, known.clip.double(), seen)
            observed = gain[:, None] * covariance * gain + torch.diag(noise)
            weights = (covariance * gain) @ torch.linalg.inv(observed)
            return torch.einsum("st,bcthw->bcshw", weights, seen).to(x)

        return denoise

    return knowing


def synthetic(args: argparse.Namespace) -> dict[str, Any]:
    """For Gaussian clips: how much as they should the frames vary, and differ from one to the next, at the borders."""
    report: dict[str, Any] = {}
    frames, side = FPS * args.seconds, 24
    for correlation in (0.9, 0.99):
        knowing = best_denoiser(correlation)
        noise = noise_for([args.seed], (3, frames, side, side)).double()
        for name, (way, (longest, shared)) in ways_of(CLIP_FRAMES, 40, 16, True).items():
            clip = way(knowing, noise, schedule(args.steps, 1.0))[0]
            step = clip.diff(dim=1).square().mean((0, 2, 3)) / (2 * 0.3**2 * (1 - correlation))
            at = torch.tensor(edges(name, frames, longest, shared))
            report[f"{name}, correlation {correlation}"] = {
                "variance, least of all frames": float(clip.square().mean((0, 2, 3)).min() / 0.3**2),
                "step at borders": float(step[at].mean()),
                "step, mean": float(step.mean()),
            }
    return report


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Compare ways to a clip longer than five seconds.")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--synthetic", action="store_true", help="on Gaussian clips instead of a checkpoint")
    parser.add_argument("--judges", type=Path, default=JUDGES)
    parser.add_argument("--n", type=int, default=12)
    parser.add_argument("--seconds", type=int, default=10, choices=(10, 15, 20))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=2.5)
    parser.add_argument("--ways", nargs="*", help="only these, by name")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args(arguments)
    args.out.mkdir(parents=True, exist_ok=True)
    if args.synthetic:
        report = synthetic(args)
    elif args.checkpoint is None:
        parser.error("--checkpoint is needed, unless --synthetic")
    else:
        pipeline = Pipeline.load(args.checkpoint, args.device)
        report = compare(pipeline, Judges.load(args.judges, args.device), args)
    (args.out / "longer.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
