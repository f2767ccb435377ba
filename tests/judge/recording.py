"""Histories made by hand: a perfect engine under a made-up clock, whose every figure is known beforehand.

The expected rows are computed in plain Python, apart from the oracle.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from results import manifest
from results.history import (
    MACHINE,
    METHOD_VERSION,
    STOPS,
    Closing,
    Committed,
    Complete,
    Ended,
    EngineReady,
    History,
    Loaded,
    Mark,
    MarkWriter,
    PhaseBegin,
    Quiescent,
    SegmentMark,
    TableWriter,
)
from results.plan import Clock, Drain, Machine, Paced, TrialPlan
from workloads.query import Query
from workloads.sensors import workload
from workloads.stream import CONTROL_IDS, Segment, checks, partition_of

SECOND = 1_000_000_000
PARTITIONS = 4
RATE = 200.0
BASE_MS = 1_795_500_000_000
PARAMETERS = {"keys": 20, "zipf": 1.0, "window_ms": 1000, "disorder_ms": 500}
SEED = 5
PACED = Paced(rate=RATE, warmup_s=3, measured_s=24)
DRAIN = Drain(events=1000, intervals=3, budget_s=60, max_events=4000)
LATENCY_NS = 250_000_000
"""Every paced row is visible so long after the planned time of the event that closes its window."""

NOT_WARM = "the engine is not known to have been warm"
"""What is said of the two backlogs, which double as those of older trials."""

DRAIN_S = {"drain-1": 1.0, "drain-2": 4.0}
"""Seconds from the commit of a backlog until its last row is visible."""

CORES = {"worker": 0.5, "coordinator": 0.1, "broker": 0.2, "generator": 0.3, "collector": 0.03, "sampler": 0.01}
MEGABYTES = {"worker": 300, "coordinator": 100, "broker": 400, "generator": 50, "collector": 40, "sampler": 20}

Window = tuple[str, int, int]


@dataclass
class Row:
    """An output row: its value is a dict, or bytes or None for a malformed one."""

    partition: int
    visible_ns: int
    value: dict[str, Any] | bytes | None
    appended_ms: int | None = None
    """None: as it became visible."""

    @property
    def window(self) -> Window:
        return (self.value["key"], self.value["start"], self.value["end"])


@dataclass
class Recording:
    """A trial's history before it is written; tests change it first."""

    plan: TrialPlan
    query: Query
    marks: list[Mark] = field(default_factory=list)
    inputs: list[tuple[int, int, int]] = field(default_factory=list)
    """(partition, id, check), in log order."""
    sends: list[tuple[str, int, int, int]] = field(default_factory=list)
    samples: list[tuple[int, str, int, float, int, int | None]] = field(default_factory=list)
    machine: list[dict[str, Any]] = field(default_factory=list)
    """Rows of the table `machine`."""
    stops: list[tuple[int, int, str, int]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    events: dict[int, dict[str, Any]] = field(default_factory=dict)
    members: dict[Window, list[int]] = field(default_factory=dict)
    """Ids of each window, in log order."""

    def answer(self, window: Window, ids: list[int] | None = None) -> dict[str, Any]:
        """The right row of a window, or the row that counts other events."""
        events = [self.events[number] for number in (self.members[window] if ids is None else ids)]
        temperatures = [event["temperature"] for event in events]
        return {
            "key": window[0],
            "start": window[1],
            "end": window[2],
            "sum": sum(temperatures),
            "min": min(temperatures),
            "max": max(temperatures),
            "count": len(events),
            "ids": sum(event["id"] for event in events),
            "checks": sum(event["check"] for event in events),
        }

    def row(self, window: Window) -> Row:
        return next(row for row in self.rows if isinstance(row.value, dict) and row.window == window)

    def of(self, kind: type[Any]) -> list[Any]:
        return [mark for mark in self.marks if isinstance(mark, kind)]

    def window_of(self, number: int) -> Window:
        return next(window for window, ids in self.members.items() if number in ids)

    def largest(self, phase: str = "paced", rank: int = 0) -> Window:
        """The window of a phase with the most events, or the rank-th after it."""
        segment = next(mark.segment for mark in self.of(PhaseBegin) if mark.phase == phase)
        mine = [w for w, ids in self.members.items() if segment.first <= ids[0] < segment.first + segment.count]
        return sorted(mine, key=lambda window: -len(self.members[window]))[rank]

    def single(self) -> Window:
        """A window of the measured part that has one event only."""
        return next(
            window for window, ids in sorted(self.members.items(), key=lambda item: item[0][1:])[200:] if len(ids) == 1
        )

    def write(self, folder: Path) -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "trial.json").write_text(self.plan.model_dump_json())
        self._table(folder, "sends", ("phase", "first_id", "count", "sent_ns"), self.sends)
        self._table(folder, "samples", ("at_ns", "role", "pid", "cpu_s", "rss_bytes", "pss_bytes"), self.samples)
        self._table(folder, "machine", tuple(MACHINE.names), [tuple(row.values()) for row in self.machine])
        self._table(folder, "stops", tuple(STOPS.names), self.stops)
        offsets = [0] * PARTITIONS
        inputs = []
        for partition, number, check in self.inputs:
            inputs.append((partition, offsets[partition], 0, number, check))
            offsets[partition] += 1
        self._table(folder, "input", ("partition", "offset", "time_ms", "id", "check"), inputs)
        offsets, outputs = [0] * PARTITIONS, []
        for row in sorted(self.rows, key=lambda row: row.visible_ns):
            value = msgspec.json.encode(row.value) if isinstance(row.value, dict) else row.value
            appended_ms = row.visible_ns // 1_000_000 if row.appended_ms is None else row.appended_ms
            outputs.append((row.partition, offsets[row.partition], appended_ms, row.visible_ns, value))
            offsets[row.partition] += 1
        self._table(folder, "output", ("partition", "offset", "time_ms", "visible_ns", "value"), outputs)
        writer = MarkWriter(folder)
        for mark in self.marks:
            writer.write(ended_at(mark, offsets) if isinstance(mark, Quiescent) else mark)
        writer.close()
        return seal(folder)

    @staticmethod
    def _table(folder: Path, name: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
        writer = TableWriter(folder, name)
        if rows:
            half = len(rows) // 2  # Two parts, as a real trial leaves several.
            for part in (rows[:half], rows[half:]):
                writer.write({c: [row[place] for row in part] for place, c in enumerate(columns)})


def ended_at(rest: Quiescent, rows: list[int]) -> Quiescent:
    """The same with end offsets that are no larger than so many rows of each partition allow."""
    return rest.model_copy(update={"end_offsets": list(map(min, rest.end_offsets, rows))})


def seal(folder: Path) -> Path:
    """Give a history that was made or changed by hand the manifest of a trial that ended with it as it is."""
    rests = History(folder).of(Quiescent)
    manifest.write(folder, positions={"output": rests[-1].end_offsets} if rests else {})
    return folder


def perfect() -> Recording:
    """A paced phase and two drains of an engine that does everything right."""
    query = workload.query(PARAMETERS)
    recording = Recording(plan_of(), query)
    at_ns, base_ms, first = 1000 * SECOND, BASE_MS, 0
    recording.marks.append(
        EngineReady(at_ns=at_ns - SECOND, settings={"b.setting": "2", "a.setting": "1"}, startup_s=7.5)
    )
    for phase, count in (
        ("paced", int(PACED.duration_s * RATE)),
        ("drain-1", 1000),
        ("drain-2", 2000),
    ):
        segment = Segment(first, count, base_ms, RATE)
        add = paced if phase == "paced" else drain
        at_ns = add(recording, phase, segment, at_ns)
        first, base_ms = first + count, base_ms + 600_000
        at_ns += 5 * SECOND
    recording.marks.append(Quiescent(at_ns=at_ns, end_offsets=[1_000_000] * PARTITIONS, still_s=5))
    recording.marks.append(Ended(at_ns=at_ns + SECOND))
    sample(recording, 990 * SECOND, at_ns)
    return recording


def plan_of() -> TrialPlan:
    return TrialPlan(
        method_version=METHOD_VERSION,
        name="made.default.sensors",
        engine="made",
        engine_version="1.0",
        mode="default",
        workload="sensors",
        parameters=PARAMETERS,
        seed=SEED,
        log="embedded",
        guarantee="exactly-once",
        processing_claimed="exactly-once",
        delivery_claimed="exactly-once",
        partitions=PARTITIONS,
        parallelism=2,
        interval_ms=1000,
        worker_memory_mb=512,
        event_rate=RATE,
        paced=PACED,
        drain=DRAIN,
        machine=Machine(cpu="none", cores=2, memory_bytes=1, kernel="none", python="3", java=None),
        clock=Clock(wall_ns=0, monotonic_ns=0),
        versions={},
    )


def load(recording: Recording, segment: Segment) -> dict[Window, list[int]]:
    """The events of a segment go into the input log; the windows they fall into."""
    ids = np.arange(segment.first, segment.first + segment.count)
    events = workload.events(PARAMETERS, recording.plan.seed, segment, ids)
    windows: dict[Window, list[int]] = {}
    for number, time_ms, key, temperature, check in zip(
        ids.tolist(),
        events.times.tolist(),
        events.keys.tolist(),
        events.values["temperature"].tolist(),
        events.checks.tolist(),
        strict=True,
    ):
        label, start = events.labels[key], time_ms // 1000 * 1000
        recording.events[number] = {"id": number, "check": check, "time": time_ms, "temperature": temperature}
        recording.inputs.append((partition_of(label, PARTITIONS), number, check))
        windows.setdefault((label, start, start + 1000), []).append(number)
    for partition in range(PARTITIONS):
        control = CONTROL_IDS + len(recording.inputs)
        recording.inputs.append((partition, control, int(checks(np.array([control]))[0])))
    recording.members |= windows
    return windows


def closed(recording: Recording, phase: str, at_ns: int, asked_ns: int | None = None) -> None:
    """Rows for heartbeats and closing events, one of them of another shape: none is judged.

    asked_ns: when the closing round was asked for; a second before its rows came where nothing is given.
    """
    for partition in range(PARTITIONS):
        value = recording.answer(next(iter(recording.members))) | {"key": f"~close-{partition}-0"}
        recording.rows.append(Row(partition, at_ns, value))
    recording.rows.append(Row(0, at_ns, b'{"key":"~heartbeat-0","min":null}'))
    recording.marks += [
        Loaded(at_ns=at_ns - SECOND, phase=phase),
        Closing(at_ns=asked_ns or at_ns - SECOND, phase=phase, round=1, time_ms=BASE_MS + 10**9),
        Complete(at_ns=at_ns, phase=phase),
    ]


def begin(recording: Recording, phase: str, segment: Segment, at_ns: int) -> None:
    mark = SegmentMark(first=segment.first, count=segment.count, base_ms=segment.base_ms, rate=segment.rate)
    kind = "paced" if phase == "paced" else "drain"
    recording.marks.append(PhaseBegin(at_ns=at_ns, phase=phase, kind=kind, segment=mark, start_ns=at_ns))


def planned_ns(segment: Segment, number: int) -> int:
    """In plain Python: when an event is planned, from the beginning of its segment."""
    return int((number - segment.first) * 1e9 / segment.rate)


def paced(recording: Recording, phase: str, segment: Segment, start_ns: int) -> int:
    """A steady load at the rate of its segment, all of it right and in time; when it was over."""
    begin(recording, phase, segment, start_ns)
    end_ns = start_ns + planned_ns(segment, segment.first + segment.count)
    for window in load(recording, segment):
        due_ms = window[2] + recording.query.watermark_delay_ms
        closing = next(
            (n for n in range(segment.first, segment.first + segment.count) if recording.events[n]["time"] >= due_ms),
            None,
        )
        visible_ns = end_ns + SECOND if closing is None else start_ns + planned_ns(segment, closing) + LATENCY_NS
        recording.rows.append(Row(partition_of(window[0], PARTITIONS), visible_ns, recording.answer(window)))
    for number in range(segment.first, segment.first + segment.count, 2):
        # Every hand-over of two events is 1 ms late for the second of them, 6 ms for the first.
        recording.sends.append((phase, number, 2, start_ns + planned_ns(segment, number + 1) + 1_000_000))
    closed(recording, phase, end_ns + 2 * SECOND)
    return end_ns + 2 * SECOND


def drain(recording: Recording, phase: str, segment: Segment, start_ns: int) -> int:
    """A backlog; when it was worked off."""
    begin(recording, phase, segment, start_ns)
    committed_ns, lasted_ns = start_ns + 2 * SECOND, int(DRAIN_S[phase] * SECOND)
    windows = load(recording, segment)
    for number, window in enumerate(windows, 1):
        visible_ns = committed_ns + lasted_ns * number // len(windows)
        recording.rows.append(Row(partition_of(window[0], PARTITIONS), visible_ns, recording.answer(window)))
    recording.marks.append(Committed(at_ns=committed_ns, phase=phase))
    closed(recording, phase, committed_ns + lasted_ns, committed_ns)
    return committed_ns + lasted_ns


def sample(recording: Recording, start_ns: int, end_ns: int) -> None:
    """Samples every half second; PSS is read every other time only."""
    for number, at_ns in enumerate(range(start_ns, end_ns + SECOND, SECOND // 2)):
        for pid, (role, cores) in enumerate(CORES.items(), 100):
            size = MEGABYTES[role] * 1_000_000
            cpu_s = 3.0 + cores * (at_ns - start_ns) / SECOND
            recording.samples.append((at_ns, role, pid, cpu_s, 2 * size, size if number % 2 == 0 else None))
        recording.machine.append(machine_row(at_ns, start_ns, with_threads=number % 2 == 0))


def machine_row(at_ns: int, start_ns: int, with_threads: bool = True) -> dict[str, Any]:
    """A sample of a machine that nobody else uses."""
    lasted_s = (at_ns - start_ns) / SECOND
    ours_s = (sum(CORES.values()) + 0.02) * lasted_s
    kernel_s = 0.01 * lasted_s
    busy_s = ours_s + kernel_s
    counted = {
        "at_ns": at_ns,
        "cpus": 2,
        "busy_s": 100 + busy_s,
        "idle_s": 500 + 2 * lasted_s - busy_s,
        "steal_s": 0.0,
        "ours_s": 3 + ours_s,
    }
    threads = {"kernel_s": kernel_s, "waited_s": 0.01 * lasted_s}
    pressure = {"cpu_pressure_s": 0.02 * lasted_s, "io_pressure_s": 0.0, "memory_pressure_s": 0.0, "throttled_s": None}
    clocks = {"asleep_ns": 0, "wall_ahead_ns": 0}
    return counted | {name: value if with_threads else None for name, value in threads.items()} | pressure | clocks


def beside(recording: Recording, cores: float = 0.0, steal: float = 0.0, **changes: float | None) -> None:
    """Other work takes so many cores all the time, and the hypervisor so many. changes: columns that grow by so many
    seconds a second instead of what they were, or that were not counted (None).
    """
    began_ns = recording.machine[0]["at_ns"]
    for row in recording.machine:
        lasted_s = (row["at_ns"] - began_ns) / SECOND
        row["busy_s"] += cores * lasted_s
        row["steal_s"] += steal * lasted_s
        row["idle_s"] -= (cores + steal) * lasted_s
        row.update({name: None if rate is None else rate * lasted_s for name, rate in changes.items()})
