"""Thresholds of a suite: read, planned, and named in every output of a command.

How they are held against what was measured: tests/test_checked_thresholds.py.
"""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness.planning import suite
from harness.planning.suite import InvalidRequest
from harness.planning.threshold_table import ThresholdTable
from results.plan import Threshold
from results.public import schema
from tests import playback
from tests.judge.recording import beside, perfect
from tests.playback import CATALOGUE, SUITE, Bench


def read(bound: str, **filters: Any) -> Threshold:
    return ThresholdTable(bound=bound, **filters).planned()


# Reading.


@pytest.mark.parametrize(
    ("bound", "metric", "relation", "value"),
    [
        ("p99 < 2s", "latency_p99", "<", 2000),
        ("p99<500ms", "latency_p99", "<", 500),
        ("latency_max <= 1m", "latency_max", "<=", 60_000),
        ("drain_rate >= 50k/s", "drain_rate", ">=", 50_000),
        ("drain_rate > 1.5M events/s", "drain_rate", ">", 1_500_000),
        ("drain_rate > 5000", "drain_rate", ">", 5000),
        ("events_per_cpu_second >= 40k/CPU-s", "events_per_cpu_second", ">=", 40_000),
        ("memory_peak < 512MiB", "memory_peak", "<", 512 * 1024**2),
        ("startup_seconds < 30s", "startup_seconds", "<", 30),
        ("foreign_share < 5%", "foreign_share", "<", 5),
        ("foreign_share < 5 %", "foreign_share", "<", 5),
        ("busy_cores <= 1.5 cores", "busy_cores", "<=", 1.5),
        ("busy_cores <= 1.5", "busy_cores", "<=", 1.5),
        ("strikes_exposed >= 5", "strikes_exposed", ">=", 5),
        ("recovery_caught_up < 10s", "recovery_caught_up", "<", 10),
    ],
)
def test_a_bound_is_read_in_the_metrics_unit(bound: str, metric: str, relation: str, value: float) -> None:
    found = read(bound)
    assert (found.metric, found.relation, found.bound, found.statistic) == (metric, relation, value, None)


@pytest.mark.parametrize("statistic", ["median", "min", "max"])
def test_a_statistic_over_strikes_is_named(statistic: str) -> None:
    found = read(f"strikes.caught_up.{statistic} < 10s")
    assert (found.metric, found.statistic, found.bound) == ("recovery_caught_up", statistic, 10)


def test_the_metric_may_stand_beside_the_bound() -> None:
    assert read("< 2s", metric="p99") == read("p99 < 2s") == read("p99 < 2s", metric="p99")
    assert read("p99 < 2s", metric="latency_p99") == read("p99 < 2s")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('bound = "p99 < 2"', "'2' is not a duration"),
        ('bound = "p99 < 2 parsecs"', "'2 parsecs' is not a duration"),
        ('bound = "p99 < -2s"', "'-2s' is not a duration"),
        ('bound = "p99 < nan"', "'nan' is not a duration"),
        ('bound = "drain_rate > 50k/CPU-s"', 'such as "50k/s"'),
        ('bound = "drain_rate > fast"', 'such as "50k/s"'),
        ('bound = "memory_peak < 512"', "not a size"),
        ('bound = "p99 == 2s"', "allowed are <, <=, >, >="),
        ('bound = "p99 =< 2s"', "allowed are <, <=, >, >="),
        ('bound = "p99"', "is not METRIC < VALUE"),
        ('bound = "p99 <"', "is not METRIC < VALUE"),
        ('bound = ""', "is not METRIC < VALUE"),
        ('bound = "1s < p99 < 2s"', "unknown metric `1s`"),
        ('bound = "< 2s"', "it names no metric"),
        ('bound = "p99 < 2s"\nmetric = "p50"', "it is about `p99`, but `metric` is `p50`"),
        ('metric = "p99"', "the key `bound` is missing"),
        ("bound = 5", "valid string"),
        ('bound = "p99 < 2s"\nmetrc = "p99"', "unknown key `metrc`"),
        ('bound = "p99 < 2s"\nengine = []', "at least 1 item"),
        ('bound = "p99 < 2s"\nengine = 3', "tuple"),
        (f'bound = "p99 < {"9" * 300}s"', "200 characters"),
        ('bound = "p98 < 2s"', "unknown metric `p98`"),
    ],
)
def test_what_is_no_bound_is_refused_with_its_line(tmp_path: Path, table: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'{SUITE}\n[[threshold]]\nbound = "p50 < 2s"\n\n[[threshold]]\n{table}\n')
    with pytest.raises(InvalidRequest) as caught:
        suite.load(str(path), {}, CATALOGUE)
    (problem,) = caught.value.problems
    assert said in problem.text()
    found = re.search(r"mine.toml:(\d+)", problem.where)
    assert found is not None
    second = SUITE.count("\n") + 5
    assert int(found[1]) >= second, "of the second table, not of the first"


