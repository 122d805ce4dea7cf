"""The state changes that Redis itself decides, by its own clock (Lua runs atomically)."""

# A queued job, its place in the index and among those to be dispatched, and what its request key stands for, where it
# has one (a payload): a key that stands for a job already answers that one, or nothing where it was deleted.
# The record's fields follow the fourth argument; the answer is the payload, the id and the record.
CREATE = """
local job, index, pending, request = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, payload, kept, prefix = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if payload ~= '' then
  local known = redis.call('HMGET', request, 'payload', 'id')
  if known[1] then return {known[1], known[2], redis.call('HGETALL', prefix .. known[2])} end
  redis.call('HSET', request, 'payload', payload, 'id', id)
  redis.call('EXPIRE', request, kept)
end
local clock = redis.call('TIME')
local stamp = clock[1] .. string.format('.%06d', clock[2])
redis.call('HSET', job, 'id', id, 'created_at', stamp, unpack(ARGV, 5))
redis.call('ZADD', index, stamp, id)
redis.call('ZADD', pending, stamp, id)
return {payload, id, redis.call('HGETALL', job)}
"""

CLAIM = """
local job, pending, leases = KEYS[1], KEYS[2], KEYS[3]
local id, lease, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1e6
local status = redis.call('HGET', job, 'status')
if not status then return {'unknown', ''} end
if status == 'in_progress' then
  local ends = tonumber(redis.call('ZSCORE', leases, id) or '0')
  if ends > now then return {'held', string.format('%.3f', ends - now)} end
elseif status ~= 'queued' then
  return {'over', status}
end
local stamp = string.format('%.6f', now)
redis.call('ZREM', pending, id)
if tonumber(redis.call('HGET', job, 'attempts')) >= most then
  redis.call('ZREM', leases, id)
  redis.call('HSET', job, 'status', 'failed', 'completed_at', stamp, 'error_code', 'worker_lost',
    'error_message', 'the worker was lost ' .. most .. ' times while making this video')
  return {'over', 'failed'}
end
redis.call('HINCRBY', job, 'attempts', 1)
redis.call('HINCRBY', job, 'token', 1)
redis.call('HSET', job, 'status', 'in_progress', 'started_at', stamp)
redis.call('ZADD', leases, now + lease, id)
return {'claimed', ''}
"""

# A compare-and-set on the fencing token; the fields to write follow the fourth argument.
# An ending told twice is agreed to: a client whose connection broke cannot know that the first one arrived.
UPDATE = """
local job, leases = KEYS[1], KEYS[2]
local id, token, lease, ending = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local status = redis.call('HGET', job, 'status')
if redis.call('HGET', job, 'token') ~= token then return 0 end
if status == ending then return 1 end
if status ~= 'in_progress' then return 0 end
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1e6
redis.call('HSET', job, unpack(ARGV, 5))
if ending == '' then
  redis.call('ZADD', leases, now + lease, id)
else
  redis.call('ZREM', leases, id)
  redis.call('HSET', job, 'completed_at', string.format('%.6f', now))
end
return 1
"""

# Answers the status before; only an unfinished job is changed, and with it every later write of its worker refused.
CANCEL = """
local job, pending, leases = KEYS[1], KEYS[2], KEYS[3]
local status = redis.call('HGET', job, 'status')
if status == 'queued' or status == 'in_progress' then
  local clock = redis.call('TIME')
  redis.call('ZREM', pending, ARGV[1])
  redis.call('ZREM', leases, ARGV[1])
  redis.call('HSET', job, 'status', 'cancelled', 'completed_at', clock[1] .. string.format('.%06d', clock[2]))
end
return status
"""

# The place of a deleted job in the index is kept for a while, so that who is reading page by page can go on.
DELETE = """
local job, index, pending, leases, place = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local score = redis.call('ZSCORE', index, ARGV[1])
if score then redis.call('SET', place, score, 'EX', ARGV[2]) end
for _, set in ipairs({index, pending, leases}) do redis.call('ZREM', set, ARGV[1]) end
return redis.call('DEL', job)
"""

# One page of records as they are at one moment, and whether more follow; false when `after` was never there.
LIST = """
local index, place = KEYS[1], KEYS[2]
local after, limit, order, prefix = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
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
local ids = redis.call(range, index, first, first + limit)
local records = {}
for i = 1, math.min(#ids, limit) do records[i] = redis.call('HGETALL', prefix .. ids[i]) end
return {#ids > limit and 1 or 0, records}
"""
