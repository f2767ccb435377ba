"""What cannot be in a table of a history, whatever an engine did: a time outside of the trial, a partition that the
topic has not. Such a value is damage, and nothing is computed from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

Kind = Literal["partition", "offset", "time", "epoch", "count", "some", "seconds", "size"]

_LARGEST = 2**62

_KINDS: Mapping[str, Mapping[str, Kind]] = {
    "sends": {"first_id": "count", "count": "some", "sent_ns": "time"},
    "input": {"partition": "partition", "offset": "offset", "time_ms": "epoch"},
    "output": {"partition": "partition", "offset": "offset", "time_ms": "epoch", "visible_ns": "time"},
    "gaps": {"from_ns": "time", "until_ns": "time"},
    "samples": {
        "at_ns": "time",
        "pid": "some",
        "cpu_s": "seconds",
        "rss_bytes": "size",
        "pss_bytes": "size",
    },
    "threads": {"at_ns": "time", "pid": "some", "cpu_s": "seconds"},
    "machine": {
        "at_ns": "time",
        "cpus": "some",
        "busy_s": "seconds",
        "idle_s": "seconds",
        "steal_s": "seconds",
        "ours_s": "seconds",
        "kernel_s": "seconds",
        "waited_s": "seconds",
        "cpu_pressure_s": "seconds",
        "io_pressure_s": "seconds",
        "memory_pressure_s": "seconds",
        "throttled_s": "seconds",
    },
    "stops": {"from_ns": "time", "until_ns": "time", "pid": "some"},
    "physical": {"partition": "partition", "offset": "offset", "time_ms": "epoch"},
    "batches": {"partition": "partition", "first": "offset", "last": "offset"},
}
"""What the columns hold of which not every value can be; the rest is the judge's to compare."""

_ASCENDING = {"gaps": ("from_ns", "until_ns"), "stops": ("from_ns", "until_ns"), "batches": ("first", "last")}
"""Of these pairs the second is never the smaller one."""


@dataclass(frozen=True)
class Limits:
    """What holds for all of a trial: how many partitions a topic has, and when it began and ended (monotonic ns)."""

    partitions: int
    from_ns: int
    until_ns: int

    def of(self, kind: Kind) -> tuple[float, float]:
        """The smallest and the largest value."""
        match kind:
            case "partition":
                return 0, self.partitions - 1
            case "time":
                return self.from_ns, self.until_ns
            case "some":
                return 1, _LARGEST
            case "epoch":  # Milliseconds up to the year 9999.
                return 0, 253_402_300_799_999
            case "seconds":
                return 0, 1e9
            case "size":  # A pebibyte: no process has that.
                return 0, 2**50
            case _:
                return 0, _LARGEST


def impossible(name: str, table: pa.Table, within: Limits) -> str | None:
    """The first value of a table that cannot be, with its column, or None. Columns may be left out."""
    kinds = _KINDS[name]
    for column in table.schema.names:
        if column not in kinds:
            continue
        low, high = within.of(kinds[column])
        ends = pc.min_max(table[column])
        # What is no number (NaN) is not compared by min_max.
        strange = pa.types.is_floating(table[column].type) and pc.all(pc.is_finite(table[column])).as_py() is False
        found = [end for end in (ends["min"].as_py(), ends["max"].as_py()) if end is not None]
        wrong = next((value for value in found if not low <= value <= high), "nan" if strange else None)
        if wrong is not None:
            return f"{column} is {wrong}, which cannot be: it is from {low:.0f} to {high:.0f}"
    first, second = _ASCENDING.get(name, ("", ""))
    if first in table.schema.names and second in table.schema.names:
        falls = pc.greater(table[first], table[second])
        if pc.any(falls).as_py():
            row = pc.index(falls, True).as_py()
            return f"{second} is {table[second][row]}, before {first}, {table[first][row]}"
    return None
