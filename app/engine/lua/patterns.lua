-- Guards for the pattern functions of the string library.
--
-- The stock matcher recurses in C, as deep as the pattern has quantified items, and it
-- backtracks without ever letting the hook run. So each pattern is weighed
-- once: how many of its quantified items are followed by something that may fail. Where
-- length ^ that number is too much, a matcher written in Lua does the work: slower, but
-- it can be stopped. See matcher.lua.

local core = ...

local byte, error, find, gmatch, gsub = string.byte, error, string.find, string.gmatch, string.gsub
local len, match, type, tostring = string.len, string.match, type, tostring
local poll = core.poll
local COST_MAX, COST_TO_POLL = core.limits.pattern_cost, core.limits.pattern_cost_to_poll
local SUBJECT_MAX = core.limits.pattern_subject_bytes
local ITEMS_MAX = core.limits.pattern_items
local REMEMBERED_MAX = 500

local weights, remembered = {}, 0

-- Return the end of the single-character item that starts at a place, as the stock
-- matcher reads it, or nil where the pattern is malformed.
local function item_end(pattern, at)
  local c = byte(pattern, at)
  if c == 37 then -- %
    return at + 1 <= #pattern and at + 2 or nil
  elseif c == 91 then -- [
    at = at + 1
    if byte(pattern, at) == 94 then
      at = at + 1
    end
    repeat
      c = byte(pattern, at)
      if not c then
        return nil
      end
      at = at + 1
      if c == 37 then
        at = at + 1
      end
    until byte(pattern, at) == 93
    return at + 1
  end
  return at + 1
end
core.item_end = item_end

-- Return how the work grows: the exponent of the subject's length, or false where
-- the pattern needs more stack than there is.
local function weigh(pattern)
  local at, size = 1, #pattern
  local exponent, items, pending = 1, 0, 0
  if byte(pattern, 1) == 94 then
    at, exponent = 2, 0
  end
  while at <= size do
    local c = byte(pattern, at)
    local next_at
    if c == 40 or c == 41 then -- parentheses: they recurse, but never fail
      items = items + 1
      next_at = at + 1
    elseif c == 37 and byte(pattern, at + 1) == 98 then -- %b
      items = items + 1
      exponent = exponent + pending + 1
      pending = 0
      next_at = at + 4
    elseif c == 37 and byte(pattern, at + 1) == 102 then -- %f
      items = items + 1
      exponent = exponent + pending
      pending = 0
      next_at = at + 2
    else
      next_at = item_end(pattern, at)
      if not next_at then
        break
      end
      local quantifier = byte(pattern, next_at)
      exponent = exponent + pending
      pending = 0
      if quantifier == 42 or quantifier == 43 or quantifier == 45 then -- * + -
        items = items + 1
        pending = 1
        next_at = next_at + 1
      elseif quantifier == 63 then -- ?
        items = items + 1
        exponent = exponent + 0.5
        next_at = next_at + 1
      end
    end
    at = next_at
  end
  if items > ITEMS_MAX then
    return false
  end
  return exponent
end
core.weigh_pattern = weigh

local function weight(pattern)
  local known = weights[pattern]
  if known == nil then
    known = weigh(pattern)
    if remembered >= REMEMBERED_MAX then
      weights, remembered = {}, 0
    end
    weights[pattern] = known
    remembered = remembered + 1
  end
  if known == false then
    error("pattern too complex")
  end
  return known
end

-- Say whether the stock matcher may do the work; ask whether to stop where it is much.
local function is_light(subject, pattern)
  local exponent = weights[pattern] or weight(pattern)
  if exponent <= 1 and #subject < SUBJECT_MAX then
    return true
  end
  local cost = (#subject + 1) ^ exponent
  if cost > COST_MAX then
    return exponent <= 1
  end
  if cost > COST_TO_POLL then
    poll()
  end
  return true
end

local string_library = core.string

local function as_text(value)
  local kind = type(value)
  if kind == "string" then
    return value
  elseif kind == "number" then
    return tostring(value)
  end
  return nil
end

function string_library.find(...)
  local subject, pattern, start, is_plain = ...
  local s, p = as_text(subject), as_text(pattern)
  if not s or not p or is_plain or is_light(s, p) then
    return find(...)
  end
  return core.slow_find(s, p, start, true)
end

function string_library.match(...)
  local subject, pattern, start = ...
  local s, p = as_text(subject), as_text(pattern)
  if not s or not p or is_light(s, p) then
    return match(...)
  end
  return core.slow_find(s, p, start, false)
end

function string_library.gmatch(...)
  local subject, pattern = ...
  local s, p = as_text(subject), as_text(pattern)
  if not s or not p or is_light(s, p) then
    return gmatch(...)
  end
  return core.slow_gmatch(s, p)
end
string_library.gfind = string_library.gmatch

function string_library.gsub(...)
  local subject, pattern, replacement, limit = ...
  local s, p = as_text(subject), as_text(pattern)
  if not s or not p or is_light(s, p) then
    return gsub(...)
  end
  return core.slow_gsub(s, p, replacement, limit)
end
