-- The bit library: operations on 32-bit integers. Lua 5.1 has none, so Python does the
-- arithmetic; only numbers cross.

local core = ...

local error, format, select, sub, tonumber, type = error, string.format, select, string.sub, tonumber, type
local bit_operation = core.bit_operation

local function as_number(value, position, name)
  if type(value) == "number" then
    return value
  end
  local number = type(value) == "string" and tonumber(value)
  if not number then
    local found = value == nil and "no value" or type(value)
    error("bad argument #" .. position .. " to '" .. name .. "' (number expected, got " .. found .. ")", 3)
  end
  return number
end

local library = {}
core.bit = library

local function define_one(name)
  library[name] = function(value)
    return bit_operation(name, as_number(value, 1, name), 0)
  end
end

local function define_many(name)
  library[name] = function(...)
    local count = select("#", ...)
    local result = bit_operation("tobit", as_number((...), 1, name), 0)
    for i = 2, count do
      result = bit_operation(name, result, as_number((select(i, ...)), i, name))
    end
    return result
  end
end

local function define_shift(name)
  library[name] = function(value, count)
    return bit_operation(name, as_number(value, 1, name), as_number(count, 2, name))
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

function library.tohex(value, digits)
  local bits = bit_operation("tobit", as_number(value, 1, "tohex"), 0) % 4294967296
  local count = digits == nil and 8 or bit_operation("tobit", as_number(digits, 2, "tohex"), 0)
  local form = "%08x"
  if count < 0 then
    form, count = "%08X", -count
  end
  if count > 8 then
    count = 8
  end
  return sub(format(form, bits), 9 - count)
end
