"""A record that is not whole, or says what cannot be, is unknown for that reason; no engine is blamed for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from results.history import DamagedHistory, Ended, TableWriter
from results.judge import judge
from tests.judge.recording import SECOND, Recording, seal

PARTS = ("input", "output", "samples", "sends")


@pytest.fixture
def history(recording: Recording, tmp_path: Path) -> Path:
    return recording.write(tmp_path / "history")


def reason(history: Path) -> str:
    """Why all of it is unknown; nothing else is told of it."""
    try:
        cases = judge(history)
    except DamagedHistory as damage:
        return damage.within(history)
    assert {case.outcome for case in cases} == {"unknown"}
    for case in cases:
        assert case.kinds == {}, "an engine is accused"
        assert not case.metrics.keys() - {"startup_seconds"}, "figures of what is not whole"
    return cases[0].reason


def rewritten(path: Path, **changes: Any) -> None:
    """The same part with other values in some columns."""
    table = pq.read_table(path)
    for name, value in changes.items():
        column = table[name].to_pylist()
        column[len(column) // 2] = value
        table = table.set_column(
            table.schema.get_field_index(name), name, pa.array(column, table.schema.field(name).type)
        )
    pq.write_table(table, path)


def test_a_whole_record_is_judged(history):
    assert {case.outcome for case in judge(history)} == {"pass"}


def test_without_a_manifest_the_record_was_cut_off(history):
    (history / "manifest.json").unlink()
    assert "cut off" in reason(history)
    assert "manifest.json" in reason(history)


def test_a_record_that_was_cut_off_before_its_end_says_how_far_it_came(recording, tmp_path):
    recording.marks = [mark for mark in recording.marks if not isinstance(mark, Ended)]
    history = recording.write(tmp_path / "history")
    (history / "manifest.json").unlink()
    told = reason(history)
    assert "its last mark is 'quiescent'" in told
    assert "cut off" in told


@pytest.mark.parametrize("table", PARTS)
@pytest.mark.parametrize("number", [0, 1])
def test_a_part_that_is_missing_is_named(history, table, number):
    (history / table / f"part-0000{number}.parquet").unlink()
    assert f"{table}/part-0000{number}.parquet is not there" in reason(history)


@pytest.mark.parametrize("table", PARTS)
def test_a_part_that_was_added_is_named(history, table):
    part = history / table / "part-00000.parquet"
    (history / table / "part-00002.parquet").write_bytes(part.read_bytes())
    assert f"{table}/part-00002.parquet was added" in reason(history)


@pytest.mark.parametrize("table", PARTS)
def test_a_part_that_was_changed_is_named(history, table):
    part = history / table / "part-00001.parquet"
    pq.write_table(pq.read_table(part).slice(1), part)
    assert f"{table}/part-00001.parquet was changed" in reason(history)


def test_marks_that_were_changed_or_removed_are_named(history):
    marks = history / "marks.jsonl"
    content = marks.read_bytes()
    marks.write_bytes(content.replace(b'"startup_s":7.5', b'"startup_s":2.5'))
    assert "marks.jsonl was changed" in reason(history)
    marks.unlink()
    assert "marks.jsonl is not there" in reason(history)


def test_a_plan_that_was_changed_is_named(history):
    plan = history / "trial.json"
    plan.write_text(plan.read_text().replace('"seed":5', '"seed":6'))
    assert "trial.json was changed" in reason(history)


@pytest.mark.parametrize("table", PARTS)
def test_rows_that_a_writer_stored_and_that_are_not_there_are_counted(history, table):
    content = json.loads((history / "manifest.json").read_text())
    content["stored"][table] += 7
    (history / "manifest.json").write_text(json.dumps(content))
    there = content["stored"][table] - 7
    assert f"{there + 7:,} rows of {table} were stored, {there:,} are there" in reason(history)


def test_rows_of_which_no_writer_told_are_not_believed(history):
    content = json.loads((history / "manifest.json").read_text())
    del content["stored"]["output"]
    (history / "manifest.json").write_text(json.dumps(content))
    assert "nothing says how many rows of output were stored" in reason(history)


def test_an_output_that_was_not_read_to_its_end_is_not_believed(history):
    content = json.loads((history / "manifest.json").read_text())
    content["positions"]["output"][2] -= 1
    (history / "manifest.json").write_text(json.dumps(content))
    assert "the output was recorded up to offsets" in reason(history)
    del content["positions"]["output"]
    (history / "manifest.json").write_text(json.dumps(content))
    assert "the output was recorded up to offsets None" in reason(history)


def test_on_the_embedded_log_each_offset_before_the_end_has_a_row(history):
    part = history / "output" / "part-00001.parquet"
    pq.write_table(pq.read_table(part).slice(3), part)
    assert "rows of output partition" in reason(seal(history))


def test_kafkas_offsets_have_gaps_and_no_row_is_missed_for_them(recording, tmp_path):
    recording.plan = recording.plan.model_copy(update={"log": "kafka"})
    history = recording.write(tmp_path / "history")
    for part in sorted((history / "output").glob("*.parquet")):
        table = pq.read_table(part)
        doubled = pa.array([2 * offset for offset in table["offset"].to_pylist()], pa.int64())
        pq.write_table(table.set_column(1, "offset", doubled), part)
    marks = history / "marks.jsonl"
    rest = next(mark for mark in recording.marks if mark.mark == "quiescent")
    ends = [2 * end for end in json.loads((history / "manifest.json").read_text())["positions"]["output"]]
    lines = [line for line in marks.read_text().splitlines() if '"quiescent"' not in line]
    lines.insert(-1, rest.model_copy(update={"end_offsets": ends}).model_dump_json())
    marks.write_text("\n".join(lines) + "\n")
    assert {case.outcome for case in judge(seal(history))} == {"pass"}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"files":{}}', '{"files":{"a":{"sha256":"x","rows":-1}}}'])
def test_a_manifest_that_cannot_be_read_is_damage(history, content):
    (history / "manifest.json").write_text(content)
    assert "damaged history: " in reason(history)
    assert "manifest.json" in reason(history)


@pytest.mark.parametrize("version", [1, 6, 7])
def test_a_history_from_before_manifests_is_judged_with_a_note(recording, tmp_path, version):
    recording.plan = recording.plan.model_copy(update={"method_version": version})
    history = recording.write(tmp_path / "history")
    (history / "manifest.json").unlink()
    for case in judge(history):
        assert case.outcome == "pass"
        assert f"recorded by method version {version}, which kept no manifest" in case.reason


def test_hand_overs_that_were_not_recorded_leave_it_open_whether_the_generator_kept_its_schedule(recording, judged):
    recording.sends = recording.sends[len(recording.sends) // 2 :]
    case = judged(recording)["paced"]
    assert "send_lag_p99" not in case.metrics
    assert any("whether the generator kept its schedule is not known" in note for note in case.notes)


@pytest.mark.parametrize("kept", [lambda s: s < 6, lambda s: s > 6, lambda s: not 8 < s < 13])
def test_a_peak_does_not_stand_for_a_time_in_which_nothing_was_sampled(recording, judged, kept):
    start_ns = recording.marks[1].start_ns
    recording.samples = [sample for sample in recording.samples if kept((sample[0] - start_ns) / SECOND)]
    case = judged(recording)["paced"]
    for name in ("memory_peak", "busy_cores"):
        assert name not in case.metrics
        assert "sample" in case.absent[name]


IMPOSSIBLE = [
    ("output", "visible_ns", -1),
    ("output", "visible_ns", 2**63 - 1),
    ("output", "visible_ns", 5000 * SECOND),
    ("output", "offset", -1),
    ("output", "partition", 4),
    ("output", "partition", -1),
    ("output", "time_ms", -1),
    ("input", "offset", -5),
    ("input", "partition", 99),
    ("sends", "sent_ns", -1),
    ("sends", "sent_ns", 2**62),
    ("sends", "count", 0),
    ("sends", "count", -2),
    ("sends", "first_id", -1),
    ("samples", "at_ns", -1),
    ("samples", "pid", 0),
    ("samples", "cpu_s", -1.0),
    ("samples", "cpu_s", float("nan")),
    ("samples", "cpu_s", float("inf")),
    ("samples", "rss_bytes", -1),
    ("samples", "pss_bytes", -1),
    ("samples", "pss_bytes", 2**60),
]


@pytest.mark.parametrize(("table", "column", "value"), IMPOSSIBLE)
@pytest.mark.parametrize("sealed", [True, False])
def test_a_value_that_cannot_be_is_named_with_its_file(history, table, column, value, sealed):
    rewritten(history / table / "part-00001.parquet", **{column: value})
    cases = judge(seal(history) if sealed else history)
    # Of hand-overs nothing is asked for the drains.
    for case in cases[:1] if table == "sends" else cases:
        assert case.outcome == "unknown"
        assert f"{column} is {value}" in case.reason
        assert f"{table}/part-00001.parquet" in case.reason


def test_a_gap_that_ends_before_it_begins_cannot_be(history):
    TableWriter(history, "gaps").write({"from_ns": [900 * SECOND], "until_ns": [899 * SECOND]})
    assert "until_ns is" in judge(seal(history))[0].reason


def test_cpu_never_falls(recording, judged):
    place = len(recording.samples) // 2
    at_ns, role, pid, cpu_s, rss, pss = recording.samples[place]
    recording.samples[place] = (at_ns, role, pid, cpu_s / 2, rss, pss)
    case = judged(recording)["paced"]
    assert case.outcome == "unknown"
    assert f"cpu_s of process {pid} falls from" in case.reason


@pytest.mark.parametrize(
    ("mark", "field", "value"),
    [
        ("committed", "at_ns", -1),
        ("committed", "at_ns", 5),
        ("committed", "at_ns", 10**18),
        ("loaded", "at_ns", 0),
        ("phase-begin", "start_ns", -1),
        ("engine-ready", "startup_s", -1),
        ("engine-ready", "startup_s", float("nan")),
        ("engine-ready", "startup_s", float("inf")),
        ("closing", "round", 0),
        ("quiescent", "end_offsets", [-1, 0, 0, 0]),
        ("quiescent", "end_offsets", [0]),
        ("quiescent", "still_s", -5),
    ],
)
def test_a_mark_that_cannot_be_is_named_with_its_field_and_value(history, mark, field, value):
    path = history / "marks.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    next(line for line in lines if line["mark"] == mark)[field] = value
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = reason(history)
    assert "marks.jsonl" in told
    assert str(-1 if isinstance(value, list) and len(value) > 1 else value) in told


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *(
            (path, value)
            for path in ("paced.rate", "event_rate")
            for value in (float("nan"), float("inf"), 0, -1, 1e300)
        ),
        ("paced.warmup_s", float("inf")),
        ("paced.measured_s", -1),
        ("drain.intervals", float("nan")),
        ("drain.budget_s", float("inf")),
        ("drain.events", -1),
        ("partitions", 0),
        ("partitions", 2**40),
        ("interval_ms", 0),
        ("method_version", -1),
        ("method_version", 0),
        ("parameters.keys", float("nan")),
        ("parameters.zipf", float("inf")),
        ("clock.monotonic_ns", -1),
        ("machine.cores", 0),
    ],
)
def test_a_plan_that_cannot_be_is_named_with_its_field(history, path, value):
    content = json.loads((history / "trial.json").read_text())
    table, *names = path.split(".")
    inside = content[table] if names else content
    inside[names[0] if names else table] = value
    (history / "trial.json").write_text(json.dumps(content))
    told = reason(history)
    assert path in told
    assert "trial.json" in told


def test_a_newer_method_is_said(recording, judged):
    recording.plan = recording.plan.model_copy(update={"method_version": 99})
    case = judged(recording)["paced"]
    assert (case.outcome, "recorded by method version 99" in case.reason) == ("unknown", True)
