"""What is exported is right, in the units that are promised, and never flatters: no figure goes without its mark."""

from __future__ import annotations

import csv
import io
import json
import lzma
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.exporting import AskedExport, Refused, made, write
from reports.exports.readings import exported_as
from results.metrics import registry
from results.plan import Checkout, SetUp
from results.result import CaseResult, MetricValue, ProbeResult, Provenance, RunResult, StrikeResult
from tests import made_up

HOSTILE = "=cmd|'/c calc'!A1\x1b[31m\n<b>&\u2028\ufffe"
KEPT = sorted((Path(__file__).parents[1] / "docs" / "results").glob("*.json.xz"))
WHY = "other work took 60 % of the CPU time"
TITLE = "sensors on Kafka, exactly-once"


def of(*cases: list[CaseResult]) -> RunResult:
    return RunResult(run="r", suite="s", machine=made_up.MACHINE, cases=[case for pair in cases for case in pair])


def bracketed(cases: list[CaseResult], *names: str) -> list[CaseResult]:
    """The cases, with these metrics in brackets."""
    marked = {"bracketed": [WHY]}
    return [
        case.model_copy(
            update={
                "metrics": {
                    name: value.model_copy(update=marked) if name in names else value
                    for name, value in case.metrics.items()
                }
            }
        )
        for case in cases
    ]


def text(run: RunResult, to: str, *metrics: str, also_bracketed: bool = False) -> str:
    found = made(run, None, AskedExport(to, metrics, also_bracketed)).text
    assert found is not None
    return found


def parsed_xml(document: str) -> ElementTree.Element:
    return ElementTree.fromstring(document)  # noqa: S314  # we made it


def lines(run: RunResult, *metrics: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text(run, "csv", *metrics))))


def one_line(run: RunResult, metric: str, **wanted: str) -> dict[str, str]:
    (found,) = [
        line for line in lines(run) if line["source"] == metric and all(line[k] == v for k, v in wanted.items())
    ]
    return found


def test_speeds_are_times_and_times_are_seconds() -> None:
    run = of(made_up.pair("flink", rate=200_000, median_ms=500))
    rate, cost = one_line(run, "drain_rate"), one_line(run, "events_per_cpu_second")
    assert (rate["metric"], rate["unit"], rate["better"]) == ("drain_seconds_per_event", "s/event", "lower")
    assert float(rate["value"]) == pytest.approx(1 / 200_000)
    assert (cost["metric"], cost["unit"]) == ("cpu_seconds_per_event", "CPU-s/event")
    assert float(cost["value"]) == pytest.approx(1.6 / 200_000)
    latency = one_line(run, "latency_p50")
    assert latency["unit"] == "s"
    assert float(latency["value"]) * 1000 == pytest.approx(run.cases[0].metrics["latency_p50"].value)


def test_the_ends_of_an_interval_change_places_with_the_inverse() -> None:
    speed = MetricValue(value=100, unit="events/s", better="higher", low=50, high=200)
    assert exported_as("drain_rate", speed) == ("drain_seconds_per_event", "s/event", "lower", 0.01, 0.005, 0.02)
    without = MetricValue(value=100, unit="events/s", better="higher", low=0, high=200)
    assert exported_as("drain_rate", without) == ("drain_seconds_per_event", "s/event", "lower", 0.01, 0.005, None)


@pytest.mark.parametrize("value", [0.0, -1.0, 5e-324])
def test_a_speed_that_no_time_can_say_is_no_figure(value: float) -> None:
    assert exported_as("drain_rate", MetricValue(value=value, unit="events/s", better="higher")) is None


def test_each_metric_of_ours_that_ranks_is_the_better_the_smaller_it_is_and_has_a_name_of_its_own() -> None:
    ranked = [metric for metric in registry.metrics() if metric.better != "none"]
    found = [
        exported_as(metric.name, MetricValue(value=1, unit=metric.unit, better=metric.better)) for metric in ranked
    ]
    assert {taken[2] for taken in found if taken} == {"lower"}
    assert len({taken[0] for taken in found if taken}) == len(ranked) > 40
    assert "ms" not in {taken[1] for taken in found if taken}


