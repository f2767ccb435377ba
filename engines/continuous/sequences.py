"""Shapes that depend on the order of a key's events: running aggregates, count and data-driven windows, machines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workloads.query import CHECK, ID, Aggregate, Count, Project, Query, Running, StateMachine, Until

from .accumulators import Accumulators, Held
from .loop import condition_text
from .shape_operator import Aggregating, ShapeOperator

FIRST = Aggregate("first", "min", ID)


class Projection(ShapeOperator):
    """A row an event; no state."""

    def __init__(self, query: Query, shape: Project) -> None:
        super().__init__(query)
        self._fields = tuple(dict.fromkeys((ID, *shape.fields, CHECK)))
        self.columns = list(self._fields)

    def lines(self, name: Callable[[str], str]) -> str:
        return f"rows(row(key, {', '.join(map(name, self._fields))}))"


_GROW = """
held = keys.get(key)
if held is None:
    held = ({initial},)
else:
    {names}, = held
    held = ({update},)
"""


class _Keyed(Aggregating):
    """Accumulators by key."""

    setup = "rows, row, keys = shape.rows.append, shape.row, shape.keys"

    def __init__(self, query: Query, outputs: tuple[Aggregate, ...]) -> None:
        super().__init__(query, Accumulators(outputs))
        self.keys: dict[str, Held] = {}
        self.state_type = dict[str, self.accumulators.type]  # type: ignore[name-defined]

    def _grow(self, name: Callable[[str], str]) -> str:
        """Lines that leave the key's accumulators, this event included, in `held`."""
        return _GROW.format(
            initial=self.accumulators.initial(name),
            names=self.accumulators.names,
            update=self.accumulators.update(name),
        )

    @property
    def state(self) -> Any:
        return self.keys

    def restore(self, state: Any, mark: int) -> None:  # noqa: ARG002
        self.keys.update(state)


class RunningAggregates(_Keyed):
    def __init__(self, query: Query, shape: Running) -> None:
        super().__init__(query, shape.outputs)
        self.columns = sorted({*self.columns, ID})

    def lines(self, name: Callable[[str], str]) -> str:
        return f"{self._grow(name)}keys[key] = held\nrows(row(key, {name(ID)}, {self.finished_text()}))"


class DataDrivenWindows(_Keyed):
    def __init__(self, query: Query, window: Until, outputs: tuple[Aggregate, ...]) -> None:
        super().__init__(query, (FIRST, *outputs))
        self._condition = window.condition
        self.columns = sorted({*self.columns, window.condition.column})

    def lines(self, name: Callable[[str], str]) -> str:
        return (
            f"{self._grow(name)}"
            f"if {condition_text(self._condition, name(self._condition.column))}:\n"
            f"    keys.pop(key, None)\n"
            f"    rows(row(key, {self.finished_text()}))\n"
            f"else:\n"
            f"    keys[key] = held"
        )


class CountWindows(_Keyed):
    """Of each key the open pane, `slide` events, in `keys`, and the last full panes, fewer than a window has."""

    def __init__(self, query: Query, window: Count, outputs: tuple[Aggregate, ...]) -> None:
        super().__init__(query, (FIRST, *outputs))
        self._window = window
        self._number = next(i for i, output in enumerate(self.accumulators.outputs) if output.function == "count")
        self._full: dict[str, list[Held]] = {}
        self.state_type = tuple[self.state_type, dict[str, list[self.accumulators.type]]]  # type: ignore[name-defined]

    def lines(self, name: Callable[[str], str]) -> str:
        return (
            f"{self._grow(name)}"
            f"if held[{self._number}] < {self._window.slide}:\n"
            f"    keys[key] = held\n"
            f"else:\n"
            f"    keys.pop(key, None)\n"
            f"    shape.complete(key, held)"
        )

    def complete(self, key: str, pane: Held) -> None:
        """Take a full pane, and turn the window that it ends into a row, if there are enough."""
        panes = self._window.size // self._window.slide
        if panes > 1:
            full = self._full.setdefault(key, [])
            full.append(pane)
            if len(full) < panes:
                return
            first, *others = full
            del full[0]
            for other in others:
                first = self.merge(first, other)
            pane = first
        self.rows.append(self.row(key, *self.finish(pane)))

    @property
    def state(self) -> Any:
        return self.keys, self._full

    def restore(self, state: Any, mark: int) -> None:
        keys, self._full = state
        super().restore(keys, mark)


_STEP = """
match = matches.get(key)
if match is not None and time - match[2] > {within}:
    del matches[key]
    match = None
transition = transitions.get((match[0] if match is not None else 0, {symbol}))
if transition is None:
    continue
state, output = transition
_, since, began = match if match is not None else (0, {id}, time)
if output is not None:
    rows(row(key, {id}, output, since, {check}))
if state:
    matches[key] = state, since, began
elif match is not None:
    del matches[key]
"""


class Machines(ShapeOperator):
    """By key, where it is not in the initial state: the state, and id and time of the event that began the match."""

    setup = "rows, row = shape.rows.append, shape.row; matches, transitions = shape.matches, shape.transitions"
    state_type = dict[str, tuple[int, int, int]]

    def __init__(self, query: Query, machine: StateMachine) -> None:
        super().__init__(query)
        self._machine = machine
        self.columns = sorted({machine.symbol, ID, CHECK})
        self.matches: dict[str, tuple[int, int, int]] = {}
        self.transitions = {(one.state, one.symbol): (one.to, one.output) for one in machine.transitions}

    def lines(self, name: Callable[[str], str]) -> str:
        return _STEP.format(
            within=self._machine.within_ms, symbol=name(self._machine.symbol), id=name(ID), check=name(CHECK)
        )

    @property
    def state(self) -> dict[str, tuple[int, int, int]]:
        return self.matches

    def restore(self, state: dict[str, tuple[int, int, int]], mark: int) -> None:  # noqa: ARG002
        self.matches.update(state)
