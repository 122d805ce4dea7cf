"""What may be asked of the model: one frozen, torch-free record, and every limit it imposes."""

import secrets
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from model.tasks import LONGEST, Task

FPS = 16
MAX_SEED = 2**63 - 1

Size = Literal["128x128", "256x256", "512x512", "1024x1024", "1280x720", "720x1280"]


def _no_bool(value: object) -> object:
    """Pydantic reads true as 1; a client that sends it has mistaken the field."""
    if isinstance(value, bool):
        raise ValueError("must be a number, not a boolean")
    return value


def _draw_seed(value: object = None) -> object:
    """No seed asked means one drawn here, so that a spec always names the video it makes."""
    return secrets.randbelow(MAX_SEED + 1) if value is None else _no_bool(value)


Prompt = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
NegativePrompt = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]
Model = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Seconds = Annotated[int, BeforeValidator(_no_bool, json_schema_input_type=int | str), Field(ge=1, le=LONGEST)]
Seed = Annotated[
    int, BeforeValidator(_draw_seed, json_schema_input_type=int | str | None), Field(ge=0, le=MAX_SEED)
]
Steps = Annotated[int, BeforeValidator(_no_bool, json_schema_input_type=int | str), Field(ge=1, le=100)]
GuidanceScale = Annotated[
    float,
    BeforeValidator(_no_bool, json_schema_input_type=float | str),
    Field(ge=1.0, le=20.0),
]
Share = Annotated[
    float,
    BeforeValidator(_no_bool, json_schema_input_type=float | str),
    Field(ge=0.0, le=1.0),
]
Style = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Notice(BaseModel):
    """Something true of a video that may surprise its owner: a word for a program, a sentence for a person."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str


class VideoSpec(BaseModel):
    """One video as it was asked for; numbers may come as strings, as forms and the OpenAI wire send them."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), hide_input_in_errors=True)

    prompt: Prompt
    negative_prompt: NegativePrompt = ""
    task: Task = Task.TEXT_TO_VIDEO
    model: Model = "ciotat-1"
    seconds: Seconds = 5
    size: Size = "512x512"
    seed: Seed = Field(default_factory=lambda: secrets.randbelow(MAX_SEED + 1))
    steps: Steps = 20
    guidance_scale: GuidanceScale = 2.5
    strength: Share = Field(0.7, description="how much of a clip is made anew; 0 gives it back")
    loop: bool = Field(False, description="the last frame flows into the first")
    style: Style | None = Field(None, description="one of the checkpoint's styles")
    style_alpha: Share = Field(0.8, description="how much of the style; 0 is the base model")

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What can be known of it before it is made."""
        if self.negative_prompt and self.guidance_scale == 1.0:
            unused = "negative_prompt: at guidance_scale 1 it changes nothing"
            return (Notice(code="negative_prompt_unused", message=unused),)
        return ()

    @property
    def frames(self) -> int:
        """The number of frames of the finished video."""
        return FPS * self.seconds

    @property
    def cost(self) -> int:
        """What the video costs to make, in megapixel-steps: frames x width x height x steps / 10^6, rounded up."""
        return -(-self.frames * self.width * self.height * self.steps // 10**6)

    @property
    def width(self) -> int:
        """Of the finished video, in pixels."""
        return int(self.size.partition("x")[0])

    @property
    def height(self) -> int:
        """Of the finished video, in pixels."""
        return int(self.size.partition("x")[2])
