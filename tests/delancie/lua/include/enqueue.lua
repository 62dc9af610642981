-- Both the id and the dedupe key make a second enqueue harmless, so that a producer
-- whose reply was lost may ask again.
local function enqueue(queue, argv)
  local id, payload, priority, ready_ms, now_ms = unpack(argv, 1, 5)
  local group, attempts_max, dedupe, dedupe_ms = unpack(argv, 6, 9)
  local job, counters = queue .. 'job:' .. id, queue .. 'counters'
  if redis.call('EXISTS', job) == 1 then
    return { 'duplicate', id }
  end
  if dedupe ~= '' then
    local key = queue .. 'dedupe:' .. dedupe
    if not redis.call('SET', key, id, 'NX', 'PX', dedupe_ms) then
      redis.call('HINCRBY', counters, 'deduplicated', 1)
      return { 'duplicate', redis.call('GET', key) }
    end
  end
  redis.call('HSET', job, 'payload', payload, 'priority', priority, 'group', group,
    'dedupe', dedupe, 'attempts', 0, 'attempts_max', attempts_max,
    'enqueued_ms', now_ms)
  redis.call('HINCRBY', counters, 'enqueued', 1)
  if tonumber(ready_ms) > tonumber(now_ms) then
    redis.call('ZADD', queue .. 'scheduled', 'NX', ready_ms, id)
    redis.call('HSET', job, 'state', 'scheduled')
    return { 'scheduled', id }
  end
  make_ready(queue, id, tonumber(priority))
  return { 'enqueued', id }
end
