-- name: reprioritize
-- Give a job another priority, in the line of ready jobs or in its group's waitlist.
-- KEYS: queue prefix
-- ARGV: id, priority
-- Returns 1 where its place in a line changed.
-- include: ready

local queue, id = KEYS[1], ARGV[1]
local job = queue .. 'job:' .. id
local state, group = unpack(redis.call('HMGET', job, 'state', 'group'))
if not state then
  return redis.error_reply('NOJOB there is no job ' .. id)
end
redis.call('HSET', job, 'priority', ARGV[2])
local line = ({ pending = 'pending', waiting = 'waitlist:' .. group })[state]
if not line then
  return 0
end
local score = ready_score(queue, tonumber(ARGV[2]))
redis.call('HSET', job, 'score', score)
return redis.call('ZADD', queue .. line, 'XX', 'CH', score, id)