def test_what_describes_a_trial_keeps_its_unit_and_its_name() -> None:
    rate = MetricValue(value=5000, unit="events/s", better="none")
    assert exported_as("rate", rate) == ("rate", "events/s", "none", 5000, None, None)


@pytest.mark.parametrize("to", ["github-action-benchmark", "pytest-benchmark", "bencher"])
def test_a_figure_in_brackets_is_left_out_with_its_reason(to: str) -> None:
    run = of(bracketed(made_up.pair("flink"), "drain_rate"), made_up.pair("spark"))
    found = made(run, None, AskedExport(to))
    assert found.left_out == (f"{TITLE}: flink, drain: drain_rate: in brackets: {WHY}",)
    assert found.figures == made(of(made_up.pair("flink"), made_up.pair("spark")), None, AskedExport(to)).figures - 1
    assert WHY not in (found.text or "")


@pytest.mark.parametrize("to", ["github-action-benchmark", "pytest-benchmark", "bencher", "csv", "junit"])
def test_a_figure_in_brackets_that_is_wanted_all_the_same_is_marked(to: str) -> None:
    run = of(bracketed(made_up.pair("flink"), "drain_rate"))
    marked = text(run, to, "drain_rate", also_bracketed=True)
    plain = text(of(made_up.pair("flink")), to, "drain_rate", also_bracketed=True)
    # Bencher has no place for more than a name.
    assert ("(in brackets)" if to == "bencher" else WHY) in marked
    assert "(in brackets)" not in plain
    assert WHY not in plain


@pytest.mark.parametrize("to", ["github-action-benchmark", "pytest-benchmark", "bencher"])
@pytest.mark.parametrize("outcome", ["fail", "unknown"])
def test_no_speed_of_answers_that_were_not_proved_right_is_exported(to: str, outcome: str) -> None:
    run = of(made_up.pair("liar", outcome=outcome, reason="rows were lost"), made_up.pair("honest"))
    found = made(run, None, AskedExport(to, bracketed=True))
    assert "liar" not in (found.text or "")
    assert "honest" in (found.text or "")
    assert found.left_out[0] == f"{TITLE}: liar, paced: every figure: the outcome is {outcome}: rows were lost"


def test_a_metric_that_is_absent_is_told_with_its_reason() -> None:
    cases = made_up.pair("flink", absent={"latency_p50": "only 3 windows closed"})
    without = {name: value for name, value in cases[0].metrics.items() if name != "latency_p50"}
    run = of([cases[0].model_copy(update={"metrics": without}), cases[1]])
    assert (
        f"{TITLE}: flink: latency_p50: absent: only 3 windows closed"
        in made(run, None, AskedExport("bencher")).left_out
    )
    assert one_line(run, "latency_p50", phase="paced")["absent"] == "only 3 windows closed"
    assert one_line(run, "latency_p50", phase="paced")["value"] == ""


def test_of_several_trials_a_tool_gets_the_median_with_its_interval_and_every_round() -> None:
    run = made_up.several(made_up.trials("flink", [100_000, 200_000, 125_000, 250_000, 400_000]))
    (entry,) = json.loads(text(run, "github-action-benchmark", "drain_rate"))
    assert (entry["name"], entry["unit"]) == (f"{TITLE}: flink, drain: drain_seconds_per_event", "s/event")
    assert entry["value"] == pytest.approx(1 / 200_000)
    assert entry["range"] == "2.5e-06 to 1e-05"
    (benchmark,) = json.loads(text(run, "pytest-benchmark", "drain_rate"))["benchmarks"]
    stats = benchmark["stats"]
    assert (stats["rounds"], stats["data"][0]) == (5, 1e-5)
    assert (stats["min"], stats["max"], stats["median"]) == (2.5e-6, 1e-5, 5e-6)
    (measures,) = json.loads(text(run, "bencher", "drain_rate")).values()
    assert measures == {"drain-seconds-per-event-s-event": {"value": 5e-6, "lower_value": 2.5e-6, "upper_value": 1e-5}}
    assert {line["trial"] for line in lines(run, "drain_rate")} == {"", "1", "2", "3", "4", "5"}


