-- Lua's patterns, matched in Lua: slower than the C matcher, but under the count hook.
-- Only work that could take long comes here; see patterns.lua.
--
-- `run(state, s, p)` returns the place after the match of the pattern from `p` on at `s`,
-- or nil. Places are 1-based; state holds the subject, the pattern and the captures.

local core = ...

local byte, sub, find, error, type = string.byte, string.sub, string.find, error, type
local tonumber, tostring, concat = tonumber, tostring, table.concat
local floor, gsub, min = math.floor, string.gsub, math.min
local unpack = core.unpack
local item_end = core.item_end
local POSITION, OPEN = -2, -1
local DEPTH_MAX, CAPTURES_MAX = core.limits.match_depth, core.limits.captures

-- Say whether one character of the subject matches the item at [p, e) of the pattern.
-- The stock matcher is asked about that one character: the rules of classes and sets
-- are then its own.
local function fits(state, s, p, e)
  local c = byte(state.subject, s)
  if not c then
    return false
  end
  local known = state.fitting[p]
  if not known then
    known = { item = "^" .. sub(state.pattern, p, e - 1) .. "$" }
    state.fitting[p] = known
  end
  local answer = known[c]
  if answer == nil then
    local one = sub(state.subject, s, s)
    if e == p + 1 and byte(state.pattern, p) ~= 46 then
      answer = one == sub(state.pattern, p, p)
    else
      answer = find(one, known.item) ~= nil
    end
    known[c] = answer
  end
  return answer
end

local run

local function close_capture(state, s, p)
  for level = state.level, 1, -1 do
    if state.length[level] == OPEN then
      state.length[level] = s - state.start[level]
      local reached = run(state, s, p + 1)
      if not reached then
        state.length[level] = OPEN
      end
      return reached
    end
  end
  error("invalid pattern capture", 0)
end

local function open_capture(state, s, p, kind)
  local level = state.level + 1
  if level > CAPTURES_MAX then
    error("too many captures", 0)
  end
  state.start[level] = s
  state.length[level] = kind
  state.level = level
  local reached = run(state, s, p)
  if not reached then
    state.level = level - 1
  end
  return reached
end

local function match_balance(state, s, p)
  local opening, closing = byte(state.pattern, p, p + 1)
  if not closing then
    error("unbalanced pattern", 0)
  end
  local subject = state.subject
  if byte(subject, s) ~= opening then
    return nil
  end
  local depth = 1
  for at = s + 1, #subject do
    local c = byte(subject, at)
    if c == closing then
      depth = depth - 1
      if depth == 0 then
        return at + 1
      end
    elseif c == opening then
      depth = depth + 1
    end
  end
  return nil
end

local function match_back(state, s, digit)
  local level = digit - 48
  if level < 1 or level > state.level or state.length[level] == OPEN then
    error("invalid capture index", 0)
  end
  local size = state.length[level]
  local captured = sub(state.subject, state.start[level], state.start[level] + size - 1)
  if sub(state.subject, s, s + size - 1) == captured then
    return s + size
  end
  return nil
end

local function match_frontier(state, s, p)
  if byte(state.pattern, p) ~= 91 then
    error("missing '[' after '%f' in pattern", 0)
  end
  local e = item_end(state.pattern, p)
  local set = "^" .. sub(state.pattern, p, e - 1)
  local before = s == 1 and "\0" or sub(state.subject, s - 1, s - 1)
  local after = s > #state.subject and "\0" or sub(state.subject, s, s)
  if find(before, set) or not find(after, set) then
    return nil
  end
  return e
end

local function expand(state, s, p, e)
  local count = 0
  while fits(state, s + count, p, e) do
    count = count + 1
  end
  for taken = count, 0, -1 do
    local reached = run(state, s + taken, e + 1)
    if reached then
      return reached
    end
  end
  return nil
end

local function expand_least(state, s, p, e)
  while true do
    local reached = run(state, s, e + 1)
    if reached then
      return reached
    elseif fits(state, s, p, e) then
      s = s + 1
    else
      return nil
    end
  end
end

-- One step of the items that are no plain characters: (handled, reached, s, p).
local function special(state, s, p, c)
  local pattern = state.pattern
  if c == 40 then
    if byte(pattern, p + 1) == 41 then
      return true, open_capture(state, s, p + 2, POSITION)
    end
    return true, open_capture(state, s, p + 1, OPEN)
  elseif c == 41 then
    return true, close_capture(state, s, p)
  elseif c == 36 and p == #pattern then
    return true, s == #state.subject + 1 and s or nil
  elseif c == 37 then
    local d = byte(pattern, p + 1)
    if d == 98 then
      s = match_balance(state, s, p + 2)
      return s == nil, nil, s, p + 4
    elseif d == 102 then
      p = match_frontier(state, s, p + 2)
      return p == nil, nil, s, p
    elseif d and d >= 48 and d <= 57 then
      s = match_back(state, s, d)
      return s == nil, nil, s, p + 2
    end
  end
  return nil
end

