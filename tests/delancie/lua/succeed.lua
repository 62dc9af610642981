-- name: succeed
-- End a job well and keep its result.
-- KEYS: queue prefix
-- ARGV: id, receipt, now_ms, result, how many done jobs to keep (-1: all)
-- Returns OK, also when it was asked before; STALE where the lease had ended.
-- include: waitlist
-- include: dedupe
-- include: settle

local queue, id, receipt, now_ms, result = KEYS[1], unpack(ARGV, 1, 4)
local job, done, keep = queue .. 'job:' .. id, queue .. 'done', tonumber(ARGV[5])
if not holds_lease(queue, id, receipt) then
  local state, settled = unpack(redis.call('HMGET', job, 'state', 'settled'))
  if state == 'done' and settled == receipt then
    return redis.status_reply('OK')
  end
  return stale(id)
end

end_lease(queue, id)
free_dedupe_key(queue, id)
redis.call('HSET', job, 'state', 'done', 'result', result, 'done_ms', now_ms)
redis.call('ZADD', done, 'NX', now_ms, id)
redis.call('HINCRBY', queue .. 'counters', 'succeeded', 1)
if keep >= 0 then
  for _, old in ipairs(redis.call('ZRANGE', done, 0, -keep - 1)) do
    redis.call('UNLINK', queue .. 'job:' .. old)
    redis.call('HINCRBY', queue .. 'counters', 'forgotten', 1)
  end
  redis.call('ZREMRANGEBYRANK', done, 0, -keep - 1)
end
return redis.status_reply('OK')
