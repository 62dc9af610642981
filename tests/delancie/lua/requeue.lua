-- name: requeue
-- Take jobs back from workers that let their lease run out.
-- KEYS: queue prefix
-- ARGV: now_ms, how many at most
-- Returns { { id, 'pending' | 'dead' }, ... }.
-- include: ready
-- include: waitlist
-- include: dedupe
-- include: settle

local queue = KEYS[1]
local expired = redis.call(
  'ZRANGEBYSCORE', queue .. 'leased', '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
local taken = {}
for index, id in ipairs(expired) do
  local job = queue .. 'job:' .. id
  end_lease(queue, id)
  redis.call('HINCRBY', queue .. 'counters', 'expired', 1)
  local attempts, attempts_max, priority =
    unpack(redis.call('HMGET', job, 'attempts', 'attempts_max', 'priority'))
  if tonumber(attempts) >= tonumber(attempts_max) then
    redis.call('HSET', job, 'error', 'the lease expired')
    bury(queue, id)
    taken[index] = { id, 'dead' }
  else
    make_ready(queue, id, tonumber(priority))
    taken[index] = { id, 'pending' }
  end
end
return taken
