"""One video from one request: text -> base pass (all frames at once) -> windowed super-resolution -> frames."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from model.canvas import Canvas
from model.diffusion import Denoiser, noise_for, precondition, schedule
from model.guidance import guided, thresholded
from model.image_unet import ImageUNet
from model.sampling import SAMPLERS, State, no_callback
from model.sampling import OnStep as OnState
from model.spec import Notice, VideoSpec
from model.ssr import augmented, consistent, upscaled
from model.steps import Course, OnStep, Point, Stage, Step, to_frames
from model.stunet import STUNet
from model.text import TextEncoder, packaged_encoder
from model.weights import InvalidCheckpoint, Sampling, load_index, load_stunet
from model.windows import watched, windowed


def ignore(step: Step) -> None:
    """For callers that do not follow the steps."""


def unwatched() -> None:
    """For callers that do not follow the windows."""


class Pipeline:
    """A loaded checkpoint."""

    def __init__(
        self,
        base: STUNet,
        ssr: STUNet,
        text: TextEncoder,
        sampling: Sampling,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.base, self.ssr = base.to(device, dtype), ssr.to(device, dtype)
        for network in (self.base, self.ssr):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.text, self.sampling = text, sampling
        self.device, self.dtype = torch.device(device), dtype

    @classmethod
    def load(
        cls, folder: Path, device: str = "cpu", dtype: torch.dtype | None = None, encoder: Path | None = None
    ) -> "Pipeline":
        """Read a checkpoint folder. Raises InvalidCheckpoint, naming the file."""
        if not folder.is_dir():
            raise InvalidCheckpoint(f"{folder} is not a folder")
        sampling = load_index(folder)
        for name in (sampling.base_sampler, sampling.ssr_sampler):
            if name not in SAMPLERS:
                raise InvalidCheckpoint(f"{folder}: unknown sampler {name!r}, one of {', '.join(SAMPLERS)}")
        base = load_stunet(folder / "base_image", folder / "base_temporal")
        ssr = load_stunet(folder / "ssr_image", folder / "ssr_temporal")
        text = TextEncoder(encoder or packaged_encoder(), device, sampling.max_tokens)
        return cls(base, ssr, text, sampling, device, dtype or fastest_dtype(device))

    def notices(self, spec: VideoSpec) -> tuple[Notice, ...]:
        """What the owner of a video should know of it: what the spec alone tells, and what is cut from its texts."""
        read = {"prompt": spec.prompt}
        if spec.guidance_scale != 1.0:
            read["negative_prompt"] = spec.negative_prompt
        lengths = {name: self.text.length(text) for name, text in read.items()}
        most = self.text.max_tokens
        cut = (
            Notice(
                code=f"{name}_truncated",
                message=f"{name}: {length} tokens, of which the first {most} are read",
            )
            for name, length in lengths.items()
            if length > most
        )
        return (*spec.notices, *cut)

    @torch.inference_mode()
    def generate(
        self,
        spec: VideoSpec,
        on_step: OnStep = ignore,
        resume: Point | None = None,
        *,
        look: Callable[[], None] = unwatched,
        window_batch: int = 1,
    ) -> UInt8[np.ndarray, "t h w 3"]:
        """The frames of one video, from its noise or from a point of an earlier generation of the same spec.

        What `on_step` raises, or `look` before a batch of windows, ends the generation.
        """
        canvas = Canvas.of(spec.width, spec.height, self.sampling.base_size)
        ssr_steps = self.sampling.ssr_steps if canvas.factor > 1 else 0
        course = Course(spec.steps, ssr_steps, spec.width * spec.height)
        point = resume and resume.on(self.device)

        def begun(stage: Stage) -> State | None:
            return point.state if point and point.stage == stage else None

        if point and point.low is not None:
            low = point.low
        else:
            low = self.base_clips(
                [spec.prompt],
                [spec.seed],
                negative=spec.negative_prompt,
                shape=(spec.frames, *canvas.grid),
                steps=spec.steps,
                guidance_scale=spec.guidance_scale,
                start=begun("base"),
                on_step=lambda state: on_step(course.step(Point("base", state))),
            )
        if not ssr_steps:
            return to_frames(canvas.cut(low[0]))
        high = self.upscale(
            low,
            canvas.factor,
            [spec.seed],
            window_batch=window_batch,
            look=look,
            start=begun("ssr"),
            on_step=lambda state: on_step(course.step(Point("ssr", state, low))),
        )
        return to_frames(canvas.cut(high[0]))

    @torch.inference_mode()
    def base_clips(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        negative: str = "",
        shape: tuple[int, int, int] | None = None,
        steps: int = 20,
        guidance_scale: float = 2.5,
        start: State | None = None,
        on_step: OnState = no_callback,
    ) -> Float[Tensor, "b 3 t h w"]:
        """Base clips in [-1, 1], one a prompt; each depends on its own prompt and seed alone. `shape`: frames, rows and
        columns; where none is named, five seconds of a square."""
        shape = shape or (80, self.sampling.base_size, self.sampling.base_size)
        asked = self.base.read(self.text(prompts))
        avoided = self.base.read(self.text([negative] * len(prompts)))
        denoise = guided(
            conditioned(self.base, asked),
            conditioned(self.base, avoided),
            guidance_scale,
            self.sampling.guidance_interval,
        )
        begin = start or noise_for(seeds, (3, *shape)).to(self.device)
        sigmas = schedule(steps, self.sampling.base_shift)
        return SAMPLERS[self.sampling.base_sampler](thresholded(denoise), begin, sigmas, on_step)

    @torch.inference_mode()
    def upscale(
        self,
        low: Float[Tensor, "b 3 t h w"],
        factor: int,
        seeds: Sequence[int],
        *,
        window_batch: int = 1,
        look: Callable[[], None] = unwatched,
        start: State | None = None,
        on_step: OnState = no_callback,
    ) -> Float[Tensor, "b 3 t H W"]:
        """Clips with `factor` times as many rows and columns, by windows fused at every step."""
        how = self.sampling
        _, _, frames, rows, columns = low.shape
        shape = (3, frames, factor * rows, factor * columns)
        begin = start or noise_for([seed ^ 0x5512 for seed in seeds], shape).to(self.device)
        blur = noise_for([seed ^ 0xA46 for seed in seeds], tuple(low.shape[1:])).to(self.device)
        seen = augmented(low, blur, how.augmentation)

        def make(windows: Sequence[slice]) -> Denoiser:
            return upscaled(self.ssr, seen, windows, factor, how.augmentation)

        windows = windowed(watched(make, look), how.window, how.overlap, window_batch)
        denoise = thresholded(consistent(windows, low, factor))
        return SAMPLERS[how.ssr_sampler](denoise, begin, schedule(how.ssr_steps, how.ssr_shift), on_step)


def conditioned(network: ImageUNet | STUNet, context: Any, beside: Tensor | None = None) -> Denoiser:
    """A network and the context that it has read as a denoiser; `beside` (Known.beside) is what it sees of a clip that
    is partly known, as it is: only the noisy clip is scaled."""
    dtype = next(network.parameters()).dtype

    def run(scaled: Tensor, sigma: Tensor) -> Tensor:
        x = scaled if beside is None else torch.cat([scaled, beside.to(scaled.dtype)], dim=1)
        y: Tensor = network(x.to(dtype), sigma, context)
        return y

    return lambda x, sigma: precondition(run, x, x.new_full((x.shape[0],), sigma))


def fastest_dtype(device: str | torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies it, else float32."""
    if torch.device(device).type == "cuda":
        return torch.bfloat16
    supported = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if supported else torch.float32
