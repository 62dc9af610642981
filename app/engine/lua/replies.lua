-- Replies, both ways: what a command answered becomes a Lua value, and what a script
-- returns becomes a reply.
--
-- Toward a script: numbers and strings cross as they are, `true` is +OK, nil is null, and
-- behind `false` come a tag and values. Where more follows, `fetch()` gives it, a tag and
-- values again:
--   1 items           a flat array of strings, numbers and nulls (false)
--   2 items           the same, and more follows
--   3 code, value...  a tree, written from the root on (see grow)
--   4 code, value...  the same, and more follows
--   5 text, counted   an error
--   6                 no room: the memory limit is near
--
-- Toward the client: one plain value, or a code before the rest:
--   1 items   an array of strings            2 items   an array of strings and integers
--   3 text    RESP as it is to be sent       4 text    an error line

local core = ...

local concat, format, getmetatable, next = table.concat, string.format, getmetatable, next
local error, rawget, select, type, gsub, find, sub = error, rawget, select, type, string.gsub, string.find, string.sub
local byte = string.byte
local unpack, fetch = core.unpack, core.fetch
local ITEMS_MAX = 4000
local DEPTH_MAX = core.limits.reply_depth
local format_double = core.format_double

local script_resp, client_resp = 2, 2
local null = false

function core.set_script_resp(version)
  script_resp = version
  if version == 3 then
    null = nil
  else
    null = false
  end
end

function core.get_null()
  return null
end

function core.set_client_resp(version)
  client_resp = version
end

-- Toward the script -------------------------------------------------------------------

local function append(into, size, ...)
  local count = select("#", ...)
  local more = { ... }
  for i = 1, count do
    into[size + i] = more[i]
  end
  return size + count
end

local function append_rest(into, size, tag, ...)
  if tag == 6 then
    error(core.NO_MEMORY, 0)
  end
  return tag == 2 or tag == 4, append(into, size, ...)
end

local function gather(...)
  local all = {}
  local is_unfinished, size = true, append(all, 0, ...)
  while is_unfinished do
    is_unfinished, size = append_rest(all, size, fetch())
  end
  return all
end

-- Build the value at a place of a written tree; return it and the place behind it.
local function grow(tree, at)
  local code, value = tree[at], tree[at + 1]
  at = at + 2
  if code == 0 then
    return value, at
  elseif code == 1 then
    return null, at
  elseif code == 2 then
    return { ok = value }, at
  elseif code == 3 then
    return { err = value }, at
  elseif code == 4 then
    local array = {}
    for i = 1, value do
      array[i], at = grow(tree, at)
    end
    return array, at
  elseif code == 5 then
    local map, key = {}, nil
    for _ = 1, value do
      key, at = grow(tree, at)
      map[key], at = grow(tree, at)
    end
    return { map = map }, at
  elseif code == 6 then
    local set, member = {}, nil
    for _ = 1, value do
      member, at = grow(tree, at)
      set[member] = true
    end
    return { set = set }, at
  elseif code == 7 then
    return { double = value }, at
  elseif code == 8 then
    return { big_number = value }, at
  end
  return { verbatim_string = { format = value, string = tree[at + 1] } }, at + 2
end

-- Return the value that came in pieces, and whether it is an error.
function core.receive(tag, ...)
  if tag == 1 then
    return { ... }
  elseif tag == 2 then
    return gather(...)
  elseif tag == 3 then
    return (grow({ ... }, 1))
  elseif tag == 4 then
    return (grow(gather(...), 1))
  elseif tag == 5 then
    local text, is_counted = ...
    return { err = text, ignore_error_stats_update = is_counted or nil }, true
  end
  error(core.NO_MEMORY, 0)
end

-- Toward the client -------------------------------------------------------------------

-- To Redis a text of one line is a string of C: it ends at a NUL.
local function one_line(text)
  local nul = find(text, "\0", 1, true)
  if nul then
    text = sub(text, 1, nul - 1)
  end
  if find(text, "[\r\n]") then
    text = gsub(text, "[\r\n]", " ")
  end
  return text
end
core.one_line = one_line

-- An error that a script returns ends with no line feed, where a status has spaces.
local function error_line(text)
  local last = #text
  while last > 0 and byte(text, last) <= 13 and find("\r\n", sub(text, last, last), 1, true) do
    last = last - 1
  end
  return one_line(sub(text, 1, last))
end

local encode

local function count_pairs(t)
  local count = 0
  for _ in next, t do
    count = count + 1
  end
  return count
end

