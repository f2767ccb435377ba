"""The query: frozen data that every engine translates and the oracle evaluates.

    events -> where -> derived columns -> deduplicate -> one shape -> rows

Standard library only, so that the environment of any engine can load it. `tests/conformance/reference.py` says the same
in plain Python, event by event: where a sentence here leaves a doubt, it decides.

Arithmetic is exact: every integer is non-negative and below 2**53. All columns but the key are integers.

Longer than most: it is one vocabulary, of all that can be asked.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Type = Literal["integer", "text"]
Function = Literal["count", "sum", "min", "max", "distinct"]
Comparator = Literal["=", "!=", "<", "<=", ">", ">="]

ID = "id"
CHECK = "check"
CODE = "output"

WATERMARK_MARGIN_MS = 1_000
"""A watermark delay is the stream's disorder bound and this much more: what is on time is never nearly late."""

_OURS = ("key", "last_id")
"""Of every row: its key, and in the oracle's answer the id that makes it final."""


@dataclass(frozen=True)
class Column:
    """A field of the JSON object that an event is. An event that lacks one, or has another type there, is broken."""

    name: str
    type: Type


@dataclass(frozen=True)
class Condition:
    """Whether `column` (its remainder by `modulo` where that is given) compares so with `value`."""

    column: str
    comparator: Comparator
    value: int
    modulo: int | None = None

    def __post_init__(self) -> None:
        if self.modulo is not None and self.modulo < 1:
            raise ValueError(f"condition on {self.column}: modulo {self.modulo} is not positive")


@dataclass(frozen=True)
class Linear:
    """Derived column `name`: (sum of weight * column, plus constant) divided by divisor, rounded down.

    The dividend must not be negative, so that all ways of rounding agree; choose the constant accordingly.
    """

    name: str
    weights: tuple[tuple[str, int], ...]
    constant: int = 0
    divisor: int = 1


@dataclass(frozen=True)
class Deduplicate:
    """Of events with the same key and `columns`, only the first (in the log's order) goes on.

    A stream repeats one for less than `within_ms` of event time, and never afterwards: so it does not matter when an
    engine forgets. within_ms is no more than the watermark delay.
    """

    columns: tuple[str, ...]
    within_ms: int


@dataclass(frozen=True)
class Tumbling:
    """Windows [k * size, (k + 1) * size) of event time, aligned to the epoch."""

    size_ms: int


@dataclass(frozen=True)
class Sliding:
    """Windows [k * slide, k * slide + size) of event time, aligned to the epoch; size is a multiple of slide."""

    size_ms: int
    slide_ms: int

    def __post_init__(self) -> None:
        _multiple("sliding window", self.size_ms, self.slide_ms)


@dataclass(frozen=True)
class Session:
    """A key's events with less than `gap` of event time between one and the next: [first, last + gap)."""

    gap_ms: int


@dataclass(frozen=True)
class Count:
    """Records number w * slide .. w * slide + size - 1 of a key in the log's order, for every w; full windows only.

    A row is due with the window's last record. size is a multiple of slide, and slide is size for windows in a row.
    """

    size: int
    slide: int

    def __post_init__(self) -> None:
        _multiple("count window", self.size, self.slide)


@dataclass(frozen=True)
class Until:
    """Data-driven: a key's records in the log's order up to and including one that meets the condition; due with it."""

    condition: Condition


Window: TypeAlias = Tumbling | Sliding | Session | Count | Until
TimeWindow: TypeAlias = Tumbling | Sliding | Session


@dataclass(frozen=True)
class Aggregate:
    """Output field `name`: `function` over `column` (None for count). distinct: exact number of distinct values."""

    name: str
    function: Function
    column: str | None = None


AUDIT = (
    Aggregate("count", "count"),
    Aggregate("ids", "sum", ID),
    Aggregate("checks", "sum", CHECK),
)
"""What every aggregating query computes beside its own: count of events, sum of ids, sum of checks."""


@dataclass(frozen=True)
class Top:
    """Per key and window, one row each for the `n` items (values of column `item`) with the largest aggregate `by`.

    Aggregates are an item's own. Rank 1 is the largest; of equal ones the smaller item comes first.
    """

    n: int
    item: str
    by: str


