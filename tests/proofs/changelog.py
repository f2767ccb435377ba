"""CHANGELOG.md: what is not released yet, as towncrier makes it of changelog.d/, and the releases behind it.

    python -m tests.proofs.changelog     writes it anew, after a change in changelog.d/ and after `towncrier build`

tests/test_changelog.py holds that it says what the fragments say.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = "CHANGELOG.md"
MARK = "<!-- towncrier release notes start -->\n"
"""Behind it towncrier puts a release. What is not released stands before it."""

_HEAD = """# Changes

What users of Streamgauge notice, the newest release first. A number such as #18 is that of an issue.

## Not released yet

"""


def draft(root: Path) -> str:
    """What the fragments say. Raises CalledProcessError for one whose name is none."""
    words = ["build", "--draft", "--version", "0", "--date", "0", "--dir", str(root)]
    done = subprocess.run([sys.executable, "-m", "towncrier", *words], capture_output=True, text=True, check=True)
    _title, _, entries = done.stdout.partition("\n")
    return entries.strip()


def text(root: Path) -> str:
    """The whole file: releases stay as they stand in it."""
    path = root / NAME
    released = path.read_text(encoding="utf-8").partition(MARK)[2] if path.exists() else ""
    return f"{_HEAD}{draft(root)}\n\n{MARK}{released}"


if __name__ == "__main__":
    (ROOT / NAME).write_text(text(ROOT), encoding="utf-8")
