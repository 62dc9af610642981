-- name: reschedule
-- Move a scheduled job in time.
-- KEYS: queue prefix
-- ARGV: id, ready_ms, 'to' | 'earlier' | 'later' (the last two never move it back)
-- Returns 1 where it moved.

local flags = { earlier = { 'XX', 'LT' }, later = { 'XX', 'GT' }, to = { 'XX' } }
local argv = { 'ZADD', KEYS[1] .. 'scheduled' }
for _, flag in ipairs(flags[ARGV[3]]) do
  table.insert(argv, flag)
end
table.insert(argv, 'CH')
table.insert(argv, ARGV[2])
table.insert(argv, ARGV[1])
return redis.call(unpack(argv))
