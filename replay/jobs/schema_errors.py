"""What is wrong with a schema: file, line, place, what may be, and what was meant."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from joblog.replay.jobs.schema import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEADER = re.compile(r"\s*\[+\s*([\w.]+)\s*\]+")
_TYPES = {str: "a string", bool: "true or false", dict: "a table", list: "a list"}


class Source:
    """The text of a schema, by which errors find their line.

    Attributes:
        name: the file's name.
    """

    def __init__(self, name: str, text: str = "") -> None:
        """Take a schema's name, and its text if there is one."""
        self.name = name
        self._lines = text.splitlines()

    def root(self) -> Place:
        """Return the place of what stands in no table of a kind."""
        return Place(self, "", 0)

    def place(self, kind: str, number: int) -> Place:
        """Return the place of a table, [[kind]], the first of which is number 1."""
        return Place(self, kind, number)

    def find_line(self, kind: str, number: int, word: str) -> int:
        """Return the line of a word in a table, or of the table; 0 if none is known."""
        found, inside, seen = 0, not kind, 0
        pattern = re.compile(rf"""(^|[\s,{{"'.]){re.escape(word)}(["'\s=]|$)""")
        for at, line in enumerate(self._lines, 1):
            header = _HEADER.match(line)
            if header is not None and kind:
                name = header[1]
                seen += name == kind
                inside = seen == number and name.partition(".")[0] == kind
                if inside and name == kind:
                    found = at
            if inside and word and pattern.search(line.partition("#")[0]):
                return at
        return found


class Place:
    """A place in a schema that errors name."""

    def __init__(self, source: Source, kind: str, number: int) -> None:
        """Name a table by its kind and number; "" for what is outside of all."""
        self._source = source
        self._kind = kind
        self._number = number

    def error(self, text: str, word: str = "") -> SchemaError:
        """Return the error about a word at this place."""
        line = self._source.find_line(self._kind, self._number, word)
        where = f"{self._source.name}:{line}" if line else self._source.name
        kind = f"[[{self._kind}]] {self._number}: " if self._kind else ""
        return SchemaError(f"{where}: {kind}{text}")

    def require_known(
        self, words: Iterable[object], allowed: Iterable[str], these_are: str
    ) -> None:
        """Check that all words are of those that are allowed.

        Args:
            words: what was written.
            allowed: all that may be.
            these_are: how a list of them begins: "keys are".

        Raises:
            SchemaError: one is not.
        """
        names = [name for name in allowed if name]
        for word in words:
            if word in names or word == "":
                continue
            near = difflib.get_close_matches(str(word), names, 1)
            meant = f": did you mean {near[0]}? " if near else "; "
            text = f"{word!r} cannot stand here{meant}{these_are} {', '.join(names)}"
            raise self.error(text, str(word))

    def flag(self, table: dict[str, Any], name: str, *, default: bool = False) -> bool:
        """Return what a table has of a name, which is true or false.

        Raises:
            SchemaError: it is something else.
        """
        return bool(self.take(table, name, bool, default))

    def take(self, table: dict[str, Any], name: str, type_: type, default: Any) -> Any:
        """Return what a table has of a name, of the type that it has to have.

        Raises:
            SchemaError: it has another.
        """
        value = table.get(name, default)
        if not isinstance(value, type_):
            raise self.error(f"{name} is {_TYPES[type_]}, not {value!r}", name)
        return value

    def take_strings(self, table: dict[str, Any], name: str) -> dict[str, str]:
        """Return a table of strings that a table has.

        Raises:
            SchemaError: it is something else.
        """
        found: dict[str, str] = self.take(table, name, dict, {})
        for key, value in found.items():
            if not isinstance(value, str):
                raise self.error(f"{name}.{key} is a string, not {value!r}", key)
        return found
