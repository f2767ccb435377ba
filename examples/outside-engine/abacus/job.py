"""The process of a job: `python -m abacus.job JOB.json`. It reads, counts and commits until it is told to stop.

It uses no more of Streamgauge than the log, and the query that it is to answer.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import TypedDict

from abacus.ledger import Ledger
from abacus.operator import Operator
from engines.logs.embedded import FrameReader
from workloads.query import Query

_LOOK_S = 0.1
"""How long a wish to stop may go unnoticed."""


class JobSpec(TypedDict):
    """What the process is told. query: as `Query.to_json` gives it. input, output: the topics' files."""

    name: str
    query: str
    input: str
    output: str
    partitions: int
    interval_ms: int
    memory_mb: int


def ready_line(pid: int) -> str:
    """What the process prints once an event that is written now would be processed at once."""
    return f"abacus {pid} is ready"


class Stop:
    """The wish that the process end, as SIGTERM brings it."""

    def __init__(self) -> None:
        self.requested = False

    def request(self, *_: object) -> None:
        self.requested = True


def run(spec: JobSpec, stop: Stop) -> None:
    """Answer the query from where the last commit ended, until a stop is requested; what was read then is committed.

    Raises LogFailure. What was not committed by then is read again by whoever comes next.
    """
    query = Query.from_json(spec["query"])
    ledger = Ledger(Path(spec["output"]), spec["name"])
    found = ledger.recover(range(spec["partitions"]))
    operators = {partition: Operator(query, entry.state) for partition, entry in found.items()}
    offsets = {partition: entry.next for partition, entry in found.items()}
    reader = FrameReader(Path(spec["input"]), offsets)
    print(ready_line(os.getpid()), flush=True)  # noqa: T201 - its output is its log
    interval_s = spec["interval_ms"] / 1000
    changed: set[int] = set()
    due_s = time.monotonic() + interval_s
    while not stop.requested:
        for frame in reader.poll(min(_LOOK_S, max(0.0, due_s - time.monotonic()))):
            for value in frame.values():
                operators[frame.partition].take(value)
            offsets[frame.partition] = frame.first + frame.count
            changed.add(frame.partition)
        if time.monotonic() >= due_s:
            ledger.commit({partition: (offsets[partition], operators[partition]) for partition in changed})
            changed.clear()
            due_s = time.monotonic() + interval_s
    ledger.commit({partition: (offsets[partition], operators[partition]) for partition in changed})


def main() -> None:
    spec: JobSpec = json.loads(Path(sys.argv[1]).read_text())
    stop = Stop()
    signal.signal(signal.SIGTERM, stop.request)
    limit = spec["memory_mb"] << 20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    run(spec, stop)


if __name__ == "__main__":
    main()
