"""What the judge takes as histories grow: a long proof, which the tests leave out.

    python -m tests.proofs.judge_growth 1 10 100                    millions of events, of the workload `sensors`
    python -m tests.proofs.judge_growth 1 10 --workload passthrough    of any other

The rows that are due are made in memory, but for projections, so not every workload can have 100 million events here.
Makes the history of a perfect engine without running one: a short paced phase and one backlog of so many events. Then
judges it in a process of its own, and prints CPU seconds and wall seconds of all its processes, and their largest
memory in sum: PSS, so that what they share counts once. Ends with 1 if a history does not pass.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc

from results import manifest
from results.history import (
    METHOD_VERSION,
    Closing,
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
from results.plan import Clock, Drain, Machine, Paced, TrialPlan
from workloads import oracle
from workloads.query import Project, Query
from workloads.stream import Events, Segment, partition_of
from workloads.workload import Workload, discover

SECOND = 1_000_000_000
PARTITIONS = 4
RATE = 5000.0
EVENT_RATE = 4800.0
PACED = Paced(rate=RATE, warmup_s=3, measured_s=24)
BASE_MS = 1_795_500_000_000
START_NS = 1000 * SECOND
STEP = 1_000_000
PIECE = 200_000
"""Events, and rows, of a part of a table."""
DRAINED_A_SECOND = 500_000
JUDGES_S = 7200
JUDGE = """
import sys, pathlib
from results.judge import judge
for case in judge(pathlib.Path(sys.argv[1])):
    print(f"{case.phase}: {case.outcome}, {case.reason[:200]}", flush=True)
