"""Nothing of a page is cut on a phone, and little is printed: measured in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports import html
from results import result_file
from results.result import RunResult
from tests import made_up, made_up_strikes
from tests.browser import CHROMIUM, measure, printed_pages

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt-get install chromium")

RUNS = {"quick": (made_up.six, 4), "faults": (made_up_strikes.faults, 6)}
RESULTS = Path(__file__).parent.parent / "docs" / "results"
KEPT = {"settings": 4, "five-trials": 5, "faults": 3}
"""Of `quick` with ten ways to set six engines, of `quick` with five trials and 70 notes, and of `faults`."""


def page(run: RunResult) -> str:
    return html.render(run, "streamgauge run quick")


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("width", [320, 390, 768])
def test_nothing_is_cut(name: str, width: int, tmp_path: Path) -> None:
    found = measure(page(RUNS[name][0]()), tmp_path, width, opened=True)
    assert found.width == width
    assert found.charts >= 4
    assert (found.cut, found.overflow) == ([], 0)


@pytest.mark.parametrize(("name", "most"), KEPT.items())
def test_a_real_run_prints_on_few_pages(name: str, most: int, tmp_path: Path) -> None:
    assert 0 < printed_pages(page(result_file.read(RESULTS / f"{name}.json.xz")), tmp_path) <= most


@pytest.mark.parametrize("name", RUNS)
def test_it_prints_on_few_pages_and_folded_parts_stay_folded(name: str, tmp_path: Path) -> None:
    run, most = RUNS[name]
    folded = printed_pages(page(run()), tmp_path)
    opened = printed_pages(page(run()).replace("<details>", "<details open>"), tmp_path)
    assert 0 < folded <= most
    assert folded < opened


def test_a_text_that_is_cut_would_be_noticed(tmp_path: Path) -> None:
    chart = '<div class="chart"><svg width="100" height="20"><text x="60" y="15">much too long</text></svg></div>'
    wide = '<div style="width:900px"><p>wide</p></div>'
    found = measure(f"<!doctype html><body>{chart}{wide}</body>", tmp_path, 320)
    assert any("much too long" in each for each in found.cut)
    assert any("wide" in each for each in found.cut)
    assert found.overflow > 0
