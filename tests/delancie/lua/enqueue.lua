-- name: enqueue
-- Add a job, to run now or later.
-- KEYS: queue prefix
-- ARGV: id, payload, priority, ready_ms, now_ms, group, attempts_max, dedupe, dedupe_ms
-- Returns { 'enqueued' | 'scheduled' | 'duplicate', id of the job that there is now }.
-- include: ready
-- include: enqueue

return enqueue(KEYS[1], ARGV)
