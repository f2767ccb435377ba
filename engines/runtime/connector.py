"""A worker's tie to the logs: what it reads, where its results go, and how both are committed with its state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

GATHER_S = 0.001
"""How long a worker that waited lets more records arrive before it takes them: a wake-up costs much."""


class WorkerFailure(Exception):
    """A worker cannot go on: what happened, where to look, what to do."""

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.remedy = what, where, remedy


@dataclass(frozen=True, slots=True)
class Slice:
    """Some records of a partition in one blob."""

    partition: int
    """Number of the input's partition, from 0."""
    next: int
    """The offset after the last record."""
    count: int
    """Number of records."""
    layout: int
    """How they lie in `body`; `engines.logs.embedded` has the layouts."""
    body: bytes
    """The records' values."""


@dataclass(frozen=True, slots=True)
class Results:
    """Output records for one partition: their keys, and as many JSON rows, joined by newlines."""

    partition: int
    keys: Sequence[bytes]
    rows: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A task's state once all before offset `next` is processed; state None: nothing yet."""

    task: int
    next: int
    state: bytes | None


class Connector(Protocol):
    """One per worker. `poll` may run beside `commit`; `write` and `commit` may not overlap.

    exactly-once: results, offsets and state become durable and visible together, in `commit`.
    at-least-once: results are visible after `write`; after a crash they may be written again.
    at-most-once: results leave after the `commit` that follows their `write`; a crash between the two loses them.
    """

    def recover(self, tasks: Sequence[int]) -> Mapping[int, Checkpoint]:
        """Shut out whoever held these tasks before, and begin to read where the last commit ended."""
        ...

    def poll(self, timeout_s: float) -> list[Slice]:
        """What is there, at once, up to a bound; waits up to timeout_s for something."""
        ...

    def write(self, results: Sequence[Results]) -> None: ...

    def commit(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Raises LogFailure or WorkerFailure, after which the worker must end: nothing was committed, or all was."""
        ...

    def close(self) -> None: ...
