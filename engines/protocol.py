"""What an engine is to the harness: these types, and nothing else.

An engine never holds a clock, a histogram or a result. It is seen only through its input log, its output log and its
processes. Job code that runs in an engine's own environment may import this module: standard library and
`workloads.query` only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from engines.configuration import Layout, Settings
from engines.failure import Failure
from workloads.query import Query

Guarantee = Literal["at-most-once", "at-least-once", "exactly-once"]
LogKind = Literal["embedded", "kafka"]
Role = Literal["worker", "coordinator"]
Poison = Literal["skipped", "fatal"]
Counter = Literal["late", "broken"]
Rollback = Literal["job", "worker"]
"""What goes back to its last commit when a worker dies: all of the job, or that worker's partitions alone, each to the
last commit of its own."""

Timeouts = Literal["default", "tuned"]
"""`default`: every time-out that says how long a dead process goes unnoticed is the engine's own. `tuned`: as its
manual recommends for fast recovery."""


class EngineFailure(Failure):
    """An engine did not do what it must."""


@dataclass(frozen=True)
class Support:
    """How an engine answers a query: natively, emulated (detail: how, in a phrase) or not at all (detail: why)."""

    kind: Literal["native", "emulated", "unsupported"]
    detail: str = ""


@dataclass(frozen=True)
class Claim:
    """What an engine's manual promises in a mode."""

    processing: Guarantee
    """How often each event takes effect on the state."""
    delivery: Guarantee
    """How often each row reaches the sink."""
    note: str = ""
    """What a reader must know beside it, in a sentence; may be empty."""
    emits: Literal["final", "updates"] = "final"
    """`final` rows only, or `updates` of a row, of which the last one counts."""
    lossy: bool = False
    """Whatever the manual promises, rows were seen to be missing though nothing failed; the note says when."""


@dataclass(frozen=True)
class Environment:
    """What an engine needs on the machine.

    An engine of a package outside has locks of its own: `requirements` and `jar_lock`.
    """

    group: str | None = None
    """Dependency group of our pyproject.toml that its Python runs in; None for the harness's own environment, or that
    of `requirements`."""
    jars: tuple[str, ...] = ()
    """Names of jar sets: of harness/provisioning/jars.toml, or of the file beside `jar_lock`."""
    java: int | None = None
    """Lowest JDK feature version that its processes run on; None for none."""
    embeds_python: bool = False
    """Whether processes that are not Python's load Python as a library (libpython)."""
    python: str = ">=3.11"
    """Versions of Python that its environment runs on, as `>=3.11` or `>=3.11,<3.13`."""
    requirements: Path | None = None
    """The lock of an environment of its own: a requirements file with the version and the hashes of every package, as
    `uv pip compile --generate-hashes` writes it. None for that of `group`."""
    jar_lock: Path | None = None
    """A file as harness/provisioning/jars.lock, whose jar sets `jars` names; None for that one."""
    packages: tuple[Path, ...] = ()
    """Folders of Python packages of its own that its processes import, beside `engines` and `workloads`."""

    @property
    def jvm(self) -> bool:
        """Whether its processes run on the JVM, which compiles while it runs and is warm after minutes only."""
        return self.java is not None


@dataclass(frozen=True)
class Site:
    """Where a cluster may put its files and what it runs with. Everything in it exists already."""

    directory: Path
    """The cluster's own folder, empty."""
    logs: Path
    """Folder where each process writes `NAME.log`."""
    cache: Path
    """Folder that survives runs, for compiled classes and the like."""
    python: Path
    """Interpreter of the engine's environment."""
    root: Path
    """For PYTHONPATH: a folder that holds `engines`, `workloads` and the engine's own packages, and nothing else."""
    java_home: Path | None = None
    """The JDK (bin/java, bin/javac); None where nothing here needs one."""
    jars: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    """Paths of jars, by jar set."""
    address: str | None = None
    """An existing cluster to use; None to start one here."""


@dataclass(frozen=True)
class Topic:
    """A partitioned log. address: a folder (embedded) or bootstrap HOST:PORT (kafka)."""

    log: LogKind
    address: str
    name: str
    partitions: int


