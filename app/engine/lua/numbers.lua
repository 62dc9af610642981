-- Integers and IEEE 754 numbers as bytes, for cmsgpack and struct.

local core = ...

local char, floor, frexp, ldexp = string.char, math.floor, math.frexp, math.ldexp
local huge, sub, tostring = math.huge, string.sub, tostring

-- Return the bytes of an integer in [-2^63, 2^64), the most significant one first.
function core.encode_integer(value, size)
  if size == 1 then
    return char(value % 256)
  elseif size == 2 then
    value = value % 65536
    return char(floor(value / 256), value % 256)
  elseif size == 4 then
    value = value % 4294967296
    return char(floor(value / 16777216), floor(value / 65536) % 256, floor(value / 256) % 256, value % 256)
  end
  local low = value % 4294967296
  local high = floor(value / 4294967296) % 4294967296
  return core.encode_integer(high, 4) .. core.encode_integer(low, 4)
end

-- Return the bytes of an IEEE 754 number of 8 or 4 bytes, the most significant one first.
local function encode_float(value, size)
  local bias, fraction_bits, top = 1023, 52, 2047
  if size == 4 then
    bias, fraction_bits, top = 127, 23, 255
  end
  local sign = (value < 0 or (value == 0 and 1 / value < 0)) and 1 or 0
  local exponent, fraction
  if value ~= value then
    -- The one that x86 makes has its sign set.
    sign, exponent, fraction = core.is_negative_nan(value) and 1 or 0, top, 2 ^ (fraction_bits - 1)
  elseif value == huge or value == -huge then
    exponent, fraction = top, 0
  elseif value == 0 then
    exponent, fraction = 0, 0
  else
    local mantissa, power = frexp(sign == 1 and -value or value)
    power = power + bias - 1
    if power <= 0 then
      fraction = mantissa * 2 ^ (fraction_bits + power)
      exponent = 0
    else
      fraction = (mantissa * 2 - 1) * 2 ^ fraction_bits
      exponent = power
    end
    local whole = floor(fraction)
    local rest = fraction - whole
    if rest > 0.5 or (rest == 0.5 and whole % 2 == 1) then
      whole = whole + 1
    end
    fraction = whole
    if fraction >= 2 ^ fraction_bits then
      fraction, exponent = 0, exponent + 1
    end
    if exponent >= top then
      exponent, fraction = top, 0
    end
  end
  if size == 4 then
    return core.encode_integer(sign * 2147483648 + exponent * 8388608 + fraction, 4)
  end
  local high = sign * 2147483648 + exponent * 1048576 + floor(fraction / 4294967296)
  return core.encode_integer(high, 4) .. core.encode_integer(fraction % 4294967296, 4)
end
core.encode_float = encode_float

-- Say whether a number survives being rounded to 4 bytes.
function core.is_single(value)
  if value ~= value then
    return false
  elseif value == 0 or value == huge or value == -huge then
    return true
  end
  local mantissa, power = frexp(value < 0 and -value or value)
  if power > 128 or power < -148 then
    return false
  end
  local bits = power < -125 and 149 + power or 24
  local scaled = mantissa * 2 ^ bits
  return scaled == floor(scaled)
end

function core.is_negative_nan(value)
  return sub(tostring(value), 1, 1) == "-"
end

-- Return the number of 4 bytes, the most significant one first.
function core.decode_single(a, b, c, d)
  local exponent = (a % 128) * 2 + floor(b / 128)
  local fraction = ((b % 128) * 256 + c) * 256 + d
  local value
  if exponent == 255 then
    value = fraction == 0 and huge or 0 / 0
  elseif exponent == 0 then
    value = ldexp(fraction, -149)
  else
    value = ldexp(1 + fraction / 8388608, exponent - 127)
  end
  return a >= 128 and -value or value
end

-- Return the number of 8 bytes, the most significant one first.
function core.decode_double(a, b, c, d, e, f, g, h)
  local exponent = (a % 128) * 16 + floor(b / 16)
  local fraction = (((((b % 16) * 256 + c) * 256 + d) * 256 + e) * 256 + f) * 65536 + g * 256 + h
  local value
  if exponent == 2047 then
    value = fraction == 0 and huge or 0 / 0
  elseif exponent == 0 then
    value = ldexp(fraction, -1074)
  else
    value = ldexp(1 + fraction / 4503599627370496, exponent - 1023)
  end
  return a >= 128 and -value or value
end

