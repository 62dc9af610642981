-- name: dequeue
-- Lease the next job to a worker.
-- KEYS: queue prefix
-- ARGV: receipt, worker, now_ms, lease_ms
-- Returns { id, payload, attempt, deadline_ms }, or nil where nothing may run now.
-- include: waitlist

local queue = KEYS[1]
local receipt, worker, now_ms, lease_ms = unpack(ARGV, 1, 4)
-- Bounds one call where a long line of jobs belongs to groups that are full.
local LOOK_AT_MOST = 1000

local function delivery(id)
  local payload, attempt = unpack(
    redis.call('HMGET', queue .. 'job:' .. id, 'payload', 'attempts'))
  local deadline_ms = redis.call('ZSCORE', queue .. 'leased', id)
  return { id, payload, tonumber(attempt), tonumber(deadline_ms) }
end

local function lease(id, group)
  local job = queue .. 'job:' .. id
  redis.call('HSET', job, 'state', 'leased', 'receipt', receipt, 'worker', worker)
  redis.call('HINCRBY', job, 'attempts', 1)
  redis.call('ZADD', queue .. 'leased', 'NX', now_ms + lease_ms, id)
  redis.call('HSET', queue .. 'receipts', receipt, id)
  redis.call('HINCRBY', queue .. 'counters', 'delivered', 1)
  if group ~= '' then
    redis.call('HINCRBY', queue .. 'active', group, 1)
  end
  return delivery(id)
end

-- A worker whose reply was lost asks with the same receipt, and gets the same job.
local held = redis.call('HGET', queue .. 'receipts', receipt)
if held then
  return delivery(held)
end

local paused, limit = unpack(redis.call('HMGET', queue .. 'settings', 'paused', 'limit'))
if paused == '1' then
  return false
end
if limit and tonumber(limit) > 0
  and redis.call('ZCARD', queue .. 'leased') >= tonumber(limit) then
  return nil
end

for _ = 1, LOOK_AT_MOST do
  local popped = redis.call('ZPOPMIN', queue .. 'pending')
  local id, score = popped[1], popped[2]
  if not id then
    return nil
  end
  local group = redis.call('HGET', queue .. 'job:' .. id, 'group')
  if group == '' or room_in_group(queue, group) > 0 then
    return lease(id, group)
  end
  park(queue, id, group, score)
end
return nil