@dataclass(frozen=True)
class Job:
    """One query to run.

    Where the query is `ordered`, all rows of a key go to one partition of the output. They stay in it for the whole of
    the job's life, also through restarts and rescaling: the log keeps the order of a partition only. Other rows may go
    to any partition.
    """

    name: str
    """Unique on the log: use it for group, application and transactional ids."""
    query: Query
    """What is asked of the input."""
    input: Topic
    """Topic to read, from its beginning at first."""
    output: Topic
    """Topic to write the rows to."""
    guarantee: Guarantee
    """The guarantee to run with; `Engine.support` did not refuse it."""
    mode: str
    """One of `Engine.modes`."""
    parallelism: int
    """How many workers or tasks work side by side, as the engine counts them."""
    interval_ms: int
    """The trigger, checkpoint and commit interval."""
    memory_mb: int
    """Limit of one worker process, in MiB."""
    directory: Path
    """The job's own state directory; what it holds survives a restart of the engine."""
    timeouts: Timeouts = "default"
    """Which time-outs say that a process is dead: see `Timeouts`."""
    settings: Settings = "plain"
    """How the engine is set."""
    layout: Layout = "process-per-task"
    """How its tasks are spread over worker processes."""
    options: Mapping[str, str] = field(default_factory=dict)
    """The user's own options, by the engine's names; the engine did not refuse them."""
    own_interval: bool = False
    """Whether the engine commits at its own interval, in place of `interval_ms`."""
    topic_settings: Mapping[str, str] = field(default_factory=dict)
    """What topics are to be told that the engine makes itself, by Kafka's names: on a cluster that is not ours its own
    settings may not do."""

    @property
    def workers(self) -> int:
        """How many worker processes run the tasks."""
        return 1 if self.layout == "one-process" else self.parallelism

    @property
    def process_memory_mb(self) -> int:
        """Limit of one of them, in MiB: the same in sum, however many they are."""
        return self.memory_mb * self.parallelism // self.workers


@dataclass(frozen=True)
class Progress:
    """How far a job is, as the engine or the log says; seen from outside, and cheap enough to ask 50 times a second."""

    commits: int
    """Grows with each durable commit (a checkpoint, a batch, committed offsets), whatever it is by itself; never falls,
    also over a restart."""
    inputs: int | None = None
    """Input records of all partitions behind the last commit (offsets summed up); None where that cannot be told."""
    committing: bool = False
    """Whether a commit is under way just now (a checkpoint in progress, a batch whose offsets are logged and which is
    not committed)."""
    state: str = ""
    """The engine's own word for how the job is (`RUNNING`, `RESTARTING`, a group's `STABLE`), empty where it has none:
    a change after a fault is its detection."""
    positions: Mapping[int, int] | None = None
    """The committed input offset of each partition; None where that cannot be told."""


@dataclass(frozen=True)
class Slot:
    """A worker's place in a job, from its start on: a successor takes that of the worker that died.

    pid: None while no process is in it. partitions: of the input, those that the worker answers for; of a dead one,
    those that it answered for. None where that cannot be told.
    """

    pid: int | None
    partitions: frozenset[int] | None = None


class RunningJob(Protocol):
    """A job that was submitted."""

    settings: Mapping[str, str]
    """Every engine setting that differs from the engine's default, by the engine's own name for it."""

    def wait_ready(self, timeout_s: float) -> None:
        """Return once an event written now would be processed at once. Raises EngineFailure on death or time-out."""
        ...

    def processes(self) -> Mapping[Role, list[int]]:
        """Pids of the processes that serve the job, cluster included, asked anew at each call.

        Workers stand in the order of their slots, and behind them what helps them. What they start need not be named:
        all that descends from a process is struck and counted with it.
        """
        ...

    def failure(self) -> EngineFailure | None:
        """Why the job is no longer running, or None while it is. Cheap: asked once a second."""
        ...

    def counters(self) -> Mapping[Counter, int]:
        """The engine's own count of events dropped as late and of records skipped because they are no events, since
        the job was submitted; only those that it counts. What it says is shown, and nothing is judged by it.
        """
        ...

    def stop(self) -> None:
        """End the job; its processes (but not the cluster's) are gone when this returns. May be called twice.

        Submitting the same job again goes on where this one ended.
        """
        ...


@runtime_checkable
class Observable(Protocol):
    """A running job whose durable commits can be told from outside. Strikes are aimed by it."""

    def progress(self) -> Progress: ...


