"""What a shell offers for a word that is being typed. Each function takes the word's beginning; slow imports wait."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from harness.commands.named_run import LATEST, newest_first
from harness.planning.suite_files import suites

_NEWEST = 30
"""No more runs than this are offered."""


def fitting(words: Iterable[str], incomplete: str) -> list[str]:
    """Those that begin so. One that a shell would read as more than a word is not offered: it may come from anyone."""
    return [word for word in words if word.startswith(incomplete) and shlex.quote(word) == word]


def suite(incomplete: str) -> list[str]:
    """Names of suites, and suite files of the current folder."""
    return fitting([*suites(), *(str(path) for path in sorted(Path().glob("*.toml")))], incomplete)


def engine(incomplete: str) -> list[str]:
    from engines.discovery import discover

    return fitting(discover(), incomplete)


def set_up(incomplete: str) -> list[str]:
    """What `setup` takes: engines, the broker, or all of it."""
    return [*engine(incomplete), *fitting(["kafka", "all"], incomplete)]


def workload(incomplete: str) -> list[str]:
    from workloads.workload import discover

    return fitting(discover(), incomplete)


def fault(incomplete: str) -> list[str]:
    from harness.faults import discover

    return fitting([*discover(), "all"], incomplete)


def case(incomplete: str) -> list[str]:
    """ENGINE.MODE.WORKLOAD: first an engine and a mode, then a workload."""
    from engines.discovery import discover
    from workloads.discovery import Unavailable
    from workloads.workload import discover as discover_workloads

    found = {name: each for name, each in discover().items() if not isinstance(each, Unavailable)}
    modes = [f"{name}.{mode}." for name, each in found.items() for mode in each.modes]
    if incomplete.count(".") < 2:
        return fitting(modes, incomplete)
    return fitting((f"{start}{name}" for start in modes for name in discover_workloads()), incomplete)


def run(incomplete: str) -> list[str]:
    """`latest`, and the newest runs in runs/."""
    return fitting([LATEST, *(str(folder) for folder in newest_first()[:_NEWEST])], incomplete)
