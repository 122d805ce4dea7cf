"""What is asked of a creation: the video, what it is made from, and what its owner wants to know it by."""

from collections.abc import Collection, Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from model.catalog import Limits
from model.spec import FPS, VideoSpec
from model.tasks import BY_INPUT, CLIP, LOOP, OF_SOME, ONE_PASS, PICTURE, STYLE, STYLE_ALPHA, TERMS, Task
from service.errors import InvalidField
from service.media.sources import Source, Sources
from worker.media import Medium

REFERENCE, MASK, LAST_FRAME = INPUTS = ("input_reference", "mask", "last_frame")
Metadata = Annotated[
    dict[Annotated[str, StringConstraints(max_length=64)], Annotated[str, StringConstraints(max_length=512)]],
    Field(max_length=16),
    BeforeValidator(lambda given: {} if given is None else given),
    AfterValidator(lambda pairs: dict(sorted(pairs.items()))),  # so that the same pairs are the same payload
]


class VideoRequest(VideoSpec):
    """A spec, and pairs of the client's own, which make no difference to the video."""

    metadata: Metadata = Field(default_factory=dict)

    @property
    def spec(self) -> VideoSpec:
        """What makes the video."""
        return VideoSpec.model_validate(self.model_dump(exclude={"metadata"}))


def of_task(spec: VideoSpec, sources: Sources) -> VideoSpec:
    """The spec of a task that takes what was given: the one that was asked for, or else the one that this means."""
    if "task" not in spec.model_fields_set and sources.given:
        spec = spec.model_copy(update={"task": _meant(sources)})
    check_inputs(spec.task, sources)
    return spec


def _meant(sources: Sources) -> Task:
    if sources.last_frame:
        return Task.INTERPOLATE
    if sources.mask or sources.reference is None:
        return Task.INPAINT
    return BY_INPUT[sources.reference.kind]


def check_inputs(task: Task, sources: Sources) -> None:
    """Raise unless there is all that the task needs, each of a kind that it takes, and nothing else."""
    reference, mask, last_frame = sources
    if mask and reference is None:
        raise InvalidField(MASK, f"there is no {REFERENCE} that it is of")
    _check_kind(task, reference, REFERENCE, TERMS[task].reference)
    _check_kind(task, mask, MASK, {PICTURE, CLIP} if TERMS[task].mask else ())
    _check_kind(task, last_frame, LAST_FRAME, {PICTURE} if TERMS[task].last_frame else ())
    if mask and reference and (mask.kind, reference.kind) == (CLIP, PICTURE):
        raise InvalidField(MASK, f"a clip, but {reference.field} is a picture")


def _check_kind(task: Task, source: Source | None, field: str, takes: Collection[str]) -> None:
    words = [f"a {kind}" for kind in sorted(takes)]
    if source is None and takes:
        raise InvalidField(field, f"{task} needs {' or '.join(words)}")
    if source is not None and source.kind not in takes:
        raise InvalidField(source.field, f"{task} takes {' or '.join(words) or 'none'}, not a {source.kind}")


def check_terms(spec: VideoSpec, asked: Collection[str]) -> None:
    """Raise where one of the fields that were asked for is of no use to the task, or it cannot do so much."""
    terms = TERMS[spec.task]
    for field in OF_SOME:
        if field in asked and field not in terms.uses:
            raise InvalidField(field, f"{spec.task} does not use it")
    if STYLE_ALPHA in asked and spec.style is None:
        raise InvalidField(STYLE_ALPHA, f"{spec.task} without a style does not use it")
    if spec.task is Task.STYLIZE and spec.style is None:
        raise InvalidField(STYLE, f"{spec.task} needs one")


def set_in(fields: Mapping[str, object]) -> set[str]:
    """The names of those that were asked for: null asks for nothing."""
    return {name for name, value in fields.items() if value is not None}


def check_media(spec: VideoSpec, sources: Sources, media: Mapping[str, Medium]) -> None:
    """Raise unless what was found in the inputs fits together, and the spec."""
    if sources.reference is None:
        return
    field = sources.reference.field
    reference = media[field]
    if sources.mask:
        size, needed = media[MASK].size, reference.size
        if size != needed:
            raise InvalidField(MASK, f"{size} pixels, but {field} has {needed}")
    if spec.task is Task.EXTEND and reference.seconds * FPS > spec.frames - 1:
        most = TERMS[spec.task].seconds
        raise InvalidField(
            field, f"{reference.seconds:g} seconds are to become {spec.seconds}; ask for more, {most} at most"
        )


def check_length(spec: VideoSpec, can: Limits) -> None:
    """Raise where the video is longer than its task makes, or than its checkpoint, by these limits, does at its
    size."""
    if spec.seconds > (most := TERMS[spec.task].seconds):
        raise InvalidField("seconds", f"{spec.task} makes 1 to {most}")
    if spec.loop and spec.seconds > ONE_PASS:
        raise InvalidField(LOOP, f"a video that loops has 1 to {ONE_PASS} seconds")
    most = can.longest(spec.width, spec.height)
    if not most:
        raise InvalidField("size", f"model {spec.model!r} makes no video of {spec.size}")
    if spec.seconds > most:
        raise InvalidField("seconds", f"model {spec.model!r} makes 1 to {most} at {spec.size}")
