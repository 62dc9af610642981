-- The string, table, math and os libraries as scripts see them.

local core = ...

local bases, poll = core.bases, core.poll
local error, floor, next, select, tonumber, type = error, math.floor, next, select, tonumber, type
local rep, len, dump, getinfo = string.rep, string.len, string.dump, debug.getinfo
local insert, remove, sort, concat = table.insert, table.remove, table.sort, table.concat
local foreach, setn, rawget, rawset = table.foreach, table.setn, rawget, rawset
local READONLY = core.READONLY
local STRING_MAX, STRING_TO_POLL = core.limits.string_bytes, core.limits.string_bytes_to_poll
local MANY = core.limits.items_in_c
local SMALL_INT = 2 ^ 31 - 1

local function copy(library)
  local own = {}
  for name, value in next, library do
    own[name] = value
  end
  return own
end

-- Return a number as C's int: cut to its lowest 32 bits, as the stock functions do.
local function as_int(value)
  if value ~= value or value >= 9.2233720368547758e18 or value < -9.2233720368547758e18 then
    return 0
  end
  local whole = value < 0 and -floor(-value) or floor(value)
  whole = whole % 4294967296
  return whole >= 2147483648 and whole - 4294967296 or whole
end
core.as_int = as_int

-- string ----------------------------------------------------------------------------

local string_library = copy(string)
core.string = string_library

function string_library.rep(...)
  local text, count = ...
  if type(text) == "string" and type(count) == "number" then
    local size = len(text) * count
    if size > STRING_MAX then
      error(core.NO_MEMORY, 0)
    elseif len(text) == 0 then
      return ""
    elseif size > STRING_TO_POLL then
      poll()
    end
  end
  return rep(...)
end

-- What it gives cannot be loaded again: bytecode never is. Our own functions are C
-- functions in Redis, which have none.
function string_library.dump(...)
  local target = ...
  if type(target) ~= "function" then
    core.wrong_type(1, "dump", "function", target, select("#", ...))
  elseif getinfo(target, "S").source == "=~" then
    error("unable to dump given function")
  end
  return dump(target)
end

-- table -----------------------------------------------------------------------------

local table_library = copy(table)
core.table = table_library

local function refuse_readonly(t)
  if bases[t] then
    error(READONLY, 0)
  end
end

function table_library.insert(...)
  local t, position, value = ...
  if bases[t] then
    error(READONLY, 0)
  end
  if select("#", ...) == 3 and type(t) == "table" and type(position) == "number" then
    if position < -MANY or position > SMALL_INT then
      position = as_int(position)
    end
    if position < -MANY then
      -- The stock function shifts from the end down to there without the hook.
      for at = #t + 1, position + 1, -1 do
        rawset(t, at, rawget(t, at - 1))
      end
      rawset(t, position, value)
      return
    end
  end
  return insert(...)
end

function table_library.remove(...)
  return remove(...)
end

function table_library.setn(...)
  refuse_readonly((...))
  return setn(...)
end

local function is_less(a, b)
  return a < b
end

function table_library.sort(...)
  local t, order = ...
  if order == nil and type(t) == "table" and #t > MANY then
    return sort(t, is_less)
  end
  return sort(...)
end

function table_library.concat(...)
  local t = ...
  if type(t) == "table" and #t > MANY then
    poll()
  end
  return concat(...)
end

function table_library.foreach(...)
  local t, visit = ...
  local base = bases[t]
  if base then
    return foreach(base, visit)
  end
  return foreach(...)
end

-- math: Redis's own generator, the 48-bit linear congruence of lrand48. All scripts draw
-- from one sequence; a seed counts for the script that set it. Halves of 24 bits keep
-- within a double.

local math_library = copy(math)
core.math = math_library

local state_high, state_low = 1193131, 13447950 -- 0x1234AB, 0xCD330E
local saved_high, saved_low
local RANDOM_MAX = 2147483647

local function draw()
  local low = state_low * 15525485 + 11 -- 0xECE66D
  local carry = floor(low / 16777216)
  local high = state_high * 15525485 + state_low * 1502 + carry -- 0x5DE
  state_low = low - carry * 16777216
  state_high = high - floor(high / 16777216) * 16777216
  return floor((state_high * 16777216 + state_low) / 131072)
end

local function seed(value)
  if not saved_high then
    saved_high, saved_low = state_high, state_low
  end
  local unsigned = value % 4294967296
  state_high = floor(unsigned / 256)
  state_low = (unsigned % 256) * 65536 + 13070
end

-- Go on with the numbers that all scripts share, after one that used its own seed.
function core.restore_random()
  if saved_high then
    state_high, state_low, saved_high, saved_low = saved_high, saved_low, nil, nil
  end
end

local function require_int(value, position, name, count)
  return as_int(core.require_number(value, position, name, count))
end

function math_library.random(...)
  local fraction = (draw() % RANDOM_MAX) / RANDOM_MAX
  local count = select("#", ...)
  if count == 0 then
    return fraction
  elseif count == 1 then
    local upper = require_int((...), 1, "random", 1)
    if upper < 1 then
      core.bad_argument(1, "random", "interval is empty")
    end
    return floor(fraction * upper) + 1
  elseif count == 2 then
    local lower, upper = ...
    lower, upper = require_int(lower, 1, "random", 2), require_int(upper, 2, "random", 2)
    if lower > upper then
      core.bad_argument(2, "random", "interval is empty")
    end
    -- In C the span is an int as well, and may overflow.
    return floor(fraction * as_int(upper - lower + 1)) + lower
  end
  error("wrong number of arguments")
end

function math_library.randomseed(...)
  core.mark_dirty()
  seed(require_int((...), 1, "randomseed", select("#", ...)))
end

-- os ----------------------------------------------------------------------------------

core.os = { clock = os.clock }
