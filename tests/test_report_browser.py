"""The report in a real browser: it draws, it complains of nothing, it asks for nothing, it believes nothing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from reports import html, sections
from results.result import RunResult
from tests import made_up, made_up_strikes
from tests.browser import CHROMIUM, run_browser
from tests.outside import drop

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt-get install chromium")

HOSTILE = "<img src=x onerror=\"document.title='taken'\"></script><script>document.title='taken'</script>"


@dataclass(frozen=True)
class Shown:
    """A page after its scripts ran: its elements, what the console said, which addresses were asked for."""

    dom: str
    console: list[str]
    requests: list[str]

    def drawn(self, chart: int) -> str:
        """The SVG of a chart, empty if it was not drawn."""
        found = re.search(rf'data-chart="{chart}".*?</figure>', self.dom, re.DOTALL)
        drawing = re.search(r"<svg.*?</svg>", found[0], re.DOTALL) if found else None
        return drawing[0] if drawing else ""


def show(page_text: str, folder: Path, *flags: str) -> Shown:
    page, log = folder / "report.html", folder / "net.json"
    page.write_text(page_text, encoding="utf-8")
    done = run_browser(folder, f"--log-net-log={log}", "--dump-dom", *flags, page.as_uri())
    console = [line for line in done.stderr.splitlines() if ":CONSOLE:" in line]
    return Shown(done.stdout, console, _requests(log))


def _requests(log: Path) -> list[str]:
    """Addresses off this machine that the page asked for. What the browser asks for itself has no origin."""
    asked = [event.get("params", {}) for event in json.loads(log.read_text(encoding="utf-8"))["events"]]
    return [
        params["url"]
        for params in asked
        if params.get("url", "").startswith(("http", "ws"))
        and params.get("initiator", "not an origin") != "not an origin"
    ]


def page(run: RunResult) -> str:
    return html.render(run, "streamgauge run quick")


def test_a_request_or_a_complaint_would_be_noticed(tmp_path: Path) -> None:
    shown = show(
        "<!doctype html><img src='http://example.invalid/x.png'><script>console.error('no')</script>", tmp_path
    )
    assert shown.requests == ["http://example.invalid/x.png"]
    assert any('"no"' in line for line in shown.console)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_charts_are_drawn_without_complaint_and_without_a_request(tmp_path: Path, scheme: str) -> None:
    shown = show(
        page(made_up.six()), tmp_path, f"--blink-settings=preferredColorScheme={['dark', 'light'].index(scheme)}"
    )
    assert shown.console == []
    assert shown.requests == []
    for chart in range(4):
        assert shown.drawn(chart).count("<path") > 6, f"chart {chart}"
    assert "1.52 M/s" in shown.drawn(0)
    assert "kafka-streams (retention-1h)" in shown.drawn(2)
    assert "p99.9" in shown.drawn(2)


def test_a_mixed_run_is_drawn_too(tmp_path: Path) -> None:
    shown = show(page(made_up.mixed()), tmp_path)
    assert shown.console == []
    assert "✗ 2.00 M/s" in shown.drawn(0)
    assert "flink" not in shown.drawn(0)


def test_what_results_say_is_shown_and_not_done(tmp_path: Path) -> None:
    offence = made_up.LOST.model_copy(update={"key": HOSTILE, "explanation": HOSTILE})
    cases = made_up.pair(HOSTILE, outcome="fail", reason=HOSTILE, offences=[offence], settings={HOSTILE: HOSTILE})
    shown = show(page(RunResult(run=HOSTILE, suite="quick", machine=made_up.MACHINE, cases=cases)), tmp_path)
    title = re.search(r"<title>(.*?)</title>", shown.dom, re.DOTALL)
    assert title
    assert title[1].startswith("quick")
    assert "<img" not in re.sub(r"<script.*?</script>", "", shown.dom, flags=re.DOTALL)
    assert shown.console == []
    assert shown.drawn(0)


# It has the id of the page's own charts, text that is markup, and a chart before all others.
SECTION = f"""
from reports.elements import Figure, Figures, Hint
from reports.vega import Bar, bars
from reports.sections.section import PagePart, Section

