"""Figures over runs: what is kept, where a new level begins, and what is known of it."""

from __future__ import annotations

import math
import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.commands.history_command import app
from reports import trend_page, trend_text
from results.trend import ledger
from results.trend.change_points import SHORTEST, change_points
from results.trend.ledger import Accepted, Ledger, Reading
from results.trend.series import trends
from tests import made_up

CASE = "a.default.sensors.kafka.exactly-once.none.drain"


def noisy(seed: int, levels: list[tuple[int, float]], noise: float = 0.05) -> list[float]:
    """levels: how many values of each, and around what."""
    lot = random.Random(seed)
    return [math.exp(lot.gauss(0, noise)) * level for count, level in levels for _ in range(count)]


def reading(number: int, value: float, **changes: Any) -> Reading:
    values: dict[str, Any] = {
        "started": f"2026-11-{number + 1:02d}T00:00:00Z",
        "run": f"run-{number}",
        "case": CASE,
        "metric": "drain_rate",
        "unit": "events/s",
        "better": "higher",
        "method_version": 11,
        "value": value,
    }
    return Reading(**values | changes)


STEP = [*noisy(3, [(12, 100.0)], 0.02), *noisy(4, [(8, 80.0)], 0.02)]


def stepped(**changes: Any) -> list[Reading]:
    return [reading(number, value, **changes) for number, value in enumerate(STEP)]


def test_a_clear_step_is_found_where_it_is() -> None:
    assert change_points(STEP) == [12]


def test_two_steps_are_found() -> None:
    found = change_points(noisy(1, [(12, 100), (12, 80), (12, 120)], 0.02))
    assert found == [12, 24]


def test_noise_alone_is_seldom_a_change_and_a_tenth_less_is_mostly_found() -> None:
    """1,000 series each had 1.9 % and 66 %; bounds are far enough for 200."""
    alarms = sum(bool(change_points(noisy(seed, [(40, 1.0)]))) for seed in range(200))
    found = sum(
        any(abs(place - 35) <= 2 for place in change_points(noisy(1000 + seed, [(35, 1.0), (5, 0.9)])))
        for seed in range(200)
    )
    assert alarms <= 12
    assert found >= 120


@pytest.mark.parametrize(
    "values", [[], [1.0], [1.0] * 40, [1.0, 2.0] * 2, [1e-290] * 20, [1.0] * 10 + [1.0 + 1e-12] * 10]
)
def test_what_is_short_or_constant_has_no_change(values: list[float]) -> None:
    assert change_points(values) == []


def test_a_step_without_any_noise_is_found() -> None:
    assert change_points([1.0] * 10 + [2.0] * 10) == [10]


def test_a_new_level_is_not_told_before_there_are_values_enough() -> None:
    assert change_points([*noisy(3, [(30, 100.0)], 0.02), *[50.0] * (SHORTEST - 1)]) == []


def test_a_known_change_is_not_told_again_and_what_follows_is() -> None:
    values = noisy(1, [(12, 100), (12, 80), (12, 120)], 0.02)
    assert change_points(values, [12]) == [24]


# What is kept.


def test_lines_are_added_and_read_in_the_order_of_their_runs(tmp_path: Path) -> None:
    path = tmp_path / "deep/history.jsonl"
    ledger.append(path, [reading(2, 3.0)])
    ledger.append(path, [reading(0, 1.0), reading(1, 2.0)])
    assert [each.value for each in ledger.read(path).readings] == [1.0, 2.0, 3.0]


def test_a_run_that_is_added_twice_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    for _ in range(2):
        ledger.append(path, [reading(0, 1.0)])
    assert len(ledger.read(path).readings) == 1


@pytest.mark.parametrize(
    "spoilt",
    [
        b'{"kind":"reading","sta',
        b"[" * 100_000,
        b"\xff\xfe",
        b"null",
        b'{"kind":"reading"}',
        b'{"kind":"else"}',
        reading(5, 1.0).model_dump_json().replace("1.0", "NaN").encode(),
        reading(5, 1.0).model_dump_json().replace("1.0", "-1.0").encode(),
        reading(5, 1.0).model_dump_json().replace("1.0", "true").encode(),
        reading(5, 1.0).model_dump_json().replace("run-5", "x" * 501).encode(),
    ],
)
def test_a_line_that_says_nothing_hides_no_other(spoilt: bytes, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    ledger.append(path, [reading(0, 1.0)])
    with path.open("ab") as file:
        file.write(spoilt)  # without its end, as if the power had failed
    ledger.append(path, [reading(1, 2.0)])
    found = ledger.read(path)
    assert [each.value for each in found.readings] == [1.0, 2.0]
    assert found.unread == 1


def fifty(writer: int) -> list[Reading]:
    return [reading(0, 1.0, run=f"run-{writer}-{number}") for number in range(50)]


def test_nobody_writes_into_the_line_of_another(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda number: ledger.append(path, [reading(0, 1.0, run=f"r{number}-{k}") for k in range(50)]), range(8)
            )
        )
    found = ledger.read(path)
    assert (len(found.readings), found.unread) == (400, 0)


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "history.jsonl").symlink_to(victim)
    with pytest.raises(OSError):
        ledger.append(tmp_path / "history.jsonl", [reading(0, 1.0)])
    assert victim.read_text() == "mine"


