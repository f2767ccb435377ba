"""A page in a real browser: what it shows after its scripts ran, what does not fit, how many pages it prints."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium")

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-logging=stderr",
    "--virtual-time-budget=10000",
)

_MEASURE = f"<script>{(Path(__file__).parent / 'measure.js').read_text(encoding='utf-8')}</script>"


@dataclass(frozen=True)
class Measured:
    """A page at a width in px. cut: what does not fit into its frame. overflow: by how much the page is wider than its
    window. height: in px. charts: how many are drawn.
    """

    cut: list[str]
    overflow: int
    height: int
    width: int
    charts: int


def measure(page: str, folder: Path, width: int, opened: bool = False) -> Measured:
    """opened: every folded part is open."""
    opening = '<script>for (const part of document.querySelectorAll("details")) part.open = true;</script>'
    # The last of them: scripts of the page have one in a text.
    before, end, after = page.rpartition("</body>")
    (folder / "measured.html").write_text(
        f"{before}{opening if opened else ''}{_MEASURE}{end}{after}", encoding="utf-8"
    )
    around = folder / "around.html"
    around.write_text(
        "<!doctype html><meta charset=utf-8><body><script>"
        'window.addEventListener("message", (event) => { document.body.dataset.told = JSON.stringify(event.data); });'
        f'</script><iframe src="measured.html" style="width:{width}px;height:900px;border:0"></iframe>',
        encoding="utf-8",
    )
    done = run_browser(folder, "--window-size=1600,1000", "--dump-dom", around.as_uri())
    found = re.search(r'data-told="(.*?)"', done.stdout)
    assert found is not None, done.stderr
    told: dict[str, Any] = json.loads(found[1].replace("&quot;", '"').replace("&lt;", "<").replace("&amp;", "&"))
    return Measured(**told)


def printed_pages(page: str, folder: Path) -> int:
    """How many pages of A4 it prints."""
    source, target = folder / "printed.html", folder / "printed.pdf"
    source.write_text(page, encoding="utf-8")
    run_browser(folder, f"--print-to-pdf={target}", "--no-pdf-header-footer", source.as_uri())
    return len(re.findall(rb"/Type\s*/Page\b", target.read_bytes()))


def run_browser(folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Chromium without a window. Raises CalledProcessError and TimeoutExpired."""
    words = [str(CHROMIUM), *_FLAGS, f"--user-data-dir={folder / 'profile'}", *flags]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
