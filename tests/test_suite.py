"""Suite files are read strictly, everything that is wrong with one is said at once, and `all` is all that exists."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import workloads
from harness import faults
from harness.planning import planner, quantity, suite
from harness.planning.catalogue import Catalogue, discover
from harness.planning.planner import CasePlan, Selection
from harness.planning.request import overrides
from harness.planning.suite import InvalidRequest
from harness.planning.suite_files import suites
from harness.problem import ExitCode, Problem
from results.metrics.latency import CLOSINGS_NEEDED
from results.metrics.latency_steadiness import LEAST_POINTS, POINTS
from results.warmth import LEAST
from workloads.discovery import Unavailable
from workloads.profile import Profile
from workloads.sensors import Sensors

GOOD = """
schema_version = 1
engines = ["alpha"]
seed = 1
partitions = 4
parallelism = 2
interval = "1s"
worker_memory = "1GiB"
guarantee = "exactly-once"

[workload.sensors]
window_ms = "2s"

[modes]
alpha = ["fast", "safe"]

[paced]
rate = "5k/s"
warmup = "10s"
measured = "500ms"

[drain]
events = "300k"
intervals = 10
max_events = "1.2M"
[drain.embedded]
budget = "7s"
[drain.kafka]
budget = "2m"
events = 100
"""


@dataclass
class Alpha:
    name: str = "alpha"
    modes: dict[str, str] = field(default_factory=lambda: {"fast": "", "safe": ""})


CATALOGUE = Catalogue({"alpha": Alpha(), "broken": Unavailable("broken", "ImportError: x")}, {"sensors": Sensors()}, {})

TIDES = '''
"""The sensors of another place, dropped in."""

from workloads.sensors import Sensors


class Tides(Sensors):
    name = "tides"


workload = Tides()
'''

PULL_PLUG = '''
"""A fault that does nothing, dropped in."""


class PullPlug:
    name = "pull-plug"
    story = "somebody pulls the plug"
    needs = frozenset({"worker"})
    hold_s = 0.0
    graceful = False

    def inject(self, target):
        return "it is pulled"

    def heal(self, target):
        pass


fault = PullPlug
'''


def read(tmp_path: Path, text: str, **overrides: str) -> suite.Suite:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return suite.load(str(path), {key.replace("__", "."): value for key, value in overrides.items()}, CATALOGUE)


def problems(tmp_path: Path, text: str, **overrides: str) -> list[Problem]:
    with pytest.raises(InvalidRequest) as caught:
        read(tmp_path, text, **overrides)
    assert all(problem.exit_code == ExitCode.USAGE for problem in caught.value.problems)
    return list(caught.value.problems)


def test_quantities_are_read_as_written(tmp_path: Path) -> None:
    read_suite = read(tmp_path, GOOD)
    assert read_suite.interval == 1.0
    assert read_suite.worker_memory == 1024**3
    assert read_suite.events_per_second == 4800
    paced = read_suite.paced_phase
    assert paced is not None
    assert (paced.rate, paced.warmup_s, paced.measured_s) == (5000, 10, 0.5)


@pytest.mark.parametrize(
    ("written", "profile"),
    [
        ('"burst"', Profile("burst")),
        ('{ kind = "step", factor = 4, at = 0.25 }', Profile("step", factor=4, at=0.25)),
        ('{ kind = "on-off", share = 0.5, period = "500ms" }', Profile("on-off", share=0.5, period_s=0.5)),
    ],
)
def test_a_rate_profile_has_a_name_or_a_table(tmp_path: Path, written: str, profile: Profile) -> None:
    paced = read(tmp_path, GOOD.replace("[paced]", f"[paced]\nprofile = {written}")).paced_phase
    assert paced is not None
    assert (paced.profile, paced.curve) == (str(profile), profile.curve(10.5))
    assert type(paced).model_validate_json(paced.model_dump_json()) == paced


def test_a_rate_profile_may_be_set_on_the_command_line(tmp_path: Path) -> None:
    paced = read(tmp_path, GOOD, paced__profile="sine").paced_phase
    assert paced is not None
    assert paced.profile == "sine (factor 3, period_s 5)"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('"bursts"', "`kind` cannot be 'bursts'"),
        ('{ kind = "ramp", at = 0.5 }', "`profile`: a profile of kind ramp has no `at`, but factor"),
        ('{ kind = "step", at = 2 }', "`profile`: at = 2 makes no rate profile"),
        ('{ kind = "sine", period = 5 }', "`period`: 5 is not a duration"),
        ('{ kind = "sine", perido = "5s" }', "unknown key `perido`"),
    ],
)
def test_a_rate_profile_that_is_none_is_refused(tmp_path: Path, written: str, told: str) -> None:
    (problem,) = problems(tmp_path, GOOD.replace("[paced]", f"[paced]\nprofile = {written}"))
    assert problem.what.startswith(told)


def test_a_drain_may_differ_by_log(tmp_path: Path) -> None:
    drain = read(tmp_path, GOOD).drain
    assert drain is not None
    embedded, kafka = drain.on("embedded"), drain.on("kafka")
    assert (embedded.events, embedded.budget_s, embedded.max_events) == (300_000, 7, 1_200_000)
    assert (kafka.events, kafka.budget_s, kafka.intervals) == (100, 120, 10)


def test_a_drain_may_have_another_budget_on_the_jvm_and_has_the_least_number_of_backlogs(tmp_path: Path) -> None:
    drain = read(tmp_path, GOOD.replace('budget = "7s"', 'budget = "7s"\nbudget_jvm = "1m"\nbacklogs = 2')).drain
    assert drain is not None
    assert [drain.on("embedded", jvm).budget_s for jvm in (False, True)] == [7, 60]
    assert [drain.on("kafka", jvm).budget_s for jvm in (False, True)] == [120, 120]
    assert (drain.on("embedded").backlogs, drain.on("kafka").backlogs) == (2, LEAST)


def test_one_mode_may_stand_without_a_list(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD.replace('["fast", "safe"]', '"safe"')).modes == {"alpha": ("safe",)}


def test_an_unknown_key_is_placed_and_the_nearest_name_offered(tmp_path: Path) -> None:
    missing, problem = problems(tmp_path, GOOD.replace("warmup", "warmpu"))
    assert missing.what == "the key `warmup` is missing"
    assert problem.what == "unknown key `warmpu`"
    line = GOOD.splitlines().index('warmup = "10s"') + 1
    assert problem.where.endswith(f"mine.toml:{line} (paced.warmpu)")
    assert problem.remedy.startswith("Did you mean `warmup`? Allowed: measured, profile, rate, warmup")


def test_all_problems_are_reported_in_one_pass(tmp_path: Path) -> None:
    text = (
        GOOD.replace('engines = ["alpha"]', 'engines = ["alpa"]')
        .replace("[workload.sensors]", "[workload.sensors]\nkyes = 5\nzipf = -1")
        .replace("partitions = 4", "partitions = 0")
        .replace('"1GiB"', '"1 GiBs"')
        .replace('"fast", "safe"', '"fats", "safe"')
        .replace("exactly-once", "exactly-one")
        + "[workload.sensor]\n[sead]\n"
    )
    found = {problem.what for problem in problems(tmp_path, text)}
    assert {
        "unknown engine `alpa`",
        "unknown parameter of sensors `kyes`",
        "unknown mode of alpha `fats`",
        "unknown workload `sensor`",
        "unknown key `sead`",
        "`guarantee` cannot be 'exactly-one'",
    } <= found
    assert any(what.startswith("`zipf`: -1 is not between 0 and 100") for what in found)
    assert any(what.startswith("`worker_memory`: '1 GiBs' is not a size") for what in found)
    assert any(what.startswith("`partitions`: Input should be greater than 0") for what in found)
    assert len(found) == 9


def test_a_key_that_is_absent_is_named(tmp_path: Path) -> None:
    found = problems(tmp_path, GOOD.replace("seed = 1\n", "").replace('rate = "5k/s"\n', ""))
    assert {problem.what for problem in found} == {"the key `seed` is missing", "the key `rate` is missing"}
    assert any(problem.where.endswith(" (paced.rate)") for problem in found)


def test_a_drain_needs_a_budget_on_both_logs(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, GOOD.replace('budget = "2m"\n', ""))
    assert problem.what == "`drain`: no value for `budget` on log kafka"


def test_a_suite_without_a_phase_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, GOOD.partition("[paced]")[0])
    assert "neither `paced` nor `drain`" in problem.what


def test_settings_replace_values_and_are_checked_like_them(tmp_path: Path) -> None:
    changed = read(tmp_path, GOOD, paced__rate="10k", seed="7", workload__sensors__keys="50")
    assert (changed.events_per_second, changed.seed, changed.workload["sensors"]["keys"]) == (9600, 7, 50)
    (problem,) = problems(tmp_path, GOOD, paced__rat="10k")
    assert (problem.what, problem.where) == ("unknown key `rat`", "--set paced.rat")
    (problem,) = problems(tmp_path, GOOD, seed__deep="1")
    assert (problem.what, problem.where) == ("`seed` is a value and has no keys", "--set seed.deep")


def test_an_engine_that_cannot_be_loaded_may_still_be_named(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD.replace('["alpha"]', '["broken"]')).engines == ("broken",)


def test_what_is_not_toml_is_said_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        read(tmp_path, "seed = \n")
    assert caught.value.what == "the suite file is not TOML"
    assert re.search(r"line 1", caught.value.remedy)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(Problem, match="not TOML"):
        suite.load(str(tmp_path / "bytes.toml"), {}, CATALOGUE)


def test_an_absent_suite_is_told_from_a_misspelt_one() -> None:
    with pytest.raises(Problem) as caught:
        suite.find("quik")
    assert (caught.value.what, caught.value.exit_code) == ("unknown suite `quik`", ExitCode.USAGE)
    assert "Did you mean `quick`?" in caught.value.remedy
    with pytest.raises(Problem, match="no such suite file"):
        suite.find("elsewhere/mine.toml")


@pytest.mark.parametrize("name", sorted(suites()))
def test_the_suites_that_come_along_are_valid(name: str) -> None:
    suite.load(name, {}, discover())


@pytest.fixture
def dropped_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A workload and a fault that nothing names."""
    for package, name, text in ((workloads, "tides", TIDES), (faults, "pull_plug", PULL_PLUG)):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])


