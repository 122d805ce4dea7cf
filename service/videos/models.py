"""The installed checkpoints, as the OpenAI model list tells them, and what each may be asked for."""

from pathlib import Path
from typing import Literal, get_args

from annotated_types import Ge, Le
from pydantic import BaseModel

from model.catalog import INDEX, installed, limits, tasks
from model.spec import FPS, Size, VideoSpec
from model.tasks import Task
from service.errors import ModelNotFound


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


class Model(BaseModel):
    """An installed checkpoint."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["ciotat"] = "ciotat"
    tasks: list[Task]
    sizes: list[str]
    limits: Limits


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
        seconds = Span(least=1, most=limits(folder).seconds)
        return Model(
            id=name,
            created=int((folder / INDEX).stat().st_mtime),
            tasks=list(tasks(folder)),
            sizes=list(get_args(Size)),
            limits=Limits(
                seconds=seconds,
                frames=Span(least=FPS * seconds.least, most=FPS * seconds.most),
                fps=FPS,
                steps=_span("steps"),
                guidance_scale=_span("guidance_scale"),
            ),
        )


def _span(field: str) -> Span:
    bounds = VideoSpec.model_fields[field].metadata
    (least,) = (each.ge for each in bounds if isinstance(each, Ge))
    (most,) = (each.le for each in bounds if isinstance(each, Le))
    return Span.model_validate({"least": least, "most": most})