@pytest.mark.parametrize(
    ("table", "what", "allowed"),
    [
        ('bound = "p98 < 2s"', "unknown metric `p98`", "`p9"),
        ('metric = "latencies"\nbound = "< 2s"', "unknown metric `latencies`", "drain_rate"),
        ('bound = "strikes.caught_up < 2s"', "unknown metric `strikes.caught_up`", "strikes.caught_up.median"),
        ('bound = "p99 < 2s"\nengine = "alhpa"', "unknown engine `alhpa`", "`alpha`"),
        ('bound = "p99 < 2s"\nengine = "kay.fats"', "unknown mode of kay `fats`", "`fast`"),
        ('bound = "p99 < 2s"\nworkload = ["sensors", "gps"]', "unknown workload `gps`", "sensors"),
    ],
)
def test_names_that_do_not_exist_are_refused_with_those_that_do(
    tmp_path: Path, table: str, what: str, allowed: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f"{SUITE}\n[[threshold]]\n{table}\n")
    with pytest.raises(InvalidRequest) as caught:
        suite.load(str(path), {}, CATALOGUE)
    (problem,) = caught.value.problems
    assert problem.what == what
    assert allowed in problem.remedy
    assert re.search(r"mine.toml:\d+ \(threshold\.\w+\)", problem.where)


@pytest.mark.parametrize("value", ["3", '"p99 < 2s"', '["p99 < 2s"]', "[[1]]"])
def test_thresholds_of_another_shape_are_refused(tmp_path: Path, value: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f"threshold = {value}\n{SUITE}")
    with pytest.raises(InvalidRequest, match="threshold"):
        suite.load(str(path), {}, CATALOGUE, ["p50 < 1s"])


# The command line.


@pytest.fixture(scope="module")
def recorded() -> bytes:
    return pickle.dumps(perfect())


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorded: bytes) -> Bench:
    return playback.set_up(tmp_path, monkeypatch, recorded)


def ask(bench: Bench, *tables: str) -> None:
    (bench.folder / "mine.toml").write_text(SUITE + "".join(f"\n[[threshold]]\n{table}\n" for table in tables))


