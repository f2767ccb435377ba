"""The results in docs/results can be read, each row of them was right, and the pages beside them say what they say."""

from __future__ import annotations

import io
import lzma
import re
from itertools import takewhile
from pathlib import Path

import pytest
from rich.console import Console

from harness import cli
from reports import html, markdown, probe_text, terminal, units
from reports.comparison import Row, compare
from reports.sections import sustained
from results import result_file, store
from results.metrics import drain, drain_cpu, latency, latency_parts, memory
from results.metrics.metric import Metric
from results.result import CaseResult, ProbeResult, RunResult
from tests.proofs import five_trials, price_of_guarantees

FOLDER = Path(__file__).parent.parent / "docs" / "results"
KEPT = sorted(FOLDER.glob("*.json.xz"))
WHOLE = FOLDER / "faults.json.xz"
"""The results of the suite `faults`, whole."""
TRIALS = FOLDER / "five-trials.json.xz"
"""Speeds, of five trials each. What has faults and is not WHOLE is a part of `faults-full`."""

RATIOS = (drain_cpu.EVENTS_PER_SECOND, drain.RATE, latency_parts.ENGINE["p50"], memory.PEAK)
"""Of what docs/engines.md says the ratio of recommended to plain settings."""

Place = tuple[str, str]
"""An engine and a fault."""


def read(kept: Path, folder: Path) -> RunResult:
    (folder / store.RESULT).write_bytes(lzma.decompress(kept.read_bytes()))
    return store.load(folder)


def table(heading: str) -> list[dict[str, str]]:
    """The rows of the table of faults.md with this first heading: cells by heading, names without quotes and modes."""
    first, *lines = (FOLDER / "faults.md").read_text().partition(f"\n| {heading} ")[2].splitlines()
    written = [first, *takewhile(lambda line: line.startswith("|"), lines)]
    rows = [[re.sub(r"`| \(.*-.*\)$", "", cell.strip()) for cell in line.strip("| ").split("|")] for line in written]
    headings = [heading, *(re.sub(r" \(.*\)$", "", name) for name in rows[0])]
    return [dict(zip(headings, row, strict=True)) for row in rows[2:]]


def exposed(case: CaseResult) -> str:
    found = case.metrics["strikes_exposed"]
    return f"{found.value:g} of {found.n}"


def recovered(case: CaseResult) -> list[float]:
    """Seconds until each strike was caught up with, of those that were."""
    return [strike.caught_up_s for strike in case.strikes if strike.caught_up_s is not None]


def fewer(case: CaseResult) -> str:
    """How many strikes were recovered from, where not all were."""
    k, n = len(recovered(case)), len(case.strikes)
    return f" ({k} of {n})" if k < n else ""


def range_of(case: CaseResult) -> str:
    """A cell of the table of a few strikes each."""
    if case.outcome == "unsupported":
        return "–"  # noqa: RUF001  # the page's dash
    ends = dict.fromkeys(f"{seconds:.1f}" for seconds in (min(recovered(case)), max(recovered(case))))
    return f"{exposed(case)}; {' to '.join(ends)}{fewer(case)}"


def median_of(case: CaseResult) -> str:
    """A cell of the table of the whole suite."""
    found = case.metrics["recovery_caught_up"]
    return f"{exposed(case)}; {found.value:.1f} [{found.low:.1f}, {found.high:.1f}]{fewer(case)}"


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.name)
def test_a_kept_result_can_be_read_and_shown(kept: Path, tmp_path: Path) -> None:
    assert "<!doctype html>" in html.render(read(kept, tmp_path), "streamgauge run").lower()


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.name)
def test_every_row_of_a_kept_result_was_right_and_a_guarantee_that_nothing_struck_is_called_untested(
    kept: Path, tmp_path: Path
) -> None:
    for case in read(kept, tmp_path).cases:
        if case.outcome == "unsupported":
            continue
        counts = case.verdict
        assert counts.match > 0
        assert counts.missing == counts.duplicate == counts.wrong == counts.unexpected == 0
        if case.fault == "none" or case.metrics["strikes_exposed"].value:
            assert case.outcome == "pass"
        else:
            assert (case.outcome, case.reason.partition(":")[0]) == ("unknown", "untested")


def test_the_table_of_a_part_of_faults_full_is_that_of_the_results(tmp_path: Path) -> None:
    parts = [case for kept in KEPT if kept != WHOLE for case in read(kept, tmp_path).cases]
    cases = [case for case in parts if case.fault != "none"]
    found: dict[Place, str] = {(case.engine, case.fault): range_of(case) for case in cases}
    assert len(found) == len(cases)
    rows = table("fault")
    assert {(engine, row["fault"]): row[engine] for row in rows for engine in row if engine != "fault"} == found


def test_the_table_of_the_suite_of_faults_is_that_of_the_results(tmp_path: Path) -> None:
    found: dict[Place, str] = {(case.engine, case.fault): median_of(case) for case in read(WHOLE, tmp_path).cases}
    rows = table("engine")
    assert {(row["engine"], fault): row[fault] for row in rows for fault in row if fault != "engine"} == found


def probed(engine: str, probe: ProbeResult) -> list[str]:
    """A row of the table of rates."""
    outcomes = {"held": "held", "ceiling": "the generator was behind"}
    outcome = outcomes.get(probe.outcome, f"{probe.outcome}: {probe.why.partition(', and')[0]}")
    p50, p99, _ = (text.replace(units.NONE, "–") for text in probe_text.latencies(probe))  # noqa: RUF001  # a dash
    return [units.scaled(probe.rate, "/s"), engine, outcome, p50, p99, f"{probe.cores:.2f}"]


