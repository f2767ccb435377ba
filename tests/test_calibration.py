"""What the harness itself takes: the echo is no engine, its figures are its history's, and what is near is marked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engines.discovery import discover
from engines.echo import Due, echo
from engines.echo.worker import Echo
from harness import calibration
from reports import html
from results import manifest
from results.calibration import CEILING_SHARE, FLOOR_TIMES, calibrations, marked, measured
from results.history import (
    Committed,
    Complete,
    Ended,
    EngineReady,
    History,
    Loaded,
    MarkWriter,
    PhaseBegin,
    SegmentMark,
    TableWriter,
)
from results.plan import CALIBRATION, CasePlan, Drain, Machine, Paced, TrialPlan
from results.result import Calibration
from tests import made_up
from tests.judge.recording import SECOND, machine_row, plan_of
from tests.test_reports import of, printed
from workloads.sensors import workload
from workloads.stream import CONTROL_IDS

MS = 1_000_000
MACHINE = Machine(cpu="x", cores=2, memory_bytes=1, kernel="k", python="3", java=None)


def case(**changes: Any) -> CasePlan:
    values: dict[str, Any] = {
        "engine": "continuous",
        "mode": "default",
        "workload": "sensors",
        "log": "embedded",
        "guarantee": "exactly-once",
        "parameters": dict(workload.defaults),
        "seed": 3,
        "partitions": 2,
        "parallelism": 2,
        "interval_ms": 200,
        "worker_memory_mb": 512,
        "event_rate": 1000,
        "paced": Paced(rate=1000, warmup_s=0.5, measured_s=1.5),
        "drain": Drain(events=1500, backlogs=1, intervals=1, budget_s=0.1, max_events=1500),
    }
    return CasePlan(**values | changes)


# The echo.


def test_the_echo_is_no_engine() -> None:
    assert echo.name == "echo"
    assert "echo" not in discover()


def rows_of(pieces: list[int], due: Due) -> list[dict[str, Any]]:
    made = Echo(due, 3)
    parts = [made.rows(count) for count in pieces]
    return [json.loads(row) for part in parts if part for row in part.rows.split(b"\n")]


@pytest.mark.parametrize("rate", [(1, 7), (14, 100), (1, 1), (5, 2), (100_000, 100_000)])
@pytest.mark.parametrize("pieces", [[1000], [1] * 1000, [7, 493, 500], [999, 1]])
def test_as_many_rows_are_written_as_are_due_however_records_come(rate: tuple[int, int], pieces: list[int]) -> None:
    due = Due(*rate, row_bytes=80)
    rows = rows_of(pieces, due)
    assert len(rows) == 1000 * due.rows // due.events
    assert rows == rows_of([1000], due)
    assert {row["partition"] for row in rows} == {3}
    for count, row in enumerate(rows, 1):
        before, after = (number * due.rows // due.events for number in (row["number"], row["number"] + 1))
        assert before < count <= after, "this record, and none before it, made the row due"


def test_a_row_is_as_long_as_an_answer() -> None:
    made = Echo(Due(1, 1, 120), 0).rows(3)
    assert made is not None
    assert {len(row) for row in made.rows.split(b"\n")} == {120}
    assert len(made.keys) == 3


def test_what_is_due_is_what_the_oracle_finds(tmp_path: Path) -> None:
    found = calibration.due(case(), workload, tmp_path)
    assert found.events == calibration.SAMPLE_EVENTS
    assert 0 < found.rows < found.events
    fields = len(workload.query(case().parameters).row_fields)
    assert found.row_bytes > 5 * fields
    # Windows of half the length have at least as many rows.
    shorter = dict(workload.defaults) | {"window_ms": 500}
    assert calibration.due(case(parameters=shorter), workload, tmp_path).rows >= found.rows


# What is kept.


def test_each_workload_is_calibrated_once_with_the_settings_of_its_first_case() -> None:
    cases = [case(), case(engine="flink"), case(workload="gps", engine="flink"), case(paced=None, workload="x")]
    asked = calibration.asked(cases)
    assert [(plan.workload, plan.engine) for plan in asked] == [("sensors", "echo"), ("gps", "echo"), ("x", "echo")]
    assert asked[0].paced == Paced(rate=1000, warmup_s=calibration.WARMUP_S, measured_s=calibration.MEASURED_S)
    assert asked[2].paced is None
    assert calibration.asked([case(drain=None)])[0].drain is None


def test_a_calibration_is_kept_by_machine_and_settings() -> None:
    def kept(machine: Machine = MACHINE, kafka: str | None = None, **changes: Any) -> Path:
        return calibration.kept(calibration.asked([case(**changes)])[0], machine, kafka)

    assert kept() == kept(engine="flink", interval_ms=1000 // 5, guarantee="at-least-once"), "engines share it"
    others = [
        kept(partitions=4),
        kept(parallelism=1),
        kept(seed=4),
        kept(paced=Paced(rate=2000, warmup_s=1, measured_s=1)),
        kept(parameters=dict(workload.defaults) | {"window_ms": 500}),
        kept(machine=MACHINE.model_copy(update={"cores": 4})),
        kept(kafka="host:9092"),
    ]
    assert len({kept(), *others}) == 1 + len(others)


# The figures.


def recorded(
    folder: Path, spoil: Callable[[list[tuple[int, int, bytes]]], None] = lambda rows: None, others: float = 0.0
) -> Path:
    """The history of an echo, made by hand: each row of the load is visible (id of its event % 100) ms after that is
    planned, and a backlog of 1,000 events is answered in half a second. others: how many cores other work takes.
    """
    folder.mkdir(parents=True)
    plan = plan_of().model_copy(
        update={
            "engine": "echo",
            "guarantee": "at-least-once",
            "partitions": 2,
            "paced": Paced(rate=200, warmup_s=1, measured_s=4),
            "drain": Drain(events=1000, intervals=1, budget_s=1, max_events=1000),
        }
    )
    (folder / "trial.json").write_text(plan.model_dump_json())
    marks = MarkWriter(folder)
    marks.write(EngineReady(at_ns=SECOND, settings={}, startup_s=1))
    drain, paced = (
        SegmentMark(first=0, count=1000, base_ms=0, rate=200),
        SegmentMark(first=1000, count=1000, base_ms=60_000, rate=200),
    )
    for name, kind, segment, at_s in (("drain-1", "drain", drain, 10), ("paced", "paced", paced, 20)):
        begin = PhaseBegin(at_ns=at_s * SECOND, phase=name, kind=kind, segment=segment, start_ns=at_s * SECOND)
        marks.write(begin)
        if kind == "drain":
            marks.write(Committed(at_ns=12 * SECOND, phase=name))
        marks.write(Loaded(at_ns=(at_s + 6) * SECOND, phase=name))
        marks.write(Complete(at_ns=(at_s + 7) * SECOND, phase=name))
    marks.write(Ended(at_ns=40 * SECOND))
    marks.close()
    # Events alternate between the partitions; a heartbeat stands before them in both.
    inputs = [(partition, 0, 0, CONTROL_IDS + partition, 0) for partition in (0, 1)]
    inputs += [(number % 2, 1 + number // 2, 0, number, 0) for number in range(2000)]
    rows = []
    for number in range(2000):
        value = msgspec.json.encode({"key": "echo", "partition": number % 2, "number": 1 + number // 2, "pad": "x"})
        late_ns = number % 100 * MS
        planned_ns = 20 * SECOND + (number - 1000) * SECOND // 200
        visible_ns = 12 * SECOND + (number + 1) * SECOND // 2000 if number < 1000 else planned_ns + late_ns
        rows.append((number % 2, visible_ns, value))
    spoil(rows)
    _table(folder, "input", ("partition", "offset", "time_ms", "id", "check"), inputs)
    placed = [(part, place, 0, visible, value) for place, (part, visible, value) in enumerate(rows)]
    _table(folder, "output", ("partition", "offset", "time_ms", "visible_ns", "value"), placed)
    machine = [machine_row(at_ns, SECOND) for at_ns in range(SECOND, 40 * SECOND, SECOND // 2)]
    for row in machine:
        row["busy_s"] += others * (row["at_ns"] - SECOND) / SECOND
    _table(folder, "machine", tuple(machine[0]), [tuple(row.values()) for row in machine])
    manifest.write(folder, positions={"output": [2000, 2000]})
    return folder


def _table(folder: Path, name: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    TableWriter(folder, name).write(dict(zip(columns, zip(*rows, strict=True), strict=True)))


def test_floor_and_ceiling_are_those_of_the_echos_rows(tmp_path: Path) -> None:
    found = measured(History(recorded(tmp_path / "history")))
    assert found.lacking == ""
    assert found.ceiling == 2000
    assert (found.floor_p50_ms, found.floor_p99_ms) == (49, 98)
    assert found.rows == 2000


@pytest.mark.parametrize(("stalled", "floor"), [(range(1400, 1600), 98), (range(1400, 2000), 998)])
def test_a_second_in_which_something_stood_still_is_no_floor(tmp_path: Path, stalled: range, floor: float) -> None:
    def stall(rows: list[tuple[int, int, bytes]]) -> None:
        for place in stalled:
            rows[place] = (rows[place][0], rows[place][1] + 900 * MS, rows[place][2])

    assert measured(History(recorded(tmp_path / "history", stall))).floor_p99_ms == floor


def test_rows_of_the_warm_up_and_of_heartbeats_do_not_count(tmp_path: Path) -> None:
    def slow(rows: list[tuple[int, int, bytes]]) -> None:
        for place in range(1000, 1200):
            rows[place] = (rows[place][0], rows[place][1] + 900 * MS, rows[place][2])
        heartbeat = msgspec.json.encode({"key": "echo", "partition": 0, "number": 0})
        rows.append((0, 39 * SECOND, heartbeat))

    found = measured(History(recorded(tmp_path / "history", slow)))
    assert (found.floor_p50_ms, found.floor_p99_ms, found.ceiling) == (49, 98, 2000)


def test_by_a_calibration_beside_other_work_nothing_is_marked(tmp_path: Path) -> None:
    quiet, loud = (measured(History(recorded(tmp_path / str(cores), others=cores))) for cores in (0.0, 0.5))
    assert quiet.disturbed == ""
    assert loud.disturbed == "beside the calibration other work took 25 % of the CPU time"
    assert loud.ceiling == quiet.ceiling
    _, drained = made_up.pair("a", 2e6)
    assert marked(drained, [LIMITS.model_copy(update={"disturbed": loud.disturbed})]) == drained
    run = of(made_up.pair("a")).model_copy(update={"calibrations": [loud]})
    assert "other work took 25 % of the CPU time, so nothing is marked by it" in printed(run, 200)


def test_a_calibration_that_was_disturbed_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMGAUGE_HOME", str(tmp_path / "home"))
    one, other = (recorded(tmp_path / name) for name in ("one", "other"))
    plan = History(other).plan.model_copy(update={"seed": 77})
    (other / "trial.json").write_text(plan.model_dump_json())
    for name, history in (("a", one), ("b", other)):
        calibration.copy(history, tmp_path / "home" / CALIBRATION / name)
    calibration.forget(one)
    assert [path.name for path in (tmp_path / "home" / CALIBRATION).iterdir()] == ["b"]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b'{"partition":0,"number":99999}', "not in the input"),
        (b'{"partition":7,"number":0}', "not in the input"),
        (b'{"partition":0,"number":-1}', "not in the input"),
        (b"nonsense", "not one of the echo"),
    ],
)
def test_rows_that_cannot_be_make_no_calibration(tmp_path: Path, value: bytes, why: str) -> None:
    def spoil(rows: list[tuple[int, int, bytes]]) -> None:
        rows[77] = (0, rows[77][1], value)

    recorded(tmp_path / CALIBRATION / "sensors", spoil)
    (found,) = calibrations(tmp_path, ["sensors"])
    assert why in found.lacking
    assert found.ceiling is None


def test_a_calibration_that_was_changed_or_cut_off_is_none(tmp_path: Path) -> None:
    folder = recorded(tmp_path / CALIBRATION / "sensors")
    assert calibration.complete(folder)
    (folder / "output" / "part-00000.parquet").unlink()
    assert not calibration.complete(folder)
    (found,) = calibrations(tmp_path, ["sensors", "sensors", "gps"])
    assert "output/part-00000.parquet is not there" in found.lacking
    (folder / "manifest.json").unlink()
    assert not calibration.complete(folder)
    assert "cut off" in calibrations(tmp_path, ["sensors"])[0].lacking


def test_a_calibration_is_believed_for_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = recorded(tmp_path / "history")
    made = History(folder).plan.clock.wall_ns / 1e9
    for age_s, believed in ((0, True), (calibration.FRESH_S - 1, True), (calibration.FRESH_S, False), (-10, False)):
        monkeypatch.setattr("harness.calibration.time.time", lambda age_s=age_s: made + age_s)
        assert calibration.fresh(folder) is believed


# What is marked.


def asked() -> TrialPlan:
    return made_up.plan("echo")


LIMITS = Calibration(workload="sensors", asked=asked(), rows=1, floor_p50_ms=10, floor_p99_ms=40, ceiling=1_000_000)


@pytest.mark.parametrize(("rate", "near"), [(CEILING_SHARE * 1e6, False), (CEILING_SHARE * 1e6 + 1, True), (2e6, True)])
def test_a_rate_above_half_of_the_ceiling_is_marked(rate: float, near: bool) -> None:
    _, drained = made_up.pair("a", rate)
    found = marked(drained, [LIMITS])
    assert bool(found.metrics["drain_rate"].bracketed) is near
    assert not found.metrics["events_per_cpu_second"].bracketed, "its own CPU is no matter of the harness"
    assert any("of what the harness itself can do" in note for note in found.notes) is near
    assert ("of what the harness itself can do" in found.reason) is near


def test_a_latency_within_twice_the_floor_is_marked() -> None:
    paced, _ = made_up.pair("a")
    metrics = dict(paced.metrics)
    for name, value in (("latency_p50", FLOOR_TIMES * 10), ("latency_p99", FLOOR_TIMES * 40 + 0.1)):
        metrics[name] = metrics[name].model_copy(update={"value": value})
    found = marked(paced.model_copy(update={"metrics": metrics}), [LIMITS])
    assert found.metrics["latency_p50"].bracketed == ["the p50 is 2.0 times what the harness itself takes"]
    assert not found.metrics["latency_p99"].bracketed


@pytest.mark.parametrize(
    "changes",
    [{"workload": "gps"}, {"partitions": 8}, {"log": "embedded"}, {"paced": Paced(rate=1, warmup_s=1, measured_s=1)}],
)
def test_a_calibration_of_other_settings_marks_nothing(changes: dict[str, Any]) -> None:
    _, drained = made_up.pair("a", 2e6)
    other = LIMITS.model_copy(update={"asked": asked().model_copy(update=changes)})
    assert marked(drained, [other]) == drained
    assert marked(drained, []) == drained


def test_the_report_shows_what_the_harness_itself_takes() -> None:
    run = of(made_up.pair("a")).model_copy(update={"calibrations": [LIMITS]})
    assert "the harness itself: a latency of 10.0 ms (p50) and 40.0 ms (p99), at most 1.00 M/s" in printed(run, 120)
    assert "What the harness itself takes" in html.render(run, "run")
    failed = LIMITS.model_copy(update={"lacking": "did not finish: the echo died"})
    assert "the harness itself: did not finish: the echo died" in printed(
        run.model_copy(update={"calibrations": [failed]}), 120
    )
    assert "the harness itself" not in printed(of(made_up.pair("a")), 120)
