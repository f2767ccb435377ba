"""How an engine came back from strikes, on histories made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from results.history import Exposed, Noticed, PhaseBegin, Strike, TableWriter
from results.judge import judge
from results.metrics.statistics import median_interval
from results.plan import Strikes
from tests.judge.recording import CORES, LATENCY_NS, MEGABYTES, SECOND, Row, seal

START_NS = 1000 * SECOND
STRIKES = Strikes(fault="kill-worker", aim="interval", wanted=1, most=2, hold_s=0, timeouts="tuned")


def struck(recording, *at_s, asked_s=None):
    """Strikes so many seconds after the paced phase began: noticed after half a second, healed after one.

    asked_s: when the one injection began, if not then.
    """
    recording.plan = recording.plan.model_copy(update={"strikes": STRIKES, "fault": "kill-worker", "drain": None})
    for number, seconds in enumerate(at_s, 1):
        at_ns = START_NS + int(seconds * SECOND)
        if asked_s is not None:
            asked_ns = START_NS + int(asked_s * SECOND)
            recording.marks.insert(-1, Strike(at_ns=asked_ns, number=number, fault="kill-worker", step="injecting"))
        recording.marks[-1:-1] = [
            Strike(at_ns=at_ns, number=number, fault="kill-worker", step="injected", detail="worker 7 is gone"),
            Exposed(at_ns=at_ns, number=number, outputs=0, inputs=9, commit_age_s=0.5),
            Noticed(at_ns=at_ns + SECOND // 2, number=number, sign="1 of 2 workers run"),
            Strike(at_ns=at_ns + SECOND, number=number, fault="kill-worker", step="healed"),
        ]
    return recording


def silent(recording, from_s, until_s):
    """What would have become visible in between becomes visible at its end."""
    for row in recording.rows:
        if START_NS + from_s * SECOND <= row.visible_ns < START_NS + until_s * SECOND:
            row.visible_ns = int(START_NS + until_s * SECOND)
    return recording


def bursts_s(recording):
    """When new rows of the paced phase become visible, in seconds after its beginning."""
    begin = recording.of(PhaseBegin)[0].start_ns
    return np.unique(
        [(row.visible_ns - begin) / SECOND for row in recording.rows if row.visible_ns < begin + 27 * SECOND]
    )


def strike_of(case):
    (strike,) = case.strikes
    return strike


def test_an_outage_is_measured_from_its_injection(recording, judged):
    case = judged(silent(struck(recording, 12.0), 12.0, 17.0))["paced"]
    strike = strike_of(case)
    assert (strike.state, strike.exposed, strike.at_s) == ("confirmed", True, 12.0)
    assert (strike.detected_s, strike.healed_s, strike.first_output_s) == (0.5, 1.0, 5.0)
    assert strike.watched_s == 15.0
    # A window closes about once a second; the first that was kept back closed within a second of the injection.
    assert 4000 < strike.max_latency_ms <= 5000 + LATENCY_NS / 1e6
    # Latency is inside the band a little earlier, but lag falls only when what was kept back is there.
    assert strike.caught_up_s == 5.0
    metric = case.metrics["recovery_caught_up"]
    assert (metric.value, metric.n, metric.low, metric.high) == (strike.caught_up_s, 1, metric.value, metric.value)
    assert case.metrics["strikes_exposed"].value == 1


def test_what_its_injection_takes_counts_as_the_outage(recording, judged):
    # The job was asked to stop three seconds before it had.
    struck(silent(recording, 12.0, 17.0), 15.0, asked_s=12.0)
    strike = strike_of(judged(recording)["paced"])
    assert (strike.at_s, strike.healed_s, strike.first_output_s, strike.caught_up_s) == (12.0, 4.0, 5.0, 5.0)


def test_what_a_job_delivers_while_it_is_being_stopped_is_no_recovery(recording, judged):
    # Asked to stop at 10, it goes on for seven seconds; it is back at 19.
    struck(silent(recording, 17.0, 20.0), 18.0, asked_s=10.0)
    strike = strike_of(judged(recording)["paced"])
    assert (strike.at_s, strike.healed_s) == (10.0, 9.0)
    assert strike.caught_up_s is not None
    assert 9.0 <= strike.caught_up_s <= 10.0


def test_what_an_engine_notices_after_the_next_strike_is_not_the_earlier_ones_detection(recording, judged):
    struck(recording, 10.0, 16.0)
    recording.marks = [mark for mark in recording.marks if not (isinstance(mark, Noticed) and mark.number == 1)]
    recording.marks.insert(-1, Noticed(at_ns=START_NS + 17 * SECOND, number=1, sign="1 of 2 workers run"))
    first, second = judged(recording)["paced"].strikes
    assert (first.detected_s, first.sign) == (None, "")
    assert second.detected_s == 0.5


def test_lost_service_is_the_output_that_did_not_come_until_caught_up(recording, judged):
    strike = strike_of(judged(silent(struck(recording, 12.0), 12.0, 17.0))["paced"])
    assert strike.lost_service_s == pytest.approx(strike.caught_up_s, abs=0.01)


def test_an_engine_that_is_not_disturbed_never_leaves_the_band(recording, judged):
    strike = strike_of(judged(struck(recording, 12.0))["paced"])
    assert (strike.caught_up_s, strike.lost_service_s) == (0.0, 0.0)
    assert strike.first_output_s == pytest.approx(min(t for t in bursts_s(recording) if t > 12) - 12, abs=1e-6)


def test_an_engine_that_is_not_back_at_the_end_of_the_load_is_not_recovered(recording, judged):
    case = judged(silent(struck(recording, 12.0), 12.0, 26.0))["paced"]
    assert strike_of(case).caught_up_s is None
    assert "recovery_caught_up" not in case.metrics
    assert case.absent["recovery_caught_up"] == "0 of 1 strikes were recovered from"
    assert strike_of(case).lost_service_s > 12


def test_a_strike_that_is_not_recovered_from_is_no_part_of_the_median(recording, judged):
    case = judged(silent(struck(recording, 11.0, 15.0), 11.0, 12.0))["paced"]
    first, second = case.strikes
    # Four seconds until the next strike are too few for five steady ones.
    assert (first.watched_s, first.caught_up_s, second.caught_up_s) == (4.0, None, 0.0)
    assert case.metrics["recovery_caught_up"].n == 1
    assert "1 of 2 strikes were recovered from" in case.notes


def test_what_the_next_strike_delays_is_not_held_against_the_one_before(recording, judged):
    case = judged(silent(struck(recording, 10.0, 16.5), 16.5, 20.0))["paced"]
    first, second = case.strikes
    assert first.caught_up_s == 0.0
    assert first.max_latency_ms < 1000
    assert second.max_latency_ms > 2500


def test_rows_that_come_again_are_no_new_output(recording, judged):
    made = silent(struck(recording, 12.0), 12.0, 17.0)
    before = next(row for row in made.rows if row.visible_ns < START_NS + 12 * SECOND)
    made.rows.append(Row(before.partition, START_NS + 13 * SECOND, before.value))
    made.plan = made.plan.model_copy(update={"delivery_claimed": "at-least-once"})
    strike = strike_of(judged(made)["paced"])
    assert (strike.repeated, strike.first_output_s) == (1, 5.0)


def test_rows_that_never_come_are_losses_and_no_lag(recording, judged):
    made = silent(struck(recording, 12.0), 12.0, 14.0)
    lost = [row for row in made.rows if row.visible_ns == START_NS + 14 * SECOND][:3]
    made.rows = [row for row in made.rows if not any(row is gone for gone in lost)]
    case = judged(made)["paced"]
    assert (case.verdict.missing, case.outcome) == (3, "fail")
    assert strike_of(case).caught_up_s < 2


def test_a_strike_without_a_baseline_has_no_band(recording, judged):
    case = judged(struck(recording, 3.0))["paced"]
    assert strike_of(case).caught_up_s is None
    assert case.absent["recovery_caught_up"].startswith("only 0 rows were due and visible between warm-up and")


def test_a_missed_strike_has_no_times(recording, judged):
    made = struck(recording, 12.0)
    made.marks[-1:-1] = [Strike(at_ns=START_NS + 20 * SECOND, number=2, fault="kill-worker", step="missed")]
    case = judged(made)["paced"]
    assert (case.strikes[1].state, case.strikes[1].at_s, case.strikes[1].caught_up_s) == ("missed", None, None)
    assert case.metrics["strikes_exposed"].n == 2


def test_copies_of_aborted_transactions_count_for_the_strike_after_which_they_were_healed(recording, tmp_path):
    made = struck(recording, 10.0, 18.0)
    folder = made.write(tmp_path / "made")
    at_ms = [1009_000, 1010_500, 1011_500, 1012_000]  # The clock of the plan has both clocks equal.
    TableWriter(folder, "physical").write(
        {
            "partition": [0] * 4,
            "offset": [900_000 + place for place in range(4)],
            "time_ms": at_ms,
            "committed": [False, False, False, True],
            "value": [b""] * 4,
        }
    )
    (case,) = judge(seal(folder))
    assert [strike.aborted_copies for strike in case.strikes] == [2, 1]


def test_no_exposed_strike_is_never_called_exact(recording, judged):
    made = struck(recording, 12.0)
    made.marks = [mark.model_copy(update={"inputs": 0}) if isinstance(mark, Exposed) else mark for mark in made.marks]
    assert judged(made)["paced"].observed == "untested, no strike was exposed"


@pytest.mark.parametrize(
    ("log", "claimed", "exposure", "exposed"),
    [
        ("kafka", "exactly-once", {"outputs": 0, "inputs": 50}, False),
        ("kafka", "exactly-once", {"outputs": 3, "inputs": 0}, True),
        ("kafka", "exactly-once", {"outputs": 0, "inputs": 0, "aborted": 2}, True),
        ("kafka", "at-least-once", {"outputs": 0, "inputs": 9, "unanswered": 9}, False),
        ("kafka", "at-most-once", {"outputs": 9, "inputs": 9, "unanswered": 0}, False),
        ("kafka", "at-most-once", {"outputs": 0, "inputs": 0, "unanswered": 1}, True),
        ("kafka", "at-most-once", {"outputs": 9, "inputs": 9}, False),
        ("embedded", "at-most-once", {"outputs": 0, "inputs": 9}, True),
        ("embedded", "exactly-once", {"outputs": 9, "inputs": 0}, False),
    ],
)
def test_what_is_at_stake_depends_on_the_claim_and_the_log(recording, judged, log, claimed, exposure, exposed):
    made = struck(recording, 12.0)
    made.plan = made.plan.model_copy(update={"log": log, "delivery_claimed": claimed})
    stake = Exposed(at_ns=START_NS + 12 * SECOND, number=1, commit_age_s=0.5, **exposure)
    made.marks = [stake if isinstance(mark, Exposed) else mark for mark in made.marks]
    assert strike_of(judged(made)["paced"]).exposed is exposed


def test_a_median_has_an_interval_from_five_samples_on_and_a_range_below():
    assert median_interval(np.array([3.0, 1.0, 2.0, 9.0])) == (2.5, 1.0, 9.0)
    median, low, high = median_interval(np.array([1.0, 2.0, 3.0, 4.0, 100.0]))
    assert median == 3.0
    assert (low, high) == (1.0, 100.0)
    many = median_interval(np.arange(101.0))
    assert many[0] == 50.0
    assert 35 < many[1] < 45
    assert 55 < many[2] < 65
    assert many == median_interval(np.arange(101.0)[::-1])
    with pytest.raises(ValueError, match="no samples"):
        median_interval(np.array([]))


def test_cpu_and_memory_of_the_engine_count_until_it_has_caught_up(recording, judged):
    made = silent(struck(recording, 12.0), 12.0, 17.0)
    from_ns, until_ns = START_NS + 12 * SECOND, START_NS + 17 * SECOND
    # A worker works three cores' worth for five seconds more, and takes 500 MB while it does.
    made.samples = [
        (
            at_ns,
            role,
            pid,
            cpu_s + (3 * (min(max(at_ns, from_ns), until_ns) - from_ns) / SECOND if role == "worker" else 0),
            rss + (500_000_000 if role == "worker" and from_ns < at_ns < until_ns else 0),
            pss,
        )
        for at_ns, role, pid, cpu_s, rss, pss in made.samples
    ]
    case = judged(made)["paced"]
    strike = strike_of(case)
    assert strike.cores == pytest.approx(3 + CORES["worker"] + CORES["coordinator"], abs=0.01)
    assert strike.memory_bytes == 2 * (MEGABYTES["worker"] + MEGABYTES["coordinator"]) * 1_000_000 + 500_000_000
    assert case.metrics["recovery_cores"].value == strike.cores
    assert case.metrics["recovery_memory"].value == strike.memory_bytes
