-- The bit library: operations on 32-bit integers. Lua 5.1 has none, so Python does the
-- arithmetic; only numbers cross.

local core = ...

local format, select, sub = string.format, select, string.sub
local bit_operation = core.bit_operation

local as_number = core.require_number

local library = {}
core.bit = library

local function define_one(name)
  library[name] = function(...)
    return bit_operation(name, as_number((...), 1, name, select("#", ...)), 0)
  end
end

local function define_many(name)
  library[name] = function(...)
    local count = select("#", ...)
    local result = bit_operation("tobit", as_number((...), 1, name, count), 0)
    for i = count, 2, -1 do -- from the last, so that this is the one to be complained of
      result = bit_operation(name, result, as_number((select(i, ...)), i, name, count))
    end
    return result
  end
end

local function define_shift(name)
  library[name] = function(...)
    local count = select("#", ...)
    local value, places = ...
    value = as_number(value, 1, name, count)
    return bit_operation(name, value, as_number(places, 2, name, count))
  end
end

define_one("tobit")
define_one("bnot")
define_one("bswap")
define_many("band")
define_many("bor")
define_many("bxor")
define_shift("lshift")
define_shift("rshift")
define_shift("arshift")
define_shift("rol")
define_shift("ror")

function library.tohex(...)
  local value, digits = ...
  local given = select("#", ...)
  value = as_number(value, 1, "tohex", given)
  local bits = bit_operation("tobit", value, 0) % 4294967296
  local count = given < 2 and 8 or bit_operation("tobit", as_number(digits, 2, "tohex", given), 0)
  local form = "%08x"
  if count < 0 then
    form, count = "%08X", -count
  end
  if count > 8 then
    count = 8
  end
  return sub(format(form, bits), 9 - count)
end
