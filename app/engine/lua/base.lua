-- The base library as scripts see it: functions that could reach a read-only table's
-- base, write to one, run bytecode or overrun the C stack are replaced.

local core = ...

local bases, poll = core.bases, core.poll
local collectgarbage, error, getmetatable = collectgarbage, error, getmetatable
local loadstring, next, pairs, rawget = loadstring, next, pairs, rawget
local rawset, select, setfenv, setmetatable = rawset, select, setfenv, setmetatable
local tostring, type, unpack, byte = tostring, type, unpack, string.byte
local concat, gsub, match = table.concat, string.gsub, string.match
local place, relocate, xpcall = core.place, core.relocate, xpcall
local READONLY = core.READONLY
local UNPACKED_MAX = core.limits.unpacked

local globals = core.globals

function globals.pairs(...)
  local t = ...
  local base = bases[t]
  if base then
    return function(_, key)
      return next(base, key)
    end, t, nil
  end
  return pairs(...)
end

function globals.next(...)
  local t, key = ...
  local base = bases[t]
  if base then
    return next(base, key)
  end
  return next(...)
end

function globals.rawget(...)
  local t, key = ...
  local base = bases[t]
  if base then
    return rawget(base, key)
  end
  return rawget(...)
end

function globals.rawset(...)
  if bases[(...)] then
    error(READONLY, 0)
  end
  return rawset(...)
end

function globals.getmetatable(...)
  local value = ...
  local kind = type(value)
  if kind == "userdata" or kind == "number" then
    return nil
  end
  local base = bases[value]
  if base then
    return core.shown_metatables[base]
  end
  return getmetatable(...)
end

function globals.setmetatable(...)
  if bases[(...)] then
    error(READONLY, 0)
  end
  return setmetatable(...)
end

-- Say whether so many values may be unpacked. The stock function takes its bounds for C
-- ints and does not look whether their difference is one; here they are doubles.
local function is_span_fit(first, last)
  return last - first < UNPACKED_MAX
end
core.is_span_fit = is_span_fit

local function safe_unpack(...)
  local t, first, last = ...
  if first == nil and last == nil then
    return unpack(...)
  end
  if type(t) == "table" and (first == nil or type(first) == "number") and (last == nil or type(last) == "number") then
    first, last = core.as_int(first or 1), core.as_int(last or #t)
    if not is_span_fit(first, last) then
      error("too many results to unpack")
    elseif last < first then
      return
    end
  end
  return unpack(t, first, last)
end
globals.unpack = safe_unpack
core.unpack = unpack

-- Return a chunk's name as the parser will know it: up to the first NUL. The parser of
-- stock 5.1 does not keep the name alive (CVE-2025-49844), so whoever compiles does.
local function chunk_name_of(name)
  return match(name, "^[^%z]*")
end
core.chunk_name_of = chunk_name_of

-- Text to a function whose globals are the script's; the caller keeps the name.
local function compile(source, name)
  if byte(source) == 27 then
    -- What the parser of Redis, which knows no bytecode, says of the first byte.
    local _, reason = loadstring("\1", name)
    return nil, gsub(reason, "char%(1%)", "char(27)")
  end
  local body, reason = loadstring(source, name)
  if not body then
    return nil, reason
  end
  return setfenv(body, core.current_environment())
end

function globals.loadstring(...)
  local source, name = ...
  if type(source) == "number" then
    source = tostring(source)
  elseif type(source) ~= "string" then
    core.wrong_type(1, "loadstring", "string", source, select("#", ...))
  end
  if name == nil then
    name = source
  elseif type(name) ~= "string" and type(name) ~= "number" then
    core.wrong_type(2, "loadstring", "string", name)
  end
  local chunk_name = chunk_name_of(name)
  return compile(source, chunk_name)
end

function globals.load(...)
  local reader, name = ...
  if name ~= nil and type(name) ~= "string" and type(name) ~= "number" then
    core.wrong_type(2, "load", "string", name)
  elseif type(reader) ~= "function" then
    core.wrong_type(1, "load", "function", reader, select("#", ...))
  end
  local chunk_name = name == nil and "=(load)" or chunk_name_of(name)
  local pieces, count = {}, 0
  while true do
    local ok, piece = xpcall(reader, relocate)
    if not ok then
      core.count_error()
      return nil, type(piece) == "string" and { err = "ERR " .. piece } or piece
    elseif piece == nil or piece == "" then
      break
    elseif type(piece) ~= "string" and type(piece) ~= "number" then
      return nil, { err = "ERR " .. place() .. "reader function must return a string" }
    end
    count = count + 1
    pieces[count] = piece
  end
  return compile(concat(pieces), chunk_name)
end

-- Settings of the collector would outlive the script; only its work may be asked for.
function globals.collectgarbage(option, argument)
  option = option == nil and "collect" or option
  if option == "count" then
    return collectgarbage("count")
  elseif option == "collect" or option == "step" then
    poll()
    return collectgarbage(option, argument)
  elseif option == "stop" or option == "restart" then
    return 0
  elseif option == "setpause" or option == "setstepmul" then
    return 200
  elseif type(option) ~= "string" and type(option) ~= "number" then
    core.wrong_type(1, "collectgarbage", "string", option)
  end
  core.bad_argument(1, "collectgarbage", "invalid option '" .. chunk_name_of(option) .. "'")
end