def test_a_threshold_that_is_met_is_told_and_the_run_is_good(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    ask(bench, 'bound = "p99 < 2s"')
    assert bench("run", "mine.toml", "-e", "alpha") == 0
    out, err = capsys.readouterr()
    assert re.search(r"^p99 < 2s +alpha +met +\d+ ms", out, re.MULTILINE)
    assert err == ""


def test_a_threshold_that_is_crossed_ends_with_1_and_is_named_in_every_output(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(bench, 'bound = "p50 < 100ms"\nengine = "alpha"', 'bound = "p99 < 2s"')
    assert bench("run", "mine.toml", "-e", "alpha") == 1
    out, err = capsys.readouterr()
    assert re.search(r"^p50 < 100ms +alpha +✗ crossed +250 ms", out, re.MULTILINE)
    assert "error: threshold crossed: p50 < 100ms by alpha, sensors (250 ms)" in err
    assert bench("judge", "latest", "--format", "json") == 1
    told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, json.loads(schema()))
    first = told["thresholds"][0]
    assert (first["text"], first["state"], first["value"]) == ("p50 < 100ms", "crossed", 250)
    stored = json.loads((bench.run / "result.json").read_text())["thresholds"]
    assert [each["state"] for each in stored] == ["crossed", "met"]
    assert bench("judge", "latest", "--format", "markdown") == 1
    out = capsys.readouterr().out
    assert "| p50 &lt; 100ms | alpha | ✗ crossed | 250 ms |" in out
    assert "Thresholds that were crossed: p50 &lt; 100ms" in out
    assert bench("report", "latest") == 0
    page = (bench.run / "report.html").read_text()
    assert "p50 &lt; 100ms by alpha" in page
    assert "<h2>Thresholds</h2>" in page


def test_a_run_shown_in_markdown_prints_nothing_else(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("run", "mine.toml", "-e", "alpha", "--format", "markdown") == 0
    assert capsys.readouterr().out.startswith("## ")


def test_wrong_rows_outrank_a_threshold(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    ask(bench, 'bound = "p50 < 100ms"')
    bench.spoil = lambda recording: recording.rows.append(recording.row(recording.largest()))
    assert bench("run", "mine.toml", "-e", "alpha", "-e", "kay", "--log", "kafka") == 3
    assert "p50 < 100ms of alpha, sensors: rows were not as they should be" in capsys.readouterr().err


def test_a_figure_in_brackets_decides_nothing(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    ask(bench, 'bound = "p50 < 2s"', 'bound = "p50 < 1ms"')
    bench.spoil = lambda recording: beside(recording, 0.9)
    assert bench("run", "mine.toml", "-e", "alpha") == 0
    out, err = capsys.readouterr()
    assert len(re.findall(r"^p50 < .* \? not decided +\(250 ms\)", out, re.MULTILINE)) == 2
    assert err.startswith("warning: threshold not decided: p50 < 2s of alpha, sensors: beside the measured part")
    assert bench("judge", "latest", "--strict") == 6


def test_what_is_absent_is_not_met(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    ask(bench, 'bound = "engine_late <= 0 events"')
    assert bench("run", "mine.toml", "-e", "alpha") == 0
    assert "engine_late <= 0 events of alpha" in capsys.readouterr().err
    assert bench("judge", "latest", "--strict") == 6


def test_an_engine_that_is_not_there_is_not_decided(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    ask(bench, 'bound = "p99 < 2s"\nengine = ["alpha", "broken"]')
    assert bench("run", "mine.toml", "-e", "alpha", "-e", "broken") == 0
    assert "p99 < 2s of broken, sensors: broken cannot be loaded" in capsys.readouterr().err


def test_a_command_line_adds_a_threshold(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    ask(bench, 'bound = "p99 < 2s"')
    assert bench("run", "mine.toml", "-e", "alpha", "--threshold", "p50 < 100ms") == 1
    assert [threshold.text for threshold in bench.plan.thresholds] == ["p99 < 2s", "p50 < 100ms"]
    capsys.readouterr()
    assert bench("run", "mine.toml", "-e", "alpha", "--threshold", "p98 < 1s", "--threshold", "p99 < 1") == 2
    err = capsys.readouterr().err
    assert err.count("option --threshold") == 2
    assert "Did you mean `p" in err


def test_a_threshold_may_be_set_in_the_place_of_those_of_a_suite(bench: Bench) -> None:
    ask(bench, 'bound = "p50 < 1ms"')
    assert bench("run", "mine.toml", "-e", "alpha", "--set", 'threshold=[{bound="p50 < 1s"}]') == 0


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('bound = "p99 < 2s"\nengine = "kay"', "`p99 < 2s` matches no case of this run"),
        ('bound = "strikes.caught_up.median < 9s"', "is about strikes, and no fault strikes here"),
    ],
)
def test_a_threshold_that_nothing_could_decide_is_refused_as_it_is_planned(
    bench: Bench, capsys: pytest.CaptureFixture[str], table: str, said: str
) -> None:
    ask(bench, table)
    path = bench.folder / "mine.toml"
    path.write_text(f'engines = ["alpha"]\n{path.read_text()}')
    assert bench("run", "mine.toml") == 2
    err = capsys.readouterr().err
    assert said in err
    assert "the run has the engines alpha" in err
    assert not bench.plans


def test_a_threshold_on_a_phase_that_is_not_there_is_refused(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    text = "\n".join(line for line in SUITE.splitlines() if not line.startswith("drain"))
    (bench.folder / "mine.toml").write_text(f'{text}\n[[threshold]]\nbound = "drain_rate > 1k/s"\n')
    assert bench("run", "mine.toml", "-e", "alpha") == 2
    assert "is measured in the phase `drain`, which this run does not have" in capsys.readouterr().err


def test_a_threshold_of_engines_that_the_command_line_leaves_out_is_left_out(bench: Bench) -> None:
    ask(bench, 'bound = "p50 < 1ms"\nengine = "kay"', 'bound = "p99 < 2s"')
    assert bench("run", "mine.toml", "-e", "alpha") == 0
    assert [threshold.text for threshold in bench.plan.thresholds] == ["p99 < 2s"]


def test_a_plan_whose_thresholds_are_none_is_refused(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    ask(bench, 'bound = "p99 < 2s"')
    assert bench("run", "mine.toml", "-e", "alpha") == 0
    content = json.loads((bench.run / "plan.json").read_text())
    for value in (float("inf"), "x", None):
        content["thresholds"][0]["bound"] = value
        (bench.run / "plan.json").write_text(json.dumps(content))
        assert bench("judge", "latest") == 2
    content["thresholds"][0] |= {"bound": 1, "metric": "of_another_machine"}
    (bench.run / "plan.json").write_text(json.dumps(content))
    capsys.readouterr()
    assert bench("judge", "latest", "--strict") == 6
    assert "p99 < 2s of alpha, sensors: not measured" in capsys.readouterr().err