def test_a_case_of_which_one_trial_failed_has_no_figure_for_a_tool() -> None:
    trials = made_up.trials("flink", [100_000, 200_000])
    broken = [
        case.model_copy(update={"outcome": "fail", "reason": "a row is lost"}) if case.trial_number == 2 else case
        for case in trials
    ]
    found = made(made_up.several(broken), None, AskedExport("bencher"))
    assert found.figures == 0
    assert "every figure: the outcome is fail: a row is lost" in found.left_out[0]


def test_metrics_can_be_named_and_those_that_do_not_exist_are_refused() -> None:
    run = of(made_up.pair("flink"))
    names = {entry["name"] for entry in json.loads(text(run, "github-action-benchmark", "send_lag_p99"))}
    assert names == {f"{TITLE}: flink, paced: send_lag_p99"}
    assert len(json.loads(text(run, "github-action-benchmark", "all"))) > len(
        json.loads(text(run, "github-action-benchmark"))
    )
    with pytest.raises(Refused, match="there is no metric 'speed'"):
        made(run, None, AskedExport("csv", ("speed",)))
    with pytest.raises(Refused, match="there is no format 'xml'"):
        made(run, None, AskedExport("xml"))


def test_pytest_benchmark_itself_compares_two_exports(tmp_path: Path) -> None:
    """Also of a time that is zero, of a negative one, and of rows of one trial beside rows of several."""
    odd = {
        "recovery_caught_up": MetricValue(value=0, unit="s", better="lower"),
        "recovery_detected": MetricValue(value=-0.5, unit="s", better="lower"),
    }
    single = [case.model_copy(update={"metrics": case.metrics | odd}) for case in made_up.pair("spark")]
    several = made_up.several(made_up.trials("flink", [100_000, 200_000, 125_000]))
    (tmp_path / "old.json").write_text(text(of(single), "pytest-benchmark"))
    (tmp_path / "new.json").write_text(text(several, "pytest-benchmark"))
    command = [Path(sys.executable).with_name("pytest-benchmark"), "compare", "old.json", "new.json"]
    compared = subprocess.run(
        [*command, "--group-by=group"], cwd=tmp_path, capture_output=True, text=True, check=True, env={"COLUMNS": "400"}
    )
    table = compared.stdout.partition(f"'{TITLE}: drain_seconds_per_event, s/event'")[2].partition("Legend")[0]
    (row,) = [line for line in table.splitlines() if line.startswith("flink, drain (new)")]
    assert "8.0000" in row  # us: the median of 10, 5 and 8 us an event
    assert "WARNING" not in compared.stderr
    assert "Failed" not in compared.stderr


def test_pytest_benchmark_is_told_when_and_by_which_code_it_was() -> None:
    told = Provenance(started="2026-11-30T10:15:00Z", checkout=Checkout(commit="a" * 40, dirty=True))
    run = of(made_up.pair("flink")).model_copy(update={"provenance": told})
    exported = json.loads(text(run, "pytest-benchmark"))
    assert (exported["datetime"], exported["commit_info"]) == (told.started, {"id": "a" * 40, "dirty": True})
    assert json.loads(text(of(), "pytest-benchmark"))["commit_info"] == {}


