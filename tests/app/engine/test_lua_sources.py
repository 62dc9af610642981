from importlib import resources

import pytest
from lupa import lua51

from joblog.app.engine import lua_bytecode

OP_GETGLOBAL, OP_SETGLOBAL = 5, 7
FILES = sorted(
    (resources.files("joblog.app.engine") / "lua").iterdir(), key=lambda f: f.name
)


class GlobalFinder(lua_bytecode._Patcher):
    """Counts the globals that functions use, the main chunk aside."""

    def __init__(self, code):
        super().__init__(code)
        self.depth = 0
        self.found = 0

    def function(self, at):
        self.depth += 1
        at = super().function(at)
        self.depth -= 1
        return at

    def _patch(self, at, count):
        if self.depth == 1:
            return
        for i in range(count):
            opcode = self._code[at + 4 * i] & 63
            self.found += opcode in (OP_GETGLOBAL, OP_SETGLOBAL)


@pytest.fixture(scope="module")
def dump():
    return lua51.LuaRuntime(encoding=None).eval(
        b"function(text) return string.dump(assert(loadstring(text, '=x'))) end"
    )


@pytest.mark.parametrize("file", [pytest.param(f, id=f.name) for f in FILES])
def test_no_function_of_the_sandbox_uses_a_global(dump, file):
    # Afterwards there are none: it would fail only when it runs.
    finder = GlobalFinder(bytearray(dump(file.read_bytes())))
    finder.function(12)

    assert finder.found == 0


CALLS = [
    pytest.param("return f()", 0, id="global"),
    pytest.param("return redis.call('x')", 0, id="field"),
    pytest.param("return ('x'):upper()", 0, id="method"),
    pytest.param("local f = g return f(1)", 0, id="local"),
    pytest.param("local function f() return f() end", 1, id="upvalue"),
    pytest.param("return function() return g() end", 0, id="nested"),
    pytest.param("local a = {1.5, true, nil, 'x'} return g(a)", 0, id="constants"),
]


@pytest.mark.parametrize(("source", "left"), CALLS)
def test_tail_calls_become_calls_except_those_of_an_upvalue(dump, source, left):
    patched = bytearray(lua_bytecode.keep_frames(dump(source.encode())))
    counted = TailCallCounter(patched)
    counted.function(12)

    assert counted.found == left


class TailCallCounter(lua_bytecode._Patcher):
    found = 0

    def _patch(self, at, count):
        for i in range(count):
            self.found += self._code[at + 4 * i] & 63 == lua_bytecode._OP_TAILCALL
