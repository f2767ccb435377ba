"""What each shape of query is to the operator: a batch in, rows out, and its state as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .columns import Columns
from .words import Integers


@dataclass(frozen=True)
class Batch:
    """Events that passed the filter, in the log's order.

    marks: the watermark at each event's place. mark: that at the end, which may be beyond the last of these.
    """

    columns: Columns
    marks: Integers
    mark: int


@dataclass(frozen=True)
class Rows:
    """Result rows as columns: the keys' codes, then what `Query.row_fields` names."""

    codes: Integers
    columns: Sequence[Integers]


@dataclass(frozen=True)
class State:
    """Arrays that hold keys' codes, and others. Another numbering of the keys keeps their order."""

    codes: list[Integers]
    numbers: list[Integers]


class ShapeOperator(Protocol):
    """late: events dropped. A new shape has seen nothing."""

    late: int

    def add(self, batch: Batch) -> list[Rows]:
        """Take events in; the rows that are due at the batch's end."""
        ...

    def state(self) -> State: ...

    def restore(self, state: State, mark: int) -> None:
        """Take what `state` gave when the watermark was at `mark`, in place of what is held."""
        ...
