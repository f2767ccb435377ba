"""What a workload is, and how the ones that exist are found."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol

import workloads
from workloads.query import Query
from workloads.stream import Events, Integers, Segment

Parameters = Mapping[str, int | float | str]


class Workload(Protocol):
    """A query, an event stream and the story behind it. A module in workloads/ that has `workload` is one."""

    name: str
    story: str
    defaults: Parameters
    """Every parameter with its default; times end in _ms."""

    def query(self, parameters: Parameters) -> Query: ...

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        """The events with these ids: a pure function of its arguments."""
        ...


@dataclass(frozen=True)
class Unavailable:
    """Something that exists but cannot be loaded, and why."""

    name: str
    why: str


def discover() -> dict[str, Workload | Unavailable]:
    """Every workload by name: the modules of this folder, then entry points of group `streamgauge.workloads`."""
    found: dict[str, Workload | Unavailable] = {}
    for module in pkgutil.iter_modules(workloads.__path__, "workloads."):
        name = module.name.rpartition(".")[2].replace("_", "-")
        try:
            workload = getattr(importlib.import_module(module.name), "workload", None)
        except Exception as error:
            found[name] = Unavailable(name, f"{type(error).__name__}: {error}")
            continue
        if workload is not None:
            found[workload.name] = workload
    for point in entry_points(group="streamgauge.workloads"):
        try:
            found[point.name] = point.load()
        except Exception as error:
            found[point.name] = Unavailable(point.name, f"{type(error).__name__}: {error}")
    return dict(sorted(found.items()))
