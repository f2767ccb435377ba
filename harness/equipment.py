"""Where a trial takes place, and with what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engines.logs.protocol import Log
from engines.protocol import LogKind, Site
from harness.failure import TrialFailure
from harness.faults.fault import OwnBroker
from harness.host.disk import SmallDisk
from harness.instruments.proxy import Proxy


@dataclass(frozen=True)
class Equipment:
    """Where a trial takes place, and what it may use there."""

    folder: Path
    """The history's folder, with trial.json in it."""
    site: Site
    """Where the engine's cluster puts its files, and what it runs with."""
    scratch: Path
    """Folder for what the trial does not keep; the job's state is in it."""
    log: Log
    """A connection of the harness's own."""
    kind: LogKind
    """Kind of the log."""
    address: str
    """The log's address for our instruments: a folder (embedded) or bootstrap HOST:PORT (kafka)."""
    engine_address: str
    """The log's address for the engine; it leads through `link` where there is one."""
    log_failure: Callable[[], TrialFailure | None]
    """Why the log no longer works; None while it does."""
    bystanders: Callable[[], dict[str, list[int]]] = dict
    """Pids by role of processes that are sampled beside the engine's: the broker, where it is ours."""
    gauge_log: Log | None = None
    """A further connection, for the thread that looks on while strikes fall; None in a trial without strikes."""
    broker: OwnBroker | None = None
    """The broker that faults may kill; None where it is not ours."""
    link: Proxy | None = None
    """The link between engine and broker that faults may break; None where it is not ours."""
    disk: SmallDisk | None = None
    """The disk under the job's state, which faults may fill; None where no fault does."""
    topic_settings: Mapping[str, str] = field(default_factory=dict)
    """What topics need to be told that the engine makes itself, by Kafka's names."""

    @property
    def state(self) -> Path:
        """The job's state directory."""
        return self.scratch / "job"
