"""Whether what a query computes stays within 64 bits: told when a run is planned, from how large columns get.

Every engine adds in 64 bits, but for Python's own integers; what leaves them is wrapped by one and an error in another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, runtime_checkable

from workloads.query import CHECK, ID, Aggregate, Count, Linear, Query, Running, Sliding, Tumbling, Windowed
from workloads.stream import CHECK_BITS, Curve
from workloads.workload import Parameters

LIMIT = 2**63


@dataclass(frozen=True)
class Largest:
    """The largest value of a column. where: what the column is in the user's words; empty for its name."""

    value: int
    where: str = ""


@runtime_checkable
class Bounded(Protocol):
    """A workload that says how large its columns get. Of another one nothing can be told when it is planned."""

    def largest(self, parameters: Parameters) -> Mapping[str, Largest]:
        """Of each integer column that the query adds up or derives another from."""
        ...


@dataclass(frozen=True)
class Load:
    """How many events there may be. rate: a second of event time where they are closest. total: over all phases.
    disorder_ms: how far an event's time may be from when it is due.
    """

    rate: float
    total: int
    disorder_ms: int = 0

    def within(self, size_ms: int) -> tuple[int, str]:
        """The most events of a time window, and how that is counted."""
        more = f" (and {self.disorder_ms:,} ms of disorder)" if self.disorder_ms else ""
        count = math.ceil(self.rate * (size_ms + self.disorder_ms) / 1000)
        return min(count, self.total), f"{self.rate:,.10g} events/s in a window of {size_ms:,} ms{more}"


def steepest(curve: Curve) -> float:
    """How many times as fast as on average events follow each other where they are closest."""
    pieces = pairwise(curve)
    return max((to[0] - at[0]) / (to[1] - at[1]) for at, to in pieces if to[1] > at[1]) if curve else 1.0


def overflow(query: Query, largest: Mapping[str, Largest], load: Load) -> str | None:
    """What leaves 64 bits first, in a sentence; None where nothing does.

    Columns that `largest` does not have are not looked at. Every event may be of one key and have the largest value.
    """
    known = {
        **largest,
        ID: Largest(load.total, "the sum of ids"),
        CHECK: Largest(2**CHECK_BITS - 1, "the sum of checks"),
    }
    for linear in query.derived:
        found = _derived(linear, known)
        if found is None:
            continue
        if found.value >= LIMIT:
            return f"{found.where} may become {_shown(found.value)}, which is not below 2**63"
        known[linear.name] = Largest(found.value // linear.divisor, found.where)
    count, counted = _most(query, load)
    for output in _outputs(query):
        if output.function != "sum" or output.column not in known:
            continue
        column = known[output.column]
        if column.value * count >= LIMIT:
            where = column.where or f"the sum of column {output.column!r}"
            return (
                f"{where}: its largest value, {column.value:,}, times {counted}, is {_shown(column.value * count)}, "
                "which is not below 2**63"
            )
    return None


def _most(query: Query, load: Load) -> tuple[int, str]:
    """The most events that one row is made of, and how that is counted."""
    match query.shape:
        case Windowed(window=Tumbling(size_ms=size) | Sliding(size_ms=size)):
            return load.within(size)
        case Windowed(window=Count(size=size)):
            return size, f"the {size:,} events of a window"
        case _:
            return load.total, f"all {load.total:,} planned events"


def _outputs(query: Query) -> Sequence[Aggregate]:
    return query.shape.outputs if isinstance(query.shape, Windowed | Running) else ()


def _derived(linear: Linear, known: Mapping[str, Largest]) -> Largest | None:
    """The largest size of what is divided, on the way to it too; None where a column's is not known."""
    if any(column not in known for column, _ in linear.weights):
        return None
    size = abs(linear.constant) + sum(abs(weight) * known[column].value for column, weight in linear.weights)
    return Largest(size, f"derived column {linear.name!r}")


def _shown(value: int) -> str:
    return f"{value:.3g}"
