"""Plans, as they are stored: what a run is asked (plan.json), and what each of its trials was asked and ran on
(trial.json). Frozen data; `harness.planning` makes them.

A judge reads the plans of older and newer runs as well. What it needs of one stands in the models called Asked, and is
read whatever else there is; the models made from them hold the rest, by which a run is conducted.

Longer than most: it is one format, which harness and judge share.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from results.printable import printable
from results.warmth import LEAST, MOST

_LONGEST = 200
"""Bytes of a case's name: a file may have 255, a topic of Kafka 249, and both have more in their names."""


def _in_its_folder(name: str) -> str:
    if name in (".", ".."):
        raise ValueError("names a folder")
    if printable(name) != name or "\t" in name:
        raise ValueError("has a character that cannot be seen")
    return name


Name = Annotated[str, Field(pattern=r"^[^/\\\x00]+$"), AfterValidator(_in_its_folder)]
"""A part of a file's name, which leads nowhere else."""


KEPT = "kept"
"""The folder, in that of a run, with what workloads keep of the files of which they make events."""

CALIBRATION = "calibration"
"""The folder, in that of a run, with the history of a calibration for each workload."""

NOISE = "noise"
"""The folder, in that of a run, with what was known of its machine's noise as it began."""


def kept_folder(history: Path) -> Path:
    """Where what the events of a trial are made of is kept. history: the folder of its history, in that of its run."""
    return history.parent.parent / KEPT


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


