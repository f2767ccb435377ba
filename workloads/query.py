"""The query: frozen data that every engine translates and the oracle evaluates.

Standard library only, so that the environment of any engine can load it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

Type = Literal["integer", "text"]
Function = Literal["count", "sum", "min", "max"]

ID = "id"
CHECK = "check"


@dataclass(frozen=True)
class Column:
    """A field of the JSON object that an event is; integers are non-negative and below 2**53."""

    name: str
    type: Type


@dataclass(frozen=True)
class Tumbling:
    """Windows [k * size, (k + 1) * size) of event time, aligned to the epoch."""

    size_ms: int


@dataclass(frozen=True)
class Aggregate:
    """One output field `name`: `function` over `column` (None for count)."""

    name: str
    function: Function
    column: str | None = None


@dataclass(frozen=True)
class Query:
    """Aggregates per key and event-time window.

    An output row is the JSON object {"key", "start", "end", ...aggregates, "count", "ids", "checks"}: start and end
    are the window's bounds in epoch milliseconds (end exclusive), and the last three are the audit (see `outputs`).
    A row is due once the event-time watermark (largest event time seen less the delay) reaches the window's end.
    """

    columns: tuple[Column, ...]
    time: str
    key: str
    window: Tumbling
    aggregates: tuple[Aggregate, ...]
    watermark_delay_ms: int

    @property
    def outputs(self) -> tuple[Aggregate, ...]:
        """The workload's aggregates, then the audit: count of events, sum of ids, sum of checks."""
        return (*self.aggregates, *AUDIT)

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Query:
        data: dict[str, Any] = json.loads(text)
        return Query(
            columns=tuple(Column(**column) for column in data["columns"]),
            time=data["time"],
            key=data["key"],
            window=Tumbling(**data["window"]),
            aggregates=tuple(Aggregate(**aggregate) for aggregate in data["aggregates"]),
            watermark_delay_ms=data["watermark_delay_ms"],
        )


AUDIT = (
    Aggregate("count", "count"),
    Aggregate("ids", "sum", ID),
    Aggregate("checks", "sum", CHECK),
)
