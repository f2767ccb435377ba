"""The example reports in reports/examples/: pages of kept results, as `streamgauge report` makes them.

    python -m tests.proofs.examples     writes them anew, after a change of the report or of a kept result

tests/test_examples.py holds that they are what the code makes today.
"""

from __future__ import annotations

from pathlib import Path

from reports import html
from results import result_file

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "reports" / "examples"
RESULTS = ROOT / "docs" / "results"
COMMANDS = {
    "settings": """streamgauge run quick --set 'settings=["plain", "recommended"]'""",
    "faults": "streamgauge run faults",
}
"""By the kept result's name, what made it."""


def page(name: str) -> str:
    """The report of a kept result, by its name."""
    return html.render(result_file.read(RESULTS / f"{name}.json.xz"), COMMANDS[name])


if __name__ == "__main__":
    for name in COMMANDS:
        (FOLDER / f"{name}.html").write_text(page(name), encoding="utf-8")
