-- name: unlock
-- Give a lock back.
-- KEYS: lock
-- ARGV: token
-- Returns 1, or 0 where the token does not hold the lock.

if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
