"""A worker process: reads some partitions of a job's input until it is told to stop."""

from __future__ import annotations

import gc
import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engines.logs.protocol import LogFailure
from engines.protocol import Job
from engines.runtime.connector import Connector, WorkerFailure
from engines.runtime.job_spec import JobSpec
from engines.runtime.stop import Stop

READY = "ready"
COMMITTED = "committed"
"""What a worker says to its supervisor: that it would process an event at once, and that it committed work."""

_logger = logging.getLogger(__name__)


@dataclass
class Work:
    """What a runner is given."""

    job: Job
    """The job that this worker has a part of."""
    tasks: list[int]
    """The tasks of this worker; each is a partition of the input, with its state."""
    connector: Connector
    """Reads the input, and writes and commits results."""
    stop: Stop
    """The runner ends soon after this is requested."""
    say: Callable[[str], None]
    """Tells the supervisor READY or COMMITTED."""

    def ready(self) -> None:
        """Recovery is over."""
        self.say(READY)

    def committed(self) -> None:
        """Work was committed."""
        self.say(COMMITTED)


class Voice:
    """Says each word once, on the pipe to the supervisor."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, word: str) -> None:
        if word in self._said:
            return
        self._said.add(word)
        if word == READY:
            # Nothing made so far will be garbage, and what follows makes no cycles: the collector would look in vain.
            gc.collect()
            gc.freeze()
            gc.disable()
        sys.stdout.write(word + "\n")
        sys.stdout.flush()


def _connector(job: Job, slot: int) -> Connector:
    # Imported here because only one of the two libraries need be loaded, and loading takes memory.
    if job.input.log == "embedded":
        from engines.runtime.embedded import EmbeddedConnector

        return EmbeddedConnector(job)
    from engines.runtime.kafka import KafkaConnector

    return KafkaConnector(job, slot)


def _end_with_supervisor() -> None:
    """The supervisor holds the other end of stdin and never writes: its end is ours, however it dies."""

    def wait() -> None:
        # Not sys.stdin: its lock, held here, would disturb the interpreter's own end.
        os.read(0, 1)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main(run: Callable[[Work], None]) -> None:
    """Run as `python -m PACKAGE.worker SPEC SLOT`: exit code 0 when told to stop, 1 on failure."""
    spec, slot = JobSpec.load(Path(sys.argv[1])), int(sys.argv[2])
    job = spec.job
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    _end_with_supervisor()
    stop = Stop()
    signal.signal(signal.SIGTERM, stop.request)
    limit = job.process_memory_mb << 20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        connector = _connector(job, slot)
        run(Work(job, spec.tasks(slot), connector, stop, Voice()))
        connector.close()
    except (LogFailure, WorkerFailure) as failure:
        _logger.error("%s", " | ".join(filter(None, (failure.what, failure.where, failure.remedy))))
    except MemoryError:
        _logger.exception("the worker's limit of %d MiB (RLIMIT_DATA) is used up", job.process_memory_mb)
    except Exception:
        _logger.exception("a defect of the worker")
    else:
        return
    # At once: a Kafka client's `close` waits for its transaction's end without a bound, where no broker may answer any
    # more. The successor ends what is left open.
    logging.shutdown()
    os._exit(1)
