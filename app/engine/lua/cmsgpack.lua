-- The cmsgpack library: MessagePack as lua-cmsgpack 0.4 writes it, byte for byte. A table
-- is an array where its keys are exactly 1 to n; nesting deeper than 16 becomes nil.

local core = ...

local byte, char, concat, error, floor = string.byte, string.char, table.concat, error, math.floor
local next, select, sub, type = next, select, string.sub, type
local encode_integer, encode_float, is_single = core.encode_integer, core.encode_float, core.is_single
local decode_double, decode_single, unpack = core.decode_double, core.decode_single, core.unpack
local bases = core.bases
local DEPTH_MAX = core.limits.cmsgpack_depth

-- Packing ---------------------------------------------------------------------------------

local SMALL = {}
for value = 0, 127 do
  SMALL[value] = char(value)
end
for value = -32, -1 do
  SMALL[value] = char(256 + value)
end

local function pack_number(value)
  local known = SMALL[value]
  if known then
    return known
  elseif value % 1 ~= 0 or value >= 2 ^ 63 or value < -2 ^ 63 then
    if is_single(value) then
      return "\202" .. encode_float(value, 4)
    end
    return "\203" .. encode_float(value, 8)
  elseif value >= 0 then
    if value <= 255 then
      return "\204" .. encode_integer(value, 1)
    elseif value <= 65535 then
      return "\205" .. encode_integer(value, 2)
    elseif value <= 4294967295 then
      return "\206" .. encode_integer(value, 4)
    end
    return "\207" .. encode_integer(value, 8)
  elseif value >= -128 then
    return "\208" .. encode_integer(value, 1)
  elseif value >= -32768 then
    return "\209" .. encode_integer(value, 2)
  elseif value >= -2147483648 then
    return "\210" .. encode_integer(value, 4)
  end
  return "\211" .. encode_integer(value, 8)
end

local TEXT_HEADS = {}
for size = 0, 31 do
  TEXT_HEADS[size] = char(160 + size)
end

local function head_of_text(size)
  if size <= 255 then
    return char(217, size)
  elseif size <= 65535 then
    return "\218" .. encode_integer(size, 2)
  end
  return "\219" .. encode_integer(size, 4)
end

local function head_of_many(count, fixed, wide)
  if count < 16 then
    return char(fixed + count)
  elseif count <= 65535 then
    return char(wide) .. encode_integer(count, 2)
  end
  return char(wide + 1) .. encode_integer(count, 4)
end

-- Return how many items a table has, and whether it is an array.
local function measure(t)
  local count, largest, is_array = 0, 0, true
  for key in next, t do
    count = count + 1
    if is_array then
      if type(key) == "number" and key > 0 and key % 1 == 0 then
        if key > largest then
          largest = key
        end
      else
        is_array = false
      end
    end
  end
  return count, is_array and largest == count
end

local function append(out, size, value, depth)
  local kind = type(value)
  size = size + 1
  if kind == "string" then
    local length = #value
    out[size] = TEXT_HEADS[length] or head_of_text(length)
    size = size + 1
    out[size] = value
  elseif kind == "number" then
    out[size] = pack_number(value)
  elseif kind == "boolean" then
    out[size] = value and "\195" or "\194"
  elseif kind == "table" and depth < DEPTH_MAX then
    value = bases[value] or value
    local count, is_array = measure(value)
    if is_array then
      out[size] = head_of_many(count, 144, 220)
      for i = 1, count do
        size = append(out, size, value[i], depth + 1)
      end
    else
      out[size] = head_of_many(count, 128, 222)
      for key, item in next, value do
        size = append(out, size, key, depth + 1)
        size = append(out, size, item, depth + 1)
      end
    end
  else
    out[size] = "\192"
  end
  return size
end

local function pack(...)
  local count = select("#", ...)
  if count == 0 then
    core.bad_argument(0, "pack", "MessagePack pack needs input.")
  end
  local out, size = {}, 0
  local values = { ... }
  for i = 1, count do
    size = append(out, size, values[i], 0)
  end
  return concat(out)
end

-- Unpacking -------------------------------------------------------------------------------

local function missing()
  error("Missing bytes in input.")
end

-- Unsigned and signed integers, the most significant byte first, by their size.
local unsigned, signed = {}, {}

unsigned[1] = function(text, at)
  return byte(text, at) or missing()
end

unsigned[2] = function(text, at)
  local a, b = byte(text, at, at + 1)
  return b and a * 256 + b or missing()
end

unsigned[4] = function(text, at)
  local a, b, c, d = byte(text, at, at + 3)
  return d and ((a * 256 + b) * 256 + c) * 256 + d or missing()
end

for _, size in ipairs({ 1, 2, 4 }) do
  local read_unsigned, limit = unsigned[size], 2 ^ (size * 8 - 1)
  signed[size] = function(text, at)
    local value = read_unsigned(text, at)
    return value >= limit and value - limit * 2 or value
  end
end

-- An unsigned integer beyond the signed ones turns negative, as in lua-cmsgpack.
signed[8] = function(text, at)
  local high, low = signed[4](text, at), unsigned[4](text, at + 4)
  return high * 4294967296 + low
end
unsigned[8] = signed[8]

local read

local function text_at(text, at, size)
  if at + size - 1 > #text then
    missing()
  end
  return sub(text, at, at + size - 1), at + size
end

