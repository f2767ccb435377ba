"""Plans, as they are stored: what a run is asked (plan.json), and what each of its trials was asked and ran on
(trial.json). Frozen data; `harness.planning` makes them.

A judge reads the plans of older and newer runs as well. What it needs of one stands in the models called Asked, and is
read whatever else there is; the models made from them hold the rest, by which a run is conducted.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from results.printable import printable

_LONGEST = 200
"""Bytes of a case's name: a file may have 255, a topic of Kafka 249, and both have more in their names."""


def _in_its_folder(name: str) -> str:
    if name in (".", ".."):
        raise ValueError("names a folder")
    if printable(name) != name or "\t" in name:
        raise ValueError("has a character that cannot be seen")
    return name


Name = Annotated[str, Field(pattern=r"^[^/\\\x00]+$", max_length=_LONGEST), AfterValidator(_in_its_folder)]
"""A part of a file's name, which leads nowhere else."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Paced(_Model):
    """Open loop at a mean rate (events/s), steady without a profile; latency is judged on what closes in the measured
    part."""

    rate: float = Field(gt=0)
    warmup_s: float = Field(ge=0)
    measured_s: float = Field(gt=0)
    profile: str = ""
    """How the rate varies, in words; `curve` says it exactly, as in `workloads.stream.Segment`."""
    curve: tuple[tuple[float, float], ...] = ()

    @property
    def duration_s(self) -> float:
        return self.warmup_s + self.measured_s


class Drain(_Model):
    """Backlogs in one transaction each, doubling from `events` until one lasts `intervals` commit intervals.

    Doubling ends early where the next backlog would not fit in budget_s (writing it included) or exceeds max_events.
    """

    events: int = Field(gt=0)
    intervals: float = Field(gt=0)
    budget_s: float = Field(gt=0)
    max_events: int = Field(gt=0)


Aim = Literal["share", "outputs", "interval", "row", "committing", "restore", "phase"]
"""When to strike: at a share of the load; every so many outputs; at a point of the commit interval; as an output row
appears that was not seen before; while a commit is under way; a second time, while the job restores. `phase` is what
`interval` was called up to method version 7; no suite asks for it any more."""


class AskedStrikes(_Model):
    """Which faults were to strike, and how."""

    fault: Name
    aim: Name
    timeouts: Name


class Strikes(AskedStrikes):
    """Faults of one kind, one after the other, while the load goes on.

    wanted: so many exposed strikes make a claim tested. most: no more than this are tried. hold_s: how long one lasts
    before it is healed. rows: the last so many fall as soon as a row is visible that was not seen before: between a
    sink's commit and its engine's own. Points of the commit interval are drawn from 0.1 to 0.9, seeded.
    """

    aim: Aim
    wanted: int = Field(ge=1)
    most: int = Field(ge=1)
    hold_s: float = Field(ge=0)
    rows: int = Field(default=0, ge=0)
    timeouts: Literal["default", "tuned"]


class Blocked(_Model):
    """Why a case cannot run, and the command that would change it (empty where nothing would)."""

    outcome: Literal["unsupported", "unavailable"]
    reason: str
    remedy: str = ""


class AskedCase(_Model):
    """A case that was asked for: one trial, or none if it is blocked. paced, drain: whether it has such a phase."""

    engine: Name
    mode: Name
    workload: Name
    log: Name
    guarantee: Name
    paced: object | None = None
    drain: object | None = None
    strikes: AskedStrikes | None = None
    blocked: Blocked | None = None

    @property
    def name(self) -> str:
        """ENGINE.MODE.WORKLOAD, and what else keeps a run's cases apart; its history's folder is called so."""
        parts = [self.engine, self.mode, self.workload]
        if self.strikes is not None or self.guarantee != "exactly-once":
            parts.append(self.guarantee)
        if self.strikes is not None:
            parts += [self.strikes.fault, self.strikes.aim, self.strikes.timeouts]
        return ".".join(parts)

    @model_validator(mode="after")
    def _is_of_a_files_length(self) -> Self:
        if len(self.name.encode()) > _LONGEST:
            raise ValueError(f"its parts make a name of more than {_LONGEST} bytes")
        return self


class CasePlan(AskedCase):
    """One deployment of one engine, given the drain and then the paced phase, during which strikes may fall.

    event_rate: events per second of event time, in every phase. interval_ms: trigger, checkpoint and commit interval.
    worker_memory_mb: limit of one worker process. blocked: None for a case that is to run.
    """

    log: Literal["embedded", "kafka"]
    guarantee: Literal["at-most-once", "at-least-once", "exactly-once"]
    parameters: dict[str, int | float | str]
    seed: int
    partitions: int = Field(gt=0)
    parallelism: int = Field(gt=0)
    interval_ms: int = Field(gt=0)
    worker_memory_mb: int = Field(gt=0)
    event_rate: float = Field(gt=0)
    paced: Paced | None
    drain: Drain | None
    strikes: Strikes | None = None

    @property
    def timeouts(self) -> Literal["default", "tuned"]:
        return self.strikes.timeouts if self.strikes is not None else "default"


class AskedRun(_Model):
    """The cases of one run, in the order in which they run."""

    suite: str
    cases: tuple[AskedCase, ...]


class RunPlan(AskedRun):
    """All cases are on one log.

    kafka: bootstrap HOST:PORT of a broker that is already there, None to start one where a case needs it.
    command: what was typed, ready to be typed again.
    """

    schema_version: Literal[1] = 1
    story: str = ""
    command: str
    seed: int
    log: Literal["embedded", "kafka"]
    kafka: str | None
    cases: tuple[CasePlan, ...]

    @model_validator(mode="after")
    def _has_a_folder_for_each_case(self) -> Self:
        twice = [name for name, times in Counter(case.name for case in self.cases).items() if times > 1]
        if twice:
            raise ValueError(f"{twice[0]} is there twice")
        return self

    @property
    def runnable(self) -> tuple[CasePlan, ...]:
        return tuple(case for case in self.cases if case.blocked is None)


class Clock(_Model):
    """The same instant on both clocks."""

    wall_ns: int
    monotonic_ns: int


class Machine(_Model):
    cpu: str
    cores: int
    memory_bytes: int
    kernel: str
    python: str
    java: str | None


def clock() -> Clock:
    """Both clocks, read together."""
    return Clock(wall_ns=time.time_ns(), monotonic_ns=time.monotonic_ns())


class TrialPlan(_Model):
    """One engine deployed once and given one workload: what was asked, and what it ran on."""

    schema_version: Literal[1] = 1
    method_version: int
    name: str
    engine: str
    engine_version: str
    mode: str
    workload: str
    parameters: dict[str, int | float | str]
    seed: int
    log: Literal["embedded", "kafka"]
    fault: str = "none"
    guarantee: str
    processing_claimed: str
    delivery_claimed: str
    claim_note: str = ""
    emits: Literal["final", "updates"] = "final"
    """Whether a row is written once, or several times with growing values of which the last one counts."""
    partitions: int
    parallelism: int
    interval_ms: int
    worker_memory_mb: int
    event_rate: float = Field(gt=0)
    """Events per second of event time, in every phase."""
    paced: Paced | None
    drain: Drain | None
    strikes: Strikes | None = None
    machine: Machine
    clock: Clock
    versions: dict[str, str]
