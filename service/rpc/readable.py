"""Messages that cannot be read are refused like others.

By itself the gRPC server answers such a call and never closes its stream: a hundred of them, from anybody, and the
connection takes no more calls, though it may be a proxy's and carry those of others.
"""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from service.errors import MalformedBody, refusal_of
from service.rest.request_id import HEADER, identified
from service.rpc.details import abort

UNREADABLE = object()
PROBLEM = "the message cannot be read"
Deserializer = Callable[[bytes], Any]


class Readable(grpc.ServerInterceptor):
    """Puts a stand-in where a message cannot be read, and refuses it where it is asked for."""

    def intercept_service(self, continuation: Callable[..., Any], handler_call_details: Any) -> Any:
        """The handler of a method, reading safely; none where there is no such method."""
        handler = continuation(handler_call_details)
        if handler is None:
            return None
        asked = "stream" if handler.request_streaming else "unary"
        answered = "stream" if handler.response_streaming else "unary"
        behavior = getattr(handler, f"{asked}_{answered}")
        make = getattr(grpc, f"{asked}_{answered}_rpc_method_handler")
        checked = _each if handler.request_streaming else _one
        return make(checked(behavior), _safely(handler.request_deserializer), handler.response_serializer)


def _safely(read: Deserializer) -> Deserializer:
    def safely(content: bytes) -> Any:
        try:
            return read(content)
        except DecodeError:
            return UNREADABLE

    return safely


def _one(behavior: Callable[..., Any]) -> Callable[..., Any]:
    def call(request: Any, context: grpc.ServicerContext) -> Any:
        if request is UNREADABLE:
            request_id = identified(dict(context.invocation_metadata()).get(HEADER))
            error = MalformedBody(PROBLEM)
            abort(context, refusal_of(error), error, request_id)
        return behavior(request, context)

    return call


def _each(behavior: Callable[..., Any]) -> Callable[..., Any]:
    def call(requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
        return behavior(_readable(requests), context)

    return call


def _readable(requests: Iterator[Any]) -> Iterator[Any]:
    for request in requests:
        if request is UNREADABLE:
            raise MalformedBody(PROBLEM)
        yield request
