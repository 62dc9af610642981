-- The driver: what Python calls. It compiles scripts, keeps them by number, and runs them
-- one at a time, under the hook of hook.lua.

local core = ...

local byte, error, getinfo, loadstring, next = string.byte, error, debug.getinfo, loadstring, next
local setfenv, setmetatable, tostring, type = setfenv, setmetatable, tostring, type
local unpack, select, sub = core.unpack, select, string.sub
local rawget, dump, getmetatable, find = rawget, string.dump, getmetatable, string.find
local protect, place, relocate = core.protect, core.place, core.relocate
local reply_of_table, reply_of_boolean, one_line = core.reply_of_table, core.reply_of_boolean, core.one_line
local run_hooked, call_hooked, revive, watch_heap = core.run_hooked, core.call_hooked, core.revive, core.watch_heap

-- Environments --------------------------------------------------------------------------

local shared = core.globals
shared.string = protect(core.string)
shared.table = protect(core.table)
shared.math = protect(core.math)
shared.os = protect(core.os)
shared.coroutine = protect(core.coroutine)
shared.bit = protect(core.bit)
shared.struct = protect(core.struct)
shared.cjson = protect(core.cjson)
shared.cmsgpack = protect(core.cmsgpack)

local function derive(redis)
  local own = {}
  for name, value in next, shared do
    own[name] = value
  end
  own.redis = protect(redis)
  return own
end

local script_globals = derive(core.redis_of_scripts)
local function_globals = derive(core.redis_of_functions)
local load_redis = core.make_strict(core.redis_of_loads)
local load_globals = core.make_strict({ redis = protect(load_redis) })

local script_environment = protect(script_globals)
local function_environment = protect(function_globals)
script_globals._G = script_environment
function_globals._G = function_environment
core.make_strict(script_globals)
core.make_strict(function_globals)

-- The functions of a library see one environment, which shows other globals while the
-- library is being loaded.
local function_view = core.view_of(function_environment)

local shown = core.shown_metatables
local function show_strict(globals)
  shown[globals] = protect({ __index = rawget(getmetatable(globals), "__index") })
end
show_strict(script_globals)
show_strict(function_globals)

local string_metatable = getmetatable("")
string_metatable.__index = core.string
string_metatable.__metatable = protect({ __index = shared.string })

local environment = script_environment
function core.current_environment()
  return environment
end

-- State that a script may have changed, and the next one must not see.

local is_dirty = false
function core.mark_dirty()
  is_dirty = true
end

local function reset()
  is_dirty = false
  core.reset_resp()
  core.restore_random()
  core.cjson_reset()
end

-- Running ---------------------------------------------------------------------------------

local line, source

-- Note where the error arose; it runs before the stack is unwound.
local function note(reason)
  local _, found_source, found_line = place()
  source, line = found_source, found_line
  return relocate(reason)
end

-- Return the text of what a script raised, without its place.
local function text_of(reason)
  if type(reason) == "table" then
    local text = rawget(reason, "err")
    if type(text) == "string" or type(text) == "number" then
      return text .. ""
    end
    return "ERR unknown error"
  elseif type(reason) == "string" then
    return "ERR " .. reason
  end
  return "ERR " .. tostring(reason)
end

-- Turn a table or an error that a script left into what crosses: see replies.lua.
local function convert(ok, value)
  if ok then
    return reply_of_table(value)
  end
  local is_counted = type(value) == "table" and rawget(value, "ignore_error_stats_update") == true
  return 5, one_line(text_of(value)), source, line, is_counted
end

-- What converts may take long too, and be killed; or memory ends there.
local function deliver(ok, ...)
  if ok then
    return ...
  end
  return 5, one_line(text_of((...)))
end

