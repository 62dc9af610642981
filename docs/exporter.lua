-- joblog's own fields for redis_exporter, which by itself takes only those that Redis has:
--
--   redis_exporter --redis.addr redis://127.0.0.1:6379 --script docs/exporter.lua
--
-- Each becomes redis_script_values{key="..."}; ok is 1 and err is 0, texts are left out.
local words = {ok = '1', err = '0'}
local found = {}

local function take(section, pattern)
  for name, value in string.gmatch(redis.call('INFO', section), pattern) do
    local number = words[value] or (tonumber(value) and value)
    if number then
      found[#found + 1] = name
      found[#found + 1] = number
    end
  end
end

take('persistence', '(log_[%w_]+):([^\r\n]*)')
take('server', '(clock_[%w_]+):([^\r\n]*)')
take('stats', '(%w+_errors):([^\r\n]*)')
return found
