"""One video from one request: text -> base pass (all frames at once) -> windowed super-resolution -> frames."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from model.canvas import Canvas
from model.catalog import INDEX, TaskNotAvailable, tasks
from model.compositions import KNOWING, Composition, compose
from model.conditioning import FREE, Conditions, nothing_known
from model.diffusion import Denoiser, noise_for, schedule
from model.enlarging import Part, enlarging
from model.extension import Begun, Pass, extended
from model.given import NOTHING, Given
from model.guidance import thresholded
from model.looping import closed, lapped, turned
from model.optimise import Optimised, Speed, optimise
from model.plan import course_of, parts_of, passes_of
from model.sampling import SAMPLERS, State, no_callback
from model.sampling import OnStep as OnState
from model.spec import Notice, VideoSpec
from model.ssr import augmented, consistent, upscaled
from model.steps import OnStep, Point, ignore, to_frames
from model.stunet import STUNet
from model.style import Styles
from model.text import TextEncoder, packaged_encoder
from model.weights import InvalidCheckpoint, Sampling, load_index, load_stunet
from model.windows import unwatched, watched, windowed
from model.words import Asked, worded


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
        styles: Styles | None = None,
    ) -> None:
        self.styles = styles or Styles(base.image, {})
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
        if base.temporal.stem is None and (deaf := sorted(KNOWING.keys() & set(tasks(folder)))):
            raise InvalidCheckpoint(
                f"{folder / INDEX} names {', '.join(deaf)}, but the network in base_temporal is not conditioned"
            )
        ssr = load_stunet(folder / "ssr_image", folder / "ssr_temporal")
        text = TextEncoder(encoder or packaged_encoder(), device, sampling.max_tokens)
        styles = Styles.load(folder, base.image)
        return cls(base, ssr, text, sampling, device, dtype or fastest_dtype(device), styles)

    def optimise(self, speed: Speed) -> None:
        """From now on its networks are as fast as that makes them; styles stay eager."""
        self.base, self.ssr = optimise(self.base, speed), optimise(self.ssr, speed)

    @property
    def arithmetic(self) -> str:
        """What decides the last bits of a video beside its spec and the weights."""
        return f"{self.dtype} {self.base.speed}" if isinstance(self.base, Optimised) else str(self.dtype)

    def styled(self, style: str | None, alpha: float) -> "Pipeline":
        """The same, its base network with so much of a style in its image weights. Raises UnknownStyle."""
        if style is None:
            return self
        made = copy(self)
        made.base = self.styles.mixed(self.base, style, alpha)
        return made

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
        given: Given = NOTHING,
        look: Callable[[], None] = unwatched,
        window_batch: int = 1,
    ) -> UInt8[np.ndarray, "t h w 3"]:
        """The frames of one video, from its noise or from a point of an earlier generation of the same spec and the
        same things given.

        What `on_step` raises, or `look` before a batch of windows, ends the generation. Raises TaskNotAvailable where
        the networks cannot do it, and InvalidGiven where what was given does not do for the task.
        """
        canvas = Canvas.of(spec.width, spec.height, self.sampling.base_size)
        multiple = max(self.base.temporal_factor, self.ssr.temporal_factor)
        composition = compose(spec, given, canvas, self.sampling.known, multiple)
        point = resume and resume.on(self.device)
        course = course_of(self.sampling, spec, composition)

        def told(point: Point) -> None:
            on_step(course.step(point))

        if point and point.stage == "ssr":
            low = point.low
            assert low is not None
        else:
            styled = self.styled(spec.style, spec.style_alpha)
            low, point = styled._base(spec, composition, point, told, look), None
        if canvas.factor == 1:
            return composition.finished(to_frames(canvas.cut(low[0])))

        def enlarged(part: Part, state: State) -> None:
            told(Point("ssr", state, low, part.number, part.before))

        made = np.empty((composition.frames, canvas.height, canvas.width, 3), np.uint8)
        for part in enlarging(made, parts_of(self.sampling, composition), point):
            high = self.upscale(
                low[:, :, part.span],
                canvas.factor,
                [part.seed(spec.seed)],
                under=part.known_in(composition.conditions(self.device, part.span), canvas),
                window_batch=window_batch,
                look=look,
                start=part.begun,
                on_step=partial(enlarged, part),
            )
            part.keep(to_frames(canvas.cut(high[0])))
        return composition.finished(made)

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
        under: Conditions = FREE,
    ) -> Float[Tensor, "b 3 t h w"]:
        """Base clips in [-1, 1], one a prompt; each depends on its own prompt and seed alone. `shape`: frames, rows and
        columns; where none is named, five seconds of a square."""
        side = self.sampling.base_size
        noise = noise_for(seeds, (3, *(shape or (80, side, side)))).to(self.device)
        return self.base_pass(Asked(prompts, negative, steps, guidance_scale), noise, under)

    @torch.inference_mode()
    def base_pass(
        self,
        asked: Asked,
        start: Tensor | State,
        under: Conditions = FREE,
        on_step: OnState = no_callback,
        look: Callable[[], None] = unwatched,
    ) -> Float[Tensor, "b 3 t h w"]:
        """The same from this noise, or from where one stopped. What is longer than the base model makes at once, of
        which nothing is known, it makes in windows."""
        how = self.sampling
        sigmas = schedule(asked.steps, how.base_shift, under.strength)
        make = worded(self.base, self.text, asked, under, how.guidance_interval)
        whole = turned(make, sigmas) if under.loop else make(0)
        begin = start if isinstance(start, State) else under.begun(start, sigmas[0])
        if (begin.x if isinstance(begin, State) else begin).shape[2] > how.longest:
            whole = windowed(watched(lambda windows: make(0), look), how.longest, how.shared, soft=True)
        denoise = under.keeping(thresholded(whole))
        return SAMPLERS[how.base_sampler](denoise, begin, sigmas, on_step)

    @torch.inference_mode()
    def upscale(
        self,
        low: Float[Tensor, "b 3 t h w"],
        factor: int,
        seeds: Sequence[int],
        *,
        under: Conditions = FREE,
        window_batch: int = 1,
        look: Callable[[], None] = unwatched,
        start: State | None = None,
        on_step: OnState = no_callback,
    ) -> Float[Tensor, "b 3 t H W"]:
        """Clips with `factor` times as many rows and columns, by windows fused at every step."""
        how = self.sampling
        _, _, frames, rows, columns = low.shape
        shape = (3, frames, factor * rows, factor * columns)
        sigmas = schedule(how.ssr_steps, how.ssr_shift, under.strength)
        blur = noise_for([seed ^ 0xA46 for seed in seeds], tuple(low.shape[1:])).to(self.device)
        lap = self.ssr.temporal_factor if under.loop else 0
        seen = lapped(augmented(low, blur, how.augmentation), lap)

        def make(windows: Sequence[slice]) -> Denoiser:
            return upscaled(self.ssr, seen, windows, factor, how.augmentation)

        windows = closed(windowed(watched(make, look), how.window, how.overlap, window_batch), lap)
        # what is known of the clip is lowered with the rest of it, and the projection does not move it
        denoise = under.keeping(thresholded(consistent(under.keeping(windows), low, factor)))
        begin = start or under.begun(
            noise_for([seed ^ 0x5512 for seed in seeds], shape).to(self.device), sigmas[0]
        )
        return SAMPLERS[how.ssr_sampler](denoise, begin, sigmas, on_step)

    def _base(
        self,
        spec: VideoSpec,
        composition: Composition,
        point: Point | None,
        told: Callable[[Point], None],
        look: Callable[[], None],
    ) -> Float[Tensor, "1 3 t h w"]:
        """The base clip, in as many passes as it takes."""
        under = composition.low(self.device, self.sampling.longest)
        shape = (3, composition.frames, *composition.canvas.grid)
        noise = noise_for([spec.seed], shape).to(self.device)
        spans = passes_of(self.sampling, composition)
        if len(spans) > 1 and under.known is None:
            under = replace(under, known=nothing_known(noise.shape, self.device))
        if under.known is not None and self.base.temporal.stem is None:
            deaf = f"the networks of model {spec.model!r} have not learned to be told what is known"
            raise TaskNotAvailable("task" if spec.task in KNOWING else "seconds", deaf)
        asked = Asked([spec.prompt], spec.negative_prompt, spec.steps, spec.guidance_scale)

        def make(one: Pass, begun: State | None) -> Tensor:
            def on_step(state: State) -> None:
                told(Point("base", state, one.before, one.number))

            return self.base_pass(asked, begun or noise[:, :, one.span], one.under, on_step, look)

        return extended(make, spans, under, Begun(point.part, point.low, point.state) if point else None)


def fastest_dtype(device: str | torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies it, else float32."""
    if torch.device(device).type == "cuda":
        return torch.bfloat16
    supported = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if supported else torch.float32
