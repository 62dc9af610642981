-- A dedupe key belongs to the job that set it, and ends with that job.
local function free_dedupe_key(queue, id)
  local name = redis.call('HGET', queue .. 'job:' .. id, 'dedupe')
  if name and name ~= '' then
    local key = queue .. 'dedupe:' .. name
    if redis.call('GET', key) == id then
      redis.call('DEL', key)
    end
  end
end
