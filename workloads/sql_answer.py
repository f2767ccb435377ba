"""What is due where a user's SQL says it: one SELECT of DuckDB's over the table `input`, the events as committed.

The statement is not trusted. The events are loaded first; then DuckDB opens no file, loads no extension and keeps its
settings as they are. Memory, time and the size of the answer are bounded. The statement is asked twice, the second time
over the events in reverse: what it says must not rest on the order in which they happen to stand.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workloads.query import ID, Query, SqlAnswer
from workloads.stream import Events, Integers

TABLE = "input"
"""The one table that a statement reads."""

OURS = (ID, "partition", "offset", "append_time", "event_time", "late", "key")
"""The first columns of the table. Behind them are the other integer columns of the events, by their names."""

KEY, DECIDED, DUE = "key", "made_final_by", "due"
"""What a column of the answer is that is neither in the identity nor a value: the key of the row; the id of the event
that decides it; whether it must be there."""

MOST_BYTES = 1 << 30
"""An answer is no larger than this (1 GiB), as columns in memory."""

SECONDS = 120.0
"""A statement gets so long, each of the two times that it is asked."""

MEMORY_MB = 1024
"""What DuckDB may hold in memory, the table included; nothing of it goes to the disk."""

MOST_COLUMNS = 100

Closings: TypeAlias = tuple[tuple[tuple[str, int], ...], ...]
"""As of `SqlAnswer`."""

_INTEGERS = frozenset(f"{sign}{kind}INT" for sign in ("", "U") for kind in ("TINY", "SMALL", "BIG", "HUGE")) | {
    "INTEGER",
    "UINTEGER",
}
_THREADS = 2
_WIDTH = 300
_PIECE = 1 << 14
_SAID = "said"


class WrongSql(ValueError):
    """A statement cannot be taken for an answer: `what` is wrong, in which line of it (0: of none), and a remedy."""

    def __init__(self, what: str, line: int, remedy: str) -> None:
        super().__init__(what, line, remedy)
        self.what, self.line, self.remedy = what, line, remedy

    def told(self, named: str) -> str:
        """All of it in a line. named: what the statement's file is called."""
        return f"{named}{f', line {self.line}' if self.line else ''}: {self.what}; {self.remedy}"


@dataclass(frozen=True)
class PlacedEvents:
    """Some events, and where the log has them: columns of equal length."""

    events: Events
    """The events."""
    partitions: Integers
    """Partition of the input."""
    offsets: Integers
    """Offset in that partition."""
    appended_ms: Integers
    """When the log took each, epoch ms."""
    late: NDArray[np.bool_]
    """Whether each comes later than the watermark delay allows."""


@dataclass(frozen=True)
class SqlRows:
    """What a statement says, as columns of equal length, in order of key and identity."""

    keys: Integers
    """Index of the key in the events' labels."""
    columns: Mapping[str, Integers]
    """Those of the identity and the values, by name."""
    decided: Integers
    """The id of the event that decides each row; -1 where that is not told."""
    required: NDArray[np.bool_]
    """Whether each row must be there."""


def columns_of(query: Query) -> dict[str, str]:
    """For each integer column of the events beside ours, what it is called in the table: its name, with _ behind it
    where the table has such a name already.
    """
    found: dict[str, str] = {}
    for column in query.columns:
        if column.type != "integer" or column.name in (ID, query.time):
            continue
        name, taken = column.name, {each.lower() for each in (*OURS, *found.values())}
        while name.lower() in taken:
            name += "_"
        found[column.name] = name
    return found


