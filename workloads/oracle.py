"""The right answer to a query, computed offline in DuckDB SQL. Shares no code with any engine but the query itself and
the names in it.

In SQL a column of the user's is called as `workloads.names` numbers it, so it cannot be taken for one of ours, whatever
its name is: DuckDB takes a column before an alias, and does not tell upper from lower case. Names return at the end.

Where the order of events does not matter, events stream through in pieces, so memory holds the answer and one piece,
however long the stream is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import duckdb
import numpy as np
import pyarrow as pa

from workloads.names import numbered
from workloads.query import (
    CHECK,
    CODE,
    ID,
    Aggregate,
    Condition,
    Count,
    Join,
    Linear,
    Project,
    Query,
    Running,
    Session,
    Sliding,
    StateMachine,
    Top,
    Tumbling,
    Until,
    Windowed,
)
from workloads.state_machine_sql import machine_rows
from workloads.stream import Events

THREADS = 2
"""DuckDB's threads: the smallest machine that the project supports has two cores."""

LAST_ID = "last_id"

# Columns of an event beside the query's own.
_KEY, _TIME, _POSITION = '".key"', '".time"', '".position"'
_N = '".n"'
_IN_ORDER = f"PARTITION BY {_KEY} ORDER BY {_POSITION}"


def expected(query: Query, events: Iterable[Events], threads: int = THREADS) -> pa.Table:
    """Every row that is due for these events: int64 columns key, `query.identity`, `query.fields`, last_id.

    events: in the log's order, where that matters only within a key; one that occurs twice counts twice. key is the
    index into the events' labels, which must be the same for all pieces. last_id is the id whose planned time makes the
    row final. Of a time window it is the largest id (where the watermark decides), of a count or data-driven window the
    last record's, of a pair the larger one, and else the row's own. Rows ascend by identity, then key. Raises
    duckdb.Error if a sum leaves 64 bits or a derived column's dividend is negative.
    """
    plain = numbered(query)
    columns = _list(("key", *plain.row_fields, LAST_ID))
    found = _run(
        f"WITH prepared AS {_materialised(plain)} ({_prepared(query)}), due AS ({_due(plain)}) "
        f"SELECT {columns} FROM due ORDER BY {_list((*plain.identity, 'key'))}",
        threads,
        events=_stream(query, events),
    )
    return found.rename_columns(["key", *query.row_fields, LAST_ID])


def members(query: Query, events: Iterable[Events], wanted: pa.Table, threads: int = THREADS) -> pa.Table:
    """The events, as far as filter and deduplication let them pass, behind rows of a shape with an audit.

    wanted: for time windows the columns key, start and end, each window once; for every other shape only key, since
    which events make a row is a matter of the key's whole sequence. Returned are those columns, then all integer
    columns of the query and derived ones, in the log's order. One of these may be called key, start or end too: tell
    them by their places.
    """
    columns = _list(_integers(numbered(query)))
    match query.time_window:
        case None:
            source = f'SELECT {_KEY} AS "key", {columns}, {_POSITION} FROM prepared SEMI JOIN wanted ON {_KEY} = "key"'
        case Session():
            # Sessions of a key do not overlap, so an event can only be in the last one that began before it.
            source = (
                f'SELECT "key", "start", "end", {columns}, {_POSITION} FROM prepared ASOF JOIN wanted '
                f'ON {_KEY} = "key" AND {_TIME} >= "start" WHERE {_TIME} < "end"'
            )
        case Tumbling() | Sliding() as window:
            source = (
                f'SELECT {_KEY} AS "key", "start", "end", {columns}, {_POSITION} FROM ({_grid(window)}) AS placed '
                f'SEMI JOIN wanted ON placed.{_KEY} = wanted."key" AND placed."start" = wanted."start" '
                'AND placed."end" = wanted."end"'
            )
    found = _run(
        f"WITH prepared AS {_materialised(query)} ({_prepared(query)}), found AS ({source}) "
        f"SELECT * EXCLUDE ({_POSITION}) FROM found ORDER BY {_POSITION}",
        threads,
        events=_stream(query, events),
        wanted=wanted,
    )
    return found.rename_columns([*wanted.column_names, *_integers(query)])


