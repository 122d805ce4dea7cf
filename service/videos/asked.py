"""What is asked of a creation: the video, and what its owner wants to know it by."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from model.spec import VideoSpec
from model.tasks import BY_INPUT, OF_SOME, STYLE, STYLE_ALPHA, TERMS, Task
from service.errors import InvalidField
from service.media.inputs import Source

REFERENCE = "input_reference"
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


def of_task(spec: VideoSpec, source: Source | None) -> VideoSpec:
    """The spec of a task that takes what was given: the one that was asked for, or else the one that this means."""
    if "task" not in spec.model_fields_set:
        return spec if source is None else spec.model_copy(update={"task": BY_INPUT[source.kind]})
    takes = sorted(TERMS[spec.task].reference)
    if source is None and takes:
        raise InvalidField(REFERENCE, f"{spec.task} needs a {' or a '.join(takes)}")
    if source is not None and source.kind not in takes:
        raise InvalidField(
            REFERENCE, f"{spec.task} takes {' or '.join(takes) or 'none'}, not a {source.kind}"
        )
    return spec


def check_terms(spec: VideoSpec) -> None:
    """Raise where a field was asked for that the task does not use, or more than it can do."""
    terms = TERMS[spec.task]
    asked = [
        field for field in OF_SOME if field in spec.model_fields_set and getattr(spec, field) is not None
    ]
    for field in asked:
        if field not in terms.uses:
            raise InvalidField(field, f"{spec.task} does not use it")
    if STYLE_ALPHA in asked and spec.style is None:
        raise InvalidField(STYLE_ALPHA, f"{spec.task} without a style does not use it")
    if spec.task is Task.STYLIZE and spec.style is None:
        raise InvalidField(STYLE, f"{spec.task} needs one")
    if spec.seconds > terms.seconds:
        raise InvalidField("seconds", f"{spec.task} makes 1 to {terms.seconds}")
