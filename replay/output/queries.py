"""Queries: SQL over tables of rows, by DuckDB, which is shut in.

It sees what is given to it as batches of Arrow, and no file, no network, no extension;
its settings are locked. What it sorts or groups beyond its share of memory goes to a
folder of its own that is removed. Both packages are an extra, `joblog[sql]`.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_MEMORY: Final = "96MB"
_SPILL: Final = "16GB"
_RESULT_ROWS: Final = 2000
_READING: Final = frozenset(("SELECT", "EXPLAIN"))


class QueryError(Exception):
    """A query cannot be answered; the text says why, in one line.

    Attributes:
        is_usage: whether the query is wrong, and another would be answered.
    """

    def __init__(self, text: str, *, is_usage: bool = True) -> None:
        """Say what is wrong."""
        super().__init__(text)
        self.is_usage = is_usage


class RowTable(Protocol):
    """A table whose rows come in batches, anew each time."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """The names and types of its columns."""

    def batches(self) -> Iterator[list[tuple[Any, ...]]]:
        """Yield its rows, some at a time."""


class Result(NamedTuple):
    """What a query gives: the names of its columns, and batches of Arrow."""

    columns: list[str]
    schema: Any
    batches: Iterator[Any]


def _require_packages() -> tuple[Any, Any]:
    try:
        import duckdb
        import pyarrow as pa
    except ImportError:
        raise QueryError(
            "SQL needs the packages duckdb and pyarrow: pip install 'joblog[sql]'",
            is_usage=False,
        ) from None
    return duckdb, pa


class _Stream:
    """A table as DuckDB takes it: a stream of Arrow for each time it is read."""

    def __init__(self, table: RowTable, failures: list[Exception]) -> None:
        self._table = table
        self._failures = failures
        self._schema = _schema_of(table)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return a stream of it; see Arrow's PyCapsule interface."""
        _, pa = _require_packages()
        reader = pa.RecordBatchReader.from_batches(self._schema, self._read(pa))
        return reader.__arrow_c_stream__(requested_schema)

    def _read(self, pa: Any) -> Iterator[Any]:
        try:
            for rows in self._table.batches():
                columns = zip(*rows, strict=True)
                arrays = [
                    pa.array(column, type=field.type)
                    for column, field in zip(columns, self._schema, strict=True)
                ]
                yield pa.record_batch(arrays, schema=self._schema)
        except Exception as error:
            self._failures.append(error)
            raise


def _schema_of(table: RowTable) -> Any:
    _, pa = _require_packages()
    types = {
        "number": pa.int64(),
        "time": pa.timestamp("ms", tz="UTC"),
        "text": pa.string(),
        "blob": pa.binary(),
        "texts": pa.list_(pa.string()),
        "blobs": pa.list_(pa.binary()),
    }
    return pa.schema([(name, types[kind]) for name, kind in table.columns])


class Queries:
    """Answers queries over some tables."""

    def __init__(self, connection: Any) -> None:
        """Take a connection over; see `open_queries`."""
        self._connection = connection
        self._failures: list[Exception] = []

    def add(self, table: RowTable) -> None:
        """Let queries see a table."""
        self._connection.register(table.name, _Stream(table, self._failures))

    def define(self, statement: str) -> None:
        """Let queries see what a statement of ours defines."""
        self._connection.execute(statement)

    def shut_in(self) -> None:
        """Let queries reach nothing but the tables, from now on."""
        for setting in (
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
            "python_enable_replacements = false",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            self._connection.execute(f"SET {setting}")

    def ask(self, query: str) -> Result:
        """Begin to answer a query; what is wrong may show while batches are read.

        Raises:
            QueryError: it is none that only reads, or it is wrong.
        """
        duckdb, pa = _require_packages()
        try:
            statements = self._connection.extract_statements(query)
            kinds = [each.type.name for each in statements]
            if len(kinds) != 1 or kinds[0] not in _READING:
                raise QueryError(
                    f"one SELECT is answered, not {', '.join(kinds) or 'none'}"
                )
            if kinds[0] == "SELECT":
                relation = self._connection.sql(query)
                reader = relation.to_arrow_reader(_RESULT_ROWS)
            else:
                rows = self._connection.execute(query).fetchall()
                lines = [str(line) for line in rows[0][1].splitlines()]
                reader = pa.table({"plan": lines}).to_reader()
        except duckdb.Error as error:
            raise self._explain(error) from error
        return Result(reader.schema.names, reader.schema, self._read(reader))

    def _read(self, reader: Any) -> Iterator[Any]:
        duckdb, pa = _require_packages()
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            except (duckdb.Error, pa.ArrowException, OSError) as error:
                raise self._explain(error) from error
            yield batch

    def _explain(self, error: Exception) -> Exception:
        """Return what a table met while it was read, or what is wrong with a query."""
        if self._failures:
            return self._failures[0]
        lines = [line.strip() for line in str(error).splitlines()]
        known = [line for line in lines if line and not line.startswith(("LINE", "^"))]
        hints = [line for line in known[1:2] if not line.endswith(":")]
        text = " ".join([*known[:1], *hints]) or type(error).__name__
        is_usage = not text.startswith(("Out of Memory", "IO Error", "INTERNAL"))
        return QueryError(text, is_usage=is_usage)


@contextmanager
def open_queries(*, may_spill: bool = True) -> Iterator[Queries]:
    """Yield a DuckDB in memory that knows nothing yet; it is closed at the end.

    Args:
        may_spill: whether what does not fit may go to a folder of its own meanwhile.

    Raises:
        QueryError: it is not installed.
    """
    duckdb, _ = _require_packages()
    with tempfile.TemporaryDirectory(prefix="replay-sql-") as folder:
        connection = duckdb.connect(
            config={
                "memory_limit": _MEMORY,
                "temp_directory": folder if may_spill else "",
                "max_temp_directory_size": _SPILL,
                "threads": 1,
                "preserve_insertion_order": True,
            }
        )
        try:
            connection.execute("SET TimeZone = 'UTC'")
            yield Queries(connection)
        finally:
            connection.close()


def write_parquet(path: Path, result: Result) -> int:
    """Write a result as a Parquet file, which must not be there yet.

    Returns:
        How many rows it has.
    """
    _require_packages()
    import pyarrow.parquet as pq

    count = 0
    with path.open("xb") as file, pq.ParquetWriter(file, result.schema) as writer:
        for batch in result.batches:
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def rows_of(batches: Iterator[Any], columns: Sequence[str]) -> Iterator[list[Any]]:
    """Yield a result's rows as Python has them."""
    for batch in batches:
        lists = [batch.column(place).to_pylist() for place in range(len(columns))]
        for row in zip(*lists, strict=True):
            yield list(row)
