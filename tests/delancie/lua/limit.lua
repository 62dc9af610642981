-- name: limit
-- Say how many jobs of a group may run at a time; more of those that wait may go.
-- KEYS: queue prefix
-- ARGV: group, limit (0: none)
-- Returns how many were let go.
-- include: waitlist

local queue, group, limit = KEYS[1], ARGV[1], tonumber(ARGV[2])
if limit > 0 then
  redis.call('HSET', queue .. 'limits', group, limit)
else
  redis.call('HDEL', queue .. 'limits', group)
end
return release_waiting(queue, group)
