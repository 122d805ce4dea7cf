"""In how many passes, windows and parts a video is made, and what each of their steps is of the whole."""

from model.compositions import Composition
from model.diffusion import schedule
from model.extension import spans_of
from model.spec import VideoSpec
from model.steps import Course
from model.weights import Sampling
from model.windows import windows_of


def passes_of(how: Sampling, composition: Composition) -> list[slice]:
    """Of the base model: one where nothing is known and the checkpoint wants it so, however long the clip is."""
    if how.longer == "windows" and composition.pixels is None:
        return [slice(0, composition.frames)]
    return spans_of(composition.frames, how.longest, how.known)


def parts_of(how: Sampling, composition: Composition) -> list[slice]:
    """Of the super-resolution; a loop is one, since its end has to know its beginning."""
    frames = composition.frames
    return [slice(0, frames)] if composition.loop else windows_of(frames, how.longest, how.overlap)


def course_of(how: Sampling, spec: VideoSpec, composition: Composition) -> Course:
    """All steps of one video."""
    passes = passes_of(how, composition)
    windows = windows_of(composition.frames, how.longest, how.shared) if len(passes) == 1 else passes[:1]
    return Course(
        base=len(schedule(spec.steps, how.base_shift, composition.start)) - 1,
        ssr=len(schedule(how.ssr_steps, how.ssr_shift, composition.start)) - 1
        if composition.canvas.factor > 1
        else 0,
        pixels=spec.width * spec.height,
        passes=len(passes),
        windows=len(windows),
        parts=len(parts_of(how, composition)),
    )