# No plan can ask for more than this, and no clock shows it.
Rate = Annotated[float, Field(gt=0, le=1e12)]
Seconds = Annotated[float, Field(ge=0, le=1e9)]
Nanoseconds = Annotated[int, Field(ge=0, lt=2**63)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Some = Annotated[int, Field(gt=0, lt=2**63)]
Few = Annotated[int, Field(gt=0, le=2**20)]


class Paced(_Model):
    """Open loop at a given rate; latency is judged on what closes in the measured part."""

    rate: Rate
    """Events per second, on average."""
    warmup_s: Seconds
    """How long the part lasts that is thrown away."""
    measured_s: Seconds = Field(gt=0)
    """How long the part lasts that is judged."""
    profile: str = ""
    """How the rate varies, in words; empty where it is steady. `curve` says it exactly."""
    curve: tuple[tuple[float, float], ...] = ()
    """As in `workloads.stream.Segment`; empty where the rate is steady."""
    recorded: bool = False
    """Whether events come when `workloads.schedule.Schedule` of their workload says: `rate` is an average then."""

    @property
    def duration_s(self) -> float:
        return self.warmup_s + self.measured_s


class Drain(_Model):
    """Backlogs in one transaction each: equal ones until the engine is warm (`results.warmth`), then the one that is
    measured, which is to last a number of commit intervals.
    """

    events: Some
    """Events of each of the equal backlogs."""
    intervals: float = Field(gt=0)
    """How many commit intervals the last one is to last."""
    budget_s: Seconds = Field(gt=0)
    """The equal ones end, at the latest, once they took so long in all, their writing included."""
    max_events: Some
    """The last one has no more than this."""
    backlogs: Few | None = None
    """So many equal ones at least. None up to method version 8: there backlogs doubled until one lasted long enough or
    the budget was spent."""
    measured: Few | None = None
    """So many more of the same size are measured together, in place of a larger last one; None for that one."""

    @property
    def least_backlogs(self) -> int:
        return self.backlogs or LEAST

    @property
    def total_events(self) -> int:
        """The most events that all backlogs together may have: of the last one there may be two, and one more of the
        equal ones is profiled.
        """
        return (max(self.least_backlogs, MOST) + 1 + (self.measured or 0)) * self.events + 2 * self.max_events


class Search(_Model):
    """Probes: steady loads at several rates, one after the other on one deployment, which tell what it sustains."""

    how: Literal["search", "sweep"]
    """`search`: for the largest rate that holds and the smallest that fails. `sweep`: at rates that are given."""
    probe_s: Seconds = Field(gt=0)
    """How long a probe lasts, without what is thrown away of it."""
    confirm_s: Seconds = Field(gt=0)
    """The same of a probe that confirms what was found."""
    settle_s: Seconds
    """How long the part of each probe is that is thrown away."""
    most: Few
    """No more probes than this."""
    max_rate: Rate
    """No probe is faster than this, in events per second."""
    p99_intervals: float = Field(gt=0)
    """A rate holds only if the p99 of result latency is within so many commit intervals."""
    event_share: float = Field(gt=0)
    """How fast event time passes, as a share of wall time: at a higher rate the events of a probe are denser in it."""
    shares: tuple[float, ...] = ()
    """Of a sweep: rates, as shares of the rate at which the last backlog was drained."""


Aim = Literal["share", "outputs", "interval", "commit", "row", "committing", "restore", "phase"]
"""When to strike. share: at a share of the load. outputs: every so many outputs. interval: at a point of the commit
interval. commit: as soon as a commit is seen. row: as an output row appears that was not seen before. committing: while
a commit is under way. restore: a second time, while the job restores. phase: what `interval` was called up to method
version 7; no suite asks for it any more."""


class AskedStrikes(_Model):
    """Which faults were to strike, and how."""

    fault: Name
    aim: Name
    timeouts: Name


class Strikes(AskedStrikes):
    """Faults of one kind, one after the other, while the load goes on."""

    aim: Aim
    """At what moment each falls. Points of the commit interval are drawn from 0.1 to 0.9, seeded."""
    wanted: Some
    """So many exposed strikes make a claim tested."""
    most: Some
    """No more than this are tried."""
    hold_s: Seconds
    """How long one lasts before it is healed."""
    rows: Count = 0
    """The last so many fall as soon as a row is visible that was not seen before: between a sink's commit and its
    engine's own."""
    commits: Count = 0
    """The first so many fall right after a commit, whatever the aim: there a program that commits what it has not
    written yet has most to lose."""
    timeouts: Literal["default", "tuned"]
    """The engine's time-outs: `default`, its own; `tuned`, as its manual recommends for fast recovery."""


class SetUp(_Model):
    """How an engine is set beside its mode, where there is a choice."""

    settings: Name | None = None
    """`plain` or `recommended`; None where the engine knows one way only."""
    layout: Name | None = None
    """`one-process` or `process-per-task`; None where the engine knows one way only."""
    own_interval: bool = False
    """Whether it commits at an interval of its own, in place of the one that is asked for."""
    interval_ms: Some | None = None
    """The commit interval that is asked for, where a run has several; else it is the case's only one."""
    options: dict[str, str] = {}
    """The user's own options, by the engine's names, as they were written."""

    @property
    def digest(self) -> str:
        """Of the user's options: the same for the same ones; empty where there are none."""
        text = json.dumps(self.options, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:8] if self.options else ""

    @property
    def parts(self) -> tuple[str, ...]:
        """What of it stands in a case's name."""
        own = "own-interval" if self.own_interval else None
        if self.interval_ms is not None:
            own = f"interval-{self.interval_ms}ms"
        options = f"options-{self.digest}" if self.options else None
        return tuple(part for part in (self.settings, self.layout, own, options) if part)

    def in_words(self, mode: str) -> str:
        """The mode and how it is set, as it stands behind an engine's name; empty where there is nothing to say."""
        layout = self.layout if self.layout == "process-per-task" else None
        options = f"options {self.digest}" if self.options else None
        return ", ".join(filter(None, (mode if mode != "default" else None, self.settings, layout, options)))


class Blocked(_Model):
    """Why a case cannot run, and the command that would change it (empty where nothing would)."""

    outcome: Literal["unsupported", "unavailable"]
    reason: str
    remedy: str = ""


class AskedCase(_Model):
    """A trial of a case that was asked for; a case that is blocked stands once, and is not tried."""

    engine: Name
    """Name of the engine."""
    mode: Name
    """One of the engine's modes."""
    workload: Name
    """Name of the workload."""
    log: Name
    """Kind of the log."""
    guarantee: Name
    """The guarantee that was asked for."""
    paced: object | None = None
    """None where it has no paced phase; a judge needs to know no more of it."""
    drain: object | None = None
    """None where it has no drain; a judge needs to know no more of it."""
    search: object | None = None
    """None where it has no probes; a judge needs to know no more of it."""
    strikes: AskedStrikes | None = None
    """What was to strike; None for nothing."""
    set_up: SetUp = SetUp()
    """How the engine is set beside its mode."""
    trial_number: Some | None = None
    """Which of its case's trials this is, from 1; None where the case has one only."""
    blocked: Blocked | None = None
    """Why it cannot run; None for a case that is to run."""

    @property
    def case_name(self) -> str:
        """ENGINE.MODE.WORKLOAD, and what else keeps a run's cases apart: the same for all trials of a case."""
        parts = [self.engine, self.mode, self.workload, *self.set_up.parts]
        if self.strikes is not None or self.guarantee != "exactly-once":
            parts.append(self.guarantee)
        if self.strikes is not None:
            parts += [self.strikes.fault, self.strikes.aim, self.strikes.timeouts]
        return ".".join(parts)

    @property
    def name(self) -> str:
        """The case's name, and the trial's number where there are several; the history's folder is called so."""
        return self.case_name if self.trial_number is None else f"{self.case_name}.trial-{self.trial_number}"


class CasePlan(AskedCase):
    """One deployment of one engine, given the drain and then the paced phase, during which strikes may fall."""

    log: Literal["embedded", "kafka"]
    """Kind of the log."""
    guarantee: Literal["at-most-once", "at-least-once", "exactly-once"]
    """The guarantee that the engine is to be run with."""
    parameters: dict[str, int | float | str]
    """All parameters of the workload, by name."""
    seed: int
    """Of the event stream, and of what strikes draw."""
    partitions: Few
    """Number of partitions of the input, and of the output."""
    parallelism: Few
    """How many workers or tasks the job has."""
    interval_ms: Some
    """Trigger, checkpoint and commit interval."""
    worker_memory_mb: Some
    """Limit of one worker process, in MiB."""
    event_rate: Rate
    """Events per second of event time, in every phase."""
    paced: Paced | None
    """None for no paced phase."""
    drain: Drain | None
    """None for no drain."""
    search: Search | None = None
    """None for no probes."""
    strikes: Strikes | None = None
    """What strikes during the paced phase; None for nothing."""
    pin: bool = False
    """Whether the engine has CPUs of its own."""

    @model_validator(mode="after")
    def _is_of_a_files_length(self) -> Self:
        """A judge reads plans with longer names, and says of each such case that it cannot be read."""
        if len(self.name.encode()) > _LONGEST:
            raise ValueError(f"its parts make a name of more than {_LONGEST} bytes")
        return self

    @property
    def timeouts(self) -> Literal["default", "tuned"]:
        return self.strikes.timeouts if self.strikes is not None else "default"


class Pinned(_Model):
    """Which CPUs were for whom; both are empty where nothing was pinned."""

    engine: tuple[Count, ...] = ()
    """Those of the engine's processes."""
    rest: tuple[Count, ...] = ()
    """Those of the broker and of the instruments."""
    why: str = ""
    """Why nothing was pinned, though it was asked for."""


class Threshold(_Model):
    """A bound to a metric: a case that crosses it makes the run a failure."""

    text: str = Field(max_length=200)
    """As it was written, such as `p99 < 2s`."""
    metric: Name
    """The metric's name in result.json."""
    statistic: Literal["median", "min", "max"] | None = None
    """Of a time that each strike has by itself, what is bound: over the strikes. None for the metric as it is."""
    relation: Literal["<", "<=", ">", ">="]
    """How the metric is to stand to the bound."""
    bound: float
    """In the metric's unit."""
    engines: tuple[Name, ...] = ()
    """ENGINE, or ENGINE.MODE: of whose cases it is asked; empty for all."""
    workloads: tuple[Name, ...] = ()
    """The workloads likewise."""

    def of(self, engine: str, mode: str, workload: str) -> bool:
        """Whether it is asked of a case."""
        mine = not self.engines or not {engine, f"{engine}.{mode}"}.isdisjoint(self.engines)
        return mine and (not self.workloads or workload in self.workloads)


class AskedRun(_Model):
    """The trials of one run's cases, in the order in which they run."""

    suite: str
    command: str = ""
    """What was typed; empty where that is not told."""
    cases: tuple[AskedCase, ...]
    thresholds: Annotated[tuple[Threshold, ...], Field(max_length=1000)] = ()
    """What the results are to keep to."""


class RunPlan(AskedRun):
    """What a run is asked. All of its cases are on one log."""

    schema_version: Literal[1] = 1
    """Version of the form of plan.json."""
    story: str = ""
    """What the suite is for, in a sentence; may be empty."""
    command: str
    """What was typed, ready to be typed again."""
    seed: int
    """That of every case."""
    log: Literal["embedded", "kafka"]
    """Kind of the log of every case."""
    kafka: str | None
    """Bootstrap HOST:PORT of a broker that is already there, or several with commas between them; None to start one
    where a case needs it."""
    keep_topics: bool = False
    """Whether topics and consumer groups stay on a broker that is not ours."""
    job_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Of the job file that was named, in hexadecimal; None where none was. The file itself is not kept: it holds
    commands."""
    calibrate: bool = False
    """Whether what the harness itself takes is measured before the first case, for each workload."""
    cases: tuple[CasePlan, ...]
    """The cases in the order in which they run; those that are blocked do not."""

    @model_validator(mode="after")
    def _has_a_folder_for_each_case(self) -> Self:
        twice = [name for name, times in Counter(case.name for case in self.cases).items() if times > 1]
        if twice:
            raise ValueError(f"{twice[0]} is there twice")
        return self

    @property
    def runnable(self) -> tuple[CasePlan, ...]:
        return tuple(case for case in self.cases if case.blocked is None)


class ForeignBroker(_Model):
    """A Kafka cluster that is not ours, and how a trial's topics were made on it."""

    brokers: Some
    """How many brokers it had as the run began."""
    replication: Some
    """Replicas of each partition of the trial's topics."""
    settings: dict[str, str]
    """Of these topics, by Kafka's names: asked for, and read back."""
    cluster: dict[str, str]
    """Of its brokers, by Kafka's names, as far as they tell; what an engine's own topics get where it asks for nothing
    else."""


class Clock(_Model):
    """The same instant on both clocks."""

    wall_ns: Nanoseconds
    monotonic_ns: Nanoseconds


class Machine(_Model):
    cpu: str
    """Model, as the kernel names it."""
    cores: Some
    """How many this process may use."""
    memory_bytes: Some
    """All of the machine, whatever is in use."""
    kernel: str
    """Release of the operating system."""
    python: str
    """Version of the Python that the harness runs on."""
    java: str | None
    """Version of the JDK in use; None where none is."""


class Checkout(_Model):
    """The state of the code that ran, where that is a checkout of its repository."""

    commit: str = Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")
    """The commit that is checked out."""
    dirty: bool
    """Whether a file differs from that commit, or the code has one that it does not have."""


def clock() -> Clock:
    """Both clocks, read together."""
    return Clock(wall_ns=time.time_ns(), monotonic_ns=time.monotonic_ns())


POLLED = (
    "the output is no topic: a command prints its rows, and nothing tells when each was there. So no latency, rate or "
    "recovery is stated"
)
"""What a reader must know of a trial whose output was polled."""


class TrialPlan(_Model):
    """One engine deployed once and given one workload: what was asked, and what it ran on."""

    schema_version: Literal[1] = 1
    """Version of the form of trial.json."""
    method_version: Few
    """Version of METHOD.md by which the trial was recorded."""
    name: str
    """As in the plan of the run, and that of the history's folder."""
    trial_number: Some | None = None
    """Which of its case's trials this is, from 1; None where the case has one only."""
    engine: str
    """Name of the engine."""
    engine_version: str
    """Version of the engine's own software."""
    mode: str
    """The engine's mode that ran."""
    set_up: SetUp = SetUp()
    """How the engine was set beside its mode."""
    store: str = ""
    """Where its workers hold their state; empty where that is not told."""
    workload: str
    """Name of the workload."""
    parameters: dict[str, int | float | str]
    """All parameters of the workload, by name."""
    seed: int
    """Of the event stream, and of what strikes draw."""
    log: Literal["embedded", "kafka"]
    """Kind of the log."""
    fault: str = "none"
    """Name of the fault that strikes; `none` for none."""
    guarantee: str
    """The guarantee that was asked for; the engine may claim less."""
    processing_claimed: str
    """What the engine's manual promises for the effect of events on the state."""
    delivery_claimed: str
    """What it promises for the rows at the sink."""
    claim_note: str = ""
    """What a reader must know beside the claims; may be empty."""
    emulated: str | None = None
    """How the engine answers the query where it has no operator of its own for it; empty where it has, and None where
    that is not told."""
    emits: Literal["final", "updates"] = "final"
    """Whether a row is written once, or several times with growing values of which the last one counts."""
    polled: bool = False
    """Whether the output was no topic: a command of the user's printed its rows, and nothing tells when each was
    there."""
    partitions: Few
    """Number of partitions of the input, and of the output."""
    parallelism: Few
    """How many workers or tasks the job had at first."""
    interval_ms: Some
    """Trigger, checkpoint and commit interval."""
    worker_memory_mb: Some
    """Limit of one worker process, in MiB."""
    event_rate: Rate
    """Events per second of event time, in every phase."""
    paced: Paced | None
    """None for no paced phase."""
    drain: Drain | None
    """None for no drain."""
    search: Search | None = None
    """None for no probes."""
    strikes: Strikes | None = None
    """What was to strike during the paced phase; None for nothing."""
    pinned: Pinned | None = None
    """Which CPUs were for whom; None where that was not asked for."""
    broker: ForeignBroker | None = None
    """The Kafka cluster that is not ours; None where the broker was ours or there was none, and in histories of before
    that was told."""
    machine: Machine
    """What it ran on."""
    clock: Clock
    """Ties the history's monotonic times to wall time."""
    versions: dict[str, str]
    """By name, of our package, its Kafka client, the engine, and Java where the engine runs on it."""
    checkout: Checkout | None = None
    """The state of our code; None where it is no checkout, or git cannot tell."""
    roles: tuple[str, ...] = ()
    """Which processes the job has; empty where that is not told."""
