"""What a run will take is told before it starts, and how far it is while it runs."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import pytest

from harness.countdown import Countdown
from harness.planning import catalogue, planner, request
from harness.planning.duration import expected_s, in_words, measured, trial_s
from harness.planning.planner import Selection
from harness.planning.suite_files import suites
from results.plan import RunPlan
from tests.judge.recording import perfect
from tests.playback import Bench, set_up

KNOWN = catalogue.discover()


def planned(suite: str, **overrides: str) -> RunPlan:
    asked = request.Request(suite, Selection(log="kafka"), overrides)
    source, content, chosen = request.resolve(asked, KNOWN)
    return planner.make(source, content, chosen, KNOWN, ("kafka", None), lambda *_: None, "")


def minutes(plan: RunPlan) -> float:
    jvm = {name: engine.environment.jvm for name, engine in KNOWN.loaded.items()}
    return sum(expected_s(plan.runnable, jvm).values()) / 60


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return set_up(tmp_path, monkeypatch, pickle.dumps(perfect()))


@pytest.mark.parametrize(
    ("suite", "least", "most"), [("quick", 11, 22), ("faults", 30, 55), ("faults-full", 700, 1800)]
)
def test_the_minutes_are_about_those_that_a_run_took(suite: str, least: float, most: float) -> None:
    """`quick` took 15 min with six cases and `faults` 40 min; `faults-full` takes most of a day."""
    assert least <= minutes(planned(suite)) <= most


def test_every_suite_has_a_time_and_more_of_it_takes_longer() -> None:
    assert all(minutes(planned(suite)) > 0 for suite in suites())
    assert minutes(planned("quick", trials="5")) == pytest.approx(5 * minutes(planned("quick")))


def test_a_longer_commit_interval_and_another_log_are_told_apart() -> None:
    case = next(case for case in planned("quick").runnable if case.engine == "continuous")
    longer = case.model_copy(update={"interval_ms": 10_000})
    assert trial_s(longer, jvm=False) > trial_s(case, jvm=False) + 20
    assert trial_s(case.model_copy(update={"log": "embedded"}), jvm=False) < trial_s(case, jvm=False)


def test_an_engine_that_was_never_measured_has_a_time_too() -> None:
    case = planned("quick").runnable[0].model_copy(update={"engine": "theirs"})
    assert trial_s(case, jvm=True) > trial_s(case, jvm=False) > case.paced.duration_s  # type: ignore[union-attr]
    assert measured("theirs", jvm=True) != measured("theirs", jvm=False)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "about 5 s"),
        (37, "about 40 s"),
        (55, "about 1 min"),
        (61, "about 2 min"),
        (3600, "about 1 h"),
        (61_900, "about 17 h 20 min"),
    ],
)
def test_a_time_is_told_as_exactly_as_it_is_known(seconds: float, text: str) -> None:
    assert in_words(seconds) == text


def test_a_dry_run_prints_cases_with_their_time_and_leaves_nothing(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("run", "mine.toml", "--dry-run", "--log", "embedded") == 0
    out = capsys.readouterr().out
    assert re.search(r"^mine: 1 case on the embedded log, about \d", out)
    assert re.search(r"^  about \d+ (s|min) +alpha\.default\.sensors$", out, re.MULTILINE)
    assert "not run       refusing.default.sensors: has no windows" in out
    assert not (bench.folder / "runs").exists()
    assert bench.plans == []
    assert bench.provisioned == []


def test_a_dry_run_in_json_is_one_document(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("run", "mine.toml", "--dry-run", "--format", "json", "-e", "alpha", "--log", "embedded") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["seconds"] >= document["cases"][0]["seconds"] > 0
    assert document["cases"][0]["name"] == "alpha.default.sensors"


def test_a_dry_run_in_markdown_is_a_table(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("run", "mine.toml", "--dry-run", "--format", "markdown", "-e", "alpha", "--log", "embedded") == 0
    title, _, *table = capsys.readouterr().out.splitlines()
    assert title.startswith("### mine: ")
    assert all(line.startswith("| ") for line in table)
    assert any("alpha" in line and "about " in line for line in table)


def test_a_dry_run_of_nothing_that_can_run_ends_with_5(bench: Bench) -> None:
    assert bench("run", "mine.toml", "--dry-run", "-e", "refusing") == 5


def test_a_dry_run_refuses_what_a_run_refuses(bench: Bench) -> None:
    assert bench("run", "mine.toml", "--dry-run", "--set", "paced.rate=inf") == 2


def test_a_run_says_its_time_before_it_starts_and_counts_its_cases(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("run", "mine.toml", "-e", "alpha", "--log", "embedded") == 0
    out = capsys.readouterr().out
    said = out.index("run: 1 case on the embedded log, about ")
    assert said < out.index("alpha.default.sensors: starting the engine (1 of 1, about ")


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_countdown_counts_cases_and_learns_how_fast_the_machine_is() -> None:
    clock = Clock()
    countdown = Countdown({"a": 60.0, "b": 60.0, "c": 120.0}, clock)
    countdown.begins("a")
    assert countdown.text("a") == "1 of 3, about 4 min left"
    clock.now_s += 30
    assert countdown.left_s() == 210
    clock.now_s += 90
    countdown.ends("a")
    countdown.begins("b")
    assert countdown.left_s() == 360  # Twice as slow as it was thought to be.
    clock.now_s += 1e6
    assert countdown.left_s() == 240  # A case that is late takes nothing from the others.
    countdown.ends("b")
    countdown.begins("c")
    assert countdown.text("c").startswith("3 of 3, ")
    countdown.ends("c")
    assert countdown.left_s() == 0


def test_what_is_no_case_is_not_counted() -> None:
    countdown = Countdown({"a": 60.0})
    countdown.begins("kafka")
    countdown.ends("kafka")
    assert countdown.text("kafka") == ""
    assert countdown.text("a") == "1 of 1, about 1 min left"
