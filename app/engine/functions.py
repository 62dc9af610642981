"""Functions: libraries of Lua functions, which FCALL runs by name.

The texts of the libraries are part of the keyspace (`Keyspace.libraries`): they live in
the log, and a fold brings them back without running any Lua. The functions themselves
are here; they are made anew whenever the engine gets another keyspace.

A dump of all libraries, for FUNCTION RESTORE of any Redis:

    0xf5, the text as an RDB string; for each library
    RDB version (2 bytes), CRC-64 of all before (8 bytes), both little-endian

Source: Redis 7.2; see tests/parity/test_functions.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.state.script_runner import Library
from joblog.app.state.script_sources import read_library_shebang
from joblog.app.types.crc64 import crc64
from joblog.app.types.rdb_strings import decode_rdb_string, encode_rdb_string

if TYPE_CHECKING:
    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.app.state.context import Context
    from joblog.app.state.script_runner import FunctionSpec

_OPCODE_FUNCTION = 0xF5
_RDB_VERSION = 11
_FOOTER_BYTES = 10


class Functions:
    """The libraries of an engine."""

    def __init__(self, context: Context) -> None:
        """Make the functions of an engine; libraries are loaded at the first use."""
        self._context = context
        self._keyspace: Keyspace | None = None
        self._libraries: dict[bytes, Library] = {}
        self._functions: dict[bytes, FunctionSpec] = {}

    @property
    def libraries(self) -> dict[bytes, Library]:
        """The libraries by name."""
        if self._keyspace is not self._context.keyspace:
            self._adopt(self._context.keyspace)
        return self._libraries

    def forget(self) -> None:
        """Load the keyspace's libraries anew at the next use."""
        self._keyspace = None

    def find(self, name: bytes) -> FunctionSpec:
        """Return a function by its name; capitals don't matter.

        Raises:
            CommandError: there is none.
        """
        if self._keyspace is not self._context.keyspace:
            self._adopt(self._context.keyspace)
        found = self._functions.get(name.lower())
        if found is None:
            raise CommandError(errors.NO_FUNCTION)
        return found

    def find_source(self, name: bytes) -> bytes | None:
        """Return the text of the library that has a function, None where none has."""
        for library in self.libraries.values():
            if any(spec.name.lower() == name.lower() for spec in library.functions):
                return library.source
        return None

    def count(self) -> int:
        """Return how many functions there are."""
        return sum(len(library.functions) for library in self.libraries.values())

    def load(self, source: bytes, *, is_replacing: bool) -> Library:
        """Load a library, or nothing of it.

        Raises:
            CommandError: its text is wrong, or a name is taken.
        """
        name = read_library_shebang(source).name
        old = self.libraries.get(name)
        if old is not None and not is_replacing:
            raise CommandError(errors.library_exists(name))
        specs = self._context.scripts.load_library(source)
        library = Library(name, source, specs)
        refusal = self._refusal(library, old)
        if refusal is not None:
            self._context.scripts.drop_functions(specs)
            raise CommandError(refusal)
        if old is not None:
            self._remove(old)
        self._add(library)
        self._context.keyspace.libraries[name] = source
        return library

    def delete(self, name: bytes) -> None:
        """Delete a library.

        Raises:
            CommandError: there is none.
        """
        library = self.libraries.get(name)
        if library is None:
            raise CommandError(errors.NO_LIBRARY)
        self._remove(library)
        del self._context.keyspace.libraries[name]

    def flush(self) -> bool:
        """Delete all libraries, and say whether there was any."""
        libraries = list(self.libraries.values())
        for library in libraries:
            self.delete(library.name)
        return bool(libraries)

    def dump(self) -> bytes:
        """Return all libraries as FUNCTION RESTORE takes them."""
        body = b"".join(
            bytes([_OPCODE_FUNCTION]) + encode_rdb_string(library.source)
            for library in self.libraries.values()
        )
        body += _RDB_VERSION.to_bytes(2, "little")
        return body + crc64(body).to_bytes(8, "little")

    def restore(self, payload: bytes, policy: bytes) -> list[Library]:
        """Load the libraries of a dump: all of them, or none.

        Args:
            payload: what FUNCTION DUMP gave, here or in Redis.
            policy: FLUSH deletes all others before, REPLACE those of the same name;
                APPEND takes neither.

        Returns:
            The libraries that were loaded.

        Raises:
            CommandError: the payload is damaged, or a library cannot be loaded.
        """
        sources = decode_dump(payload)
        before = dict(self._context.keyspace.libraries)
        loaded: list[Library] = []
        try:
            if policy == b"FLUSH":
                self.flush()
            for source in sources:
                if policy != b"REPLACE":
                    self._require_new(source)
                loaded.append(self.load(source, is_replacing=True))
        except CommandError:
            self._context.keyspace.libraries.clear()
            self._context.keyspace.libraries.update(before)
            self._adopt(self._context.keyspace)
            raise
        return loaded

    def _require_new(self, source: bytes) -> None:
        name = read_library_shebang(source).name
        if name in self.libraries:
            raise CommandError(errors.library_exists_in_dump(name))

    def _adopt(self, keyspace: Keyspace) -> None:
        """Make the functions of the libraries that a keyspace has."""
        for library in self._libraries.values():
            self._context.scripts.drop_functions(library.functions)
        self._libraries.clear()
        self._functions.clear()
        self._keyspace = keyspace
        for name, source in keyspace.libraries.items():
            specs = self._context.scripts.load_library(source)
            self._add(Library(name, source, specs))

    def _refusal(self, library: Library, old: Library | None) -> bytes | None:
        """Return why a library may not take the place of an old one, or None."""
        if not library.functions:
            return errors.NO_FUNCTIONS_REGISTERED
        replaced = old.functions if old is not None else []
        for spec in library.functions:
            taken = self._functions.get(spec.name.lower())
            if taken is not None and taken not in replaced:
                return errors.function_exists(spec.name)
        return None

    def _add(self, library: Library) -> None:
        self._libraries[library.name] = library
        for spec in library.functions:
            self._functions[spec.name.lower()] = spec

    def _remove(self, library: Library) -> None:
        del self._libraries[library.name]
        self._context.scripts.drop_functions(library.functions)
        self._functions.clear()
        for other in list(self._libraries.values()):
            self._add(other)


def decode_dump(payload: bytes) -> list[bytes]:
    """Return the texts of the libraries in a dump.

    Raises:
        CommandError: the checksum is wrong, or there is something else in it.
    """
    body, footer = payload[:-_FOOTER_BYTES], payload[-_FOOTER_BYTES:]
    if len(payload) < _FOOTER_BYTES or crc64(body + footer[:2]) != int.from_bytes(
        footer[2:], "little"
    ):
        raise CommandError(errors.BAD_DUMP_PAYLOAD)
    sources = []
    at = 0
    while at < len(body):
        if body[at] != _OPCODE_FUNCTION:
            raise CommandError(errors.NOT_A_FUNCTION_DUMP)
        try:
            source, at = decode_rdb_string(body, at + 1)
        except ValueError:
            raise CommandError(errors.BAD_DUMP_PAYLOAD) from None
        sources.append(source)
    return sources
