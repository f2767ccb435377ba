"""Probes of a search for the sustained rate, judged from histories made by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from results.history import CommitSeen, Ended, EngineReady, LoadMark, PhaseBegin, Probed, Quiescent
from results.plan import Search
from results.result import CaseResult
from tests.judge.recording import (
    BASE_MS,
    LATENCY_NS,
    PARAMETERS,
    PARTITIONS,
    SECOND,
    Recording,
    drain,
    paced,
    plan_of,
    sample,
)
from workloads.sensors import workload
from workloads.stream import Segment

Judged = Callable[[Recording], dict[str, CaseResult]]

SEARCH = Search(
    how="search",
    probe_s=12,
    confirm_s=24,
    settle_s=3,
    most=12,
    max_rate=1e6,
    p99_intervals=10,
    event_share=1,
)
HOLDS, LOSES = 0.001, 0.1
"""Growth of the lag, as a share of the load."""


def probe(recording: Recording, at_ns: int, rate: float, grows: float, measured_s: float = 24) -> int:
    """A steady load of an engine that answers all of it in time, whatever is said of its lag; when it was over."""
    before = recording.of(PhaseBegin)
    phase = f"probe-{sum(mark.kind == 'probe' for mark in before) + 1}"
    first = max((mark.segment.first + mark.segment.count for mark in before), default=0)
    segment = Segment(first, round((3 + measured_s) * rate), BASE_MS + 600_000 * len(before), rate)
    over_ns = paced(recording, phase, segment, at_ns)
    load = LoadMark(rate=rate, warmup_s=3, measured_s=measured_s)
    commits = [
        CommitSeen(at_ns=at_ns + second * SECOND, lag=round(rate * (0.1 + grows * second)))
        for second in range(4, int(measured_s) + 3)
    ]
    place = next(number for number, mark in enumerate(recording.marks) if getattr(mark, "phase", "") == phase)
    recording.marks[place] = recording.marks[place].model_copy(update={"kind": "probe", "load": load})
    recording.marks.insert(place + 1, Probed(at_ns=over_ns - 2 * SECOND, phase=phase, commits=commits))
    return over_ns + 5 * SECOND


def searched(*probes: tuple[float, float], measured_s: float = 24, how: str = "search") -> Recording:
    """probes: rate and growth of the lag of each."""
    asked = SEARCH.model_copy(update={"how": how})
    recording = Recording(plan_of().model_copy(update={"paced": None, "search": asked}), workload.query(PARAMETERS))
    at_ns = 1000 * SECOND
    recording.marks.append(EngineReady(at_ns=at_ns - SECOND, settings={}, startup_s=7.5))
    for number, count in enumerate((1000, 2000), 1):
        first, base_ms = 1000 * (number - 1), BASE_MS + 600_000 * (number - 1)
        at_ns = drain(recording, f"drain-{number}", Segment(first, count, base_ms, 200.0), at_ns) + 5 * SECOND
    for rate, grows in probes:
        at_ns = probe(recording, at_ns, rate, grows, measured_s)
    recording.marks.append(Quiescent(at_ns=at_ns, end_offsets=[1_000_000] * PARTITIONS, still_s=5))
    recording.marks.append(Ended(at_ns=at_ns + SECOND))
    sample(recording, 990 * SECOND, at_ns)
    return recording


def change(recording: Recording, kind: type[Any], phase: str, **values: object) -> None:
    for number, mark in enumerate(recording.marks):
        if isinstance(mark, kind) and mark.phase == phase:
            recording.marks[number] = mark.model_copy(update=values)


def test_the_largest_rate_that_held_is_told_with_the_smallest_that_failed(judged: Judged) -> None:
    case = judged(searched((200, HOLDS), (210, LOSES)))["probe"]
    assert case.outcome == "pass", case.reason
    held = case.metrics["sustained_rate"]
    assert (held.value, held.low, held.high) == (200, 200, 210)
    assert case.metrics["failed_rate"].value == 210
    assert case.metrics["sustained_latency_p99"].value == pytest.approx(LATENCY_NS / 1e6, abs=15)
    assert [(each.outcome, each.confirming) for each in case.probes] == [("held", True), ("failed", True)]
    assert case.probes[0].lag_growth == pytest.approx(HOLDS, abs=1e-3)
    assert case.probes[1].lag_growth == pytest.approx(LOSES, abs=1e-3)
    assert case.probes[0].cores == pytest.approx(0.6, abs=0.05)


def test_a_rate_is_none_where_no_faster_one_failed(judged: Judged) -> None:
    case = judged(searched((200, HOLDS)))["probe"]
    assert "sustained_rate" not in case.metrics
    assert "every rate was held, up to 200 events/s" in case.absent["sustained_rate"]


def test_a_rate_that_cannot_be_told_is_not_called_held(judged: Judged) -> None:
    recording = searched((200, HOLDS), (210, HOLDS))
    change(recording, Probed, "probe-2", commits=[])
    why = judged(recording)["probe"].absent["sustained_rate"]
    assert "every rate was held" not in why
    assert "up to 200 events/s was held" in why
    assert "0 commits were seen" in why


def test_where_nothing_was_held_there_is_no_rate(judged: Judged) -> None:
    case = judged(searched((200, LOSES)))["probe"]
    assert "sustained_rate" not in case.metrics
    assert "no rate was held: its lag grew by 10.0 % of the load" in case.absent["sustained_rate"]
    assert case.metrics["failed_rate"].value == 200


def test_a_generator_that_is_behind_in_the_end_met_the_harnesss_ceiling(judged: Judged) -> None:
    recording = searched((200, HOLDS), (210, HOLDS))
    recording.sends = [
        (phase, first, count, at_ns + (SECOND if phase == "probe-2" else 0))
        for phase, first, count, at_ns in recording.sends
    ]
    case = judged(recording)["probe"]
    assert [each.outcome for each in case.probes] == ["held", "ceiling"]
    assert "sustained_rate" not in case.metrics
    assert "failed_rate" not in case.metrics
    assert "the harness's ceiling was met" in case.absent["sustained_rate"]
    assert "held 200 events/s" in case.absent["sustained_rate"]


def test_a_generator_that_was_late_for_a_moment_makes_a_probe_inconclusive(judged: Judged) -> None:
    recording = searched((200, HOLDS), (210, LOSES))
    mine = [number for number, row in enumerate(recording.sends) if row[0] == "probe-1"]
    for number in mine[1000:1100]:
        phase, first, count, at_ns = recording.sends[number]
        recording.sends[number] = (phase, first, count, at_ns + 2 * SECOND)
    case = judged(recording)["probe"]
    assert case.probes[0].outcome == "inconclusive"
    assert "for a while the load generator was late" in case.probes[0].why
    assert "sustained_rate" not in case.metrics


@pytest.mark.parametrize(("commits", "why"), [(None, "no commits were seen"), ([], "0 commits were seen")])
def test_without_commits_a_probe_is_inconclusive(judged: Judged, commits: list[CommitSeen] | None, why: str) -> None:
    recording = searched((200, HOLDS), (210, LOSES))
    change(recording, Probed, "probe-1", commits=commits)
    case = judged(recording)["probe"]
    assert case.probes[0].outcome == "inconclusive"
    assert why in case.probes[0].why
    assert "sustained_rate" not in case.metrics


def test_latency_above_the_bound_fails_a_rate_whatever_its_lag_does(judged: Judged) -> None:
    recording = searched((200, HOLDS), (210, HOLDS))
    recording.plan = recording.plan.model_copy(
        update={"search": SEARCH.model_copy(update={"p99_intervals": LATENCY_NS / SECOND / 2})}
    )
    case = judged(recording)["probe"]
    assert [each.outcome for each in case.probes] == ["failed", "failed"]
    assert "p99 of 0.25 s, above 0.125 s" in case.probes[0].why or "p99 of 0.26 s" in case.probes[0].why


def test_a_short_probe_is_held_by_its_largest_latency(judged: Judged) -> None:
    case = judged(searched((200, HOLDS), (210, LOSES), measured_s=12))["probe"]
    assert [each.outcome for each in case.probes] == ["held", "failed"]
    assert case.probes[0].p99_ms is None
    assert case.probes[0].max_ms == pytest.approx(LATENCY_NS / 1e6, abs=15)
    assert case.metrics["sustained_rate"].bracketed == ["no longer probe confirmed the rate that was held"]


def test_every_probe_of_a_sweep_is_a_longer_one(judged: Judged) -> None:
    case = judged(searched((200, HOLDS), (210, LOSES), how="sweep"))["probe"]
    held = case.metrics["sustained_rate"]
    assert (held.value, held.high, held.bracketed) == (200, 210, [])


def test_a_missing_row_of_a_probe_is_found_and_no_rate_is_told(judged: Judged) -> None:
    recording = searched((200, HOLDS), (210, LOSES))
    recording.rows.remove(recording.row(recording.largest("probe-1")))
    case = judged(recording)["probe"]
    assert case.outcome == "fail"
    assert case.verdict.missing == 1
    assert "sustained_rate" not in case.metrics


def test_a_row_twice_is_no_rate_held_exactly_once(judged: Judged) -> None:
    recording = searched((200, HOLDS), (210, LOSES))
    recording.rows.append(replace(recording.row(recording.largest("probe-1"))))
    case = judged(recording)["probe"]
    assert case.outcome == "fail"
    assert not case.metrics
    assert case.absent["sustained_rate"] == "rows of probes are not right, so no rate was held"


def test_a_row_of_a_probe_that_came_before_its_events_is_forbidden(judged: Judged) -> None:
    recording = searched((200, HOLDS), (210, LOSES))
    row = recording.row(recording.largest("probe-2"))
    row.visible_ns -= 20 * SECOND
    case = judged(recording)["probe"]
    assert case.outcome != "pass"
    assert "sustained_rate" not in case.metrics


@pytest.mark.parametrize(
    "spoil",
    [
        lambda recording: change(recording, PhaseBegin, "probe-1", load=None),
        lambda recording: change(recording, PhaseBegin, "probe-1", load=LoadMark(rate=400, warmup_s=3, measured_s=24)),
        lambda recording: change(recording, PhaseBegin, "probe-1", load=LoadMark(rate=200, warmup_s=3, measured_s=0)),
        lambda recording: setattr(
            recording, "marks", [mark for mark in recording.marks if not isinstance(mark, Probed)]
        ),
        lambda recording: setattr(
            recording,
            "marks",
            [
                mark.model_copy(update={"phase": "probe-9"}) if isinstance(mark, Probed) else mark
                for mark in recording.marks
            ],
        ),
    ],
    ids=["no load", "another rate", "nothing measured", "no end", "another's end"],
)
def test_a_probe_that_is_not_told_whole_is_a_damaged_history(
    judged: Judged, spoil: Callable[[Recording], None]
) -> None:
    recording = searched((200, HOLDS), (210, LOSES))
    spoil(recording)
    case = judged(recording)["probe"]
    assert case.outcome == "unknown"
    assert "damaged history" in case.reason
    assert "sustained_rate" not in case.metrics
