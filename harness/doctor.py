"""What can run on this machine, what is lacking with the command that repairs it, and the bringing of it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from engines.protocol import Engine, Environment
from harness import broker
from harness.commands.invocation import again
from harness.problem import Problem
from harness.provisioning import system, uv
from harness.provisioning.code_folder import code_folder
from harness.provisioning.environments import ensure_environment, environment_state
from harness.provisioning.folders import home
from harness.provisioning.jars import ensure_jars, missing_jars
from harness.provisioning.java import PREFERRED, Java, ensure_java, find_java
from harness.provisioning.libpython import ensure_library
from harness.provisioning.progress import ProgressReport
from results.printable import printable
from workloads.discovery import Unavailable

State = Literal["ok", "warning", "missing"]

BROKER = "kafka"
"""The name under which the broker is diagnosed and set up, beside the engines' names."""

_MARKS: Mapping[State, str] = {"ok": "[✓]", "warning": "[!]", "missing": "[✗]"}
_CORES = 2
_MEMORY = 6e9  # The broker, the harness, and an engine of two workers of 1 GiB with its coordinators.
_DISK = 5e9  # All environments and jars take about 3 GB; a run's topics and state come on top.


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    kind: Literal["machine", "tool", "broker", "engine"]
    """What sort of thing it is; the last line counts those of kind `engine`."""
    name: str
    """What was looked at, in a word, such as `memory` or an engine's name."""
    state: State
    """`warning`: runs are possible, but less well or not all of them. `missing`: it cannot be used."""
    what: str
    """What was found, in words: a version, a size, or what is wrong."""
    repair: str = ""
    """A command where one repairs it, else advice; empty where there is neither."""


@dataclass(frozen=True)
class Provisioned:
    """What an engine runs with."""

    python: Path
    """Interpreter of its environment."""
    java_home: Path | None
    """The JDK; None where nothing needs one."""
    java_version: str | None
    """Its version; None without a JDK."""
    jars: Mapping[str, tuple[Path, ...]]
    """Paths of jars by set; with the broker's set where a broker was asked for, too."""
    root: Path
    """The folder that its processes import our code from, see `code_folder`."""


def prepare(engines: Sequence[Engine], own_broker: bool, report: ProgressReport) -> dict[str, Provisioned | Problem]:
    """What each engine needs (and a broker of ours, if it is wanted), brought: by engine name, or why it cannot be."""
    outcome: dict[str, Provisioned | Problem] = {}
    for engine in engines:
        try:
            outcome[engine.name] = _provision(engine, own_broker, report)
        except Problem as problem:
            outcome[engine.name] = problem
    return outcome


def prepare_broker(report: ProgressReport) -> tuple[Java, tuple[Path, ...]]:
    """Bring what a broker of ours needs: its JDK and its jars. Raises Problem."""
    return ensure_java(broker.JAVA, report), ensure_jars(broker.JARS, report)


def examine(engines: Mapping[str, Engine | Unavailable]) -> list[Finding]:
    """Look at the machine, the tools, the broker and every engine; nothing is changed or fetched."""
    log = _broker()
    return [*_machine(), *_tools(), log, *(_engine(name, engine, log.state) for name, engine in engines.items())]


def look(engine: Engine) -> Finding:
    """Whether an engine could run here, on a log that is there; nothing is changed or fetched."""
    return _engine(engine.name, engine, "ok")


def look_at_broker() -> Finding:
    """Whether a broker of ours could run here; nothing is changed or fetched."""
    return _broker()


def lines(findings: Iterable[Finding]) -> list[str]:
    """Findings as text, each on a line with what repairs it; then how many engines are ready."""
    found = list(findings)
    width = max((len(finding.name) for finding in found), default=0)
    text = []
    for finding in found:
        repair = f"  -> {finding.repair}" if finding.repair else ""
        text.append(printable(f"{_MARKS[finding.state]} {finding.name:{width}}  {finding.what}{repair}"))
    engines = [finding for finding in found if finding.kind == "engine"]
    ready = sum(finding.state == "ok" for finding in engines)
    return [*text, f"{ready} of {len(engines)} engines ready."]


