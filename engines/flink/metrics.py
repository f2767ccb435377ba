"""Counts that a running Flink job holds itself. They begin anew whenever it restarts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote

from engines.protocol import Counter

from . import settings
from .rest import Rest

Look: TypeAlias = Mapping[tuple[str, str], int]
"""Metrics by vertex and name, summed over its subtasks."""

STILL_S = 2 * settings.FETCH_MS / 1000
"""A question makes the JobManager ask the TaskManagers, if it has not for FETCH_MS. It is answered from what is there:
the counts of a while ago or, while new ones come in, some of both. What stays the same for so long is of one moment.
"""
WAIT_S = 20.0
_POLL_S = 0.25

_LATE = ".numLateRecordsDropped"
_READ, _GIVEN = ".numRecordsIn", ".numRecordsOut"


def counters(rest: Rest, job: str, still_s: float = STILL_S, wait_s: float = WAIT_S) -> Mapping[Counter, int]:
    """late: what window operators dropped (rows of a local aggregation count as one, as Flink counts them). broken:
    records that the source read and its format skipped; not those that lack a column, which the filter drops. It is the
    difference of two metrics, and left out where they do not stand still within wait_s.

    Raises Unreachable.
    """
    look, still = _settled(rest, job, still_s, wait_s)
    found: dict[Counter, int] = {"late": sum(value for (_, name), value in look.items() if name.endswith(_LATE))}
    if still:
        found["broken"] = sum(
            value - look.get((vertex, name.removesuffix(_READ) + _GIVEN), value)
            for (vertex, name), value in look.items()
            if name.endswith(_READ)
        )
    return found


def _settled(rest: Rest, job: str, still_s: float, wait_s: float) -> tuple[Look, bool]:
    """The metrics once they have been the same for still_s, or as they are after wait_s; whether they were the same."""
    look, since = _look(rest, job), time.monotonic()
    deadline = since + wait_s
    while (now := time.monotonic()) < since + still_s:
        if now > deadline:
            return look, False
        time.sleep(_POLL_S)
        latest = _look(rest, job)
        if latest != look:
            look, since = latest, time.monotonic()
    return look, True


def _look(rest: Rest, job: str) -> Look:
    return {
        (vertex["id"], name): value
        for vertex in rest.get(f"/jobs/{job}")["vertices"]
        for name, value in _sums(rest, f"/jobs/{job}/vertices/{vertex['id']}/subtasks/metrics", _is_counted).items()
    }


def _is_counted(name: str) -> bool:
    return name.endswith(_LATE) or (name.startswith("Source__") and name.endswith((_READ, _GIVEN)))


def _sums(rest: Rest, path: str, wanted: Callable[[str], bool]) -> dict[str, int]:
    names = [metric["id"] for metric in rest.get(path) if wanted(metric["id"])]
    if not names:
        return {}
    found: list[dict[str, Any]] = rest.get(f"{path}?agg=sum&get={quote(','.join(names))}")
    return {metric["id"]: int(metric["sum"]) for metric in found}
