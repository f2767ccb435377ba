"""Conditions and derived columns over whole columns."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.query import Comparator, Condition, Linear

from .words import Integers

_LIMIT = 1 << 63
_COMPARE: Mapping[Comparator, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def holds(condition: Condition, values: Mapping[str, Integers]) -> NDArray[np.bool_]:
    """For each event whether it meets the condition."""
    column = values[condition.column]
    if condition.modulo is not None:
        column = column % condition.modulo
    met: NDArray[np.bool_] = _COMPARE[condition.comparator](column, condition.value)
    return met


def all_hold(conditions: Sequence[Condition], values: Mapping[str, Integers], count: int) -> NDArray[np.bool_]:
    """For each of `count` events whether it meets all conditions."""
    met = np.ones(count, np.bool_)
    for condition in conditions:
        met &= holds(condition, values)
    return met


def derive(linear: Linear, values: Mapping[str, Integers], count: int) -> Integers:
    """The derived column of `count` events."""
    columns = [(weight, values[column]) for column, weight in linear.weights]
    largest = abs(linear.constant) + sum(abs(weight) * int(column.max(initial=0)) for weight, column in columns)
    # Python's integers where 64 bits might not do on the way.
    dividend = np.full(count, linear.constant, np.int64 if largest < _LIMIT else object)
    for weight, column in columns:
        dividend = dividend + weight * (column if largest < _LIMIT else column.astype(object))
    return (dividend // linear.divisor).astype(np.int64)
