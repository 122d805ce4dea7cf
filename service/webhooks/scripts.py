"""The changes of endpoints and deliveries that Redis itself decides, by its own clock (Lua runs atomically)."""

from worker.outbox import DUE, EVENT_SECONDS, EVENTS, event_key, owed

MOST_ENTRIES = 200  # of an endpoint's log


def endpoint_key(endpoint_id: str) -> str:
    """The Redis key of one endpoint's record."""
    return f"ciotat:webhooks:endpoint:{endpoint_id}"


def endpoints_key(tenant: str) -> str:
    """The Redis key of the ids of a tenant's endpoints by time of creation."""
    return f"ciotat:webhooks:endpoints:{tenant}"


def attempts_key(endpoint_id: str) -> str:
    """The Redis key of how often each event has been tried at an endpoint."""
    return f"ciotat:webhooks:attempts:{endpoint_id}"


def log_key(endpoint_id: str) -> str:
    """The Redis key of an endpoint's latest attempts, the newest first."""
    return f"ciotat:webhooks:log:{endpoint_id}"


_CLOCK = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1e6
local stamp = clock[1] .. string.format('.%06d', clock[2])
"""

# Who is sent what is kept where the state change looks: one set of endpoints for each tenant and type.
_SUBSCRIBE = f"""
local function subscribe(id, tenant, wanted)
  for _, kind in ipairs({{{", ".join(f"'{each}'" for each in EVENTS)}}}) do
    local asked = string.find(',' .. wanted .. ',', ',' .. kind .. ',', 1, true)
    redis.call(asked and 'SADD' or 'SREM', 'ciotat:webhooks:' .. kind .. ':' .. tenant, id)
  end
end
local function unburden(id)
  redis.call('DEL', '{owed("")}' .. id, '{attempts_key("")}' .. id)
  redis.call('ZREM', '{DUE}', id)
end
local function disable(id, tenant, reason, stamp)
  redis.call('HSET', '{endpoint_key("")}' .. id, 'disabled_at', stamp, 'disabled_for', reason)
  subscribe(id, tenant, '')
  unburden(id)
end
"""

# A new endpoint, or nothing where the tenant has as many as it may have. Fields follow the third argument.
ADD = f"""
{_CLOCK}{_SUBSCRIBE}
local endpoint, endpoints = KEYS[1], KEYS[2]
local id, tenant, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
if redis.call('ZCARD', endpoints) >= most then return false end
redis.call('HSET', endpoint, 'id', id, 'tenant', tenant, 'created_at', stamp, 'updated_at', stamp, unpack(ARGV, 4))
redis.call('ZADD', endpoints, stamp, id)
subscribe(id, tenant, redis.call('HGET', endpoint, 'events'))
return redis.call('HGETALL', endpoint)
"""

# New values of fields, which follow the third argument: 'on' also ends a disablement, 'off' is one by the owner.
CHANGE = f"""
{_CLOCK}{_SUBSCRIBE}
local endpoint, id, tenant, switch = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
if redis.call('HGET', endpoint, 'tenant') ~= tenant then return false end
local changed = false
for i = 4, #ARGV, 2 do
  if redis.call('HGET', endpoint, ARGV[i]) ~= ARGV[i + 1] then changed = true end
  redis.call('HSET', endpoint, ARGV[i], ARGV[i + 1])
end
local disabled = redis.call('HEXISTS', endpoint, 'disabled_at') == 1
if switch == 'on' and disabled then
  redis.call('HDEL', endpoint, 'disabled_at', 'disabled_for', 'failing_since')
  changed, disabled = true, false
elseif switch == 'off' and not disabled then
  disable(id, tenant, 'owner', stamp)
  changed, disabled = true, true
end
if not disabled then subscribe(id, tenant, redis.call('HGET', endpoint, 'events')) end
if changed then redis.call('HSET', endpoint, 'updated_at', stamp) end
return redis.call('HGETALL', endpoint)
"""

# A new secret; the old one goes on signing beside it for so many seconds.
ROTATE = f"""
{_CLOCK}
local endpoint, tenant, secret, kept = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
if redis.call('HGET', endpoint, 'tenant') ~= tenant then return false end
redis.call('HSET', endpoint, 'old_secret', redis.call('HGET', endpoint, 'secret'),
  'old_until', string.format('%.6f', now + kept), 'secret', secret, 'updated_at', stamp)
