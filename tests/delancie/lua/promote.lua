-- name: promote
-- Make scheduled jobs ready whose time has come.
-- KEYS: queue prefix
-- ARGV: now_ms, how many at most
-- Returns how many there were.
-- include: ready

local queue = KEYS[1]
local due = redis.call(
  'ZRANGEBYSCORE', queue .. 'scheduled', '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, id in ipairs(due) do
  redis.call('ZREM', queue .. 'scheduled', id)
  make_ready(queue, id, tonumber(redis.call('HGET', queue .. 'job:' .. id, 'priority')))
end
if #due > 0 then
  redis.call('HINCRBY', queue .. 'counters', 'promoted', #due)
end
return #due