def _integers(query: Query) -> list[str]:
    """Integer columns, and the derived ones."""
    columns = [column.name for column in query.columns if column.type == "integer"]
    return [*columns, *(linear.name for linear in query.derived)]


def _prepared(query: Query) -> str:
    """SQL for the events that go into the shape, with derived columns. query: under its true names."""
    plain, first = numbered(query), ""
    derived = "".join(
        f", {_linear(linear, called.name)} AS {_name(linear.name)}"
        for linear, called in zip(plain.derived, query.derived, strict=True)
    )
    if plain.deduplicate:
        equal = ", ".join((_KEY, *(_name(column) for column in plain.deduplicate.columns)))
        first = f" QUALIFY row_number() OVER (PARTITION BY {equal} ORDER BY {_POSITION}) = 1"
    return (
        f"SELECT *, {_name(plain.key)} AS {_KEY}, {_name(plain.time)} AS {_TIME}{derived} FROM events "
        f"WHERE {_all(plain.where)}{first}"
    )


def _materialised(query: Query) -> str:
    """A stream can be read once; what is read once stays a stream."""
    return "NOT MATERIALIZED" if isinstance(query.time_window, Tumbling | Sliding) else "MATERIALIZED"


def _due(query: Query) -> str:
    match query.shape:
        case Project(fields=fields):
            names = dict.fromkeys((ID, *fields, CHECK))
            return f'SELECT {_KEY} AS "key", {_list(names)}, {_name(ID)} AS {LAST_ID} FROM prepared'
        case Running(outputs=outputs):
            return _running(outputs)
        case Windowed(window=Count(size=size, slide=slide), outputs=outputs):
            return _counted(outputs, size, slide)
        case Windowed(window=Until(condition=condition), outputs=outputs):
            return _until(outputs, condition)
        case Windowed(window=Session(gap_ms=gap), outputs=outputs):
            return _sessions(outputs, gap)
        case Windowed(window=Tumbling() | Sliding() as window, top=top, outputs=outputs):
            return _on_grid(outputs, window) if top is None else _top(outputs, window, top)
        case Join() as join:
            return _join(join)
        case StateMachine() as machine:
            return _machine(machine)
    raise TypeError(f"no SQL for {query.shape}")


def _running(outputs: Sequence[Aggregate]) -> str:
    so_far = f"({_IN_ORDER} ROWS UNBOUNDED PRECEDING)"
    firsts, columns = [], []
    for number, output in enumerate(outputs):
        call = f"{output.function}({_name(output.column) if output.column else '*'})"
        if output.function == "distinct" and output.column:
            # How often a value came that had not come before.
            first = f'".first{number}"'
            same = f"PARTITION BY {_KEY}, {_name(output.column)} ORDER BY {_POSITION}"
            firsts.append(f", CAST(row_number() OVER ({same}) = 1 AS BIGINT) AS {first}")
            call = f"sum({first})"
        columns.append(f"CAST({call} OVER {so_far} AS BIGINT) AS {_name(output.name)}")
    return (
        f'SELECT {_KEY} AS "key", {_name(ID)}, {", ".join(columns)}, {_name(ID)} AS {LAST_ID} '
        f"FROM (SELECT *{''.join(firsts)} FROM prepared)"
    )


def _counted(outputs: Sequence[Aggregate], size: int, slide: int) -> str:
    """Record n goes into the windows number (n - size) / slide + 1 .. n / slide; those that are not full drop out."""
    windows = f"range(greatest({_N} - {size} + {slide}, 0) // {slide}, {_N} // {slide} + 1)"
    return (
        f'SELECT {_KEY} AS "key", min({_name(ID)}) AS "first", {_aggregates(outputs)}, '
        f"arg_max({_name(ID)}, {_N}) AS {LAST_ID} "
        f'FROM (SELECT *, unnest({windows}) AS ".window" FROM '
        f"(SELECT *, row_number() OVER ({_IN_ORDER}) - 1 AS {_N} FROM prepared)) "
        f'GROUP BY {_KEY}, ".window" HAVING count(*) = {size}'
    )


