-- The cjson library, with the behaviour of lua-cjson 2.1 as Redis ships it: what is an
-- array, which numbers are refused, and the texts of its errors.
--
-- Settings that a script changes are its own: they are put back before the next one.

local core = ...

local byte, char, concat, find, floor = string.byte, string.char, table.concat, string.find, math.floor
local format, gsub, next, rawget, setmetatable = string.format, string.gsub, next, rawget, setmetatable
local sub, tonumber, tostring, type, error, lower = string.sub, tonumber, tostring, type, error, string.lower
local match, huge, select = string.match, math.huge, select

local null, bases = core.null, core.bases

-- Settings --------------------------------------------------------------------------------

local DEFAULTS = {
  sparse_convert = false,
  sparse_ratio = 2,
  sparse_safe = 10,
  encode_depth = 1000,
  decode_depth = 1000,
  precision = 14,
  number_form = "%.14g",
  keep_buffer = true,
  encode_invalid = false,
  decode_invalid = true,
}

local function new_settings()
  return setmetatable({}, { __index = DEFAULTS })
end

-- Encoding --------------------------------------------------------------------------------

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["/"] = "\\/", ["\127"] = "\\u007f" }
for code = 0, 31 do
  ESCAPES[char(code)] = format("\\u%04x", code)
end
ESCAPES["\b"], ESCAPES["\t"], ESCAPES["\n"], ESCAPES["\f"], ESCAPES["\r"] = "\\b", "\\t", "\\n", "\\f", "\\r"

local function quote(text)
  if find(text, '[%c"\\/]') then
    text = gsub(text, '[%c"\\/]', ESCAPES)
  end
  return '"' .. text .. '"'
end

-- Names of fields recur: their quoted form is kept, for some of them.
local QUOTED_MAX, QUOTED_BYTES_MAX = 1000, 40
local quoted, quoted_count = {}, 0

local function quote_key(key)
  local text = quote(key)
  if #key <= QUOTED_BYTES_MAX then
    if quoted_count >= QUOTED_MAX then
      quoted, quoted_count = {}, 0
    end
    quoted[key] = text
    quoted_count = quoted_count + 1
  end
  return text
end

local function number_text(settings, number)
  if number ~= number or number == huge or number == -huge then
    if not settings.encode_invalid then
      error("Cannot serialise number: must not be NaN or Inf")
    elseif settings.encode_invalid == "null" then
      return "null"
    elseif number ~= number then
      return "nan"
    end
    return number > 0 and "inf" or "-inf"
  elseif settings.precision == 14 then
    return number .. "" -- Lua itself writes numbers with 14 digits
  end
  return format(settings.number_form, number)
end

-- Return the largest index as C's int, which overflows: a table whose keys are times in
-- milliseconds is an object, not a sparse array.
local INT_MAX, INT_MIN = 2147483647, -2147483648
local function overflowing_largest(t)
  local largest = 0
  for key in next, t do
    if key > largest then
      largest = key <= INT_MAX and key or INT_MIN
    end
  end
  return largest
end

-- Return the length of a table that is an array, or nil.
local function array_length(settings, t)
  local largest, count = 0, 0
  for key in next, t do
    if type(key) == "number" and key > 0 and floor(key) == key then
      if key > largest then
        largest = key
      end
      count = count + 1
    else
      return nil
    end
  end
  if largest > INT_MAX then
    largest = overflowing_largest(t)
    if largest < 0 then
      return nil
    end
  end
  if settings.sparse_ratio > 0 and largest > count * settings.sparse_ratio and largest > settings.sparse_safe then
    if not settings.sparse_convert then
      error("Cannot serialise table: excessively sparse array")
    end
    return nil
  end
  return largest
end

local append

local function append_array(settings, out, size, t, length, depth)
  out[size + 1] = "["
  size = size + 1
  for i = 1, length do
    local item = t[i]
    local kind = type(item)
    if i > 1 then
      size = size + 1
      out[size] = ","
    end
    if kind == "string" then
      size = size + 1
      out[size] = quote(item)
    else
      size = append(settings, out, size, item, kind, depth)
    end
  end
  out[size + 1] = "]"
  return size + 1