return redis.call('HGETALL', endpoint)
"""

REMOVE = f"""
{_SUBSCRIBE}
local endpoint, endpoints, log, id, tenant = KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2]
if redis.call('HGET', endpoint, 'tenant') ~= tenant then return 0 end
subscribe(id, tenant, '')
unburden(id)
redis.call('ZREM', endpoints, id)
redis.call('DEL', log)
return redis.call('DEL', endpoint)
"""

# The next thing to send: of the endpoint that has waited longest, the event that has. An endpoint is one deliverer's
# at a time, for as long as the lease, and afterwards is behind all others that are due: a slow one delays none.
CLAIM = f"""
{_CLOCK}{_SUBSCRIBE}
local due, lease, most = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
for _, id in ipairs(redis.call('ZRANGE', due, '-inf', now, 'BYSCORE', 'LIMIT', 0, 100)) do
  local endpoint, events = '{endpoint_key("")}' .. id, '{owed("")}' .. id
  local attempts = '{attempts_key("")}' .. id
  local leased = tonumber(redis.call('HGET', endpoint, 'leased_until') or '0')
  local first = redis.call('ZRANGE', events, 0, 0, 'WITHSCORES')
  if #first == 0 or redis.call('EXISTS', endpoint) == 0 then
    unburden(id)
  elseif leased > now then
    redis.call('ZADD', due, leased, id)
  elseif tonumber(first[2]) > now then
    redis.call('ZADD', due, first[2], id)
  else
    local event = redis.call('HGETALL', '{event_key("")}' .. first[1])
    if #event == 0 or tonumber(redis.call('HGET', attempts, first[1]) or '0') >= most then
      redis.call('ZREM', events, first[1])
      redis.call('HDEL', attempts, first[1])
    else
      local ends = string.format('%.6f', now + lease)
      redis.call('ZADD', events, ends, first[1])
      redis.call('ZADD', due, ends, id)
      redis.call('HSET', endpoint, 'leased_until', ends)
      local claim = redis.call('HINCRBY', endpoint, 'claims', 1)
      return {{claim, redis.call('HINCRBY', attempts, first[1], 1), event, redis.call('HGETALL', endpoint)}}
    end
  end
end
return false
"""

# How an attempt ended: what was delivered is owed no more, what was not is due again after the wait, or given up
# where there is none. Of a deliverer whose lease has run out only the delivery counts. 'gone', and failing for longer
# than the patience, disable the endpoint.
FINISH = f"""
{_CLOCK}{_SUBSCRIBE}
local endpoint, events, attempts, log, due = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local id, event, claim, attempt, outcome = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local wait, patience, entry = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local tenant, claims = unpack(redis.call('HMGET', endpoint, 'tenant', 'claims'))
if not tenant then return 0 end
redis.call('LPUSH', log, entry)
redis.call('LTRIM', log, 0, {MOST_ENTRIES} - 1)
redis.call('EXPIRE', log, {EVENT_SECONDS})
local mine, tried = claims == claim, redis.call('HGET', attempts, event)
local replayed = not tried or tonumber(tried) < tonumber(attempt)
if outcome == 'delivered' then
  redis.call('HDEL', endpoint, 'failing_since')
  if not replayed then
    redis.call('ZREM', events, event)
    redis.call('HDEL', attempts, event)
  end
elseif mine then
  if not replayed and wait then
    redis.call('ZADD', events, now + wait, event)
  elseif not replayed then
    redis.call('ZREM', events, event)
    redis.call('HDEL', attempts, event)
  end
  redis.call('HSETNX', endpoint, 'failing_since', stamp)
  local failing = now - tonumber(redis.call('HGET', endpoint, 'failing_since'))
  if outcome == 'gone' then
    disable(id, tenant, 'gone', stamp)
  elseif failing > patience then
    disable(id, tenant, 'failing', stamp)
  end
end
if mine then
  redis.call('HDEL', endpoint, 'leased_until')
  local first = redis.call('ZRANGE', events, 0, 0, 'WITHSCORES')
  if first[2] then redis.call('ZADD', due, math.max(now, tonumber(first[2])), id) else redis.call('ZREM', due, id) end
end
return 1
"""

# One event once more from the first attempt on, as if it had just happened.
REPLAY = f"""
{_CLOCK}
local endpoint, event, events, attempts, due = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local tenant, id, event_id = ARGV[1], ARGV[2], ARGV[3]
local owner, disabled = unpack(redis.call('HMGET', endpoint, 'tenant', 'disabled_at'))
if owner ~= tenant then return 'no endpoint' end
if redis.call('HGET', event, 'tenant') ~= tenant then return 'no event' end
if disabled then return 'disabled' end
redis.call('HDEL', attempts, event_id)
redis.call('ZADD', events, stamp, event_id)
redis.call('ZADD', due, 'LT', stamp, id)
return 'owed'
"""
