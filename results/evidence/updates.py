"""Engines that answer in updates: a row may come several times with growing values, and only the last one counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from results.evidence.rows import Rows
from workloads.query import AUDIT, Query
from workloads.stream import Integers


@dataclass(frozen=True)
class Latest:
    """The last row of each identity. earlier: for each of them how many came before it; regressed: in how many steps
    up to it the count of events went down.
    """

    rows: Rows
    earlier: Integers
    regressed: Integers


def latest(query: Query, rows: Rows) -> Latest:
    """Rows for keys that the stream does not have are all kept. Regressions are seen where rows count events."""
    known = np.flatnonzero(rows.keys >= 0)
    # By identity; a stable sort keeps the order of visibility within each.
    lines = (*rows.identity[::-1, known], rows.keys[known])
    order = known[np.lexsort(lines)] if len(known) else known
    named = np.concatenate((rows.keys[np.newaxis, order], rows.identity[:, order]))
    begins = np.ones(len(order), dtype=np.bool_)
    begins[1:] = np.any(named[:, 1:] != named[:, :-1], axis=0)
    groups = np.cumsum(begins) - 1
    lasts = np.flatnonzero(np.append(begins[1:], True)) if len(order) else np.empty(0, dtype=np.int64)
    falls = np.zeros(len(order), dtype=np.int64)
    name = AUDIT[0].name
    if name in query.fields:
        counts = rows.values[query.fields.index(name), order]
        falls[1:] = (counts[1:] < counts[:-1]) & ~begins[1:]
    earlier, regressed = np.zeros(len(rows.keys), dtype=np.int64), np.zeros(len(rows.keys), dtype=np.int64)
    earlier[order[lasts]] = np.bincount(groups, minlength=len(lasts)) - 1 if len(order) else 0
    regressed[order[lasts]] = np.bincount(groups, weights=falls, minlength=len(lasts)) if len(order) else 0
    kept = np.sort(np.concatenate((order[lasts], np.flatnonzero(rows.keys < 0))))
    return Latest(rows.take(kept), earlier[kept], regressed[kept])