end

local function append_object(settings, out, size, t, depth)
  local opening = "{"
  for key, value in next, t do
    local kind = type(key)
    if kind == "string" then
      key = quoted[key] or quote_key(key)
    elseif kind == "number" then
      key = '"' .. number_text(settings, key) .. '"'
    else
      error("Cannot serialise " .. kind .. ": table key must be a number or string")
    end
    kind = type(value)
    size = size + 1
    if kind == "string" then
      out[size] = opening .. key .. ":" .. quote(value)
    else
      out[size] = opening .. key .. ":"
      size = append(settings, out, size, value, kind, depth)
    end
    opening = ","
  end
  size = size + 1
  out[size] = opening == "{" and "{}" or "}"
  return size
end

function append(settings, out, size, value, kind, depth)
  if kind == "table" then
    value = bases[value] or value
    depth = depth + 1
    if depth > settings.encode_depth then
      error("Cannot serialise, excessive nesting (" .. depth .. ")")
    end
    local length = array_length(settings, value)
    if length and length > 0 then
      return append_array(settings, out, size, value, length, depth)
    end
    return append_object(settings, out, size, value, depth)
  end
  size = size + 1
  if kind == "number" then
    out[size] = number_text(settings, value)
  elseif kind == "string" then
    out[size] = quote(value)
  elseif kind == "boolean" then
    out[size] = value and "true" or "false"
  elseif value == nil or value == null then
    out[size] = "null"
  else
    error("Cannot serialise " .. kind .. ": type not supported")
  end
  return size
end

local function encode(settings, value)
  local kind = type(value)
  if kind == "string" then
    return quote(value)
  end
  local out = {}
  append(settings, out, 0, value, kind, 0)
  return concat(out)
end

-- Decoding --------------------------------------------------------------------------------

local function fail(expected, found, at)
  error("Expected " .. expected .. " but found " .. found .. " at character " .. at)
end

local TOKENS = {
  [123] = "T_OBJ_BEGIN",
  [125] = "T_OBJ_END",
  [91] = "T_ARR_BEGIN",
  [93] = "T_ARR_END",
  [44] = "T_COMMA",
  [58] = "T_COLON",
}

local UNESCAPES = { [34] = '"', [92] = "\\", [47] = "/", [98] = "\b", [102] = "\f", [110] = "\n", [114] = "\r", [116] = "\t" }

local function utf8(code)
  if code < 128 then
    return char(code)
  elseif code < 2048 then
    return char(192 + floor(code / 64), 128 + code % 64)
  elseif code < 65536 then
    return char(224 + floor(code / 4096), 128 + floor(code / 64) % 64, 128 + code % 64)
  end
  return char(240 + floor(code / 262144), 128 + floor(code / 4096) % 64, 128 + floor(code / 64) % 64, 128 + code % 64)
end

-- Return the text of a \u escape whose backslash is at a place, and the place behind it.
local function unescape_unicode(text, at)
  local digits = match(text, "^%x%x%x%x", at + 2)
  if not digits then
    return nil
  end
  local code = tonumber(digits, 16)
  if code >= 0xD800 and code <= 0xDFFF then
    if code >= 0xDC00 then
      return nil
    end
    local low = match(text, "^\\u(%x%x%x%x)", at + 6)
    low = low and tonumber(low, 16)
    if not low or low < 0xDC00 or low > 0xDFFF then
      return nil
    end
    return utf8((code - 0xD800) * 1024 + low - 0xDC00 + 65536), at + 12
  end
  return utf8(code), at + 6
end

