"""What a suite can ask of events that come as they were recorded, and what is refused with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.planning import planner
from harness.planning.catalogue import Catalogue
from harness.planning.planner import Selection
from harness.planning.suite import InvalidRequest, load
from results.plan import CasePlan, RunPlan
from tests.playback import CATALOGUE
from tests.workloads.made import WORKLOADS

KNOWN = Catalogue(CATALOGUE.engines, {"replay": WORKLOADS["replay"], "sensors": WORKLOADS["sensors"]}, CATALOGUE.faults)
T = 1_700_000_000

SUITE = """
schema_version = 1
seed = 5
partitions = 4
parallelism = 2
interval = "1s"
worker_memory = "512MiB"
guarantee = "exactly-once"
engines = ["alpha"]
workload.sensors = {}
workload.replay = { file = "mine.csv", pace = "recorded", speed = 10 }
paced = { rate = "5k/s", warmup = "1s", measured = "2s" }
"""
DRAIN = 'drain = { events = 1000, intervals = 1, max_events = 2000, budget = "1s" }\n'


def planned(folder: Path, times: Any, more: str = "", **overrides: str) -> list[CasePlan]:
    (folder / "mine.csv").write_text(
        "time,key,value\n" + "".join(f"{T + time},a,{n}\n" for n, time in enumerate(times))
    )
    (folder / "mine.toml").write_text(SUITE + more)
    suite = load(str(folder / "mine.toml"), {name.replace("__", "."): each for name, each in overrides.items()}, KNOWN)
    plan = planner.make("mine", suite, Selection(), KNOWN, ("embedded", None), lambda *_: None, "run")
    assert RunPlan.model_validate_json(plan.model_dump_json()) == plan
    return list(plan.cases)


def refused(folder: Path, times: Any, more: str = "", **overrides: str) -> str:
    with pytest.raises(InvalidRequest) as caught:
        planned(folder, times, more, **overrides)
    (problem,) = caught.value.problems
    assert problem.where == "workload replay"
    return f"{problem.what}; {problem.remedy}"


def test_the_rate_is_the_recordings_and_other_workloads_keep_theirs(tmp_path: Path) -> None:
    sensors, replay = planned(tmp_path, [0, 0.5, 2, 3.5], DRAIN)
    assert replay.paced is not None and sensors.paced is not None
    assert (replay.event_rate, replay.paced.rate) == (1.0, 10.0)
    assert (replay.paced.recorded, replay.paced.profile) == (True, "as recorded, 10 times as fast")
    assert (replay.paced.warmup_s, replay.paced.measured_s) == (1.0, 2.0)
    assert (sensors.event_rate, sensors.paced.rate, sensors.paced.recorded) == (4800.0, 5000.0, False)
    assert replay.drain == sensors.drain


def test_the_same_file_at_the_suites_pace_is_planned_as_ever(tmp_path: Path) -> None:
    more = {"workload__replay__pace": "suite", "workload__replay__speed": "1"}
    sensors, replay = planned(tmp_path, [0, 1], **more)
    assert (replay.paced, replay.event_rate) == (sensors.paced, sensors.event_rate)


def test_rate_search_is_refused(tmp_path: Path) -> None:
    for how in ("search", "sweep"):
        assert "there is no rate to search; leave `search` (--rate) out" in refused(
            tmp_path, [0, 1], DRAIN + f'search = {{ how = "{how}" }}\n'
        )


def test_faults_are_refused(tmp_path: Path) -> None:
    assert "strikes need a steady load" in refused(tmp_path, [0, 1], 'faults = { inject = "kill-worker" }\n')


def test_a_profile_is_refused(tmp_path: Path) -> None:
    assert "or along a profile: not both" in refused(tmp_path, [0, 1], paced__profile="sine")


def test_a_measured_part_in_a_gap_is_refused(tmp_path: Path) -> None:
    told = refused(tmp_path, [0, 3, 4 * 3600])
    assert "no row comes from second 1 to 3, the measured part, at speed 10; raise `speed`" in told
    planned(tmp_path, [0, 3, 4 * 3600], workload__replay__speed="10000")


def test_a_phase_of_more_than_a_thousand_years_is_refused(tmp_path: Path) -> None:
    large = DRAIN.replace("1000", "100_000").replace("2000", "100_000")
    told = refused(tmp_path, [0, 1, 40 * 86_400], large, paced__warmup="0s")
    assert "years of event time, more than 1,000; give a suite without `drain`" in told


def test_sums_are_bounded_by_the_fullest_window(tmp_path: Path) -> None:
    (tmp_path / "big.csv").write_text("time,key,value\n" + f"{T},a,{2**53 - 1}\n" * 1025 + f"{T + 9},a,1\n")
    told = refused(tmp_path, [0, 1], workload__replay__file=str(tmp_path / "big.csv"), paced__warmup="0s")
    assert "its largest value, 9,007,199,254,740,991, times 1,025 events/s in a window of 1,000 ms" in told
    (tmp_path / "big.csv").write_text("time,key,value\n" + f"{T},a,{2**53 - 1}\n" * 1023 + f"{T + 9},a,1\n")
    planned(tmp_path, [0, 1], workload__replay__file=str(tmp_path / "big.csv"), paced__warmup="0s")
