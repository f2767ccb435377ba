"""What a workload is, and how the ones that exist are found."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

import workloads
from workloads.query import CHECK, ID, Column, Query
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


class Unfit(ValueError):
    """Parameters ask for what cannot be: `what` is wrong, and what to do about it."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what, self.remedy = what, remedy


@runtime_checkable
class Preparing(Protocol):
    """A workload whose parameters are completed and checked before a run is planned: one that reads a file, say."""

    def lacking(self, parameters: Parameters) -> Unfit | None:
        """What must be given before it can run and was not, or None."""
        ...

    def prepare(self, parameters: Parameters) -> Parameters:
        """The parameters that a history keeps. Raises Unfit."""
        ...


def columns(key: str, *integers: str) -> tuple[Column, ...]:
    """What every event has (id, check, its key as text, time), then integers of the workload's own."""
    first = (Column(ID, "integer"), Column(CHECK, "integer"), Column(key, "text"), Column("time", "integer"))
    return (*first, *(Column(name, "integer") for name in integers))


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
