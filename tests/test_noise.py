"""The noise of a machine: a case against itself, kept by machine, and differences below it are inconclusive."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from harness import machine_noise
from reports import html, summary
from reports.comparison import compare
from results import store
from results.noise import known, measured, smallest_change
from results.plan import NOISE
from results.result import Noise, RunResult
from tests import made_up, playback
from tests.judge.recording import Recording, perfect
from tests.playback import Bench
from tests.test_reports import printed

FOUND = Noise(
    engine="a",
    mode="default",
    workload="sensors",
    log="kafka",
    trials=10,
    run="r",
    machine=made_up.MACHINE,
    changes={"drain_rate": 0.05, "latency_p99": 0.2},
)


# The figure.


def test_values_that_are_all_the_same_have_no_noise() -> None:
    assert smallest_change([7.0] * 10) == 0


def test_the_change_grows_with_how_far_the_values_lie_apart_and_not_with_their_size() -> None:
    drawn = np.random.default_rng(1).normal(0, 1, 10)
    small, large = (smallest_change(list(100 + times * drawn)) for times in (1, 4))
    assert small is not None
    assert large is not None
    assert large == pytest.approx(4 * small, rel=0.05)
    assert smallest_change(list(1e6 * (100 + drawn))) == small
    assert smallest_change(list(100 + drawn)) == small, "the same values give the same change"


def test_of_few_values_or_a_median_of_zero_nothing_is_said() -> None:
    assert smallest_change([1.0, 2, 3, 4]) is None
    assert smallest_change([0.0] * 10) is None
    assert smallest_change([]) is None


def test_of_comparisons_of_a_case_with_itself_about_a_twentieth_show_more() -> None:
    """The same machine, again and again: ten trials tell the noise, five others are compared with five more."""
    random = np.random.default_rng(2)
    more = 0
    for _ in range(150):
        change = smallest_change(list(random.normal(100, 3, 10)))
        first, second = (float(np.median(random.normal(100, 3, 5))) for _ in range(2))
        assert change is not None
        more += abs(first - second) > change * min(first, second)
    # Ten values know their own spread a little too small: 5 % would be 7.5 of 150.
    assert 2 <= more <= 24


# What a run says of it.


def test_a_run_of_one_case_tells_its_noise() -> None:
    run = made_up.several(made_up.trials("a", [100_000.0, 101_000, 99_000, 100_500, 99_500]))
    found = measured(run)
    assert isinstance(found, Noise)
    assert (found.engine, found.log, found.trials, found.machine) == ("a", "kafka", 5, made_up.MACHINE)
    assert found.changes["drain_rate"] == smallest_change([100_000.0, 101_000, 99_000, 100_500, 99_500])
    assert "latency_closings" not in found.changes, "it is better neither way"


def test_what_stands_in_brackets_in_a_trial_tells_no_noise() -> None:
    cases = made_up.trials("a", [100_000.0, 101_000, 99_000, 100_500, 99_500])
    place = next(place for place, case in enumerate(cases) if case.phase == "drain")
    rate = cases[place].metrics["drain_rate"].model_copy(update={"bracketed": ["beside it, other work"]})
    cases[place] = cases[place].model_copy(update={"metrics": cases[place].metrics | {"drain_rate": rate}})
    found = measured(made_up.several(cases))
    assert isinstance(found, Noise)
    assert "drain_rate" not in found.changes
    assert found.bracketed == ["drain_rate"]
    assert "latency_p50" in found.changes


def test_a_run_that_did_not_pass_or_has_too_few_trials_tells_none() -> None:
    cases = made_up.trials("a", [1e5] * 5)
    wrong = cases[2].model_copy(update={"outcome": "fail", "reason": "loss"})
    assert measured(made_up.several([*cases[:2], wrong, *cases[3:]])) == "a.default.sensors.trial-2 did not pass: loss"
    assert "5 trials or more" in str(measured(made_up.several(made_up.trials("a", [1e5] * 4))))
    assert measured(RunResult(run="r", suite="s", machine=None, cases=[])) == "nothing ran"


# What is kept.


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STREAMGAUGE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.usefixtures("home")
def test_noise_is_kept_by_machine_and_carried_by_runs_on_it(tmp_path: Path) -> None:
    machine_noise.keep(made_up.MACHINE, "a", FOUND.model_dump_json().encode())
    other = made_up.MACHINE.model_copy(update={"cores": 64})
    for name, machine in (("mine", made_up.MACHINE), ("other", other)):
        (tmp_path / name).mkdir()
        machine_noise.carry(machine, tmp_path / name)
    assert known(tmp_path / "mine") == [FOUND]
    assert known(tmp_path / "other") == []
    machine_noise.keep(made_up.MACHINE, "b", FOUND.model_dump_json().encode())
    machine_noise.carry(made_up.MACHINE, tmp_path / "mine")
    assert known(tmp_path / "mine") == [FOUND], "a run keeps what it began with"


def test_what_cannot_be_read_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    (tmp_path / NOISE).mkdir()
    (tmp_path / NOISE / "bad.json").write_text("{}")
    (tmp_path / NOISE / "link.json").symlink_to("/etc/hostname")
    (tmp_path / NOISE / "good.json").write_text(FOUND.model_dump_json())
    assert known(tmp_path) == [FOUND]
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / NOISE).symlink_to(tmp_path / NOISE)
    assert known(tmp_path / "x") == []


# Comparisons.


def headline(noise: list[Noise], *rates: float) -> str:
    engines = [made_up.trials(chr(97 + place), [rate] * 5) for place, rate in enumerate(rates)]
    run = made_up.several(*engines).model_copy(update={"noise": noise})
    (comparison,) = compare(run)
    return " ".join(summary.headline(comparison))


def test_a_difference_below_the_noise_is_inconclusive() -> None:
    assert "Fastest through the backlog was b (104 k events/s)" in headline([], 100_000, 104_000)
    told = headline([FOUND], 100_000, 104_000)
    assert "Drain rates cannot be told apart: b and a differ by less than is seen here." in told
    assert "Fastest through the backlog was b" in headline([FOUND], 100_000, 106_000)


def test_who_is_within_the_noise_of_the_first_stands_with_it() -> None:
    told = headline([FOUND], 100_000, 300_000, 310_000)
    assert (
        "Fastest through the backlog were c (310 k events/s) and b (300 k events/s), which cannot be told apart" in told
    )
    assert "slowest was a (100 k events/s)." in told
    assert "Differences below 5.0% of drain rates and 20.0% of p99 latencies are inconclusive" in told


def test_the_page_shows_the_noise_of_the_machine() -> None:
    page = html.render(made_up.six().model_copy(update={"noise": [FOUND]}), "run")
    assert "The noise of this machine" in page
    assert '<td class="number">5.0%</td>' in page
    assert "The noise of this machine" not in html.render(made_up.six(), "run")


def test_the_largest_noise_of_the_log_counts_and_that_of_another_log_does_not() -> None:
    louder = FOUND.model_copy(update={"changes": {"drain_rate": 0.5}})
    assert "Drain rates cannot be told apart" in headline([FOUND, louder], 100_000, 140_000)
    elsewhere = louder.model_copy(update={"log": "embedded"})
    assert "Fastest" in headline([FOUND, elsewhere], 100_000, 140_000)


# The command.


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("STREAMGAUGE_HOME", str(tmp_path / "home"))
    return playback.set_up(tmp_path, monkeypatch, pickle.dumps(perfect()))


def slower(recording: Recording) -> None:
    """Each trial takes some milliseconds longer for every row than the one before."""
    for row in recording.rows:
        if isinstance(row.value, dict) and not row.value["key"].startswith("~"):
            row.visible_ns += (recording.plan.trial_number or 0) * 10_000_000


def test_the_command_measures_keeps_and_tells(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.spoil = slower
    assert bench("noise", "-e", "alpha", "-n", "5", "--log", "embedded", "--no-progress") == 0
    told = capsys.readouterr().out
    assert len(bench.plan.runnable) == 5
    assert "alpha against itself, 5 trials" in told
    line = next(line for line in told.splitlines() if line.split()[:1] == ["latency_p50"])
    (path,) = (bench.folder / "home" / NOISE).rglob("*.json")
    kept = Noise.model_validate_json(path.read_bytes())
    assert kept.changes["latency_p50"] == smallest_change([260, 270, 280, 290, 300])
    assert line.split()[1] == f"{kept.changes['latency_p50']:.1%}"
    assert path.parent == machine_noise.folder(kept.machine)
    assert kept.run == bench.run.name


def test_the_command_of_a_case_that_is_wrong_keeps_nothing(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.spoil = lambda recording: recording.rows.pop(700)
    assert bench("noise", "-e", "alpha", "-n", "5", "--log", "embedded", "--no-progress") == 3
    assert not (bench.folder / "home" / NOISE).exists()


@pytest.mark.parametrize("words", [["-e", "alpha", "-n", "4"], ["-e", "nobody"], []])
def test_a_command_that_cannot_be_is_refused(bench: Bench, words: list[str]) -> None:
    assert bench("noise", *words) == 2
    assert bench.plans == []


def test_a_run_shows_its_noise_when_it_is_judged(bench: Bench) -> None:
    def carried(run: Path) -> None:
        (run / NOISE).mkdir()
        (run / NOISE / "a.json").write_text(json.dumps(FOUND.model_dump(mode="json")))

    bench.during = carried
    assert bench("run", "mine.toml", "-e", "alpha", "--log", "embedded", "--no-progress") == 0
    assert store.load(bench.run).noise == [FOUND]
    assert printed(store.load(bench.run), 120)