def table(query: Query, pieces: Iterable[PlacedEvents]) -> pa.Table:
    """The events as the statement is asked of them, with the index of each key in place of its text."""
    names = columns_of(query)
    types = [pa.bool_() if name == "late" else pa.int64() for name in OURS]
    schema = pa.schema([*zip(OURS, types, strict=True), *((name, pa.int64()) for name in names.values())])

    def batches() -> Iterator[pa.RecordBatch]:
        for piece in pieces:
            events = piece.events
            given = {**events.values, "check": events.checks}
            ours = (
                events.ids,
                piece.partitions,
                piece.offsets,
                piece.appended_ms,
                events.times,
                piece.late,
                events.keys,
            )
            arrays = [pa.array(column, kind) for column, kind in zip(ours, types, strict=True)]
            yield pa.record_batch([*arrays, *(pa.array(given[name], pa.int64()) for name in names)], schema=schema)

    return pa.Table.from_batches(batches(), schema)


def answer(shape: SqlAnswer, given: pa.Table, labels: Sequence[str]) -> SqlRows:
    """The rows that are due, by the statement. given: what `table` made. labels: the keys' texts.

    Raises WrongSql where the statement fails, takes too long or too much memory, says other rows of the same events in
    another order, or rows that none can be held against.
    """
    backwards = given.take(pa.array(np.arange(given.num_rows - 1, -1, -1, dtype=np.int64)))
    first, second = (_asked(shape, each, labels) for each in (given, backwards))
    if not first.equals(second):
        raise WrongSql(
            "it says other rows when the same events stand in another order, or when it is asked again",
            0,
            'order what rests on order, as in OVER (PARTITION BY key ORDER BY partition, "offset"), and use neither '
            "chance nor the clock",
        )
    return _checked(shape, first, labels)


def shape_of(statement: str, named: str, query: Query, identity: Sequence[str], closings: Closings = ()) -> SqlAnswer:
    """What rows a statement says, found by its columns; it is not run. query: the events'. Raises WrongSql."""
    with _sandbox(table(query, ()), ("",)) as database:
        described = _columns(database, statement)
    _check_columns(statement, described, identity)
    values = tuple(name for name in described if name not in (KEY, DECIDED, DUE, *identity))
    return SqlAnswer(statement, named, tuple(identity), values, DECIDED in described, closings)


def _check_columns(statement: str, described: Mapping[str, str], identity: Sequence[str]) -> None:
    """Raises WrongSql for columns that no row can be made of."""
    for name in (KEY, *identity):
        if name not in described:
            known = ", ".join(described)
            raise WrongSql(f"it has no column {name!r}, but {known}", _last(statement), f"add `AS {_name(name)}`")
    for name, kind in described.items():
        line = _line_with(statement, name)
        if name == "last_id":
            raise WrongSql("a column cannot be called 'last_id', which is ours", line, "give it another name")
        if name == KEY:
            wanted, right = "VARCHAR, the key of the row's events", kind == "VARCHAR"
        elif name == DUE:
            wanted, right = "BOOLEAN, whether the row must be there", kind == "BOOLEAN"
        else:
            wanted, right = "an integer: rows are compared exactly", kind in _INTEGERS
        # A column that is always NULL has no type; of the deciding event that says something.
        if not right and not (name == DECIDED and kind.strip('"') in ("NULL", "INTEGER")):
            remedy = "cast it, as in CAST(round(x * 100) AS BIGINT)" if name not in (KEY, DUE) else "correct it"
            raise WrongSql(f"column {name!r} is {kind}, and is to be {wanted}", line, remedy)


def _columns(database: duckdb.DuckDBPyConnection, statement: str) -> dict[str, str]:
    """The columns that a statement has, with their types by DuckDB's names. Raises WrongSql."""
    with _telling(statement), _in_time(database):
        found = database.extract_statements(statement)
        if len(found) != 1 or found[0].type != duckdb.StatementType.SELECT:
            said = ", ".join(each.type.name for each in found) or "none"
            what = f"it is to be one SELECT statement; there {'is' if len(found) < 2 else 'are'} {said}"
            raise WrongSql(what, 1, "write one SELECT, which may begin with WITH")
        if found[0].named_parameters:
            what = f"it has a parameter, {sorted(found[0].named_parameters)[0]!r}, for which nothing is given"
            raise WrongSql(what, 1, "write the value in its place")
        # It is bound, and not run. Of a relation DuckDB does not tell the line of what it does not know.
        database.execute(f"DESCRIBE {statement}").fetchall()
        relation = database.sql(statement)
        names, kinds = relation.columns, [str(kind) for kind in relation.types]
    if len(names) > MOST_COLUMNS:
        raise WrongSql(f"it has {len(names):,} columns, more than {MOST_COLUMNS}", 1, "select fewer")
    lower = [name.lower() for name in names]
    for name in names:
        if lower.count(name.lower()) > 1:
            raise WrongSql(f"column {name!r} is there twice", _line_with(statement, name), "name each with AS")
    return dict(zip(names, kinds, strict=True))


