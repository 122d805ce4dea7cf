"""The installed checkpoints, as the OpenAI model list tells them, and what each may be asked for."""

from pathlib import Path
from typing import Literal, get_args

from annotated_types import Ge, Le
from pydantic import BaseModel

from model.catalog import INDEX, Defaults, defaults, installed, limits, styles, tasks
from model.spec import FPS, Size, VideoSpec
from model.tasks import CLIP, OF_SOME, PICTURE, TERMS, Task
from service.errors import ModelNotFound
from service.videos.asked import LAST_FRAME, MASK, REFERENCE


class Span(BaseModel):
    """From the least to the most that may be asked for."""

    least: float
    most: float


class Limits(BaseModel):
    """What a request may ask for."""

    seconds: Span
    frames: Span
    fps: int
    steps: Span
    guidance_scale: Span


class Input(BaseModel):
    """What a task needs beside words, in this field of a creation."""

    field: str
    kinds: list[str]  # one of these


class Capability(BaseModel):
    """A task: what it needs, the fields that it uses beyond those of all, and how long its videos may be."""

    task: Task
    inputs: list[Input]
    fields: list[str]
    seconds: Span


class Model(BaseModel):
    """An installed checkpoint."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["ciotat"] = "ciotat"
    tasks: list[Task]
    capabilities: list[Capability]
    styles: list[str]
    sizes: list[str]
    limits: Limits
    defaults: Defaults


class ModelList(BaseModel):
    """All installed checkpoints."""

    object: Literal["list"] = "list"
    data: list[Model]


class Models:
    """Reads the folder of checkpoints, and no weights."""

    def __init__(self, checkpoints: Path) -> None:
        self._checkpoints = checkpoints

    def list(self) -> ModelList:
        """All of them by name."""
        return ModelList(data=[self.get(name) for name in installed(self._checkpoints)])

    def get(self, name: str) -> Model:
        """One of them; of its limits, those of length are its own and the others those of every request."""
        if name not in installed(self._checkpoints):
            raise ModelNotFound(f"model {name!r} is not installed")
        folder = self._checkpoints / name
        most = limits(folder).seconds
        seconds = Span(least=1, most=most)
        return Model(
            id=name,
            created=int((folder / INDEX).stat().st_mtime),
            tasks=list(tasks(folder)),
            capabilities=[_capability(task, most) for task in tasks(folder)],
            styles=list(styles(folder)),
            sizes=list(get_args(Size)),
            limits=Limits(
                seconds=seconds,
                frames=Span(least=FPS * seconds.least, most=FPS * seconds.most),
                fps=FPS,
                steps=_span("steps"),
                guidance_scale=_span("guidance_scale"),
            ),
            defaults=defaults(folder),
        )


def _capability(task: Task, most: int) -> Capability:
    terms = TERMS[task]
    inputs = {REFERENCE: terms.reference}
    inputs[MASK] = frozenset({PICTURE} | (terms.reference & {CLIP})) if terms.mask else frozenset()
    inputs[LAST_FRAME] = frozenset({PICTURE}) if terms.last_frame else frozenset()
    return Capability(
        task=task,
        inputs=[Input(field=field, kinds=sorted(kinds)) for field, kinds in inputs.items() if kinds],
        fields=[field for field in OF_SOME if field in terms.uses],
        seconds=Span(least=1, most=min(most, terms.seconds)),
    )


def _span(field: str) -> Span:
    bounds = VideoSpec.model_fields[field].metadata
    (least,) = (each.ge for each in bounds if isinstance(each, Ge))
    (most,) = (each.le for each in bounds if isinstance(each, Le))
    return Span.model_validate({"least": least, "most": most})
