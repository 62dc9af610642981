-- The struct library: values to and from bytes, after a format such as "<I4c0". It
-- follows Roberto Ierusalimschy's struct 0.2 as Redis ships it.

local core = ...

local byte, char, concat, error, find = string.byte, string.char, table.concat, error, string.find
local match, next = string.match, next
local floor, rep, reverse, select, sub = math.floor, string.rep, string.reverse, select, string.sub
local tonumber, tostring, type, unpack = tonumber, tostring, type, core.unpack
local bit_operation = core.bit_operation
local INTEGER_MAX, COUNT_MAX = core.limits.struct_integer_bytes, core.limits.struct_count
local VALUES_MAX = core.limits.struct_values
local NATIVE_ALIGN = 8

local FIXED_SIZES = { b = 1, B = 1, h = 2, H = 2, l = 8, L = 8, T = 8, f = 4, d = 8, x = 1 }

-- A reader of formats: one item after the other.

local function read_count(format, at, default)
  local _, stop = find(format, "^%d+", at)
  if not stop then
    return default, at
  end
  local count = tonumber(sub(format, at, stop))
  if count > COUNT_MAX then
    error("integral size overflow")
  end
  return count, stop + 1
end

local function read_integer_size(format, at)
  local size
  size, at = read_count(format, at, 4)
  if size > INTEGER_MAX then
    error("integral size " .. size .. " is larger than limit of " .. INTEGER_MAX)
  end
  return size, at
end

-- Return the option at a place, its size and the place behind both.
local function read_option(format, at)
  local option = sub(format, at, at)
  at = at + 1
  local size = FIXED_SIZES[option] or 0
  if option == "i" or option == "I" then
    size, at = read_integer_size(format, at)
  elseif option == "c" then
    size, at = read_count(format, at, 1)
  end
  return option, size, at
end

-- Change the settings by an option that stands for no value, and return the place behind
-- its number; `name` is the function to name where the option is unknown.
local function control(format, at, option, settings, name)
  if option == "<" then
    settings.is_little = true
  elseif option == ">" then
    settings.is_little = false
  elseif option == "!" then
    local align
    align, at = read_count(format, at, NATIVE_ALIGN)
    if align < 1 or align % 1 ~= 0 or not find("1 2 4 8 16 32 64 128 256 ", "%f[%d]" .. align .. " ") then
      error("alignment " .. align .. " is not a power of 2")
    end
    settings.align = align
  elseif option ~= " " then
    core.bad_argument(1, name, "invalid format option '" .. option .. "'")
  end
  return at
end

-- Return how many bytes of padding stand before an item. The C function takes a size for
-- a power of 2, whatever it is.
local function padding(position, option, size, settings)
  if size == 0 or option == "c" then
    return 0
  end
  local align = size > settings.align and settings.align or size
  if align <= 1 then
    return 0
  end
  local beyond = bit_operation("band", position % 256, align - 1)
  return bit_operation("band", align - beyond, align - 1)
end

local function new_settings()
  return { is_little = true, align = 1 }
end

local require_number = core.require_number

local function require_text(value, position, name, count)
  if type(value) == "number" then
    return value .. ""
  elseif type(value) ~= "string" then
    core.wrong_type(position, name, "string", value, count)
  end
  return value
end

-- A format ends where it does in C.
local function require_format(value, name, count)
  return match(require_text(value, 1, name, count), "^[^%z]*")
end

-- Packing ---------------------------------------------------------------------------------

-- Return the lowest bytes of a number's 64-bit integer; wider ones are filled with zeros.
local function integer_bytes(number, size)
  if number ~= number then
    number = -2 ^ 63
  end
  number = number < 0 and -floor(-number) or floor(number)
  if number >= 2 ^ 64 then
    number = 0
  elseif number < -2 ^ 63 then
    number = -2 ^ 63
  end
  local bytes = core.encode_integer(number, 8)
  if size <= 8 then
    return sub(bytes, 9 - size)
  end
  return rep("\0", size - 8) .. bytes
end

local function pack_item(option, size, value, position, settings)
  -- The C function puts a nil behind the arguments: one that is missing is nil.
  if option == "s" then
    return require_text(value, position, "pack", position) .. "\0"
  elseif option == "c" then
    local text = require_text(value, position, "pack", position)
    if size == 0 then
      return text
    elseif #text < size then
      core.bad_argument(position + 1, "pack", "string too short")
    end
    return sub(text, 1, size)
  end
  local number = require_number(value, position, "pack", position)
  local bytes
  if option == "f" or option == "d" then
    bytes = core.encode_float(number, size)
  else
    bytes = integer_bytes(number, size)
  end
  return settings.is_little and reverse(bytes) or bytes
end

