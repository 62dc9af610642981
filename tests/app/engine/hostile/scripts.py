"""Hostile scripts: (id, text, what the outcome contains).

The outcome is what the script returned, or its error. Whatever it is, the process lives,
no file, socket or process was touched, and the next script finds all as it was.
"""

GONE = "nonexistent global variable"
READONLY = "readonly table"
KILLED = "Script killed"
MEMORY = "memory"

# Ways to files, processes, Python, bytecode or the functions beneath.
ESCAPES = [
    ("os execute", "return os.execute('touch canary')", "attempt to call"),
    ("os exit", "os.exit(7)", "attempt to call"),
    ("io open", "return io.open('/etc/hostname'):read('*a')", GONE),
    ("dofile", "return dofile('/etc/hostname')", GONE),
    ("loadfile", "return loadfile('/etc/hostname')", GONE),
    ("require", "return require('os')", GONE),
    ("package", "return package.loadlib('liblua.so', '*')", GONE),
    ("module", "module('x', package.seeall)", GONE),
    ("debug library", "return debug.getregistry()", GONE),
    ("python", "return python.eval('1')", GONE),
    ("python builtins", "return python.builtins.open('/etc/hostname')", GONE),
    ("getfenv", "return getfenv(0)", GONE),
    ("setfenv", "return setfenv(1, {})", GONE),
    ("newproxy", "return newproxy(true)", GONE),
    ("real globals by loadstring", "return loadstring('return io')()", GONE),
    ("real globals by load", "return load(function() return nil end)()", "None"),
    (
        "globals of a nested chunk",
        "return loadstring('return loadstring(\"return debug\")()')()",
        GONE,
    ),
    ("attributes of a function", "return redis.call.__globals__", "attempt to index"),
    ("attributes of a callback", "return redis.sha1hex.__class__", "attempt to index"),
    ("metatable of a function", "return tostring(getmetatable(redis.call))", "nil"),
    (
        "metatable of null",
        "getmetatable(cjson.null).__index = redis",
        "attempt to index",
    ),
    ("index of null", "return cjson.null.x", "attempt to index"),
    ("call of null", "return cjson.null()", "attempt to call"),
    ("null as a command", "return redis.call(cjson.null)", "arguments must be strings"),
    ("a table as a command", "return redis.call({__str__='x'})", "arguments must be"),
    (
        "a function as an argument",
        "return redis.call('ECHO', function() end)",
        "arguments must be",
    ),
    (
        "a thread as an argument",
        "return redis.call('ECHO', coroutine.create(function() end))",
        "arguments must be",
    ),
    (
        "a Python error in pcall",
        "local ok, e = pcall(redis.call, 'RAISE') return type(e)",
        "internal",
    ),
    ("a Python error by itself", "return redis.call('RAISE')", "internal"),
    ("SystemExit in pcall", "pcall(redis.call, 'EXIT') return 1", "internal"),
    (
        "attributes of an error",
        "local e = redis.pcall('FAIL') return tostring(e.__traceback__)",
        "nil",
    ),
    ("bytecode of one's own", "return string.dump(function() end)", "unable to dump"),
    ("bytecode header", "return loadstring('\\27LuaQ\\0\\1\\4\\8\\4\\8\\0')", "None"),
    (
        "bytecode in pieces",
        "local p = {'\\27', 'LuaQ', nil} local i = 0 return load(function() i = i + 1 return p[i] end)",
        "None",
    ),
    ("bytecode as a script", "\x1bLuaQ\x00\x01\x04\x08\x04\x08\x00", "char(27)"),
    ("upvalues by name", "return debug.getupvalue(redis.call, 1)", GONE),
    (
        "metatable of strings",
        "getmetatable('').__index = function() return 1 end",
        READONLY,
    ),
    ("raw metatable of strings", "rawset(getmetatable(''), '__index', {})", READONLY),
    (
        "tostring shows no Python",
        "return tostring(redis.call) .. tostring(redis)",
        "function",
    ),
]

