-- The `redis` table: calling commands, and what else scripts ask of the server.

local core = ...

local error, select, type, floor, tonumber = error, select, type, math.floor, tonumber
local unpack, tostring, concat, sub, find = core.unpack, tostring, table.concat, string.sub, string.find
local execute, push_arguments, receive = core.execute, core.push_arguments, core.receive
local next, get_null = next, core.get_null
local commands = core.commands
local DIRECT_MAX = 50
local ERROR = 5 -- the tag: see replies.lua

local null = false

-- Calling commands ----------------------------------------------------------------------

local BAD_ARGUMENTS = core.wrong_arguments
local NO_ARGUMENTS = "ERR Please specify at least one argument for this redis lib call"

-- What may cross, by its metatable. A table or a function must not: lupa would keep a
-- reference to it, which takes memory where the limit must not be hit.
local CROSSES, metatable_of = core.crossing, core.metatable_of

-- Return what `execute` returns for any arguments; Python makes text of numbers.
local function execute_any(...)
  local count = select("#", ...)
  if count == 0 then
    return false, ERROR, NO_ARGUMENTS
  end
  local arguments = { ... }
  for i = 1, count do
    if not CROSSES[metatable_of(arguments[i])] then
      return false, ERROR, BAD_ARGUMENTS
    end
  end
  if count <= DIRECT_MAX then
    return execute(...)
  end
  local from = 1
  while count - from >= DIRECT_MAX do
    push_arguments(unpack(arguments, from, from + DIRECT_MAX - 1))
    from = from + DIRECT_MAX
  end
  return execute(unpack(arguments, from, count))
end

-- Return the value of a reply that did not cross as it is, and whether it is an error.
local function receive_status(reply, ...)
  if reply then
    return { ok = "OK" }
  end
  return receive(...)
end

local function settle(reply, ...)
  if reply and reply ~= true then
    return reply
  elseif reply == nil then
    return null
  end
  local value, is_error = receive_status(reply, ...)
  if is_error then
    error(value, 0)
  end
  return value
end

local function settle_protected(reply, ...)
  if reply and reply ~= true then
    return reply
  elseif reply == nil then
    return null
  end
  local value = receive_status(reply, ...)
  return value
end

-- Up to seven strings and numbers cross without a table, to the command's own callback:
-- each value that crosses costs. Where nil is among them they are no strings.
local function call(...)
  local name, a, b, c, d, e, f, g = ...
  local command = commands[name]
  if command and CROSSES[metatable_of(a)] then
    local count = select("#", ...)
    if count == 2 then
      return settle(command(a))
    elseif CROSSES[metatable_of(b)] then
      if count == 3 then
        return settle(command(a, b))
      elseif CROSSES[metatable_of(c)] then
        if count == 4 then
          return settle(command(a, b, c))
        elseif CROSSES[metatable_of(d)] then
          if count == 5 then
            return settle(command(a, b, c, d))
          elseif CROSSES[metatable_of(e)] then
            if count == 6 then
              return settle(command(a, b, c, d, e))
            elseif CROSSES[metatable_of(f)] then
              if count == 7 then
                return settle(command(a, b, c, d, e, f))
              elseif count == 8 and CROSSES[metatable_of(g)] then
                return settle(command(a, b, c, d, e, f, g))
              end
            end
          end
        end
      end
    end
  end
  return settle(execute_any(...))
end

local function protected_call(...)
  return settle_protected(execute_any(...))
end

-- Replies of the script's own --------------------------------------------------------------

local function single_field(name, count, text)
  if count ~= 1 or type(text) ~= "string" then
    return { err = "ERR wrong number or type of arguments" }
  end
  return { [name] = text }
end

local function error_reply(...)
  local text = ...
  if select("#", ...) ~= 1 or type(text) ~= "string" then
    return single_field("err", 0)
  end
  local nul = find(text, "\0", 1, true)
  if nul then
    text = sub(text, 1, nul - 1)
  end
  if sub(text, 1, 1) == "-" then
    text = sub(text, 2)
  end
  if not find(text, " ", 1, true) then
    text = "ERR " .. text
  end
  return { err = text }
