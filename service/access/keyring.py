"""The commands `ciotat keys` and `ciotat tenants`: who may ask, and for how much."""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from worker.limits import Limits
from worker.tenants import Tenant

if TYPE_CHECKING:
    from service.access.keys import Keys

LIMITS = {
    "jobs": "unfinished videos at one time",
    "cost_a_day": "megapixel-steps a day: frames x width x height x steps / 1,000,000",
    "requests_a_second": "requests a second",
}


class CommandFailed(RuntimeError):
    """What the user is told; the exit status is 1."""


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both commands to those of `ciotat`."""
    keys = commands.add_parser("keys", help="make, list and revoke API keys").add_subparsers(
        required=True, metavar="ACTION"
    )
    create = keys.add_parser("create", help="make a key; the one line on stdout is the key, shown this once")
    create.add_argument("--tenant", required=True, help="whose key it is")
    _add_limits(create)
    create.set_defaults(run=_create)
    shown = keys.add_parser("list", help="every key there ever was, without the key itself")
    shown.set_defaults(run=_list)
    revoke = keys.add_parser("revoke", help="refuse a key from now on")
    revoke.add_argument("id", help="as `ciotat keys list` shows it")
    revoke.set_defaults(run=_revoke)
    tenants = commands.add_parser("tenants", help="what a tenant may have").add_subparsers(
        required=True, metavar="ACTION"
    )
    limit = tenants.add_parser("set", help="set the limits that are given, and show how all of them stand")
    limit.add_argument("tenant", help="the name of the tenant")
    _add_limits(limit)
    limit.set_defaults(run=_set)
    for action in (create, shown, revoke, limit):
        action.add_argument("--data", type=Path, help="folder of the one-machine stack (CIOTAT_DATA)")


def _add_limits(parser: argparse.ArgumentParser) -> None:
    for name, meaning in LIMITS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, help=meaning)


def _create(options: argparse.Namespace) -> None:
    tenant, limits = _tenant(options.tenant), _limits(options)
    with _keys(options) as keys:
        keys.limit(tenant, limits)
        _, secret = keys.create(tenant)
    print(secret, flush=True)


def _list(options: argparse.Namespace) -> None:
    with _keys(options) as keys:
        found = keys.list()
    for key in found:
        ended = f"revoked {_moment(key.revoked_at)}" if key.revoked_at else "good"
        print(key.id, key.tenant, _moment(key.created_at), ended, sep="\t")


def _revoke(options: argparse.Namespace) -> None:
    from service.access.keys import KeyNotFound

    with _keys(options) as keys:
        try:
            keys.revoke(options.id)
        except KeyNotFound as unknown:
            raise CommandFailed(unknown) from None
    print(f"{options.id} is revoked")


def _set(options: argparse.Namespace) -> None:
    tenant, limits = _tenant(options.tenant), _limits(options)
    with _keys(options) as keys:
        stand = keys.limit(tenant, limits)
    for name, value in stand._asdict().items():
        print(name, value, sep="\t")


def _tenant(name: str) -> str:
    try:
        return TypeAdapter(Tenant).validate_python(name)
    except ValidationError:
        raise CommandFailed(
            f"tenant {name!r}: 1 to 64 of a-z, 0-9 and ._-, first a letter or digit"
        ) from None


def _limits(options: argparse.Namespace) -> dict[str, int]:
    given = {name: getattr(options, name) for name in Limits._fields if getattr(options, name) is not None}
    for name, value in given.items():
        least = 1 if name == "requests_a_second" else 0
        if value < least:
            raise CommandFailed(f"{name}: at least {least}, not {value}")
    return given


@contextmanager
def _keys(options: argparse.Namespace) -> "Iterator[Keys]":
    """The keys in REDIS_URL, or in the Valkey of the one-machine stack, whether that is running or not."""
    from service.access.keys import Keys
    from service.processes.local import StackError, redis_of
    from worker.jobs import StoreUnavailable, connect
    from worker.settings import Settings

    settings = Settings() if options.data is None else Settings(data=options.data.absolute())
    try:
        with redis_of(settings) as url, connect(url) as client:
            yield Keys(client, settings.limits)
    except (StackError, StoreUnavailable) as failed:
        raise CommandFailed(failed) from None


def _moment(stamp: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(stamp))
