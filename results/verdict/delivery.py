"""What no guarantee of delivery allows, whatever a row says: rows of aborted transactions, and rows out of order."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from results.history import History, parts
from results.verdict.examination import Examination
from results.verdict.matching import MATCH
from workloads.stream import Integers


def aborted_reads(seen: Examination) -> Integers:
    """The rows that the collector, a read_committed consumer, was given although their transaction was aborted, by what
    readers of both isolation levels found afterwards; none where nobody looked, as in a trial without strikes.
    """
    rows = seen.matching.rows
    return np.flatnonzero(np.isin(_place(rows.partitions, rows.offsets), _aborted(seen.history)))


@lru_cache(maxsize=1)
def _aborted(history: History) -> Integers:
    """The places in the output log of all records of transactions that were aborted. Slices of one history share it."""
    found = [np.empty(0, dtype=np.int64)]
    for part in parts(history.folder, "physical"):
        for piece in history.pieces("physical", ["partition", "offset", "committed"], part):
            partitions, offsets = (piece[name].to_numpy().astype(np.int64) for name in ("partition", "offset"))
            aborted = ~piece["committed"].to_numpy(zero_copy_only=False).astype(np.bool_)
            found.append(_place(partitions[aborted], offsets[aborted]))
    return np.concatenate(found)


def _place(partitions: Integers, offsets: Integers) -> Integers:
    """A number for a place in the output log; offsets stay below 2**48."""
    return np.asarray((partitions.astype(np.int64) << 48) + offsets, dtype=np.int64)


def out_of_order(seen: Examination) -> Integers:
    """The rows of a key that stand, in their partition, behind one that they should stand before.

    Only where the query's answer depends on the order of a key's events, and only rows that are right and the first of
    their identity: what is repeated goes back by nature. The order is that of the last event of each row in the input
    log as committed. None where an engine writes a row again whenever it changes, or where a command prints the rows.
    """
    matching = seen.matching
    if not seen.stream.query.ordered or seen.updates is not None or seen.history.plan.polled:
        return np.empty(0, dtype=np.int64)
    first = np.zeros(len(matching.index), dtype=np.bool_)
    first[np.unique(matching.index, return_index=True)[1]] = True
    judged = np.flatnonzero(first & (matching.index >= 0) & (matching.counts_as == MATCH))
    rank = _positions(seen, matching.due.last_ids[matching.index[judged]])
    rows = matching.rows
    order = np.lexsort((rows.offsets[judged], rows.partitions[judged], rows.keys[judged]))
    judged, rank = judged[order], rank[order]
    begins = np.ones(len(judged), dtype=np.bool_)
    begins[1:] = (np.diff(rows.keys[judged]) != 0) | (np.diff(rows.partitions[judged]) != 0)
    # One running maximum for all: what belongs to a later group is lifted above all that stands before it.
    lifted = rank + np.cumsum(begins) * (int(rank.max(initial=0)) + 1)
    return np.sort(judged[lifted < np.maximum.accumulate(lifted)])


def scattered(seen: Examination) -> Integers:
    """The rows of a key that stand in another partition than its first row, over the whole trial: a reader is given the
    order of a partition only. None where the answer does not depend on the order of a key's events, or where an engine
    writes a row again whenever it changes.
    """
    rows = seen.matching.rows
    if not seen.stream.query.ordered or seen.updates is not None:
        return np.empty(0, dtype=np.int64)
    known = np.flatnonzero(rows.keys >= 0)
    keys, firsts, key_of = np.unique(rows.keys[known], return_index=True, return_inverse=True)
    home = rows.partitions[known][firsts]
    return known[rows.partitions[known] != home[key_of]] if len(keys) else known


def _positions(seen: Examination, ids: Integers) -> Integers:
    """Where these ids stand in the input log; comparable within a partition, so within a key."""
    logged = np.concatenate([seen.given.ids[phase.name] for phase in seen.phases])
    distinct, position = np.unique(logged, return_index=True)
    return np.asarray(position[np.searchsorted(distinct, ids)], dtype=np.int64)