-- Return the string that opens at a place and the place behind it; nil, the trouble and
-- its place where it is broken.
local function read_string(text, at)
  local from = at + 1
  local stop = find(text, '["\\%z]', from)
  if stop and byte(text, stop) == 34 then
    return sub(text, from, stop - 1), stop + 1
  end
  local parts, size = {}, 0
  while true do
    local c = stop and byte(text, stop)
    if not c or c == 0 then
      return nil, "unexpected end of string", stop or #text + 1
    end
    size = size + 1
    parts[size] = sub(text, from, stop - 1)
    if c == 34 then
      return concat(parts), stop + 1
    end
    local escaped = byte(text, stop + 1)
    local plain = UNESCAPES[escaped]
    if plain then
      from = stop + 2
    elseif escaped == 117 then
      plain, from = unescape_unicode(text, stop)
      if not plain then
        return nil, "invalid unicode escape code", stop
      end
    else
      return nil, "invalid escape code", stop
    end
    size = size + 1
    parts[size] = plain
    stop = find(text, '["\\%z]', from)
  end
end

local function is_odd_number(text, at)
  local first = byte(text, at)
  if first == 43 then
    return true
  elseif first == 45 then
    at = at + 1
    first = byte(text, at)
  end
  if first == 48 then
    return find(text, "^[xX%d]", at + 1) ~= nil
  elseif first and first <= 57 then
    return false
  end
  local word = lower(sub(text, at, at + 2))
  return word == "inf" or word == "nan"
end

-- Return the number at a place, as strtod reads it, and the place behind it, or nil.
local function read_number(text, at)
  local _, stop = find(text, "^[-+]?%d+%.?%d*", at)
  if not stop then
    _, stop = find(text, "^[-+]?%.%d+", at)
  end
  if stop then
    local hex = match(text, "^[-+]?0[xX]%x+%.?%x*", at)
    if hex then
      local value, after = core.parse_hex(text, at)
      if value then
        return value, after
      end
    end
    local _, exponent = find(text, "^[eE][-+]?%d+", stop + 1)
    stop = exponent or stop
    return tonumber(sub(text, at, stop)), stop + 1
  end
  local sign, word = match(text, "^([-+]?)(%a+)", at)
  word = word and lower(word)
  if word and sub(word, 1, 3) == "inf" then
    local length = sub(word, 1, 8) == "infinity" and 8 or 3
    return sign == "-" and -huge or huge, at + #sign + length
  elseif word and sub(word, 1, 3) == "nan" then
    local value = -(0 / 0)
    return sign == "-" and -value or value, at + #sign + 3
  end
  return nil
end

local function token_at(text, at, settings)
  local c = byte(text, at)
  if not c or c == 0 then
    return "T_END"
  elseif TOKENS[c] then
    return TOKENS[c]
  elseif c == 34 then
    local value, trouble, where = read_string(text, at)
    if value then
      return "T_STRING"
    end
    return trouble, where
  elseif c == 45 or (c >= 48 and c <= 57) then
    if not settings.decode_invalid and is_odd_number(text, at) then
      return "invalid number"
    end
    return read_number(text, at) and "T_NUMBER" or "invalid number"
  elseif sub(text, at, at + 3) == "true" or sub(text, at, at + 4) == "false" then
    return "T_BOOLEAN"
  elseif sub(text, at, at + 3) == "null" then
    return "T_NULL"
  elseif settings.decode_invalid and is_odd_number(text, at) then
    return read_number(text, at) and "T_NUMBER" or "invalid number"
  end
  return "invalid token"
end

local function fail_at(text, at, settings, expected)
  local token, where = token_at(text, at, settings)
  fail(expected, token, where or at)
end

local read_value

local function check_depth(settings, depth, at)
  if depth > settings.decode_depth then
    error("Found too many nested data structures (" .. depth .. ") at character " .. at)
  end
end

-- Return the place of the first byte from a place on that is no space, and the byte.
local function skip_spaces(text, at)
  at = find(text, "[^ \t\r\n]", at) or #text + 1
  return at, byte(text, at)
end

