"""A tenant is a name: whose a job is, and where its owner alone finds it."""

from typing import Annotated

from pydantic import StringConstraints

DEFAULT_TENANT = "default"  # of a service without keys, and of records that are older than tenants

Tenant = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


def index(tenant: str) -> str:
    """The Redis key of a tenant's jobs by time of creation; jobs older than tenants are in the default one's."""
    return "ciotat:jobs" if tenant == DEFAULT_TENANT else f"ciotat:jobs:{tenant}"


def place(tenant: str, job_id: str) -> str:
    """The Redis key that remembers where in its tenant's index a deleted job was."""
    return f"ciotat:place:{tenant}:{job_id}"


def remembered(tenant: str, route: str, request_key: str) -> str:
    """The Redis key that remembers for which job the key of a request to a route stands."""
    return f"ciotat:request:{tenant}:{route}:{request_key}"
