"""A recording that is replayed as it was: its times, gaps and disorder, at a speed that the user gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.workloads.made import BASE_MS, WORKLOADS
from workloads.control import heartbeat_ms
from workloads.replay import Replay
from workloads.schedule import Schedule
from workloads.stream import Events, Segment
from workloads.workload import Keeping, Unfit

WORKLOAD = WORKLOADS["replay"]
assert isinstance(WORKLOAD, Replay)
T = 1_700_000_000
OFFSETS_S = (3.5, 1.25, 3.5, 2, 10, 9.75)
"""Of rows as they stand in a file: some go back, two are equal, and there is a gap."""


def written(path: Path, times: Any, keys: str = "abcdef") -> Path:
    rows = [f"{time},{keys[number % len(keys)]},{number}" for number, time in enumerate(times)]
    path.write_text("\n".join(["time,key,value", *rows, ""]))
    return path


def prepared(path: Path, **more: Any) -> dict[str, Any]:
    return dict(WORKLOAD.prepare({**WORKLOAD.defaults, "pace": "recorded", "file": str(path), **more}))


def scheduled(parameters: dict[str, Any]) -> Schedule:
    schedule = WORKLOAD.schedule(parameters)
    assert schedule is not None
    return schedule


def made(parameters: dict[str, Any], count: int, first: int = 0, base_ms: int = BASE_MS) -> Events:
    segment = Segment(first, count, base_ms, scheduled(parameters).rate)
    return WORKLOAD.events(parameters, 1, segment, np.arange(first, first + count))


def test_rows_keep_the_order_of_the_file_and_their_own_times(tmp_path: Path) -> None:
    parameters = prepared(written(tmp_path / "x.csv", [T + each for each in OFFSETS_S]))
    events = made(parameters, 6, first=40)
    assert events.values["value"].tolist() == [0, 1, 2, 3, 4, 5]
    assert (events.times - BASE_MS).tolist() == [0, -2250, 0, -1500, 6500, 6250]


def test_a_row_is_due_once_the_largest_time_so_far_is_reached(tmp_path: Path) -> None:
    parameters = prepared(written(tmp_path / "x.csv", [T + each for each in OFFSETS_S]), speed=10.0)
    planned_ns = scheduled(parameters).planned_ns(np.arange(6))
    assert (planned_ns / 1e6).tolist() == [0, 0, 0, 0, 650, 650]


def test_after_the_last_row_the_first_one_comes_again_in_windows_of_its_own(tmp_path: Path) -> None:
    parameters = prepared(written(tmp_path / "x.csv", [T + each for each in OFFSETS_S]), window_ms=2000)
    schedule = scheduled(parameters)
    # From second 1.25 to second 10 of an even second: windows from 0 to 12.
    assert schedule.period_ms == 12_000
    assert schedule.rate == 0.5
    events = made(parameters, 18)
    assert np.diff(events.times[::6]).tolist() == [12_000, 12_000]
    assert events.times[6:12].min() > events.times[:6].max()
    assert np.all(np.diff(schedule.planned_ns(np.arange(18))) >= 0)


@pytest.mark.parametrize("window_ms", [1000, 7000, 60_000, 3_600_000])
def test_windows_have_the_rows_that_they_have_in_the_file(tmp_path: Path, window_ms: int) -> None:
    times_ms = np.random.default_rng(1).integers(T * 1000, T * 1000 + 400_000, 200)
    parameters = prepared(written(tmp_path / "x.csv", times_ms), window_ms=window_ms)
    unit_ms = np.lcm(60_000, window_ms)
    aligned_ms = BASE_MS // unit_ms * unit_ms
    base_ms = aligned_ms + scheduled(parameters).lead_ms(int(unit_ms))
    moved = made(parameters, 200, base_ms=base_ms).times - times_ms
    assert len(set(moved.tolist())) == 1
    assert moved[0] % window_ms == 0
    assert aligned_ms <= (moved + times_ms).min() < aligned_ms + unit_ms


def test_no_row_is_late_nor_does_a_heartbeat_make_it_so(tmp_path: Path) -> None:
    chance = np.random.default_rng(2)
    times_ms = T * 1000 + np.arange(500) * 40 - chance.integers(0, 3000, 500)
    for speed in (0.5, 1.0, 20.0):
        parameters = prepared(written(tmp_path / "x.csv", times_ms), speed=speed)
        schedule, delay_ms = scheduled(parameters), WORKLOAD.query(parameters).watermark_delay_ms
        times_ms_there = made(parameters, 1500).times - BASE_MS
        behind_ms = (np.maximum.accumulate(times_ms_there) - times_ms_there).max()
        # A second of the clock is left for what is read a little later than another partition.
        assert behind_ms + 1000 * max(speed, 1) <= delay_ms <= behind_ms + 1000 * max(speed, 1) + 1
        planned_s = schedule.planned_ns(np.arange(1500)) / 1e9
        for second in range(int(planned_s[-1]) + 1):
            later = times_ms_there[planned_s >= second]
            assert not len(later) or heartbeat_ms(second, delay_ms, speed) <= max(later.min(), 0)


def test_files_come_side_by_side_each_in_its_own_order(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    written(tmp_path / "mine" / "1.csv", [T, T + 4, T + 1, T + 8], "a")
    written(tmp_path / "mine" / "2.csv", [T + 2, T + 4, T + 6], "b")
    events = made(prepared(tmp_path / "mine"), 7)
    assert [events.labels[key] for key in events.keys] == ["a", "b", "a", "a", "b", "b", "a"]
    assert events.values["value"].tolist() == [0, 0, 1, 2, 1, 2, 3]


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
def test_numbers_of_every_unit_are_the_same_times(tmp_path: Path, unit: int) -> None:
    parameters = prepared(written(tmp_path / "x.csv", [int((T + each) * unit) for each in (0, 2, 1)]))
    assert (made(parameters, 3).times - BASE_MS).tolist() == [0, 2000, 1000]


def test_dates_fractions_and_times_before_1970_are_times_too(tmp_path: Path) -> None:
    texts = ["1969-12-31T23:59:58.5Z", "1970-01-01T00:00:00+00:00", "1969-12-31"]
    with pytest.raises(Unfit):
        prepared(written(tmp_path / "x.csv", [*texts, "tomorrow"]))
    assert (made(prepared(written(tmp_path / "x.csv", texts)), 3).times - BASE_MS).tolist() == [0, 1500, -86_398_500]


def test_a_time_that_no_calendar_has_is_named(tmp_path: Path) -> None:
    for wrong in (10**14, 253_402_300_800):
        path = written(tmp_path / "x.csv", [T, T + 1, wrong])
        with pytest.raises(Unfit, match="column 'time' row 3: a time after the year 9999"):
            prepared(path)
        prepared(path, pace="suite")


def test_a_row_that_goes_back_too_far_is_named_by_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    written(tmp_path / "mine" / "1.csv", [T, T + 1])
    # The second row lacks its time, and is left out.
    path = written(tmp_path / "mine" / "2.csv", [T, "", T + 800_000, T + 100_000])
    with pytest.raises(Unfit) as caught:
        prepared(tmp_path / "mine", missing="skip")
    assert caught.value.what.startswith(f"{path}: row 4 comes 194.4 h of event time behind an earlier one")
    prepared(tmp_path / "mine", missing="skip", pace="suite")


@pytest.mark.parametrize("lasting_s", [0.0, 0.065, 0.1, 0.65, 0.6500001, 1.0, 7.3])
def test_so_many_rows_come_in_a_time_as_are_planned_in_it(tmp_path: Path, lasting_s: float) -> None:
    schedule = scheduled(prepared(written(tmp_path / "x.csv", [T + each for each in OFFSETS_S]), speed=10.0))
    planned_ns = schedule.planned_ns(np.arange(200))
    assert schedule.count(lasting_s) == np.count_nonzero(planned_ns < lasting_s * 1e9)


def test_the_fullest_window_is_found(tmp_path: Path) -> None:
    schedule = scheduled(prepared(written(tmp_path / "x.csv", [T, T, T + 0.999, T + 1, T + 5])))
    assert (schedule.densest(1000), schedule.densest(2000)) == (3, 4)
    assert schedule.span_ms(5) == 5000
    assert schedule.span_ms(0) == 0


def test_rows_of_one_time_only_come_again_a_window_later(tmp_path: Path) -> None:
    schedule = scheduled(prepared(written(tmp_path / "x.csv", [T] * 3)))
    assert (schedule.planned_ns(np.arange(7)) // 10**9).tolist() == [0, 0, 0, 1, 1, 1, 2]


def test_what_is_kept_comes_at_the_same_times(tmp_path: Path) -> None:
    assert isinstance(WORKLOAD, Keeping)
    path = written(tmp_path / "x.csv", [T + each for each in OFFSETS_S])
    parameters = prepared(path)
    first = made(parameters, 9)
    (tmp_path / "run").mkdir()
    WORKLOAD.keep(parameters, tmp_path / "run" / "kept")
    path.unlink()
    again = made(dict(WORKLOAD.kept(parameters, tmp_path / "run" / "kept")), 9)
    assert again.times.tolist() == first.times.tolist()
    assert again.values["value"].tolist() == first.values["value"].tolist()


def test_the_same_rows_in_another_order_are_another_recording(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", [T, T + 1])
    assert prepared(path)["recording"] != prepared(path, pace="suite")["recording"]


def test_a_query_needs_no_file(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", [T + each for each in OFFSETS_S])
    parameters = prepared(path, speed=10.0)
    path.unlink()
    assert WORKLOAD.query(parameters).watermark_delay_ms == 2250 + 10_000
    assert WORKLOAD.shifts(parameters) == {}
