"""The folder of a run, the public document, and the outcome that stands for all of a run's."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import pytest

from results import store
from results.history import DamagedHistory
from results.public import document, schema
from results.result import CaseResult, worst
from tests.judge.recording import DRAIN, RATE, SEED, Row

CASE = {"engine": "made", "mode": "default", "workload": "sensors", "log": "embedded", "guarantee": "exactly-once"}
PHASES = {"paced": {"rate": RATE}, "drain": {"events": DRAIN.events}}


def plan(*cases):
    return {"suite": "quick", "command": "of no concern to the judge", "cases": list(cases)}


@pytest.fixture
def run(recording, tmp_path):
    """A run's folder: one case that ran, one that cannot, one that was not reached; paced only."""
    folder = tmp_path / "2026-11-24T00-00-00_quick_abcd"
    blocked = {"outcome": "unavailable", "reason": "there is no Java", "remedy": "install openjdk-17-jdk-headless"}
    recording.write(folder / "cases" / "made.default.sensors")
    cases = (
        CASE | PHASES | {"seed": SEED},
        CASE | PHASES | {"engine": "flink", "blocked": blocked},
        CASE | {"engine": "later", "paced": {"rate": 1}, "drain": None},
    )
    (folder / "plan.json").write_text(json.dumps(plan(*cases)))
    return folder


def test_a_run_is_judged_in_the_order_of_its_plan(run):
    result = store.judge_run(run)
    assert [(case.engine, case.phase, case.outcome) for case in result.cases] == [
        ("made", "paced", "pass"),
        ("made", "drain", "pass"),
        ("flink", "paced", "unavailable"),
        ("flink", "drain", "unavailable"),
        ("later", "paced", "unknown"),
    ]
    assert result.cases[2].reason == "there is no Java; install openjdk-17-jdk-headless"
    assert "did not run" in result.cases[4].reason
    assert (result.run, result.suite, result.machine.cores) == (run.name, "quick", 2)


def test_a_stored_result_is_loaded_as_it_was_and_written_as_the_same_bytes(run):
    result = store.judge_run(run)
    path = store.save(run, result)
    written = path.read_bytes()
    assert store.load(run) == result
    store.save(run, store.judge_run(run))
    assert path.read_bytes() == written
    assert not list(run.glob("*.partial"))


def test_the_document_is_what_its_schema_says_and_no_more(run):
    shown = document(store.judge_run(run), run)
    jsonschema.validate(json.loads(json.dumps(shown)), json.loads(schema()))
    assert list(shown) == [
        "schema_version",
        "method_version",
        "run",
        "suite",
        "provenance",
        "machine",
        "cases",
        "repeated",
        "thresholds",
    ]
    assert shown["run"] == str(run)
    for case in shown["cases"]:
        assert not {"offences", "series", "settings", "asked"} & case.keys()
        assert list(case["verdict"]) == ["match", "missing", "duplicate", "wrong", "unexpected", "late_dropped"]
    assert set(shown["cases"][0]["metrics"]["latency_p99"]) == {
        *("value", "unit", "better", "n", "low", "high", "bracketed")
    }
    assert shown["cases"][2]["metrics"] == {}


@pytest.mark.parametrize(
    "change", [{"outcome": "fine"}, {"extra": 1}, {"verdict": {"match": 1}}, {"metrics": {"p99": {"value": 1}}}]
)
def test_the_schema_refuses_what_is_no_document(run, change):
    shown = document(store.judge_run(run), run)
    shown["cases"][0] |= change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(shown, json.loads(schema()))


def test_the_published_schema_is_in_step():
    import results

    published = (store.Path(results.__file__).parent / "schema.json").read_text(encoding="utf-8")
    renew = "python -c \"from results.public import schema; print(schema(), end='')\" > results/schema.json"
    assert published == schema(), f"renew it: {renew}"


def case(outcome):
    return CaseResult(**CASE, fault="none", phase="drain", outcome=outcome, reason="")


@pytest.mark.parametrize(
    ("outcomes", "stands_for_all"),
    [
        ([], None),
        (["pass", "pass"], "pass"),
        (["pass", "unavailable", "unsupported"], "pass"),
        (["pass", "unknown"], "unknown"),
        (["unknown", "fail", "pass"], "fail"),
        (["unsupported", "unavailable"], "unavailable"),
    ],
)
def test_wrong_results_outrank_unfinished_ones_and_what_cannot_run_is_no_failure(outcomes, stands_for_all):
    assert worst(case(outcome) for outcome in outcomes) == stands_for_all


def test_a_damaged_history_is_unknown_and_the_other_cases_are_judged(run, recording):
    told = {"engine": "later", "name": "later.default.sensors"}
    later = replace(recording, plan=recording.plan.model_copy(update=told))
    later.write(run / "cases" / "later.default.sensors")
    asked = json.loads((run / "plan.json").read_text())
    asked["cases"][2] |= PHASES
    (run / "plan.json").write_text(json.dumps(asked))
    (run / "cases" / "made.default.sensors" / "trial.json").write_text("{")
    result = store.judge_run(run)
    assert [case.outcome for case in result.cases] == [
        "unknown",
        "unknown",
        "unavailable",
        "unavailable",
        "pass",
        "pass",
    ]
    assert "damaged history: content: Invalid JSON" in result.cases[0].reason
    assert result.cases[0].reason.endswith("(cases/made.default.sensors/trial.json)")


def test_offences_survive_storing(run, recording):
    row = recording.row(recording.largest())
    recording.rows.append(Row(row.partition, row.visible_ns, row.value))
    recording.rows.append(Row(row.partition, row.visible_ns, b"\xffnonsense\n"))
    recording.write(run / "cases" / "made.default.sensors")
    store.save(run, store.judge_run(run))
    assert [offence.kind for offence in store.load(run).cases[0].offences] == ["duplicate", "malformed"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (None, "this is not the folder of a run"),
        ("{", "Invalid JSON"),
        ('{"suite":"quick"}', "cases"),
        (json.dumps(plan(CASE | {"engine": "../../elsewhere"})), "cases.0.engine"),
        (json.dumps(plan(CASE | {"blocked": {"outcome": "pass", "reason": ""}})), "cases.0.blocked.outcome"),
    ],
)
def test_a_plan_that_cannot_be_read_is_named(tmp_path, text, what):
    if text is not None:
        (tmp_path / "plan.json").write_text(text)
    with pytest.raises(store.DamagedRun) as damage:
        store.judge_run(tmp_path)
    assert what in damage.value.what
    assert damage.value.where == tmp_path / "plan.json"
    assert damage.value.remedy


@pytest.mark.parametrize(
    ("text", "what"),
    [(None, "not judged yet"), ("[]", "content"), ('{"run":1,"cases":[]}', "run"), ("\x00", "content")],
)
def test_a_result_that_cannot_be_read_is_named(tmp_path, text, what):
    if text is not None:
        (tmp_path / "result.json").write_text(text)
    with pytest.raises(store.DamagedRun) as damage:
        store.load(tmp_path)
    assert what in damage.value.what
    assert "judge it" in damage.value.remedy
    assert damage.value.command == ("judge", str(tmp_path))


def test_a_result_with_a_number_that_is_none_is_refused(run):
    path = store.save(run, store.judge_run(run))
    path.write_text(path.read_text().replace('"value": 250.0', '"value": NaN', 1))
    with pytest.raises(store.DamagedRun):
        store.load(run)


def test_damage_says_what_and_where(tmp_path):
    assert str(DamagedHistory("it is broken", tmp_path)) == f"it is broken ({tmp_path})"
