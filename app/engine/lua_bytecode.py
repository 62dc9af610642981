"""Tail calls of a compiled script, made into plain calls.

An error of a script names the line on which it arose. Redis's functions are C
functions, which a tail call leaves on the stack together with the script's frame; ours
are Lua functions, for which the frame would be gone: `return redis.call(...)` could not
say where it stands. So a script is compiled, dumped, and loaded again with
OP_TAILCALL made OP_CALL, which the OP_RETURN behind it fits as well.

Calls of an upvalue stay tail calls: a local function that calls itself is one, and may
rely on it to recurse without end.

    header (12) | function: source, line, last line, 4 bytes, code, constants,
    functions, lines, locals, upvalue names

Only what Lua itself has just compiled is read here, on the machine that runs it.
Source: the Lua 5.1 virtual machine; opcode in bits 0-5, A in bits 6-13.
"""

from __future__ import annotations

import struct

_HEADER_BYTES = 12
_OP_GETUPVAL = 4
_OP_CALL = 28
_OP_TAILCALL = 29
_WRITES_NO_A = {7, 8, 9, 22, 23, 24, 25, 26, 30, 34, 35}
_NIL, _BOOLEAN, _NUMBER, _STRING = 0, 1, 3, 4
_INT = struct.Struct("=i")
_SIZE = struct.Struct("=Q")


def keep_frames(dumped: bytes) -> bytes:
    """Return dumped bytecode in which calls keep the frame of their caller.

    Args:
        dumped: what string.dump gave for a function just compiled.
    """
    code = bytearray(dumped)
    _Patcher(code).function(_HEADER_BYTES)
    return bytes(code)


class _Patcher:
    """Walks over a dump; every method takes a place and returns the one behind."""

    def __init__(self, code: bytearray) -> None:
        self._code = code

    def function(self, at: int) -> int:
        at = self._string(at) + 12
        count, at = self._count(at)
        self._patch(at, count)
        at = self._constants(at + 4 * count)
        count, at = self._count(at)
        for _ in range(count):
            at = self.function(at)
        count, at = self._count(at)
        count, at = self._count(at + 4 * count)
        for _ in range(count):
            at = self._string(at) + 8
        count, at = self._count(at)
        for _ in range(count):
            at = self._string(at)
        return at

    def _count(self, at: int) -> tuple[int, int]:
        return _INT.unpack_from(self._code, at)[0], at + 4

    def _string(self, at: int) -> int:
        return int(_SIZE.unpack_from(self._code, at)[0]) + at + 8

    def _constants(self, at: int) -> int:
        count, at = self._count(at)
        for _ in range(count):
            kind = self._code[at]
            at += 1
            if kind == _BOOLEAN:
                at += 1
            elif kind == _NUMBER:
                at += 8
            elif kind == _STRING:
                at = self._string(at)
            else:
                assert kind == _NIL, f"constant of kind {kind} in a Lua 5.1 dump"
        return at

    def _patch(self, at: int, count: int) -> None:
        instructions = struct.unpack_from(f"={count}I", self._code, at)
        for i, instruction in enumerate(instructions):
            if instruction & 63 != _OP_TAILCALL:
                continue
            register = instruction >> 6 & 255
            if not _comes_from_upvalue(instructions, i, register):
                patched = instruction & ~63 | _OP_CALL
                struct.pack_into("=I", self._code, at + 4 * i, patched)


def _comes_from_upvalue(instructions: tuple[int, ...], at: int, register: int) -> bool:
    for instruction in reversed(instructions[:at]):
        opcode = instruction & 63
        if instruction >> 6 & 255 == register and opcode not in _WRITES_NO_A:
            return opcode == _OP_GETUPVAL
    return False
