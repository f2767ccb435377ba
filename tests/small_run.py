"""The command in a process and a home of its own, in a folder, for runs that take seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LIMIT_S = 180


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness.cli", *arguments],
        cwd=folder,
        env=os.environ | {"STREAMGAUGE_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
