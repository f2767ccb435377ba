"""What cannot be judged is unknown, with the reason, and never passes."""

from __future__ import annotations

from dataclasses import replace

import pytest

import results.judge
from results.history import Complete, DamagedHistory, Ended, EngineReady, Failed, Loaded, PhaseBegin, Quiescent
from results.judge import judge
from results.metrics import registry
from results.result import Verdict
from tests.judge.recording import SECOND, Row, seal
from workloads.stream import CONTROL_IDS


def without(recording, kind, phase=None):
    recording.marks = [
        mark
        for mark in recording.marks
        if not (isinstance(mark, kind) and (phase is None or getattr(mark, "phase", None) == phase))
    ]


def doubt(cases, phase, *words):
    case = cases[phase]
    assert case.outcome == "unknown"
    assert case.observed == "unknown"
    for word in words:
        assert word in case.reason, case.reason
    return case


def test_without_quiescence_nothing_passes(recording, judged):
    without(recording, Quiescent)
    cases = judged(recording)
    for phase in ("paced", "drain"):
        assert doubt(cases, phase, "no quiescence").verdict.match > 0


def test_quiescence_before_the_end_of_a_phase_is_none(recording, judged):
    rest = recording.of(Quiescent)[0]
    complete = next(mark for mark in recording.of(Complete) if mark.phase == "drain-2")
    without(recording, Quiescent)
    recording.marks.append(rest.model_copy(update={"at_ns": complete.at_ns - 1}))
    doubt(judged(recording), "drain", "no quiescence")


def test_rows_after_quiescence_deny_it(recording, judged):
    rest = recording.of(Quiescent)[0]
    without(recording, Quiescent)
    recording.marks.append(rest.model_copy(update={"end_offsets": [1_000_000, 1_000_000, 3, 1_000_000]}))
    doubt(judged(recording), "paced", "no quiescence", "rows were written after outputs stood still")


def test_violations_beside_a_doubt_are_told(recording, judged):
    without(recording, Quiescent)
    row = recording.row(recording.largest())
    recording.rows.append(Row(row.partition, row.visible_ns, row.value))
    doubt(judged(recording), "paced", "no quiescence", "beside that, duplicate (1 of")


def test_a_failed_trial_is_unknown_with_what_where_and_phase(recording, judged):
    without(recording, Ended)
    what = "flink ended with exit code 1; its last lines:\nstarting\n  OutOfMemoryError"
    recording.marks.append(Failed(at_ns=0, phase="drain-2", what=what, where="logs/flink.log"))
    case = doubt(
        judged(recording),
        "drain",
        "did not finish: flink ended",
        "OutOfMemoryError (in phase drain-2; see logs/flink.log)",
    )
    assert "\n" not in case.reason
    assert case.verdict == Verdict()
    assert "drain_rate" not in case.metrics, "no speed without proof"
    assert case.metrics["memory_peak"].value > 0, "how much memory it had is known all the same"


def test_an_interrupted_trial_says_so(recording, judged):
    without(recording, Ended)
    recording.marks.append(Failed(at_ns=0, phase="paced", what="interrupted", where="", interrupted=True))
    doubt(judged(recording), "paced", "interrupted in phase paced")


@pytest.mark.parametrize(
    ("kind", "phase", "words"),
    [
        (Ended, None, "stopped without a word (its last mark is 'quiescent')"),
        (Loaded, "paced", "phase paced were never all acknowledged"),
        (Complete, "paced", "no results were seen for the closing events of phase paced"),
        (PhaseBegin, "paced", "no paced phase began"),
        (EngineReady, None, "the engine was never ready"),
    ],
)
def test_a_missing_mark_is_named(recording, judged, kind, phase, words):
    without(recording, kind, phase)
    doubt(judged(recording), "paced", words)


def test_marks_cut_in_their_last_line_are_read_up_to_there(recording, tmp_path):
    folder = recording.write(tmp_path / "history")
    marks = folder / "marks.jsonl"
    marks.write_bytes(marks.read_bytes()[:-10])
    assert {case.outcome for case in judge(folder)} == {"unknown"}
    assert "stopped without a word" in judge(folder)[0].reason


def test_no_marks_at_all_is_unknown(recording, tmp_path):
    folder = recording.write(tmp_path / "history")
    (folder / "marks.jsonl").unlink()
    assert "the trial recorded nothing" in judge(folder)[0].reason


def test_a_damaged_line_among_the_marks_is_told(recording, tmp_path):
    folder = recording.write(tmp_path / "history")
    marks = folder / "marks.jsonl"
    marks.write_bytes(marks.read_bytes().replace(b'"kind":"drain"', b'"kind":"drown"', 1))
    with pytest.raises(DamagedHistory, match=r"line 6: .*kind"):
        judge(folder)


@pytest.mark.parametrize("table", ["input", "output", "samples", "sends"])
def test_a_damaged_part_is_named(recording, tmp_path, table):
    folder = recording.write(tmp_path / "history")
    part = sorted((folder / table).glob("*.parquet"))[0]
    part.write_bytes(part.read_bytes()[:-20])
    cases = {case.phase: case for case in judge(folder)}
    doubt(cases, "paced", f"damaged history: not a readable part of {table}", f"{table}/part-00000.parquet")


def test_a_lost_part_of_the_input_is_the_logs_fault(recording, tmp_path):
    folder = recording.write(tmp_path / "history")
    (folder / "input" / "part-00001.parquet").unlink()
    cases = {case.phase: case for case in judge(seal(folder))}
    doubt(cases, "drain", "input_lost", "not the engine")


