"""The two state changes that Redis itself decides, by its own clock (Lua runs atomically)."""

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
UPDATE = """
local job, leases = KEYS[1], KEYS[2]
local id, token, lease, ending = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
if redis.call('HGET', job, 'status') ~= 'in_progress' then return 0 end
if redis.call('HGET', job, 'token') ~= token then return 0 end
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
