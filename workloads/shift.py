"""What an engine made of columns that were moved up, moved back: see `workloads.workload.Shifted`."""

from __future__ import annotations

from collections.abc import Mapping

from workloads.query import AUDIT, Query, Running, Windowed
from workloads.stream import Integers

_COUNT = AUDIT[0].name


def move_back(query: Query, shifts: Mapping[str, int], values: Integers) -> None:
    """In place. values: a line each for `query.fields`, in its order.

    A sum has the shift once for each event that the row counts; a smallest or largest value has it once. What leaves
    64 bits comes round, so that values that differ still differ afterwards.
    """
    if not shifts or not isinstance(query.shape, Windowed | Running):
        return
    count = query.fields.index(_COUNT)
    for output in query.shape.aggregates:
        shift = shifts.get(output.column or "", 0)
        if shift and output.function in ("sum", "min", "max"):
            place = query.fields.index(output.name)
            values[place] -= values[count] * shift if output.function == "sum" else shift
