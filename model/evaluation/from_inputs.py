"""The tasks that are given more than words: each question's input is rendered truth, or a part of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, UInt8

from model.evaluation.figures import Bar, Kind
from model.evaluation.from_words import FROZEN
from model.evaluation.pixels import activity_inside, border_gradient, jump, kept
from model.evaluation.prompts import Question, question
from model.evaluation.sheet import to_frames
from model.evaluation.sight import NEAR, apart, last_object, track
from model.evaluation.studio import Clip, Frames, Part, Shot, Studio, as_clip, row
from model.evaluation.truth import another
from model.given import Given
from model.tasks import Task
from model.training.motions import MOTIONS, STILL

KEPT = Bar("kept", limit=1.0)
LAST_OBJECT, MOTION = Bar("object_last", limit=0.9), Bar("motion", limit=0.85)
JUMP = Bar("jump", Kind.MEDIAN, 1.2, most=True)
SEEN = 1.3  # of the surroundings: where a mask's border begins to be seen
BORDER = Bar("border", Kind.MEDIAN, SEEN, most=True)
PROMPTED = Bar("object", limit=0.7)
TOLD = (Bar("object"), Bar("background"))
GIVEN = 32  # frames of a clip that is extended
# Activity inside the mask: that of true clips is 0.07 and more (56 questions), of a frozen one 0.
LIVELY = 0.03
ANEW = 0.7  # strength of the change of a clip into another


@dataclass(frozen=True, eq=False)
class Request:
    """What one question asks, what is known of the answer, and a rendered right one."""

    question: Question
    task: Task
    given: Given
    source: Frames  # of which the known pixels are kept
    known: Bool[np.ndarray, "t h w"]
    truth: Clip
    fields: dict[str, Any]

    @property
    def shown(self) -> UInt8[np.ndarray, "n s s 3"]:
        """For the sheet."""
        return what_was_given(self.source, self.known)


Measure = Callable[[Studio, Request, Clip], dict[str, float | bool | None]]


def truth_of(studio: Studio, index: int) -> tuple[Question, Clip, Frames]:
    """A question with its right answer, as floats and as bytes."""
    asked = question(index, studio.settings.seed)
    frames = to_frames(studio.truth(studio.settings.size).clip(asked)[None])[0]
    return asked, as_clip(frames), frames


def what_was_given(source: Frames, known: Bool[np.ndarray, "t h w"]) -> UInt8[np.ndarray, "n s s 3"]:
    """Two small frames of the source, blank where it is to be made."""
    blank = np.where(known[..., None], source, 128).astype(np.uint8)
    return row(as_clip(blank), 2)


def knowing(frames: Frames, *which: int) -> Bool[np.ndarray, "t h w"]:
    """Some whole frames."""
    known = np.zeros(frames.shape[:3], bool)
    known[list(which)] = True
    return known


def first_frame(studio: Studio, index: int) -> Request:
    asked, truth, frames = truth_of(studio, index)
    given = Given(clip=frames[:1])
    return Request(asked, Task.IMAGE_TO_VIDEO, given, frames, knowing(frames, 0), truth, {})


def both_ends(studio: Studio, index: int) -> Request:
    asked, truth, frames = truth_of(studio, index)
    given = Given(clip=frames[:1], last=frames[-1])
    return Request(asked, Task.INTERPOLATE, given, frames, knowing(frames, 0, -1), truth, {})


def beginning(studio: Studio, index: int) -> Request:
    asked, truth, frames = truth_of(studio, index)
    given = Given(clip=frames[:GIVEN])
    return Request(asked, Task.EXTEND, given, frames, knowing(frames, *range(GIVEN)), truth, {})


def another_inside(studio: Studio, index: int) -> Request:
    """A clip of another object that moves so, and a box around it: one that goes with it, or one that stands."""
    asked, truth, _ = truth_of(studio, index)
    scene = studio.truth(studio.settings.size)
    source = to_frames(scene.clip(asked, another(asked))[None])[0]
    inside = scene.around(asked, still=index % 2 == 1).cpu().numpy()
    right = torch.where(torch.from_numpy(inside), truth, as_clip(source))
    return Request(asked, Task.INPAINT, Given(clip=source, mask=inside), source, ~inside, right, {})


def still_around(studio: Studio, index: int) -> Request:
    """The first frame, and a box that the object never leaves."""
    asked, truth, frames = truth_of(studio, index)
    inside = studio.truth(studio.settings.size).around(asked, still=True).cpu().numpy()
    source = np.repeat(frames[:1], len(frames), 0)
    known = ~inside
    known[0] = True
    right = torch.where(torch.from_numpy(known), as_clip(source), truth)
    given = Given(clip=frames[:1], mask=inside[:1])
    return Request(asked, Task.CINEMAGRAPH, given, source, known, right, {})


def another_clip(studio: Studio, index: int) -> Request:
    """A clip of another object that moves so, all of it to be made anew."""
    asked, truth, frames = truth_of(studio, index)
    source = to_frames(studio.truth(studio.settings.size).clip(asked, another(asked))[None])[0]
    known = np.ones(frames.shape[:3], bool)  # at strength 0
    given = Given(clip=source)
    return Request(asked, Task.VIDEO_TO_VIDEO, given, source, known, truth, {"strength": ANEW})


def at_the_end(studio: Studio, request: Request, made: Clip) -> dict[str, float | bool | None]:
    return {"object_last": last_object(studio.judges, made.to(studio.device)) == request.question.object}


def at_the_borders(studio: Studio, request: Request, made: Clip) -> dict[str, float | bool | None]:
    """Steps from known frames to made ones, and whether anything moves where it should after them."""
    whole = np.asarray(request.known.all(axis=(1, 2)))
    at = [i for i in range(len(whole) - 1) if whole[i] != whole[i + 1]]
    new = torch.from_numpy(~whole)
    moves = not studio.frozen(request.truth[:, new])
    frozen = studio.frozen(made[:, new]) if moves else None
    return at_the_end(studio, request, made) | {"jump": jump(made, at), "frozen": frozen}


def at_the_mask(studio: Studio, request: Request, made: Clip) -> dict[str, float | bool | None]:
    """Whether the mask's border shows, and if so, whether it does in the source too."""
    inside = torch.from_numpy(~request.known)
    shows = border_gradient(made, inside)
    before = border_gradient(as_clip(request.source), inside)
    return {"border": shows, "border_clean": shows <= SEEN * max(1.0, before)}


