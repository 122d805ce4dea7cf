"""The outbox of webhooks: the write that ends a job also owes its end to each endpoint that asked for such news."""

EVENTS = ("video.completed", "video.failed", "video.cancelled")
DUE = (
    "ciotat:webhooks:due"  # endpoints by when something is to be sent to them, which a state change makes now
)
EVENT_SECONDS = 7 * 24 * 3600  # how long an event can be sent, and sent again


def subscribed(tenant: str, event_type: str) -> str:
    """The Redis key of the ids of a tenant's endpoints that are sent events of this type."""
    return f"ciotat:webhooks:{event_type}:{tenant}"


def owed(endpoint_id: str) -> str:
    """The Redis key of the events that are owed to an endpoint, by when each is due."""
    return f"ciotat:webhooks:owed:{endpoint_id}"


def event_key(event_id: str) -> str:
    """The Redis key of one event's record."""
    return f"ciotat:webhooks:event:{event_id}"


# A job ends once and keeps its end, so what it became and its id make the id of the event: the same for ever.
# Where nobody has asked for it, the end of a job costs one look at a key that is not there.
ANNOUNCE = f"""
local function announce(id, status)
  local tenant, ended = unpack(redis.call('HMGET', 'ciotat:job:' .. id, 'tenant', 'completed_at'))
  local kind = 'video.' .. status
  local endpoints = redis.call('SMEMBERS', 'ciotat:webhooks:' .. kind .. ':' .. (tenant or 'default'))
  if #endpoints == 0 then return end
  local event = 'evt_' .. redis.sha1hex(kind .. ':' .. id)
  local record = '{event_key("")}' .. event
  redis.call('HSET', record, 'id', event, 'tenant', tenant or 'default', 'type', kind, 'created_at', ended, 'video', id)
  redis.call('EXPIRE', record, {EVENT_SECONDS})
  for _, endpoint in ipairs(endpoints) do
    redis.call('ZADD', '{owed("")}' .. endpoint, ended, event)
    redis.call('ZADD', '{DUE}', 'LT', ended, endpoint)
  end
end
"""
