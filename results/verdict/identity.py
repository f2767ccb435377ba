"""Finds rows that are due by what names them: the key and the integers of `query.identity`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workloads.stream import Integers

_MOST_CODES = 2**62


@dataclass(frozen=True)
class _Step:
    """One column of what names a row. before: distinct codes of the columns before it, None where codes are kept."""

    values: Integers
    before: Integers | None


class Finder:
    """Finds rows by (key, *identity). Of rows with one name, the first is found; `repeated` marks the others."""

    def __init__(self, keys: Integers, identity: Integers) -> None:
        """identity: one line an integer of the query's identity."""
        self._steps: list[_Step] = []
        codes, distinct = np.zeros(len(keys), dtype=np.int64), 1
        for column in (keys, *identity):
            values, places = np.unique(column, return_inverse=True)
            before = None
            if distinct * len(values) > _MOST_CODES:
                before, codes = np.unique(codes, return_inverse=True)
                distinct = len(before)
            codes = codes * len(values) + places
            distinct *= max(len(values), 1)
            self._steps.append(_Step(values, before))
        order = np.argsort(codes, kind="stable")
        first = np.ones(len(order), dtype=np.bool_)
        first[1:] = codes[order[1:]] != codes[order[:-1]]
        self.repeated: NDArray[np.bool_] = np.zeros(len(keys), dtype=np.bool_)
        self.repeated[order[~first]] = True
        self._order = order[first]
        self._codes = codes[self._order]

    def find(self, keys: Integers, identity: Integers) -> Integers:
        """Index of the row that each (key, *identity) names, or -1."""
        found = np.full(len(keys), -1, dtype=np.int64)
        if not len(self._codes):
            return found
        known = np.ones(len(keys), dtype=np.bool_)
        codes = np.zeros(len(keys), dtype=np.int64)
        for step, column in zip(self._steps, (keys, *identity), strict=True):
            if step.before is not None:
                codes = _places(step.before, codes, known)
            codes = codes * len(step.values) + _places(step.values, column, known)
        places = _places(self._codes, codes, known)
        found[known] = self._order[places[known]]
        return found


def _places(values: Integers, column: Integers, known: NDArray[np.bool_]) -> Integers:
    """Where each of the column stands among the values; what does not is no longer known."""
    places = np.minimum(np.searchsorted(values, column), len(values) - 1)
    known &= values[places] == column
    return np.asarray(places, dtype=np.int64)


def grouped(members: pa.Table, groups: Integers) -> Iterator[dict[str, Integers]]:
    """The events of each group, in the order in which they stand, as columns by name.

    members: what `workloads.oracle.members` returned. groups: a column a group, a line for each of the first columns of
    `members`, which say to what group an event belongs. An event's own column may have the name of one of these.
    """
    columns = [column.to_numpy() for column in members.columns]
    naming, rest = columns[: len(groups)], columns[len(groups) :]
    owner = Finder(groups[0], groups[1:]).find(naming[0], np.array(naming[1:], dtype=np.int64))
    order = np.argsort(owner, kind="stable")
    bounds = np.searchsorted(owner[order], np.arange(groups.shape[1] + 1))
    names = members.column_names[len(groups) :]
    for start, stop in pairwise(bounds):
        yield {name: column[order[start:stop]] for name, column in zip(names, rest, strict=True)}
