"""Accumulators of many groups at once: a column an aggregate, a row a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from workloads.query import Aggregate, Function

from .words import Integers

LIMIT = 1 << 63
NEUTRAL: Mapping[Function, int] = {"count": 0, "sum": 0, "min": LIMIT - 1, "max": -1}
NONE: Integers = np.empty(0, np.int64)


@dataclass(frozen=True)
class Members:
    """The values of a distinct count: pairs of a group (row) and a value, each once, sorted by both."""

    groups: Integers
    values: Integers

    @staticmethod
    def of(groups: Integers, values: Integers) -> Members:
        """Of pairs in any order, any of them more than once."""
        order = np.lexsort((values, groups))
        groups, values = groups[order], values[order]
        new = np.ones(len(groups), np.bool_)
        new[1:] = (groups[1:] != groups[:-1]) | (values[1:] != values[:-1])
        return Members(groups[new], values[new])

    def gather(self, rows: Integers) -> Members:
        """The values of these rows, numbered in their order; a row may come more than once."""
        index, at = expand(np.searchsorted(self.groups, rows, "left"), np.searchsorted(self.groups, rows, "right"))
        return Members(index, self.values[at])


Held: TypeAlias = list[Integers | Members]


def expand(starts: Integers, ends: Integers) -> tuple[Integers, Integers]:
    """Every position of some ranges: the number of its range, and the position."""
    counts = np.maximum(ends - starts, 0)
    ranges = np.repeat(np.arange(len(counts)), counts)
    before = np.cumsum(counts) - counts
    return ranges, np.arange(len(ranges)) + (starts - before)[ranges]


def none(outputs: Sequence[Aggregate]) -> Held:
    """Of no group."""
    return [Members(NONE, NONE) if output.function == "distinct" else NONE for output in outputs]


def gather(held: Held, rows: Integers) -> Held:
    return [column.gather(rows) if isinstance(column, Members) else column[rows] for column in held]


def fold(
    outputs: Sequence[Aggregate],
    count: int,
    groups: Integers,
    values: Mapping[str, Integers],
    old: Held | None = None,
    old_groups: Integers = NONE,
    apart: bool = False,
) -> Held:
    """The accumulators of `count` groups: `groups` and `values` of each event, `old` accumulators that go into them.

    apart: no two of the old ones go into one group. Raises OverflowError if a sum does not fit 64 bits.
    """
    held: Held = []
    for output, before in zip(outputs, old if old is not None else none(outputs), strict=True):
        column = values[output.column] if output.column is not None else None
        if isinstance(before, Members):
            if column is None:
                raise TypeError(f"distinct count {output.name} names no column")
            moved = old_groups[before.groups]
            held.append(Members.of(np.concatenate((moved, groups)), np.concatenate((before.values, column))))
        else:
            held.append(_fold(output.function, count, groups, column, before, old_groups, apart))
    return held


def _fold(
    function: Function,
    count: int,
    groups: Integers,
    values: Integers | None,
    old: Integers,
    old_groups: Integers,
    apart: bool,
) -> Integers:
    result: Integers = np.full(count, NEUTRAL[function], np.int64)
    if apart:
        result[old_groups] = old
    match function:
        case "min" | "max":
            reduce = np.minimum if function == "min" else np.maximum
            if not apart:
                reduce.at(result, old_groups, old)
            if values is not None:
                reduce.at(result, groups, values)
        case _:
            if not apart:
                _add(result, old_groups, old, 0)
            if values is None:
                result += np.bincount(groups, minlength=count)
            else:
                _add(result, groups, values, int(result.max(initial=0)))
    return result


def _add(sums: Integers, groups: Integers, values: Integers, largest: int) -> None:
    """Add values to their groups' sums, of which `largest` is the largest."""
    if int(values.max(initial=0)) * len(values) + largest < LIMIT:
        np.add.at(sums, groups, values)
        return
    exact = sums.astype(object)
    np.add.at(exact, groups, values.astype(object))
    sums[:] = fitting(exact)


def fitting(exact: NDArray[Any]) -> Integers:
    """Python's integers as 64 bits. Raises OverflowError if one does not fit."""
    if len(exact) and max(exact) >= LIMIT:
        raise OverflowError("a sum does not fit 64 bits; give the query smaller values or shorter windows")
    return exact.astype(np.int64)


def finish(held: Held, count: int) -> list[Integers]:
    """The aggregates' values of `count` groups."""
    return [np.bincount(column.groups, minlength=count) if isinstance(column, Members) else column for column in held]


def flatten(held: Held) -> list[Integers]:
    arrays: list[Integers] = []
    for column in held:
        arrays += [column.groups, column.values] if isinstance(column, Members) else [column]
    return arrays


def unflatten(outputs: Sequence[Aggregate], arrays: Sequence[Integers]) -> Held:
    """What `flatten` gave these arrays."""
    left = iter(arrays)
    return [Members(next(left), next(left)) if output.function == "distinct" else next(left) for output in outputs]
