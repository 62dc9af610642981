-- name: heartbeat
-- Make a lease longer; never shorter.
-- KEYS: queue prefix
-- ARGV: id, receipt, now_ms, lease_ms
-- Returns the deadline of the lease, in milliseconds; STALE where the lease has ended.
-- include: waitlist
-- include: dedupe
-- include: settle

local queue, id, receipt = KEYS[1], ARGV[1], ARGV[2]
if not holds_lease(queue, id, receipt) then
  return stale(id)
end
redis.call('ZADD', queue .. 'leased', 'XX', 'GT', 'CH', ARGV[3] + ARGV[4], id)
return tonumber(redis.call('ZSCORE', queue .. 'leased', id))
