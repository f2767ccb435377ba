"""Job files for tests: texts, and the files that they are written into."""

from __future__ import annotations

from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples" / "jobs"

MINE = """\
schema_version = 1

[worker]
command = ["java", "-jar", "mine.jar"]
count = 2
env = { BROKERS = "{bootstrap}", TXID = "{job}-{slot}" }

[job]
claims = { processing = "exactly-once", delivery = "at-least-once" }
ready = { group = "{group}" }
progress = { group = "{group}", client = "{job}-{slot}" }
answer = { each_once = "header:sg-id" }
"""


def written(folder: Path, text: str = MINE, name: str = "mine.toml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def changed(before: str, after: str) -> str:
    """MINE with one text replaced, which is there."""
    assert before in MINE
    return MINE.replace(before, after)
