"""What exists: engines, workloads, faults and suites, by name."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from engines.configuration import Configurable
from engines.discovery import discover as discover_engines
from engines.protocol import Engine, Guarantee, OnItsOwnTerms, Support
from harness.faults import discover as discover_faults
from harness.faults.fault import Fault
from harness.planning.suite_files import suites
from workloads.discovery import Unavailable
from workloads.query import Query, SqlAnswer
from workloads.workload import Workload
from workloads.workload import discover as discover_workloads

Entry = Mapping[str, Any]
"""One thing in a list: its `name`, a line `about` it, and what a program may want to know."""


@dataclass(frozen=True)
class Catalogue:
    """The engines, workloads and faults that exist, by name."""

    engines: Mapping[str, Engine | Unavailable]
    workloads: Mapping[str, Workload | Unavailable]
    faults: Mapping[str, type[Fault] | Unavailable]

    def with_job(self, job: Engine | None) -> Catalogue:
        """The same, with a program of a user's own beside the engines; None for none."""
        return self if job is None else replace(self, engines={**self.engines, job.name: job})

    @property
    def loaded(self) -> dict[str, Engine]:
        """The engines that could be loaded."""
        return {name: engine for name, engine in self.engines.items() if not isinstance(engine, Unavailable)}


def discover() -> Catalogue:
    return Catalogue(discover_engines(), discover_workloads(), discover_faults())


def answered_by(engine: Engine, query: Query, guarantee: Guarantee, mode: str) -> Support:
    """What an engine says of a query; of a user's own SQL, which only the program of a job file answers, none is asked
    that is not one.
    """
    if isinstance(query.shape, SqlAnswer) and not isinstance(engine, OnItsOwnTerms):
        return Support("unsupported", "SQL of a user's own is for the program of a job file")
    return engine.support(query, guarantee, mode)


def _engines() -> list[Entry]:
    return [
        {"name": name, "about": f"cannot be loaded: {engine.why}", "available": False}
        if isinstance(engine, Unavailable)
        else {
            "name": name,
            "about": f"{engine.version}, on {' and '.join(engine.logs)}; modes: {', '.join(engine.modes)}",
            "available": True,
            "version": engine.version,
            "modes": dict(engine.modes),
            "logs": list(engine.logs),
            **(
                {
                    "settings": list(engine.settings),
                    "layouts": list(engine.layouts),
                    "stores": dict(engine.stores),
                    "own_interval": engine.has_interval,
                    "least_memory_mb": dict.fromkeys(engine.modes, engine.least_memory_mb),
                }
                if isinstance(engine, Configurable)
                else {}
            ),
            "environment": {
                "group": engine.environment.group,
                "jars": list(engine.environment.jars),
                "java": engine.environment.java,
                "python": engine.environment.python,
            },
        }
        for name, engine in discover_engines().items()
    ]


def _workloads() -> list[Entry]:
    return [
        {"name": name, "about": f"cannot be loaded: {workload.why}", "available": False}
        if isinstance(workload, Unavailable)
        else {"name": name, "about": workload.story, "available": True, "parameters": dict(workload.defaults)}
        for name, workload in discover_workloads().items()
    ]


def _faults() -> list[Entry]:
    return [
        {"name": name, "about": f"cannot be loaded: {fault.why}", "available": False}
        if isinstance(fault, Unavailable)
        else {
            "name": name,
            "about": fault.story,
            "available": True,
            "needs": sorted(fault.needs),
            "hold_s": fault.hold_s,
        }
        for name, fault in discover_faults().items()
    ]


def _suites() -> list[Entry]:
    return [
        {"name": name, "about": tomllib.loads(path.read_text(encoding="utf-8")).get("story", ""), "path": str(path)}
        for name, path in suites().items()
    ]


LISTS: Mapping[str, Callable[[], list[Entry]]] = {
    "engines": _engines,
    "workloads": _workloads,
    "faults": _faults,
    "suites": _suites,
}