def _asked(shape: SqlAnswer, given: pa.Table, labels: Sequence[str]) -> pa.Table:
    """What the statement says, sorted: key (text), identity, values; behind them `made_final_by` and `due`, if any."""
    with _sandbox(given, labels) as database:
        described = _columns(database, shape.statement)
        _check_columns(shape.statement, described, shape.identity)
        wanted = (*shape.identity, *shape.values)
        lacking = [name for name in wanted if name not in described]
        if lacking or (DECIDED in described) != shape.timed:
            raise WrongSql("its columns are not those that were planned", 1, "begin a new run")
        types = dict.fromkeys(wanted, "BIGINT") | {DECIDED: "BIGINT", DUE: "BOOLEAN"}
        chosen = [KEY, *wanted, *(name for name in (DECIDED, DUE) if name in described)]
        cast = ", ".join(
            f"CAST({_name(name)} AS {types.get(name, 'VARCHAR')}) AS {_name(f'c{place}')}"
            for place, name in enumerate(chosen)
        )
        with _telling(shape.statement), _in_time(database):
            # It was seen to be one SELECT, so nothing can stand behind it.
            database.execute(f"CREATE TABLE {_SAID} AS {shape.statement}").fetchall()
            reader = database.sql(f"SELECT {cast} FROM {_SAID}").to_arrow_reader(_PIECE)
            batches, size = [], 0
            for batch in reader:
                size += batch.nbytes
                if size > MOST_BYTES:
                    what = f"its rows take more than {MOST_BYTES / 1024**3:g} GiB"
                    raise WrongSql(what, 0, "say fewer rows, or run fewer events")
                batches.append(batch)
        found = pa.Table.from_batches(batches, reader.schema)
    found = found.sort_by([(name, "ascending") for name in found.column_names])
    return found.rename_columns(chosen).combine_chunks()


def _checked(shape: SqlAnswer, found: pa.Table, labels: Sequence[str]) -> SqlRows:
    """Raises WrongSql for rows that none can be held against."""
    for name in (KEY, *shape.identity, *shape.values, DUE):
        if name in found.column_names and found[name].null_count:
            place = int(np.argmax(found[name].is_null().to_numpy()))
            remedy = f"give it a value, as in coalesce({_name(name)}, 0), or leave such rows out"
            raise WrongSql(f"column {name!r} is NULL in {_row(shape, found, place)}", _at(shape, name), remedy)
    keys, index = found[KEY].to_pylist(), {label: number for number, label in enumerate(labels)}
    if (stranger := next((key for key in keys if key not in index), None)) is not None:
        what = f"a row has the key {stranger!r:.100}, which no event has"
        raise WrongSql(what, _at(shape, KEY), "a row has the key of its events")
    numbers = np.array([index[key] for key in keys], dtype=np.int64)
    columns = {name: found[name].to_numpy().astype(np.int64) for name in (*shape.identity, *shape.values)}
    same = np.ones(max(len(numbers) - 1, 0), dtype=np.bool_)
    for column in (numbers, *(columns[name] for name in shape.identity)):
        same &= column[1:] == column[:-1]
    if same.any():
        what = f"it says two rows of one identity, {_row(shape, found, int(np.argmax(same)))}"
        raise WrongSql(what, 0, "name in `identity` all columns that tell rows of a key apart, or group by them")
    decided = np.full(len(numbers), -1, dtype=np.int64)
    if shape.timed:
        decided = found[DECIDED].fill_null(-1).to_numpy().astype(np.int64)
    required = np.ones(len(numbers), dtype=np.bool_)
    if DUE in found.column_names:
        required = found[DUE].to_numpy().astype(np.bool_)
    return SqlRows(numbers, columns, decided, required)


