"""What a refusal tells a gRPC client's program: a google.rpc.Status with the standard details (google.rpc, AIP-193)."""

from typing import NoReturn

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status

from service.errors import KEY_HEADER, Refusal, field_of, retry_after, words_of
from service.rest.request_id import HEADER

DOMAIN = "ciotat"
TRAILER = "grpc-status-details-bin"


def detailed(refusal: Refusal, error: Exception, request_id: str) -> bytes:
    """The status as bytes for the trailer: the reason, the bad field, when to come back, the id of the request."""
    field = field_of(error)
    wait = retry_after(error)
    facts = {"request_id": request_id} | ({} if field is None else {"field": _name(field)})
    details: list[Message] = [ErrorInfo(reason=refusal.code.upper(), domain=DOMAIN, metadata=facts)]
    if field is not None and refusal.grpc is grpc.StatusCode.INVALID_ARGUMENT:
        violation = BadRequest.FieldViolation(
            field=_name(field), description=words_of(error), reason=refusal.code.upper()
        )
        details.append(BadRequest(field_violations=[violation]))
    if wait is not None:
        span = Duration()
        span.FromNanoseconds(int(wait * 1e9))
        details.append(RetryInfo(retry_delay=span))
    details.append(RequestInfo(request_id=request_id))
    status = Status(code=refusal.grpc.value[0], message=words_of(error))
    for detail in details:
        status.details.add().Pack(detail)
    return status.SerializeToString()


def abort(context: grpc.ServicerContext, refusal: Refusal, error: Exception, request_id: str) -> NoReturn:
    """End the call with this refusal and all that is to be told of it."""
    context.set_trailing_metadata(((HEADER, request_id), (TRAILER, detailed(refusal, error, request_id))))
    context.abort(refusal.grpc, words_of(error))


def _name(field: str) -> str:
    """A field's name in the messages of the contract; only the header of REST has another there."""
    return "request_id" if field == KEY_HEADER else field
