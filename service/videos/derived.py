"""Videos that are made from videos: remixes, edits and extensions."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from model.spec import Prompt, Share, VideoSpec
from model.tasks import CLIP, LONGEST, OF_SOME, TERMS, Task
from service.errors import InvalidField
from service.media.sources import Source, Sources
from service.videos.asked import MASK, check_inputs, check_terms
from service.videos.fields import parsed
from service.videos.videos import Accepted, Videos
from worker.jobs import Job

VIDEO = "video"


class Prompted(BaseModel):
    """New words for a video."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Prompt


class Remix(Prompted):
    """A new prompt for a finished video."""

    strength: Share = Field(
        VideoSpec.model_fields["strength"].default, description="how much is made anew; 0 gives it back"
    )


class Edit(Remix):
    """What to change in a video."""


class Extension(Prompted):
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
        sources = Sources(self._videos.inputs.made(VIDEO, job))
        return self._make(tenant, "remix", key, Task.VIDEO_TO_VIDEO, asked, sources, job)

    def edit(self, tenant: str, fields: Mapping[str, object], key: str | None) -> Accepted:
        """Change a video by words: a finished one, a file or an upload; with a mask, what it shows white."""
        given = dict(fields)
        video, masked = given.pop(VIDEO, None), given.pop(MASK, None)
        asked = parsed(Edit, given)
        reference, job = self._found(tenant, video)
        mask = self._videos.inputs.reference(tenant, MASK, masked)
        task = Task.VIDEO_TO_VIDEO if mask is None else Task.INPAINT
        return self._make(tenant, "edit", key, task, asked, Sources(reference, mask), job)

    def extend(self, tenant: str, fields: Mapping[str, object], key: str | None) -> Accepted:
        """Let a video go on."""
        given = dict(fields)
        video = given.pop(VIDEO, None)
        asked = parsed(Extension, given)
        reference, job = self._found(tenant, video)
        return self._make(tenant, "extend", key, Task.EXTEND, asked, Sources(reference), job)

    def _found(self, tenant: str, video: object) -> tuple[Source, Job | None]:
        """The clip that was given, and the finished video that it is, if it is one."""
        if video is None:
            raise InvalidField(VIDEO, "this field is required")
        job = None
        match video:
            case {"id": str(video_id), **more} if not more:
                job = self._videos.finished(tenant, video_id)
                source: Source | None = self._videos.inputs.made(VIDEO, job)
            case {"image_url": _}:
                source = None
            case _:
                source = self._videos.inputs.reference(tenant, VIDEO, video)
        if source is None or source.kind != CLIP:
            raise InvalidField(VIDEO, "a video file, or an object with one of id and file_id")
        return source, job

    def _make(
        self,
        tenant: str,
        route: str,
        key: str | None,
        task: Task,
        asked: Prompted,
        sources: Sources,
        job: Job | None,
    ) -> Accepted:
        """The new video is like the old one in all that was not asked to be another; its seed is drawn anew, it is as
        long as the task allows, and sampled by today's defaults where nobody said how."""
        terms, defaults = TERMS[task], VideoSpec.model_fields
        unused = {field for field in OF_SOME if field not in terms.uses}
        taken = {"seed", "task", "strength"} | unused
        old = job.chosen.model_dump(exclude=taken, exclude_unset=True) if job else {}
        seconds = min(int(old.get("seconds", defaults["seconds"].default)), terms.seconds)
        fields = old | {"seconds": seconds, "task": task} | asked.model_dump(exclude_unset=True)
        spec = parsed(VideoSpec, fields)
        check_inputs(task, sources)
        check_terms(spec, asked.model_fields_set)
        self._videos.check_able(spec, sources.given[-1].field)
        return self._videos.accept(tenant, route, key, spec, False, sources, job.id if job else None)
