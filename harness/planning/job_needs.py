"""What the commands of a job file name: placeholders, and by them the jars, JDK and Python that it needs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from engines.own_job import placeholders
from engines.protocol import Environment
from harness.planning import quantity
from harness.planning.tables import unknown
from harness.planning.toml_source import Places
from harness.problem import ExitCode, Problem
from harness.provisioning import jars
from harness.provisioning.java import PREFERRED

if TYPE_CHECKING:
    from harness.planning.job_file import JobFile

_MACHINE = frozenset(placeholders.OF_THE_MACHINE)
_COMMON = _MACHINE | frozenset(placeholders.OF_THE_JOB)
_ANY_PROCESS = _COMMON | frozenset(placeholders.OF_A_PROCESS)
_WORKER = _ANY_PROCESS | frozenset(placeholders.OF_A_WORKER)


_Texts = tuple[tuple[str, ...], Iterable[str], Collection[str]]
"""Where texts stand in a job file, the texts, and the placeholders that they may have."""


def _texts(told: JobFile) -> list[_Texts]:
    """All that has placeholders."""
    job = told.job
    allowed: list[_Texts] = [
        (("worker", "command"), told.worker.command, _WORKER),
        (("worker", "env"), told.worker.env.values(), _WORKER),
        (("job", "build"), job.build or (), _MACHINE),
        (("job", "ready"), [job.ready.group or ""], _COMMON),
        (("job", "stop"), job.stop.command or (), _COMMON),
    ]
    if told.coordinator is not None:
        allowed.append((("coordinator", "command"), told.coordinator.command, _ANY_PROCESS))
        allowed.append((("coordinator", "env"), told.coordinator.env.values(), _ANY_PROCESS))
    if told.output is not None:
        allowed.append((("output",), told.output.texts, _COMMON))
    if job.progress is not None:
        allowed.append((("job", "progress"), [job.progress.group or "", *(job.progress.command or ())], _COMMON))
        allowed.append((("job", "progress"), [job.progress.client or ""], _COMMON | {"slot"}))
    return allowed


def unmet(told: JobFile, folder: Path, places: Places) -> Iterator[Problem]:
    """What the commands of a job file name and is not there. folder: that of the file."""
    yield from _misplaced(told, places)
    yield from _unlocked(told, folder, places)


def _misplaced(told: JobFile, places: Places) -> Iterator[Problem]:
    """Placeholders that do not exist, or not where they stand."""
    for path, texts, known in _texts(told):
        for name in placeholders.unknown(texts, known):
            yield unknown("placeholder", f"{{{name}}}", [f"{{{each}}}" for each in known], places.of(path))
        for name in placeholders.jar_sets(texts):
            if name not in (sets := jars.read_lock()):
                yield unknown("jar set", name, sets, places.of(path))


def _unlocked(told: JobFile, folder: Path, places: Places) -> Iterator[Problem]:
    """Requirements that are no file. What is in it, uv sees to: a package without its hash is refused."""
    named = told.job.requirements
    if named is not None and not _is_file(folder / named):
        remedy = "Make it beside the job file: uv pip compile --generate-hashes requirements.in -o requirements.txt"
        what = f"there is no file {quantity.said(named)} of requirements"
        yield Problem(what, places.of(("job", "requirements")), remedy, ExitCode.USAGE)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # A name that is too long for any file.
        return False


def environment(told: JobFile, folder: Path) -> Environment:
    """What a job needs on the machine. Jars are there for a JVM, so one is needed where they are named."""
    texts = [text for _, some, _ in _texts(told) for text in some]
    sets = placeholders.jar_sets(texts)
    java = PREFERRED if sets or "java_home" in placeholders.named(texts) else None
    lock = None if told.job.requirements is None else folder / told.job.requirements
    return Environment(jars=tuple(sets), java=java, requirements=lock)
