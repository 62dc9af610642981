-- Is this receipt the one that its job is leased under?
local function holds_lease(queue, id, receipt)
  return redis.call('HGET', queue .. 'job:' .. id, 'receipt') == receipt
end

local function stale(id)
  return redis.error_reply('STALE the lease of job ' .. id .. ' has ended')
end

-- End a lease. The receipt stays in `settled`, so that a worker whose reply was lost may
-- ask again and hear the same; the next of the job's group may run.
local function end_lease(queue, id)
  local job = queue .. 'job:' .. id
  local receipt, group = unpack(redis.call('HMGET', job, 'receipt', 'group'))
  redis.call('ZREM', queue .. 'leased', id)
  redis.call('HDEL', queue .. 'receipts', receipt)
  redis.call('HDEL', job, 'receipt', 'worker', 'outcome')
  redis.call('HSET', job, 'settled', receipt)
  if group ~= '' then
    if redis.call('HINCRBY', queue .. 'active', group, -1) == 0 then
      redis.call('HDEL', queue .. 'active', group)
    end
    release_waiting(queue, group)
  end
end

local function bury(queue, id)
  redis.call('HSET', queue .. 'job:' .. id, 'state', 'dead')
  redis.call('LPUSH', queue .. 'dead', id)
  redis.call('HINCRBY', queue .. 'counters', 'buried', 1)
  free_dedupe_key(queue, id)
end
