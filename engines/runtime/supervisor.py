"""The coordinator process of a job: starts its workers and starts again those that die.

    python -m engines.runtime.supervisor SPEC

It ends with its parent, and its workers end with it. It gives up when workers die again and again without getting
anything committed.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from engines.process import tail
from engines.runtime.job_spec import JobSpec, replace
from engines.runtime.stop import Stop
from engines.runtime.worker import COMMITTED, READY

_RESTART_S = 0.5
_LOOK_S = 0.2
_STOP_S = 5.0
_FIRST_TRIES = 3
_TRIES = 10

_MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(64 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20)}
"""glibc keeps freed memory up to these sizes; giving every large array back to the kernel took a fifth of the time."""

_logger = logging.getLogger(__name__)


def all_ready(supervisor: int, workers: Sequence[int | None]) -> str:
    """What a supervisor logs each time that all its workers are ready; by their pids, as a log may hold older lines."""
    return f"supervisor {supervisor}: all workers are ready: {' '.join(map(str, workers))}"


class Worker:
    """One slot's process, and its successors."""

    def __init__(self, spec: JobSpec, slot: int) -> None:
        self.slot = slot
        self.log = spec.logs / f"{spec.job.name}-worker-{slot}.log"
        self.ready = False
        self.deaths = 0
        """In a row, without a commit in between."""
        self._argv = [str(spec.python), "-P", "-m", spec.worker, str(spec.file), str(slot)]
        self._due = 0.0
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def start_if_due(self, selector: selectors.BaseSelector) -> bool:
        if self._child or time.monotonic() < self._due:
            return False
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=os.environ | _MALLOC
            )
        selector.register(self._output(), selectors.EVENT_READ, self)
        return True

    def _output(self) -> int:
        if self._child is None or self._child.stdout is None:
            raise RuntimeError(f"worker {self.slot} is not running")
        return self._child.stdout.fileno()

    def hear(self, selector: selectors.BaseSelector) -> int | None:
        """Take in what the worker said; its exit code once it ended."""
        said = os.read(self._output(), 4096)
        words = said.decode().split()
        if READY in words:
            self.ready = True
        if COMMITTED in words:
            self.deaths = 0
        if said or self._child is None:
            return None
        selector.unregister(self._output())
        code = self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        self._child, self.ready = None, False
        self.deaths += 1
        self._due = time.monotonic() + _RESTART_S
        return code

    def stop(self, deadline: float) -> None:
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def supervise(spec: JobSpec, stop: Stop) -> int:
    """Keep the workers running until they are to stop or the parent is gone; the exit code."""
    parent = os.getppid()
    workers = [Worker(spec, slot) for slot in spec.slots]
    announced: list[int | None] | None = None
    with selectors.DefaultSelector() as selector:
        try:
            while not stop.requested and os.getppid() == parent:
                started = [worker for worker in workers if worker.start_if_due(selector)]
                if started:
                    _publish(spec, workers)
                for key, _ in selector.select(_LOOK_S):
                    worker: Worker = key.data
                    code = worker.hear(selector)
                    if code is None or stop.requested:
                        continue
                    _publish(spec, workers)
                    _logger.warning("worker %d ended with %d; its last lines:\n%s", worker.slot, code, tail(worker.log))
                    if worker.deaths >= (_TRIES if announced else _FIRST_TRIES):
                        _logger.error("worker %d died %d times without a commit; giving up", worker.slot, worker.deaths)
                        return 1
                pids = [worker.pid for worker in workers]
                if pids != announced and all(worker.ready for worker in workers):
                    announced = pids
                    _logger.info("%s", all_ready(os.getpid(), pids))
        finally:
            deadline = time.monotonic() + _STOP_S
            for worker in workers:
                worker.stop(deadline)
    return 0


def _publish(spec: JobSpec, workers: list[Worker]) -> None:
    replace(spec.roster, json.dumps([worker.pid for worker in workers]))


def main() -> None:
    spec = JobSpec.load(Path(sys.argv[1]))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    stop = Stop()
    signal.signal(signal.SIGTERM, stop.request)
    sys.exit(supervise(spec, stop))


if __name__ == "__main__":
    main()
