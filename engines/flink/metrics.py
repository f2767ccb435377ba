"""Counts that a running Flink job holds itself. They begin anew whenever it restarts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from engines.protocol import Counter

from .rest import Rest

_LATE = ".numLateRecordsDropped"
_READ, _GIVEN = ".numRecordsIn", ".numRecordsOut"


def counters(rest: Rest, job: str) -> Mapping[Counter, int]:
    """late: what window operators dropped (rows of a local aggregation count as one, as Flink counts them). broken:
    records that the source read and its format skipped; not those that lack a column, which the filter drops.

    Raises Unreachable.
    """
    late = broken = 0
    for vertex in rest.get(f"/jobs/{job}")["vertices"]:
        values = _sums(rest, f"/jobs/{job}/vertices/{vertex['id']}/subtasks/metrics", _is_counted)
        for name, value in values.items():
            if name.endswith(_LATE):
                late += value
            elif name.endswith(_READ):
                broken += value - values.get(name.removesuffix(_READ) + _GIVEN, value)
    return {"late": late, "broken": broken}


def _is_counted(name: str) -> bool:
    return name.endswith(_LATE) or (name.startswith("Source__") and name.endswith((_READ, _GIVEN)))


def _sums(rest: Rest, path: str, wanted: Callable[[str], bool]) -> dict[str, int]:
    names = [metric["id"] for metric in rest.get(path) if wanted(metric["id"])]
    if not names:
        return {}
    found: list[dict[str, Any]] = rest.get(f"{path}?agg=sum&get={quote(','.join(names))}")
    return {metric["id"]: int(metric["sum"]) for metric in found}