end

local function status_reply(...)
  return single_field("ok", select("#", ...), (...))
end

-- The rest ------------------------------------------------------------------------------------

local function raise(text)
  error({ err = text }, 0)
end

local function sha1hex(...)
  if select("#", ...) ~= 1 then
    raise("ERR wrong number of arguments")
  end
  local text = ...
  if type(text) == "number" then
    text = tostring(text)
  end
  local digest = core.sha1(type(text) == "string" and text or "")
  if not digest then
    error(core.NO_MEMORY, 0)
  end
  return digest
end

local function log(...)
  local count = select("#", ...)
  local level = ...
  if count < 2 then
    raise("ERR redis.log() requires two arguments or more.")
  elseif type(level) ~= "number" and not tonumber(level) then
    raise("ERR First argument must be a number (log level).")
  end
  level = floor(tonumber(level))
  if level < 0 or level > 3 then
    raise("ERR Invalid debug level.")
  end
  local words = {}
  for i = 2, count do
    local word = (select(i, ...))
    if type(word) == "string" or type(word) == "number" then
      words[#words + 1] = word
    end
  end
  core.log(level, sub(concat(words, " "), 1, 1024))
end

local function setresp(...)
  if select("#", ...) ~= 1 then
    raise("ERR redis.setresp() requires one argument.")
  end
  local version = floor(tonumber((...)) or 0)
  if version ~= 2 and version ~= 3 then
    raise("ERR RESP version must be 2 or 3.")
  end
  core.mark_dirty()
  core.set_script_resp(version)
  null = get_null()
  core.on_setresp(version)
end

function core.reset_resp()
  core.set_script_resp(2)
  null = false
end

local function set_repl(...)
  if select("#", ...) ~= 1 then
    raise("ERR redis.set_repl() requires two arguments.")
  end
  local flags = tonumber((...)) or 0
  if flags < 0 or flags > 3 then
    raise("ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")
  end
end

local function acl_check_cmd(...)
  local count = select("#", ...)
  if count == 0 then
    raise(NO_ARGUMENTS)
  end
  local arguments = { ... }
  for i = 1, count do
    if not CROSSES[metatable_of(arguments[i])] then
      raise(BAD_ARGUMENTS)
    end
  end
  if count > DIRECT_MAX then
    count = DIRECT_MAX
  end
  local verdict = core.acl_check(unpack(arguments, 1, count))
  if verdict == nil then
    raise("ERR Invalid command passed to redis.acl_check_cmd()")
  end
  return verdict
end

-- What FUNCTION LOAD may use, what functions may use, and what scripts may use besides.
local logging = { log = log, LOG_DEBUG = 0, LOG_VERBOSE = 1, LOG_NOTICE = 2, LOG_WARNING = 3 }

local function add(into, from)
  for name, value in next, from do
    into[name] = value
  end
  return into
end

local common = add({
  call = call,
  pcall = protected_call,
  error_reply = error_reply,
  status_reply = status_reply,
  sha1hex = sha1hex,
  setresp = setresp,
  set_repl = set_repl,
  acl_check_cmd = acl_check_cmd,
  REPL_NONE = 0,
  REPL_AOF = 1,
  REPL_SLAVE = 2,
  REPL_REPLICA = 2,
  REPL_ALL = 3,
  REDIS_VERSION = core.version,
  REDIS_VERSION_NUM = core.version_number,
}, logging)

core.redis_of_loads = add({
  REDIS_VERSION = core.version,
  REDIS_VERSION_NUM = core.version_number,
}, logging)
core.redis_of_functions = add({}, common)
core.redis_of_scripts = add({
  breakpoint = function()
    return false
  end,
  debug = function() end,
  replicate_commands = function()
    return true
  end,
}, common)
