"""What a refusal tells a gRPC client's program: a google.rpc.Status with the standard details (google.rpc, AIP-193)."""

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status

from service.errors import KEY_HEADER, Refusal, field_of, retry_after, words_of

DOMAIN = "ciotat"
TRAILER = "grpc-status-details-bin"
LONGEST = 300  # letters: clients refuse trailers of more than 8 KiB, which hold the words thrice


def detailed(refusal: Refusal, error: Exception, request_id: str) -> bytes:
    """The status as bytes for the trailer: the reason, the bad field, when to come back, the id of the request."""
    field = field_of(error)
    wait = retry_after(error)
    facts = {"request_id": request_id} | ({} if field is None else {"field": _name(field)})
    details: list[Message] = [ErrorInfo(reason=refusal.code.upper(), domain=DOMAIN, metadata=facts)]
    if field is not None and refusal.grpc is grpc.StatusCode.INVALID_ARGUMENT:
        violation = BadRequest.FieldViolation(
            field=_name(field), description=words(error), reason=refusal.code.upper()
        )
        details.append(BadRequest(field_violations=[violation]))
    if wait is not None:
        span = Duration()
        span.FromNanoseconds(int(wait * 1e9))
        details.append(RetryInfo(retry_delay=span))
    details.append(RequestInfo(request_id=request_id))
    status = Status(code=refusal.grpc.value[0], message=words(error))
    for detail in details:
        status.details.add().Pack(detail)
    return status.SerializeToString()


def words(error: Exception) -> str:
    """What a person reads; where it quotes a request at length, the beginning."""
    said = words_of(error)
    return said if len(said) <= LONGEST else said[: LONGEST - 3] + "..."


def _name(field: str) -> str:
    """A field's name in the messages of the contract; only the header of REST has another there."""
    return "request_id" if field == KEY_HEADER else field
