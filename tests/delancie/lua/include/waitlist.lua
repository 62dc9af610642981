-- How many more jobs of a group may run now: math.huge where the group has no limit.
local function room_in_group(queue, group)
  local limit = redis.call('HGET', queue .. 'limits', group)
  if not limit then
    return math.huge
  end
  local active = redis.call('HGET', queue .. 'active', group) or '0'
  return tonumber(limit) - tonumber(active)
end

-- Put a job aside until its group has room; NX, since a place in the line is kept.
local function park(queue, id, group, score)
  redis.call('ZADD', queue .. 'waitlist:' .. group, 'NX', score, id)
  redis.call('HSET', queue .. 'job:' .. id, 'state', 'waiting', 'score', score)
end

-- Let as many jobs of a group go as it has room for, in their old order.
local function release_waiting(queue, group)
  local room = room_in_group(queue, group)
  local waitlist = queue .. 'waitlist:' .. group
  room = math.min(room, redis.call('ZCARD', waitlist))
  if room <= 0 then
    return 0
  end
  local popped = redis.call('ZPOPMIN', waitlist, room)
  for index = 1, #popped, 2 do
    local id, score = popped[index], popped[index + 1]
    redis.call('ZADD', queue .. 'pending', 'NX', score, id)
    redis.call('HSET', queue .. 'job:' .. id, 'state', 'pending')
  end
  return #popped / 2
end
