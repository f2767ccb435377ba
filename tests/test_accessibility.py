"""Who hears a report, sees no colours or uses no mouse can read it: axe-core finds nothing to object to."""

from __future__ import annotations

import json
import re
from pathlib import Path

import axe_core_python
import pytest

from tests import made_up, made_up_strikes
from tests.browser import CHROMIUM, run_browser
from tests.test_report_browser import page

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt-get install chromium")

AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
RUN = """
window.addEventListener("load", () => setTimeout(async () => {
  for (const part of document.querySelectorAll("details")) part.open = true;
  const found = await axe.run(document, { resultTypes: ["violations"] });
  const told = found.violations.map(({ id, help, nodes }) => [id, help, nodes.map((node) => node.html.slice(0, 200))]);
  document.body.dataset.axe = JSON.stringify([found.passes.length, told]);
}, 2000));
"""
SCHEMES = {"light": "1", "dark": "0"}
"""By name, what Chromium calls the colours that a user prefers."""


def objections(text: str, folder: Path, scheme: str) -> list[tuple[str, str, list[str]]]:
    """What axe-core objects to on a page: its rule, what is to be done, and the elements."""
    before, end, after = text.rpartition("</body>")
    path = folder / "page.html"
    path.write_text(f"{before}<script>{AXE}</script><script>{RUN}</script>{end}{after}", encoding="utf-8")
    done = run_browser(folder, f"--blink-settings=preferredColorScheme={scheme}", "--dump-dom", path.as_uri())
    found = re.search(r'data-axe="(.*?)"', done.stdout)
    assert found is not None, done.stderr
    told = found[1].replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    passed, objected = json.loads(told)
    assert passed > 10, "the rules were tried"
    return [(rule, what, elements) for rule, what, elements in objected]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("run", [made_up.six, made_up.mixed, made_up_strikes.faults])
def test_axe_core_objects_to_nothing(run: object, scheme: str, tmp_path: Path) -> None:
    assert callable(run)
    assert objections(page(run()), tmp_path, SCHEMES[scheme]) == []


def test_axe_core_would_object(tmp_path: Path) -> None:
    text = page(made_up.six()).replace("</body>", '<img src="data:,"><p style="color:#ccc">pale</p></body>')
    rules = {rule for rule, *_ in objections(text, tmp_path, SCHEMES["light"])}
    assert {"image-alt", "color-contrast"} <= rules
