-- name: delete
-- Remove a job wherever it is, but not from a worker's hands.
-- KEYS: queue prefix
-- ARGV: id
-- Returns 1, or 0 where there is none; LEASED where a worker has it.
-- include: waitlist
-- include: dedupe

local queue, id = KEYS[1], ARGV[1]
local job = queue .. 'job:' .. id
local state, group = unpack(redis.call('HMGET', job, 'state', 'group'))
if not state then
  return 0
end
if state == 'leased' then
  return redis.error_reply('LEASED job ' .. id .. ' is with a worker')
end
if state == 'dead' then
  redis.call('LREM', queue .. 'dead', 1, id)
  redis.call('LREM', queue .. 'redriving', 1, id)
elseif state == 'waiting' then
  redis.call('ZREM', queue .. 'waitlist:' .. group, id)
else
  redis.call('ZREM', queue .. state, id)
end
free_dedupe_key(queue, id)
redis.call('UNLINK', job)
redis.call('HINCRBY', queue .. 'counters', 'deleted', 1)
if group ~= '' then
  -- It may have been the one that was let go in place of those that still wait.
  release_waiting(queue, group)
end
return 1
