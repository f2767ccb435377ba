"""Drain rate, CPU and memory on made-up histories with known answers."""

from __future__ import annotations

import pytest

from results.evidence.samples import NoSamples, Samples
from results.history import Committed, History, PhaseBegin
from results.plan import Drain
from tests.judge.recording import CORES, DRAIN_S, MEGABYTES, SECOND

DOUBLED = "the engine is not known to have been warm: before method version 9 the backlogs doubled, however warm it was"


def value(case, name):
    return case.metrics[name].value


def test_the_drain_rate_is_that_of_the_last_attempt_from_its_commit_to_its_last_row(recording, judged):
    case = judged(recording)["drain"]
    assert value(case, "drain_rate") == 2000 / DRAIN_S["drain-2"]
    assert value(case, "drain_seconds") == DRAIN_S["drain-2"]
    assert value(case, "drain_events") == 2000
    assert value(case, "drain_commit_intervals") == 4
    engine = CORES["worker"] + CORES["coordinator"]
    assert value(case, "cpu_seconds") == pytest.approx(engine * 4)
    assert value(case, "events_per_cpu_second") == pytest.approx(2000 / (engine * 4))
    assert value(case, "broker_cpu_seconds") == pytest.approx(CORES["broker"] * 4)
    assert case.notes == [DOUBLED]
    assert case.metrics["drain_rate"].bracketed == case.metrics["events_per_cpu_second"].bracketed == [DOUBLED]


def test_a_backlog_that_was_too_short_is_marked(recording, judged):
    recording.plan = recording.plan.model_copy(
        update={"drain": Drain(events=1000, intervals=10, budget_s=60, max_events=2000)}
    )
    case = judged(recording)["drain"]
    assert case.outcome == "pass"
    assert "the backlog lasted 4.0 of the 10 commit intervals asked" in case.reason


@pytest.mark.parametrize(("interval_ms", "short"), [(1300, False), (1400, True)])
def test_a_drain_rate_that_is_much_the_wait_for_a_commit_is_in_brackets(recording, judged, interval_ms, short):
    recording.plan = recording.plan.model_copy(update={"interval_ms": interval_ms})
    case = judged(recording)["drain"]
    why = "the backlog lasted 2.9 commit intervals only: the wait for a commit at its end is much of that"
    for name in ("drain_rate", "drain_seconds"):
        assert (why in case.metrics[name].bracketed) == short
    assert why not in case.metrics["events_per_cpu_second"].bracketed


def test_figures_of_a_backlog_that_was_over_at_once_are_in_brackets(recording, judged):
    segment = next(mark.segment for mark in recording.of(PhaseBegin) if mark.phase == "drain-2")
    (committed_ns,) = (mark.at_ns for mark in recording.of(Committed) if mark.phase == "drain-2")
    recording.plan = recording.plan.model_copy(update={"interval_ms": 100})
    for row in recording.rows:
        if isinstance(row.value, dict) and row.window[1] >= segment.base_ms and row.visible_ns > committed_ns:
            row.visible_ns = committed_ns + (row.visible_ns - committed_ns) // 2
    case = judged(recording)["drain"]
    why = "the backlog lasted 2.0 s only: what every drain takes, whatever its size, is much of that"
    for name in ("drain_rate", "drain_seconds", "cpu_seconds", "events_per_cpu_second"):
        assert why in case.metrics[name].bracketed, name


def test_a_first_backlog_that_stayed_alone_is_in_brackets(recording, judged):
    segment = next(mark.segment for mark in recording.of(PhaseBegin) if mark.phase == "drain-2")
    recording.marks = [mark for mark in recording.marks if getattr(mark, "phase", "") != "drain-2"]
    recording.inputs = [each for each in recording.inputs if each[1] not in range(segment.first, 2**40)]
    recording.rows = [row for row in recording.rows if isinstance(row.value, dict) and row.window[1] < segment.base_ms]
    case = judged(recording)["drain"]
    assert case.outcome == "pass"
    assert value(case, "drain_events") == 1000
    assert case.metrics["drain_rate"].bracketed
    assert value(case, "cold_drain_rate") == value(case, "drain_rate")


def test_a_missing_row_makes_the_drain_rate_void(recording, judged):
    recording.rows.remove(recording.row(recording.largest("drain-2")))
    case = judged(recording)["drain"]
    assert case.absent["drain_rate"] == "void: 1 rows of drain-2 are missing"
    assert "drain_rate" not in case.metrics


