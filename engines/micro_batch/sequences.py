"""Shapes that depend on the order of a key's events: count and data-driven windows, running aggregates, machines.

All but machines are columnar: a batch is put in the order of keys, which keeps each key's events in the log's order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workloads.query import CHECK, ID, Aggregate, Count, Project, Query, Running, StateMachine, Until

from .accumulators import (
    LIMIT,
    NEUTRAL,
    NONE,
    Held,
    Members,
    expand,
    finish,
    fitting,
    flatten,
    fold,
    gather,
    none,
    unflatten,
)
from .expressions import holds
from .groups import Table, begins, order_by, ranked
from .shape_operator import Batch, Rows, State
from .words import Integers

FIRST = Aggregate("first", "min", ID)


def _grown(by_code: Integers, codes: Integers, value: int) -> Integers:
    """An array by code, long enough for these codes."""
    missing = int(codes.max(initial=-1)) + 1 - len(by_code)
    return np.concatenate((by_code, np.full(missing, value, np.int64))) if missing > 0 else by_code


class Projection:
    """A row an event; no state."""

    late = 0

    def __init__(self, shape: Project) -> None:
        self._fields = tuple(dict.fromkeys((ID, *shape.fields, CHECK)))

    def add(self, batch: Batch) -> list[Rows]:
        columns = batch.columns
        return [Rows(columns.keys, [columns.values[field] for field in self._fields])] if len(columns.keys) else []

    def state(self) -> State:
        return State([], [])

    def restore(self, state: State, mark: int) -> None:
        pass


class CountWindows:
    """Panes of `slide` records by key, numbered from 0, of which a window is merged with its last record."""

    late = 0

    def __init__(self, window: Count, outputs: tuple[Aggregate, ...]) -> None:
        self._slide, self._panes = window.slide, window.size // window.slide
        self._table = Table((FIRST, *outputs), 2)
        self._seen = NONE
        """How many records each key had, by code."""

    def add(self, batch: Batch) -> list[Rows]:
        codes = batch.columns.keys
        if not len(codes):
            return []
        order = order_by(codes)
        self._seen = _grown(self._seen, codes, 0)
        places = np.empty(len(codes), np.int64)
        places[order] = ranked(begins(codes[order])) + self._seen[codes[order]]
        full_before = self._seen // self._slide
        self._seen += np.bincount(codes, minlength=len(self._seen))
        full = self._seen // self._slide
        self._table.add([places // self._slide, codes], batch.columns.values)
        panes, keys = self._table.keys
        # A window is named by the pane it ends with: pane p is part of those that end with p to p + panes - 1.
        least = np.maximum(full_before[keys], self._panes - 1)
        which, last = expand(np.maximum(panes, least), np.minimum(panes + self._panes, full[keys]))
        rows = []
        if len(which):
            merged = self._table.merged(which, [last, keys[which]])
            rows = [Rows(merged.keys[1], finish(merged.held, len(merged)))]
        self._table = self._table.take(np.flatnonzero(panes + self._panes > full[keys]))
        return rows

    def state(self) -> State:
        codes = np.flatnonzero(self._seen)
        return State([codes, self._table.keys[1]], [self._seen[codes], *self._table.numbers])

    def restore(self, state: State, mark: int) -> None:  # noqa: ARG002
        codes, keys = state.codes
        seen, *numbers = state.numbers
        self._seen = _grown(NONE, codes, 0)
        self._seen[codes] = seen
        self._table.restore(keys, numbers)


class DataDrivenWindows:
    """The open window of each key that has one."""

    late = 0

    def __init__(self, window: Until, outputs: tuple[Aggregate, ...]) -> None:
        self._condition = window.condition
        self._outputs = (FIRST, *outputs)
        self._codes = NONE
        self._held: Held = none(self._outputs)

    def add(self, batch: Batch) -> list[Rows]:
        values, known = batch.columns.values, len(self._codes)
        if not len(batch.columns.keys):
            return []
        codes = np.concatenate((self._codes, batch.columns.keys))
        ends = np.concatenate((np.zeros(known, np.bool_), holds(self._condition, values)))
        # Open windows stand before all events, so each is the first of its key.
        order = order_by(codes)
        new = begins(codes[order])
        new[1:] |= ends[order][:-1]
        groups = np.empty(len(order), np.int64)
        groups[order] = np.cumsum(new) - 1
        count = int(np.count_nonzero(new))
        held = fold(self._outputs, count, groups[known:], values, self._held, groups[:known], apart=True)
        keys = codes[order][new]
        ended = np.zeros(count, np.bool_)
        ended[groups[ends]] = True
        closed, left = np.flatnonzero(ended), np.flatnonzero(~ended)
        self._codes, self._held = keys[left], gather(held, left)
        return [Rows(keys[closed], finish(gather(held, closed), len(closed)))] if len(closed) else []

    def state(self) -> State:
        return State([self._codes], flatten(self._held))

    def restore(self, state: State, mark: int) -> None:  # noqa: ARG002
        self._codes, self._held = state.codes[0], unflatten(self._outputs, state.numbers)


class RunningAggregates:
    """Of each key that was seen the aggregates so far, by code; and the values of distinct counts, grouped by code."""

    late = 0

    def __init__(self, shape: Running) -> None:
        self._outputs = shape.outputs
        self._number = next(i for i, output in enumerate(self._outputs) if output.function == "count")
        self._so_far: list[Integers] = [NONE] * len(self._outputs)
        self._members = {
            slot: Members(NONE, NONE) for slot, output in enumerate(self._outputs) if output.function == "distinct"
        }

    def add(self, batch: Batch) -> list[Rows]:
        if not len(batch.columns.keys):
            return []
        columns = batch.columns.take(order_by(batch.columns.keys))
        codes = columns.keys
        new = begins(codes)
        last = np.append(np.flatnonzero(new)[1:], len(codes)) - 1
        answers = []
        for slot, output in enumerate(self._outputs):
            before = _grown(self._so_far[slot], codes, NEUTRAL.get(output.function, 0))
            match output.function:
                case "count":
                    found = ranked(new) + 1 + before[codes]
                case "distinct":
                    fresh = self._fresh(slot, codes, columns.values[output.column or ""])
                    found = _summed(new, fresh, before[codes])
                case "sum":
                    found = _summed(new, columns.values[output.column or ""], before[codes])
                case "min":
                    found = np.minimum(_least(new, columns.values[output.column or ""]), before[codes])
                case "max":
                    # The largest is the least of what is left to a bound.
                    values = columns.values[output.column or ""]
                    bound = int(values.max())
                    found = np.maximum(bound - _least(new, bound - values), before[codes])
            before[codes[last]] = found[last]
            self._so_far[slot] = before
            answers.append(found)
        return [Rows(codes, [columns.values[ID], *answers])]

    def _fresh(self, slot: int, codes: Integers, values: Integers) -> Integers:
        """1 for each value that its key did not have before, else 0."""
        known = self._members[slot]
        both = np.concatenate((known.groups, codes)), np.concatenate((known.values, values))
        order = np.lexsort(both[::-1])
        new = np.empty(len(order), np.bool_)
        new[order] = begins(both[0][order], both[1][order])
        self._members[slot] = Members.of(*both)
        return new[len(known.groups) :].astype(np.int64)

    def state(self) -> State:
        codes = np.flatnonzero(self._so_far[self._number])
        members = self._members.values()
        return State(
            [codes, *(known.groups for known in members)],
            [*(column[codes] for column in self._so_far), *(known.values for known in members)],
        )

    def restore(self, state: State, mark: int) -> None:  # noqa: ARG002
        codes, *groups = state.codes
        columns, values = state.numbers[: len(self._outputs)], state.numbers[len(self._outputs) :]
        for slot, (output, column) in enumerate(zip(self._outputs, columns, strict=True)):
            self._so_far[slot] = _grown(NONE, codes, NEUTRAL.get(output.function, 0))
            self._so_far[slot][codes] = column
        self._members = {slot: Members(*pair) for slot, *pair in zip(self._members, groups, values, strict=True)}


def _summed(new: NDArray[np.bool_], values: Integers, before: Integers) -> Integers:
    """Sums up to each place within runs that begin where `new` says, and of `before`, which is one number a run."""
    starts = np.maximum.accumulate(np.where(new, np.arange(len(new)), 0))
    if int(values.max()) * len(values) + int(before.max()) < LIMIT:
        sums: Integers = np.cumsum(values)
        return sums - (sums - values)[starts] + before
    exact = np.cumsum(values.astype(object))
    return fitting(exact - (exact - values)[starts] + before)


def _least(new: NDArray[np.bool_], values: Integers) -> Integers:
    """The least value up to each place within runs that begin where `new` says."""
    runs = np.cumsum(new)
    width = int(values.max()) + 1
    if width * (int(runs[-1]) + 1) >= LIMIT:
        # Too large to be told apart by run in one integer: number the values.
        numbers, places = np.unique(values, return_inverse=True)
        return numbers[_least(new, places)]
    # Each run lies below all runs before it.
    found: Integers = np.minimum.accumulate(values - runs * width) + runs * width
    return found


class Machines:
    """Of each key that is not in the initial state: the state, and the id and time of the event that began the match.

    What an event does depends on all before it, so this goes event by event, of those whose symbol the machine knows.
    """

    late = 0

    def __init__(self, query: Query, machine: StateMachine) -> None:
        self._time, self._symbol, self._within = query.time, machine.symbol, machine.within_ms
        self._transitions = {(one.state, one.symbol): (one.to, one.output) for one in machine.transitions}
        self._symbols = np.array(sorted({one.symbol for one in machine.transitions}), np.int64)
        self._matches: dict[int, tuple[int, int, int]] = {}

    def add(self, batch: Batch) -> list[Rows]:
        columns = batch.columns
        known = np.flatnonzero(np.isin(columns.values[self._symbol], self._symbols))
        names = (self._time, self._symbol, ID, CHECK)
        events = (columns.keys[known], *(columns.values[name][known] for name in names))
        rows: list[tuple[int, int, int, int, int]] = []
        matches, transitions, within = self._matches, self._transitions, self._within
        for code, time, symbol, identity, check in zip(*(column.tolist() for column in events), strict=True):
            match = matches.get(code)
            if match is not None and time - match[2] > within:
                del matches[code]
                match = None
            transition = transitions.get((match[0] if match is not None else 0, symbol))
            if transition is None:
                continue
            state, output = transition
            _, since, began = match if match is not None else (0, identity, time)
            if output is not None:
                rows.append((code, identity, output, since, check))
            if state:
                matches[code] = state, since, began
            elif match is not None:
                del matches[code]
        if not rows:
            return []
        codes, *fields = np.array(rows, np.int64).T
        return [Rows(codes, fields)]

    def state(self) -> State:
        matches = np.array([(code, *match) for code, match in self._matches.items()], np.int64).reshape(-1, 4)
        codes, *fields = matches.T
        return State([codes], list(fields))

    def restore(self, state: State, mark: int) -> None:  # noqa: ARG002
        columns = [column.tolist() for column in (state.codes[0], *state.numbers)]
        self._matches = {code: (to, since, began) for code, to, since, began in zip(*columns, strict=True)}