@runtime_checkable
class Placed(Protocol):
    """A running job of which some workers may have no part, as they stand by for those that fail."""

    def occupied(self) -> list[int]:
        """Pids of the workers that have a part of the job just now, in the order of their slots; empty where that
        cannot be told."""
        ...


@runtime_checkable
class Slotted(Protocol):
    """A running job that tells which worker is in which slot. Of others, `processes` tells it."""

    def slots(self) -> list[Slot]:
        """By number; cheap."""
        ...


@runtime_checkable
class Revivable(Protocol):
    """A running job of which dead processes can be started again, as an operator would."""

    def revive(self) -> list[str]:
        """Start again what died of the job's processes, its cluster's included, and name it; nothing where nothing is
        dead, or where the engine itself starts it again. Returns once they are started, not once they are ready;
        `failure` is None again then, as long as they live. Raises EngineFailure where it cannot be done.
        """
        ...


@runtime_checkable
class Explained(Protocol):
    """A cluster that says what it would run, without running it."""

    def plan(self, job: Job, timeout_s: float) -> str:
        """What it would run, as the engine itself puts it: its statements, its plan, its topology. Raises
        EngineFailure.
        """
        ...


@runtime_checkable
class RollsBack(Protocol):
    """An engine that says what goes back when a worker dies: so much is at stake when one is struck."""

    def rollback(self, query: Query, mode: str) -> Rollback | None:
        """None where it cannot be told: such a strike tests nothing. A job of which workers go back each by itself
        tells their partitions (`Slotted`) and how far these are committed (`Progress.positions`).
        """
        ...


@dataclass(frozen=True)
class IdPlace:
    """Where a record of the output has the id of the event that it answers, in decimal digits."""

    kind: Literal["header", "key", "value"]
    """A header, the whole key, or a field of the value, which is a JSON object."""
    name: str = ""
    """Of the header or the field; empty for the key."""


@dataclass(frozen=True)
class Terms:
    """What a program of a user's own has by itself, whatever a suite asks. None: as the suite asks."""

    workload: str
    """Name of the one workload that it answers."""
    parameters: Mapping[str, int | float | str]
    """The parameters of that workload that its answer rests on; the suite's count for the others."""
    guarantee: Guarantee
    """The weaker of what it claims of processing and of delivery."""
    workers: int | None = None
    """How many worker processes it has."""
    interval_ms: int | None = None
    """How often it commits."""
    memory_mb: int | None = None
    """What a worker process is given, in MiB."""
    id_place: IdPlace | None = None
    """Where the id stands of rows that are not in the form that the query says; None where they are."""
    tells_progress: bool = True
    """Whether it is told how far it has committed. Where it is not, strikes fall by time, and test no guarantee."""
    polled: bool = False
    """Whether its output is no topic: a command prints the rows, and nothing tells when each was there."""


@runtime_checkable
class OnItsOwnTerms(Protocol):
    """An engine that is one program of a user's own. It is ready only once it has answered an event as well: what it
    says of itself may be wrong.
    """

    terms: Terms


class Cluster(Protocol):
    def submit(self, job: Job) -> RunningJob: ...

    def close(self) -> None:
        """End every process of the cluster. May be called twice."""
        ...


class Engine(Protocol):
    """A folder engines/NAME/ whose package has `engine` is one; the name is the folder's, with - for _."""

    name: str
    """As users type it."""
    version: str
    """Version of the engine's own software, as its makers number it."""
    modes: Mapping[str, str]
    """Mode names with a line about each; the first is the default."""
    logs: tuple[LogKind, ...]
    """Kinds of log that it can read and write."""
    environment: Environment
    """What it needs on the machine before it can run."""
    roles: tuple[Role, ...]
    """Which processes a job has: workers, and a coordinator where there is one."""

    poison: Poison
    """What a record that is no event does to a job as it is deployed here: it is skipped (and counted in `counters` or
    in a worker's log), or the job fails and `RunningJob.failure` says so. Never is it part of an answer.
    """

    limits: Mapping[str, str]
    """Where the engine was seen to lose rows although it supports the query and nothing failed: the reason by the name
    of the case in the conformance suite, which then asks for nothing wrong only.
    """

    def support(self, query: Query, guarantee: Guarantee, mode: str) -> Support: ...

    def claim(self, guarantee: Guarantee, mode: str) -> Claim: ...

    def open(self, site: Site) -> Cluster: ...
