"""How many records each task left out, as files in the job's directory: what is seen of the workers from outside.

A task's counts are part of its snapshot, so they stay right when it fails, restarts or moves to another worker.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engines.protocol import Counter
from engines.runtime.job_spec import replace
from engines.runtime.operator import Operator

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Counts:
    late: int = 0
    broken: int = 0


class Skipped:
    """Tells, in the worker's log and in a file a task, how many records were left out, whenever there are more."""

    def __init__(self, directory: Path) -> None:
        """directory: the job's."""
        self._directory = _folder(directory)
        self._directory.mkdir(parents=True, exist_ok=True)
        self._told: dict[int, Counts] = {}

    def tell(self, operators: Mapping[int, Operator]) -> None:
        counts = {task: Counts(operator.late, operator.broken) for task, operator in operators.items()}
        changed = {task: count for task, count in counts.items() if count != self._told.get(task)}
        if not changed:
            return
        self._told = counts
        for task, count in changed.items():
            replace(self._directory / f"task-{task}.json", json.dumps({"late": count.late, "broken": count.broken}))
        broken, late = sum(count.broken for count in counts.values()), sum(count.late for count in counts.values())
        if broken or late:
            _logger.warning("skipped since the job began: %d records that are no events, %d late events", broken, late)


def counters(directory: Path) -> Mapping[Counter, int]:
    """Of all tasks of the job in this directory, since it began."""
    found = [json.loads(path.read_text()) for path in _folder(directory).glob("task-*.json")]
    return {"late": sum(count["late"] for count in found), "broken": sum(count["broken"] for count in found)}


def _folder(directory: Path) -> Path:
    return directory / "counters"
