"""Where a checkpoint is asked: the pipeline, the judges and the truth, and what comes of one question."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from model.catalog import tasks
from model.evaluation.figures import Bar
from model.evaluation.judges import LOOK_SIDE, Judges, activity, frames_at
from model.evaluation.lpips import Lpips, load_lpips
from model.evaluation.prompts import Question
from model.evaluation.sheet import to_frames
from model.evaluation.staging import Stages, Staging
from model.evaluation.truth import Truth
from model.given import NOTHING, Given
from model.pipeline import Pipeline
from model.spec import VideoSpec
from model.tasks import Task
from model.training.motions import MOTIONS, STILL

LOOKS = ("object", "motion", "background")
COLUMNS = 8  # frames of a clip on the sheet
Asked = Question | Staging  # words, and the seed of the noise and of the truth
Measured = dict[str, float | bool | None]
Clip = Float[Tensor, "3 t h w"]
Frames = UInt8[np.ndarray, "t h w 3"]


@dataclass(frozen=True)
class Settings:
    """How the checkpoint is sampled; figures of different settings are not put together."""

    seed: int = 0  # of the list of questions
    size: int = 128
    steps: int = 20
    guidance: float = 2.5


@dataclass(frozen=True)
class Answer:
    """One clip: what was asked, what the judges saw, what was measured (None: does not apply to this clip)."""

    part: str
    index: int
    prompt: str
    seed: int
    asked: dict[str, str]
    seen: dict[str, str]
    measured: Measured

    @property
    def record(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def wrong(self) -> dict[str, str]:
        """What the judges saw where something else was asked."""
        return {what: self.seen[what] for what in self.asked if self.seen[what] != self.asked[what]}


@dataclass(frozen=True, eq=False)
class Shot:
    """An answer, a row of small frames to look at, and what would make the video once more."""

    answer: Answer
    row: UInt8[np.ndarray, "n s s 3"]
    spec: VideoSpec | None = None
    given: Given = NOTHING
    frames: Frames | None = None

    @property
    def small(self) -> "Shot":
        """What a report needs of it."""
        return Shot(self.answer, self.row)


@dataclass
class Studio:
    """One loaded checkpoint with all that is needed to judge it, each made when it is first needed."""

    pipeline: Pipeline
    judges: Judges
    settings: Settings
    device: str = "cpu"
    batch: int = 1  # base clips at a time
    lpips_file: Path | None = None
    _truths: dict[int, Truth] = field(default_factory=dict)
    _stages: dict[int, Stages] = field(default_factory=dict)

    @cached_property
    def lpips(self) -> Lpips:
        return load_lpips(self.device, self.lpips_file)

    def truth(self, size: int) -> Truth:
        """Rendered truth at one size; sizes share nothing, since their textures differ."""
        if size not in self._truths:
            self._truths[size] = Truth(self.device, size)
        return self._truths[size]

    def stages(self, size: int) -> Stages:
        """Rendered truth of the wider world at one size."""
        if size not in self._stages:
            self._stages[size] = Stages(self.device, size)
        return self._stages[size]

    def spec(self, question: Asked, **fields: Any) -> VideoSpec:
        """What is asked of the pipeline for a question."""
        how, size = self.settings, self.settings.size
        asked = {"prompt": question.prompt, "seed": question.seed, "steps": how.steps, **fields}
        return VideoSpec(size=f"{size}x{size}", guidance_scale=how.guidance, **asked)

    def seen(self, clip: Clip) -> dict[str, str]:
        """Object, motion and background of a clip of 80 frames, by name."""
        verdict, names = self.judges.judge(clip[None].to(self.device)), self.judges.config
        return {what: getattr(names, f"{what}s")[int(getattr(verdict, what)[0])] for what in LOOKS}

    def frozen(self, clip: Clip) -> bool:
        """Whether a clip that is told to move does not."""
        return float(activity(clip[None])[0]) < self.judges.config.frozen_below

    def judged(
        self, part: str, index: int, question: Question, clip: Clip, **measured: float | bool | None
    ) -> Answer:
        """An answer of which the judges say whether each look is right, beside what else was measured."""
        asked, seen = {what: getattr(question, what) for what in LOOKS}, self.seen(clip)
        right = {what: asked[what] == seen[what] for what in LOOKS}
        still = question.motion == MOTIONS[STILL]
        looks: Measured = {**right, "frozen": None if still else self.frozen(clip)}
        return Answer(part, index, question.prompt, question.seed, asked, seen, looks | measured)


@dataclass(frozen=True)
class Part:
    """One thing that a checkpoint is asked to do, and what its answers are held to."""

    name: str
    bars: tuple[Bar, ...]
    ask: Callable[[Studio, Sequence[int]], Iterator[Shot]]
    n: int = 48  # questions, where nothing else is said
    size: int | None = None  # pixels a side, where the part alone decides
    task: Task | None = Task.TEXT_TO_VIDEO  # what a checkpoint must do to be asked

    def lacking(self, folder: Path) -> str | None:
        """Why this checkpoint cannot be asked."""
        return (
            None
            if self.task is None or self.task in tasks(folder)
            else f"the checkpoint does not do {self.task}"
        )


def as_clip(frames: Frames) -> Clip:
    """Bytes as a clip in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(frames)).movedim(-1, 0).float().div(127.5).sub(1)


def row(clip: Clip, columns: int = COLUMNS) -> UInt8[np.ndarray, "n s s 3"]:
    """Evenly spaced frames, small."""
    at = torch.linspace(0, clip.shape[1] - 1, columns).round().long()
    small: UInt8[np.ndarray, "n s s 3"] = to_frames(frames_at(clip[None, :, at], LOOK_SIDE))[0]
    return small