def _until(outputs: Sequence[Aggregate], condition: Condition) -> str:
    before = f"({_IN_ORDER} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    ends = f"CASE WHEN {_condition(condition)} THEN 1 ELSE 0 END"
    return (
        f'SELECT {_KEY} AS "key", min({_name(ID)}) AS "first", {_aggregates(outputs)}, '
        f"arg_max({_name(ID)}, {_POSITION}) AS {LAST_ID} "
        f'FROM (SELECT *, coalesce(sum({ends}) OVER {before}, 0) AS ".window" FROM prepared) '
        f'GROUP BY {_KEY}, ".window" HAVING max({ends}) = 1'
    )


def _sessions(outputs: Sequence[Aggregate], gap_ms: int) -> str:
    by_time = f"(PARTITION BY {_KEY} ORDER BY {_TIME}, {_POSITION})"
    begins = f"CASE WHEN {_TIME} - lag({_TIME}) OVER {by_time} < {gap_ms} THEN 0 ELSE 1 END"
    return (
        f'SELECT {_KEY} AS "key", min({_TIME}) AS "start", max({_TIME}) + {gap_ms} AS "end", {_aggregates(outputs)}, '
        f"max({_name(ID)}) AS {LAST_ID} "
        f'FROM (SELECT *, sum(".begins") OVER {by_time} AS ".session" FROM '
        f'(SELECT *, {begins} AS ".begins" FROM prepared)) GROUP BY {_KEY}, ".session"'
    )


def _grid(window: Tumbling | Sliding) -> str:
    """SQL for the events with start and end of each window that they are in. Times are not negative."""
    match window:
        case Tumbling(size_ms=size):
            return f'SELECT *, {_TIME} - {_TIME} % {size} AS "start", "start" + {size} AS "end" FROM prepared'
        case Sliding(size_ms=size, slide_ms=slide):
            return (
                f'SELECT *, {_TIME} - {_TIME} % {slide} - back AS "start", "start" + {size} AS "end" '
                f"FROM prepared CROSS JOIN range(0, {size}, {slide}) AS earlier(back)"
            )


def _on_grid(outputs: Sequence[Aggregate], window: Tumbling | Sliding) -> str:
    return (
        f'SELECT {_KEY} AS "key", "start", "end", {_aggregates(outputs)}, max({_name(ID)}) AS {LAST_ID} '
        f'FROM ({_grid(window)}) GROUP BY {_KEY}, "start", "end"'
    )


def _top(outputs: Sequence[Aggregate], window: Tumbling | Sliding, top: Top) -> str:
    items = (
        f'SELECT {_KEY} AS "key", "start", "end", {_name(top.item)} AS "item", {_aggregates(outputs)}, '
        f'max({_name(ID)}) AS ".last" FROM ({_grid(window)}) GROUP BY {_KEY}, "start", "end", {_name(top.item)}'
    )
    mine = 'PARTITION BY "key", "start", "end"'
    return (
        f'SELECT *, row_number() OVER ({mine} ORDER BY {_name(top.by)} DESC, "item") AS "rank", '
        f'max(".last") OVER ({mine}) AS {LAST_ID} FROM ({items}) QUALIFY "rank" <= {top.n}'
    )


def _join(join: Join) -> str:
    """Times are cut into pieces as long as a left event's reach, so that it reaches into two pieces at most."""
    length = join.upper_ms - join.lower_ms + 1
    from_ms, to_ms = f"greatest({_TIME} + {join.lower_ms}, 0)", f"{_TIME} + {join.upper_ms}"
    pieces = f"unnest(range({from_ms} // {length}, ({to_ms}) // {length} + 1))"
    fields = ", ".join(f'"{field.side}".{_name(field.column)} AS {_name(field.name)}' for field in join.fields)
    left, right = f'"left".{_name(ID)}', f'"right".{_name(ID)}'
    return (
        f'SELECT "left".{_KEY} AS "key", {left} AS "left", {right} AS "right"{", " if fields else ""}{fields}, '
        f'"left".{_name(CHECK)} + "right".{_name(CHECK)} AS "checks", greatest({left}, {right}) AS {LAST_ID} '
        f'FROM (SELECT *, {from_ms} AS ".from", {to_ms} AS ".to", {pieces} AS ".piece" '
        f'FROM prepared WHERE {_all(join.left)} AND {to_ms} >= 0) AS "left" '
        f'JOIN (SELECT *, {_TIME} // {length} AS ".piece" FROM prepared WHERE {_all(join.right)}) AS "right" '
        f'ON "left".{_KEY} = "right".{_KEY} AND "left".".piece" = "right".".piece" '
        f'AND "right".{_TIME} BETWEEN "left".".from" AND "left".".to"'
    )


