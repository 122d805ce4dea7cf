"""The state changes that Redis itself decides, by its own clock (Lua runs atomically)."""

from worker.admission import ADMIT, RELEASE
from worker.outbox import ANNOUNCE

# A change is told in the write that makes it: one entry in the job's log, and a word on the channel to who listens.
# The log is longer than the events of three attempts; ids come from Redis and only grow. Who waits in the first
# hundred places is told when those in front have gone, or one has come back; others ask. An end is owed to webhooks
# too, gives back what the job has held, and needs no point to resume from.
TELL = (
    ANNOUNCE
    + RELEASE
    + """
local function tell(id, ...)
  redis.call('XADD', 'ciotat:events:' .. id, 'MAXLEN', 1000, '*', ...)
  redis.call('PUBLISH', 'ciotat:told', id)
end
local function over(id, status, code, message)
  local why = {}
  if code then why = {'error_code', code, 'error_message', message} end
  redis.call('HDEL', 'ciotat:job:' .. id, 'resume_key', 'resume_progress', 'last_error_code', 'last_error_message')
  tell(id, 'kind', 'done', 'status', status, unpack(why))
  announce(id, status)
  release(id)
end
local function enter(pending, id, stamp)
  redis.call('ZADD', pending, stamp, id)
  local rank = redis.call('ZRANK', pending, id)
  tell(id, 'kind', 'queued', 'queue_position', rank + 1)
  for behind, each in ipairs(redis.call('ZRANGE', pending, rank + 1, 99)) do
    tell(each, 'kind', 'queued', 'queue_position', rank + 1 + behind)
  end
  return rank + 1
end
local function leave(pending, id)
  local rank = redis.call('ZRANK', pending, id)
  if redis.call('ZREM', pending, id) == 0 then return end
  for behind, each in ipairs(redis.call('ZRANGE', pending, rank, 99)) do
    tell(each, 'kind', 'queued', 'queue_position', rank + behind)
  end
end
"""
)

# A queued job, its place in the index and among those to be dispatched, and what its request key stands for, where it
# has one (a payload): a key that stands for a job already answers that one, or nothing where it was deleted.
# A known request is answered before any limit is asked. The record's fields follow the ninth argument; the answer is
# the payload, the id and the record, or a refusal, which has no payload and leaves nothing behind.
CREATE = (
    TELL
    + ADMIT
    + """
local job, index, pending, request = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, payload, kept, prefix, tenant, cost = unpack(ARGV, 1, 6)
if payload ~= '' then
  local known = redis.call('HMGET', request, 'payload', 'id')
  if known[1] then return {known[1], known[2], redis.call('HGETALL', prefix .. known[2])} end
end
local refused = admit(tenant, id, tonumber(cost), ARGV[7], ARGV[8], tonumber(ARGV[9]))
if refused then return refused end
if payload ~= '' then
  redis.call('HSET', request, 'payload', payload, 'id', id)
  redis.call('EXPIRE', request, kept)
end
local clock = redis.call('TIME')
local stamp = clock[1] .. string.format('.%06d', clock[2])
redis.call('HSET', job, 'id', id, 'created_at', stamp, 'tenant', tenant, unpack(ARGV, 10))
redis.call('ZADD', index, stamp, id)
redis.call('HSET', job, 'place', enter(pending, id, stamp))
return {payload, id, redis.call('HGETALL', job)}
"""
)

# Answers the status before; only an unfinished job is changed, and with it every later write of its worker refused.
CANCEL = (
    TELL
    + """
local job, pending, leases = KEYS[1], KEYS[2], KEYS[3]
local status = redis.call('HGET', job, 'status')
if status == 'queued' or status == 'in_progress' then
  local clock = redis.call('TIME')
  leave(pending, ARGV[1])
  redis.call('ZREM', leases, ARGV[1])
  redis.call('HSET', job, 'status', 'cancelled', 'completed_at', clock[1] .. string.format('.%06d', clock[2]))
  over(ARGV[1], 'cancelled')
end
return status
"""
)

# The place of a deleted job in the index is kept for a while, so that who is reading page by page can go on, and its
# log for a minute, so that who follows it hears the end.
DELETE = (
    TELL
    + """
local job, index, pending, leases, place = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local score = redis.call('ZSCORE', index, ARGV[1])
if score then redis.call('SET', place, score, 'EX', ARGV[2]) end
leave(pending, ARGV[1])
for _, set in ipairs({index, leases}) do redis.call('ZREM', set, ARGV[1]) end
local status = redis.call('HGET', job, 'status')
if status == 'queued' or status == 'in_progress' then over(ARGV[1], 'deleted') end
redis.call('EXPIRE', 'ciotat:events:' .. ARGV[1], 60)
return redis.call('DEL', job)
"""
)

# From `index`, `place`, `after` and `order`: how to read the index (`range`) and where the page begins (`first`).
BEHIND_CURSOR = """
local rank, range = 'ZRANK', 'ZRANGE'
if order == 'desc' then rank, range = 'ZREVRANK', 'ZREVRANGE' end
local first = 0
if after ~= '' then
  first = redis.call(rank, index, after)
  if first then
    first = first + 1
  else
    local score = redis.call('GET', place)
    if not score then return false end
    redis.call('ZADD', index, score, after)
    first = redis.call(rank, index, after)
    redis.call('ZREM', index, after)
  end
end
"""

# One page of records as they are at one moment, and whether more follow; false when `after` was never there.
LIST = (
    """
local index, place = KEYS[1], KEYS[2]
local after, limit, order, prefix = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
"""
    + BEHIND_CURSOR
    + """local ids = redis.call(range, index, first, first + limit)
local records = {}
for i = 1, math.min(#ids, limit) do records[i] = redis.call('HGETALL', prefix .. ids[i]) end
return {#ids > limit and 1 or 0, records}
"""
)

# What there is to do, at one moment: the jobs in progress, those that wait for a worker (first those that have lost
# theirs, then the first thousand of the queue) with what they need not do again, and what their like took.
OUTLOOK = """
local pending, leases, prefix = KEYS[1], KEYS[2], ARGV[1]
local clock = redis.call('TIME')
local paces, durations = {}, {}
local function read(jobs, ids, progress)
  for _, id in ipairs(ids) do
    local is = redis.call('HMGET', prefix .. id, 'pace', progress)
    local pace = is[1] or ''
    jobs[#jobs + 1] = {id, pace, is[2] or '0'}
    if not durations[pace] then
      durations[pace] = redis.call('LRANGE', 'ciotat:pace:' .. pace, 0, -1)
      paces[#paces + 1] = {pace, durations[pace]}
    end
  end
  return jobs
end
local now = clock[1] + clock[2] / 1e6
local running = read({}, redis.call('ZRANGE', leases, now, '+inf', 'BYSCORE'), 'progress')
local waiting = read({}, redis.call('ZRANGE', leases, '-inf', '(' .. now, 'BYSCORE'), 'resume_progress')
return {running, read(waiting, redis.call('ZRANGE', pending, 0, 999), 'resume_progress'), paces}
"""