def test_junit_says_of_each_engine_how_it_ended() -> None:
    run = of(
        made_up.pair("good"),
        made_up.pair("liar", outcome="fail", reason="a row is lost", offences=[made_up.LOST]),
        made_up.pair("slow", outcome="unknown", reason="did not finish", last_lines=["killed"]),
        made_up.idle("absent", "unavailable", "no Java"),
    )
    (suite,) = parsed_xml(text(run, "junit"))
    assert suite.attrib == {"name": TITLE, "tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    ended = {case.get("name"): [child for child in case if child.tag != "properties"] for case in suite}
    assert ended.pop("good") == []
    assert {name: (found.tag, found.get("message")) for name, (found,) in ended.items()} == {
        "liar": ("failure", "a row is lost"),
        "slow": ("error", "did not finish"),
        "absent": ("skipped", "no Java"),
    }
    assert "without event 12345" in (ended["liar"][0].text or "")
    assert "killed" in (ended["slow"][0].text or "")
    values = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert values["drain.drain_seconds_per_event"].startswith("(2e-06 s/event), in brackets: the outcome is")


@pytest.mark.parametrize("to", ["github-action-benchmark", "pytest-benchmark", "bencher", "csv", "junit"])
def test_a_hostile_name_is_text_in_every_format(to: str) -> None:
    run = of(made_up.pair(HOSTILE, mode=HOSTILE, notes=[HOSTILE], workload=HOSTILE))
    found = text(run, to)
    assert "\x1b" not in found
    assert "\u2028" not in found
    assert "<b>" not in found or to != "junit"
    if to == "junit":
        assert "\\u001b[31m" in (parsed_xml(found)[0][0].get("name") or "")
    elif to == "csv":
        parsed = list(csv.reader(io.StringIO(found)))
        assert {len(line) for line in parsed} == {len(parsed[0])}
        assert parsed[1][0].startswith("'=cmd")
        assert parsed[1][1].startswith("'=cmd")
    else:
        json.loads(found)


@pytest.mark.parametrize("beginning", [*"=+-@＝＋－＠", "\t=", " ="])  # noqa: RUF001
def test_a_text_that_a_spreadsheet_would_run_begins_with_an_apostrophe_and_a_number_does_not(beginning: str) -> None:
    cases = made_up.pair(f"{beginning}1+1")
    negative = {"latency_p50": MetricValue(value=-3, unit="ms", better="lower")}
    run = of([case.model_copy(update={"metrics": negative}) for case in cases])
    (first, _) = lines(run)
    assert first["row"].startswith("'")
    assert first["value"] == "-0.003"


def test_what_no_tool_can_say_is_told_and_two_rows_of_one_name_are_both_there() -> None:
    nothing = {"drain_rate": MetricValue(value=0, unit="events/s", better="higher")}
    cases = made_up.pair("flink")
    run = of([cases[0], cases[1].model_copy(update={"metrics": cases[1].metrics | nothing})])
    why = "no tool could say 0 events/s, as it is exported"
    assert f"{TITLE}: flink, drain: drain_rate: {why}" in made(run, None, AskedExport("bencher")).left_out
    assert one_line(run, "drain_rate")["absent"] == why
    twice = of(made_up.pair("x", 100), made_up.pair("x", 200, set_up=SetUp(layout="one-process")))
    found = json.loads(text(twice, "bencher", "drain_rate"))
    assert {name: measures["drain-seconds-per-event-s-event"]["value"] for name, measures in found.items()} == {
        f"{TITLE}: x, drain": 0.01,
        f"{TITLE}: x [2], drain": 0.005,
    }


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.name)
def test_a_kept_result_is_exported_in_every_format(kept: Path) -> None:
    run = RunResult.model_validate_json(lzma.decompress(kept.read_bytes()))
    ran = {case.engine for case in run.cases if case.outcome in ("pass", "fail", "unknown")}
    right = {case.engine for case in run.cases if case.outcome == "pass"}
    entries = json.loads(text(run, "github-action-benchmark", "all", also_bracketed=True))
    assert right == {engine for engine in ran if any(f": {engine}" in entry["name"] for entry in entries)}
    assert len({entry["name"] for entry in entries}) == len(entries)
    assert bool(json.loads(text(run, "pytest-benchmark", "all", also_bracketed=True))["benchmarks"]) == bool(right)
    assert bool(json.loads(text(run, "bencher", "all", also_bracketed=True))) == bool(right)
    assert len(list(parsed_xml(text(run, "junit")).iter("testcase"))) >= len(ran)
    assert {line["outcome"] for line in lines(run)} == {case.outcome for case in run.cases}
    files = made(run, None, AskedExport("parquet")).files
    struck = sum(len(case.strikes) for case in run.cases)
    assert pq.read_table(io.BytesIO(files["strikes.parquet"])).num_rows == struck


