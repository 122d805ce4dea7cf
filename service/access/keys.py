"""API keys: random, shown once, known to Redis by their hash alone; and the one look-up that a request costs."""

import hashlib
import secrets
import time
from typing import NamedTuple, cast

import redis
from redis.typing import EncodableT, FieldT

from worker.events import EVERYBODY, TOLD
from worker.jobs import store_errors
from worker.limits import DEFAULTS, Limits, TooManyRequests, limits_of
from worker.tenants import DEFAULT_TENANT

PREFIX = "ciotat_"  # by which a leaked key is found in logs and repositories
KEYS = "ciotat:keys"  # id -> digest, revoked ones too: once there has been a key, a key is always needed

# Whose a key is, and whether that tenant may ask again already: a bucket that holds the requests of one second, kept as
# the moment at which it will be full (in whole microseconds of Redis' clock, so that nothing is lost to rounding).
# The bucket is not written to the append-only file, which would cost each request a turn of the disk: it may be lost.
# Answers the tenant, whether the service is open, and the microseconds to wait; nothing for a key that is not good.
AUTHORIZE = """
local record, keys = KEYS[1], KEYS[2]
local tenant, limits, bucket, rate = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local open = redis.call('EXISTS', keys) == 0
if not open then
  local known = redis.call('HMGET', record, 'tenant', 'revoked_at')
  if not known[1] or known[2] then return false end
  tenant = known[1]
end
rate = tonumber(redis.call('HGET', limits .. tenant, 'requests_a_second') or rate)
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local full = math.max(tonumber(redis.call('GET', bucket .. tenant) or 0), now) + math.floor(1000000 / rate)
local wait = full - now - 1000000
redis.set_repl(redis.REPL_NONE)
if wait <= 0 then redis.call('SET', bucket .. tenant, string.format('%.0f', full), 'PX', 2000) end
return {tenant, open and 1 or 0, math.max(wait, 0), rate}
"""


class Key(NamedTuple):
    """What is known of a key; never the key itself."""

    id: str
    tenant: str
    created_at: float
    revoked_at: float | None


class Known(NamedTuple):
    """Who is asking, and whether that is so only because nobody has a key yet."""

    tenant: str
    open: bool


class KeyNotFound(LookupError):
    """There is no key of this id."""


class Keys:
    """The keys of a service and the limits of its tenants, in its Redis."""

    def __init__(self, client: "redis.Redis", limits: Limits = DEFAULTS) -> None:
        self._redis = client
        self._limits = limits
        self._authorize = client.register_script(AUTHORIZE)

    def create(self, tenant: str) -> tuple[Key, str]:
        """A new key, and the only sight of it."""
        secret = PREFIX + secrets.token_hex(32)
        made = Key(f"key_{secrets.token_hex(8)}", tenant, time.time(), None)
        record: dict[FieldT, EncodableT] = {
            "id": made.id,
            "tenant": tenant,
            "created_at": str(made.created_at),
        }
        with store_errors(), self._redis.pipeline(transaction=True) as write:
            write.hset(_record(_digest(secret)), mapping=record)
            write.hset(KEYS, made.id, _digest(secret))
            write.publish(TOLD, EVERYBODY)  # the first key ends what was open to whoever sat here
            write.execute()
        return made, secret

    def list(self) -> "list[Key]":
        """All keys there ever were, oldest first."""
        with store_errors():
            digests = cast("dict[str, str]", self._redis.hgetall(KEYS)).values()
            with self._redis.pipeline(transaction=False) as read:
                for digest in digests:
                    read.hgetall(_record(digest))
                records = read.execute()
        found = [
            Key(
                each["id"],
                each["tenant"],
                float(each["created_at"]),
                float(each["revoked_at"]) if "revoked_at" in each else None,
            )
            for each in records
        ]
        return sorted(found, key=lambda each: each.created_at)

    def revoke(self, key_id: str) -> None:
        """Refuse this key from now on, whichever replica it is shown to; a second time changes nothing."""
        with store_errors():
            digest = cast("str | None", self._redis.hget(KEYS, key_id))
            if digest is None:
                raise KeyNotFound(f"there is no key {key_id!r}")
            self._redis.hsetnx(_record(digest), "revoked_at", str(time.time()))
            self._redis.publish(TOLD, EVERYBODY)  # streams that were opened with it end

    def good(self, secret: str) -> bool:
        """Whether this key would be let in now; costs its tenant no request."""
        with store_errors(), self._redis.pipeline(transaction=True) as read:
            read.exists(KEYS)
            read.hmget(_record(_digest(secret)), ["tenant", "revoked_at"])
            closed, (tenant, revoked_at) = read.execute()
        return not closed or (tenant is not None and revoked_at is None)

    def any(self) -> bool:
        """Whether a key was ever made: from then on none is let in without one."""
        with store_errors():
            return bool(self._redis.exists(KEYS))

    def limit(self, tenant: str, given: dict[str, int]) -> Limits:
        """Set what is given of a tenant's limits; how they all stand then."""
        with store_errors():
            for name, value in given.items():
                self._redis.hset(limits_of(tenant), name, str(value))
            found = cast("dict[str, str]", self._redis.hgetall(limits_of(tenant)))
        return self._limits._replace(**{name: int(value) for name, value in found.items()})

    def authorize(self, secret: str) -> Known | None:
        """Whose key this is, or None; one request less for its tenant. In one round trip.

        What is compared, in Redis' hash table, is a digest of the secret: how long that takes tells of the digest,
        which nobody can choose, and nothing of the 256 random bits behind it.
        """
        args: list[EncodableT] = [
            DEFAULT_TENANT,
            limits_of(""),
            "ciotat:bucket:",
            self._limits.requests_a_second,
        ]
        with store_errors():
            found = self._authorize(keys=[_record(_digest(secret)), KEYS], args=args)
        if found is None:
            return None
        tenant, is_open, wait, rate = found
        if wait:
            raise TooManyRequests(
                f"requests_a_second: tenant {tenant!r} may ask {rate} times a second, and has", wait / 1e6
            )
        return Known(tenant, bool(is_open))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()


def _record(digest: str) -> str:
    return f"ciotat:key:{digest}"
