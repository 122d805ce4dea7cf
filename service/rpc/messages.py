"""Between the messages of the gRPC door and plain fields."""

from typing import Any

import grpc
from google.protobuf.message import Message

from service.pb import videos_pb2 as pb
from service.videos.idempotency import REPLAYED
from service.videos.video import Video
from service.videos.videos import Accepted


def fields_of(message: Message) -> dict[str, object]:
    """What the caller has set, messages within the message likewise."""
    return {
        field.name: fields_of(value) if isinstance(value, Message) else value
        for field, value in message.ListFields()
    }


def keyed(message: Message) -> tuple[dict[str, object], str | None]:
    """What is asked for, and under which id of a request, where it has one; an empty one is one."""
    fields = fields_of(message)
    key = fields.pop("request_id", None)
    return fields, None if key is None else str(key)


def told(video: Video) -> pb.Video:
    """The video object as a message; what is null there is absent here."""
    fields: dict[str, Any] = video.model_dump(mode="json", exclude_none=True)
    fields["status"] = pb.VideoStatus.Value(f"VIDEO_STATUS_{video.status.upper()}")
    return pb.Video(**fields)


def queued(accepted: Accepted, context: grpc.ServicerContext) -> pb.Video:
    """A video that was just asked for, and in the metadata whether it was before."""
    if accepted.replayed:
        context.send_initial_metadata(((REPLAYED, "true"),))
    return told(accepted.video)
