"""Histories of engines that answer a query of any shape: the rows are those of the plain Python reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

import numpy as np

from results.history import (
    METHOD_VERSION,
    Closing,
    Committed,
    Complete,
    Ended,
    EngineReady,
    Loaded,
    Mark,
    PhaseBegin,
    Quiescent,
    SegmentMark,
)
from results.plan import Clock, Drain, Machine, Paced, TrialPlan
from results.result import PhaseKind
from tests.conformance.examples import EXAMPLES
from tests.conformance.reference import Event
from tests.conformance.reference import Row as Answer
from tests.conformance.reference import _answer as answer_of_key
from tests.conformance.reference import _prepared as prepared
from tests.conformance.reference import rows as reference
from tests.judge.recording import PARTITIONS, SECOND, Recording, Row
from workloads.query import Query
from workloads.stream import Events, Integers, Segment, checks, partition_of
from workloads.workload import Parameters

BASE_MS = 1_795_500_000_000
RATE = 100.0
PACED = Paced(rate=RATE, warmup_s=1, measured_s=7)
DRAIN = Drain(events=100, intervals=1, budget_s=1, max_events=1000)
COUNT = int(RATE * PACED.duration_s)
START_NS = 1000 * SECOND
KEYS = ("k0", "k1", "k2", "k3", "k4", "k5", "ключ", "")
VALUES = ("kind", "item", "amount")


@dataclass
class Shaped:
    """A workload made for a query of tests/conformance/examples.py, and its answer, to be spoiled."""

    query: Query
    events: list[Event]
    rows: list[Answer] = field(default_factory=list)
    name: str = "shaped"
    story: str = ""
    defaults: Parameters = field(default_factory=dict)
    emits: Literal["final", "updates"] = "final"
    drained: int = 0
    marks: list[Mark] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = self.rows or self.answer(self.events)
        self._columns = {
            name: np.array([event[name] for event in self.events], dtype=np.int64) for name in ("time", *VALUES)
        }
        self._keys = np.array([KEYS.index(event["name"]) for event in self.events], dtype=np.int64)

    def query_of(self, parameters: Parameters) -> Query:
        return self.query

    def made(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        values = {name: self._columns[name][ids] for name in VALUES}
        return Events(ids, self._columns["time"][ids], self._keys[ids], values, KEYS)

    def answer(self, events: Sequence[Event]) -> list[Answer]:
        """The reference's rows in the order in which an engine could give them: time windows by their end, else each
        key's in the order of its events.
        """
        if self.query.time_window is not None:
            return sorted(reference(self.query, events), key=lambda row: (row["end"], row["start"], row["key"]))
        ordered: list[tuple[int, Answer]] = []
        for key in sorted({event["name"] for event in events}):
            mine = [event for event in events if event["name"] == key]
            reached = 0
            for row in answer_of_key(self.query, list(prepared(self.query, mine))):
                reached = max(reached, *(row[name] for name in self.query.identity))
                ordered.append((reached, {"key": key, **row}))
        return [row for _, row in sorted(ordered, key=lambda pair: pair[0])]

    def identity(self, row: Answer) -> tuple[Any, ...]:
        return (row["key"], *(row[name] for name in self.query.identity))

    def recording(self) -> Recording:
        """All rows become visible after the last event is planned, in their order, as if with the first commit; a
        backlog of `drained` events, if any, comes before what is paced.
        """
        plan = TrialPlan(
            method_version=METHOD_VERSION, name="made.default.shaped", engine="made", engine_version="1.0",
            mode="default", workload="shaped", parameters={}, seed=1, log="embedded", guarantee="exactly-once",
            processing_claimed="exactly-once", delivery_claimed="exactly-once", partitions=PARTITIONS, parallelism=2,
            interval_ms=10_000, worker_memory_mb=512, event_rate=RATE, paced=PACED,
            drain=DRAIN if self.drained else None, emits=self.emits, versions={},
            clock=Clock(wall_ns=0, monotonic_ns=0),
            machine=Machine(cpu="none", cores=2, memory_bytes=1, kernel="none", python="3", java=None),
        )  # fmt: skip
        recording = Recording(plan, self.query)
        recording.marks = [EngineReady(at_ns=START_NS - SECOND, settings={}, startup_s=1)]
        if self.drained:
            recording.marks += self._phase("drain", 0, self.drained, START_NS - SECOND)
        end_ns = START_NS + int(PACED.duration_s * SECOND)
        recording.marks += [
            *self._phase("paced", self.drained, len(self.events) - self.drained, START_NS),
            Quiescent(at_ns=end_ns + 9 * SECOND, end_offsets=[1_000_000] * PARTITIONS, still_s=5),
            *self.marks,
            Ended(at_ns=end_ns + 9 * SECOND),
        ]
        recording.inputs = [
            (partition_of(event["name"], PARTITIONS), event["id"], event["check"]) for event in self.events
        ]
        recording.sends = [
            ("paced", number, 1, START_NS + (number - self.drained) * 10_000_000)
            for number in range(self.drained, len(self.events))
        ]
        recording.rows = [
            Row(partition_of(row["key"], PARTITIONS), end_ns + number * 1_000_000, row)
            for number, row in enumerate(self.rows)
        ]
        for at_ns in range(START_NS - 2 * SECOND, end_ns + 10 * SECOND, SECOND):
            recording.samples.append((at_ns, "worker", 1, 1.0, 1000, 1000))
        return recording

    @staticmethod
    def _phase(kind: PhaseKind, first: int, count: int, start_ns: int) -> list[Mark]:
        segment = SegmentMark(first=first, count=count, base_ms=BASE_MS + first * 10, rate=RATE)
        end_ns = start_ns + int(count / RATE * SECOND)
        return [
            PhaseBegin(at_ns=start_ns, phase=kind, kind=kind, segment=segment, start_ns=start_ns),
            *([Committed(at_ns=start_ns, phase=kind)] if kind == "drain" else []),
            Loaded(at_ns=end_ns, phase=kind),
            Closing(at_ns=end_ns, phase=kind, round=1, time_ms=BASE_MS + 10**9),
            Complete(at_ns=end_ns + SECOND, phase=kind),
        ]


class Found:
    """The workload as discovery finds it: the attributes of a workload that a dataclass's fields would hide."""

    def __init__(self, shaped: Shaped) -> None:
        self.name, self.story, self.defaults = shaped.name, shaped.story, shaped.defaults
        self.query: Callable[[Parameters], Query] = shaped.query_of
        self.events: Callable[[Parameters, int, Segment, Integers], Events] = shaped.made