def cases(name: str) -> tuple[CasePlan, ...]:
    """What a suite plans for the engines that exist, where all of them can run."""
    found = discover()
    content = suite.load(name, {}, found)
    return planner.make(name, content, Selection(), found, ("kafka", None), lambda *_: None, "run").cases


def test_quick_warms_engines_on_the_jvm_for_two_minutes_and_others_for_twenty_seconds() -> None:
    budgets = {case.engine: case.drain.budget_s for case in cases("quick") if case.drain is not None}
    jvm = dict.fromkeys(("flink", "kafka-streams", "spark"), 120)
    assert budgets == jvm | dict.fromkeys(("continuous", "kafka-client", "micro-batch"), 20)


@pytest.mark.parametrize("first_s", [0.0, 0.03, 0.5, 0.91])
def test_both_halves_of_quick_have_closings_at_the_same_points_of_the_commit_interval(first_s: float) -> None:
    content = suite.load("quick", {}, discover())
    paced = content.paced_phase
    assert paced is not None
    half_s = paced.measured_s // content.interval // 2 * content.interval
    # A window closes each second of event time.
    closings = first_s + np.arange(100) * paced.rate / content.events_per_second
    points = [
        set((closings[(closings >= begin) & (closings < begin + half_s)] % content.interval * POINTS).astype(int))
        for begin in (0.0, paced.measured_s - half_s)
    ]
    assert len(points[0] & points[1]) >= LEAST_POINTS
    counted = np.count_nonzero((closings >= 0) & (closings < paced.measured_s))
    assert counted >= CLOSINGS_NEEDED, "percentiles rest on so many"


