"""Videos that are made from videos: remixes, edits and extensions."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from model.spec import Prompt, VideoSpec
from model.tasks import CLIP, Task
from service.errors import InvalidField
from service.media.inputs import Source
from service.videos.fields import parsed
from service.videos.videos import Accepted, Videos
from worker.jobs import Job

LONGEST = 20  # seconds of an extended video, its beginning included


class Remix(BaseModel):
    """A new prompt for a finished video."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Prompt


class Edit(Remix):
    """What to change in a video."""


class Extension(Remix):
    """How a video goes on."""

    seconds: int = Field(ge=1, le=LONGEST, description="of the whole video")


class Derived:
    """Remix, edit and extend, each for one tenant."""

    def __init__(self, videos: Videos) -> None:
        self._videos = videos

    def remix(self, tenant: str, video_id: str, fields: Mapping[str, object], key: str | None) -> Accepted:
        """Make a finished video anew, to other words."""
        asked = parsed(Remix, fields)
        job = self._videos.finished(tenant, video_id)
        return self._make(
            tenant, "remix", key, Task.VIDEO_TO_VIDEO, asked, self._videos.inputs.made("video", job), job
        )

    def edit(self, tenant: str, fields: Mapping[str, object], key: str | None) -> Accepted:
        """Change a video by words: a finished one, a file or an upload."""
        return self._change(tenant, "edit", key, Task.VIDEO_TO_VIDEO, Edit, fields)

    def extend(self, tenant: str, fields: Mapping[str, object], key: str | None) -> Accepted:
        """Let a video go on."""
        return self._change(tenant, "extend", key, Task.EXTEND, Extension, fields)

    def _change(
        self,
        tenant: str,
        route: str,
        key: str | None,
        task: Task,
        kind: type[Remix],
        fields: Mapping[str, object],
    ) -> Accepted:
        given = dict(fields)
        video = given.pop("video", None)
        asked = parsed(kind, given)
        if video is None:
            raise InvalidField("video", "this field is required")
        job = None
        match video:
            case {"id": str(video_id), **more} if not more:
                job = self._videos.finished(tenant, video_id)
                source: Source | None = self._videos.inputs.made("video", job)
            case {"image_url": _}:
                source = None
            case _:
                source = self._videos.inputs.reference(tenant, "video", video)
        if source is None or source.kind != CLIP:
            raise InvalidField("video", "a video file, or an object with one of id and file_id")
        return self._make(tenant, route, key, task, asked, source, job)

    def _make(
        self,
        tenant: str,
        route: str,
        key: str | None,
        task: Task,
        asked: Remix,
        source: Source,
        job: Job | None,
    ) -> Accepted:
        """The new video is like the old one in all that was not asked to be another; its seed is drawn anew."""
        old = job.spec.model_dump(exclude={"seed", "task"}) if job else {}
        model = str(old.get("model", VideoSpec.model_fields["model"].default))
        self._videos.check_task(model, task, source.field)
        spec = parsed(VideoSpec, old | asked.model_dump() | {"task": task})
        return self._videos.accept(tenant, route, key, spec, False, source, job.id if job else None)
