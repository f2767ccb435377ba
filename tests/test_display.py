"""What a run says while it runs fits where it is said."""

from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from harness.display import Bars, Live, Plain, Silent, choose


def console(is_terminal: bool, width: int = 100) -> Console:
    return Console(file=io.StringIO(), force_terminal=is_terminal, width=width, height=30)


def text(of: Console) -> str:
    assert isinstance(of.file, io.StringIO)
    return of.file.getvalue()


@pytest.mark.parametrize(
    ("output_format", "quiet", "out", "err", "expected"),
    [
        ("text", False, True, True, Live),
        ("text", False, False, True, Plain),
        ("text", True, True, True, Silent),
        ("json", False, True, False, Silent),
        ("json", False, False, True, Live),
        ("json", True, False, True, Silent),
    ],
)
def test_progress_goes_where_it_disturbs_nothing(
    output_format: str, quiet: bool, out: bool, err: bool, expected: type
) -> None:
    assert type(choose(output_format, quiet, console(out), console(err))) is expected


def test_with_json_nothing_is_drawn_on_standard_output() -> None:
    out, err = console(True), console(True)
    with choose("json", False, out, err) as display:
        display.step("a", "starting")
        display.finished("a", "recorded")
    assert text(out) == ""
    assert "recorded" in text(err)


def test_plain_lines_are_printed_once_for_each_thing_that_begins() -> None:
    out = console(False)
    with Plain(out) as display:
        display.step("a", "setting up")
        for done in range(5):
            display.progress("a", "paced", done, 10, "warm-up")
        display.progress("a", "paced", 6, 10, "measured")
        display.finished("a", "recorded in 3 s")
    assert text(out).splitlines() == ["a: setting up", "a: paced: warm-up", "a: paced: measured", "a: recorded in 3 s"]


def test_a_live_line_shows_names_as_text_and_gives_the_cursor_back() -> None:
    out = console(True)
    with Live(out) as display:
        display.step("[b]", "setting up")
        display.finished("[b]", "recorded in 3 s")
        display.progress("c", "paced", 5, 10, "[i]measured")
    assert "  [b]: recorded in 3 s" in text(out)
    assert "paced: [i]measured" in text(out)
    assert "\x1b[?25h" in text(out)


def test_what_is_brought_has_a_bar_while_it_comes_and_a_line_after() -> None:
    err = console(True)
    bars = Bars(err)
    bars.progress("flink [x]", 0, 2_000_000)
    bars.progress("kafka", 1, 4_000_000)
    bars.progress("flink [x]", 2_000_000, 2_000_000)
    bars.progress("kafka", 4_000_000, 4_000_000)
    bars.step("ready")
    lines = [line.strip() for line in text(err).splitlines()]
    assert any(line.endswith("flink [x]: 2.0 MB") for line in lines)
    assert any(line.endswith("kafka: 4.0 MB") for line in lines)
    assert lines[-1].endswith("ready")


LONGEST = "kafka-streams.retention-1h.sensors.plain.process-per-task.exactly-once.kill-worker.interval.tuned"


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_shows_the_case_what_it_does_and_how_far_the_run_is(width: int) -> None:
    out = console(True, width)
    with Live(out) as display:
        display.expect({"a": 60.0, LONGEST: 60.0, "c": 60.0})
        display.step("a", "setting up")
        display.finished("a", "recorded in 60 s")
        display.progress(LONGEST, "paced", 5, 10, "measured part, 1,000 events a second")
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text(out))
    lines = [line.rstrip() for line in re.split(r"[\r\n]+", shown)]
    assert all(cell_len(line) <= width for line in lines if "recorded in" not in line)
    assert any(re.fullmatch(r"  0:00:\d\d  2 of 3, about .* left", line) for line in lines)
    assert LONGEST in "".join(line.strip() for line in lines)
    assert any("paced: measured part" in line for line in lines)


def test_plain_lines_count_cases_once_each() -> None:
    out = console(False)
    with Plain(out) as display:
        display.expect({"a": 60.0, "b": 60.0})
        display.step("a", "setting up")
        display.step("a", "starting")
        display.finished("a", "recorded in 3 s")
        display.step("b", "setting up")
    assert [line.partition(" (")[0] for line in text(out).splitlines()] == [
        "a: setting up",
        "a: starting",
        "a: recorded in 3 s",
        "b: setting up",
    ]
    assert [line for line in text(out).splitlines() if " of 2, about " in line] == [
        line for line in text(out).splitlines() if "setting up" in line
    ]
