"""The rows of paced phases of all slices as one matching, for measurements: few, beside those of a large backlog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from results.evidence.rows import Rows
from results.history import Strike
from results.verdict.examination import Examination
from results.verdict.matching import Matching
from results.verdict.tally import due_ranks
from workloads.stream import Integers


@dataclass(frozen=True)
class PacedRows:
    """Of one slice. matching: without values. ranks: of its due rows, as of `due_ranks`."""

    matching: Matching
    ranks: Integers


def paced_rows(seen: Examination) -> PacedRows:
    """The rows of a slice that belong to a paced phase or a probe, what they answer, and what answers it first. Where
    faults are injected, also those that became visible since the first of these phases began, or the first strike fell:
    a fault may hold up a backlog's rows.
    """
    matching, due = seen.matching, seen.matching.due
    paced = [number for number, phase in enumerate(seen.phases) if phase.timed]
    rows = np.isin(seen.row_phases, paced)
    if seen.history.plan.strikes is not None:
        begins = [seen.phases[number].start_ns for number in paced]
        strikes = [mark.at_ns for mark in seen.history.of(Strike)]
        rows |= matching.rows.visible_ns >= min((*begins, *strikes), default=0)
    kept = np.isin(due.phases, paced)
    kept[matching.index[rows & (matching.index >= 0)]] = True
    first = matching.first_rows[kept]
    rows[first[first >= 0]] = True
    return PacedRows(_only(matching, np.flatnonzero(rows), np.flatnonzero(kept)), due_ranks(seen, np.flatnonzero(kept)))


def _only(matching: Matching, rows: Integers, due: Integers) -> Matching:
    """The matching of these rows and due rows, without values."""
    kept = matching.due.take(due)
    found = matching.rows.take(rows)
    return Matching(
        due=replace(kept, values=kept.values[:0]),
        rows=replace(found, values=found.values[:0], identity=found.identity[:0], malformed=[]),
        index=_placed(matching.index[rows], due),
        counts_as=matching.counts_as[rows],
        conflicts=matching.conflicts[rows],
        renamed=matching.renamed[rows],
        within=_placed(matching.within[rows], due),
        first_rows=_placed(matching.first_rows[due], rows),
    )


def _placed(indices: Integers, kept: Integers) -> Integers:
    """Indices into a column as those into what is kept of it; -1 where it is not."""
    places = np.minimum(np.searchsorted(kept, indices), max(len(kept) - 1, 0))
    known = kept[places] == indices if len(kept) else np.zeros(len(indices), dtype=np.bool_)
    return np.where(known, places, -1)


def joined(parts: Sequence[PacedRows]) -> Matching:
    """One matching of all slices, in the order that the rows have in the whole."""
    matchings = [part.matching for part in parts]
    due_order = np.lexsort(np.concatenate([part.ranks for part in parts], axis=1)[::-1])
    row_order = np.argsort(np.concatenate([each.rows.numbers for each in matchings]), kind="stable")
    due_at, row_at = _inverse(due_order), _inverse(row_order)
    due_counts = [len(each.due.keys) for each in matchings]
    row_counts = [len(each.rows.keys) for each in matchings]
    due = matchings[0].due
    for each in matchings[1:]:
        due = due.extended(each.due)
    return Matching(
        due=due.take(due_order),
        rows=_all_rows(matchings, row_order),
        index=_moved([each.index for each in matchings], due_counts, due_at)[row_order],
        counts_as=np.concatenate([each.counts_as for each in matchings])[row_order],
        conflicts=np.concatenate([each.conflicts for each in matchings])[row_order],
        renamed=np.concatenate([each.renamed for each in matchings])[row_order],
        within=_moved([each.within for each in matchings], due_counts, due_at)[row_order],
        first_rows=_moved([each.first_rows for each in matchings], row_counts, row_at)[due_order],
    )


def _inverse(order: Integers) -> Integers:
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order))
    return places


def _moved(columns: Sequence[Integers], counts: Sequence[int], places: Integers) -> Integers:
    """Indices into each slice's own rows as those into the rows of all. counts: of these rows, by slice."""
    moved, before = [], 0
    for column, count in zip(columns, counts, strict=True):
        found = np.full(len(column), -1, dtype=np.int64)
        known = column >= 0
        found[known] = places[column[known] + before]
        moved.append(found)
        before += count
    return np.concatenate(moved)


def _all_rows(matchings: Sequence[Matching], order: Integers) -> Rows:
    all_rows = [each.rows for each in matchings]
    return Rows(
        numbers=np.concatenate([rows.numbers for rows in all_rows])[order],
        partitions=np.concatenate([rows.partitions for rows in all_rows])[order],
        offsets=np.concatenate([rows.offsets for rows in all_rows])[order],
        appended_ms=np.concatenate([rows.appended_ms for rows in all_rows])[order],
        visible_ns=np.concatenate([rows.visible_ns for rows in all_rows])[order],
        keys=np.concatenate([rows.keys for rows in all_rows])[order],
        identity=np.empty((0, len(order)), dtype=np.int64),
        values=np.empty((0, len(order)), dtype=np.int64),
        strangers={},
        malformed=[],
        repeated=0,
    )
