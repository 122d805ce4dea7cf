"""Pictures and clips that are uploaded once and referred to by many requests."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import BinaryIO, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field

from service.errors import InvalidField
from service.media.intake import Intake
from service.videos.content import Content
from service.videos.fields import parsed
from worker.files import File, FileStore, new_id, stored_at
from worker.storage import Storage

SHORTEST = 3600  # seconds


class Upload(NamedTuple):
    """A file as it came: its bytes in a real file, and the name it was given."""

    file: BinaryIO
    filename: str


class ExpiresAfter(BaseModel):
    """When an upload is to be forgotten, in the words of the OpenAI protocol."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    anchor: Literal["created_at"] = "created_at"
    seconds: int = Field(ge=SHORTEST)


def _name_alone(given: str) -> str:
    """The last part of a path, without what cannot be shown; it names nothing of ours."""
    name = PurePosixPath(given.replace("\\", "/")).name
    return re.sub(r"[^\w .()\[\]+,=@~-]", "_", name)[-255:] or "upload"


class FileFields(BaseModel):
    """What is asked with an upload."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    purpose: Literal["vision", "user_data"] = Field(
        description="both mean the same here: an input for videos"
    )
    expires_after: ExpiresAfter | None = Field(
        None, description="a shorter life than files have by themselves"
    )


class FilePage(BaseModel):
    """Which part of the list is asked for."""

    after: str | None = Field(None, description="the id behind which the page begins")
    limit: int = Field(100, ge=1, le=1000, description="the most files to answer with")
    order: Literal["asc", "desc"] = Field("desc", description="by time of creation: oldest or newest first")
    purpose: str | None = Field(None, max_length=64, description="only files of this purpose")


class FileObject(BaseModel):
    """A file as it is told to the world: the OpenAI file object, and what was found in it."""

    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    expires_at: int
    filename: str
    purpose: str
    status: Literal["processed"] = "processed"
    content_type: str
    sha256: str
    width: int
    height: int
    frames: int
    fps: float | None

    @classmethod
    def of(cls, file: File) -> Self:
        """The public face of a file."""
        return cls(
            id=file.id,
            created_at=int(file.created_at),
            expires_at=int(file.expires_at),
            filename=file.filename,
            purpose=file.purpose,
            **file.medium.model_dump(),
        )


class FileList(BaseModel):
    """One page of files."""

    object: Literal["list"] = "list"
    data: list[FileObject]
    first_id: str | None
    last_id: str | None
    has_more: bool


class DeletedFile(BaseModel):
    """What is left to say about a deleted file."""

    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True


class Files:
    """Upload, get, list, read and delete, each for one tenant; every collaborator is given."""

    def __init__(self, store: FileStore, storage: Storage, intake: Intake, longest: int) -> None:
        self.intake = intake
        self._store = store
        self._storage = storage
        self._longest = longest

    def upload(self, tenant: str, fields: Mapping[str, object]) -> FileObject:
        """Look into a file, store a clean copy of it and save its record."""
        upload = fields.get("file")
        if not isinstance(upload, Upload):
            raise InvalidField("file", "this field is required, as a file")
        asked = parsed(FileFields, {name: value for name, value in fields.items() if name != "file"})
        seconds = self._longest if asked.expires_after is None else asked.expires_after.seconds
        if seconds > self._longest:
            raise InvalidField("expires_after", f"files are kept {self._longest} seconds at most")
        file_id = new_id()
        with self.intake.checked("file", upload.file) as (path, medium):
            key = stored_at(file_id, medium)
            self._storage.put(key, path, medium.content_type)
        name = _name_alone(upload.filename)
        return FileObject.of(self._store.create(tenant, file_id, asked.purpose, name, medium, seconds))

    def find(self, tenant: str, file_id: str) -> File:
        """The record of a file of this tenant."""
        return self._store.get(tenant, file_id)

    def get(self, tenant: str, file_id: str) -> FileObject:
        """What is known of a file."""
        return FileObject.of(self.find(tenant, file_id))

    def list(self, tenant: str, page: FilePage) -> FileList:
        """Files by time of creation, a page at a time."""
        files, has_more = self._store.page(tenant, page.after, page.limit, page.order, page.purpose)
        data = [FileObject.of(file) for file in files]
        first_id, last_id = (data[0].id, data[-1].id) if data else (None, None)
        return FileList(data=data, first_id=first_id, last_id=last_id, has_more=has_more)

    def delete(self, tenant: str, file_id: str) -> DeletedFile:
        """Remove a file; videos that were asked for with it have copies of their own."""
        file = self.find(tenant, file_id)
        self._storage.delete(file.key)
        self._store.delete(file)
        return DeletedFile(id=file_id)

    def content(self, tenant: str, file_id: str) -> Content:
        """The bytes as they are kept."""
        file = self.find(tenant, file_id)
        storage, key = self._storage, file.key
        return Content(
            file.medium.content_type,
            storage.size(key),
            f'"{file.id}"',
            lambda start, stop: storage.read(key, start, stop),
        )
