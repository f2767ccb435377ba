"""How long oracle and judge take for a million events and their rows, beside plain Python doing the sums alone."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from results.history import (
    Committed,
    Complete,
    Ended,
    EngineReady,
    Loaded,
    MarkWriter,
    PhaseBegin,
    Quiescent,
    SegmentMark,
    TableWriter,
)
from results.judge import judge
from results.plan import Clock, Drain, Machine, TrialPlan
from workloads.oracle import expected
from workloads.sensors import workload
from workloads.stream import Segment

EVENTS = 1_000_000
PARAMETERS = {"keys": 1000, "zipf": 1.0, "window_ms": 1000, "disorder_ms": 500}
SEGMENT = Segment(0, EVENTS, 1_795_500_000_000, 5000.0)
SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """One drain of a million events, answered without a fault."""
    folder = tmp_path_factory.mktemp("million")
    plan = TrialPlan(
        method_version=1, name="made", engine="made", engine_version="1", mode="default", workload="sensors",
        parameters=PARAMETERS, seed=1, log="embedded", guarantee="exactly-once", processing_claimed="exactly-once",
        delivery_claimed="exactly-once", partitions=1, parallelism=1, interval_ms=1000, worker_memory_mb=1,
        event_rate=5000, paced=None, drain=Drain(events=EVENTS, intervals=1, budget_s=1, max_events=EVENTS),
        machine=Machine(cpu="none", cores=2, memory_bytes=1, kernel="none", python="3", java=None),
        clock=Clock(wall_ns=0, monotonic_ns=0), versions={},
    )  # fmt: skip
    (folder / "trial.json").write_text(plan.model_dump_json())
    mark = SegmentMark(first=0, count=EVENTS, base_ms=SEGMENT.base_ms, rate=SEGMENT.rate)
    marks = MarkWriter(folder)
    for each in (
        EngineReady(at_ns=0, settings={}, startup_s=1),
        PhaseBegin(at_ns=0, phase="drain-1", kind="drain", segment=mark, start_ns=0),
        Committed(at_ns=SECOND, phase="drain-1"),
        Loaded(at_ns=SECOND, phase="drain-1"),
        Complete(at_ns=3 * SECOND, phase="drain-1"),
        Quiescent(at_ns=9 * SECOND, end_offsets=[EVENTS], still_s=5),
        Ended(at_ns=9 * SECOND),
    ):
        marks.write(each)
    marks.close()
    events = workload.events(PARAMETERS, 1, SEGMENT, np.arange(EVENTS))
    written = TableWriter(folder, "input")
    for part in np.array_split(np.arange(EVENTS), 20):
        zeros = np.zeros(len(part), dtype=np.int64)
        columns = {"offset": part, "id": part, "check": events.checks[part], "partition": zeros, "time_ms": zeros}
        written.write(columns)
    due = expected(workload.query(PARAMETERS), [events]).drop_columns(["last_id"])
    values = [msgspec.json.encode(row | {"key": events.labels[row["key"]]}) for row in due.to_pylist()]
    rows = np.arange(len(values))
    columns = {"offset": rows, "visible_ns": SECOND + rows * 10_000, "value": values}
    TableWriter(folder, "output").write(columns | {"partition": rows * 0, "time_ms": rows * 0})
    return folder, len(values)


def in_plain_python(count):
    """Seconds that a loop over dictionaries takes for the sums of the first events, without reading or comparing."""
    events = workload.events(PARAMETERS, 1, SEGMENT, np.arange(count))
    columns = (events.keys, events.times, events.ids, events.checks, events.values["temperature"])
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    began = time.perf_counter()
    groups: dict[tuple[int, int], list[int]] = {}
    for key, at, number, check, temperature in rows:
        group = groups.setdefault((key, at - at % 1000), [0, 0, 0, 0, temperature, temperature])
        group[0] += 1
        group[1] += number
        group[2] += check
        group[3] += temperature
        group[4] = min(group[4], temperature)
        group[5] = max(group[5], temperature)
    return time.perf_counter() - began


def test_a_million_events_are_judged_in_less_than_twice_the_time_of_their_sums_in_python(history, capsys):
    folder, rows = history
    judging, summing = [], []
    for _ in range(3):
        began = time.perf_counter()
        (case,) = judge(folder)
        judging.append(time.perf_counter() - began)
        summing.append(in_plain_python(EVENTS // 5) * 5)
        assert (case.outcome, case.verdict.match) == ("pass", rows)
    with capsys.disabled():
        print(  # noqa: T201
            f"\noracle and judge: {min(judging):.2f} s for {EVENTS:,} events and {rows:,} rows, files read; "
            f"plain Python's sums alone: {min(summing):.2f} s"
        )
    assert min(judging) < 2 * min(summing)


def test_damage_in_every_row_is_counted_in_bounded_time(history, tmp_path: Path, capsys):
    folder, rows = history
    for name in ("trial.json", "marks.jsonl"):
        shutil.copy(folder / name, tmp_path)
    shutil.copytree(folder / "input", tmp_path / "input")
    table = {"offset": range(rows), "visible_ns": [2 * SECOND] * rows, "value": [b"{}"] * rows}
    TableWriter(tmp_path, "output").write(table | {"partition": [0] * rows, "time_ms": [0] * rows})
    began = time.perf_counter()
    (case,) = judge(tmp_path)
    with capsys.disabled():
        print(f"\n{rows:,} malformed rows: {time.perf_counter() - began:.2f} s")  # noqa: T201
    assert (case.outcome, case.verdict.missing, case.verdict.unexpected) == ("fail", rows, rows)
