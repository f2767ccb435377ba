"""What a run says while it runs fits where it is said."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from harness.display import Bars, Live, Plain, Silent, choose


def console(is_terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=is_terminal, width=100)


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
