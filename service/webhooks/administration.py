"""What an owner does with webhook endpoints, in plain Python; the REST door calls only this."""

import secrets
import threading
import time
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from service.errors import InvalidField, WebhookUnreachable
from service.outbound import Outbound, OutboundError, UrlRefused
from service.videos.fields import parsed
from service.webhooks.deliveries import Attempt, Deliveries
from service.webhooks.endpoints import Endpoint, Endpoints, Switch
from service.webhooks.signing import Event, signed
from worker.jobs import UnknownCursor
from worker.limits import TooManyRequests
from worker.outbox import EVENTS

MOST_TRIALS = 4  # at once: each holds a thread of the API for as long as its endpoint is silent
EventType = Literal["video.completed", "video.failed", "video.cancelled"]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=256)]
EventTypes = Annotated[list[EventType], Field(min_length=1, max_length=32)]


class NewEndpoint(BaseModel):
    """A webhook endpoint to be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(description="for people")
    url: str = Field(description="where to POST to: https, on the public internet")
    event_types: EventTypes = Field(description="what to be told of")


class ChangedEndpoint(BaseModel):
    """New values of some of an endpoint's fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name | None = Field(None, description="for people")
    url: str | None = Field(None, description="where to POST to")
    event_types: EventTypes | None = Field(None, description="all that it is to be told of")
    enabled: bool | None = Field(None, description="true ends a disablement; false stops all deliveries")


class Rotation(BaseModel):
    """How to change the secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep_old_secret_active_for_24_hours: bool = Field(
        True, description="whether deliveries are signed with the old secret too, for a day"
    )


class Trial(BaseModel):
    """What to send as a trial."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event_type: EventType = Field(description="the type of the event that is made up")


class PageOfEndpoints(BaseModel):
    """Which part of the list is asked for."""

    after: str | None = Field(None, description="the id behind which the page begins")
    limit: int = Field(20, ge=1, le=100, description="the most endpoints to answer with")


class PageOfAttempts(BaseModel):
    """How much of the log is asked for."""

    limit: int = Field(20, ge=1, le=200, description="the most attempts to answer with")


class WebhookEndpoint(BaseModel):
    """An endpoint as it is told, in OpenAI's shape; `enabled`, `disabled_at` and `disabled_for` are ours."""

    id: str
    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    name: str
    url: str
    event_types: list[str]
    created_at: int
    updated_at: int
    signing_secret_hint: str
    enabled: bool
    disabled_at: int | None
    disabled_for: Literal["gone", "failing", "owner"] | None = Field(
        description="it answered 410, or failed for days, or its owner wanted it"
    )

    @classmethod
    def of(cls, endpoint: Endpoint) -> "WebhookEndpoint":
        """The public face of an endpoint."""
        return cls.model_validate(_told(endpoint))


class WebhookEndpointWithSecret(WebhookEndpoint):
    """The same at the only moments when the secret is told: when it has just been made."""

    signing_secret: str = Field(repr=False)

    @classmethod
    def of(cls, endpoint: Endpoint) -> "WebhookEndpointWithSecret":
        """The public face of an endpoint, and its secret."""
        return cls.model_validate(_told(endpoint) | {"signing_secret": endpoint.secret})


class WebhookEndpointList(BaseModel):
    """One page of endpoints, the newest first."""

    object: Literal["list"] = "list"
    data: list[WebhookEndpoint]
    first_id: str | None
    last_id: str | None
    has_more: bool


class DeletedWebhookEndpoint(BaseModel):
    """What is left to say about a deleted endpoint."""

    id: str
    object: Literal["webhook_endpoint.deleted"] = "webhook_endpoint.deleted"
    deleted: Literal[True] = True


class TrialResult(BaseModel):
    """What the endpoint answered to a trial."""

    object: Literal["webhook_endpoint.test"] = "webhook_endpoint.test"
    webhook_endpoint_id: str
    event_type: str
    status_code: int
    success: Literal[True] = True


class EventTypeList(BaseModel):
    """All types of events."""

    object: Literal["list"] = "list"
    data: list[str]


class AttemptList(BaseModel):
    """The latest attempts at an endpoint, the newest first."""

    object: Literal["list"] = "list"
    data: list[Attempt]


class Replay(BaseModel):
    """An event that will be sent once more."""

    object: Literal["webhook_event.replay"] = "webhook_event.replay"
    id: str
    webhook_endpoint_id: str