# What would be seen by the next script.
TRACES = [
    ("a global", "x = 1", READONLY),
    ("a global by _G", "_G.x = 1", READONLY),
    ("a global by rawset", "rawset(_G, 'x', 1)", READONLY),
    ("a global by loadstring", "loadstring('x = 1')()", READONLY),
    ("redis.call replaced", "redis.call = function() return 'mine' end", READONLY),
    ("redis.call by rawset", "rawset(redis, 'call', 1)", READONLY),
    ("string.format replaced", "string.format = nil", READONLY),
    ("math.floor by the method table", "getmetatable(_G).__index = nil", READONLY),
    (
        "globals table replaced",
        "setmetatable(_G, {__index = function() return 1 end})",
        READONLY,
    ),
    ("library's metatable replaced", "setmetatable(string, nil)", READONLY),
    ("table.insert into a library", "table.insert(table, 1) return 1", READONLY),
    ("table.sort of a library", "table.sort(redis) return 1", "1"),
    (
        "pairs hands out no base",
        "for _, t in ipairs({pairs(string)}) do if type(t) == 'table' then t.len = nil end end",
        READONLY,
    ),
    ("next hands out no base", "local f, t = pairs(_G) t.x = 1", READONLY),
    (
        "a string's methods",
        "local s = getmetatable('').__index s.upper = nil",
        READONLY,
    ),
    (
        "cjson's settings",
        "cjson.encode_max_depth(1) cjson.encode_sparse_array(true) cjson.decode_invalid_numbers(false) return 1",
        "1",
    ),
    ("random seed", "math.randomseed(42) return 1", "1"),
    ("the protocol", "redis.setresp(3) return 1", "1"),
    ("KEYS of the last one", "KEYS[1] = 'evil' ARGV[1] = 'evil' return 1", "1"),
    ("KEYS as a global", "rawset(_G, 'KEYS', {'evil'})", READONLY),
    (
        "the collector stopped",
        "collectgarbage('stop') collectgarbage('setpause', 100000) return 1",
        "1",
    ),
    (
        "a coroutine left behind",
        "local co = coroutine.wrap(function() while true do coroutine.yield(1) end end) co() return 1",
        "1",
    ),
    (
        "an error object kept",
        "error(setmetatable({}, {__tostring = function() redis.call('EVIL') end}))",
        "unknown error",
    ),
    ("yield out of the script", "coroutine.yield('x')", "attempt to yield"),
    ("resume of the driver", "return tostring(coroutine.running())", "nil"),
    (
        "a locked table of one's own",
        "return tostring(getmetatable(setmetatable({}, {__metatable = 'mine'})))",
        "mine",
    ),
]

# Loops that only the hook can end.
ENDLESS = [
    ("while", "while true do end", KILLED),
    ("repeat", "repeat until false", KILLED),
    ("goto by tail call", "local function f() return f() end f()", KILLED),
    ("for", "for i = 1, math.huge do end", KILLED),
    (
        "loop in pcall",
        "while true do pcall(function() while true do end end) end",
        KILLED,
    ),
    (
        "loop in nested pcall",
        "local function f() pcall(f) while true do end end f()",
        KILLED,
    ),
    (
        "loop in xpcall's handler",
        "xpcall(function() error('x') end, function() while true do end end)",
        KILLED,
    ),
    (
        "xpcall over and over",
        "while true do xpcall(function() while true do end end, function() end) end",
        KILLED,
    ),
    (
        "loop in a coroutine",
        "coroutine.wrap(function() while true do end end)()",
        KILLED,
    ),
    (
        "loop in new coroutines",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
        KILLED,
    ),
    (
        "pcall in coroutines",
        "local function f() while true do pcall(coroutine.wrap(function() pcall(f) while true do end end)) end end f()",
        KILLED,
    ),
    (
        "loop in __index",
        "local t = setmetatable({}, {__index = function() while true do end end}) return t.x",
        KILLED,
    ),
    (
        "loop in __tostring",
        "return tostring(setmetatable({}, {__tostring = function() while true do end end}))",
        KILLED,
    ),
    (
        "loop in __lt by sort",
        "local m = {__lt = function() while true do end end} local t = {} for i = 1, 9 do t[i] = setmetatable({}, m) end table.sort(t)",
        KILLED,
    ),
    (
        "loop in sort's order",
        "local t = {} for i = 1, 9 do t[i] = i end table.sort(t, function() while true do end end)",
        KILLED,
    ),
    (
        "loop in gsub's function",
        "('a'):rep(9):gsub('a', function() while true do end end)",
        KILLED,
    ),
    ("loop in load's reader", "load(function() while true do end end)", KILLED),
    ("load that never ends", "load(function() return ' ' end)", ""),
    (
        "loop in __index of a reply",
        "return setmetatable({}, {__index = function() while true do end end})",
        "*0",
    ),
    (
        "loop in __gc",
        "local t = setmetatable({}, {__gc = function() while true do end end}) t = nil collectgarbage() return 1",
        "1",
    ),
    ("commands for ever", "while true do redis.call('ECHO', 'x') end", KILLED),
    ("pcall of commands for ever", "while true do redis.pcall('FAIL') end", KILLED),
    ("collecting for ever", "while true do collectgarbage() end", KILLED),
    ("packing for ever", "while true do cmsgpack.pack({1, 2, 3}) end", KILLED),
    ("backtracking", "return ('a'):rep(60):find(('a*'):rep(14) .. 'b')", KILLED),
    (
        "backtracking in gsub",
        "return ('a'):rep(60):gsub(('a*'):rep(14) .. 'b', '')",
        KILLED,
    ),
    (
        "backtracking in gmatch",
        "for _ in ('a'):rep(60):gmatch(('a*'):rep(14) .. 'b') do end",
        KILLED,
    ),
    ("backtracking of the least", "return ('a'):rep(50000):find('.-.-.-b')", KILLED),
    ("quadratic balance", "return ('('):rep(300000):find('%b()')", ""),
    ("quadratic search", "return ('a'):rep(300000):find('a-b')", ""),
    ("rep of nothing", "return ('').rep('', 2 ^ 31 - 1)", "b''"),
    ("insert far below", "table.insert({}, -2 ^ 31, 1)", ""),
    ("unpack in a loop", "while true do pcall(unpack, {}, 1, 1e9) end", KILLED),
    (
        "a killed script that goes on",
        "pcall(function() while true do end end) redis.call('ECHO', 'after') return 'went on'",
        KILLED,
    ),
]

