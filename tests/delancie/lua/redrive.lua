-- name: redrive
-- Give a dead job, which was moved to the list of those being redriven, a new life.
-- KEYS: queue prefix
-- ARGV: id
-- Returns 1, or 0 where it is not in that list (any more).
-- include: ready

local queue, id = KEYS[1], ARGV[1]
if redis.call('LREM', queue .. 'redriving', 1, id) == 0 then
  return 0
end
local job = queue .. 'job:' .. id
redis.call('HSET', job, 'attempts', 0)
redis.call('HDEL', job, 'error', 'outcome', 'settled')
make_ready(queue, id, tonumber(redis.call('HGET', job, 'priority')))
redis.call('HINCRBY', queue .. 'counters', 'redriven', 1)
return 1
