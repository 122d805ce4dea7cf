"""Text-to-video, and as loops, judged on held-out pairs."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from model.evaluation.figures import Bar, Kind
from model.evaluation.pixels import borders, seam_ratio, wrap
from model.evaluation.prompts import Question, question, reworded
from model.evaluation.sheet import to_frames
from model.evaluation.studio import Asked, Clip, Part, Shot, Studio, as_clip, row
from model.training.motions import MOTIONS, STILL

LOOK_BARS = (Bar("object", limit=0.85), Bar("motion", limit=0.9), Bar("background", limit=0.97))
FROZEN = Bar("frozen", limit=0.0, most=True)
WRAP = 1.2  # of the median step
SEAM = Bar("seam", Kind.MEDIAN, 1.1, most=True)


def clips(studio: Studio, questions: Sequence[Asked]) -> Iterator[tuple[Clip, Clip]]:
    """The base clip and the final one of every question, in order, a batch at a time."""
    how, pipeline = studio.settings, studio.pipeline
    for start in range(0, len(questions), studio.batch):
        group = questions[start : start + studio.batch]
        base = pipeline.base_clips(
            [one.prompt for one in group],
            [one.seed for one in group],
            steps=how.steps,
            guidance_scale=how.guidance,
        )
        for low, asked in zip(base, group, strict=True):
            factor = how.size // low.shape[-1]
            final = pipeline.upscale(low[None], factor, [asked.seed])[0] if factor > 1 else low
            yield low.float(), final.float()


def text_to_video(
    studio: Studio,
    indices: Sequence[int],
    name: str = "text_to_video",
    ask: Callable[[int, int], Question] = question,
) -> Iterator[Shot]:
    """Seams of the windows on the final clip; on the base clip, which has none, for what motion alone gives."""
    questions = [ask(index, studio.settings.seed) for index in indices]
    how = studio.pipeline.sampling
    at = borders(80, how.window, how.overlap) if studio.settings.size > how.base_size else []
    for index, asked, (low, final) in zip(indices, questions, clips(studio, questions), strict=True):
        windowed = at and asked.motion != MOTIONS[STILL]
        seams = {
            "seam": seam_ratio(final, at) if windowed else None,
            "seam_of_base": seam_ratio(low, at) if windowed else None,
        }
        answer = studio.judged(name, index, asked, final, **seams)
        yield Shot(answer, row(final), studio.spec(asked), frames=to_frames(final[None])[0])


def loop(studio: Studio, indices: Sequence[int]) -> Iterator[Shot]:
    """The step from the last frame to the first; on the sheet the clip's end beside its beginning."""
    for index in indices:
        asked = question(index, studio.settings.seed)
        spec = studio.spec(asked, loop=True)
        frames = studio.pipeline.generate(spec)
        clip = as_clip(frames)
        turned = wrap(clip)
        answer = studio.judged("loop", index, asked, clip, wrap=turned, closed=turned <= WRAP)
        yield Shot(answer, row(clip.roll(40, 1)), spec, frames=frames)


PARTS = (
    Part(
        "text_to_video",
        (*LOOK_BARS, FROZEN, SEAM, Bar("seam_of_base", Kind.MEDIAN)),
        text_to_video,
        n=200,
    ),
    Part(
        "synonyms",
        (Bar("object"), Bar("motion"), Bar("background"), FROZEN),
        partial(text_to_video, name="synonyms", ask=reworded),
    ),
    Part(
        "loop",
        (
            Bar("wrap", Kind.MEDIAN, WRAP, most=True),
            FROZEN,
            Bar("closed"),
            Bar("object"),
            Bar("motion"),
            Bar("background"),
        ),
        loop,
    ),
)
