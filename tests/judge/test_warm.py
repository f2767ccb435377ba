"""Whether the last backlog found the engine warm, told from made-up histories whose CPU is known."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from results.history import THREADS, Strike, TableWriter
from results.judge import judge
from results.plan import Drain
from tests.judge import recording as made
from tests.judge.recording import SECOND, Recording, begin, closed, load, perfect, seal
from workloads.stream import Segment, partition_of

EVENTS = 200
WARM = (1.0, 0.6, 0.5, 0.5, 0.5, 0.5)
"""CPU seconds of each of six equal backlogs, of an engine that is warm from the third on."""

GROWING = (1.0, 0.8, 0.7, 0.6, 0.5, 0.4)
ENGINE = ("worker", 100)


@dataclass
class Backlog:
    events: int
    seconds: float
    cpu_s: float


def drained(backlogs: list[Backlog], asked: int | None = 6, method_version: int | None = None) -> Recording:
    """A perfect history with these backlogs in place of its own, each with its CPU seconds spread over it."""
    recording = perfect()
    changes = {"drain": Drain(events=EVENTS, intervals=4, budget_s=60, max_events=4000, backlogs=asked)}
    if method_version is not None:
        changes["method_version"] = method_version
    recording.plan = recording.plan.model_copy(update=changes)
    without_drains(recording)
    rests = [mark for mark in recording.marks if mark.mark in ("quiescent", "ended")]
    recording.marks = [mark for mark in recording.marks if mark.mark not in ("quiescent", "ended")]
    at_ns, first, base_ms = recording.marks[-1].at_ns + 5 * SECOND, 10_000, made.BASE_MS + 6_000_000
    used: list[tuple[int, int, float]] = []
    for number, backlog in enumerate(backlogs, 1):
        segment = Segment(first, backlog.events, base_ms, made.RATE)
        committed_ns = at_ns + 2 * SECOND
        at_ns = _drain(recording, f"drain-{number}", segment, at_ns, backlog.seconds)
        used.append((committed_ns, at_ns, backlog.cpu_s))
        first, base_ms, at_ns = first + backlog.events, base_ms + 600_000, at_ns + 5 * SECOND
    recording.marks += [mark.model_copy(update={"at_ns": at_ns + n * SECOND}) for n, mark in enumerate(rests)]
    recording.machine = []
    recording.samples = [(at, *ENGINE, spent, 1, 1) for at, spent in _spent(used, 990 * SECOND, at_ns)]
    return recording


def without_drains(recording: Recording) -> None:
    """Take away the backlogs that a perfect history has."""
    paced = int(made.PACED.duration_s * made.RATE)
    recording.marks = [mark for mark in recording.marks if not getattr(mark, "phase", "").startswith("drain")]
    recording.inputs = [each for each in recording.inputs if each[1] < paced or each[1] >= made.CONTROL_IDS]
    mine = {window for window, ids in recording.members.items() if ids[0] >= paced}
    recording.members = {window: ids for window, ids in recording.members.items() if window not in mine}
    recording.rows = [
        row
        for row in recording.rows
        if not isinstance(row.value, dict) or row.value["key"].startswith("~") or row.window not in mine
    ]


def _drain(recording: Recording, phase: str, segment: Segment, start_ns: int, seconds: float) -> int:
    begin(recording, phase, segment, start_ns)
    committed_ns, lasted_ns = start_ns + 2 * SECOND, int(seconds * SECOND)
    for window in load(recording, segment):
        row = made.Row(partition_of(window[0], made.PARTITIONS), committed_ns + lasted_ns, recording.answer(window))
        recording.rows.append(row)
    recording.marks.append(made.Committed(at_ns=committed_ns, phase=phase))
    closed(recording, phase, committed_ns + max(lasted_ns, SECOND), committed_ns)
    return committed_ns + lasted_ns


def _spent(used: list[tuple[int, int, float]], start_ns: int, end_ns: int) -> list[tuple[int, float]]:
    """CPU seconds at the ends of each backlog, and every half second; nothing is spent in between."""
    ends = {at_ns for from_ns, until_ns, _ in used for at_ns in (from_ns, until_ns)}
    times = sorted({*range(start_ns, end_ns + SECOND, SECOND // 2), *ends})
    parts = [(at, [min(1.0, max(0.0, (at - a) / (b - a))) * cpu for a, b, cpu in used]) for at in times]
    return [(at, 1.0 + sum(part)) for at, part in parts]


def equal(cpu_s: tuple[float, ...], seconds: float = 1.0) -> list[Backlog]:
    return [Backlog(EVENTS, seconds, each) for each in cpu_s]


LAST = Backlog(1000, 4.0, 2.0)


def value(case, name):
    return case.metrics[name].value


def test_an_engine_that_grew_no_more_is_believed(judged):
    case = judged(drained([*equal(WARM), LAST]))["drain"]
    assert case.outcome == "pass"
    assert value(case, "drain_rate") == pytest.approx(1000 / 4.0)
    assert value(case, "events_per_cpu_second") == pytest.approx(1000 / 2.0)
    assert value(case, "warm_up_events") == 6 * EVENTS
    # Of six, the quarter before the later half is half of the second one and the third.
    assert value(case, "warm_up_growth") == pytest.approx(100 * ((0.3 + 0.5) / 1.5 / 0.5 - 1))
    assert [metric.bracketed for metric in case.metrics.values() if metric.bracketed] == []
    assert case.notes == []


def test_an_engine_that_still_grew_is_in_brackets_with_the_growth(judged):
    case = judged(drained([*equal(GROWING), LAST]))["drain"]
    grew = (0.4 + 0.7) / 1.5 / ((0.6 + 0.5 + 0.4) / 3) - 1
    told = "the engine was still warming up: over the last doubling of events, to 1,200, events per CPU-second grew by "
    told += f"{grew:.0%}".replace("%", " %")
    assert case.outcome == "pass"
    assert value(case, "warm_up_growth") == pytest.approx(100 * grew)
    for name in ("drain_rate", "drain_seconds", "cpu_seconds", "events_per_cpu_second", "marginal_drain_rate"):
        assert case.metrics[name].bracketed == [told], name
    assert case.notes == [told], "once"
    assert not case.metrics["cold_drain_rate"].bracketed


def test_too_few_equal_backlogs_are_in_brackets_whatever_the_suite_asked(judged):
    case = judged(drained([*equal((0.5, 0.5)), LAST], asked=2))["drain"]
    assert value(case, "warm_up_growth") == pytest.approx(0, abs=1e-6)
    (why,) = case.metrics["drain_rate"].bracketed
    assert why == "the engine is not known to have been warm: 2 equal backlogs were drained before, and 6 are needed"


def test_without_samples_of_the_warm_up_nothing_is_called_warm(judged):
    recording = drained([*equal(WARM), LAST])
    first = min(mark.at_ns for mark in recording.marks if mark.mark == "committed")
    recording.samples = [sample for sample in recording.samples if sample[0] > first]
    case = judged(recording)["drain"]
    assert case.metrics["drain_rate"].bracketed == [
        "the engine is not known to have been warm: samples do not span the measured part"
    ]
    assert "warm_up_growth" in case.absent
    assert "cold_events_per_cpu_second" in case.absent


def test_a_history_of_an_older_method_is_judged_and_its_rate_is_in_brackets(judged):
    case = judged(drained([Backlog(EVENTS, 1.0, 0.5), Backlog(400, 4.0, 1.0)], asked=None, method_version=8))["drain"]
    assert case.outcome == "pass"
    assert value(case, "drain_rate") == pytest.approx(100)
    assert "before method version 9 the backlogs doubled" in case.metrics["drain_rate"].bracketed[0]
    assert value(case, "cold_drain_rate") == pytest.approx(EVENTS / 1.0)
    for name in ("warm_up_growth", "warm_up_events", "marginal_drain_rate", "jit_share"):
        assert name in case.absent


def test_what_a_start_costs_is_the_first_backlog(judged):
    case = judged(drained([Backlog(EVENTS, 2.5, 1.0), *equal(WARM[1:]), LAST]))["drain"]
    assert value(case, "cold_drain_rate") == pytest.approx(EVENTS / 2.5)
    assert value(case, "cold_events_per_cpu_second") == pytest.approx(EVENTS / 1.0)
    assert value(case, "startup_seconds") == 7.5


def test_the_marginal_rate_leaves_out_what_is_fixed(judged):
    # 0.5 s are fixed, and 400 events a second beside it.
    small, large = 0.5 + EVENTS / 400, 0.5 + 2000 / 400
    case = judged(drained([*equal(WARM, small), Backlog(2000, large, 4.0)]))["drain"]
    assert value(case, "drain_rate") == pytest.approx(2000 / large)
    assert value(case, "marginal_drain_rate") == pytest.approx(400)
    assert value(case, "drain_fixed_seconds") == pytest.approx(0.5, abs=1e-6)


def test_backlogs_that_lasted_as_long_give_no_marginal_rate(judged):
    case = judged(drained([*equal(WARM, 2.0), Backlog(1000, 4.0, 2.0)]))["drain"]
    assert case.absent["marginal_drain_rate"].endswith("they must be 3 commit intervals apart")


def test_a_larger_backlog_that_took_longer_for_each_event_gives_no_marginal_rate(judged):
    case = judged(drained([*equal(WARM, 1.0), Backlog(400, 5.0, 2.0)]))["drain"]
    assert case.absent["marginal_drain_rate"].endswith("so that it was disturbed")
    assert case.absent["drain_fixed_seconds"] == case.absent["marginal_drain_rate"]


def test_the_warm_up_is_a_series_of_backlogs(judged):
    case = judged(drained([*equal(WARM), LAST]))["drain"]
    (shown,) = [series for series in case.series if series.name == "warm-up"]
    assert shown.x == [EVENTS * n for n in range(1, 7)]
    assert shown.y == pytest.approx([EVENTS / each for each in WARM], rel=1e-3)


JVM = {"C2 CompilerThre": 0.6, "C1 CompilerThre": 0.1, "GC Thread": 0.1, "VM Thread": 0.05, "": 1.0, "(ended)": 0.15}
"""Seconds a second, by name of the threads; they are the sum of what the engine took."""


def with_threads(recording: Recording, folder, names: dict[str, float], pid: int = 100, from_s: int = 990) -> None:
    """Looks every second, each name at its own steady rate."""
    until_s = recording.marks[-1].at_ns // SECOND + 1
    rows = [
        (second * SECOND, "worker", pid, name, cores * (second - from_s))
        for second in range(from_s, until_s)
        for name, cores in names.items()
    ]
    TableWriter(folder, "threads").write(dict(zip(THREADS.names, map(list, zip(*rows, strict=True)), strict=True)))


@pytest.fixture
def judged_with(tmp_path):
    def of(recording: Recording, *processes: dict):
        folder = recording.write(tmp_path / "history")
        for number, each in enumerate(processes):
            part = tmp_path / f"part-{number}"
            with_threads(recording, part, **each)
            (folder / "threads").mkdir(exist_ok=True)
            (part / "threads" / "part-00000.parquet").rename(folder / "threads" / f"part-{number:05d}.parquet")
        (folder / "manifest.json").unlink()
        return {case.phase: case for case in judge(seal(folder))}

    return of


def test_the_shares_of_jit_and_gc_stand_beside_the_figures(judged_with):
    cases = judged_with(drained([*equal(WARM), Backlog(1000, 8.0, 2.0)]), {"names": JVM})
    for case in cases.values():
        assert value(case, "jit_share") == pytest.approx(35)
        assert value(case, "gc_share") == pytest.approx(5)
        assert value(case, "ended_share") == pytest.approx(7.5)
        (note,) = [note for note in case.notes if "compiling" in note]
        assert note.endswith("40 % of the CPU of its JVMs went to compiling and collecting (JIT 35 %, GC 5 %)")
    # In the 8 s of the last backlog 2 s of CPU were spent, by samples; by looks JIT and GC took more than that.
    assert "events_per_cpu_second_without_jit_gc" in cases["drain"].absent


def test_the_figure_without_jit_and_gc_is_of_what_is_left(judged_with):
    names = {"C2 CompilerThre": 0.1, "G1 Service": 0.025, "": 0.375}
    case = judged_with(drained([*equal(WARM), LAST]), {"names": names})["drain"]
    assert value(case, "events_per_cpu_second_without_jit_gc") == pytest.approx(1000 / (2.0 - 4 * 0.125))
    assert value(case, "jit_share") == pytest.approx(20)


def test_the_vm_thread_collects_where_no_other_thread_does(judged_with):
    names = {"C1 CompilerThre": 0.1, "VM Thread": 0.1, "": 0.8}
    assert value(judged_with(drained([*equal(WARM), LAST]), {"names": names})["drain"], "gc_share") == pytest.approx(10)


def test_an_engine_without_a_jvm_has_no_shares_and_no_word_of_them(judged_with):
    for case in judged_with(drained([*equal(WARM), LAST]), {"names": {"python": 0.5}}).values():
        assert "jit_share" not in case.metrics
        assert "jit_share" not in case.absent


def test_a_jvm_that_no_backlog_warmed_is_called_cold(judged_with):
    recording = drained([])
    recording.plan = recording.plan.model_copy(update={"drain": None})
    (case,) = judged_with(recording, {"names": JVM}).values()
    assert "cold: no backlogs were drained before, so that its JVMs had the paced warm-up of 3 s only" in case.notes
    (other,) = judged_with(recording, {"names": {"python": 0.5}}).values()
    assert not [note for note in other.notes if "cold" in note]


def test_a_jvm_that_was_started_again_after_a_strike_is_called_cold(judged_with):
    recording = drained([*equal(WARM), LAST])
    struck = Strike(at_ns=1010 * SECOND, number=1, fault="kill-worker", step="injecting")
    recording.marks.insert(3, struck)
    before, again = {"names": JVM}, {"names": JVM, "pid": 101, "from_s": 1012}
    told = "cold: 1 of its JVMs began after a strike, and what they did while cold is in the figures"
    assert told in judged_with(recording, before, again)["paced"].notes
    assert not [note for note in judged_with(recording, before)["paced"].notes if "cold" in note]
