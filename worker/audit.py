"""Every key that the service has in Redis, and what each is there for; what nothing accounts for is found and told.

A key is there for a record, or for a time, or because an operator said so. What the records themselves say, and the
entries beside them do not, is put right in one atomic script for each job or file, so that no change is met halfway.
Scripts only ever write both at once: what is put right here was broken by something else, a restored backup for one.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import cast

import redis

from worker.admission import LOAD, unfinished_of
from worker.events import log
from worker.files import file_key, files_index
from worker.jobs import LEASES, PENDING, key
from worker.outbox import DUE, EVENTS
from worker.tally import Tally
from worker.tenants import DEFAULT_TENANT, index
from worker.turns import TURN, turns

SILENT_SECONDS = 3600.0  # a worker that has said nothing for so long is not one that was just restarted
ENDPOINT = "ciotat:webhooks:endpoint:"

# These end by themselves: each is written with a time to live, or gets one in the write behind.
PASSING = (
    "ciotat:request:",  # an Idempotency-Key
    "ciotat:place:",  # where in a list something deleted was
    "ciotat:spent:",  # a tenant's day
    "ciotat:bucket:",  # a tenant's second
    "ciotat:pace:",  # what videos took
    "ciotat:claim:",  # which job a worker was given
    "ciotat:reaper",
    "ciotat:sweep",
    "ciotat:swept",
    "ciotat:webhooks:event:",
)
SAID = (
    "ciotat:limits:",
    "ciotat:keys",
    "ciotat:key:",
    "ciotat:storage",
)  # by an operator, or once: these stay
LISTS = ("ciotat:jobs", PENDING, LEASES, unfinished_of(""), files_index(""))
WEBHOOKS = "ciotat:webhooks:"

# What the record of a job says about its places, against the places; the tenant is told where there may be no record.
_SETTLE_JOB = f"""
local id, tenant, dry = ARGV[1], ARGV[2], ARGV[3] == '1'
local told = redis.call('HMGET', '{key("")}' .. id, 'tenant', 'status', 'created_at')
local known = redis.call('EXISTS', '{key("")}' .. id) == 1
if known then tenant = told[1] or '{DEFAULT_TENANT}' end
local status, stamp = told[2], told[3] or '0'
local queued, running = status == 'queued', status == 'in_progress'
local righted = {{}}
local function right(what, ...)
  righted[#righted + 1] = what
  if not dry then redis.call(...) end
end
local function settle(set, belongs, score, what)
  local there = redis.call('ZSCORE', set, id)
  if belongs and not there then right(what .. ' without a place', 'ZADD', set, score, id) end
  if there and not belongs then right('place without a ' .. what, 'ZREM', set, id) end
end
if tenant ~= '' then
  local index = tenant == '{DEFAULT_TENANT}' and '{index(DEFAULT_TENANT)}' or '{index("")}' .. tenant
  settle(index, known, stamp, 'job')
  local holds = '{unfinished_of("")}' .. tenant
  local cost = redis.call('HGET', holds, id)
  if cost and not queued and not running then
    right('cost without an unfinished job', 'HDEL', holds, id)
    if not dry and redis.call('DECRBY', '{LOAD}', cost) <= 0 then redis.call('DEL', '{LOAD}') end
  end
end
settle('{PENDING}', queued, stamp, 'queued job')
settle('{LEASES}', running, 0, 'running job')
return righted
"""

_SETTLE_FILE = f"""
local id, tenant, dry = ARGV[1], ARGV[2], ARGV[3] == '1'
local told = redis.call('HMGET', '{file_key("")}' .. id, 'tenant', 'created_at')
local list = '{files_index("")}' .. (told[1] or tenant)
local there = redis.call('ZSCORE', list, id)
if told[1] and not there then
  if not dry then redis.call('ZADD', list, told[2], id) end
  return {{'file without a place'}}
elseif there and not told[1] then
  if not dry then redis.call('ZREM', list, id) end
  return {{'place without a file'}}
end
return {{}}
"""

# A log belongs to a record; that of a deleted job ends by itself within a minute.
_SETTLE_LOG = f"""
local id, dry = ARGV[1], ARGV[3] == '1'
if redis.call('EXISTS', '{key("")}' .. id) == 1 or redis.call('TTL', '{log("")}' .. id) ~= -1 then return {{}} end
if not dry then redis.call('DEL', '{log("")}' .. id) end
return {{'log without a job'}}
"""

# What all unfinished jobs cost, against what each of them is said to: how much too much; mended where told to, if it is
# still as much.
_DRIFT = f"""
local sum = 0
for _, tenant in ipairs(KEYS) do
  for _, cost in ipairs(redis.call('HVALS', tenant)) do sum = sum + cost end
end
local drift = tonumber(redis.call('GET', '{LOAD}') or 0) - sum
if drift ~= 0 and tostring(drift) == ARGV[1] then
  if redis.call('DECRBY', '{LOAD}', ARGV[1]) <= 0 then redis.call('DEL', '{LOAD}') end
end
return drift
"""


class Audit:
    """One walk over all keys."""

    def __init__(
        self, client: "redis.Redis", tally: Tally, clock: Callable[[], float] = time.time, dry: bool = False
    ) -> None:
        self._redis = client
        self._tally = tally
        self._clock = clock
        self._dry = dry
        self._righted: dict[str, set[str]] = {}  # a dry run meets what is wrong in more places than one
        self._job = client.register_script(_SETTLE_JOB)
        self._file = client.register_script(_SETTLE_FILE)
        self._log = client.register_script(_SETTLE_LOG)
        self._drift = client.register_script(_DRIFT)

    def turns(self) -> Iterator[None]:
        """The walk, in short turns; the load of the queue comes last, as it is a sum of what was put right before."""
        for keys in turns(self._redis.scan_iter(match="ciotat:*", count=TURN)):
            for each in keys:
                yield from self._account_for(each)
            self._end_by_themselves([each for each in keys if each.startswith(PASSING)])
            self._settle(self._job, ((_id(each), "") for each in keys if each.startswith(key(""))))
            self._settle(self._file, ((_id(each), "") for each in keys if each.startswith(file_key(""))))
            self._settle(self._log, ((_id(each), "") for each in keys if each.startswith(log(""))))
            yield
        self._weigh()

    def _account_for(self, each: str) -> Iterator[None]:
        """A key that is not settled with its like."""
        if each.startswith((*PASSING, *SAID, key(""), file_key(""), log(""))) or each == LOAD:
            return
        if each.startswith(LISTS):
            yield from self._entries(each)
        elif each.startswith("ciotat:warm:"):
            self._forget_silent(each)
        elif not (each.startswith(WEBHOOKS) and self._of_an_endpoint(each)):
            self._tally.cannot_account_for(f"the key {each}")

    def _entries(self, each: str) -> Iterator[None]:
        """What is in a list of jobs or files, against the records."""
        kind, _, tenant = each.removeprefix("ciotat:").partition(":")
        script = self._file if kind == "files" else self._job
        if each == index(DEFAULT_TENANT):
            tenant = DEFAULT_TENANT
        scan = self._redis.hscan_iter if kind == "unfinished" else self._redis.zscan_iter
        for entries in turns(scan(each, count=TURN)):
            self._settle(script, ((entry[0], tenant) for entry in entries))
            yield

    def _settle(self, script: "redis.commands.core.Script", entries: Iterable[tuple[str, str]]) -> None:
        asked = list(entries)
        with self._redis.pipeline(transaction=False) as write:
            for entry, tenant in asked:
                script(args=[entry, tenant, int(self._dry)], client=write)
            for (entry, _), righted in zip(asked, write.execute() if asked else (), strict=True):
                for what in set(righted) - self._righted.get(entry, set()):
                    self._tally.repair(what)
                    self._righted.setdefault(entry, set()).add(what)

    def _end_by_themselves(self, keys: list[str]) -> None:
        with self._redis.pipeline(transaction=False) as read:
            for each in keys:
                read.ttl(each)
            for each, seconds in zip(keys, read.execute(), strict=True):
                if seconds == -1:
                    self._tally.cannot_account_for(f"the key {each}, which has no end")

    def _forget_silent(self, warm: str) -> None:
        """Workers that were killed are not there to say that they are cold, and another need not come."""
        past = self._clock() - SILENT_SECONDS
        if self._redis.zcount(warm, "-inf", past):
            self._tally.repair("worker that is gone")
            if not self._dry:
                self._redis.zremrangebyscore(warm, "-inf", past)

    def _of_an_endpoint(self, each: str) -> bool:
        """Whether a key of the webhooks belongs to endpoints that are there."""
        kind, _, owner = each.removeprefix(WEBHOOKS).partition(":")
        match kind:
            case "endpoint":
                return bool(self._redis.hexists(each, "tenant"))
            case "owed" | "attempts" | "log":
                ids = {owner}
            case "endpoints":
                ids = set(cast("list[str]", self._redis.zrange(each, 0, -1)))
            case _ if kind in EVENTS:
                ids = set(cast("set[str]", self._redis.smembers(each)))
            case _ if each == DUE:
                ids = set(cast("list[str]", self._redis.zrange(each, 0, -1)))
            case _:
                return False
        there = sum(bool(self._redis.exists(f"{ENDPOINT}{one}")) for one in ids)
        return there == len(ids) or not self._redis.exists(each)

    def _weigh(self) -> None:
        """The load against the sum of costs, twice: between the list of tenants and the sum a new one may have come."""
        drift = self._drifted("")
        if drift and self._drifted("" if self._dry else str(drift)) == drift:
            self._tally.repair("load of the queue")

    def _drifted(self, mend: str) -> int:
        tenants = list(self._redis.scan_iter(match=f"{unfinished_of('')}*", count=TURN))
        return int(self._drift(keys=tenants, args=[mend]))


def _id(record: str) -> str:
    return record.rpartition(":")[2]
