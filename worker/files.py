"""Uploaded files: a record in Redis for each, found by its owner alone until it expires."""

import secrets
from typing import Literal, NamedTuple, cast

import redis
from pydantic import BaseModel, ConfigDict, Json

from worker.jobs import PLACE_SECONDS, UnknownCursor, store_errors
from worker.media import Medium
from worker.scripts import BEHIND_CURSOR
from worker.tenants import place


class File(BaseModel):
    """An upload that has been looked into and stored."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: str
    tenant: str
    purpose: str
    filename: str
    medium: Json[Medium]
    created_at: float
    expires_at: float

    @property
    def key(self) -> str:
        """Where its bytes are stored."""
        return stored_at(self.id, self.medium)


class Page(NamedTuple):
    """Some files in the order of their creation."""

    files: list[File]
    has_more: bool


class FileNotFound(LookupError):
    """There is no such file, or it has expired."""


def new_id() -> str:
    """An id that nobody can guess."""
    return f"file_{secrets.token_hex(16)}"


def stored_at(file_id: str, medium: Medium) -> str:
    """The storage key of a file's bytes."""
    return f"files/{file_id}/content{medium.suffix}"


def file_key(file_id: str) -> str:
    """The Redis key of one file's record."""
    return f"ciotat:file:{file_id}"


def files_index(tenant: str) -> str:
    """The Redis key of a tenant's files by time of creation."""
    return f"ciotat:files:{tenant}"


CREATE = """
local record, index = KEYS[1], KEYS[2]
local clock = redis.call('TIME')
local fraction = string.format('.%06d', clock[2])
redis.call('HSET', record, 'created_at', clock[1] .. fraction,
  'expires_at', string.format('%d', clock[1] + ARGV[2]) .. fraction, unpack(ARGV, 3))
redis.call('ZADD', index, clock[1] .. fraction, ARGV[1])
return redis.call('HGETALL', record)
"""

# The record, unless it is another tenant's or has expired; the sweeper of the storage still finds it then.
GET = """
local found = redis.call('HMGET', KEYS[1], 'tenant', 'expires_at')
if found[1] ~= ARGV[1] or tonumber(found[2]) <= tonumber(redis.call('TIME')[1]) then return {} end
return redis.call('HGETALL', KEYS[1])
"""

DELETE = """
local record, index, place = KEYS[1], KEYS[2], KEYS[3]
local score = redis.call('ZSCORE', index, ARGV[1])
if score then redis.call('SET', place, score, 'EX', ARGV[2]) end
redis.call('ZREM', index, ARGV[1])
return redis.call('DEL', record)
"""

# One page of those that have not expired, and whether more follow; false when `after` was never there.
LIST = (
    """
local index, place = KEYS[1], KEYS[2]
local after, limit, order, purpose, prefix = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local now = tonumber(redis.call('TIME')[1])
"""
    + BEHIND_CURSOR
    + """local records = {}
while true do
  local ids = redis.call(range, index, first, first + limit)
  for _, id in ipairs(ids) do
    local told = redis.call('HMGET', prefix .. id, 'expires_at', 'purpose')
    if told[1] and tonumber(told[1]) > now and (purpose == '' or purpose == told[2]) then
      if #records == limit then return {1, records} end
      records[#records + 1] = redis.call('HGETALL', prefix .. id)
    end
  end
  if #ids <= limit then return {0, records} end
  first = first + #ids
end
"""
)


class FileStore:
    """Records of files in one Redis or Valkey, by whose clock they expire."""

    def __init__(self, client: "redis.Redis") -> None:
        self._create = client.register_script(CREATE)
        self._get = client.register_script(GET)
        self._delete = client.register_script(DELETE)
        self._list = client.register_script(LIST)

    def create(
        self, tenant: str, file_id: str, purpose: str, filename: str, medium: Medium, seconds: int
    ) -> File:
        """Save the record of a stored file, and its place in its owner's list."""
        record = {"id": file_id, "tenant": tenant, "purpose": purpose, "filename": filename}
        record |= {"medium": medium.model_dump_json()}
        fields = [part for field in record.items() for part in field]
        with store_errors():
            saved = self._create(
                keys=[file_key(file_id), files_index(tenant)], args=[file_id, seconds, *fields]
            )
        return _file(saved)

    def get(self, tenant: str, file_id: str) -> File:
        """A file of this tenant that has not expired."""
        with store_errors():
            found = self._get(keys=[file_key(file_id)], args=[tenant])
        if not found:
            raise FileNotFound(f"file {file_id!r} does not exist")
        return _file(found)

    def page(
        self, tenant: str, after: str | None, limit: int, order: Literal["asc", "desc"], purpose: str | None
    ) -> Page:
        """Up to `limit` files of a tenant by time of creation, beginning behind the one named by `after`."""
        with store_errors():
            keys = [files_index(tenant), place(tenant, after or "")]
            found = self._list(keys=keys, args=[after or "", limit, order, purpose or "", file_key("")])
        if not found:
            raise UnknownCursor(f"after: file {after!r} does not exist")
        more, records = found
        return Page([_file(record) for record in records], bool(more))

    def delete(self, file: File) -> None:
        """Forget a file; its place serves as a cursor for a while."""
        self.forget(file.id, file.tenant)

    def forget(self, file_id: str, tenant: str) -> None:
        """The same of one of which no more is known."""
        with store_errors():
            keys = [file_key(file_id), files_index(tenant), place(tenant, file_id)]
            self._delete(keys=keys, args=[file_id, PLACE_SECONDS])


def _file(flat: object) -> File:
    """A file from a script's list of alternating names and values."""
    parts = cast("list[str]", flat)
    return File.model_validate(dict(zip(parts[::2], parts[1::2], strict=True)))