def test_how_fast_event_time_passes_is_said_once(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD, event_share="0.92", paced__rate="10k").events_per_second == pytest.approx(9200)
    (problem,) = problems(tmp_path, GOOD, event_share="0.92", event_rate="4k")
    assert "`event_rate` and `event_share` both" in problem.what
    for wrong in ("0", "-1", "1.1", "fast"):
        (problem,) = problems(tmp_path, GOOD, event_share=wrong)
        assert "event_share" in f"{problem.what}{problem.where}"


def test_a_workload_that_is_dropped_in_is_in_the_suite_of_shapes(dropped_in: None) -> None:
    planned = {(case.engine, case.workload) for case in cases("shapes")}
    assert planned == set(product(discover().engines, discover().workloads))
    assert ("continuous", "tides") in planned


def test_a_fault_that_is_dropped_in_is_in_the_suite_of_every_fault(dropped_in: None) -> None:
    struck = {(case.engine, case.strikes.fault) for case in cases("faults-full") if case.strikes}
    assert struck == set(product({case.engine for case in cases("faults-full")}, discover().faults))
    assert ("continuous", "pull-plug") in struck


def test_a_workload_that_all_names_keeps_the_parameters_of_its_table() -> None:
    windows = {case.workload: case.parameters.get("window_ms") for case in cases("shapes")}
    assert windows["sensors"] == 1000
    assert windows["late-sensors"] == discover().workloads["late-sensors"].defaults["window_ms"]