@dataclass(frozen=True)
class Windowed:
    """Aggregates per key and window, or of the top items of each.

    A time window's row is due once the event-time watermark (largest event time seen less the delay) reaches its end.
    """

    window: Window
    aggregates: tuple[Aggregate, ...]
    top: Top | None = None

    def __post_init__(self) -> None:
        if self.top is not None and not isinstance(self.window, Tumbling | Sliding):
            raise ValueError("top items are taken per tumbling or sliding window")

    @property
    def outputs(self) -> tuple[Aggregate, ...]:
        return (*self.aggregates, *AUDIT)


@dataclass(frozen=True)
class Running:
    """For every event a row: the aggregates over its key's events so far, itself included, in the log's order."""

    aggregates: tuple[Aggregate, ...]

    @property
    def outputs(self) -> tuple[Aggregate, ...]:
        return (*self.aggregates, *AUDIT)


@dataclass(frozen=True)
class Project:
    """For every event a row with these columns. in_order: whether a key's rows are to stand in its events' order."""

    fields: tuple[str, ...]
    in_order: bool = False


@dataclass(frozen=True)
class Joined:
    """Output field `name` of a join: `column` of the event on that side."""

    name: str
    side: Literal["left", "right"]
    column: str


@dataclass(frozen=True)
class Join:
    """A row for every pair of a key's events, l of the left stream and r of the right one, with
    l's time + lower_ms <= r's time <= l's time + upper_ms.

    Both streams are in one log: an event belongs to the left one if it meets all conditions of `left`, to the right one
    likewise, and never to both.
    """

    left: tuple[Condition, ...]
    """What an event of the left stream meets: all of these."""
    right: tuple[Condition, ...]
    """What an event of the right stream meets: all of these."""
    lower_ms: int
    """The right event's time less the left one's is at least this, in ms of event time."""
    upper_ms: int
    """It is at most this, in ms of event time. Both bounds are included."""
    fields: tuple[Joined, ...]
    """The output fields of a row, in their order; `checks` is added to them."""


@dataclass(frozen=True)
class Transition:
    """In `state`, an event whose symbol is `symbol` leads to state `to`, with a row if there is an `output`."""

    state: int
    symbol: int
    to: int
    output: int | None = None


@dataclass(frozen=True)
class StateMachine:
    """A state machine for each key, fed with its events in the log's order; `symbol` is a column. State 0 is initial.

    An event for whose symbol the state has no transition changes nothing. An event that leads out of state 0 begins a
    match; one that comes more than within_ms of event time after the match began finds the machine in state 0 again.
    A row has the output's code, the event's id and check, and `since`: the id of the event that began the match (the
    event's own where state 0 yields an output at once).
    """

    symbol: str
    transitions: tuple[Transition, ...]
    within_ms: int


@dataclass(frozen=True)
class SqlAnswer:
    """The rows that a statement of a user's says, over the events as committed: see `workloads.sql_answer`. No engine
    translates it; the program of a job file answers it.
    """

    statement: str
    """One SELECT of DuckDB's."""
    named: str
    """What the file with the statement is called, for messages."""
    identity: tuple[str, ...]
    """The integers that together with the key name a row; there may be none."""
    values: tuple[str, ...]
    """The integers beside them, in the order of the statement."""
    timed: bool
    """Whether the statement says which event decides a row."""
    closings: tuple[tuple[tuple[str, int], ...], ...]
    """The events of one closing key, in their order, for which the program writes at least one row: of each, the
    integer columns that are not zero. Empty where none are known."""


Shape: TypeAlias = Windowed | Running | Project | Join | StateMachine | SqlAnswer