def _provision(engine: Engine, own_broker: bool, report: ProgressReport) -> Provisioned:
    needs = engine.environment
    minimum = max(needs.java or 0, broker.JAVA if own_broker else 0)
    java = ensure_java(minimum, report) if minimum else None
    jars = {name: ensure_jars(name, report, needs.jar_lock) for name in needs.jars}
    if own_broker:
        jars[broker.JARS] = ensure_jars(broker.JARS, report)
    python = ensure_environment(needs, report)
    if needs.embeds_python:
        ensure_library(python, report)
    root = code_folder(needs.packages)
    return Provisioned(python, java.home if java else None, java.version if java else None, jars, root)


def _machine() -> list[Finding]:
    cores, memory = len(os.sched_getaffinity(0)), psutil.virtual_memory().total
    folder = next(path for path in (home(), *home().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    return [
        _at_least("cores", cores >= _CORES, f"{cores}", f"{_CORES} or more are needed for figures that mean something"),
        _at_least(
            "memory", memory >= _MEMORY, f"{memory / 1e9:.1f} GB", f"all six engines want {_MEMORY / 1e9:.0f} GB"
        ),
        _at_least("disk", free >= _DISK, f"{free / 1e9:.1f} GB free at {folder}", f"{_DISK / 1e9:.0f} GB are wanted"),
    ]


def _at_least(name: str, enough: bool, what: str, wanted: str) -> Finding:
    return Finding("machine", name, "ok", what) if enough else Finding("machine", name, "warning", f"{what}: {wanted}")


def _tools() -> list[Finding]:
    found = uv.find_uv()
    return [
        Finding("tool", "python", "ok", f"{platform.python_version()} ({sys.executable})"),
        Finding("tool", "uv", "ok", str(found))
        if found
        else Finding(
            "tool", "uv", "warning", f"none that is new enough: uv {uv.VERSION} is installed when first needed"
        ),
        _java(),
    ]


def _java() -> Finding:
    try:
        java = find_java(PREFERRED)
    except Problem as problem:
        return Finding("tool", "java", "missing", problem.what, problem.remedy)
    return Finding("tool", "java", "ok", f"JDK {java.version} ({java.home})")


def _broker() -> Finding:
    lacking = [*_lacking_java(broker.JAVA, BROKER), *_lacking_jars(broker.JARS, BROKER)]
    return _finding("broker", BROKER, lacking, "a broker of ours can be started: the log of the real engines")


def _engine(name: str, engine: Engine | Unavailable, log: State) -> Finding:
    if isinstance(engine, Unavailable):
        return Finding("engine", name, "missing", f"cannot be loaded: {engine.why}")
    needs = engine.environment
    lacking = _lacking_java(needs.java, name) if needs.java else []
    lacking += _lacking_environment(needs, name)
    for jar_set in needs.jars:
        lacking += _lacking_jars(jar_set, name, needs.jar_lock)
    if not lacking and log != "ok" and "embedded" not in engine.logs:
        return Finding("engine", name, "warning", f"{engine.version}, on a Kafka broker of yours only (see {BROKER})")
    return _finding("engine", name, lacking, engine.version)


def _finding(kind: Literal["broker", "engine"], name: str, lacking: Sequence[tuple[str, str]], ready: str) -> Finding:
    """lacking: what, with its repair; the first one's repair comes first."""
    if not lacking:
        return Finding(kind, name, "ok", ready)
    return Finding(kind, name, "missing", "; ".join(what for what, _ in lacking), lacking[0][1])


def _lacking_java(minimum: int, owner: str) -> list[tuple[str, str]]:
    try:
        find_java(minimum)
    except Problem as problem:
        # Where we may install, setting up what needs a JDK brings the JDK.
        return [(problem.what, _setup(owner) if system.may_install() else problem.remedy)]
    return []


def _lacking_environment(needs: Environment, engine: str) -> list[tuple[str, str]]:
    try:
        state = environment_state(needs)
    except Problem as problem:
        return [(problem.what, problem.remedy)]
    return [] if state == "ready" else [(f"environment {state}", _setup(engine))]


def _lacking_jars(name: str, owner: str, lock: Path | None = None) -> list[tuple[str, str]]:
    try:
        missing = missing_jars(name, lock)
    except Problem as problem:
        return [(problem.what, problem.remedy)]
    megabytes = sum(jar.size for jar in missing) / 1e6
    return [(f"{name} jars missing (files: {len(missing)}, {megabytes:.0f} MB)", _setup(owner))] if missing else []


def _setup(name: str) -> str:
    return again("setup", name)