ANY = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=60, deadline=None)
@given(
    value=ANY,
    ends=st.none() | st.tuples(ANY, ANY),
    unit=st.sampled_from(["events/s", "ms", "s", "bytes", "events/CPU-s", "", "=x"]) | st.text(max_size=5),
    better=st.sampled_from(["lower", "higher", "none"]),
    name=st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
def test_whatever_a_result_says_each_format_can_be_read_back(
    value: float, ends: tuple[float, float] | None, unit: str, better: Any, name: str
) -> None:
    low, high = ends or (None, None)
    metric = MetricValue(value=value, unit=unit, better=better, low=low, high=high)
    cases = [case.model_copy(update={"metrics": {name: metric}}) for case in made_up.pair(name or "x")]
    run = of(cases)
    for to in ("github-action-benchmark", "pytest-benchmark", "bencher"):
        json.loads(text(run, to, name, also_bracketed=True), parse_constant=pytest.fail)
    parsed_xml(text(run, "junit", name))
    parsed = list(csv.reader(io.StringIO(text(run, "csv"))))
    assert {len(line) for line in parsed} == {len(parsed[0])}
    made(run, None, AskedExport("parquet"))


def test_a_run_without_cases_gives_empty_documents() -> None:
    run = of()
    assert json.loads(text(run, "github-action-benchmark")) == []
    assert json.loads(text(run, "bencher")) == {}
    assert json.loads(text(run, "pytest-benchmark"))["benchmarks"] == []
    assert lines(run) == []
    assert list(parsed_xml(text(run, "junit"))) == []


def test_an_export_is_written_whole_and_a_device_is_not_replaced(tmp_path: Path) -> None:
    export = made(of(made_up.pair("flink")), None, AskedExport("bencher"))
    (tmp_path / "there.json").write_text("old")
    (tmp_path / "link.json").symlink_to("there.json")
    write(export, tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "there.json").read_text() == export.text
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE, text=True)
    write(export, tmp_path / "pipe")
    assert reader.communicate(timeout=60)[0] == export.text
    assert (tmp_path / "pipe").is_fifo()


def test_the_rate_that_lasts_is_exported_and_each_rate_that_was_tried_is_in_the_tables() -> None:
    held = {"sustained_rate": MetricValue(value=80_000, unit="events/s", better="higher", low=80_000, high=100_000)}
    probes = [
        ProbeResult(number=1, rate=80_000, seconds=10, outcome="held"),
        ProbeResult(number=2, rate=100_000, seconds=10, outcome="failed", why="it fell behind", lag_growth=0.2),
    ]
    (paced, _) = made_up.pair("flink")
    run = of([paced.model_copy(update={"phase": "probe", "metrics": held, "probes": probes})])
    (entry,) = json.loads(text(run, "github-action-benchmark"))
    assert entry["name"] == f"{TITLE}: flink, probe: sustained_seconds_per_event"
    assert (entry["value"], entry["range"]) == (1.25e-05, "1e-05 to 1.25e-05")
    table = pq.read_table(io.BytesIO(made(run, None, AskedExport("parquet")).files["probes.parquet"])).to_pydict()
    assert (table["rate"], table["outcome"]) == ([80_000, 100_000], ["held", "failed"])


def test_strikes_and_numbers_that_no_column_holds_are_in_the_tables_as_far_as_they_can_be() -> None:
    struck = StrikeResult(
        number=1, fault="kill", aim="a", detail="d", state="confirmed", exposed=True, inputs=2**70, at_s=1.5
    )
    run = of(made_up.pair("flink", strikes=[struck], fault="kill"))
    files = made(run, None, AskedExport("parquet")).files
    (first, _) = pq.read_table(io.BytesIO(files["strikes.parquet"])).to_pylist()
    assert (first["fault"], first["at_s"], first["exposed"], first["inputs"]) == ("kill", 1.5, True, None)
    assert len(json.loads(files["run.json"])["lacking"]) == 2
