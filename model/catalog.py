"""Which checkpoints are installed: a folder listing, so that the API tier refuses a model without torch."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.spec import FPS, GuidanceScale, Steps
from model.tasks import LONGEST, Task

SHIPPED = Path(__file__).parent / "checkpoints"
INDEX = "model_index.json"
STYLES = "styles"  # the folder of a checkpoint's styles, each a folder of its own


class Defaults(BaseModel):
    """What a checkpoint does where a request does not say, by its index; a distilled one has few steps, unguided."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: Steps = 20
    guidance_scale: GuidanceScale = 2.5


class Limits(BaseModel):
    """How much of a video a checkpoint makes at once, by its index: so long, and so many pixels in all its frames."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: int = Field(5, ge=1, le=LONGEST)
    megapixels: float = Field(84.0, gt=0)  # five seconds of 1024x1024

    def longest(self, width: int, height: int) -> int:
        """The most seconds of a video of this size; 0 is none."""
        return min(self.seconds, int(self.megapixels * 1e6 / (FPS * width * height)))


class UnknownModel(LookupError):
    """No checkpoint of that name is installed."""


class UnknownStyle(LookupError):
    """The checkpoint has no style of that name."""

    def __init__(self, model: str, style: str, known: Sequence[str]) -> None:
        super().__init__(
            f"style: model {model!r} has no style {style!r}; it has {', '.join(known) or 'none'}"
        )


class TaskNotAvailable(NotImplementedError):
    """The checkpoint does not do this yet; `field` is what asked for it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


def installed(checkpoints: Path) -> list[str]:
    """The names of the checkpoint folders, sorted."""
    return sorted(index.parent.name for index in checkpoints.glob(f"*/{INDEX}"))


def locate(checkpoints: Path, model: str) -> Path:
    """The folder of one installed checkpoint; a name is matched against the listing, never joined unseen."""
    names = installed(checkpoints)
    if model not in names:
        raise UnknownModel(f"model {model!r} is not installed; installed: {', '.join(names) or 'none'}")
    return checkpoints / model


def read_index(folder: Path) -> dict[str, Any]:
    """A checkpoint's model_index.json; one that cannot be read is the worker's to complain of, and empty here."""
    try:
        index = json.loads((folder / INDEX).read_text())
    except ValueError:
        return {}
    return index if isinstance(index, dict) else {}


def tasks(folder: Path) -> tuple[Task, ...]:
    """What this checkpoint does."""
    named = read_index(folder).get("tasks", [Task.TEXT_TO_VIDEO])
    return tuple(task for task in Task if task in named)


def defaults(folder: Path) -> Defaults:
    """How this checkpoint is best asked; where its index says it wrongly, which the worker complains of, as any."""
    try:
        return Defaults.model_validate(read_index(folder).get("defaults", {}))
    except ValidationError:
        return Defaults()


def limits(folder: Path) -> Limits:
    """How much of a video this checkpoint makes; the least where its index says it wrongly."""
    try:
        return Limits.model_validate(read_index(folder).get("limits", {}))
    except ValidationError:
        return Limits()


def styles(folder: Path) -> tuple[str, ...]:
    """The names of this checkpoint's styles, sorted."""
    return tuple(sorted(config.parent.name for config in folder.glob(f"{STYLES}/*/config.json")))


def check_style(checkpoints: Path, model: str, style: str) -> None:
    """Raise unless this checkpoint is installed and has this style."""
    known = styles(locate(checkpoints, model))
    if style not in known:
        raise UnknownStyle(model, style, known)


def check_task(checkpoints: Path, model: str, task: Task, field: str = "task") -> None:
    """Raise unless this checkpoint is installed and does this: the one switch for every task."""
    can = tasks(locate(checkpoints, model))
    if task not in can:
        raise TaskNotAvailable(
            field, f"model {model!r} does not do {task}; it does {', '.join(can) or 'nothing'}"
        )
