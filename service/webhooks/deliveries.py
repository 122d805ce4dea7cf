"""Deliveries: what is owed to which endpoint, who is sending it, and how it went."""

from typing import Literal, NamedTuple, cast

import redis
from pydantic import BaseModel, Field

from service.errors import EventNotFound, WebhookDisabled
from service.webhooks import scripts
from service.webhooks.endpoints import Endpoint, endpoint_of, unknown
from service.webhooks.scripts import attempts_key, endpoint_key, log_key
from service.webhooks.signing import Event
from worker.jobs import store_errors
from worker.outbox import DUE, event_key, owed


class Claimed(NamedTuple):
    """One attempt that is this deliverer's to make, until its lease runs out."""

    endpoint: Endpoint
    event: Event
    attempt: int
    claim: int


class Attempt(BaseModel):
    """How one attempt went, as the endpoint's owner is told it."""

    object: Literal["webhook_delivery"] = "webhook_delivery"
    event_id: str
    event_type: str
    attempt: int = Field(description="1 for the first; a replay counts anew")
    created_at: float = Field(description="when it was made, in seconds since 1970")
    delivered: bool
    status_code: int | None = Field(description="what the endpoint answered, if it did")
    error: str | None = Field(description="why it did not")
    latency_ms: int
    next_attempt_at: float | None = Field(description="when it is tried again; null when it is not")


class Deliveries:
    """What is owed to the endpoints of all tenants; any number of deliverers may share it."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client
        self._claim = client.register_script(scripts.CLAIM)
        self._finish = client.register_script(scripts.FINISH)
        self._replay = client.register_script(scripts.REPLAY)

    def claim(self, lease_seconds: float, most_attempts: int) -> Claimed | None:
        """The next attempt to make, if one is due; who does not finish it in time loses it to another."""
        with store_errors():
            found = self._claim(keys=[DUE], args=[lease_seconds, most_attempts])
        if not found:
            return None
        claim, attempt, event, endpoint = found
        record = dict(zip(event[::2], event[1::2], strict=True))
        return Claimed(endpoint_of(endpoint), Event.model_validate(record), int(attempt), int(claim))

    def finish(self, claimed: Claimed, attempt: Attempt, wait: float | None, patience: float) -> None:
        """Log how an attempt went; what was not delivered is due after `wait` seconds, or given up without."""
        endpoint, event = claimed.endpoint.id, claimed.event.id
        outcome = "delivered" if attempt.delivered else "gone" if attempt.status_code == 410 else "failed"
        with store_errors():
            self._finish(
                keys=[endpoint_key(endpoint), owed(endpoint), attempts_key(endpoint), log_key(endpoint), DUE],
                args=[
                    endpoint,
                    event,
                    claimed.claim,
                    claimed.attempt,
                    outcome,
                    "" if wait is None else wait,
                    patience,
                    attempt.model_dump_json(),
                ],
            )

    def log(self, endpoint_id: str, limit: int) -> list[Attempt]:
        """The latest attempts at an endpoint, the newest first."""
        with store_errors():
            entries = cast("list[str]", self._redis.lrange(log_key(endpoint_id), 0, limit - 1))
        return [Attempt.model_validate_json(entry) for entry in entries]

    def replay(self, tenant: str, endpoint_id: str, event_id: str) -> None:
        """Owe an event to an endpoint once more, from the first attempt on."""
        with store_errors():
            outcome = self._replay(
                keys=[
                    endpoint_key(endpoint_id),
                    event_key(event_id),
                    owed(endpoint_id),
                    attempts_key(endpoint_id),
                    DUE,
                ],
                args=[tenant, endpoint_id, event_id],
            )
        match outcome:
            case "no endpoint":
                raise unknown(endpoint_id)
            case "no event":
                raise EventNotFound(f"event {event_id!r} does not exist, or is older than a week")
            case "disabled":
                raise WebhookDisabled(f"webhook endpoint {endpoint_id!r} is disabled: enable it first")