local function read_array(text, at, count)
  local array = {}
  for i = 1, count do
    local head = byte(text, at)
    if head and head < 128 then
      array[i] = head
      at = at + 1
    else
      array[i], at = read(text, at, head)
    end
  end
  return array, at
end

local function read_map(text, at, count)
  local map, size = {}, #text
  for _ = 1, count do
    local key, value
    local head = byte(text, at)
    if head and head >= 160 and head < 192 and at + head - 160 <= size then
      -- A short string, written out here: most keys are.
      key = sub(text, at + 1, at + head - 160)
      at = at + head - 159
    else
      key, at = read(text, at, head)
    end
    head = byte(text, at)
    if head and head < 128 then
      value = head
      at = at + 1
    else
      value, at = read(text, at, head)
    end
    if key == nil then
      error("table index is nil", 0)
    elseif key ~= key then
      error("table index is NaN", 0)
    end
    map[key] = value
  end
  return map, at
end

local readers = {
  [192] = function(_, at)
    return nil, at
  end,
  [194] = function(_, at)
    return false, at
  end,
  [195] = function(_, at)
    return true, at
  end,
  [202] = function(text, at)
    local a, b, c, d = byte(text, at, at + 3)
    return d and decode_single(a, b, c, d) or missing(), at + 4
  end,
  [203] = function(text, at)
    local a, b, c, d, e, f, g, h = byte(text, at, at + 7)
    return h and decode_double(a, b, c, d, e, f, g, h) or missing(), at + 8
  end,
}

for i, size in ipairs({ 1, 2, 4, 8 }) do
  local read_unsigned, read_signed = unsigned[size], signed[size]
  readers[203 + i] = function(text, at)
    return read_unsigned(text, at), at + size
  end
  readers[207 + i] = function(text, at)
    return read_signed(text, at), at + size
  end
end

for i, size in ipairs({ 1, 2, 4 }) do
  local read_size = unsigned[size]
  readers[216 + i] = function(text, at)
    return text_at(text, at + size, read_size(text, at))
  end
end

for i, size in ipairs({ 2, 4 }) do
  local read_size = unsigned[size]
  readers[219 + i] = function(text, at)
    return read_array(text, at + size, read_size(text, at))
  end
  readers[221 + i] = function(text, at)
    return read_map(text, at + size, read_size(text, at))
  end
end

-- Return the value at a place, whose first byte is known, and the place behind it.
function read(text, at, head)
  if not head then
    missing()
  elseif head < 128 then
    return head, at + 1
  elseif head < 144 then
    return read_map(text, at + 1, head - 128)
  elseif head < 160 then
    return read_array(text, at + 1, head - 144)
  elseif head < 192 then
    local after = at + head - 159
    if after > #text + 1 then
      missing()
    end
    return sub(text, at + 1, after - 1), after
  elseif head >= 224 then
    return head - 256, at + 1
  end
  local reader = readers[head]
  if not reader then
    error("Bad data format in input.")
  end
  return reader(text, at + 1)
end

local function require_text(text, name, count)
  if type(text) == "number" then
    return text .. ""
  elseif type(text) ~= "string" then
    core.wrong_type(1, name, "string", text, count)
  end
  return text
end

local function unpack_all(text)
  local values, count, at = {}, 0, 1
  while at <= #text do
    count = count + 1
    values[count], at = read(text, at, byte(text, at))
  end
  return unpack(values, 1, count)
end

local function unpack_some(text, limit, offset)
  if offset < 0 or limit < 0 then
    -- What is said of it is an int.
    error("Invalid request to unpack with offset of " .. core.as_int(offset) .. " and limit of " .. #text .. ".")
  elseif offset > #text then
    error("Start offset " .. core.as_int(offset) .. " greater than input length " .. #text .. ".")
  elseif limit == 0 and offset == 0 then
    return unpack_all(text)
  end
  local values, count, at = {}, 0, offset + 1
  while at <= #text and count < limit do
    count = count + 1
    values[count], at = read(text, at, byte(text, at))
  end
  return at > #text and -1 or at - 1, unpack(values, 1, count)
end

local function optional_integer(default, position, name, count, value)
  if value == nil and default then
    return default
  end
  local number = core.require_number(value, position, name, count)
  if number ~= number or number >= 2 ^ 63 or number < -2 ^ 63 then
    return -2 ^ 63
  end
  return number < 0 and -floor(-number) or floor(number)
end

core.cmsgpack = {
  _NAME = "cmsgpack",
  _VERSION = "lua-cmsgpack 0.4.0",
  _COPYRIGHT = "MessagePack for Lua scripts",
  _DESCRIPTION = "MessagePack C implementation for Lua",
  pack = pack,
  unpack = function(...)
    local text = require_text((...), "unpack", select("#", ...))
    return unpack_all(text)
  end,
  unpack_one = function(...)
    local count = select("#", ...)
    local text, offset = ...
    offset = optional_integer(0, 2, "unpack_one", count, offset)
    text = require_text(text, "unpack_one", count)
    return unpack_some(text, 1, offset)
  end,
  unpack_limit = function(...)
    local count = select("#", ...)
    local text, limit, offset = ...
    limit = optional_integer(nil, 2, "unpack_limit", count, limit)
    offset = optional_integer(0, 3, "unpack_limit", count, offset)
    text = require_text(text, "unpack_limit", count)
    return unpack_some(text, limit, offset)
  end,
}
