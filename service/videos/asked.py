"""What is asked of a creation: the video, and what its owner wants to know it by."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from model.spec import VideoSpec

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
