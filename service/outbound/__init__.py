"""The one place from which the service calls addresses that a client gave."""

from service.outbound.addresses import Rules
from service.outbound.calls import Fetched, Outbound, Receipt
from service.outbound.errors import (
    AnswerRefused,
    AnswerTooLarge,
    OutboundError,
    TimedOut,
    Unreachable,
    UrlRefused,
)

__all__ = [
    "AnswerRefused",
    "AnswerTooLarge",
    "Fetched",
    "Outbound",
    "OutboundError",
    "Receipt",
    "Rules",
    "TimedOut",
    "Unreachable",
    "UrlRefused",
]
