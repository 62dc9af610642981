"""Scripts that try the sandbox: (id, text, what the outcome contains).

The outcome is what the script returned, or its error. Whatever it is, the process
lives, no file, socket or process was touched, and the next script finds all as it was.

None of them harms other software. A write writes what is there already; an endless loop
and a heap that grows are plain ones, which Redis ends as well. What is known to crash or
to hang stock Lua, lupa or a Redis is not tried: see tests/app/engine/test_lua_guards.py,
which asks our own guards with their limits set low, and "Guards of the sandbox" in
docs/reliability.md.
"""
# ruff: noqa: E501 - a script reads best on one line

GONE = "nonexistent global variable"
READONLY = "readonly table"
KILLED = "Script killed"
MEMORY = "memory"

# fmt: off

# Names of Lua, of lupa and of other interpreters that no script may find.
ABSENT_NAMES = [
    "arg", "debug", "dofile", "getfenv", "io", "jit", "loadfile", "lupa", "module", "newproxy",
    "package", "print", "python", "require", "setfenv", "utf8", "core", "callbacks", "driver",
]
ABSENT_FIELDS = [
    "os.execute", "os.exit", "os.getenv", "os.remove", "os.rename", "os.tmpname", "os.setlocale",
    "os.time", "os.date",
]

ABSENT = [
    *((f"no global {name}", f"return tostring(rawget(_G, '{name}'))", "b'nil'") for name in ABSENT_NAMES),
    *((f"no {name}", f"return tostring({name})", "b'nil'") for name in ABSENT_FIELDS),
]

# Ways to Python, to bytecode, or to the tables and functions beneath.
ESCAPES = [
    ("a name that is not there", "return missing", GONE),
    ("that name in another chunk", "return loadstring('return missing')()", GONE),
    ("that name in a chunk of a chunk", 'return loadstring(\'return loadstring("return missing")()\')()', GONE),
    ("that name from a reader", "local p = {'return ', 'missing'} local i = 0 return load(function() i = i + 1 return p[i] end)()", GONE),
    ("globals of another chunk", "return loadstring('return _G')() == _G and 1 or 0", "1"),
    ("a reader of nothing", "return load(function() return nil end)()", "None"),
    ("attributes of a function", "return redis.call.name", "attempt to index"),
    ("attributes of a callback", "return redis.sha1hex.name", "attempt to index"),
    ("attributes of an error", "local e = redis.pcall('FAIL') return tostring(e.args)", "nil"),
    ("metatable of a function", "return tostring(getmetatable(redis.call))", "nil"),
    ("metatable of a number", "return tostring(getmetatable(1))", "nil"),
    ("metatable of null", "return tostring(getmetatable(cjson.null))", "nil"),
    ("metatable of a library", "return tostring(getmetatable(string))", "nil"),
    ("index of null", "return cjson.null.x", "attempt to index"),
    ("call of null", "return cjson.null()", "attempt to call"),
    ("null as a command", "return redis.call(cjson.null)", "arguments must be strings"),
    ("a table as a command", "return redis.call({})", "arguments must be"),
    ("a function as an argument", "return redis.call('ECHO', function() end)", "arguments must be"),
    ("a thread as an argument", "return redis.call('ECHO', coroutine.create(function() end))", "arguments must be"),
    ("an argument in the middle", "return redis.call('ECHO', 'a', 'b', {}, 'c')", "arguments must be"),
    ("hundreds of arguments", "return redis.call('COUNT', unpack({}, 1, 300))", "arguments must be"),
    ("hundreds of strings", "local t = {} for i = 1, 300 do t[i] = 'x' end return redis.call('COUNT', unpack(t))", "301"),
    ("a Python error in pcall", "local ok, e = pcall(redis.call, 'RAISE') return type(e)", "internal"),
    ("a Python error by itself", "return redis.call('RAISE')", "internal"),
    ("SystemExit in pcall", "pcall(redis.call, 'EXIT') return 1", "internal"),
    ("a dump loads nowhere", "return select(2, loadstring(string.dump(function() end)))", "char(27)"),
    ("a dump of what is Redis's", "return string.dump(redis.call)", "unable to dump"),
    ("a dump of an iterator of ours", "return string.dump((pairs(redis)))", "unable to dump"),
    ("the first byte of bytecode", "return select(2, loadstring('\\27'))", "char(27)"),
    ("that byte from a reader", "local p = {'\\27', nil} local i = 0 return select(2, load(function() i = i + 1 return p[i] end))", "char(27)"),
    ("the first byte of a script", "\x1b", "char(27)"),
    ("methods of a string", "return getmetatable('').__index == string and 1 or 0", "1"),
    ("tostring shows no Python", "return tostring(redis.call) .. tostring(redis)", "function"),
    ("a function that is Redis's in a coroutine", "return coroutine.create(redis.call)", "Lua function expected"),
    ("a C function in a coroutine", "return coroutine.create(string.len)", "Lua function expected"),
    ("yield out of the script", "coroutine.yield('x')", "attempt to yield"),
    ("the driver's coroutine", "return tostring(coroutine.running())", "nil"),
]

