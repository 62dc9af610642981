-- Higher priorities come first, and equals in the order in which they became ready. The
-- score is exact in a double: a priority of 0 to 4095 times 2^40, and a sequence number.
local function ready_score(queue, priority)
  local sequence = redis.call('HINCRBY', queue .. 'counters', 'sequence', 1)
  return (4095 - priority) * 1099511627776 + sequence
end

local function make_ready(queue, id, priority)
  local score = ready_score(queue, priority)
  redis.call('HSET', queue .. 'job:' .. id, 'state', 'pending', 'score', score)
  redis.call('ZADD', queue .. 'pending', 'NX', score, id)
end
