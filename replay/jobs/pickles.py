"""Pickles, read without making anything of what they name.

Python's queues store results as pickles. To unpickle one runs what it says, so it is
never done here: a pickle is a program for a small machine, and this one runs it with
plain values alone. A class that it names becomes a `Made`, with its name and arguments.
"""

from __future__ import annotations

import pickletools
from datetime import UTC, datetime, timedelta
from typing import Any

BYTES_MAX = 1 << 20
_STEPS_MAX = 100_000
_TIME_BYTES = 10
_MONTH_BITS = 0x7F
"""The bit above them tells the second of two hours that a clock shows twice."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXTS = (str, bytes, int, float, bool)


class PickleError(ValueError):
    """A byte string is no pickle that can be read here."""


class Made:
    """An object that a pickle would make.

    Attributes:
        name: its class, with its module: `builtins.ValueError`.
        arguments: what the class would be called with.
    """

    def __init__(self, name: str, arguments: list[Any]) -> None:
        """Note down what would be called, and with what."""
        self.name = name
        self.arguments = arguments

    @property
    def class_name(self) -> str:
        """The class without its module."""
        return self.name.rpartition(".")[2]

    def __repr__(self) -> str:
        """Return it as an error is shown: `ValueError: no such user`."""
        words = [str(each) for each in self.arguments if isinstance(each, _TEXTS)]
        return f"{self.class_name}: {', '.join(words)}" if words else self.class_name


class _Mark:
    """Where on the stack a run of values begins."""


def read_pickle(data: bytes) -> Any:
    """Return what a pickle holds: plain values, lists, dictionaries and `Made`.

    Raises:
        PickleError: it is none, is too long, or does what cannot be told.
    """
    if len(data) > BYTES_MAX:
        raise PickleError("too long")
    machine = _Machine()
    try:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if opcode.name == "STOP":
                return machine.stack[-1]
            if number > _STEPS_MAX:
                break
            machine.step(opcode.name, argument)
    except PickleError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise PickleError(str(error)) from error
    raise PickleError("it does not end")


def read_time(packed: bytes) -> int:
    """Return a pickled `datetime` without a zone, taken for UTC, in ms.

    Raises:
        ValueError: it is none.
    """
    if len(packed) != _TIME_BYTES:
        raise ValueError("no time")
    year, month, day = packed[0] << 8 | packed[1], packed[2] & _MONTH_BITS, packed[3]
    hour, minute, second = packed[4:7]
    microsecond = int.from_bytes(packed[7:])
    at = datetime(year, month, day, hour, minute, second, microsecond, UTC)
    return (at - _EPOCH) // timedelta(milliseconds=1)


class _Machine:
    """The stack and the memory of a pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._memory: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Do one step."""
        stack = self.stack
        if name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _PUSHES:
            stack.append(argument)
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name == "MARK":
            stack.append(_Mark())
        elif name == "MEMOIZE":
            self._memory[len(self._memory)] = stack[-1]
        elif name in {"PUT", "BINPUT", "LONG_BINPUT"}:
            self._memory[int(argument)] = stack[-1]
        elif name in {"GET", "BINGET", "LONG_BINGET"}:
            stack.append(self._memory[int(argument)])
        elif name in _TUPLES:
            count = _TUPLES[name]
            stack.append([stack.pop() for _ in range(count)][::-1])
        elif name in {"TUPLE", "LIST", "FROZENSET"}:
            stack.append(self._pop_to_mark())
        elif name == "DICT":
            values = self._pop_to_mark()
            stack.append(
                dict(zip(map(_as_key, values[::2]), values[1::2], strict=True))
            )
        elif name not in _IGNORED:
            self._change(name, argument)

    def _change(self, name: str, argument: Any) -> None:
        """Do a step that changes what is on the stack, or would make an object."""
        stack = self.stack
        if name == "POP":
            stack.pop()
        elif name == "POP_MARK":
            self._pop_to_mark()
        elif name == "DUP":
            stack.append(stack[-1])
        elif name in {"APPEND", "APPENDS", "ADDITEMS"}:
            values = [stack.pop()] if name == "APPEND" else self._pop_to_mark()
            if isinstance(stack[-1], list):
                stack[-1].extend(values)
        elif name in {"SETITEM", "SETITEMS"}:
            values = (
                [stack.pop(), stack.pop()][::-1]
                if name == "SETITEM"
                else self._pop_to_mark()
            )
            if isinstance(stack[-1], dict):
                keys = map(_as_key, values[::2])
                stack[-1].update(zip(keys, values[1::2], strict=True))
        elif name == "GLOBAL":
            stack.append(Made(str(argument).replace(" ", "."), []))
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            stack.append(Made(f"{module}.{attribute}", []))
        elif name in {"REDUCE", "NEWOBJ"}:
            arguments, made = stack.pop(), stack.pop()
            stack.append(_call(made, arguments))
        elif name == "NEWOBJ_EX":
            _, arguments, made = stack.pop(), stack.pop(), stack.pop()
            stack.append(_call(made, arguments))
        elif name == "BUILD":
            stack.pop()
        else:
            raise PickleError(f"it has {name}, which is not read")

    def _pop_to_mark(self) -> list[Any]:
        values: list[Any] = []
        while not isinstance(self.stack[-1], _Mark):
            values.append(self.stack.pop())
        self.stack.pop()
        return values[::-1]


def _call(made: Any, arguments: Any) -> Made:
    if not isinstance(made, Made) or not isinstance(arguments, list):
        raise PickleError("it calls what is no class")
    return Made(made.name, arguments)


def _as_key(value: Any) -> Any:
    """Return what can be a dictionary's key; a list, which was a tuple, as its text."""
    return value if isinstance(value, (*_TEXTS, type(None))) else repr(value)


_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_PUSHES = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT"),
    *("BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "BINBYTES8"),
    *("SHORT_BINBYTES", "BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE"),
    "BINUNICODE8",
}
_EMPTY = {
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": list,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_IGNORED = {"PROTO", "FRAME"}
