"""What a workload is, and how the ones that exist are found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, TypeGuard, runtime_checkable

from workloads import discovery
from workloads.discovery import Unavailable
from workloads.query import CHECK, ID, Column, Query
from workloads.stream import Events, Integers, Segment

Parameters = Mapping[str, int | float | str]

NO_SHIFTS: Mapping[str, int] = MappingProxyType({})
"""What a workload has whose values are never negative."""


class Workload(Protocol):
    """A query, an event stream and the story behind it. A module in workloads/ that has `workload` is one.

    One that reads files of its user says in `files` which of its parameters name them; in `most`, how large a
    parameter may be that may be larger than most are.
    """

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


@runtime_checkable
class Keeping(Protocol):
    """A workload whose events are made of more than its parameters. That is kept in the run's folder: so the events can
    be made again wherever the folder is, whatever became of the place that it came from.
    """

    def keep(self, parameters: Parameters, folder: Path) -> None:
        """Store in `folder`, once, what the events are made of. Raises Unfit if it cannot be had, OSError if it cannot
        be stored.
        """
        ...

    def kept(self, parameters: Parameters, folder: Path) -> Parameters:
        """The parameters by which `events` makes the same events of what is kept in `folder`."""
        ...


@runtime_checkable
class Shifted(Protocol):
    """A workload some of whose columns have negative values, which no query has. On the way to an engine they are moved
    up; what an engine makes of them is moved back as its rows are read. So events, due rows and what a reader is shown
    have the true values.
    """

    def shifts(self, parameters: Parameters) -> Mapping[str, int]:
        """By how much each such column is moved up, so that none of its values is negative. Its query has aggregates
        of these columns only: no filter, nothing derived. Raises Unfit.
        """
        ...


def columns(key: str, *integers: str) -> tuple[Column, ...]:
    """What every event has (id, check, its key as text, time), then integers of the workload's own."""
    first = (Column(ID, "integer"), Column(CHECK, "integer"), Column(key, "text"), Column("time", "integer"))
    return (*first, *(Column(name, "integer") for name in integers))


def discover() -> dict[str, Workload | Unavailable]:
    """Every workload by name: the modules of this folder, then entry points of group `streamgauge.workloads`."""
    return discovery.discover("workloads", "workload", "streamgauge.workloads", _is_workload)


def _is_workload(found: object) -> TypeGuard[Workload]:
    return hasattr(found, "name") and hasattr(found, "events")
