-- name: accept
-- Add a job that was moved from the intake list to the list of those being accepted.
-- KEYS: queue prefix
-- ARGV: as enqueue; the payload is the element of the list
-- Returns as enqueue does.
-- include: ready
-- include: enqueue

redis.call('LREM', KEYS[1] .. 'accepting', 1, ARGV[2])
return enqueue(KEYS[1], ARGV)