def test_all_may_be_said_on_the_command_line(tmp_path: Path) -> None:
    found = dataclasses.replace(CATALOGUE, workloads={"gps": Sensors(), "sensors": Sensors()}, faults={"a": 1, "b": 2})
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.partition("[drain]")[0])
    read_suite = suite.load(str(path), {"workloads": "all"} | overrides([], None, ["all"]), found)
    assert read_suite.workload == {"gps": {}, "sensors": {"window_ms": "2s"}}
    assert read_suite.faults is not None
    assert read_suite.faults.inject == ("a", "b")


def test_names_where_only_all_can_stand_and_all_where_it_cannot_are_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, GOOD.replace("seed = 1", 'seed = 1\nworkloads = ["sensors"]'))
    assert (problem.what, problem.remedy) == ("`workloads` cannot be ['sensors']", "Allowed: 'all'")
    struck = GOOD.partition("[drain]")[0] + '[faults]\ninject = ["all", "kill"]'
    (first, second) = problems(tmp_path, struck)
    assert (first.what, second.what) == ("unknown fault `all`", "unknown fault `kill`")
    assert second.remedy == "Allowed: all"


@pytest.mark.parametrize(
    ("read_as", "written", "expected"),
    [
        (quantity.seconds, "500ms", 0.5),
        (quantity.seconds, "1.5 m", 90),
        (quantity.seconds, "1h", 3600),
        (quantity.count, "300k", 300_000),
        (quantity.count, "1.2M", 1_200_000),
        (quantity.count, "1_000", 1000),
        (quantity.count, 12, 12),
        (quantity.rate, "2.5k/s", 2500),
        (quantity.rate, 0.5, 0.5),
        (quantity.size, "1GiB", 1024**3),
        (quantity.size, "1.5kB", 1500),
    ],
)
def test_a_quantity_has_the_value_it_says(read_as: object, written: object, expected: float) -> None:
    assert read_as(written) == expected  # type: ignore[operator]


@pytest.mark.parametrize(
    ("read_as", "written"),
    [
        (quantity.seconds, 10),
        (quantity.seconds, "10"),
        (quantity.seconds, "-1s"),
        (quantity.seconds, "10S"),
        (quantity.count, "1.0005k"),
        (quantity.count, True),
        (quantity.count, 1.5),
        (quantity.rate, "5k/m"),
        (quantity.size, 1024),
        (quantity.size, "1gib"),
    ],
)
def test_a_quantity_that_is_not_one_is_refused(read_as: object, written: object) -> None:
    with pytest.raises(ValueError, match="is not a"):
        read_as(written)  # type: ignore[operator]
