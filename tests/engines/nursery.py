"""Workers of the built-in runners that are killed at a given point of their commits, one after the other.

    python tests/engines/nursery.py

Each line on stdin is a JSON object: the fields of `Life`. Each line on stdout is how that worker ended: a signal's
number negated, or its exit code. Workers are forks of this process, which has nothing but their modules loaded.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import engines.continuous.runner
import engines.logs.embedded
import engines.logs.kafka
import engines.micro_batch.runner
from engines.protocol import Guarantee, Job, LogKind
from engines.runtime.connector import Checkpoint, Slice
from engines.runtime.embedded import EmbeddedConnector
from engines.runtime.job_spec import JobSpec
from engines.runtime.kafka import KafkaConnector
from engines.runtime.stop import Stop
from engines.runtime.worker import Work

HELPING = 100
"""Records that a worker takes at a time: so a stream makes many commits."""

STEPS: dict[tuple[LogKind, Guarantee], tuple[str, ...]] = {
    ("embedded", "exactly-once"): ("_output.begin", "_output.execute", "_output.append_lines", "_output.commit"),
    ("embedded", "at-least-once"): ("_output.begin", "_output.execute", "_output.append_lines", "_output.commit"),
    ("embedded", "at-most-once"): ("_output.begin", "_output.execute", "_output.append_lines", "_output.commit"),
    ("kafka", "exactly-once"): (
        "_writer.begin",
        "_writer.write",
        "_snapshots.write",
        "_writer.send_offsets",
        "_writer.commit",
        "_snapshots.keep_only",
    ),
    ("kafka", "at-least-once"): ("_writer.write", "_writer.flush", "_snapshots.write", "_offsets.commit"),
    ("kafka", "at-most-once"): ("_snapshots.write", "_offsets.commit", "_writer.write", "_writer.flush"),
}
"""What a commit is made of, by log and guarantee: methods of the connector's parts. A kill comes before or after."""


@dataclass(frozen=True)
class Life:
    """spec: a saved `JobSpec`. ends: input offsets by partition, at which the worker ends by itself.

    step: `before NAME` or `after NAME`, or nothing for a worker that is not killed; nth: at which time it is reached.
    """

    spec: str
    ends: tuple[int, ...]
    step: str = ""
    nth: int = 0


class _Mortal:
    """Kills this process the nth time that a step is reached."""

    def __init__(self, step: str, nth: int) -> None:
        self._step, self._left = step, nth

    def reach(self, step: str) -> None:
        if step == self._step:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, part: object, name: str, label: str) -> None:
        method = getattr(part, name)

        def watched(*arguments: Any, **named: Any) -> Any:
            self.reach(f"before {label}")
            found = method(*arguments, **named)
            self.reach(f"after {label}")
            return found

        setattr(part, name, watched)


class _Errand:
    """Ends a worker once it has read up to `ends`."""

    def __init__(self, connector: Any, ends: Sequence[int], stop: Stop) -> None:
        self._recover, self._poll = connector.recover, connector.poll
        connector.recover, connector.poll = self.recover, self.poll
        self._ends, self._stop = ends, stop
        self._left: set[int] = set()

    def recover(self, tasks: Sequence[int]) -> Mapping[int, Checkpoint]:
        found: Mapping[int, Checkpoint] = self._recover(tasks)
        self._left = {task for task in tasks if found[task].next < self._ends[task]}
        self._look()
        return found

    def poll(self, timeout_s: float) -> list[Slice]:
        found: list[Slice] = self._poll(timeout_s)
        self._left.difference_update(part.partition for part in found if part.next >= self._ends[part.partition])
        self._look()
        return found

    def _look(self) -> None:
        if not self._left:
            self._stop.request()


def live(life: Life) -> None:
    spec = JobSpec.load(Path(life.spec))
    job: Job = spec.job
    engines.logs.embedded._POLL_BYTES = 1
    engines.logs.kafka._POLL_RECORDS = HELPING
    engines.micro_batch.runner._RECORDS_PER_MB = 1
    connector: Any = EmbeddedConnector(job) if job.input.log == "embedded" else KafkaConnector(job, 0)
    stop, mortal = Stop(), _Mortal(life.step, life.nth)
    for label in STEPS[job.input.log, job.guarantee]:
        part, _, name = label.partition(".")
        mortal.watch(getattr(connector, part), name, label)
    _Errand(connector, life.ends, stop)
    package = importlib.import_module(spec.worker).__package__
    runner = importlib.import_module(f"{package}.runner")
    runner.run(Work(job, list(range(job.input.partitions)), connector, stop, lambda _: None))
    connector.close()


def _fork(life: Life) -> int:
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status)
    try:
        live(life)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(f"{_fork(Life(**json.loads(line)))}\n")
        sys.stdout.flush()