@dataclass(frozen=True)
class Query:
    """What is asked of a stream. `key` is the log's key as well, so a key's events are in one partition, in order.

    A row is the JSON object {"key", *identity, *fields}; all but the key are integers. Windows' start and end are in
    epoch milliseconds, end exclusive; `first` of a count or data-driven window is the smallest id in it.
    """

    columns: tuple[Column, ...]
    """The fields that every event has; an event that does not is broken."""
    time: str
    """The column that holds the event time, epoch ms."""
    key: str
    """The column that holds the key, a text."""
    shape: Shape
    """What becomes of the events that are left at the end; it decides what a row is."""
    watermark_delay_ms: int
    """How far the watermark stays behind the largest event time seen, in ms."""
    where: tuple[Condition, ...] = ()
    """An event goes on if it meets all of these; empty: every event does."""
    derived: tuple[Linear, ...] = ()
    """Columns that are computed for each event that goes on, from columns that it came with."""
    deduplicate: Deduplicate | None = None
    """Which repeated events are dropped; None: none are."""

    def __post_init__(self) -> None:
        """Raises ValueError where one name would mean two things: to JSON, names differ by case."""
        columns = [*(column.name for column in self.columns), *(linear.name for linear in self.derived)]
        # A projection may name id and check, which stand in its rows anyhow.
        given = [name for name in self.fields if name not in (ID, CHECK)]
        for what, names in (("column", columns), ("output field", [*_OURS, *self.identity, *given])):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{what} {twice[0]!r} is there twice among {', '.join(map(repr, names))}")

    @property
    def identity(self) -> tuple[str, ...]:
        """The integers that together with the key name a row."""
        match self.shape:
            case Windowed(top=Top()):
                return ("start", "end", "rank")
            case Windowed(window=Tumbling() | Sliding() | Session()):
                return ("start", "end")
            case Windowed():
                return ("first",)
            case Join():
                return ("left", "right")
            case SqlAnswer(identity=named):
                return named
            case _:
                return (ID,)

    @property
    def fields(self) -> tuple[str, ...]:
        """The integers that answer the query, audit included."""
        match self.shape:
            case Windowed(top=top, outputs=outputs):
                return (*(("item",) if top else ()), *(output.name for output in outputs))
            case Running(outputs=outputs):
                return tuple(output.name for output in outputs)
            case Project(fields=fields):
                return (*fields, CHECK)
            case Join(fields=joined):
                return (*(field.name for field in joined), "checks")
            case StateMachine():
                return (CODE, "since", CHECK)
            case SqlAnswer(values=values):
                return values

    @property
    def row_fields(self) -> tuple[str, ...]:
        """A row's integers in order; one that is both identity and answer stands once."""
        return tuple(dict.fromkeys((*self.identity, *self.fields)))

    @property
    def ordered(self) -> bool:
        """Whether the answer, or its order, depends on that of a key's events; its stream never reorders a key then."""
        match self.shape:
            case Windowed(window=Count() | Until()) | Running() | StateMachine() | Project(in_order=True):
                return True
            case _:
                return False

    @property
    def time_window(self) -> TimeWindow | None:
        """The event-time window, where the shape has one."""
        match self.shape:
            case Windowed(window=Tumbling() | Sliding() | Session() as window):
                return window
            case _:
                return None

    @property
    def settle_ms(self) -> int:
        """How far event time must pass beyond an event until nothing that it belongs to is still open."""
        match self.time_window:
            case Tumbling(size_ms=length) | Sliding(size_ms=length) | Session(gap_ms=length):
                return length + self.watermark_delay_ms
            case _:
                return self.watermark_delay_ms

    @property
    def alignment_ms(self) -> int:
        """Every window of the epoch's grid begins at a multiple of this; 1 where there is no grid."""
        match self.time_window:
            case Tumbling(size_ms=size):
                return size
            case Sliding(size_ms=size):
                return size
            case _:
                return 1

    def to_json(self) -> str:
        """Objects carry their class as `kind`, in lower case: {"kind": "tumbling", "size_ms": 1000}."""
        return json.dumps(_plain(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Query:
        query = _typed(json.loads(text))
        if not isinstance(query, Query):
            raise TypeError(f"not a query, but {type(query).__name__}")
        return query


_TYPES = (Query, Column, Condition, Linear, Deduplicate, Tumbling, Sliding, Session, Count, Until, Aggregate, Top)
_SHAPES = (Windowed, Running, Project, Joined, Join, Transition, StateMachine, SqlAnswer)
_KINDS: Mapping[str, type] = {kind.__name__.lower(): kind for kind in (*_TYPES, *_SHAPES)}


def _multiple(what: str, size: int, slide: int) -> None:
    if slide < 1 or size < 1 or size % slide:
        raise ValueError(f"{what}: size {size} is not a multiple of slide {slide}")


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if not dataclasses.is_dataclass(value):
        return value
    kind = type(value).__name__.lower()
    return {"kind": kind} | {item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}


def _typed(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_typed(item) for item in value)
    if not isinstance(value, dict):
        return value
    return _KINDS[value["kind"]](**{name: _typed(item) for name, item in value.items() if name != "kind"})
