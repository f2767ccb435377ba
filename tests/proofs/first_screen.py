"""The picture of README.md: the first screen of the report of a kept result. Made by hand, and not by CI.

    python -m tests.proofs.first_screen [RESULT]     writes docs/first-screen.png

RESULT is docs/results/settings.json.xz where none is named. It needs Chromium, and makes no request.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from reports import html
from results import result_file

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "docs" / "results" / "settings.json.xz"
PICTURE = ROOT / "docs" / "first-screen.png"
WIDTH, HEIGHT = 1280, 1200
"""Of the screen, in CSS pixels."""


def take(result: Path, picture: Path) -> None:
    """Write the picture of a result's report. Raises FileNotFoundError without Chromium."""
    browser = shutil.which("chromium")
    if browser is None:
        raise FileNotFoundError("there is no chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        page, taken = Path(folder) / "report.html", Path(folder) / "taken.png"
        page.write_text(html.render(result_file.read(result), "streamgauge run quick"), encoding="utf-8")
        subprocess.run(
            [
                *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
                *("--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"),
                *(f"--window-size={WIDTH},{HEIGHT}", "--virtual-time-budget=10000"),
                *(f"--user-data-dir={Path(folder) / 'profile'}", f"--screenshot={taken}", page.as_uri()),
            ],
            capture_output=True,
            timeout=120,
            check=True,
        )
        shutil.copyfile(taken, picture)


if __name__ == "__main__":
    take(Path(sys.argv[1]) if len(sys.argv) > 1 else KEPT, PICTURE)
