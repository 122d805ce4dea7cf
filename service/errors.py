"""Every refusal, once: exception -> (HTTP status, gRPC code, public error code)."""

import logging
from http import HTTPStatus
from typing import NamedTuple

from grpc import StatusCode

from model.catalog import TaskNotAvailable, UnknownModel, UnknownStyle
from worker.files import FileNotFound
from worker.jobs import JobNotFound, JobOver, KeyReused, StoreUnavailable, UnknownCursor
from worker.limits import DayIsSpent, QueueFull, TooManyJobs, TooManyRequests
from worker.storage import LinkRefused, ObjectNotFound, StorageUnavailable

log = logging.getLogger(__name__)
KEY_HEADER = "Idempotency-Key"


class InvalidField(ValueError):
    """A field of the request is missing, unknown, or outside its limits."""

    def __init__(self, field: str | None, message: str) -> None:
        super().__init__(message if field is None else f"{field or repr(field)}: {message}")
        self.field = field


class KeyMissing(PermissionError):
    """The request has no API key, and this service has some."""


class InvalidKey(PermissionError):
    """The request's API key is none of this service's."""


class NotLocal(PermissionError):
    """A service without API keys was asked from outside, or told to let itself be."""


class InvalidMedia(InvalidField):
    """A picture or clip is of a kind we do not take, cannot be decoded, or is beyond a limit."""


class MediaTooLarge(InvalidField):
    """A picture or clip has more bytes than this server accepts."""


class MalformedBody(ValueError):
    """The request body cannot be read."""


class UnsupportedBody(ValueError):
    """The content type of the request is not one we read."""


class BodyTooLarge(ValueError):
    """The request body is larger than this server accepts."""


class ModelNotFound(LookupError):
    """There is no such model; where a field names one, it is UnknownModel."""


class VideoNotReady(RuntimeError):
    """The video is not finished yet."""


class PreviewNotReady(RuntimeError):
    """The video is not finished, and there is no preview of it yet."""


class VideoFailed(RuntimeError):
    """The video could not be made, so it has no content."""


class VideoExpired(LookupError):
    """The video was kept for as long as was said, and its content no longer."""


class VideoCancelled(RuntimeError):
    """The video was cancelled, so it has no content."""


class WebhookNotFound(LookupError):
    """There is no such webhook endpoint."""


class EventNotFound(LookupError):
    """There is no such event of a webhook, or no more."""


class TooManyWebhooks(RuntimeError):
    """The tenant has as many webhook endpoints as it may have."""


class WebhookDisabled(RuntimeError):
    """Nothing is sent to this webhook endpoint."""


class WebhookUnreachable(RuntimeError):
    """The webhook endpoint does not answer to a trial."""


class NotReady(RuntimeError):
    """The service cannot make videos yet."""

    retry_after = 1.0


class ShuttingDown(RuntimeError):
    """This process is about to end; another one may go on."""

    retry_after = 1.0


