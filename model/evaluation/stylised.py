"""Styles, judged at alpha 1: whether clips are in the style, and whether they move as right as the base's own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from model.catalog import styles
from model.evaluation import style_judge
from model.evaluation.figures import Bar, Kind
from model.evaluation.from_words import clips
from model.evaluation.prompts import question
from model.evaluation.sheet import to_frames
from model.evaluation.studio import Part, Shot, Studio, row
from model.evaluation.style_judge import StyleJudge
from model.tasks import Task
from model.training.styles import STYLES

# the judge of objects knows the base's drawings alone: what it sees in a style is told, and held to nothing
BARS = (
    Bar("style", limit=0.85),
    Bar("motion_kept", Kind.MEAN, limit=-0.05),
    Bar("motion"),
    Bar("background"),
    Bar("object"),
)


@dataclass(frozen=True)
class StylePart(Part):
    """What the clips of one style are held to."""

    style: str = ""

    def lacking(self, folder: Path) -> str | None:
        """Why this checkpoint cannot be asked."""
        if self.style not in styles(folder):
            return f"the checkpoint has no style {self.style!r}"
        if not (style_judge.FOLDER / "config.json").is_file():
            return "there is no judge of style"
        return super().lacking(folder)


def kept(before: bool, after: bool) -> float:
    """1 where a motion is right in the style alone, -1 where it is right in the base alone, else 0: the mean is the
    difference of the shares."""
    return float(after) - float(before)


def stylised(style: str, studio: Studio, indices: Sequence[int]) -> Iterator[Shot]:
    """Each question in the style and in the base, from the same noise."""
    judge = StyleJudge.load(style_judge.FOLDER, studio.device)
    questions = [question(index, studio.settings.seed) for index in indices]
    other = replace(studio, pipeline=studio.pipeline.styled(style, 1.0))
    pairs = zip(clips(studio, questions), clips(other, questions), strict=True)
    for index, asked, ((_, plain), (_, styled)) in zip(indices, questions, pairs, strict=True):
        seen = judge.judge(styled[None].to(studio.device))[0]
        answer = studio.judged(f"style_{style}", index, asked, styled, style=seen == style)
        before, after = (studio.seen(clip)["motion"] == asked.motion for clip in (plain, styled))
        measured = answer.measured | {"motion_kept": kept(before, after)}
        spec = studio.spec(asked, task=Task.STYLIZE, style=style, style_alpha=1.0)
        frames = to_frames(styled[None])[0]
        yield Shot(replace(answer, measured=measured), row(styled), spec, frames=frames)


PARTS = tuple(StylePart(f"style_{style}", BARS, partial(stylised, style), style=style) for style in STYLES)
