-- The sandbox's foundation: what every other file here builds on.
--
-- It is loaded once for each runtime, behind the hook alone, with the table that every
-- file here adds to. It takes what it needs of the standard library into upvalues, because
-- afterwards all of `_G` is emptied: a script sees only what `core.protect` shows it.
--
-- Words: a *proxy* is an empty table that shows another table, its *base*, and refuses
-- to be written. Plain Lua 5.1 has no read-only tables; Redis patches its VM for them.
-- Our own frames carry the chunk name `=~`, so that errors can be moved from them to
-- the line of the script that caused them.

local core = ...

local error, getinfo, find_metatable = error, debug.getinfo, debug.getmetatable
local next, running, select, setmetatable = next, coroutine.running, select, setmetatable
local sub, gsub, match = string.sub, string.gsub, string.match
local pcall, xpcall, tonumber, type = pcall, xpcall, tonumber, type
local resume, status, yield = coroutine.resume, coroutine.status, coroutine.yield
local count_error, create_hooked = core.count_error, core.create_hooked

core.READONLY = "Attempt to modify a readonly table"
core.NO_MEMORY = "not enough memory"

-- Read-only tables ------------------------------------------------------------------

local bases = setmetatable({}, { __mode = "k" })
core.bases = bases

-- The functions that are C functions in Redis. Called by pcall itself, they have no
-- line to name in an error.
local natives = setmetatable({}, { __mode = "k" })

local function refuse()
  error("Attempt to modify a readonly table", 2)
end

-- Return a read-only view of a table, whose functions are Redis's C functions.
function core.protect(base)
  for _, value in next, base do
    if type(value) == "function" then
      natives[value] = true
    end
  end
  local proxy = setmetatable({}, { __index = base, __newindex = refuse, __metatable = false })
  bases[proxy] = base
  return proxy
end

-- Return what a proxy's `__index` may be changed in.
core.view_of = find_metatable

-- Text and numbers may cross to Python. They are told by their metatables, which is
-- quicker than by `type`; that of numbers is empty, and no script sees it.
debug.setmetatable(0, {})
core.metatable_of = find_metatable
core.crossing = { [find_metatable("")] = true, [find_metatable(0)] = true }

-- The metatables that `getmetatable` shows for a base, where it shows any.
core.shown_metatables = {}

-- Make a base raise where a field is missing, as the globals of a script do.
function core.make_strict(base)
  return setmetatable(base, {
    __index = function(_, name)
      if type(name) ~= "string" and type(name) ~= "number" then
        name = "(null)"
      end
      error("Script attempted to access nonexistent global variable '" .. name .. "'", 2)
    end,
  })
end

-- Errors ----------------------------------------------------------------------------

-- Return the prefix, source, line and level of the innermost frame that is the script's:
-- of the running coroutine, or of one that died of an error.
local function place(thread)
  local level = thread and 0 or 3
  while true do
    local frame
    if thread then
      frame = getinfo(thread, level, "Sl")
    else
      frame = getinfo(level, "Sl")
    end
    if not frame then
      return "", nil, nil
    end
    if frame.what ~= "C" and frame.what ~= "tail" and frame.source ~= "=~" then
      return frame.short_src .. ":" .. frame.currentline .. ": ", frame.source, frame.currentline, level
    end
    level = level + 1
  end
end
core.place = place

-- Put an error about an argument in terms of the call as the script wrote it: by the
-- name it used, and not counting what stands before the colon.
local function name_callee(text, called)
  local position, rest = match(text, "^bad argument #(%d+) to '[^']*'(.*)$")
  if not position then
    return text
  end
  local name = called and called.name or "?"
  if called and called.namewhat == "method" then
    if position == "1" then
      return "calling '" .. name .. "' on bad self" .. rest
    end
    position = position - 1
  end
  return "bad argument #" .. position .. " to '" .. name .. "'" .. rest
end

-- Move an error that was raised in one of our frames to the script's own line.
local function relocate(reason, thread)
  if type(reason) == "string" and sub(reason, 1, 2) == "~:" then
    local text = gsub(reason, "^~:%d+: ", "", 1)
    local where, source, _, level = place(thread)
    if source and thread then
      text = name_callee(text, level > 0 and getinfo(thread, level - 1, "n") or nil)
    elseif source then
      text = name_callee(text, getinfo(level - 2, "n"))
    end
    reason = where .. text
  end
  return reason
end
core.relocate = relocate

-- Raise an error about an argument, in the words of luaL_argerror.
function core.bad_argument(position, name, reason)
  error("bad argument #" .. position .. " to '" .. name .. "' (" .. reason .. ")")
end