def test_a_pipe_in_its_place_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "history.jsonl")
    with pytest.raises(OSError):
        ledger.read(tmp_path / "history.jsonl")


def test_there_is_no_file_at_first(tmp_path: Path) -> None:
    assert ledger.read(tmp_path / "none") == Ledger()


def test_only_what_passed_and_stands_without_brackets_is_kept() -> None:
    kept = ledger.readings(made_up.mixed())
    assert {each.case.split(".")[0] for each in kept} == {"continuous", "spark"}
    run = made_up.six()
    marked = [
        case.model_copy(
            update={
                "metrics": {
                    name: value.model_copy(update={"bracketed": ["busy"]}) for name, value in case.metrics.items()
                }
            }
        )
        for case in run.cases
    ]
    assert ledger.readings(run.model_copy(update={"cases": marked})) == []


def test_of_several_trials_the_median_is_kept_once() -> None:
    kept = [
        each for each in ledger.readings(made_up.several(made_up.trials("a", [1e5, 2e5, 3e5]))) if "rate" in each.metric
    ]
    assert [(each.value, each.n) for each in kept] == [(2e5, 3)]


# Trends.


def test_a_change_says_by_how_much_and_whether_it_is_worse() -> None:
    (trend,) = trends(Ledger(tuple(stepped())))
    (change,) = trend.changes
    assert (trend.state, change.place) == ("worse", 12)
    assert change.share == pytest.approx(-0.2, abs=0.02)
    (lower,) = trends(Ledger(tuple(stepped(better="lower"))))
    assert lower.state == "better"


def test_a_change_that_is_accepted_is_known_and_counts_no_more() -> None:
    known = Accepted(case=CASE, metric="drain_rate", started=stepped()[12].started, why="larger batches")
    (trend,) = trends(Ledger(tuple(stepped()), (known,)))
    assert (trend.state, trend.newest) == ("level", None)
    assert trend.changes[0].known == "larger batches"


@pytest.mark.parametrize("started", ["", "1999", "2999"])
def test_what_is_accepted_outside_of_the_readings_changes_nothing(started: str) -> None:
    known = Accepted(case=CASE, metric="drain_rate", started=started, why="x")
    (trend,) = trends(Ledger(tuple(stepped()), (known,)))
    assert trend.state == "worse"


def test_figures_of_an_older_method_are_in_no_series_with_newer_ones() -> None:
    old = [reading(number, value * 100, method_version=10) for number, value in enumerate(STEP[:10])]
    new = [reading(number, value) for number, value in enumerate(STEP[:12], 10)]
    (trend,) = trends(Ledger(tuple(old + new)))
    assert len(trend.readings) == 12
    assert trend.changes == ()


# The command.


def asked(*words: str) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exception is None, done.exception
    return done.output


def test_the_command_shows_accepts_and_then_is_quiet(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    ledger.append(path, stepped())
    file = ("--file", str(path))
    assert "worse: -" in asked("show", *file)
    assert "accepted" in asked("accept", CASE, "drain_rate", "--why", "larger batches", *file)
    assert "known:" in asked("show", *file)
    assert CliRunner().invoke(app, ["accept", CASE, "drain_rate", "--why", "x", *file]).exception is not None


def test_the_command_keeps_a_result_that_is_a_file(tmp_path: Path) -> None:
    source, path = tmp_path / "result.json", tmp_path / "history.jsonl"
    source.write_text(made_up.six().model_dump_json())
    asked("add", str(source), "--file", str(path))
    assert len(ledger.read(path).readings) > 20


def test_an_empty_history_says_how_to_begin(tmp_path: Path) -> None:
    assert "history add" in asked("show", "--file", str(tmp_path / "none"))


def test_the_page_of_trends_is_whole_and_escapes_what_it_shows() -> None:
    hostile = "</script><script>alert(1)</script>"
    page = trend_page.render(trends(Ledger(tuple(stepped(case=hostile, metric=hostile)))))
    assert "<script>alert" not in page
    assert "One figure became worse, no figures better." in page
    assert "Nothing is kept yet." in trend_page.render([])


def test_what_is_drawn_in_a_terminal_has_eight_heights() -> None:
    assert trend_text.sparkline([1, 2, 3]) == "▁▅█"
    assert trend_text.sparkline([5, 5]) == "▄▄"