def test_without_a_broker_its_cpu_is_absent_and_said_to_be(recording, judged):
    recording.samples = [sample for sample in recording.samples if sample[1] != "broker"]
    case = judged(recording)["drain"]
    assert case.absent["broker_cpu_seconds"] == "no process of role broker was sampled"
    assert "drain_rate" in case.metrics


def test_samples_that_end_too_soon_give_no_cpu(recording, judged):
    last = max(sample[0] for sample in recording.samples)
    recording.samples = [sample for sample in recording.samples if sample[0] < last - 9 * SECOND]
    case = judged(recording)["drain"]
    assert case.absent["cpu_seconds"] == "samples do not span the measured part"
    assert "drain_rate" in case.metrics


def test_paced_cores_by_role_and_the_harness_apart(recording, judged):
    case = judged(recording)["paced"]
    for role, cores in CORES.items():
        assert value(case, f"{role}_cores") == pytest.approx(cores)
    assert value(case, "busy_cores") == pytest.approx(CORES["worker"] + CORES["coordinator"])
    assert value(case, "harness_cores") == pytest.approx(CORES["collector"] + CORES["sampler"])


def test_memory_is_the_peak_of_the_sum_over_the_engines_processes(recording, judged):
    start_ns = recording.marks[1].start_ns
    paced = [n for n, s in enumerate(recording.samples) if start_ns + SECOND < s[0] < start_ns + 20 * SECOND and s[5]]
    worker = next(n for n in paced if recording.samples[n][1] == "worker")
    coordinator = [n for n in paced if recording.samples[n][1] == "coordinator"][-1]
    for number, size in ((worker, 700_000_000), (coordinator, 450_000_000)):
        sample = recording.samples[number]
        recording.samples[number] = (*sample[:5], size)
    case = judged(recording)["paced"]
    assert value(case, "memory_peak") == 700_000_000 + MEGABYTES["coordinator"] * 1_000_000
    assert value(case, "worker_memory_peak") == 700_000_000
    assert value(case, "coordinator_memory_peak") == 450_000_000
    assert value(case, "rss_peak") == 2 * (MEGABYTES["worker"] + MEGABYTES["coordinator"]) * 1_000_000
    (shown,) = [series for series in case.series if series.name == "memory"]
    assert max(shown.y) == value(case, "memory_peak")


def processes(recording, tmp_path, samples):
    recording.samples = samples
    return Samples(History(recording.write(tmp_path / "history")))


def test_a_process_that_began_or_ended_in_between_counts_for_what_it_did_there(recording, tmp_path):
    found = processes(
        recording,
        tmp_path,
        [
            (0, "worker", 1, 10.0, 1, 1),
            (10 * SECOND, "worker", 1, 20.0, 1, 1),
            (4 * SECOND, "worker", 2, 0.5, 5, 5),  # began after 2 s
            (6 * SECOND, "worker", 2, 2.5, 7, 7),  # ended before 8 s
        ],
    )
    assert found.cpu_s(("worker",), 2 * SECOND, 8 * SECOND) == pytest.approx(6.0 + 2.5)
    times, sizes = found.memory(("worker",), "pss", 0, 10 * SECOND)
    assert list(times) == [0, 4 * SECOND, 6 * SECOND, 10 * SECOND]
    assert list(sizes) == [1, 6, 8, 1]


def test_a_process_whose_pss_was_never_read_counts_with_nothing(recording, tmp_path):
    found = processes(recording, tmp_path, [(0, "worker", 1, 0.0, 9, None), (SECOND, "worker", 1, 0.0, 9, None)])
    with pytest.raises(NoSamples, match="no PSS was sampled"):
        found.memory(("worker",), "pss", 0, SECOND)
    assert list(found.memory(("worker",), "rss", 0, SECOND)[1]) == [9, 9]


def test_no_samples_at_all_is_said_in_every_metric(recording, judged):
    recording.samples = []
    case = judged(recording)["paced"]
    assert case.outcome == "pass"
    assert case.absent["memory_peak"] == "no process of role worker or coordinator was sampled"
    assert case.absent["busy_cores"] == "no process of role worker or coordinator was sampled"