-- The same for an argument of another type; `count` is how many arguments there are.
local function wrong_type(position, name, expected, value, count)
  local found = value == nil and position > (count or 0) and "no value" or type(value)
  local problem = expected .. " expected, got " .. found
  error("bad argument #" .. position .. " to '" .. name .. "' (" .. problem .. ")")
end
core.wrong_type = wrong_type

-- Return an argument that is a number, or text that reads as one.
function core.require_number(value, position, name, count)
  local number = type(value) == "number" and value or type(value) == "string" and tonumber(value)
  if not number then
    wrong_type(position, name, "number", value, count)
  end
  return number
end

-- Protected calls -------------------------------------------------------------------

local function caught(reason)
  count_error()
  if type(reason) == "table" then
    local text = reason.err
    if type(text) == "string" or type(text) == "number" then
      return false, text
    end
    return false, reason, text
  end
  return false, reason
end

local function settle(ok, ...)
  if ok then
    return true, ...
  end
  return caught((...))
end

local function settle_native(ok, ...)
  if ok then
    return true, ...
  end
  local reason = (...)
  if type(reason) == "string" then
    reason = gsub(reason, "^~:%d+: ", "", 1)
    reason = name_callee(reason, nil)
  end
  return caught(reason)
end

local function is_callable(value)
  local metatable = find_metatable(value)
  return metatable and metatable.__call
end

local function protected_call(...)
  local count = select("#", ...)
  if count == 0 then
    return false, "attempt to call a nil value"
  elseif type((...)) ~= "function" and not is_callable((...)) then
    return pcall((...))
  elseif natives[(...)] then
    return settle_native(pcall(...))
  elseif count == 1 then
    return settle(xpcall((...), relocate))
  elseif count == 2 then
    local body, a = ...
    return settle(xpcall(function()
      return body(a)
    end, relocate))
  elseif count == 3 then
    local body, a, b = ...
    return settle(xpcall(function()
      return body(a, b)
    end, relocate))
  end
  local body = ...
  local arguments = { select(2, ...) }
  local unpack = core.unpack
  return settle(xpcall(function()
    return body(unpack(arguments, 1, count - 1))
  end, relocate))
end

-- The handler runs after the stack is unwound: within the error it would run without
-- the hook, and an endless one could not be stopped.
local function settle_handler(ok, ...)
  if ok then
    return false, ...
  end
  count_error()
  return false, "error in error handling"
end

local function settle_with(handler, ok, ...)
  if ok then
    return true, ...
  end
  count_error()
  local reason = (...)
  return settle_handler(xpcall(function()
    return (handler(reason))
  end, relocate))
end

local function protected_call_with(...)
  if select("#", ...) < 2 then
    core.bad_argument(2, "xpcall", "value expected")
  end
  local body, handler = ...
  return settle_with(handler, xpcall(body, relocate))
end

-- Coroutines ------------------------------------------------------------------------

local function create_checked(body, name)
  if type(body) ~= "function" or natives[body] or getinfo(body, "S").what == "C" then
    core.bad_argument(1, name, "Lua function expected")
  end
  return create_hooked(body)
end

local function settle_resume(thread, ok, ...)
  if ok then
    return true, ...
  end
  count_error()
  return false, relocate((...), thread)
end

local function settle_wrapped(thread, ok, ...)
  if ok then
    return ...
  end
  local reason = relocate((...), thread)
  if type(reason) == "string" then
    error(reason) -- with the caller's line before the coroutine's, as in Lua itself
  end
  error(reason, 0)
end

core.coroutine = {
  create = function(body)
    local thread = create_checked(body, "create")
    return thread
  end,
  resume = function(thread, ...)
    if type(thread) ~= "thread" then
      core.bad_argument(1, "resume", "coroutine expected")
    end
    return settle_resume(thread, resume(thread, ...))
  end,
  running = function()
    return (running())
  end,
  status = function(thread)
    if type(thread) ~= "thread" then
      core.bad_argument(1, "status", "coroutine expected")
    end
    return status(thread)
  end,
  wrap = function(body)
    local thread = create_checked(body, "wrap")
    return function(...)
      return settle_wrapped(thread, resume(thread, ...))
    end
  end,
  yield = function(...)
    if not running() then
      error("attempt to yield across metamethod/C-call boundary", 0)
    end
    return yield(...)
  end,
}

-- Globals that only the base library has ------------------------------------------------

core.globals = {
  _VERSION = _VERSION,
  assert = assert,
  error = error,
  ipairs = ipairs,
  pcall = protected_call,
  xpcall = protected_call_with,
  rawequal = rawequal,
  select = select,
  tonumber = tonumber,
  tostring = tostring,
  type = type,
  gcinfo = gcinfo,
}
