"""What each shape of query is to the loop over events: its state, and its lines of code for one event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engines.runtime.rows import row_type
from workloads.query import Query

from .accumulators import Accumulators, Held

NEVER = 1 << 62


class ShapeOperator:
    """One shape of query. Base of all; by itself it has no state and lets no time pass.

    Its lines are run for each event that has passed the filter, with these variables: `event`, `time`, `key`, `latest`
    (largest event time so far), `due` (the event time at which `close` is to be called), what `columns` names, and what
    `setup` sets before the first event. They may say `continue`. `reset` is run after `close`.

    rows: what is due and was not taken yet. late: events dropped.
    """

    setup = "rows, row = shape.rows.append, shape.row"
    reset = "pass"
    columns: Sequence[str] = ()
    state_type: Any = None
    """What `state` is, for msgspec."""

    def __init__(self, query: Query) -> None:
        self.row = row_type(query)
        self.rows: list[Any] = []
        self.late = 0
        self._delay = query.watermark_delay_ms

    def lines(self, name: Callable[[str], str]) -> str:
        """name: the variable that holds a column."""
        raise NotImplementedError

    def close(self, mark: int) -> int:  # noqa: ARG002
        """Turn what is due at this watermark into rows; the watermark at which to be called again."""
        return NEVER

    def settle(self, mark: int) -> None:
        """The slice is over: turn into rows whatever `close` may leave for later."""

    @property
    def state(self) -> Any:
        return None

    def restore(self, state: Any, mark: int) -> None:
        """Take what `state` gave when the watermark was at `mark`."""


class Aggregating(ShapeOperator):
    """A shape with aggregates."""

    def __init__(self, query: Query, accumulators: Accumulators) -> None:
        super().__init__(query)
        self.accumulators = accumulators
        self.merge, self.finish = accumulators.merge, accumulators.finished
        self.columns = accumulators.columns

    def finished_text(self) -> str:
        """The aggregates' values out of the variable `held`, as arguments of `row`."""
        return "*held" if self.accumulators.finish is None else "*shape.finish(held)"

    def finished_rows(self, keys: list[Any], held: list[Held], *identity: int) -> None:
        row, finish = self.row, self.accumulators.finish
        values = held if finish is None else map(finish, held)
        self.rows += [row(key, *identity, *value) for key, value in zip(keys, values, strict=True)]