local function encode_map(map, out, depth)
  local count = count_pairs(map)
  out[#out + 1] = client_resp == 3 and format("%%%d\r\n", count) or format("*%d\r\n", count * 2)
  for key, value in next, map do
    encode(key, out, depth + 3)
    encode(value, out, depth + 3)
  end
end

local function encode_set(set, out, depth)
  local count = count_pairs(set)
  out[#out + 1] = format(client_resp == 3 and "~%d\r\n" or "*%d\r\n", count)
  for member in next, set do
    encode(member, out, depth + 3)
  end
end

local function encode_array(array, out, depth)
  local head = #out + 1
  out[head] = ""
  local count = 0
  while true do
    local item = rawget(array, count + 1)
    if item == nil then
      break
    end
    count = count + 1
    encode(item, out, depth + 1)
  end
  out[head] = format("*%d\r\n", count)
end

local function bulk(text)
  return "$" .. #text .. "\r\n" .. text .. "\r\n"
end

local function is_text(value)
  local kind = type(value)
  return kind == "string" or kind == "number"
end

-- The fields are looked at in the order in which Redis looks at them.
local function encode_table(t, out, depth)
  local text = rawget(t, "err")
  if type(text) == "string" then
    out[#out + 1] = "-" .. error_line(text) .. "\r\n"
    return
  end
  text = rawget(t, "ok")
  if type(text) == "string" then
    out[#out + 1] = "+" .. one_line(text) .. "\r\n"
    return
  end
  local number = rawget(t, "double")
  if type(number) == "number" then
    -- It would cross into Python as the integer 0.
    text = number == 0 and 1 / number < 0 and "-0" or format_double(number)
    text = text or error(core.NO_MEMORY, 0)
    out[#out + 1] = client_resp == 3 and "," .. text .. "\r\n" or bulk(text)
    return
  end
  local value = rawget(t, "map")
  if type(value) == "table" then
    return encode_map(value, out, depth)
  end
  value = rawget(t, "set")
  if type(value) == "table" then
    return encode_set(value, out, depth)
  end
  value = rawget(t, "big_number")
  if type(value) == "string" then
    text = gsub(value, "[\r\n]", " ")
    out[#out + 1] = client_resp == 3 and "(" .. text .. "\r\n" or bulk(text)
    return
  end
  value = rawget(t, "verbatim_string")
  if type(value) == "table" then
    local kind, body = rawget(value, "format"), rawget(value, "string")
    if is_text(kind) and is_text(body) then
      body = body .. ""
      if client_resp == 3 then
        local code = (kind .. "   "):sub(1, 3)
        out[#out + 1] = "=" .. (#body + 4) .. "\r\n" .. code .. ":" .. body .. "\r\n"
      else
        out[#out + 1] = bulk(body)
      end
      return
    end
  end
  return encode_array(t, out, depth)
end

function encode(value, out, depth)
  local kind = type(value)
  if depth >= DEPTH_MAX then
    out[#out + 1] = "-ERR reached lua stack limit\r\n"
  elseif kind == "string" then
    out[#out + 1] = bulk(value)
  elseif kind == "number" then
    out[#out + 1] = format(":%d\r\n", value)
  elseif kind == "table" then
    return encode_table(value, out, depth)
  elseif kind == "boolean" and script_resp == 3 then
    if client_resp == 3 then
      out[#out + 1] = value and "#t\r\n" or "#f\r\n"
    else
      out[#out + 1] = value and ":1\r\n" or ":0\r\n"
    end
  elseif value == true then
    out[#out + 1] = ":1\r\n"
  else
    out[#out + 1] = client_resp == 3 and "_\r\n" or "$-1\r\n"
  end
end

-- Say what a table that a script returned crosses as. The common case, a short array of
-- strings and integers, is left to Python, which encodes it in one call.
function core.reply_of_table(t)
  if
    getmetatable(t) == nil
    and t.err == nil
    and t.ok == nil
    and t.double == nil
    and t.map == nil
    and t.set == nil
    and t.big_number == nil
    and t.verbatim_string == nil
  then
    local count, code = 0, 1
    for i = 1, ITEMS_MAX do
      local item = t[i]
      if item == nil then
        break
      end
      if type(item) ~= "string" then
        if type(item) ~= "number" or item % 1 ~= 0 or item > 9e15 or item < -9e15 then
          code = 3
          break
        end
        code = 2
      end
      count = i
    end
    if count == 0 and code == 1 then
      return 3, "*0\r\n"
    elseif code ~= 3 and count < ITEMS_MAX then
      return code, unpack(t, 1, count)
    end
  elseif type(rawget(t, "err")) == "string" then
    return 4, error_line(rawget(t, "err")), rawget(t, "ignore_error_stats_update") == true
  end
  local out = {}
  encode(t, out, 0)
  return 3, concat(out)
end

-- What `true` and `false` are to the client.
function core.reply_of_boolean(value)
  if script_resp == 3 then
    return value
  end
  return value and 1 or nil
end