def _machine(machine: StateMachine) -> str:
    fed = (
        f'SELECT {_KEY} AS "key", {_POSITION} AS position, {_TIME} AS time, {_name(machine.symbol)} AS symbol, '
        f"{_name(ID)} AS id, {_name(CHECK)} AS check_sum FROM prepared"
    )
    return (
        f'SELECT "key", id AS {_name(ID)}, code AS {_name(CODE)}, since AS "since", check_sum AS {_name(CHECK)}, '
        f"id AS {LAST_ID} FROM ({machine_rows(machine, fed)})"
    )


def _aggregates(outputs: Sequence[Aggregate]) -> str:
    """Sums of integers have 128 bits in DuckDB; a cast that does not fit is refused."""
    calls = []
    for output in outputs:
        column = _name(output.column) if output.column else "*"
        call = f"count(DISTINCT {column})" if output.function == "distinct" else f"{output.function}({column})"
        calls.append(f"CAST({call} AS BIGINT) AS {_name(output.name)}")
    return ", ".join(calls)


def _linear(linear: Linear, called: str) -> str:
    """called: its true name."""
    dividend = " + ".join([*(f"{weight} * {_name(column)}" for column, weight in linear.weights), str(linear.constant)])
    complaint = f"the dividend of derived column {called} is negative".replace("'", "''")
    return f"CASE WHEN {dividend} < 0 THEN error('{complaint}') ELSE ({dividend}) // {linear.divisor} END"


def _all(conditions: Sequence[Condition]) -> str:
    return " AND ".join(_condition(condition) for condition in conditions) or "true"


def _condition(condition: Condition) -> str:
    value = _name(condition.column) + (f" % {condition.modulo}" if condition.modulo is not None else "")
    return f"{value} {condition.comparator} {condition.value}"


def _list(names: Iterable[str]) -> str:
    return ", ".join(_name(name) for name in names)


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _stream(query: Query, events: Iterable[Events]) -> pa.RecordBatchReader:
    """The query's columns, and the position in the log. The key is the index of its label; other texts are left out."""
    columns = {
        column.name: plain.name
        for column, plain in zip(query.columns, numbered(query).columns, strict=True)
        if column.type == "integer" or column.name == query.key
    }
    schema = pa.schema([*((name, pa.int64()) for name in columns.values()), (_POSITION.strip('"'), pa.int64())])

    def batches() -> Iterator[pa.RecordBatch]:
        position = 0
        for piece in events:
            given = piece.values | {
                query.key: piece.keys,
                query.time: piece.times,
                ID: piece.ids,
                CHECK: piece.checks,
            }
            positions = np.arange(position, position + len(piece.ids), dtype=np.int64)
            position += len(piece.ids)
            yield pa.record_batch([*(pa.array(given[name]) for name in columns), pa.array(positions)], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _run(sql: str, threads: int, **relations: pa.Table | pa.RecordBatchReader) -> pa.Table:
    with _database(threads) as database:
        for name, relation in relations.items():
            database.register(name, relation)
        return database.sql(sql).to_arrow_table()


@contextmanager
def _database(threads: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory that reads no file, loads no extension and prints nothing."""
    database = duckdb.connect(
        ":memory:",
        config={"threads": threads, "autoinstall_known_extensions": False, "autoload_known_extensions": False},
    )
    try:
        # Under `python -c` it takes itself for a shell, and draws a bar into standard output after two seconds.
        database.execute("SET enable_progress_bar = false")
        yield database
    finally:
        database.close()
