"""Whether a job may come in: decided by the script that creates it, and given back by the one that ends it.

Costs are whole megapixel-steps, `VideoSpec.cost`. What a tenant's unfinished jobs hold is one hash, id -> cost: a job
is in it from its creation to its end, so that leaving it is what gives the cost back, once, whoever ends the job.
"""

from typing import NamedTuple

from worker.limits import DayIsSpent, LimitReached, QueueFull, TooManyJobs, limits_of
from worker.tenants import DEFAULT_TENANT

LOAD = "ciotat:load"  # what all unfinished jobs of all tenants cost
BUSY_SECONDS = 5.0  # until a place in the queue may be free again


class Refused(NamedTuple):
    """Which limit stands in the way of a job: how high it is, what counts against it, when that will be less."""

    limit: str
    most: int
    present: int
    wait: float


def unfinished_of(tenant: str) -> str:
    """The Redis key of what a tenant's unfinished jobs hold, by their ids."""
    return f"ciotat:unfinished:{tenant}"


def spent_on(day: int | str, tenant: str) -> str:
    """The Redis key of what a tenant has used on a day of UTC, counted from 1 January 1970."""
    return f"ciotat:spent:{day}:{tenant}"


# Nothing is written unless all limits agree. A day's cost is a matter of the day on which a job was created.
# A wait below zero is for ever: the job alone is more than the limit.
ADMIT = f"""
local function admit(tenant, id, cost, most_jobs, most_a_day, most_queued, only_asked)
  local set = redis.call('HMGET', '{limits_of("")}' .. tenant, 'jobs', 'cost_a_day')
  most_jobs, most_a_day = tonumber(set[1] or most_jobs), tonumber(set[2] or most_a_day)
  local holds = '{unfinished_of("")}' .. tenant
  local now = tonumber(redis.call('TIME')[1])
  local day = math.floor(now / 86400)
  local spending = string.format('{spent_on("%d", "%s")}', day, tenant)
  local jobs = redis.call('HLEN', holds)
  local spent = tonumber(redis.call('GET', spending) or 0)
  local load = tonumber(redis.call('GET', '{LOAD}') or 0)
  local function refused(limit, most, present, wait, for_ever)
    return {{false, limit, most, present, for_ever and -1 or wait}}
  end
  if cost + spent > most_a_day then
    return refused('cost_a_day', most_a_day, spent, (day + 1) * 86400 - now, cost > most_a_day)
  end
  if jobs >= most_jobs then return refused('jobs', most_jobs, jobs, {BUSY_SECONDS:.0f}, most_jobs == 0) end
  if cost + load > most_queued then
    return refused('queue', most_queued, load, {BUSY_SECONDS:.0f}, cost > most_queued)
  end
  if only_asked then return end
  redis.call('HSET', holds, id, cost)
  redis.call('INCRBY', '{LOAD}', cost)
  redis.call('INCRBY', spending, cost)
  redis.call('EXPIRE', spending, 2 * 86400)
end
"""

# Whether a job would come in, asked before its inputs are looked into and stored: nothing is kept free for it.
# A request that is known already is refused by no limit.
ASK = (
    ADMIT
    + """
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
return admit(ARGV[1], '', tonumber(ARGV[2]), ARGV[3], ARGV[4], tonumber(ARGV[5]), true) or false
"""
)

# A job that no worker has ever claimed (token 0) has used nothing of its day.
RELEASE = f"""
local function release(id)
  local job = redis.call('HMGET', 'ciotat:job:' .. id, 'tenant', 'token', 'created_at')
  local tenant = job[1] or '{DEFAULT_TENANT}'
  local holds = '{unfinished_of("")}' .. tenant
  local cost = redis.call('HGET', holds, id)
  if not cost then return end
  redis.call('HDEL', holds, id)
  if redis.call('DECRBY', '{LOAD}', cost) <= 0 then redis.call('DEL', '{LOAD}') end
  local spending = string.format('{spent_on("%d", "%s")}', math.floor((tonumber(job[3]) or 0) / 86400), tenant)
  if job[2] == '0' and redis.call('EXISTS', spending) == 1 then redis.call('DECRBY', spending, cost) end
end
"""


def refusal(tenant: str, cost: int, refused: Refused) -> LimitReached:
    """What the creator of a job is told."""
    wait = refused.wait if refused.wait >= 0 else None
    most, present = refused.most, refused.present
    match refused.limit:
        case "jobs":
            return TooManyJobs(f"tenant {tenant!r} may have {most} unfinished videos and has {present}", wait)
        case "cost_a_day":
            return DayIsSpent(
                f"this video costs {cost} megapixel-steps; tenant {tenant!r} may use {most} a day (UTC) and has used "
                f"{present}",
                wait,
            )
    return QueueFull(
        f"this video costs {cost} megapixel-steps; the service takes {most} of unfinished videos and has {present}",
        wait,
    )
