from importlib import resources

import pytest
from lupa import lua51

PATTERNS = [
    "%s*(.-)%s*$", "^(%w+)=(%w*)$", "()a()", "[%a_][%w_]*", "%b()", "%f[%w]%w+",
    "(a*)b", "a-b", "[^,]*", "(.)%1", "a?b?c?", ".", "$", "^$", "x", "[]]", "[^]]",
    "%%", "a.c", "(a)(b)?", "[a-c]+", "%d+%.?%d*", "(%a)(%d)", "-", "[-a]", "(()())",
    "^", "", "a$b", "%$", "[%]]", "((a)-)", "[", "%", "%1", "%b(", "%f",
    "()" * 32, "()" * 33,
]  # fmt: skip
SUBJECTS = [
    "", "a", "aab", "key=val", "  x y  ", "f(a(b)c)d", "aa bb", "a,b,,c", "[x]",
    "ac-1.5%", "a\0b", "aXbXc",
]  # fmt: skip

COMPARE = """
local core, subject, pattern = ...
local function show(...)
  local out = {}
  for i = 1, select('#', ...) do out[i] = tostring((select(i, ...))) end
  return table.concat(out, ' ')
end
local function same(name, stock, own)
  local a = {pcall(stock)}
  local b = {pcall(own)}
  a[2] = a[1] and a[2] or tostring(a[2]):gsub('^.-:%d+: ', '')
  local x, y = show(unpack(a, 1, 9)), show(unpack(b, 1, 9))
  if x ~= y then error(name .. ': stock ' .. x .. ', own ' .. y, 0) end
end
for _, start in ipairs({1, 2, 3, -1, -2, 0, 50}) do
  same('find ' .. start, function() return subject:find(pattern, start) end,
    function() return core.slow_find(subject, pattern, start, true) end)
  same('match ' .. start, function() return subject:match(pattern, start) end,
    function() return core.slow_find(subject, pattern, start, false) end)
end
local replacements = {'<%0>', '-', '%1%1', function(x) return x .. '!' end, {a = 'A'}}
for _, replacement in ipairs(replacements) do
  for _, limit in ipairs({0, 1, 2, 100}) do
    same('gsub', function() return subject:gsub(pattern, replacement, limit) end,
      function() return core.slow_gsub(subject, pattern, replacement, limit) end)
  end
end
local function collect(iterate)
  return function()
    local out, count = {}, 0
    for a, b in iterate() do
      out[#out + 1] = show(a, b)
      count = count + 1
      if count > 30 then break end
    end
    return table.concat(out, '|')
  end
end
same('gmatch', collect(function() return subject:gmatch(pattern) end),
  collect(function() return core.slow_gmatch(subject, pattern) end))
"""


@pytest.fixture(scope="module")
def compare():
    lua = lua51.LuaRuntime(encoding=None)
    folder = resources.files("joblog.app.engine") / "lua"
    core = lua.eval(
        b"{string = {}, unpack = unpack, poll = function() end, bad_argument = error,"
        b" limits = {}}"
    )
    for name in ("limits", "patterns", "matcher"):
        lua.execute((folder / f"{name}.lua").read_bytes(), core)
    return lambda subject, pattern: lua.execute(
        COMPARE.encode(), core, subject.encode(), pattern.encode()
    )


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_matcher_in_lua_agrees_with_the_stock_one(compare, pattern):
    for subject in SUBJECTS:
        compare(subject, pattern)
