"""Each function that a script may call, with no, one and two arguments of every kind.

What a function says of a wrong argument is C's in Redis and Lua's here: which argument
is looked at first, "nil" or "no value", what becomes of 2^31 where C has an int.
"""

import pytest

NAMES = {
    "base": "assert getmetatable ipairs load loadstring next pairs rawequal rawget "
    "rawset select setmetatable tonumber tostring type unpack",
    "string": "byte char find format gmatch gsub len lower match reverse sub upper",
    "table": "concat foreach foreachi getn insert maxn remove setn sort",
    "math": "abs acos asin atan atan2 ceil cos cosh deg exp floor fmod frexp ldexp "
    "log log10 max min mod modf pow rad random randomseed sin sinh sqrt tan tanh",
    "bit": "arshift band bnot bor bswap bxor lshift rol ror rshift tobit tohex",
    "cjson": "encode decode",
    "cmsgpack": "pack unpack unpack_one unpack_limit",
    "struct": "pack unpack size",
    "redis": "call pcall error_reply status_reply sha1hex log setresp set_repl "
    "replicate_commands",
    "coroutine": "create wrap status running resume",
}
FUNCTIONS = [
    name if library == "base" else f"{library}.{name}"
    for library, names in NAMES.items()
    for name in names.split()
]
SCRIPT = """
local values = {NONE, true, 0, 1, -1, 2.5, 'a', '12', '%d', {}, {1, 2}, function() end,
  'GET', 2^31, -2^31, 1/0, {err = 'x'}, '>I4', '[1]', 'a\\0b'}
local function shown(value)
  if value ~= value then return 'nan' end
  if type(value) == 'table' then return 'table ' .. tostring(value.err or #value) end
  return (tostring(value):gsub('0x%x+', 'address'))
end
local lines = {}
local function note(...)
  local line = {}
  for i = 1, math.min(select('#', ...), 6) do line[i] = shown((select(i, ...))) end
  lines[#lines + 1] = table.concat(line, ' ')
end
math.randomseed(1)
note(pcall(CALLED))
for i = 1, 20 do
  note(pcall(CALLED, values[i]))
  for j = 1, 20 do note(pcall(CALLED, values[i], values[j])) end
end
return lines
"""


@pytest.mark.parametrize("function", FUNCTIONS)
def test_arguments_of_every_kind(parity, function):
    script = SCRIPT.replace("CALLED", function).replace("NONE", "nil")
    parity([["EVAL", script, 0]], witness="redis", protocols=[2])
