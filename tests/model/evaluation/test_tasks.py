"""Each task's measures: answers that are rendered truth meet every bar, a spoiled answer falls short of its own."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from model.evaluation import from_inputs
from model.evaluation.evaluate import JUDGES
from model.evaluation.figures import figure
from model.evaluation.from_inputs import GIVEN, Request
from model.evaluation.judges import Judges
from model.evaluation.parts import PARTS
from model.evaluation.sheet import to_frames
from model.evaluation.studio import Settings, Studio
from model.evaluation.truth import Truth
from model.pipeline import Pipeline
from model.spec import VideoSpec

REQUESTS = {part.name: part.ask.keywords["request_for"] for part in from_inputs.PARTS}
ASKED = (45, 64)  # one that goes right, in a box that stands; one that rises, in a box that goes with it
Frames = np.ndarray


class Oracle(Pipeline):
    """Answers with a rendered right answer, or with what is made of it."""

    def __init__(self) -> None:
        self.right: dict[str, Request] = {}
        self.spoil: Callable[[Frames, Request], Frames] = lambda frames, request: frames

    def generate(self, spec: VideoSpec, given=None, **_) -> Frames:
        request = self.right[spec.prompt]
        right = request.source if spec.strength == 0 else to_frames(request.truth[None])[0]
        return self.spoil(right.copy(), request)


class Remembered(Truth):
    """Draws each clip once."""

    clip = cache(Truth.clip)


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio(
        Oracle(), Judges.load(JUDGES), Settings(size=128, steps=1), _truths={128: Remembered("cpu", 128)}
    )


def figures(
    studio: Studio, name: str, spoil=lambda frames, request: frames, asked=ASKED[1:]
) -> dict[str, object]:
    """What a part says of answers that are right but for what `spoil` does to them."""
    requests = [REQUESTS[name](studio, index) for index in asked]
    studio.pipeline.right = {request.question.prompt: request for request in requests}
    studio.pipeline.spoil = spoil
    answers = [shot.answer for shot in PARTS[name].ask(studio, asked)]
    return {bar.measure: figure(bar, [a.measured[bar.measure] for a in answers]) for bar in PARTS[name].bars}


def short(found) -> set[str]:
    return {name for name, one in found.items() if one.short is not None}


@pytest.mark.parametrize("name", REQUESTS)
def test_the_truth_meets_every_bar(studio, name):
    found = figures(studio, name, asked=ASKED)

    assert short(found) == set()
    assert all(one.value is not None for one in found.values())


def frozen(frames: Frames, request: Request) -> Frames:
    """What is known, and no motion in the rest."""
    still = np.repeat(frames[GIVEN - 1 : GIVEN] if request.task == "extend" else frames[:1], len(frames), 0)
    return np.where(request.known[..., None], request.source, still)


def blank(frames: Frames, request: Request) -> Frames:
    return np.where(request.known[..., None], request.source, np.uint8(128))


def another_object(frames: Frames, request: Request) -> Frames:
    """The clip of the other object, with what is known of the right one."""
    other = REQUESTS["video_to_video"](STUDIO[0], INDEX[request.question.prompt]).source
    return np.where(request.known[..., None], request.source, other)


def one_byte(frames: Frames, request: Request) -> Frames:
    """One known value is another by one."""
    at = tuple(np.argwhere(request.known)[7])
    frames[(*at, 1)] ^= 1
    return frames


def jumping(frames: Frames, request: Request) -> Frames:
    """What is made lies beside what is known."""
    moved = np.roll(frames, 12, axis=2)
    return np.where(request.known[..., None], request.source, moved)


def brighter(frames: Frames, request: Request) -> Frames:
    """What is made does not fit to what is known around it."""
    made = np.clip(frames.astype(int) + 12, 0, 255).astype(np.uint8)
    return np.where(request.known[..., None], request.source, made)


def turned(frames: Frames, request: Request) -> Frames:
    """Upside down: what rises sinks."""
    return frames[:, ::-1, ::-1].copy()


STUDIO: list[Studio] = []
INDEX: dict[str, int] = {}


@pytest.fixture(autouse=True)
def known_to_spoilers(studio):
    STUDIO[:] = [studio]
    INDEX.update(
        {REQUESTS["image_to_video"](studio, i).question.prompt: i for i in ASKED} if not INDEX else {}
    )


@pytest.mark.parametrize(
    ("name", "spoil", "fails"),
    [
        ("image_to_video", frozen, {"frozen", "motion"}),
        ("image_to_video", blank, {"object_last", "motion"}),
        ("image_to_video", another_object, {"object_last"}),
        ("image_to_video", one_byte, {"kept"}),
        ("inpaint", blank, {"object", "border"}),
        ("inpaint", another_object, {"object"}),
        ("inpaint", brighter, {"border"}),
        ("inpaint", one_byte, {"kept"}),
        ("cinemagraph", frozen, {"lively"}),
        ("cinemagraph", one_byte, {"kept"}),
        ("extend", frozen, {"frozen"}),
        ("extend", jumping, {"jump"}),
        ("extend", blank, {"jump", "object_last"}),
        ("extend", another_object, {"object_last", "jump"}),
        ("extend", one_byte, {"kept"}),
        ("interpolate", frozen, {"frozen", "jump"}),
        ("interpolate", jumping, {"jump"}),
        ("interpolate", another_object, {"object", "jump"}),
        ("interpolate", one_byte, {"kept"}),
        ("video_to_video", one_byte, {"kept"}),
    ],
)
def test_a_spoiled_answer_falls_short_where_it_was_spoiled(studio, name, spoil, fails):
    assert fails <= short(figures(studio, name, spoil))


def unless_given_back(spoil):
    """Spoils what is made of a clip, and not what strength 0 gives back."""
    return lambda frames, request: (
        frames if np.array_equal(frames, request.source) else spoil(frames, request)
    )


@pytest.mark.parametrize(
    ("spoil", "fails"),
    [
        (lambda frames, request: request.source, {"object"}),
        (lambda frames, request: np.repeat(frames[:1], len(frames), 0), {"frozen", "motion_kept"}),
        (turned, {"follows", "motion_kept"}),
        (lambda frames, request: np.full_like(frames, 128), {"object", "frozen", "motion_kept"}),
    ],
    ids=["the source", "frozen", "turned", "blank"],
)
def test_a_clip_made_into_another_keeps_the_way_and_takes_the_object(studio, spoil, fails):
    found = short(figures(studio, "video_to_video", unless_given_back(spoil)))

    assert fails <= found
    assert "kept" not in found


def test_a_loop_that_does_not_close_falls_short(studio):
    asked = [REQUESTS["image_to_video"](studio, index) for index in ASKED]
    there_and_back = [np.concatenate([f[::2], f[::-2]]) for f in (to_frames(r.truth[None])[0] for r in asked)]
    loops = {
        r.question.prompt: replace(r, truth=as_clip(f)) for r, f in zip(asked, there_and_back, strict=True)
    }
    bar = PARTS["loop"].bars[0]

    def wrapped(right: dict[str, Request]) -> float | None:
        studio.pipeline.right, studio.pipeline.spoil = right, lambda frames, request: frames
        answers = [shot.answer for shot in PARTS["loop"].ask(studio, ASKED)]
        return figure(bar, [answer.measured["wrap"] for answer in answers]).short

    assert wrapped(loops) is None
    assert wrapped({r.question.prompt: r for r in asked}) is not None


def as_clip(frames: Frames) -> torch.Tensor:
    return torch.from_numpy(frames).movedim(-1, 0).float() / 127.5 - 1