-- Run a function of a script's, and return what crosses of what it leaves.
local function run(body)
  source, line = nil, nil
  local ok, value = run_hooked(body, note)
  if ok then
    local kind = type(value)
    if kind == "string" or kind == "number" then
      return value
    elseif kind == "boolean" then
      return reply_of_boolean(value)
    elseif kind ~= "table" then
      return nil
    end
  end
  return deliver(call_hooked(convert, ok, value))
end

local scripts = {}

-- A heap grows little in a few short scripts; in a long one the hook looks as well.
local WATCH_EVERY = 8
local unwatched = 0

local function start(id)
  unwatched = unwatched + 1
  if unwatched >= WATCH_EVERY then
    unwatched = 0
    watch_heap()
  end
  if is_dirty then
    reset()
  end
  return run(scripts[id])
end

local driver = {}

function driver.run0(id, ...)
  script_globals.KEYS = {}
  script_globals.ARGV = { ... }
  return start(id)
end

function driver.run1(id, a, ...)
  script_globals.KEYS = { a }
  script_globals.ARGV = { ... }
  return start(id)
end

function driver.run2(id, a, b, ...)
  script_globals.KEYS = { a, b }
  script_globals.ARGV = { ... }
  return start(id)
end

function driver.run3(id, a, b, c, ...)
  script_globals.KEYS = { a, b, c }
  script_globals.ARGV = { ... }
  return start(id)
end

local body, keys, arguments

local function call_function()
  return body(keys, arguments)
end

-- Keys and arguments that were put aside by `stage`, piece by piece.
local staged, staged_size = {}, 0

function driver.stage(...)
  local count = select("#", ...)
  local piece = { ... }
  for i = 1, count do
    staged[staged_size + i] = piece[i]
  end
  staged_size = staged_size + count
end

local function unstage(key_count)
  local all, size = staged, staged_size
  staged, staged_size = {}, 0
  local own_keys, own_arguments = {}, {}
  for i = 1, key_count do
    own_keys[i] = all[i]
  end
  for i = key_count + 1, size do
    own_arguments[i - key_count] = all[i]
  end
  return own_keys, own_arguments
end

function driver.run_staged(id, key_count)
  script_globals.KEYS, script_globals.ARGV = unstage(key_count)
  return start(id)
end

-- Forget keys and arguments that take much memory.
function driver.forget()
  script_globals.KEYS, script_globals.ARGV = nil, nil
  staged, staged_size, keys, arguments, body = {}, 0, nil, nil, nil
end

-- Begin anew after memory ended where no script was to blame for it.
function driver.recover()
  driver.forget()
  revive()
  is_dirty = true
  environment = script_environment
  function_view.__index = function_globals
end

-- Compiling ---------------------------------------------------------------------------------

local function compile(text, name)
  if byte(text) == 27 then
    return nil, sub(name, 2) .. ":1: unexpected symbol near 'char(27)'"
  end
  -- The names are constants of this file, hence kept: see `chunk_name_of` in base.lua.
  local compiled, reason = loadstring(text, name)
  if compiled then
    return dump(compiled)
  end
  return nil, reason
end

-- Return the bytecode of a source, which Python changes (see lua_bytecode.py) and hands
-- back; nil and the reason where it does not compile.
function driver.compile(text, is_library)
  return compile(text, is_library and "@user_function" or "@user_script")
end

function driver.keep_script(id, dumped)
  scripts[id] = setfenv(loadstring(dumped, "=bytecode"), script_environment)
end

function driver.drop_script(id)
  scripts[id] = nil
end

-- Functions ---------------------------------------------------------------------------------

local function is_name(name)
  return find(name, "^[%w_]+$") ~= nil
end

local functions = {}
local registered, registered_bodies

local FLAGS = {
  ["no-writes"] = true,
  ["allow-oom"] = true,
  ["allow-stale"] = true,
  ["no-cluster"] = true,
  ["allow-cross-slot-keys"] = true,
}

local function raise(text)
  error({ err = "ERR " .. text }, 0)
end