# What would be seen by the next script. Where it is not refused, it changes nothing.
TRACES = [
    ("a global", "_VERSION = _VERSION", READONLY),
    ("a global by _G", "_G._VERSION = _VERSION", READONLY),
    ("a global by rawset", "rawset(_G, '_VERSION', _VERSION)", READONLY),
    ("a global by loadstring", "loadstring('_VERSION = _VERSION')()", READONLY),
    ("a new global", "x = nil", READONLY),
    ("a field", "redis.call = redis.call", READONLY),
    ("a field by rawset", "rawset(redis, 'call', redis.call)", READONLY),
    ("a field of a library", "string.format = string.format", READONLY),
    ("an absent field", "string.missing = nil", READONLY),
    ("the globals' metatable", "local m = getmetatable(_G) m.__index = m.__index", READONLY),
    ("the globals' metatable, by rawset", "local m = getmetatable(_G) rawset(m, '__index', rawget(m, '__index'))", READONLY),
    ("the strings' metatable", "local m = getmetatable('') m.__index = m.__index", READONLY),
    ("the strings' metatable, by rawset", "local m = getmetatable('') rawset(m, '__index', m.__index)", READONLY),
    ("a method of strings", "local s = getmetatable('').__index s.upper = s.upper", READONLY),
    ("metatable of the globals", "setmetatable(_G, nil)", READONLY),
    ("a library's metatable", "setmetatable(string, nil)", READONLY),
    ("metatable of strings' metatable", "setmetatable(getmetatable(''), nil)", READONLY),
    ("insert into a library", "table.insert(table, nil) return 1", READONLY),
    ("setn of a library", "table.setn(table, 0)", READONLY),
    ("sort of a library", "table.sort(redis) return 1", "1"),
    ("pairs hands out no base", "for _, t in ipairs({pairs(string)}) do if type(t) == 'table' then t.len = t.len end end", READONLY),
    ("pairs of the globals hands out no base", "local _, t = pairs(_G) t._VERSION = t._VERSION", READONLY),
    ("next hands out no base", "local k, v = next(_G) return type(k)", "string"),
    ("foreach hands out no base", "local n = 0 table.foreach(string, function(k, v) n = n + (type(v) == 'table' and 1 or 0) end) return n", "0"),
    ("cjson's settings", "cjson.encode_max_depth(1) cjson.encode_sparse_array(true) cjson.decode_invalid_numbers(false) return 1", "1"),
    ("random seed", "math.randomseed(42) return 1", "1"),
    ("the protocol", "redis.setresp(3) return 1", "1"),
    ("KEYS of the last one", "KEYS[1] = 'mine' ARGV[1] = 'mine' return 1", "1"),
    ("the collector stopped", "collectgarbage('stop') collectgarbage('setpause', 400) return 1", "1"),
    ("a coroutine left behind", "local co = coroutine.wrap(function() for i = 1, 9 do coroutine.yield(i) end end) co() return 1", "1"),
    ("an error object", "error(setmetatable({}, {__tostring = function() redis.call('ECHO', 'after') end}))", "unknown error"),
    ("a locked table of one's own", "return tostring(getmetatable(setmetatable({}, {__metatable = 'mine'})))", "mine"),
]