def inside_alone(studio: Studio, request: Request, made: Clip) -> dict[str, float | bool | None]:
    """What moves inside the mask; there is nothing to ask of what is told to stand still."""
    inside = torch.from_numpy(~request.known[1:])
    still = request.question.motion == MOTIONS[STILL]
    active = activity_inside(made[:, 1:], inside)
    return {"activity": active, "lively": None if still else active > LIVELY}


def beside_the_source(studio: Studio, request: Request, made: Clip) -> dict[str, float | bool | None]:
    """Strength 0 gives the source back; at the strength asked, the object goes where the source's went."""
    source, given = as_clip(request.source), request.given
    asked = studio.spec(request.question, task=request.task, strength=0.0)
    unchanged = studio.pipeline.generate(asked, given=given)
    paths = [track(studio.judges, clip.to(studio.device)) for clip in (made, source)]
    return {
        "kept": kept(unchanged, request.source, request.known),
        "motion_kept": studio.seen(made)["motion"] == studio.seen(source)["motion"],
        "follows": apart(*paths) <= NEAR,
    }


def answered(
    studio: Studio,
    indices: Sequence[int],
    name: str,
    request_for: Callable[[Studio, int], Request],
    measure: Measure,
) -> Iterator[Shot]:
    """The pipeline's answer to each request, judged, beside the part's own measures."""
    for index in indices:
        request = request_for(studio, index)
        spec = studio.spec(request.question, task=request.task, **request.fields)
        frames = studio.pipeline.generate(spec, given=request.given)
        made = as_clip(frames)
        measured = {"kept": kept(frames, request.source, request.known)} | measure(studio, request, made)
        answer = studio.judged(name, index, request.question, made, **measured)
        shown = np.concatenate([request.shown, row(made)])
        yield Shot(answer, shown, spec, request.given, frames)


def part(
    name: str,
    task: Task,
    bars: tuple[Bar, ...],
    request_for: Callable[[Studio, int], Request],
    measure: Measure,
) -> Part:
    return Part(name, bars, partial(answered, name=name, request_for=request_for, measure=measure), task=task)


PARTS = (
    part(
        "image_to_video",
        Task.IMAGE_TO_VIDEO,
        (KEPT, LAST_OBJECT, MOTION, FROZEN, *TOLD),
        first_frame,
        at_the_end,
    ),
    part(
        "inpaint",
        Task.INPAINT,
        (KEPT, BORDER, PROMPTED, Bar("border_clean"), Bar("motion"), Bar("background")),
        another_inside,
        at_the_mask,
    ),
    part(
        "cinemagraph",
        Task.CINEMAGRAPH,
        (KEPT, Bar("lively", limit=0.9), Bar("activity", Kind.MEDIAN), Bar("motion"), *TOLD),
        still_around,
        inside_alone,
    ),
    part(
        "extend",
        Task.EXTEND,
        (KEPT, JUMP, LAST_OBJECT, MOTION, FROZEN, *TOLD),
        beginning,
        at_the_borders,
    ),
    part(
        "interpolate",
        Task.INTERPOLATE,
        (KEPT, JUMP, Bar("object", limit=0.9), MOTION, FROZEN, Bar("background")),
        both_ends,
        at_the_borders,
    ),
    part(
        "video_to_video",
        Task.VIDEO_TO_VIDEO,
        (
            KEPT,
            PROMPTED,
            Bar("motion_kept", limit=0.85),
            Bar("follows", limit=0.85),
            FROZEN,
            Bar("motion"),
            Bar("background"),
        ),
        another_clip,
        beside_the_source,
    ),
)
