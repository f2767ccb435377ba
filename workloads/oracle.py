"""The right answer to a query, computed offline in DuckDB SQL. Shares no code with any engine.

Events stream through in pieces, so memory holds the answer and one piece, however long the stream is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from workloads.query import CHECK, ID, Query
from workloads.stream import Events

THREADS = 2
"""DuckDB's threads: the smallest machine that the project supports has two cores."""


def expected(query: Query, events: Iterable[Events], threads: int = THREADS) -> pa.Table:
    """Every row that is due for these events: int64 columns key, start, end, `query.shape.outputs`, last_id.

    An event that occurs twice counts twice. key is the index into the events' labels, which must be the same for all
    pieces; last_id is the largest id in the window. Rows ascend by start, end, key. Raises duckdb.Error if a sum
    leaves 64 bits.
    """
    outputs = ", ".join(
        f"CAST({output.function}({_name(output.column) if output.column else '*'}) AS BIGINT) AS {_name(output.name)}"
        for output in query.shape.outputs
    )
    return _run(
        f"SELECT {_window(query)}, {outputs}, max({_name(ID)}) AS last_id "
        'FROM events GROUP BY 1, 2, 3 ORDER BY "start", "end", "key"',
        threads,
        events=_stream(query, events),
    )


def members(query: Query, events: Iterable[Events], windows: pa.Table, threads: int = THREADS) -> pa.Table:
    """The events of some windows (columns key, start, end): those three columns, then all integer columns of the query.

    In no particular order.
    """
    columns = ", ".join(_name(column.name) for column in query.columns if column.type == "integer")
    return _run(
        f"SELECT * FROM (SELECT {_window(query)}, {columns} FROM events) "
        'SEMI JOIN windows USING ("key", "start", "end")',
        threads,
        events=_stream(query, events),
        windows=windows,
    )


def _window(query: Query) -> str:
    """SQL for the columns key, start and end of an event. Times are not negative, so % rounds down."""
    time, size = _name(query.time), query.shape.window.size_ms
    start = f"{time} - {time} % {size}"
    return f'{_name(query.key)} AS "key", {start} AS "start", {start} + {size} AS "end"'


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _stream(query: Query, events: Iterable[Events]) -> pa.RecordBatchReader:
    """The query's columns; the key column is the label's index, other texts are left out: no aggregate reads them."""
    columns = [column.name for column in query.columns if column.type == "integer" or column.name == query.key]
    schema = pa.schema([(name, pa.int64()) for name in columns])

    def batches() -> Iterator[pa.RecordBatch]:
        for piece in events:
            given = piece.values | {
                query.key: piece.keys,
                query.time: piece.times,
                ID: piece.ids,
                CHECK: piece.checks,
            }
            yield pa.record_batch([pa.array(given[name]) for name in columns], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _run(sql: str, threads: int, **relations: pa.Table | pa.RecordBatchReader) -> pa.Table:
    with _database(threads) as database:
        for name, relation in relations.items():
            database.register(name, relation)
        return database.sql(sql).to_arrow_table()


@contextmanager
def _database(threads: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory that reads no file and loads no extension."""
    database = duckdb.connect(
        ":memory:",
        config={"threads": threads, "autoinstall_known_extensions": False, "autoload_known_extensions": False},
    )
    try:
        yield database
    finally:
        database.close()