local function read_array(text, at, settings, depth)
  check_depth(settings, depth, at)
  local array, count = {}, 0
  at = at + 1
  local c = byte(text, at)
  if not c or c <= 32 then
    at, c = skip_spaces(text, at)
  end
  if c == 93 then
    return array, at + 1
  end
  while true do
    count = count + 1
    array[count], at = read_value(text, at, c, settings, depth)
    c = byte(text, at)
    if not c or c <= 32 then
      at, c = skip_spaces(text, at)
    end
    if c == 44 then
      at = at + 1
      c = byte(text, at)
      if not c or c <= 32 then
        at, c = skip_spaces(text, at)
      end
    elseif c == 93 then
      return array, at + 1
    else
      fail_at(text, at, settings, "comma or array end")
    end
  end
end

-- Return the name of a field and the place of its value, where there is anything odd.
local function read_key(text, at, settings)
  local key, after
  if byte(text, at) == 34 then
    key, after = read_string(text, at)
  end
  if not key then
    fail_at(text, at, settings, "object key string")
  end
  local c
  at, c = skip_spaces(text, after)
  if c ~= 58 then
    fail_at(text, at, settings, "colon")
  end
  return key, (skip_spaces(text, at + 1))
end

local function read_object(text, at, settings, depth)
  check_depth(settings, depth, at)
  local object = {}
  at = at + 1
  local c = byte(text, at)
  if not c or c <= 32 then
    at, c = skip_spaces(text, at)
  end
  if c == 125 then
    return object, at + 1
  end
  while true do
    local key, after = match(text, '^"([^"\\%z]*)"[ \t\r\n]*:[ \t\r\n]*()', at)
    if key then
      at = after
    else
      key, at = read_key(text, at, settings)
    end
    object[key], at = read_value(text, at, byte(text, at), settings, depth)
    c = byte(text, at)
    if not c or c <= 32 then
      at, c = skip_spaces(text, at)
    end
    if c == 44 then
      at = at + 1
      c = byte(text, at)
      if not c or c <= 32 then
        at = skip_spaces(text, at)
      end
    elseif c == 125 then
      return object, at + 1
    else
      fail_at(text, at, settings, "comma or object end")
    end
  end
end

-- Return the value at a place, whose first byte is no space, and the place behind it.
function read_value(text, at, c, settings, depth)
  if c == 34 then
    local value, after = match(text, '^"([^"\\%z]*)"()', at)
    if not value then
      value, after = read_string(text, at)
    end
    if value then
      return value, after
    end
  elseif c == 123 then
    return read_object(text, at, settings, depth + 1)
  elseif c == 91 then
    return read_array(text, at, settings, depth + 1)
  elseif c == 116 and sub(text, at, at + 3) == "true" then
    return true, at + 4
  elseif c == 102 and sub(text, at, at + 4) == "false" then
    return false, at + 5
  elseif c == 110 and sub(text, at, at + 3) == "null" then
    return null, at + 4
  elseif c and (c == 45 or (c >= 48 and c <= 57)) then
    if settings.decode_invalid or not is_odd_number(text, at) then
      local digits, after = match(text, "^(-?%d+)()[%],}]", at)
      if digits then
        return tonumber(digits), after
      end
      local value
      value, after = read_number(text, at)
      if value then
        return value, after
      end
    end
  elseif settings.decode_invalid and is_odd_number(text, at) then
    local value, after = read_number(text, at)
    if value then
      return value, after
    end
  end
  fail_at(text, at, settings, "value")
end

local function decode(settings, text)
  if byte(text, 1) == 0 or byte(text, 2) == 0 then
    error("JSON parser does not support UTF-16 or UTF-32")
  end
  -- The C parser ends at the first NUL behind the value.
  local at, c = skip_spaces(text, 1)
  local value
  value, at = read_value(text, at, c, settings, 0)
  at = skip_spaces(text, at)
  if at <= #text and byte(text, at) ~= 0 then
    fail_at(text, at, settings, "the end")
  end
  return value
end

-- The library ---------------------------------------------------------------------------------

local function as_boolean(value, position, name)
  if value == true or value == "on" then
    return true
  elseif value == false or value == "off" then
    return false
  elseif type(value) ~= "string" and type(value) ~= "number" then
    core.wrong_type(position, name, "string", value)
  end
  core.bad_argument(position, name, "invalid option '" .. match(value, "^[^%z]*") .. "'")
end