"""


class Maker:
    """Writes one history."""

    def __init__(self, folder: Path, workload: Workload, events: int) -> None:
        self._folder, self._workload = folder, workload
        self._parameters = dict(workload.defaults)
        self._query: Query = workload.query(self._parameters)
        self._inputs, self._outputs = TableWriter(folder, "input"), TableWriter(folder, "output")
        self._sends, self._samples = TableWriter(folder, "sends"), TableWriter(folder, "samples")
        self._offsets = {"input": [0] * PARTITIONS, "output": [0] * PARTITIONS}
        first = int(PACED.duration_s * RATE)
        self._paced = Segment(0, first, BASE_MS, EVENT_RATE)
        self._drain = Segment(first, events, BASE_MS + 600_000, EVENT_RATE)
        labels = self._events(self._paced, 0, 1).labels
        self._partition_of = np.array([partition_of(label, PARTITIONS) for label in labels])
        self._labels = [msgspec.json.encode(label) for label in labels]

    def make(self) -> None:
        plan = self._plan()
        (self._folder / "trial.json").write_text(plan.model_dump_json())
        marks = MarkWriter(self._folder)
        marks.write(EngineReady(at_ns=START_NS - SECOND, settings={}, startup_s=1.0))
        at_ns = START_NS
        for phase, segment in (("paced", self._paced), ("drain", self._drain)):
            at_ns = self._phase(marks, phase, segment, at_ns) + 5 * SECOND
        marks.write(Quiescent(at_ns=at_ns, end_offsets=self._offsets["output"], still_s=5))
        marks.write(Ended(at_ns=at_ns + SECOND))
        marks.close()
        stamps = np.arange(START_NS - 5 * SECOND, at_ns + SECOND, 2 * SECOND)
        same = {"role": "worker", "pid": 1, "rss_bytes": 1000, "pss_bytes": 1000}
        self._samples.write(
            {"at_ns": stamps, "cpu_s": (stamps - stamps[0]) / SECOND}
            | {name: [value] * len(stamps) for name, value in same.items()}
        )
        manifest.write(self._folder, positions={"output": self._offsets["output"]})

    def _plan(self) -> TrialPlan:
        return TrialPlan(
            method_version=METHOD_VERSION, name="made.default", engine="made", engine_version="1", mode="default",
            workload=self._workload.name, parameters=self._parameters, seed=1, log="embedded",
            guarantee="exactly-once", processing_claimed="exactly-once", delivery_claimed="exactly-once",
            partitions=PARTITIONS, parallelism=2, interval_ms=1000, worker_memory_mb=512, event_rate=EVENT_RATE,
            paced=PACED, drain=Drain(events=self._drain.count, intervals=1, budget_s=60, max_events=10**10),
            machine=Machine(cpu="none", cores=2, memory_bytes=1, kernel="none", python="3", java=None),
            clock=Clock(wall_ns=0, monotonic_ns=0), versions={},
        )  # fmt: skip

    def _phase(self, marks: MarkWriter, phase: str, segment: Segment, start_ns: int) -> int:
        """When the phase was complete."""
        mark = SegmentMark(first=segment.first, count=segment.count, base_ms=segment.base_ms, rate=segment.rate)
        drained = phase == "drain"
        begin = PhaseBegin(at_ns=start_ns, phase=phase, kind=phase, segment=mark, start_ns=start_ns)  # type: ignore[arg-type]
        marks.write(begin)
        load_ns = int(segment.count / (DRAINED_A_SECOND if drained else RATE) * SECOND)
        loaded_ns = start_ns + load_ns
        for first in range(segment.first, segment.first + segment.count, PIECE):
            self._input(phase, segment, first, start_ns)
        if drained:
            marks.write(Committed(at_ns=loaded_ns, phase=phase))
        marks.write(Loaded(at_ns=loaded_ns, phase=phase))
        marks.write(Closing(at_ns=loaded_ns, phase=phase, round=1, time_ms=segment.base_ms + 10**9))
        # Visible in the end of the paced phase, so latency is long and right; a backlog's rows come evenly.
        self._rows(segment, loaded_ns, load_ns if drained else SECOND)
        complete_ns = loaded_ns + (load_ns if drained else SECOND) + SECOND
        marks.write(Complete(at_ns=complete_ns, phase=phase))
        return complete_ns

    def _input(self, phase: str, segment: Segment, first: int, start_ns: int) -> None:
        last = min(first + PIECE, segment.first + segment.count)
        events = self._events(segment, first, last)
        partitions = self._partition_of[events.keys]
        order = np.argsort(partitions, kind="stable")
        columns = {"id": events.ids[order], "check": events.checks[order], "time_ms": np.zeros(len(order), np.int64)}
        self._inputs.write(columns | self._placed("input", partitions[order]))
        begins = np.arange(first, last, 2 if phase == "paced" else int(EVENT_RATE))
        sent_ns = start_ns + (begins - segment.first) * int(SECOND / (RATE if phase == "paced" else DRAINED_A_SECOND))
        counts = np.diff(np.append(begins, last))
        self._sends.write({"phase": [phase] * len(begins), "first_id": begins, "count": counts, "sent_ns": sent_ns})

    def _placed(self, table: str, partitions: np.ndarray) -> dict[str, np.ndarray]:
        """partitions: ascending. The columns partition and offset."""
        offsets = np.empty(len(partitions), dtype=np.int64)
        for partition in range(PARTITIONS):
            mine = partitions == partition
            count = int(mine.sum())
            offsets[mine] = self._offsets[table][partition] + np.arange(count)
            self._offsets[table][partition] += count
        return {"partition": partitions.astype(np.int32), "offset": offsets}

    def _rows(self, segment: Segment, from_ns: int, lasted_ns: int) -> None:
        """Evenly over a time."""
        written = 0
        for share, answer in self._answers(segment):
            for start in range(0, answer.num_rows, PIECE):
                piece = answer.slice(start, PIECE)
                partitions = self._partition_of[piece["key"].to_numpy()]
                order = np.argsort(partitions, kind="stable")
                values = self._encoded(piece.take(order))
                at = share[0] + (share[1] - share[0]) * (start + np.arange(len(values))) / answer.num_rows
                visible_ns = from_ns + 1 + (at * lasted_ns).astype(np.int64)
                columns = {"time_ms": visible_ns // 1_000_000, "visible_ns": visible_ns, "value": values}
                self._outputs.write(columns | self._placed("output", partitions[order]))
                written += len(values)

    def _answers(self, segment: Segment) -> Iterator[tuple[tuple[float, float], pa.Table]]:
        """The rows that are due, a part at a time where the query allows that, and which share of all they are."""
        first, last = segment.first, segment.first + segment.count
        if isinstance(self._query.shape, Project) and self._query.deduplicate is None:
            for start in range(first, last, STEP):
                stop = min(start + STEP, last)
                share = (start - first) / segment.count, (stop - first) / segment.count
                yield share, oracle.expected(self._query, self._pieces(segment, start, stop))
            return
        # What has no end in event time goes on from phase to phase.
        before = () if segment is self._paced else self._pieces(self._paced, 0, self._paced.count)
        rows = oracle.expected(self._query, chain(before, self._pieces(segment, first, last)))
        yield (0.0, 1.0), rows.filter(pc.greater_equal(rows[oracle.LAST_ID], first))

    def _pieces(self, segment: Segment, first: int, stop: int) -> Iterator[Events]:
        return (self._events(segment, at, min(at + PIECE, stop)) for at in range(first, stop, PIECE))

    def _encoded(self, piece: pa.Table) -> list[bytes]:
        names = self._query.row_fields
        text = b'{"key":%b,' + b",".join(msgspec.json.encode(name) + b":%d" for name in names) + b"}"
        keys = [self._labels[key] for key in piece["key"].to_pylist()]
        return [text % row for row in zip(keys, *(piece[name].to_pylist() for name in names), strict=True)]

    def _events(self, segment: Segment, first: int, stop: int) -> Events:
        return self._workload.events(self._parameters, 1, segment, np.arange(first, stop))


def judged(folder: Path) -> tuple[bool, str]:
    """Whether every phase passed, and what it took in a line."""
    began_s, most = time.monotonic(), 0
    judge = subprocess.Popen([sys.executable, "-c", JUDGE, str(folder)], stdout=subprocess.PIPE, text=True)
    root = psutil.Process(judge.pid)
    while os.waitid(os.P_PID, judge.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        most = max(most, sum(map(_pss, [root, *root.children(recursive=True)])))
        if time.monotonic() - began_s > JUDGES_S:
            judge.kill()
        time.sleep(0.05)
    wall_s = time.monotonic() - began_s
    said = judge.stdout.read() if judge.stdout else ""
    _, _, usage = os.wait4(judge.pid, 0)
    judge.returncode = 0
    print(said, end="", flush=True)  # noqa: T201
    cpu_s = usage.ru_utime + usage.ru_stime
    passed = said.count(": pass,") == 2
    return passed, f"{cpu_s:8.1f} CPU-s {wall_s:8.1f} s {most / 2**20:8.0f} MiB"


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("millions", nargs="+", type=float)
    parser.add_argument("--workload", default="sensors")
    parser.add_argument("--keep", type=Path, help="where histories are made, and used again; else they are removed")
    asked, right = parser.parse_args(), True
    workload = discover()[asked.workload]
    for millions in asked.millions:
        with tempfile.TemporaryDirectory() as scratch:
            folder = (asked.keep or Path(scratch)) / f"{asked.workload}-{millions:g}"
            if not manifest.exists(folder):
                folder.mkdir(parents=True)
                Maker(folder, workload, int(millions * 1e6)).make()  # type: ignore[arg-type]
            passed, took = judged(folder)
            right &= passed
            print(f"{asked.workload} {millions:6g} million events: {took}", flush=True)  # noqa: T201
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