# Memory, stacks and what is known to crash Lua 5.1.
BOMBS = [
    ("doubling a string", "local s = 'x' while true do s = s .. s end", MEMORY),
    (
        "doubling in pcall",
        "local s = 'x' while pcall(function() s = s .. s end) do end return #s",
        "",
    ),
    ("string.rep", "return #('x'):rep(2 ^ 31 - 1)", MEMORY),
    ("string.rep of much", "return #('x'):rep(1e9)", MEMORY),
    ("growing a table", "local t = {} for i = 1, 1e9 do t[i] = i end", MEMORY),
    (
        "growing a table in pcalls",
        "local t = {} while true do pcall(function() for i = 1, 1e7 do t[#t + 1] = {} end end) end",
        "",
    ),
    (
        "many coroutines",
        "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end",
        "",
    ),
    ("closures", "local t = {} while true do t = function() return t end end", ""),
    (
        "concat",
        "local t = {} for i = 1, 1e5 do t[i] = ('x'):rep(1e4) end return #table.concat(t)",
        "",
    ),
    ("format", "return #(('%99d'):rep(1e5)):format(unpack({}, 1, 100))", ""),
    (
        "gsub that grows",
        "local s = 'x' while true do s = s:gsub('x', ('x'):rep(1000)) end",
        "",
    ),
    (
        "big reply near the limit",
        "local t = {} for i = 1, 250 do t[i] = ('x'):rep(1e6) .. i end return #redis.call('BIG')",
        MEMORY,
    ),
    (
        "big replies kept",
        "local t = {} while true do t[#t + 1] = redis.call('BIG') .. #t end",
        MEMORY,
    ),
    (
        "wide replies kept",
        "local t = {} while true do t[#t + 1] = redis.call('WIDE') end",
        MEMORY,
    ),
    (
        "deep recursion",
        "local function f(n) return 1 + f(n + 1) end return f(1)",
        "stack overflow",
    ),
    (
        "recursion in pcall",
        "local function f() return pcall(f) end return tostring(f())",
        "",
    ),
    (
        "recursion in __index",
        "local t = {} setmetatable(t, {__index = function(_, k) return t[k .. 'x'] end}) return t.a",
        "",
    ),
    (
        "loop of __index tables",
        "local t = {} setmetatable(t, {__index = t}) return tostring(t.x)",
        "loop in gettable",
    ),
    ("recursion in gsub", "local function f(s) return s:gsub('.', f) end f('a')", ""),
    ("recursion in sort", "local function f() table.sort({1, 2, 3}, f) end f()", ""),
    (
        "recursion in coroutines",
        "local function f() return coroutine.wrap(f)() end f()",
        "",
    ),
    (
        "recursion in tostring",
        "local m = {} m.__tostring = function(t) return tostring(t) end tostring(setmetatable({}, m))",
        "",
    ),
    ("unpack of all", "return unpack({}, 0, 2147483647)", "too many results"),
    (
        "unpack of all, overflowing",
        "return unpack({}, -2147483648, 2147483647)",
        "too many results",
    ),
    ("unpack with a huge start", "return unpack({1}, 1e308, 1e309)", ""),
    ("many quantifiers", "return ('a'):rep(3e5):find(('a?'):rep(3e5))", "too complex"),
    ("many captures", "return ('a'):rep(100):find(('(a)'):rep(100))", ""),
    ("huge set", "return ('a'):find('[' .. ('a'):rep(1e6) .. ']')", ""),
    (
        "deep source",
        "return loadstring(('('):rep(1e5) .. '1' .. (')'):rep(1e5))",
        "None",
    ),
    (
        "long brackets",
        "return loadstring('return [' .. ('='):rep(1e6) .. '[x]' .. ('='):rep(1e6) .. ']')()",
        "b'x'",
    ),
    (
        "many constants",
        "local t = {} for i = 1, 3e5 do t[i] = 'x' .. i .. '=1' end return tostring(loadstring(table.concat(t, ' ')))",
        "",
    ),
    ("a NUL in the chunk's name", "return loadstring('return 1', 'a\\0b')()", "1"),
    (
        "chunk names collected",
        "for i = 1, 2000 do loadstring('return ' .. i, '@' .. ('n'):rep(i))() collectgarbage('step') end return 1",
        "1",
    ),
    ("error(table)", "error({})", "unknown error"),
    ("error(nil)", "error(nil)", "nil"),
    ("error(function)", "error(function() end)", "function"),
    ("error with newlines", "error('a\\r\\n+OK\\r\\nb')", "a  +OK  b"),
    (
        "error_reply with newlines",
        "return redis.error_reply('x\\r\\n$3\\r\\nfoo')",
        "x  $3  foo",
    ),
    (
        "status_reply with newlines",
        "return {redis.status_reply('x\\r\\n$3\\r\\nfoo')}",
        "+x  $3  foo",
    ),
    ("big number with newlines", "return {big_number = '1\\r\\n+OK'}", "1  +OK"),
    (
        "a reply that holds itself",
        "local t = {} t[1] = t return t",
        "reached lua stack limit",
    ),
    (
        "cjson of itself",
        "local t = {} t.t = t return cjson.encode(t)",
        "excessive nesting",
    ),
    ("cjson of depth", "return cjson.decode(('['):rep(1e6))", "too many nested"),
    ("cmsgpack of itself", "local t = {} t.t = t return #cmsgpack.pack(t)", ""),
    ("cmsgpack of depth", "return cmsgpack.unpack(('\\145'):rep(1e6))", ""),
    (
        "cmsgpack that lies",
        "return cmsgpack.unpack('\\221\\255\\255\\255\\255')",
        "Missing bytes",
    ),
    ("struct that lies", "return struct.unpack('c2147483647', 'x')", "too short"),
    (
        "struct of all",
        "return struct.unpack(('b'):rep(9000), ('x'):rep(9000))",
        "too many results",
    ),
    ("bit.tohex of all", "return bit.tohex(65535, -2147483648)", ""),
    (
        "thousands of arguments",
        "return redis.call('COUNT', unpack({}, 1, 7900))",
        "arguments must be",
    ),
    (
        "thousands of strings",
        "local t = {} for i = 1, 7900 do t[i] = 'x' end return redis.call('COUNT', unpack(t))",
        "7901",
    ),
    ("format of a huge width", "return ('%1000d'):format(1)", "invalid format"),
    ("char out of range", "return string.char(-1, 300)", "invalid value"),
    ("tostring of NaN keys", "local t = {} t[0 / 0] = 1", "index is NaN"),
    (
        "concat beyond the end",
        "return table.concat({}, 'x', 1, 2 ^ 31 - 1)",
        "invalid value",
    ),
    ("next of a wrong key", "return next({}, 'x')", "invalid key"),
    (
        "foreach that changes",
        "local t = {1, 2, 3} table.foreach(t, function(k) t[k] = nil t[k + 100] = 1 end) return 1",
        "",
    ),
    (
        "sort with a liar",
        "local t = {} for i = 1, 100 do t[i] = i end table.sort(t, function() return true end) return 1",
        "",
    ),
]

ALL = ESCAPES + TRACES + ENDLESS + BOMBS