def test_the_table_of_rates_is_that_of_the_result() -> None:
    cases = result_file.read(FOLDER / "sweep.json.xz").cases
    text = (FOLDER / "README.md").read_text(encoding="utf-8").partition("| offered load ")[2]
    written = [[cell.strip() for cell in line.strip("|").split("|")] for line in takewhile(bool, text.splitlines()[2:])]
    assert written == [probed(case.engine, probe) for case in cases for probe in case.probes]


def test_the_table_of_sustained_rates_is_that_of_the_result() -> None:
    (comparison,) = compare(result_file.read(FOLDER / "search.json.xz"))
    made = markdown.table(("engine", *sustained.HEAD[1:]), [sustained.cells(row) for row in comparison.ran])
    page = (FOLDER / "sustained.md").read_text(encoding="utf-8")
    assert "\n".join(made) in page
    ceilings = [note for row in comparison.ran for note in row.notes if "the harness's ceiling was met" in note]
    held = [float(re.search(r"held ([\d,]+)", note)[1].replace(",", "")) for note in ceilings]  # type: ignore[index]
    assert f"They held {held[0] / 1e3:.0f} k/s, {held[1] / 1e3:.0f} k/s and {held[2] / 1e3:.0f} k/s at least" in page


def test_what_settings_bring_is_that_of_the_result() -> None:
    (comparison,) = compare(result_file.read(FOLDER / "settings.json.xz"))
    rows = {(row.engine, row.first.mode, row.first.set_up.settings): row for row in comparison.ran}
    pairs = {
        "flink (sql)": (rows["flink", "sql", "plain"], rows["flink", "sql", "recommended"]),
        "kafka-streams (retention-1h)": (
            rows["kafka-streams", "retention-1h", "plain"],
            rows["kafka-streams", "retention-1h", "recommended"],
        ),
        "spark (micro-batch)": (rows["spark", "micro-batch", "plain"], rows["spark", "micro-batch", "recommended"]),
        "kafka-client: confluent-kafka by kafka-python": (
            rows["kafka-client", "kafka-python", None],
            rows["kafka-client", "confluent-kafka", None],
        ),
    }
    text = (FOLDER.parent / "engines.md").read_text(encoding="utf-8").partition("| engine | events per CPU-second")[2]
    written = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:6]]
    assert written == [[name, *(ratio(*pair, metric) for metric in RATIOS)] for name, pair in pairs.items()]


def ratio(before: Row, after: Row, metric: Metric) -> str:
    """One divided by the other, in brackets where one of them is."""
    value = (after.value(metric) or 0.0) / (before.value(metric) or 1.0)
    text = f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"
    return f"({text})" if before.bracketed(metric) or after.bracketed(metric) else text


def test_the_page_of_guarantees_is_that_of_the_result(tmp_path: Path) -> None:
    run = read(FOLDER / "price-of-guarantees.json.xz", tmp_path)
    assert price_of_guarantees.unfit(run) is None
    assert price_of_guarantees.page(run) == (FOLDER / "price-of-guarantees.md").read_text(encoding="utf-8")


def test_what_its_own_interval_brings_kafka_streams_is_that_of_the_result() -> None:
    compared = compare(result_file.read(FOLDER / "price-of-guarantees.json.xz"))
    found = {
        row.asked.interval_ms: row.value(latency.RESULT["p50"]) or 0.0
        for comparison in compared
        for row in comparison.ran
        if row.engine == "kafka-streams" and comparison.guarantee == "exactly-once" and row.asked is not None
    }
    told = f"was {found[100] / found[1000]:.2f} ×\n  that at a second, {found[100]:.1f} ms and {found[1000]:.0f} ms"
    assert told in (FOLDER.parent / "engines.md").read_text(encoding="utf-8")


def test_the_page_of_five_trials_is_that_of_the_result(tmp_path: Path) -> None:
    run = read(TRIALS, tmp_path)
    assert five_trials.unfit(run) is None
    assert five_trials.page(run) == (FOLDER / "five-trials.md").read_text(encoding="utf-8")


def shown_at_120_columns(run: RunResult) -> list[str]:
    """The lines of a result in a terminal, without those that say where it is."""
    stream = io.StringIO()
    terminal.render(run, "runs/x", Console(file=stream, width=120, highlight=False))
    return [line.rstrip() for line in stream.getvalue().partition("\nresults  ")[0].strip("\n").splitlines()]


def test_the_result_that_reading_md_explains_is_shown_as_a_terminal_shows_it() -> None:
    text = (FOLDER.parent / "reading.md").read_text(encoding="utf-8").partition("## A whole result")[2]
    block = text[text.index("\n    ") : text.index("\nThis is one trial")]
    written = [line.removeprefix("    ").rstrip() for line in block.strip("\n").splitlines()]
    assert written == shown_at_120_columns(result_file.read(FOLDER / "settings.json.xz"))


def test_the_comparison_that_reading_md_shows_is_what_the_command_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    assert cli.execute(["compare", str(TRIALS), str(FOLDER / "settings.json.xz")]) == 0
    printed = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())
    text = (FOLDER.parent / "reading.md").read_text(encoding="utf-8")
    block = text[text.index("\n    What can be said") : text.index("\nThe same engine with the same method")]
    assert "\n".join(line.removeprefix("    ") for line in block.strip("\n").splitlines()) in printed


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.name)
def test_a_kept_result_names_no_folder_of_the_machine_that_made_it(kept: Path) -> None:
    text = lzma.decompress(kept.read_bytes()).decode()
    assert not re.findall(r"[\s\"'=:]/(?:tmp|home|root|work|mnt|opt|var|usr/local)/[^\"]*", text)