local IS_VALUE = { i = true, I = true, s = true, c = true }
for option in next, FIXED_SIZES do
  IS_VALUE[option] = option ~= "x"
end

local function pack(...)
  local values = { ... }
  local format = require_format(values[1], "pack", select("#", ...))
  local settings, taken = new_settings(), 1
  local out, count, total, at = {}, 0, 0, 1
  while at <= #format do
    local option, size
    option, size, at = read_option(format, at)
    local fill = padding(total, option, size, settings)
    if fill > 0 then
      count = count + 1
      out[count] = rep("\0", fill)
      total = total + fill
    end
    local piece = option == "x" and "\0"
    if IS_VALUE[option] then
      taken = taken + 1
      piece = pack_item(option, size, values[taken], taken, settings)
    elseif not piece then
      at = control(format, at, option, settings, "pack")
    end
    if piece then
      count = count + 1
      out[count] = piece
      total = total + #piece
    end
  end
  return concat(out)
end

-- Unpacking -------------------------------------------------------------------------------

-- Return an integer: exact to 53 bits, since its halves are joined last. Only the lowest
-- eight bytes count, as they do in C.
local function read_integer(bytes, is_signed)
  local width = #bytes
  if width > 8 then
    bytes, width = sub(bytes, -8), 8
  end
  local high, low = 0, 0
  for i = 1, width - 4 do
    high = high * 256 + byte(bytes, i)
  end
  for i = width > 4 and width - 3 or 1, width do
    low = low * 256 + byte(bytes, i)
  end
  if is_signed and width > 0 and byte(bytes, 1) >= 128 then
    if width > 4 then
      high = high - 2 ^ (width * 8 - 32)
    else
      low = low - 2 ^ (width * 8)
    end
  end
  return high * 4294967296 + low
end

local SIGNED = { b = true, h = true, l = true, i = true }

local function unpack_number(option, bytes, settings)
  if settings.is_little then
    bytes = reverse(bytes)
  end
  if option == "f" then
    return core.decode_single(byte(bytes, 1, 4))
  elseif option == "d" then
    return core.decode_double(byte(bytes, 1, 8))
  end
  return read_integer(bytes, SIGNED[option])
end

-- Say whether so many bytes lie in a text from a position on: no sum that C's integers
-- could not hold, nothing below zero.
local function is_within(position, size, length)
  return position >= 0 and size >= 0 and size <= length and position <= length - size
end
core.is_within = is_within

local function too_short()
  core.bad_argument(2, "unpack", "data string too short")
end

local function unpack_values(...)
  local given = select("#", ...)
  local format, data, start = ...
  format = require_format(format, "unpack", given)
  data = require_text(data, 2, "unpack", given)
  start = start == nil and 1 or floor(require_number(start, 3, "unpack", given))
  if start == 0 then
    core.bad_argument(3, "unpack", "offset must be 1 or greater")
  end
  local settings = new_settings()
  local values, count, position, at = {}, 0, start - 1, 1
  while at <= #format do
    local option, size
    option, size, at = read_option(format, at)
    if not is_within(position, size, #data) then
      too_short()
    end
    position = position + padding(position, option, size, settings)
    if option == "c" and size == 0 then
      if count == 0 or type(values[count]) ~= "number" then
        error("format 'c0' needs a previous size")
      end
      size = values[count]
      count = count - 1
    end
    if not is_within(position, size, #data) then
      too_short()
    end
    if option == "s" then
      local stop = find(data, "%z", position + 1)
      if not stop then
        error("unfinished string in data")
      end
      count = count + 1
      values[count] = sub(data, position + 1, stop - 1)
      position = stop
    elseif option == "c" then
      count = count + 1
      values[count] = sub(data, position + 1, position + size)
    elseif IS_VALUE[option] then
      count = count + 1
      values[count] = unpack_number(option, sub(data, position + 1, position + size), settings)
    elseif option ~= "x" then
      at = control(format, at, option, settings, "unpack")
    end
    position = position + size
    if count > VALUES_MAX then
      error("too many results to unpack")
    end
  end
  values[count + 1] = position + 1
  return unpack(values, 1, count + 1)
end

local function size_of(...)
  local format = require_format((...), "size", select("#", ...))
  local settings, position, at = new_settings(), 0, 1
  while at <= #format do
    local option, size
    option, size, at = read_option(format, at)
    if option == "s" or (option == "c" and size == 0) then
      local shown = option == "s" and "s" or "c0"
      core.bad_argument(1, "size", "option '" .. shown .. "' has no fixed size")
    end
    position = position + padding(position, option, size, settings) + size
    if find(option, "^%W") then -- unknown letters pass, as in C
      at = control(format, at, option, settings, "size")
    end
  end
  return position
end

core.struct = { pack = pack, unpack = unpack_values, size = size_of }