@cache
def _perfect(name: str) -> Shaped:
    return streamed(EXAMPLES[name])


def shaped(name: str) -> Shaped:
    """The perfect answer to an example, to be spoiled."""
    made = _perfect(name)
    return replace(made, rows=list(made.rows))


def streamed(query: Query, late: Callable[[int], int] = lambda number: 0) -> Shaped:
    """A stream for a query: out of order by up to 500 ms where order does not matter; late(id): ms it is late more."""
    count = COUNT
    random = np.random.default_rng(7)
    numbers = np.arange(count, dtype=np.int64)
    marks = checks(numbers)
    settled = query.ordered or query.deduplicate is not None
    events: list[Event] = []
    for number in range(count):
        disorder = 0 if settled else int(random.integers(0, 501))
        disorder += late(number)
        due_ms = BASE_MS + number * 10
        event = {
            "id": number,
            "check": int(marks[number]),
            "name": KEYS[int(len(KEYS) * random.random() ** 1.5)],
            "time": max(due_ms - disorder, BASE_MS),
            "kind": int(random.integers(0, 3)),
            "item": number if query.deduplicate else int(random.integers(0, 8)),
            "amount": int(random.integers(0, 1000)),
        }
        if query.deduplicate and number > 20 and random.random() < 0.2:
            again = events[number - int(random.integers(1, 20))]
            event |= {name: again[name] for name in ("name", "kind", "item", "amount")}
        events.append(event)
    return Shaped(query, events)
