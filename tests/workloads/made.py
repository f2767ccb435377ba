"""Streams of workloads for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.instruments.encoder import Encoder
from workloads.discovery import Unavailable
from workloads.query import Query
from workloads.stream import Events, Segment
from workloads.workload import Workload, discover

BASE_MS = 1_795_500_000_000
SEED = 20261124

_found = discover()
assert not [found for found in _found.values() if isinstance(found, Unavailable)]
WORKLOADS: dict[str, Workload] = dict(_found)  # type: ignore[arg-type]
SEEDED = [name for name in WORKLOADS if name not in ("replay", "own-sql")]
"""Workloads that need nothing but a seed: no file of a user's."""


def made(
    name: str, ids: np.ndarray | int, rate: float = 2000.0, seed: int = SEED, **parameters: Any
) -> tuple[Query, Events, Segment]:
    """The workload's query, the events with these ids (or so many from the first), and the segment that they are of."""
    workload = WORKLOADS[name]
    wanted = np.arange(ids) if isinstance(ids, int) else ids
    segment = Segment(0, max(int(wanted.max()) + 1, 1), BASE_MS, rate)
    given = {**workload.defaults, **parameters}
    return workload.query(given), workload.events(given, seed, segment, wanted), segment


def records(query: Query, events: Events) -> list[bytes]:
    """The events as the log has them."""
    return Encoder(query, 4).rows(events).values


def decoded(query: Query, events: Events) -> list[Mapping[str, Any]]:
    return [json.loads(record) for record in records(query, events)]
