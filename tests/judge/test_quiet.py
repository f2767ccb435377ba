"""What other work took beside a phase, and what is said of its figures: made-up machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from results.history import THREADS, History, LookedLate, TableWriter
from results.judge import judge
from results.metrics.foreign import SHORT_S
from results.result import CaseResult
from tests.judge.recording import DRAIN_S, SECOND, Recording, beside, seal

SPEEDS = {"paced": ("latency_p50", "latency_p99", "event_latency_max"), "drain": ("drain_rate",)}
CPU = {"paced": ("busy_cores", "worker_cores"), "drain": ("events_per_cpu_second", "cpu_seconds")}
UNTOUCHED = ("memory_peak", "drain_events", "rate", "foreign_share")


def cases(recording: Recording, folder: Path) -> dict[str, CaseResult]:
    return {case.phase: case for case in judge(recording.write(folder))}


def bracketed(case: CaseResult) -> set[str]:
    """Figures in brackets, but for the reasons of warmth: the backlogs of the recording are two."""
    return {name for name, value in case.metrics.items() if any("warm" not in why for why in value.bracketed)}


@pytest.mark.parametrize(
    ("cores", "steal", "speeds", "cpu"),
    [
        (0.0, 0.0, False, False),
        (0.06, 0.0, False, False),  # 3 %
        (0.06, 0.06, True, False),  # 6 % together
        (0.12, 0.0, True, False),
        (0.48, 0.0, True, False),  # 24 %
        (0.52, 0.0, True, True),
        (0.0, 0.6, True, True),
    ],
)
def test_what_others_take_brackets_speeds_first_and_then_figures_of_cpu(
    recording: Recording, tmp_path: Path, cores: float, steal: float, speeds: bool, cpu: bool
) -> None:
    beside(recording, cores, steal)
    for phase, case in cases(recording, tmp_path / "history").items():
        assert case.outcome == "pass"
        assert case.metrics["foreign_share"].value == pytest.approx(100 * cores / 2, abs=0.2)
        assert case.metrics["steal_share"].value == pytest.approx(100 * steal / 2, abs=0.2)
        assert set(SPEEDS[phase]) <= bracketed(case) if speeds else not bracketed(case)
        assert (set(CPU[phase]) <= bracketed(case)) == cpu
        assert not bracketed(case) & set(UNTOUCHED)
        assert any("other work took" in note for note in case.notes) == speeds
        assert any("figures of CPU" in note for note in case.notes) == (speeds and not cpu)


def test_only_the_phase_beside_which_others_worked_is_bracketed(recording: Recording, tmp_path: Path) -> None:
    begin = next(mark for mark in recording.marks if mark.mark == "phase-begin" and mark.phase == "drain-1")
    for row in recording.machine:
        row["busy_s"] += max(0, row["at_ns"] - begin.start_ns) / SECOND
    found = cases(recording, tmp_path / "history")
    assert not bracketed(found["paced"])
    assert set(SPEEDS["drain"]) <= bracketed(found["drain"])
    assert "startup_seconds" not in bracketed(found["drain"])


def test_of_a_container_it_cannot_be_told_and_is_never_called_quiet(recording: Recording, tmp_path: Path) -> None:
    beside(recording, 0.9, kernel_s=None)
    for case in cases(recording, tmp_path / "history").values():
        assert "foreign_share" not in case.metrics
        assert any("cannot be told of a phase in a container" in note for note in case.notes)
        assert not bracketed(case), "nothing of ours waited"


@pytest.mark.parametrize(
    ("changes", "speeds"),
    [
        ({"waited_s": 0.9, "cpu_pressure_s": 0.8}, True),
        ({"waited_s": 0.9, "cpu_pressure_s": None}, True),
        ({"waited_s": 0.9, "cpu_pressure_s": 0.1}, False),
        ({"waited_s": 0.1, "cpu_pressure_s": 0.8}, False),
        ({"waited_s": None, "cpu_pressure_s": 0.8}, False),
        ({"throttled_s": 0.1}, True),
        ({"throttled_s": 0.01}, False),
    ],
)
def test_where_it_cannot_be_told_waiting_and_throttling_decide(
    recording: Recording, tmp_path: Path, changes: dict[str, float | None], speeds: bool
) -> None:
    beside(recording, 0.4, kernel_s=None, **changes)
    for phase, case in cases(recording, tmp_path / "history").items():
        assert set(SPEEDS[phase]) <= bracketed(case) if speeds else not bracketed(case)


def test_our_own_processes_that_wait_for_each_other_are_no_sign_of_others(recording: Recording, tmp_path: Path) -> None:
    beside(recording, 0.02, kernel_s=None, waited_s=3.0, cpu_pressure_s=0.9)
    for case in cases(recording, tmp_path / "history").values():
        assert not bracketed(case)


def test_of_a_short_phase_it_cannot_be_told(recording: Recording, tmp_path: Path) -> None:
    assert min(DRAIN_S.values()) < SHORT_S < max(DRAIN_S.values())
    last = [mark for mark in recording.marks if mark.mark == "committed"][-1]
    lasted_ns = int(DRAIN_S["drain-2"] * SECOND)
    for row in recording.rows:
        if row.visible_ns > last.at_ns:
            row.visible_ns = last.at_ns + (row.visible_ns - last.at_ns) * 2 * SECOND // lasted_ns
    beside(recording, 0.5)
    found = cases(recording, tmp_path / "history")
    assert "under 3 s" in found["drain"].absent["foreign_share"]
    assert "foreign_share" in found["paced"].metrics


def test_a_sampler_that_did_not_look_is_named_and_nothing_is_called_quiet(recording: Recording, tmp_path: Path) -> None:
    begin = next(mark for mark in recording.marks if mark.mark == "phase-begin" and mark.phase == "paced")
    from_ns, until_ns = begin.start_ns + 8 * SECOND, begin.start_ns + 15 * SECOND
    recording.machine = [row for row in recording.machine if not from_ns < row["at_ns"] < until_ns]
    case = cases(recording, tmp_path / "history")["paced"]
    assert "foreign_share" not in case.metrics
    assert "the sampler did not look for 7.0 s of the measured part" in case.notes
    assert any("whether other work took CPU is not known" in note for note in case.notes)


def test_a_history_without_samples_of_the_machine_is_judged(recording: Recording, tmp_path: Path) -> None:
    recording.machine = []
    for case in cases(recording, tmp_path / "history").values():
        assert case.outcome == "pass"
        assert "nothing was recorded of the machine" in case.absent["foreign_share"]
        assert not bracketed(case)


@pytest.mark.parametrize(("name", "inside"), [("paced", True), ("drain-2", False)])
def test_a_machine_that_slept_is_named_and_brackets_all_of_its_phase(
    recording: Recording, tmp_path: Path, name: str, inside: bool
) -> None:
    begin = next(mark for mark in recording.marks if mark.mark == "phase-begin" and mark.phase == name)
    for row in recording.machine:
        row["asleep_ns"] = 40_000 + (3600 * SECOND if row["at_ns"] > begin.start_ns + SECOND else 0)
    case = cases(recording, tmp_path / "history")["paced"]
    assert case.metrics["asleep_seconds"].value == 3600
    assert any(note.startswith("the machine slept for 3600.0 s") for note in case.notes)
    assert ({*SPEEDS["paced"], *CPU["paced"]} <= bracketed(case)) == inside
    assert inside or not bracketed(case)


@pytest.mark.parametrize("by_ns", [-3 * SECOND, 20_000_000])
def test_a_wall_clock_that_was_set_is_named(recording: Recording, tmp_path: Path, by_ns: int) -> None:
    middle_ns = recording.machine[len(recording.machine) // 2]["at_ns"]
    for row in recording.machine:
        row["wall_ahead_ns"] = 10**18 + (by_ns if row["at_ns"] >= middle_ns else 0)
    case = cases(recording, tmp_path / "history")["paced"]
    assert case.metrics["clock_step"].value == abs(by_ns) / 1e6
    assert any(f"the wall clock was set by {by_ns / SECOND:+.3f} s" in note for note in case.notes)


def test_clocks_that_are_read_one_after_the_other_did_not_step(recording: Recording, tmp_path: Path) -> None:
    for number, row in enumerate(recording.machine):
        row["wall_ahead_ns"], row["asleep_ns"] = 10**18 + number % 3 * 1_000_000, number % 2 * 1_000_000
    case = cases(recording, tmp_path / "history")["paced"]
    assert (case.metrics["clock_step"].value, case.metrics["asleep_seconds"].value) == (0, 0)
    assert case.notes == []


@pytest.mark.parametrize(
    ("name", "brackets"),
    [("broker", True), ("proxy", True), ("generator", True), ("collector", False), ("director", False)],
)
def test_a_process_of_ours_that_stood_still_is_named(
    recording: Recording, tmp_path: Path, name: str, brackets: bool
) -> None:
    begin = next(mark for mark in recording.marks if mark.mark == "phase-begin" and mark.phase == "paced")
    from_ns = begin.start_ns + 9 * SECOND
    recording.stops = [
        (from_ns, from_ns + 2 * SECOND, name, 7),
        (from_ns + 5 * SECOND, from_ns + 5 * SECOND + 100_000_000, name, 7),
    ]
    case = cases(recording, tmp_path / "history")["paced"]
    assert f"the {name} stood still for 2.0 s of the measured part" in case.notes
    assert (set(SPEEDS["paced"]) <= bracketed(case)) == brackets
    assert case.metrics["standstill_seconds"].value == 2


def test_a_gauge_that_did_not_look_is_named(recording: Recording, tmp_path: Path) -> None:
    begin = next(mark for mark in recording.marks if mark.mark == "phase-begin" and mark.phase == "paced")
    from_ns = begin.start_ns + 9 * SECOND
    late = [LookedLate(at_ns=from_ns + lasted, who="gauge", from_ns=from_ns) for lasted in (2 * SECOND, SECOND // 2)]
    place = recording.marks.index(begin) + 1
    recording.marks[place:place] = late
    case = cases(recording, tmp_path / "history")["paced"]
    assert "the gauge did not look for 2.0 s of the measured part" in case.notes
    assert not bracketed(case), "nothing passes through it"


def test_a_stop_outside_of_what_is_measured_says_nothing_of_it(recording: Recording, tmp_path: Path) -> None:
    begin = next(mark for mark in recording.marks if mark.mark == "phase-begin" and mark.phase == "paced")
    recording.stops = [(begin.start_ns - SECOND, begin.start_ns + SECOND, "broker", 7)]
    case = cases(recording, tmp_path / "history")["paced"]
    assert case.notes == []


def test_what_is_stored_of_a_machine_can_be_read_back(recording: Recording, tmp_path: Path) -> None:
    history = History(recording.write(tmp_path / "history"))
    assert history.table("machine").num_rows == len(recording.machine)


@pytest.mark.parametrize(("compiling", "cold"), [(0.05, True), (0.03, False)])
def test_a_cold_broker_is_named(recording: Recording, tmp_path: Path, compiling: float, cold: bool) -> None:
    folder = recording.write(tmp_path / "history")
    taken = {"C2 CompilerThre": compiling, "kafka-request-h": 0.2 - compiling}
    threads = [
        (row["at_ns"], "broker", 102, name, cores * number / 2)
        for number, row in enumerate(recording.machine)
        for name, cores in taken.items()
    ]
    columns = zip(*threads, strict=True)
    TableWriter(folder, "threads").write(dict(zip(THREADS.names, map(list, columns), strict=True)))
    seal(folder)
    for case in judge(folder):
        assert case.metrics["broker_jit_share"].value == pytest.approx(100 * compiling / 0.2)
        assert any("the broker's JVM was cold: 25 %" in note for note in case.notes) == cold
        assert not bracketed(case)