local function steps(state, s, p)
  local pattern = state.pattern
  while p <= #pattern do
    local c = byte(pattern, p)
    local handled, reached, s_after, p_after = special(state, s, p, c)
    if handled then
      return reached
    elseif handled == false then
      s, p = s_after, p_after
    else
      local e = item_end(pattern, p)
      if not e then
        error(c == 37 and "malformed pattern (ends with '%')" or "malformed pattern (missing ']')", 0)
      end
      local quantifier = byte(pattern, e)
      if quantifier == 63 then
        if fits(state, s, p, e) then
          reached = run(state, s + 1, e + 1)
          if reached then
            return reached
          end
        end
        p = e + 1
      elseif quantifier == 42 then
        return expand(state, s, p, e)
      elseif quantifier == 43 then
        return fits(state, s, p, e) and expand(state, s + 1, p, e) or nil
      elseif quantifier == 45 then
        return expand_least(state, s, p, e)
      elseif fits(state, s, p, e) then
        s, p = s + 1, e
      else
        return nil
      end
    end
  end
  return s
end

function run(state, s, p)
  state.depth = state.depth + 1
  if state.depth > DEPTH_MAX then
    error("pattern too complex", 0)
  end
  local reached = steps(state, s, p)
  state.depth = state.depth - 1
  return reached
end

local function new_state(subject, pattern)
  return { subject = subject, pattern = pattern, level = 0, start = {}, length = {}, fitting = {}, depth = 0 }
end

local function capture(state, level)
  local size = state.length[level]
  if size == OPEN then
    error("unfinished capture", 0)
  elseif size == POSITION then
    return state.start[level]
  end
  return sub(state.subject, state.start[level], state.start[level] + size - 1)
end

-- Return the captures in a table with their number; the whole match where there are none.
local function captures(state, s, e, needs_one)
  local found = {}
  for level = 1, state.level do
    found[level] = capture(state, level)
  end
  if state.level == 0 and needs_one then
    return { sub(state.subject, s, e - 1) }, 1
  end
  return found, state.level
end

-- Match at a place or behind it; return where the match starts and where it ends.
local function scan(state, s, is_anchored, p)
  while s <= #state.subject + 1 do
    state.level, state.depth = 0, 0
    local e = run(state, s, p)
    if e then
      return s, e
    elseif is_anchored then
      return nil
    end
    s = s + 1
  end
  return nil
end

function core.slow_find(subject, pattern, start, wants_places)
  start = floor(tonumber(start) or 1)
  if start < 0 then
    start = #subject + start + 1
  end
  start = start < 1 and 1 or min(start, #subject + 1)
  local state = new_state(subject, pattern)
  local is_anchored = byte(pattern) == 94
  local s, e = scan(state, start, is_anchored, is_anchored and 2 or 1)
  if not s then
    return nil
  end
  local found, count = captures(state, s, e, not wants_places)
  if wants_places then
    return s, e - 1, unpack(found, 1, count)
  end
  return unpack(found, 1, count)
end

function core.slow_gmatch(subject, pattern)
  local state = new_state(subject, pattern)
  local at = 1
  return function()
    local s, e = scan(state, at, false, 1)
    if not s then
      at = #subject + 2
      return nil
    end
    at = e == s and e + 1 or e
    local found, count = captures(state, s, e, true)
    return unpack(found, 1, count)
  end
end

-- Return what a match is replaced by: the replacement may be text, a table or a function.
local function replace(state, s, e, replacement)
  local whole = sub(state.subject, s, e - 1)
  local kind = type(replacement)
  local value
  if kind == "table" then
    value = replacement[captures(state, s, e, true)[1]]
  elseif kind == "function" then
    local found, count = captures(state, s, e, true)
    value = replacement(unpack(found, 1, count))
  else
    local found = captures(state, s, e, true)
    return (gsub(replacement, "%%(.)", function(digit)
      if digit == "0" then
        return whole
      elseif find(digit, "%d") then
        local text = found[tonumber(digit)]
        if text == nil then
          error("invalid capture index", 0)
        end
        return tostring(text)
      end
      return digit
    end))
  end
  if not value then
    return whole
  elseif type(value) ~= "string" and type(value) ~= "number" then
    error("invalid replacement value (a " .. type(value) .. ")", 0)
  end
  return tostring(value)
end

function core.slow_gsub(subject, pattern, replacement, limit)
  local kind = type(replacement)
  if kind == "number" then
    replacement = tostring(replacement)
  elseif kind ~= "string" and kind ~= "table" and kind ~= "function" then
    core.bad_argument(3, "gsub", "string/function/table expected")
  end
  local state = new_state(subject, pattern)
  local is_anchored = byte(pattern) == 94
  local p = is_anchored and 2 or 1
  local most = limit or #subject + 1
  local parts, size, count, s = {}, 0, 0, 1
  while count < most do
    state.level, state.depth = 0, 0
    local e = run(state, s, p)
    size = size + 1
    if e then
      count = count + 1
      parts[size] = replace(state, s, e, replacement)
    end
    if e and e > s then
      s = e
    elseif s <= #subject then
      if e then
        size = size + 1
      end
      parts[size] = sub(subject, s, s)
      s = s + 1
    else
      if not e then
        parts[size] = ""
      end
      break
    end
    if is_anchored then
      break
    end
  end
  parts[#parts + 1] = sub(subject, s)
  return concat(parts), count
end
