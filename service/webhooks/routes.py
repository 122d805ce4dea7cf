"""Webhook endpoints over REST, under the paths and in the shapes of the OpenAI clients' `webhooks`.

Not over gRPC: an endpoint is an HTTP address, set up once by whoever runs an HTTP server; a gRPC client watches.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from pydantic import BaseModel

from service.access.access import Caller
from service.rest.answers import refusals
from service.rest.intake import fields
from service.webhooks.administration import (
    AttemptList,
    ChangedEndpoint,
    DeletedWebhookEndpoint,
    EventTypeList,
    NewEndpoint,
    PageOfAttempts,
    PageOfEndpoints,
    Replay,
    Rotation,
    Trial,
    TrialResult,
    WebhookEndpoint,
    WebhookEndpointList,
    WebhookEndpointWithSecret,
    Webhooks,
)

PATH = "/v1/webhook_endpoints"


async def _fields_or_none(request: Request) -> AsyncIterator[Mapping[str, object]]:
    """The fields of a body that may be left out."""
    if not await request.body():
        yield {}
        return
    async for given in fields(request):
        yield given


Body = Annotated[Mapping[str, Any], Depends(fields)]
OptionalBody = Annotated[Mapping[str, Any], Depends(_fields_or_none)]


def _bodied(kind: type[BaseModel], required: bool = True) -> dict[str, Any]:
    """What the document says of a body."""
    schema = {"schema": kind.model_json_schema(mode="validation")}
    content = {"application/json": schema, "multipart/form-data": schema}
    return {"requestBody": {"required": required, "content": content}}


def add_webhooks(app: FastAPI, webhooks: Webhooks) -> None:
    """The routes of webhooks."""
    _add_endpoints(app, webhooks)
    _add_deliveries(app, webhooks)


def _add_endpoints(app: FastAPI, webhooks: Webhooks) -> None:
    @app.post(PATH, openapi_extra=_bodied(NewEndpoint), responses=refusals(400, 409, 413, 415, 503))
    def create(caller: Caller, body: Body) -> WebhookEndpointWithSecret:
        """A new webhook endpoint; its secret is told this once."""
        return webhooks.create(caller, body)

    @app.get(PATH, responses=refusals(400, 503))
    def list_endpoints(caller: Caller, page: Annotated[PageOfEndpoints, Query()]) -> WebhookEndpointList:
        """Webhook endpoints, the newest first, a page at a time."""
        return webhooks.list(caller, page)

    @app.get(f"{PATH}/{{endpoint_id}}", responses=refusals(404, 503))
    def get(caller: Caller, endpoint_id: str) -> WebhookEndpoint:
        """A webhook endpoint as it is now."""
        return webhooks.get(caller, endpoint_id)

    @app.post(
        f"{PATH}/{{endpoint_id}}",
        openapi_extra=_bodied(ChangedEndpoint),
        responses=refusals(400, 404, 413, 415, 503),
    )
    def change(caller: Caller, endpoint_id: str, body: Body) -> WebhookEndpoint:
        """Change some fields; what is not named stays."""
        return webhooks.change(caller, endpoint_id, body)

    @app.delete(f"{PATH}/{{endpoint_id}}", responses=refusals(404, 503))
    def delete(caller: Caller, endpoint_id: str) -> DeletedWebhookEndpoint:
        """Forget an endpoint; what it is owed is not sent any more."""
        return webhooks.delete(caller, endpoint_id)

    @app.post(
        f"{PATH}/{{endpoint_id}}/rotate_secret",
        openapi_extra=_bodied(Rotation, required=False),
        responses=refusals(400, 404, 413, 415, 503),
    )
    def rotate(caller: Caller, endpoint_id: str, body: OptionalBody) -> WebhookEndpointWithSecret:
        """A new secret, told this once."""
        return webhooks.rotate(caller, endpoint_id, body)


def _add_deliveries(app: FastAPI, webhooks: Webhooks) -> None:
    @app.get("/v1/webhook_event_types")
    def event_types(caller: Caller) -> EventTypeList:
        """What there is to be told of."""
        return webhooks.event_types()

    @app.post(
        f"{PATH}/{{endpoint_id}}/test",
        openapi_extra=_bodied(Trial),
        responses=refusals(400, 404, 409, 413, 415, 503),
    )
    def test(caller: Caller, endpoint_id: str, body: Body) -> TrialResult:
        """Send a made-up event now, once, and tell the answer."""
        return webhooks.trial(caller, endpoint_id, body)

    @app.get(f"{PATH}/{{endpoint_id}}/deliveries", responses=refusals(400, 404, 503))
    def deliveries(caller: Caller, endpoint_id: str, page: Annotated[PageOfAttempts, Query()]) -> AttemptList:
        """How the latest deliveries went, the newest first."""
        return webhooks.attempts(caller, endpoint_id, page)

    @app.post(f"{PATH}/{{endpoint_id}}/events/{{event_id}}/replay", responses=refusals(404, 409, 503))
    def replay(caller: Caller, endpoint_id: str, event_id: str) -> Replay:
        """Send an event of the last week once more, under the same id."""
        return webhooks.replay(caller, endpoint_id, event_id)
