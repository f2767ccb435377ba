"""Every output row against the rows that are due: which of them are answered, and how each row is to be counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from results.evidence.rows import Rows
from results.verdict.identity import Finder
from workloads.stream import Integers

MATCH, DUPLICATE, WRONG, UNEXPECTED = range(4)
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Due:
    """The rows that are due, as columns of equal length."""

    phases: Integers
    """Index of the phase that the row belongs to."""
    keys: Integers
    """Index into the stream's labels."""
    identity: Integers
    """A line each for `query.identity`, in its order."""
    values: Integers
    """A line each for `query.fields`, in its order."""
    last_ids: Integers
    """The id whose planned time makes the row final (see workloads.oracle)."""
    timed: NDArray[np.bool_]
    """Whether latency can be counted, which it cannot for a window whose only events are late."""

    def take(self, places: Integers | NDArray[np.bool_]) -> Due:
        """The rows at these places."""
        return Due(
            phases=self.phases[places],
            keys=self.keys[places],
            identity=self.identity[:, places],
            values=self.values[:, places],
            last_ids=self.last_ids[places],
            timed=self.timed[places],
        )

    def extended(self, other: Due) -> Due:
        """These rows, and after them the other ones."""
        return Due(
            phases=np.concatenate((self.phases, other.phases)),
            keys=np.concatenate((self.keys, other.keys)),
            identity=np.concatenate((self.identity, other.identity), axis=1),
            values=np.concatenate((self.values, other.values), axis=1),
            last_ids=np.concatenate((self.last_ids, other.last_ids)),
            timed=np.concatenate((self.timed, other.timed)),
        )


@dataclass(frozen=True)
class Matching:
    """Which due row each row answers, and which due rows have an answer."""

    due: Due
    """The rows that are due."""
    rows: Rows
    """The rows that are there."""
    index: Integers
    """For each row the due row that it answers, or -1."""
    counts_as: NDArray[np.int8]
    """For each row MATCH, DUPLICATE, WRONG or UNEXPECTED."""
    conflicts: NDArray[np.bool_]
    """Whether a row is wrong and its due row has another row with a different value before it, or the right one."""
    renamed: NDArray[np.bool_]
    """Whether a row is wrong and answers a due row under another identity than its own (see
    results.verdict.pairing)."""
    within: Integers
    """For each unexpected row the due row that it overlaps, or -1."""
    first_rows: Integers
    """For each due row the index of its first answer, -1 where there is none."""
    unpaired: int = 0
    """How many unexpected rows were too many to look for the due rows that they may answer."""

    @property
    def missing(self) -> NDArray[np.bool_]:
        return np.asarray(self.first_rows < 0, dtype=np.bool_)

    @cached_property
    def first_visible_ns(self) -> Integers:
        """For each due row the time of its first answer, NEVER where there is none."""
        return self.of_first(self.rows.visible_ns)

    def of_first(self, column: Integers) -> Integers:
        """For each due row the value that its first answer has in a column of the rows, NEVER where there is none."""
        found = np.full(len(self.first_rows), NEVER, dtype=np.int64)
        answered = self.first_rows >= 0
        found[answered] = column[self.first_rows[answered]]
        return found

    def paired(self, rows: Integers, due: Integers) -> Matching:
        """The same, but these unexpected rows are wrong answers to these missing rows."""
        index, counts_as, renamed = self.index.copy(), self.counts_as.copy(), self.renamed.copy()
        first_rows = self.first_rows.copy()
        index[rows], counts_as[rows], renamed[rows] = due, WRONG, True
        first_rows[due] = rows
        return replace(self, index=index, counts_as=counts_as, renamed=renamed, first_rows=first_rows)


def match_rows(due: Due, rows: Rows) -> Matching:
    """Per due row: the first one with the right values is a match, one that repeats another's values is a duplicate,
    and every one with other values is wrong. Without an answer it is missing. Rows that answer none are unexpected.
    """
    index = Finder(due.keys, due.identity).find(rows.keys, rows.identity)
    known = index >= 0
    all_known = bool(known.all())
    mine = index if all_known else index[known]
    values = rows.values if all_known else rows.values[:, known]
    equal = np.zeros(len(index), dtype=np.bool_)
    equal[known] = np.all(values == due.values[:, mine], axis=0)
    counts_as = np.where(known, np.where(equal, MATCH, WRONG), UNEXPECTED).astype(np.int8)
    conflicts = np.zeros(len(index), dtype=np.bool_)
    first_rows = np.full(len(due.keys), -1, dtype=np.int64)
    # Of repeated indices the last assignment holds, so backwards the first row does.
    first_rows[mine[::-1]] = np.flatnonzero(known)[::-1]
    copies = np.bincount(mine, minlength=len(due.keys))
    several = np.flatnonzero(known)[copies[mine] > 1]
    several = several[np.argsort(index[several], kind="stable")]
    bounds = np.flatnonzero(np.diff(index[several])) + 1
    for group in np.split(several, bounds) if len(several) else []:
        _judge_copies(group, rows.values, equal, counts_as, conflicts)
    return Matching(
        due=due,
        rows=rows,
        index=index,
        counts_as=counts_as,
        conflicts=conflicts,
        renamed=np.zeros(len(index), dtype=np.bool_),
        within=np.full(len(index), -1, dtype=np.int64),
        first_rows=first_rows,
    )


def _judge_copies(
    group: Integers,
    values: Integers,
    equal: NDArray[np.bool_],
    counts_as: NDArray[np.int8],
    conflicts: NDArray[np.bool_],
) -> None:
    """Decide on the rows of one identity, in order of visibility."""
    answered = bool(equal[group].any())
    seen: set[bytes] = set()
    for row in group:
        value = values[:, row].tobytes()
        if value in seen:
            counts_as[row] = DUPLICATE
        elif not equal[row]:
            conflicts[row] = answered or bool(seen)
        seen.add(value)
