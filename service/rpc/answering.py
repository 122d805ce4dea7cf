"""How each call is answered: who asks is known first, and errors leave by the table."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from service.access.access import Access, bearing, peer_is_here
from service.errors import INTERNAL, REFUSALS, refusal_of, unforeseen
from service.rest.request_id import HEADER, identified
from service.rpc.details import abort

log = logging.getLogger(__name__)


class Answering:
    """What every group of calls begins and ends with."""

    _access: Access

    @contextmanager
    def _answering(self, context: grpc.ServicerContext) -> Iterator[str]:
        """Yields who asks; what is raised inside leaves by the table, what nobody foresaw without a word of it."""
        metadata = dict(context.invocation_metadata())
        request_id = identified(metadata.get(HEADER))
        context.set_trailing_metadata(((HEADER, request_id),))
        try:
            yield self._access.caller(key_of(context), peer_is_here(context.peer()))
            return
        except (
            grpc.RpcError
        ):  # the caller has hung up in the middle of what it sent: nobody is to be answered
            raise
        except tuple(REFUSALS) as error:
            refusal, problem = refusal_of(error), error
        except Exception:
            log.exception("%s failed", request_id)
            refusal, problem = INTERNAL, RuntimeError(unforeseen(request_id))
        abort(context, refusal, problem, request_id)


def key_of(context: grpc.ServicerContext) -> str | None:
    """The key that a call comes with."""
    return bearing(dict(context.invocation_metadata()).get("authorization"))
