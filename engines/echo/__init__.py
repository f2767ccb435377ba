"""The echo: no engine, but what an engine would be that had nothing to compute. By it the harness measures itself.

It reads the input as an engine of ours does and writes as many rows, of as many bytes, as the workload is due; it looks
into no event and answers no query. So its package has no `engine`: it is never listed, run as a case or judged. What it
needs to know stands in a file that the harness leaves in the job's folder.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from engines.runtime.cluster import BuiltinEngine

_FILE = "echo.json"


@dataclass(frozen=True)
class Due:
    """How many rows are due for how many events, and how long one is."""

    rows: int
    events: int
    row_bytes: int

    def save(self, job: Path) -> None:
        (job / _FILE).write_text(json.dumps(asdict(self)))

    @staticmethod
    def load(job: Path) -> Due:
        return Due(**json.loads((job / _FILE).read_text()))


echo = BuiltinEngine(__package__, "as many rows as are due, and no answer", "none")