local function as_integer(value, least, most, position, name)
  local number = tonumber(value)
  if not number then
    core.wrong_type(position, name, "number", value)
  end
  number = number < 0 and -floor(-number) or floor(number)
  if number < least or number > most then
    core.bad_argument(1, name, "expected integer between " .. least .. " and " .. most)
  end
  return number
end

local function refuse_more(most, name, ...)
  if select("#", ...) > most then
    core.bad_argument(most + 1, name, "found too many arguments")
  end
end

local function define_settings(library, settings)
  function library.encode_sparse_array(...)
    refuse_more(3, "encode_sparse_array", ...)
    local convert, ratio, safe = ...
    core.mark_dirty()
    if convert ~= nil then
      settings.sparse_convert = as_boolean(convert, 1, "encode_sparse_array")
    end
    if ratio ~= nil then
      settings.sparse_ratio = as_integer(ratio, 0, 2147483647, 2, "encode_sparse_array")
    end
    if safe ~= nil then
      settings.sparse_safe = as_integer(safe, 0, 2147483647, 3, "encode_sparse_array")
    end
    return settings.sparse_convert, settings.sparse_ratio, settings.sparse_safe
  end

  local function define_number(name, field, least, most)
    library[name] = function(...)
      refuse_more(1, name, ...)
      local value = ...
      core.mark_dirty()
      if value ~= nil then
        settings[field] = as_integer(value, least, most, 1, name)
        settings.number_form = "%." .. settings.precision .. "g"
      end
      return settings[field]
    end
  end

  define_number("encode_max_depth", "encode_depth", 1, 2147483647)
  define_number("decode_max_depth", "decode_depth", 1, 2147483647)
  define_number("encode_number_precision", "precision", 1, 14)

  function library.encode_keep_buffer(...)
    refuse_more(1, "encode_keep_buffer", ...)
    local keep = ...
    core.mark_dirty()
    if keep ~= nil then
      settings.keep_buffer = as_boolean(keep, 1, "encode_keep_buffer")
    end
    return settings.keep_buffer
  end

  function library.encode_invalid_numbers(...)
    refuse_more(1, "encode_invalid_numbers", ...)
    local mode = ...
    core.mark_dirty()
    if mode == "null" then
      settings.encode_invalid = "null"
    elseif mode ~= nil then
      settings.encode_invalid = as_boolean(mode, 1, "encode_invalid_numbers")
    end
    return settings.encode_invalid
  end

  function library.decode_invalid_numbers(...)
    refuse_more(1, "decode_invalid_numbers", ...)
    local mode = ...
    core.mark_dirty()
    if mode ~= nil then
      settings.decode_invalid = as_boolean(mode, 1, "decode_invalid_numbers")
    end
    return settings.decode_invalid
  end
end

local function new_library()
  local settings = new_settings()
  local library = { _NAME = "cjson", _VERSION = "2.1.0", null = null }
  function library.encode(...)
    if select("#", ...) ~= 1 then
      core.bad_argument(1, "encode", "expected 1 argument")
    end
    return (encode(settings, (...)))
  end
  function library.decode(...)
    local text = ...
    if select("#", ...) ~= 1 then
      core.bad_argument(1, "decode", "expected 1 argument")
    elseif type(text) == "number" then
      text = text .. ""
    elseif type(text) ~= "string" then
      core.bad_argument(1, "decode", "string expected, got " .. type(text))
    end
    return (decode(settings, text))
  end
  library.new = function()
    return (new_library())
  end
  define_settings(library, settings)
  return library, settings
end

local shared_settings
core.cjson, shared_settings = new_library()

-- Put the settings of the shared library back.
function core.cjson_reset()
  for field in next, shared_settings do
    shared_settings[field] = nil
  end
end

function core.parse_hex(text, at)
  local sign, digits = match(text, "^([-+]?)0[xX](%x+)", at)
  local value = 0
  for i = 1, #digits do
    value = value * 16 + tonumber(sub(digits, i, i), 16)
  end
  return sign == "-" and -value or value, at + #sign + 2 + #digits
end