class Webhooks:
    """Create, list, get, change, delete, rotate, try, look at deliveries and replay them, for one tenant."""

    def __init__(
        self, endpoints: Endpoints, deliveries: Deliveries, outbound: Outbound, seconds: float
    ) -> None:
        self._endpoints = endpoints
        self._deliveries = deliveries
        self._outbound = outbound
        self._seconds = seconds
        self._trials = threading.BoundedSemaphore(MOST_TRIALS)

    def create(self, tenant: str, fields: Mapping[str, object]) -> WebhookEndpointWithSecret:
        """A new endpoint; its secret is told this once."""
        asked = parsed(NewEndpoint, fields)
        return WebhookEndpointWithSecret.of(self._endpoints.add(tenant, self._stored(asked)))

    def get(self, tenant: str, endpoint_id: str) -> WebhookEndpoint:
        """The endpoint as it is now."""
        return WebhookEndpoint.of(self._endpoints.get(tenant, endpoint_id))

    def list(self, tenant: str, page: PageOfEndpoints) -> WebhookEndpointList:
        """The tenant's endpoints, a page at a time."""
        known = self._endpoints.all(tenant)
        ids = [each.id for each in known]
        if page.after is not None and page.after not in ids:
            raise UnknownCursor(f"after: webhook endpoint {page.after!r} does not exist")
        first = 0 if page.after is None else ids.index(page.after) + 1
        data = [WebhookEndpoint.of(each) for each in known[first : first + page.limit]]
        first_id, last_id = (data[0].id, data[-1].id) if data else (None, None)
        has_more = len(known) > first + page.limit
        return WebhookEndpointList(data=data, first_id=first_id, last_id=last_id, has_more=has_more)

    def change(self, tenant: str, endpoint_id: str, fields: Mapping[str, object]) -> WebhookEndpoint:
        """The endpoint with some fields changed; what is not named stays."""
        asked = parsed(ChangedEndpoint, fields)
        switch: Switch = "" if asked.enabled is None else "on" if asked.enabled else "off"
        return WebhookEndpoint.of(self._endpoints.change(tenant, endpoint_id, self._stored(asked), switch))

    def _stored(self, asked: NewEndpoint | ChangedEndpoint) -> dict[str, str]:
        """The fields as they are stored; the address must be one that may be called."""
        fields: dict[str, str] = {}
        if asked.name is not None:
            fields["name"] = asked.name
        if asked.event_types is not None:
            fields["events"] = ",".join(sorted(set(asked.event_types)))
        if asked.url is not None:
            try:
                self._outbound.check(asked.url)
            except UrlRefused as refused:
                raise InvalidField("url", str(refused)) from None
            fields["url"] = asked.url
        return fields

    def delete(self, tenant: str, endpoint_id: str) -> DeletedWebhookEndpoint:
        """Forget the endpoint; what it is owed is not sent any more."""
        self._endpoints.remove(tenant, endpoint_id)
        return DeletedWebhookEndpoint(id=endpoint_id)

    def rotate(
        self, tenant: str, endpoint_id: str, fields: Mapping[str, object]
    ) -> WebhookEndpointWithSecret:
        """A new secret for the endpoint, told this once."""
        keep_old = parsed(Rotation, fields).keep_old_secret_active_for_24_hours
        return WebhookEndpointWithSecret.of(self._endpoints.rotate(tenant, endpoint_id, keep_old))

    def trial(self, tenant: str, endpoint_id: str, fields: Mapping[str, object]) -> TrialResult:
        """Send a made-up event now, and tell what the endpoint answers; it is tried once and not logged."""
        event_type = parsed(Trial, fields).event_type
        endpoint = self._endpoints.get(tenant, endpoint_id)
        event = Event(
            id=f"evt_test_{secrets.token_hex(16)}",
            tenant=tenant,
            type=event_type,
            created_at=time.time(),
            video="video_test",
        )
        if not self._trials.acquire(blocking=False):
            raise TooManyRequests(f"{MOST_TRIALS} webhook endpoints are being tried already", self._seconds)
        try:
            headers = signed(event, endpoint.signing_secrets)
            receipt = self._outbound.post(endpoint.url, event.body(), headers, self._seconds)
        except OutboundError as failed:
            raise WebhookUnreachable(f"webhook endpoint {endpoint_id!r}: {failed}") from None
        finally:
            self._trials.release()
        return TrialResult(webhook_endpoint_id=endpoint_id, event_type=event_type, status_code=receipt.status)

    def attempts(self, tenant: str, endpoint_id: str, page: PageOfAttempts) -> AttemptList:
        """How the latest deliveries to the endpoint went."""
        self._endpoints.get(tenant, endpoint_id)
        return AttemptList(data=self._deliveries.log(endpoint_id, page.limit))

    def replay(self, tenant: str, endpoint_id: str, event_id: str) -> Replay:
        """Send an event of the last week once more, under the same id."""
        self._deliveries.replay(tenant, endpoint_id, event_id)
        return Replay(id=event_id, webhook_endpoint_id=endpoint_id)

    @staticmethod
    def event_types() -> EventTypeList:
        """What there is to be told of."""
        return EventTypeList(data=[*EVENTS])


def _told(endpoint: Endpoint) -> dict[str, object]:
    return {
        "id": endpoint.id,
        "name": endpoint.name,
        "url": endpoint.url,
        "event_types": endpoint.events.split(","),
        "created_at": int(endpoint.created_at),
        "updated_at": int(endpoint.updated_at),
        "signing_secret_hint": f"whsec_...{endpoint.secret[-5:]}",
        "enabled": endpoint.disabled_at is None,
        "disabled_at": None if endpoint.disabled_at is None else int(endpoint.disabled_at),
        "disabled_for": endpoint.disabled_for,
    }
