-- Loads the other files in their order, each with the table of callbacks, and empties the
-- real global table behind them: what a file needs of it, it has taken by then.

local files, names, callbacks, commands, limits = ...
callbacks.commands, callbacks.limits = commands, limits
local debug, loadstring, error, next, globals = debug, loadstring, error, next, _G

callbacks.null = newproxy(true)
debug.getmetatable(callbacks.null).__tostring = function()
  return "userdata: (nil)"
end
debug.getmetatable(callbacks.null).__metatable = false
debug.getmetatable(callbacks.execute).__metatable = false

local chunks = {}
for i = 1, #names do
  local chunk, reason = loadstring(files[i], "=~")
  if not chunk then
    error(names[i] .. ": " .. reason)
  end
  chunks[i] = chunk
end
for i = 1, #chunks - 1 do
  chunks[i](callbacks)
end

local function finish(...)
  for name in next, globals do
    globals[name] = nil
  end
  return ...
end
return finish(chunks[#chunks](callbacks))
