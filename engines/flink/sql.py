"""A query as Flink SQL: tables, views and the statement that answers it. Pure text; nothing here needs Flink.

Tables have the true names of columns and fields, as the format needs them. Views, and all that is computed, have the
names that `workloads.names` gives, since Flink has names of its own (`window_start`); rows return by their places.
Columns that a query does not have begin with @. `@at` is the event time, `@now` the time of processing: its order is
the log's, since a key's events are in one partition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workloads.names import OURS, numbered
from workloads.query import (
    CHECK,
    ID,
    Aggregate,
    Condition,
    Deduplicate,
    Join,
    Linear,
    Project,
    Query,
    Running,
    Session,
    Sliding,
    TimeWindow,
    Top,
    Tumbling,
    Until,
    Windowed,
)

_TYPES = {"integer": "BIGINT", "text": "STRING"}

INPUT = "input"
OUTPUT = "output"
EVENTS = "events"
"""View of what passes the filter, with derived columns, without what repeats. Its columns have numbered names."""
_BEFORE_KEY = "'.'"
"""SQL for the text before a key that Python is given."""
ROWS = "rows"
"""Rows that something other than SQL answers with, under numbered names."""

AT = f"{OURS}at"
NOW = f"{OURS}now"


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def interval(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, hours, days = seconds // 60 % 60, seconds // 3600 % 24, seconds // 86_400
    return f"INTERVAL '{days} {hours:02d}:{minutes:02d}:{seconds % 60:02d}.{rest:03d}' DAY(3) TO SECOND(3)"


def options(table: Mapping[str, str]) -> str:
    return ", ".join(f"{literal(name)} = {literal(value)}" for name, value in table.items())


def epoch_ms(timestamp: str) -> str:
    """Epoch milliseconds of a TIMESTAMP(3) in a session whose time zone is UTC; no cast gives them."""
    return f"EXTRACT(EPOCH FROM {timestamp}) * 1000 + EXTRACT(MILLISECOND FROM {timestamp})"


def aggregate(wanted: Aggregate) -> str:
    """The expression alone; COUNT counts ids, which are never null, since MATCH_RECOGNIZE has no COUNT(*)."""
    column = quoted(wanted.column or ID)
    if wanted.function == "distinct":
        return f"COUNT(DISTINCT {column})"
    return f"{wanted.function.upper()}({column})"


def condition(wanted: Condition, table: str = "") -> str:
    column = f"{table}{quoted(wanted.column)}"
    value = column if wanted.modulo is None else f"MOD({column}, {wanted.modulo})"
    return f"{value} {'<>' if wanted.comparator == '!=' else wanted.comparator} {wanted.value}"


def conjunction(conditions: Sequence[Condition], table: str = "") -> str:
    return " AND ".join(condition(wanted, table) for wanted in conditions) or "TRUE"


def linear(wanted: Linear) -> str:
    terms = [f"{quoted(column)} * ({weight})" for column, weight in wanted.weights]
    return f"({' + '.join([*terms, f'({wanted.constant})'])}) / {wanted.divisor}"


def input_table(query: Query, connector: Mapping[str, str]) -> str:
    """The input topic as a table whose watermark follows the largest event time of each partition."""
    columns = ", ".join(f"{quoted(column.name)} {_TYPES[column.type]}" for column in query.columns)
    return (
        f"CREATE TEMPORARY TABLE {quoted(INPUT)} ({columns}, "
        f"{quoted(AT)} AS TO_TIMESTAMP_LTZ({quoted(query.time)}, 3), {quoted(NOW)} AS PROCTIME(), "
        f"WATERMARK FOR {quoted(AT)} AS {quoted(AT)} - {interval(watermark_delay_ms(query))}) "
        f"WITH ({options(connector)})"
    )


def output_table(query: Query, connector: Mapping[str, str]) -> str:
    columns = ", ".join(f"{quoted(name)} BIGINT" for name in query.row_fields)
    return f"CREATE TEMPORARY TABLE {quoted(OUTPUT)} (`key` STRING, {columns}) WITH ({options(connector)})"


def valid_events(query: Query) -> str:
    """Every event with all its columns: the format leaves null what is missing or cannot be parsed.

    Texts lose a byte order mark that they begin with on their way from Java to Python, so a key does not begin there:
    it has _BEFORE_KEY before it, until `from_rows` takes that away again.
    """
    columns = ", ".join([*_columns(query, f"{_BEFORE_KEY} || "), quoted(AT)])
    return f"SELECT {columns} FROM {quoted(INPUT)} WHERE {_valid(query)}"


def events_view(query: Query) -> str:
    plain = numbered(query)
    derived = [
        f"{linear(wanted)} AS {quoted(called.name)}"
        for wanted, called in zip(query.derived, plain.derived, strict=True)
    ]
    conditions = f"{_valid(query)} AND {conjunction(query.where)}" if query.where else _valid(query)
    names = ", ".join([*_columns(query), *derived, quoted(AT), quoted(NOW)])
    events = f"SELECT {names} FROM {quoted(INPUT)} WHERE {conditions}"
    if plain.deduplicate is not None:
        events = _first_of_each(plain, plain.deduplicate, events)
    return f"CREATE TEMPORARY VIEW {quoted(EVENTS)} AS {events}"


def answer(query: Query) -> str | None:
    """What fills the output table from the view of events, or None where SQL has no word for the query."""
    selected = _selected(numbered(query))
    return None if selected is None else f"INSERT INTO {quoted(OUTPUT)} {selected}"


def from_rows(query: Query, by_python: bool) -> str:
    """What fills the output table with rows that were made elsewhere, in the view of rows.

    by_python: of `valid_events`.
    """
    plain = numbered(query)
    key = f"SUBSTRING({quoted('key')} FROM 2)" if by_python else quoted("key")
    names = ", ".join([key, *(quoted(name) for name in plain.row_fields)])
    return f"INSERT INTO {quoted(OUTPUT)} SELECT {names} FROM {quoted(ROWS)}"


def session_gap_ms(window: Session) -> int:
    """Flink joins what is no further apart than the gap, we what is less than the gap apart."""
    return window.gap_ms - 1


def watermark_delay_ms(query: Query) -> int:
    """A millisecond more than the query's: to Flink a watermark says that nothing up to it is still to come, so it
    closes a window that ends right after it. For a session another one, since a session is a millisecond shorter to
    Flink.
    """
    return query.watermark_delay_ms + (2 if isinstance(query.time_window, Session) else 1)


def _columns(query: Query, before_key: str = "") -> list[str]:
    """The query's columns out of the input table, renamed. before_key: SQL that stands before the key's name."""
    return [
        f"{before_key if column.name == query.key else ''}{quoted(column.name)} AS {quoted(called.name)}"
        for column, called in zip(query.columns, numbered(query).columns, strict=True)
    ]


def _valid(query: Query) -> str:
    return " AND ".join(f"{quoted(column.name)} IS NOT NULL" for column in query.columns)


def _first_of_each(query: Query, rule: Deduplicate, events: str) -> str:
    names = [*(column.name for column in query.columns), *(wanted.name for wanted in query.derived), AT, NOW]
    parts = ", ".join(quoted(name) for name in (query.key, *rule.columns))
    return (
        f"SELECT {', '.join(quoted(name) for name in names)} FROM (SELECT *, ROW_NUMBER() OVER ("
        f"PARTITION BY {parts} ORDER BY {quoted(NOW)} ASC) AS `@number` FROM ({events})) WHERE `@number` = 1"
    )


def _selected(query: Query) -> str | None:
    key, events = quoted(query.key), quoted(EVENTS)
    match query.shape:
        case Windowed(window=Tumbling() | Sliding() | Session() as window, top=None, outputs=outputs):
            return (
                f"SELECT {key}, {_bounds(window)}, {_values(outputs)} FROM {_windowed(query, window)} "
                f"GROUP BY {key}, window_start, window_end"
            )
        case Windowed(window=Tumbling() | Sliding() | Session() as window, top=Top() as top, outputs=outputs):
            return _top(query, window, top, outputs)
        case Windowed(window=Until(condition=last), outputs=outputs) if can_match(query):
            return _until(query, last, outputs)
        case Running(outputs=outputs):
            over = ", ".join(f"{aggregate(wanted)} OVER `@before`" for wanted in outputs)
            return (
                f"SELECT {key}, {quoted(ID)}, {over} FROM {events} WINDOW `@before` AS (PARTITION BY {key} "
                f"ORDER BY {quoted(NOW)} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
            )
        case Project(fields=fields):
            return f"SELECT {key}, {', '.join(map(quoted, dict.fromkeys((ID, *fields, CHECK))))} FROM {events}"
        case Join() as join:
            return _join(query, join)
        case _:
            return None


def can_match(query: Query) -> bool:
    """Whether MATCH_RECOGNIZE can aggregate it: it has no DISTINCT."""
    return isinstance(query.shape, Windowed) and not any(
        wanted.function == "distinct" for wanted in query.shape.outputs
    )


def _values(outputs: Sequence[Aggregate]) -> str:
    return ", ".join(f"{aggregate(wanted)} AS {quoted(wanted.name)}" for wanted in outputs)


def _bounds(window: TimeWindow) -> str:
    more = " + 1" if isinstance(window, Session) else ""
    return f"{epoch_ms('window_start')}, {epoch_ms('window_end')}{more}"


def _windowed(query: Query, window: TimeWindow) -> str:
    table, at = f"TABLE {quoted(EVENTS)}", f"DESCRIPTOR({quoted(AT)})"
    match window:
        case Tumbling(size_ms=size):
            return f"TABLE(TUMBLE({table}, {at}, {interval(size)}))"
        case Sliding(size_ms=size, slide_ms=slide):
            return f"TABLE(HOP({table}, {at}, {interval(slide)}, {interval(size)}))"
        case Session():
            gap = interval(session_gap_ms(window))
            return f"TABLE(SESSION({table} PARTITION BY {quoted(query.key)}, {at}, {gap}))"


def _top(query: Query, window: TimeWindow, top: Top, outputs: Sequence[Aggregate]) -> str:
    key, item = quoted(query.key), quoted(top.item)
    per_item = (
        f"SELECT {key} AS `@key`, {item} AS `@item`, window_start, window_end, {_values(outputs)} "
        f"FROM {_windowed(query, window)} GROUP BY {key}, {item}, window_start, window_end"
    )
    names = ", ".join(quoted(wanted.name) for wanted in outputs)
    return (
        f"SELECT `@key`, {_bounds(window)}, `@rank`, `@item`, {names} FROM (SELECT *, ROW_NUMBER() OVER ("
        f"PARTITION BY window_start, window_end, `@key` ORDER BY {quoted(top.by)} DESC, `@item` ASC) AS `@rank` "
        f"FROM ({per_item})) WHERE `@rank` <= {top.n}"
    )


def _until(query: Query, last: Condition, outputs: Sequence[Aggregate]) -> str:
    measures = ", ".join(
        [
            f"MIN({quoted(ID)}) AS `@first`",
            *(f"{aggregate(wanted)} AS {quoted('@' + wanted.name)}" for wanted in outputs),
        ]
    )
    names = ", ".join(quoted("@" + wanted.name) for wanted in outputs)
    return (
        f"SELECT {quoted(query.key)}, `@first`, {names} FROM {quoted(EVENTS)} MATCH_RECOGNIZE ("
        f"PARTITION BY {quoted(query.key)} ORDER BY {quoted(NOW)} MEASURES {measures} "
        f"ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW PATTERN (EARLIER* ENDING) "
        f"DEFINE EARLIER AS NOT ({condition(last, 'EARLIER.')}), ENDING AS {condition(last, 'ENDING.')})"
    )


def _join(query: Query, join: Join) -> str:
    key, at, events = quoted(query.key), quoted(AT), quoted(EVENTS)
    fields = "".join(f"{quoted('@' + field.side)}.{quoted(field.column)}, " for field in join.fields)
    return (
        f"SELECT `@left`.{key}, `@left`.{quoted(ID)}, `@right`.{quoted(ID)}, {fields}"
        f"`@left`.{quoted(CHECK)} + `@right`.{quoted(CHECK)} "
        f"FROM (SELECT * FROM {events} WHERE {conjunction(join.left)}) AS `@left` "
        f"JOIN (SELECT * FROM {events} WHERE {conjunction(join.right)}) AS `@right` ON `@left`.{key} = `@right`.{key} "
        f"AND `@right`.{at} BETWEEN {_shifted(join.lower_ms)} AND {_shifted(join.upper_ms)}"
    )


def _shifted(milliseconds: int) -> str:
    return f"`@left`.{quoted(AT)} {'-' if milliseconds < 0 else '+'} {interval(abs(milliseconds))}"
