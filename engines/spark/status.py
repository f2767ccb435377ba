"""What a driver says of a submitted job: a small file in the job's folder. Standard library only."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

State = Literal["starting", "ready", "failed", "stopped"]
"""ready: an event written now would be processed at once. failed: with a cause. In the last two it runs no longer."""

_FILE = "status.json"
PLAN = "plan.txt"
"""What the query that is to be explained would run."""


@dataclass(frozen=True)
class Status:
    """The state, why it failed, and the counts of records since the job was submitted."""

    state: State
    cause: str = ""
    late: int = 0
    broken: int = 0

    @property
    def ended(self) -> bool:
        return self.state in ("failed", "stopped")

    def now(self, state: State, cause: str = "") -> Status:
        return replace(self, state=state, cause=cause)

    def counted(self, late: int, broken: int) -> Status:
        return replace(self, late=self.late + late, broken=self.broken + broken)

    def write(self, folder: Path) -> None:
        """Replaces the file at once, so that a reader never sees half of it."""
        new = folder / f"{_FILE}.new"
        new.write_text(json.dumps(asdict(self)))
        new.replace(folder / _FILE)

    @staticmethod
    def read(folder: Path) -> Status:
        """`starting` where nothing was written yet."""
        try:
            return Status(**json.loads((folder / _FILE).read_text()))
        except FileNotFoundError:
            return Status("starting")