def test_acknowledged_events_that_are_not_in_the_log_are_not_the_engines_fault(recording, judged):
    recording.inputs = [entry for entry in recording.inputs if entry[1] != 777]
    cases = judged(recording)
    doubt(cases, "paced", "input_lost: 1 acknowledged events are not in the input log (id 777)", "not the engine")
    assert cases["drain"].outcome == "pass"


def test_events_twice_in_the_log_are_not_the_engines_fault(recording, judged):
    entry = next(entry for entry in recording.inputs if entry[1] == 777)
    recording.inputs.append(entry)
    window = recording.window_of(777)
    recording.row(window).value = recording.answer(window, [*recording.members[window], 777])
    case = doubt(judged(recording), "paced", "input_duplicated: 1 events", "id 777")
    assert case.verdict.wrong == 0, "the engine answered what the log holds"


def test_events_with_a_wrong_check_are_not_the_engines_fault(recording, judged):
    place = next(place for place, entry in enumerate(recording.inputs) if entry[1] == 6000)
    recording.inputs[place] = (recording.inputs[place][0], 6000, 1)
    cases = judged(recording)
    doubt(cases, "drain", "input_damaged: 1 events", "id 6000")
    assert cases["paced"].outcome == "pass"


def test_events_of_no_phase_are_not_the_engines_fault(recording, judged):
    recording.inputs.append((0, CONTROL_IDS - 1, 0))
    doubt(judged(recording), "paced", "input_foreign: 1 events")


def test_rows_recorded_twice_are_the_collectors_fault(recording, tmp_path):
    folder = recording.write(tmp_path / "history")
    part = folder / "output" / "part-00000.parquet"
    (folder / "output" / "part-00002.parquet").write_bytes(part.read_bytes())
    cases = {case.phase: case for case in judge(seal(folder))}
    doubt(cases, "paced", "recorded twice: the collector failed, not the engine")


def crash(*args):
    raise KeyError("planted")


@pytest.mark.parametrize("part", ["findings", "examine", "Samples"])
def test_a_part_of_the_judge_that_crashes_yields_unknown(recording, judged, monkeypatch, part):
    monkeypatch.setattr(results.judge, part, crash)
    case = doubt(judged(recording), "paced", "the judge crashed in", "KeyError: 'planted'")
    assert ("latency_p50" in case.metrics) == (part != "examine")


@pytest.mark.parametrize("name", ["cpu", "latency", "memory", "send lag", "start-up"])
def test_a_measurement_that_crashes_yields_unknown(recording, judged, monkeypatch, name):
    found = registry.measurements()
    crashing = replace(found[name], measure=crash)
    monkeypatch.setattr("results.judge.measurements", lambda: found | {name: crashing})
    case = doubt(judged(recording), "paced", f"the judge crashed in {crashing.name}", "KeyError: 'planted'")
    assert ("latency_p50" in case.metrics) == (name != "latency")


def test_a_metric_that_is_not_declared_yields_unknown(recording, judged, monkeypatch):
    found = registry.measurements()
    silent = replace(found["start-up"], metrics=())
    monkeypatch.setattr("results.judge.measurements", lambda: found | {"start-up": silent})
    doubt(judged(recording), "paced", "does not declare startup_foreign_share, startup_seconds")


def test_a_workload_that_is_not_there_is_named(recording, judged):
    recording.plan = recording.plan.model_copy(update={"workload": "sonsors"})
    doubt(judged(recording), "paced", "the judge knows no workload 'sonsors'")


def test_a_claim_that_is_no_guarantee_is_named(recording, judged):
    recording.plan = recording.plan.model_copy(update={"delivery_claimed": "perfect"})
    doubt(judged(recording), "paced", "claims 'perfect' for its delivery")


def test_a_history_of_a_later_method_is_refused(recording, judged):
    recording.plan = recording.plan.model_copy(update={"method_version": 99})
    doubt(judged(recording), "paced", "method version 99")


def test_phases_that_contradict_each_other_are_refused(recording, judged):
    begins = recording.of(PhaseBegin)
    place = recording.marks.index(begins[1])
    segment = begins[1].segment.model_copy(update={"first": 100})
    recording.marks[place] = begins[1].model_copy(update={"segment": segment})
    doubt(judged(recording), "drain", "damaged history: phases paced and drain-1 share events")


def test_judging_again_and_elsewhere_gives_the_same(recording, tmp_path):
    row = recording.row(recording.largest())
    recording.rows.append(Row(row.partition, row.visible_ns + SECOND, row.value))
    here, there = tmp_path / "here", tmp_path / "there" / "moved"
    first = [case.model_dump_json() for case in judge(recording.write(here))]
    there.parent.mkdir()
    here.rename(there)
    assert [case.model_dump_json() for case in judge(there)] == first


def test_wrong_rows_that_were_not_looked_into_leave_no_verdict(recording, judged, monkeypatch):
    weak = {"processing_claimed": "at-least-once", "delivery_claimed": "at-least-once"}
    recording.plan = recording.plan.model_copy(update=weak)
    for window in [window for window, ids in recording.members.items() if len(ids) > 3][:12]:
        ids = recording.members[window]
        recording.row(window).value = recording.answer(window, [*ids, ids[0]])
    assert judged(recording)["paced"].kinds == {"double count": 12}
    monkeypatch.setattr("results.verdict.tally.EXPLAINED", 5)
    case = judged(recording)["paced"]
    assert (case.outcome, case.kinds) == ("unknown", {"double count": 5})
    assert case.reason.startswith("7 wrong rows, beyond the first ")