class RangeNotSatisfiable(ValueError):
    """The requested range lies outside the video."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the video has {size} bytes")
        self.size = size


class Refusal(NamedTuple):
    """How one kind of error looks from outside."""

    status: HTTPStatus
    grpc: StatusCode
    code: str


REFUSALS: dict[type[Exception], Refusal] = {
    KeyMissing: Refusal(HTTPStatus.UNAUTHORIZED, StatusCode.UNAUTHENTICATED, "api_key_missing"),
    InvalidKey: Refusal(HTTPStatus.UNAUTHORIZED, StatusCode.UNAUTHENTICATED, "invalid_api_key"),
    NotLocal: Refusal(HTTPStatus.FORBIDDEN, StatusCode.PERMISSION_DENIED, "local_only"),
    TooManyRequests: Refusal(
        HTTPStatus.TOO_MANY_REQUESTS, StatusCode.RESOURCE_EXHAUSTED, "request_rate_limit"
    ),
    TooManyJobs: Refusal(
        HTTPStatus.TOO_MANY_REQUESTS, StatusCode.RESOURCE_EXHAUSTED, "concurrent_jobs_limit"
    ),
    DayIsSpent: Refusal(HTTPStatus.TOO_MANY_REQUESTS, StatusCode.RESOURCE_EXHAUSTED, "daily_cost_limit"),
    QueueFull: Refusal(HTTPStatus.TOO_MANY_REQUESTS, StatusCode.RESOURCE_EXHAUSTED, "queue_full"),
    InvalidField: Refusal(HTTPStatus.BAD_REQUEST, StatusCode.INVALID_ARGUMENT, "invalid_value"),
    InvalidMedia: Refusal(HTTPStatus.BAD_REQUEST, StatusCode.INVALID_ARGUMENT, "invalid_media"),
    MediaTooLarge: Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, StatusCode.RESOURCE_EXHAUSTED, "media_too_large"
    ),
    MalformedBody: Refusal(HTTPStatus.BAD_REQUEST, StatusCode.INVALID_ARGUMENT, "malformed_body"),
    UnsupportedBody: Refusal(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, StatusCode.INVALID_ARGUMENT, "unsupported_media_type"
    ),
    BodyTooLarge: Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, StatusCode.RESOURCE_EXHAUSTED, "body_too_large"
    ),
    UnknownModel: Refusal(HTTPStatus.BAD_REQUEST, StatusCode.INVALID_ARGUMENT, "model_not_found"),
    UnknownStyle: Refusal(HTTPStatus.BAD_REQUEST, StatusCode.INVALID_ARGUMENT, "style_not_found"),
    UnknownCursor: Refusal(HTTPStatus.BAD_REQUEST, StatusCode.INVALID_ARGUMENT, "cursor_not_found"),
    KeyReused: Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, StatusCode.ALREADY_EXISTS, "idempotency_key_reused"),
    LinkRefused: Refusal(HTTPStatus.FORBIDDEN, StatusCode.PERMISSION_DENIED, "link_refused"),
    JobNotFound: Refusal(HTTPStatus.NOT_FOUND, StatusCode.NOT_FOUND, "video_not_found"),
    ObjectNotFound: Refusal(HTTPStatus.NOT_FOUND, StatusCode.NOT_FOUND, "content_not_found"),
    FileNotFound: Refusal(HTTPStatus.NOT_FOUND, StatusCode.NOT_FOUND, "file_not_found"),
    VideoExpired: Refusal(HTTPStatus.NOT_FOUND, StatusCode.NOT_FOUND, "video_expired"),
    ModelNotFound: Refusal(HTTPStatus.NOT_FOUND, StatusCode.NOT_FOUND, "unknown_model"),
    VideoNotReady: Refusal(HTTPStatus.CONFLICT, StatusCode.FAILED_PRECONDITION, "video_not_ready"),
    PreviewNotReady: Refusal(HTTPStatus.CONFLICT, StatusCode.FAILED_PRECONDITION, "preview_not_ready"),
    VideoFailed: Refusal(HTTPStatus.CONFLICT, StatusCode.FAILED_PRECONDITION, "video_failed"),
    VideoCancelled: Refusal(HTTPStatus.CONFLICT, StatusCode.FAILED_PRECONDITION, "video_cancelled"),
    JobOver: Refusal(HTTPStatus.CONFLICT, StatusCode.FAILED_PRECONDITION, "video_already_over"),
    WebhookNotFound: Refusal(HTTPStatus.NOT_FOUND, StatusCode.NOT_FOUND, "webhook_endpoint_not_found"),
    EventNotFound: Refusal(HTTPStatus.NOT_FOUND, StatusCode.NOT_FOUND, "webhook_event_not_found"),
    TooManyWebhooks: Refusal(
        HTTPStatus.CONFLICT, StatusCode.FAILED_PRECONDITION, "too_many_webhook_endpoints"
    ),
    WebhookDisabled: Refusal(
        HTTPStatus.CONFLICT, StatusCode.FAILED_PRECONDITION, "webhook_endpoint_disabled"
    ),
    WebhookUnreachable: Refusal(
        HTTPStatus.CONFLICT, StatusCode.FAILED_PRECONDITION, "webhook_endpoint_unreachable"
    ),
    RangeNotSatisfiable: Refusal(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, StatusCode.OUT_OF_RANGE, "range_not_satisfiable"
    ),
    TaskNotAvailable: Refusal(HTTPStatus.NOT_IMPLEMENTED, StatusCode.UNIMPLEMENTED, "task_not_available"),
    NotReady: Refusal(HTTPStatus.SERVICE_UNAVAILABLE, StatusCode.UNAVAILABLE, "not_ready"),
    ShuttingDown: Refusal(HTTPStatus.SERVICE_UNAVAILABLE, StatusCode.UNAVAILABLE, "shutting_down"),
    StoreUnavailable: Refusal(HTTPStatus.SERVICE_UNAVAILABLE, StatusCode.UNAVAILABLE, "store_unavailable"),
    StorageUnavailable: Refusal(
        HTTPStatus.SERVICE_UNAVAILABLE, StatusCode.UNAVAILABLE, "storage_unavailable"
    ),
}

INTERNAL = Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, StatusCode.INTERNAL, "internal_error")


def refusal_of(error: Exception) -> Refusal:
    """The line of the table for one of our own errors."""
    return next(REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS)


LONGEST = 300  # letters: clients of gRPC refuse trailers of more than 8 KiB, which hold the words thrice


def shortened(said: str) -> str:
    """What a person reads; where it quotes a request at length, the beginning."""
    return said if len(said) <= LONGEST else said[: LONGEST - 3] + "..."


def words_of(error: Exception) -> str:
    """What a client is told: of the storage neither the place nor the reason, which are for the log."""
    if isinstance(error, StorageUnavailable):
        log.warning("%s", error)
        return "the object store does not answer"
    return shortened(str(error))


def retry_after(error: Exception) -> float | None:
    """Seconds until the same request may do better; an error that knows them has them as its `retry_after`."""
    wait: float | None = getattr(error, "retry_after", None)
    return wait


def unforeseen(request_id: str) -> str:
    """What is said, through both doors, about an error that is not in the table."""
    return f"the server failed on this request; its log knows more under {request_id}"


def field_of(error: Exception) -> str | None:
    """The request field an error is about, when it is about one."""
    if isinstance(error, InvalidField | TaskNotAvailable):
        return None if error.field is None else shortened(error.field)
    return _FIELDS.get(type(error))


_FIELDS: dict[type[Exception], str] = {
    UnknownModel: "model",
    UnknownStyle: "style",
    UnknownCursor: "after",
    KeyReused: KEY_HEADER,
}
