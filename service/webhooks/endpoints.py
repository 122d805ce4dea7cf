"""Endpoints: where a tenant wants to be told of what, and the secrets that sign it."""

import secrets
import time
from typing import Literal, cast

import redis
from pydantic import BaseModel, ConfigDict, Field

from service.errors import TooManyWebhooks, WebhookNotFound
from service.webhooks import scripts
from service.webhooks.scripts import endpoint_key, endpoints_key, log_key
from service.webhooks.signing import new_secret
from worker.jobs import store_errors

MOST_ENDPOINTS = 16  # of one tenant
OLD_SECRET_SECONDS = 24 * 3600

Switch = Literal["", "on", "off"]


class Endpoint(BaseModel):
    """An endpoint as it is stored."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    id: str
    tenant: str
    name: str
    url: str
    events: str  # their types, separated by commas
    secret: str = Field(repr=False)
    old_secret: str | None = Field(None, repr=False)
    old_until: float = 0.0
    created_at: float
    updated_at: float
    failing_since: float | None = None
    disabled_at: float | None = None
    disabled_for: Literal["gone", "failing", "owner"] | None = None

    @property
    def signing_secrets(self) -> list[str]:
        """The secrets that sign now; after a rotation, for a day, also the one before."""
        if self.old_secret is not None and time.time() < self.old_until:
            return [self.secret, self.old_secret]
        return [self.secret]


def endpoint_of(flat: list[str]) -> Endpoint:
    """An endpoint from a script's list of alternating names and values."""
    return Endpoint.model_validate(dict(zip(flat[::2], flat[1::2], strict=True)))


class Endpoints:
    """The endpoints of all tenants; each call is for one tenant, and of another's nothing is told."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client
        self._add = client.register_script(scripts.ADD)
        self._change = client.register_script(scripts.CHANGE)
        self._rotate = client.register_script(scripts.ROTATE)
        self._remove = client.register_script(scripts.REMOVE)

    def add(self, tenant: str, fields: dict[str, str]) -> Endpoint:
        """A new endpoint with these fields and a secret of its own."""
        endpoint_id = f"we_{secrets.token_hex(16)}"
        with store_errors():
            record = self._add(
                keys=[endpoint_key(endpoint_id), endpoints_key(tenant)],
                args=[endpoint_id, tenant, MOST_ENDPOINTS, *_flat(fields | {"secret": new_secret()})],
            )
        if not record:
            raise TooManyWebhooks(f"there are {MOST_ENDPOINTS} webhook endpoints already: delete one first")
        return endpoint_of(record)

    def get(self, tenant: str, endpoint_id: str) -> Endpoint:
        """The endpoint as it is now."""
        with store_errors():
            record = cast("dict[str, str]", self._redis.hgetall(endpoint_key(endpoint_id)))
        if record.get("tenant") != tenant:
            raise unknown(endpoint_id)
        return Endpoint.model_validate(record)

    def all(self, tenant: str) -> list[Endpoint]:
        """The endpoints of a tenant, the newest first."""
        with store_errors(), self._redis.pipeline(transaction=True) as read:
            for each in cast("list[str]", self._redis.zrevrange(endpoints_key(tenant), 0, -1)):
                read.hgetall(endpoint_key(each))
            records = read.execute()
        return [Endpoint.model_validate(record) for record in records if record]

    def change(self, tenant: str, endpoint_id: str, fields: dict[str, str], switch: Switch) -> Endpoint:
        """The endpoint with new values of some fields, switched on or off where that is asked for."""
        with store_errors():
            record = self._change(
                keys=[endpoint_key(endpoint_id)], args=[endpoint_id, tenant, switch, *_flat(fields)]
            )
        if not record:
            raise unknown(endpoint_id)
        return endpoint_of(record)

    def rotate(self, tenant: str, endpoint_id: str, keep_old: bool) -> Endpoint:
        """The endpoint with a new secret; the old one signs too for a day, or no more."""
        with store_errors():
            record = self._rotate(
                keys=[endpoint_key(endpoint_id)],
                args=[tenant, new_secret(), OLD_SECRET_SECONDS if keep_old else 0],
            )
        if not record:
            raise unknown(endpoint_id)
        return endpoint_of(record)

    def remove(self, tenant: str, endpoint_id: str) -> None:
        """Forget the endpoint, its log and what it is owed."""
        with store_errors():
            removed = self._remove(
                keys=[endpoint_key(endpoint_id), endpoints_key(tenant), log_key(endpoint_id)],
                args=[endpoint_id, tenant],
            )
        if not removed:
            raise unknown(endpoint_id)


def unknown(endpoint_id: str) -> WebhookNotFound:
    """What is said of an endpoint that is not this tenant's."""
    return WebhookNotFound(f"webhook endpoint {endpoint_id!r} does not exist")


def _flat(fields: dict[str, str]) -> list[str]:
    return [part for field in fields.items() for part in field]