local function read_named(named)
  local name, callback, description, flags
  for key, value in next, named do
    if key == "function_name" then
      if type(value) ~= "string" and type(value) ~= "number" then
        raise("function_name argument given to redis.register_function must be a string")
      end
      name = value .. ""
    elseif key == "description" then
      if type(value) ~= "string" and type(value) ~= "number" then
        raise("description argument given to redis.register_function must be a string")
      end
      description = value .. ""
    elseif key == "callback" then
      if type(value) ~= "function" or getinfo(value, "S").what == "C" then
        raise("callback argument given to redis.register_function must be a function")
      end
      callback = value
    elseif key == "flags" then
      if type(value) ~= "table" then
        raise("flags argument to redis.register_function must be a table representing function flags")
      end
      flags = value
    else
      raise("unknown argument given to redis.register_function")
    end
  end
  if not name then
    raise("redis.register_function must get a function name argument")
  elseif not callback then
    raise("redis.register_function must get a callback argument")
  end
  return name, callback, description, flags
end

local function join_flags(flags)
  local joined = ""
  for i = 1, 100 do
    local flag = rawget(flags, i)
    if flag == nil then
      break
    elseif type(flag) ~= "string" or not FLAGS[flag] then
      raise("unknown flag given")
    end
    joined = joined .. flag .. " "
  end
  return joined
end

load_redis.register_function = function(...)
  local count = select("#", ...)
  if count < 1 or count > 2 then
    raise("wrong number of arguments to redis.register_function")
  end
  local name, callback = ...
  local description, flags
  if count == 1 then
    if type(name) ~= "table" then
      raise(
        "calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments)."
      )
    end
    name, callback, description, flags = read_named(name)
  else
    if type(name) ~= "string" and type(name) ~= "number" then
      raise("first argument to redis.register_function must be a string")
    elseif type(callback) ~= "function" or getinfo(callback, "S").what == "C" then
      raise("second argument to redis.register_function must be a function")
    end
    name = name .. ""
  end
  if not registered then
    raise("redis.register_function can only be called on FUNCTION LOAD command")
  end
  if not is_name(name) then
    raise(
      "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long"
    )
  elseif registered_bodies[name] then
    raise("Function already exists in the library")
  end
  registered_bodies[name] = callback
  local size = #registered
  registered[size + 1] = name
  registered[size + 2] = description or false
  registered[size + 3] = flags and join_flags(flags) or ""
end

-- Run the bytecode of a library, whose functions are numbered from `id` on. Return 1 and
-- their names, descriptions and flags, or 5 and why it failed.
function driver.load_library(id, dumped)
  local compiled = setfenv(loadstring(dumped, "=bytecode"), function_environment)
  reset()
  registered, registered_bodies = {}, {}
  environment = function_environment
  function_view.__index = load_globals
  local list, bodies = registered, registered_bodies
  local code, failure = run(compiled)
  registered, registered_bodies = nil, nil
  environment = script_environment
  function_view.__index = function_globals
  if code == 5 and failure then
    return 5, failure
  end
  for i = 1, #list, 3 do
    functions[id] = bodies[list[i]]
    id = id + 1
  end
  return 1, unpack(list)
end

function driver.drop_function(id)
  functions[id] = nil
end

local function leave(...)
  environment = script_environment
  return ...
end

function driver.run_function(id, key_count)
  watch_heap()
  if is_dirty then
    reset()
  end
  body = functions[id]
  keys, arguments = unstage(key_count)
  environment = function_environment
  return leave(run(call_function))
end

function driver.set_client_resp(version)
  core.set_client_resp(version)
end

return driver.run0,
  driver.run1,
  driver.run2,
  driver.run3,
  driver.stage,
  driver.run_staged,
  driver.compile,
  driver.keep_script,
  driver.drop_script,
  driver.load_library,
  driver.drop_function,
  driver.run_function,
  driver.set_client_resp,
  driver.forget,
  driver.recover