def _row(shape: SqlAnswer, found: pa.Table, place: int) -> str:
    names = (KEY, *shape.identity)
    return "the row with " + ", ".join(f"{name} {found[name][place].as_py()!r:.100}" for name in names)


@contextmanager
def _sandbox(given: pa.Table, labels: Sequence[str]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory with the one table, in which a statement reads that table and nothing else."""
    database = duckdb.connect(
        ":memory:",
        config={
            "threads": _THREADS,
            "memory_limit": f"{MEMORY_MB}MB",
            "temp_directory": "",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            # Else a statement could name our own variables.
            "python_enable_replacements": False,
        },
    )
    try:
        # Under `python -c` it takes itself for a shell, and draws a bar into standard output after two seconds.
        database.execute("SET enable_progress_bar = false")
        database.register("given", given)
        texts = pa.table({"number": np.arange(len(labels)), "label": pa.array(labels, pa.string())})
        database.register("labels", texts)
        ours = ", ".join(f"given.{_name(name)}" for name in OURS[:-1])
        others = ", ".join(f"given.{_name(name)}" for name in given.column_names[len(OURS) :])
        with _telling(""):
            database.execute(
                f"CREATE TABLE {TABLE} AS SELECT {ours}, labels.label AS {KEY}{', ' * bool(others)}{others} "
                f"FROM given LEFT JOIN labels ON given.{KEY} = labels.number"
            ).fetchall()
        database.unregister("given")
        database.unregister("labels")
        database.execute("SET enable_external_access = false")
        database.execute("SET lock_configuration = true")
        yield database
    finally:
        database.close()


@contextmanager
def _in_time(database: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """What takes longer than SECONDS is interrupted."""
    timer = threading.Timer(SECONDS, database.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _telling(statement: str) -> Iterator[None]:
    """What DuckDB says against a statement becomes WrongSql."""
    try:
        yield
    except duckdb.InterruptException as error:
        remedy = "a join without a condition and a recursion without an end take for ever"
        raise WrongSql(f"it takes longer than {SECONDS:g} s", 0, remedy) from error
    except (duckdb.OutOfMemoryException, MemoryError) as error:
        what = f"it takes more memory than {MEMORY_MB} MiB"
        raise WrongSql(what, 0, "run fewer events, or join and list less") from error
    except (duckdb.Error, pa.ArrowException, OSError, RecursionError, UnicodeError) as error:
        # What goes wrong as rows are read comes as an error of Arrow's, or of its streams.
        raise WrongSql(_first_lines(str(error)), _line_of(str(error), statement), "correct the statement") from error


def _first_lines(message: str) -> str:
    """What DuckDB says, in a line, without the excerpt of the statement."""
    text = re.split(r"\n+LINE \d+:", message)[0]
    return " ".join(text.split())[:_WIDTH] or "DuckDB does not take it"


def _line_of(message: str, statement: str) -> int:
    """The line that DuckDB names, or the first that has the name which it puts in quotation marks; 0 for none."""
    if told := re.search(r"^LINE (\d+):", message, re.MULTILINE):
        return int(told[1])
    named = re.search(r'"([^"]+)"', message)
    return _line_with(statement, named[1]) if named else 0


def _line_with(statement: str, name: str) -> int:
    """The first line of a statement that has a name; 0 for none."""
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
    return next((number for number, line in enumerate(statement.splitlines(), 1) if word.search(line)), 0)


def _at(shape: SqlAnswer, name: str) -> int:
    return _line_with(shape.statement, name)


def _last(statement: str) -> int:
    return max(len(statement.rstrip().splitlines()), 1)


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