FIGURE = Figure("Own", "", bars([Bar("mine", 7.0, "seven")], ["mine"], "", ""), ["engine"], [])
section = Section("charts-json", PagePart("Own", 5, lambda report: [Hint({HOSTILE!r}), Figures([FIGURE])], "Own"))
"""


def test_a_section_from_outside_draws_and_disturbs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(SECTION, tmp_path, monkeypatch)
    shown = show(page(made_up.six()), tmp_path)
    assert shown.console == []
    assert shown.requests == []
    assert 'id="charts-json"><h2>Own</h2>' in re.sub(r">\s+<", "><", shown.dom)
    assert "<title>quick" in shown.dom
    assert "seven" in shown.drawn(0)
    assert "1.52 M/s" in shown.drawn(1)


def test_a_page_without_the_command_complains_of_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = sections.discover()
    monkeypatch.setattr(sections, "discover", lambda: {name: found[name] for name in found if name != "again"})
    shown = show(page(made_up.six()), tmp_path)
    assert "Run it again" not in shown.dom
    assert shown.console == []
    assert shown.drawn(0)


def with_script(page_text: str, script: str) -> str:
    """The page with a script of a test behind its own."""
    before, end, after = page_text.rpartition("</body>")
    return f"{before}<script>{script}</script>{end}{after}"


def first_cells(dom: str, section: str) -> list[str]:
    found = re.search(rf'<section id="{section}">(.*?)</section>', dom, re.DOTALL)
    assert found is not None
    return re.findall(r'<th scope="row">([^<]+)', found[1])


@pytest.mark.parametrize(
    ("clicks", "order", "sorted_by"),
    [
        (1, ["kafka-client", "spark", "kafka-streams", "flink", "continuous", "micro-batch"], "ascending"),
        (2, ["micro-batch", "continuous", "flink", "kafka-streams", "spark", "kafka-client"], "descending"),
    ],
)
def test_a_click_on_a_heading_sorts_by_it_across_units(
    clicks: int, order: list[str], sorted_by: str, tmp_path: Path
) -> None:
    click = "[...document.querySelectorAll('#results thead th')].find((th) => th.textContent === 'drain rate')"
    script = f"for (let i = 0; i < {clicks}; i++) {click}.querySelector('button').click();"
    shown = show(with_script(page(made_up.six()), script), tmp_path)
    assert shown.console == []
    assert first_cells(shown.dom, "results") == order
    assert f'aria-sort="{sorted_by}"' in shown.dom


def test_what_was_not_measured_stands_last_however_it_is_sorted(tmp_path: Path) -> None:
    click = "[...document.querySelectorAll('#results thead th')].find((th) => th.textContent === 'drain rate')"
    script = f"for (let i = 0; i < 2; i++) {click}.querySelector('button').click();"
    shown = show(with_script(page(made_up.mixed()), script), tmp_path)
    assert set(first_cells(shown.dom, "results")[3:]) == {"flink", "kafka-client", "micro-batch"}


def test_a_chart_can_be_had_as_an_image(tmp_path: Path) -> None:
    # A browser without a user asks nobody whether it may write to the clipboard, and waits.
    script = (
        "navigator.clipboard.write = () => Promise.reject(new Error('not allowed'));"
        " setTimeout(() => document.querySelector('button.image').click(), 2000);"
    )
    shown = show(with_script(page(made_up.six()), script), tmp_path)
    assert shown.console == []
    assert shown.dom.count('class="image"') == 4
    assert re.search(r'class="image"[^>]*>Saved as chart.png<', shown.dom)


def test_the_results_can_be_saved_from_the_page(tmp_path: Path) -> None:
    script = (
        "const made = URL.createObjectURL; URL.createObjectURL = (blob) => {"
        " blob.text().then((text) => { document.body.dataset.saved = JSON.parse(text).run; }); return made(blob); };"
        " document.querySelector('button#download').click();"
    )
    shown = show(with_script(page(made_up.six()), script), tmp_path)
    assert shown.console == []
    assert f'data-saved="{made_up.six().run}"' in shown.dom


def test_every_chart_is_drawn_of_names_with_a_break_of_lines_in_them(tmp_path: Path) -> None:
    cases = [*made_up.pair("a\u2028b", coordinator_mib=100), *made_up.pair("c\u2029d", coordinator_mib=100)]
    shown = show(page(RunResult(run="r", suite="quick", machine=made_up.MACHINE, cases=cases)), tmp_path)
    assert shown.console == []
    assert all(shown.drawn(chart) for chart in range(4))


def test_a_chart_in_a_folded_part_is_drawn_when_that_is_opened(tmp_path: Path) -> None:
    folded = show(page(made_up_strikes.faults()), tmp_path)
    assert "<svg" not in re.sub(r"<script.*?</script>", "", folded.dom, flags=re.DOTALL)
    script = "for (const part of document.querySelectorAll('details')) part.open = true;"
    opened = show(with_script(page(made_up_strikes.faults()), script), tmp_path)
    assert opened.console == []
    charts = len(re.findall('data-chart="', opened.dom))
    assert charts > 3
    assert all(opened.drawn(chart) for chart in range(charts))
