"""The state changes of a job that a worker makes, or that its silence does: claim, write, hand back (Lua)."""

from worker.scripts import TELL

# A job whose last attempt has ended without a word ends for the same reason, wherever that is noticed.
LOST = """
local function lost(id, job, most, now)
  local code = 'worker_lost'
  local message = 'the worker was lost at attempt ' .. most .. ' of ' .. most .. ' at this video'
  redis.call('HSET', job, 'status', 'failed', 'completed_at', string.format('%.6f', now), 'error_code', code,
    'error_message', message)
  over(id, 'failed', code, message)
end
local function unfinished(status)
  return status == 'queued' or status == 'in_progress'
end
"""

# The job whose lease ran out first, else the oldest that waits; nothing, where there is none. What is in these sets and
# has no unfinished record is dropped from them. A claim is asked for under a name of its own: who heard no answer asks
# again under the same name, and is given the same job.
CLAIM = (
    TELL
    + LOST
    + """
local pending, leases, asked = KEYS[1], KEYS[2], KEYS[3]
local prefix, lease, most, named = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] ~= ''
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1e6
local before = named and redis.call('HMGET', asked, 'id', 'token') or {}
if before[1] and redis.call('HGET', prefix .. before[1], 'token') == before[2]
  and redis.call('HGET', prefix .. before[1], 'status') == 'in_progress' then
  redis.call('ZADD', leases, now + lease, before[1])
  return redis.call('HGETALL', prefix .. before[1])
end
while true do
  local id = redis.call('ZRANGE', leases, '-inf', now, 'BYSCORE', 'LIMIT', 0, 1)[1]
    or redis.call('ZRANGE', pending, 0, 0)[1]
  if not id then return false end
  local job = prefix .. id
  local status = redis.call('HGET', job, 'status')
  local attempts = tonumber(redis.call('HGET', job, 'attempts')) or 0
  leave(pending, id)
  redis.call('ZREM', leases, id)
  if unfinished(status) and attempts >= most then
    lost(id, job, most, now)
  elseif unfinished(status) then
    local progress = redis.call('HGET', job, 'resume_progress') or '0'
    local token = (tonumber(redis.call('HGET', job, 'token')) or 0) + 1
    redis.call('HSET', job, 'token', token, 'attempts', attempts + 1)
    redis.call('HDEL', job, 'last_error_code', 'last_error_message')
    redis.call('HSET', job, 'status', 'in_progress', 'started_at', string.format('%.6f', now), 'progress', progress,
      'first_progress', progress)
    tell(id, 'kind', 'progress', 'progress', progress)
    redis.call('ZADD', leases, now + lease, id)
    if named then
      redis.call('HSET', asked, 'id', id, 'token', token)
      redis.call('EXPIRE', asked, math.ceil(lease))
    end
    return redis.call('HGETALL', job)
  end
end
"""
)

# A compare-and-set on the fencing token; the fields to write follow the fifth argument, which says how long a finished
# video is kept (0: for ever). An ending told twice is agreed to: a client whose connection broke cannot know that the
# first one arrived. What such a client has sent may also arrive behind what it sent later: progress never goes back.
# How long a video took that was resumed is no measure of its like.
UPDATE = (
    TELL
    + """
local job, leases = KEYS[1], KEYS[2]
local id, token, lease, ending, kept = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local status = redis.call('HGET', job, 'status')
if redis.call('HGET', job, 'token') ~= token then return 0 end
if status == ending then return 1 end
if status ~= 'in_progress' then return 0 end
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1e6
local was = redis.call('HMGET', job, 'progress', 'previews')
if #ARGV > 5 then redis.call('HSET', job, unpack(ARGV, 6)) end
local is = redis.call('HMGET', job, 'progress', 'previews', 'error_code', 'error_message', 'pace', 'started_at',
  'first_progress')
if tonumber(is[1]) < tonumber(was[1]) then
  redis.call('HSET', job, 'progress', was[1])
  is[1] = was[1]
end
if ending == '' then
  redis.call('ZADD', leases, now + lease, id)
  if is[1] ~= was[1] then tell(id, 'kind', 'progress', 'progress', is[1]) end
  if is[2] ~= was[2] then tell(id, 'kind', 'preview', 'progress', is[1]) end
else
  redis.call('ZREM', leases, id)
  redis.call('HSET', job, 'completed_at', string.format('%.6f', now))
  if ending == 'completed' and kept > 0 then
    redis.call('HSET', job, 'expires_at', string.format('%.6f', now + kept))
  end
  over(id, ending, is[3], is[4])
  if ending == 'completed' and is[5] and (is[7] or '0') == '0' then
    local pace = 'ciotat:pace:' .. is[5]
    redis.call('LPUSH', pace, string.format('%.3f', now - is[6]))
    redis.call('LTRIM', pace, 0, 7)
    redis.call('EXPIRE', pace, 604800)
  end
end
return 1
"""
)

# The job goes back to its old place in the queue, with its limits; its token is spent. An attempt that was given up has
# a reason, and counts: at the last one the job fails for that reason. Said twice, it is agreed to.
RETURN = (
    TELL
    + """
local job, pending, leases = KEYS[1], KEYS[2], KEYS[3]
local id, token, most, code, message = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local is = redis.call('HMGET', job, 'token', 'status', 'attempts', 'error_code', 'resume_progress', 'created_at')
if is[1] ~= token then return 0 end
if is[2] == 'queued' or (is[2] == 'failed' and is[4] == code) then return 1 end
if is[2] ~= 'in_progress' then return 0 end
redis.call('ZREM', leases, id)
if code ~= '' and tonumber(is[3]) >= most then
  local clock = redis.call('TIME')
  redis.call('HSET', job, 'status', 'failed', 'completed_at', clock[1] .. string.format('.%06d', clock[2]),
    'error_code', code, 'error_message', message)
  over(id, 'failed', code, message)
  return 1
end
if code == '' then
  redis.call('HINCRBY', job, 'attempts', -1)
else
  redis.call('HSET', job, 'last_error_code', code, 'last_error_message', message)
end
redis.call('HSET', job, 'status', 'queued', 'progress', is[5] or '0')
enter(pending, id, is[6])
return 1
"""
)

# What a replica has to do now, unless another has looked a moment ago: the ids of jobs for which a bell is missing. A
# job waits in the queue, or for another worker when its lease has run out; at the last attempt that is its end.
REAP = (
    TELL
    + LOST
    + """
local lock, pending, leases, bells = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local prefix, pause, most, rings = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
if not redis.call('SET', lock, '', 'NX', 'PX', pause) then return {} end
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1e6
for _, id in ipairs(redis.call('ZRANGE', leases, '-inf', now, 'BYSCORE', 'LIMIT', 0, 1000)) do
  local job = prefix .. id
  local ended = not unfinished(redis.call('HGET', job, 'status'))
  local last = (tonumber(redis.call('HGET', job, 'attempts')) or 0) >= most
  if ended or last then redis.call('ZREM', leases, id) end
  if last and not ended then lost(id, job, most, now) end
end
local rung = redis.call('LLEN', bells)
local abandoned = redis.call('ZCOUNT', leases, '-inf', now)
local missing = redis.call('ZRANGE', leases, '-inf', now, 'BYSCORE', 'LIMIT', rung, rings)
if #missing < rings then
  local first = math.max(0, rung - abandoned)
  for _, id in ipairs(redis.call('ZRANGE', pending, first, first + rings - #missing - 1)) do
    missing[#missing + 1] = id
  end
end
return missing
"""
)
