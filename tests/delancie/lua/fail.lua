-- name: fail
-- End an attempt badly: try again later, each time twice as late, or give up.
-- KEYS: queue prefix
-- ARGV: id, receipt, now_ms, reason, backoff_ms, backoff_max_ms
-- Returns { 'scheduled', ready_ms } or { 'dead', false }, also when it was asked before;
-- STALE where the lease had ended.
-- include: waitlist
-- include: dedupe
-- include: settle

local queue, id, receipt, now_ms, reason = KEYS[1], unpack(ARGV, 1, 4)
local job, counters = queue .. 'job:' .. id, queue .. 'counters'
if not holds_lease(queue, id, receipt) then
  local settled, outcome, ready_ms =
    unpack(redis.call('HMGET', job, 'settled', 'outcome', 'ready_ms'))
  if settled ~= receipt or not outcome then
    return stale(id)
  end
  return { outcome, outcome == 'scheduled' and tonumber(ready_ms) }
end

end_lease(queue, id)
redis.call('HINCRBY', counters, 'failed', 1)
local attempts, attempts_max =
  unpack(redis.call('HMGET', job, 'attempts', 'attempts_max'))
if tonumber(attempts) >= tonumber(attempts_max) then
  redis.call('HSET', job, 'error', reason, 'outcome', 'dead')
  bury(queue, id)
  return { 'dead', false }
end
local backoff_ms = math.min(ARGV[5] * 2 ^ (attempts - 1), tonumber(ARGV[6]))
local ready_ms = now_ms + backoff_ms
redis.call('HSET', job, 'state', 'scheduled', 'error', reason,
  'outcome', 'scheduled', 'ready_ms', ready_ms)
redis.call('ZADD', queue .. 'scheduled', 'NX', ready_ms, id)
return { 'scheduled', ready_ms }
