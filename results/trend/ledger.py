"""What was kept of each run on one machine, line by line: a file that is only ever appended to.

A line is JSON: a reading, or that a change is known. What cannot be read, such as a line that was cut off as the power
failed, is counted and left out; it never hides another line.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from results import provenance
from results.result import Better, CaseResult, RepeatedCase, ResultModel, RunResult
from workloads.regular_file import read_regular

Text = Annotated[str, Field(max_length=500)]
Above = Annotated[float, Field(gt=0, lt=1e300, strict=True)]


class Reading(ResultModel):
    """A figure of a case in a run."""

    kind: Literal["reading"] = "reading"
    """Which kind of line it is."""
    started: Text
    """When the run's first trial began, UTC, ISO 8601: readings are ordered by it."""
    run: Text
    """Name of the run's folder."""
    commit: Text = ""
    """Of the checkout, in words; empty where there is none."""
    case: Text
    """Engine, mode, workload and so on: what must be the same in a series."""
    metric: Text
    """Its name."""
    unit: Text
    """Of the value."""
    better: Better
    """Which way is better."""
    method_version: int
    """Figures of several methods are in no series together."""
    value: Above
    """The figure, in `unit`."""
    n: int = Field(default=1, ge=1)
    """How many trials it is the median of."""


class Accepted(ResultModel):
    """A change is known, and why: a new level begins there, and nobody is told of it again."""

    kind: Literal["accepted"] = "accepted"
    """Which kind of line it is."""
    case: Text
    """As of its readings."""
    metric: Text
    """As of its readings."""
    started: Text
    """Of the first reading of the new level."""
    why: Text
    """In the words of whoever accepted it."""


Line = Annotated[Reading | Accepted, Field(discriminator="kind")]
_LINE: TypeAdapter[Reading | Accepted] = TypeAdapter(Line)


@dataclass(frozen=True)
class Ledger:
    """readings: by the time of their runs. accepted: in the order of the file. unread: lines that say nothing."""

    readings: tuple[Reading, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    unread: int = 0


def read(path: Path) -> Ledger:
    """The file; empty if there is none. Of a run's figure that was added twice, the first counts. Raises OSError."""
    try:
        content = read_regular(path)
    except FileNotFoundError:
        return Ledger()
    readings: dict[tuple[str, str, str, int], Reading] = {}
    accepted, unread = [], 0
    for line in content.splitlines():
        if not line.strip():
            continue
        try:
            found = _LINE.validate_json(line)
        except (ValidationError, RecursionError):
            unread += 1
            continue
        if isinstance(found, Reading):
            readings.setdefault((found.run, found.case, found.metric, found.method_version), found)
        else:
            accepted.append(found)
    ordered = sorted(readings.values(), key=lambda reading: (reading.started, reading.run))
    return Ledger(tuple(ordered), tuple(accepted), unread)


def append(path: Path, lines: Sequence[Reading | Accepted]) -> None:
    """Add lines, all or none of them as far as the system can promise, while nobody else does. A link is not followed.
    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    content = b"".join(line.model_dump_json().encode() + b"\n" for line in lines)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = file.seek(0, os.SEEK_END)
        if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
            # Somebody was cut off within a line: ours begins on its own.
            content = b"\n" + content
        file.write(content)
        os.fsync(file.fileno())


def readings(run: RunResult) -> list[Reading]:
    """What of a run is kept: of each case that passed, every figure that ranks and stands without brackets."""
    told = provenance.of(run)
    if told.started is None:
        return []
    several = {trial for case in run.repeated for trial in case.trials}
    cases: Iterable[CaseResult | RepeatedCase] = [
        *run.repeated,
        *(case for case in run.cases if case.trial not in several),
    ]
    return [
        Reading(
            started=told.started,
            run=run.run,
            commit=provenance.commit(told.checkout),
            case=name_of(case),
            metric=name,
            unit=value.unit,
            better=value.better,
            method_version=run.method_version,
            value=value.value,
            n=len(case.trials) if isinstance(case, RepeatedCase) else 1,
        )
        for case in cases
        if case.outcome == "pass"
        for name, value in case.metrics.items()
        if value.better != "none" and value.value > 0 and not value.bracketed
    ]


def name_of(case: CaseResult | RepeatedCase) -> str:
    """All that must be the same in a series, with dots between."""
    how = (case.engine, case.mode, *case.set_up.parts, case.workload, case.log, case.guarantee, case.fault, case.phase)
    return ".".join(how)
