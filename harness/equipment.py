"""Where a trial takes place, and with what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engines.logs.protocol import Log
from engines.protocol import LogKind, Site
from harness.failure import TrialFailure
from harness.faults.fault import OwnBroker
from harness.host.disk import SmallDisk
from harness.instruments.proxy import Proxy


@dataclass(frozen=True)
class Equipment:
    """Where a trial takes place.

    folder: the history's, with trial.json in it. site: the engine's. log: a connection of the harness's own.
    address, engine_address: the log's address for our instruments and for the engine. scratch: for the job's
    state. bystanders: pids by role of processes that are sampled beside the engine's (the broker). log_failure: why
    the log no longer works, or None while it does. gauge_log: a further connection, for the thread that looks on
    while strikes fall. broker, link: what faults may break, None where it is not ours. disk: the one under the
    job's state, where faults fill it.
    """

    folder: Path
    site: Site
    scratch: Path
    log: Log
    kind: LogKind
    address: str
    engine_address: str
    log_failure: Callable[[], TrialFailure | None]
    bystanders: Callable[[], dict[str, list[int]]] = dict
    gauge_log: Log | None = None
    broker: OwnBroker | None = None
    link: Proxy | None = None
    disk: SmallDisk | None = None

    @property
    def state(self) -> Path:
        """The job's state directory."""
        return self.scratch / "job"