# Plain endless loops.
ENDLESS = [
    ("while", "while true do end", KILLED),
    ("repeat", "repeat until false", KILLED),
    ("tail calls", "local function f() return f() end f()", KILLED),
    ("for", "for i = 1, math.huge do end", KILLED),
    ("loop in a coroutine", "coroutine.wrap(function() while true do end end)()", KILLED),
    ("loop in __index", "local t = setmetatable({}, {__index = function() while true do end end}) return t.x", KILLED),
    ("loop in __tostring", "return tostring(setmetatable({}, {__tostring = function() while true do end end}))", KILLED),
    ("loop in sort's order", "local t = {} for i = 1, 9 do t[i] = i end table.sort(t, function() while true do end end)", KILLED),
    ("loop in gsub's function", "('a'):rep(9):gsub('a', function() while true do end end)", KILLED),
    ("loop in load's reader", "load(function() while true do end end)", KILLED),
    ("commands", "while true do redis.call('ECHO', 'x') end", KILLED),
    ("failing commands", "while true do redis.pcall('FAIL') end", KILLED),
    ("packing", "while true do cmsgpack.pack({1, 2, 3}) end", KILLED),
    ("matching", "while true do ('abc'):find('b') end", KILLED),
]

# A heap that grows.
GROWTH = [
    ("doubling a string", "local s = 'x' while true do s = s .. s end", MEMORY),
    ("doubling in pcall", "local s = 'x' while pcall(function() s = s .. s end) do end return 'ended'", "ended"),
    ("growing a table", "local t = {} for i = 1, 1e9 do t[i] = i end", MEMORY),
    ("many tables", "local t = {} while true do t[#t + 1] = {} end", ""),
    ("many coroutines", "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end", ""),
    ("closures", "local t = {} while true do t = function() return t end end", ""),
    ("joining", "local t = {} for i = 1, 1e5 do t[i] = ('x'):rep(1e4) end return #table.concat(t)", ""),
    ("gsub that grows", "local s = 'x' while true do s = s:gsub('x', ('x'):rep(1000)) end", ""),
    ("replies near the limit", "local t = {} for i = 1, 250 do t[i] = ('x'):rep(1e6) .. i end return #redis.call('BIG')", MEMORY),
    ("big replies kept", "local t = {} while true do t[#t + 1] = redis.call('BIG') .. #t end", MEMORY),
    ("wide replies kept", "local t = {} while true do t[#t + 1] = redis.call('WIDE') end", ""),
]

# Errors and values that are out of the ordinary.
ODD = [
    ("deep recursion", "local function f(n) return 1 + f(n + 1) end return f(1)", "stack overflow"),
    ("loop of __index tables", "local t = {} setmetatable(t, {__index = t}) return tostring(t.x)", "loop in gettable"),
    ("error(table)", "error({})", "unknown error"),
    ("error(nil)", "error(nil)", "nil"),
    ("error(function)", "error(function() end)", "function"),
    ("error of two lines", "error('a\\r\\nb')", "a  b"),
    ("error_reply of two lines", "return redis.error_reply('an a\\r\\nb')", "an a  b"),
    ("status_reply of two lines", "return {redis.status_reply('a\\r\\nb')}", "+a  b"),
    ("big number of two lines", "return {big_number = '1\\r\\n2'}", "1  2"),
    ("a reply with an index", "return setmetatable({}, {__index = {'a', err = 'b', ok = 'c'}})", "*0"),
    ("a reply with an index of elements", "return setmetatable({}, {__index = {'a'}})", "*0"),
    ("cmsgpack that is cut", "return cmsgpack.unpack('\\147\\1')", "Missing bytes"),
    ("struct that is cut", "return struct.unpack('c5', 'x')", "too short"),
    ("struct of a wide integer", "return struct.pack('i33', 1)", "larger than limit"),
    ("format of a wide number", "return ('%100d'):format(1)", "invalid format"),
    ("char out of range", "return string.char(300)", "invalid value"),
    ("NaN as a key", "local t = {} t[0 / 0] = 1", "index is NaN"),
    ("concat beyond the end", "return table.concat({}, 'x', 1, 2)", "invalid value"),
    ("next of a wrong key", "return next({}, 'x')", "invalid key"),
    ("unpack backwards", "return #{unpack({1, 2, 3}, 3, 1)}", "0"),
    ("random of nothing", "return math.random(0)", "interval is empty"),
    ("an option of the collector", "return collectgarbage('missing')", "invalid option"),
]
# fmt: on

ALL = ABSENT + ESCAPES + TRACES + ENDLESS + GROWTH + ODD
