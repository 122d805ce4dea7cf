"""Super-resolution against rendered truth: the truth made small and enlarged again, beside bicubic enlarging."""

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor
from torch.nn import functional

from model.evaluation.figures import Bar, Kind
from model.evaluation.judges import LOOK_SIDE
from model.evaluation.pixels import borders, psnr, seam_ratio
from model.evaluation.prompts import Question, question
from model.evaluation.sheet import to_frames
from model.evaluation.studio import Answer, Clip, Measured, Part, Shot, Studio
from model.ssr import lowered
from model.training.motions import MOTIONS, STILL

SIZES = (256, 512, 1024)


def bicubic(low: Float[Tensor, "3 t h w"], factor: int) -> Float[Tensor, "3 t H W"]:
    """Each frame enlarged without a network."""
    frames = rearrange(low, "c t h w -> t c h w")
    larger = functional.interpolate(frames, scale_factor=factor, mode="bicubic", align_corners=False)
    return rearrange(larger.clamp(-1, 1), "t c h w -> c t h w")


def against_bicubic(studio: Studio, made: Clip, cubic: Clip, truth: Clip) -> Measured:
    """Nearness to the truth in dB and in LPIPS, and by how much the one is nearer than the other."""
    nearness = {"psnr": psnr(made, truth), "psnr_bicubic": psnr(cubic, truth)}
    apart = {"lpips": studio.lpips.clips(made, truth), "lpips_bicubic": studio.lpips.clips(cubic, truth)}
    return {
        **nearness,
        "psnr_gain": nearness["psnr"] - nearness["psnr_bicubic"],
        **apart,
        "lpips_gain": apart["lpips_bicubic"] - apart["lpips"],
    }


def beside_truth(made: Clip, truth: Clip, at: Sequence[int]) -> float | None:
    """The seam ratio over that of the truth, whose motion may well gain speed at a border."""
    seams = seam_ratio(made, at), seam_ratio(truth, at)
    return seams[0] / seams[1] if seams[0] is not None and seams[1] else None


def upscaling(studio: Studio, indices: Sequence[int], size: int) -> Iterator[Shot]:
    """One clip a question: its truth, the truth's averages upscaled, and enlarged."""
    how, name = studio.pipeline.sampling, f"ssr_{size}"
    at, factor = borders(80, how.window, how.overlap), size // how.base_size
    for index in indices:
        asked = question(index, studio.settings.seed)
        truth = studio.truth(size).clip(asked)
        low = lowered(truth[None], factor)
        made, cubic = studio.pipeline.upscale(low, factor, [asked.seed])[0].float(), bicubic(low[0], factor)
        seam = None if asked.motion == MOTIONS[STILL] else beside_truth(made, truth, at)
        measured = against_bicubic(studio, made, cubic, truth) | {"seam": seam}
        answer = Answer(name, index, asked.prompt, asked.seed, {}, {}, measured)
        yield Shot(answer, details(studio, asked, (cubic, made, truth)))


def details(studio: Studio, asked: Question, clips: Sequence[Clip]) -> UInt8[ndarray, "n s s 3"]:
    """Bicubic, made, truth at two moments: a window of one sheet cell's pixels where the object is."""
    size, side = clips[0].shape[-1], LOOK_SIDE
    path, cells = studio.truth(size).path(asked), []
    for moment in (0, 53):
        left, top = (
            int(max(0, min(size - side, float(place[0, moment]) * size - side / 2)))
            for place in (path.x, path.y)
        )
        cells += [clip[:, moment, top : top + side, left : left + side] for clip in clips]
    shown: UInt8[ndarray, "n s s 3"] = to_frames(torch.stack(cells, 1)[None])[0]
    return shown


PARTS = tuple(
    Part(
        f"ssr_{size}",
        (
            Bar("psnr_gain", Kind.MEAN, 1.0, unit=" dB"),
            Bar("lpips_gain", Kind.MEAN, 0.0),
            Bar("seam", Kind.MEDIAN, 1.1, most=True),
            Bar("psnr", Kind.MEAN, unit=" dB"),
            Bar("psnr_bicubic", Kind.MEAN, unit=" dB"),
            Bar("lpips", Kind.MEAN),
            Bar("lpips_bicubic", Kind.MEAN),
        ),
        partial(upscaling, size=size),
        n=12,
        size=size,
        task=None,
    )
    for size in SIZES
)
