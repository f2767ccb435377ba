"""Whatever a suite, an option or a parameter says: it is refused with exit code 2, or makes a plan that can be stored,
is read again as the same, and whose length is told. Fifteen seconds at most in all.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.planning import catalogue, planner, request
from harness.planning.duration import expected_s
from harness.planning.planner import Selection
from harness.planning.suite import InvalidRequest, Suite
from harness.planning.suite_files import suites
from harness.problem import ExitCode, Problem
from results.plan import RunPlan

KNOWN = catalogue.discover()
LONGEST_S = 4.0
"""For each of the three tests: what is left of its examples after that is not tried."""

SLOWEST = timedelta(seconds=5)
"""Of one example: what takes longer hangs."""

fuzzed = settings(
    max_examples=400,
    deadline=SLOWEST,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)


def literal(value: Any) -> str:
    """A value as TOML writes it."""
    match value:
        case bool():
            return str(value).lower()
        case float():
            return repr(value)
        case int():
            return str(value)
        case list():
            return f"[{', '.join(map(literal, value))}]"
        case dict():
            return f"{{{', '.join(f'{json.dumps(key)} = {literal(each)}' for key, each in value.items())}}}"
        case _:
            return json.dumps(str(value), ensure_ascii=True)


NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from([0, 1, -1, 2**31, 2**62, 2**63, 10**400, math.inf, -math.inf, math.nan, 1e30, 1e-30, -0.0]),
)
WORDS = st.one_of(
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12),
    st.builds(
        lambda number, unit: f"{number}{unit}", NUMBERS, st.sampled_from(["s", "ms", "h", "k", "M/s", "GiB", ""])
    ),
    st.sampled_from(["all", "", " ", ".", "..", "/", "\u2028", "\u202e", "nan", "inf", "true", "x" * 5000, "9" * 5000]),
)
SIMPLE = st.one_of(NUMBERS, WORDS, st.booleans())
VALUES = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=6,
)


def table_keys(model: Any, before: str = "") -> list[str]:
    """Every dotted key of the suite's own tables."""
    found = []
    for name, field in model.model_fields.items():
        found.append(f"{before}{name}")
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        for kind in kinds:
            if hasattr(kind, "model_fields"):
                found += table_keys(kind, f"{before}{name}.")
    return found


PARAMETERS = [
    (name, key)
    for name, workload in KNOWN.workloads.items()
    for key, default in getattr(workload, "defaults", {}).items()
    if not getattr(workload, "files", ()) and not isinstance(default, str)
]
KEYS = [
    *table_keys(Suite),
    *["modes.continuous", "faults.instead.continuous", "faults.hold.kill-worker", "engine.continuous.options.x"],
]


def answer(ask: Callable[[], RunPlan]) -> RunPlan | tuple[Problem, ...]:
    """The plan, or why it is refused; anything else that is raised fails the test."""
    try:
        return ask()
    except InvalidRequest as refused:
        return refused.problems
    except Problem as problem:
        return (problem,)


def tried(ask: Callable[[], RunPlan]) -> None:
    """Plan it. Fails for whatever is neither refused in our words nor a plan that can be kept."""
    found = answer(ask)
    if isinstance(found, RunPlan):
        assert RunPlan.model_validate_json(found.model_dump_json()) == found
        assert all(0 < each_s < 1e9 for each_s in expected_s(found.runnable, {}).values())
        return
    assert found
    assert all(problem.exit_code == ExitCode.USAGE for problem in found)
    assert all(len(problem.what) < 2000 for problem in found)


def planned(suite: str, values: dict[str, str], workload: str | None = None) -> RunPlan:
    selection = Selection(("continuous",), (workload,) if workload else (), "embedded")
    source, content, chosen = request.resolve(request.Request(suite, selection, values), KNOWN)
    name = request.run_name(source)
    return planner.make(name, content, chosen, KNOWN, ("embedded", None), lambda *_: None, "")


@pytest.fixture(scope="module")
def began_s() -> dict[str, float]:
    return {}


def spent(began: dict[str, float], test: str) -> bool:
    return time.monotonic() - began.setdefault(test, time.monotonic()) > LONGEST_S


@fuzzed
@given(
    suite=st.sampled_from(["quick", "faults", "gate", "price-of-guarantees", "shapes"]),
    values=st.dictionaries(st.sampled_from(KEYS), VALUES, min_size=1, max_size=3),
)
def test_any_value_of_a_suite_is_refused_or_planned(
    began_s: dict[str, float], suite: str, values: dict[str, Any]
) -> None:
    if not spent(began_s, "suites"):
        tried(lambda: planned(suite, {key: literal(value) for key, value in values.items()}, "sensors"))


@fuzzed
@given(which=st.sampled_from(PARAMETERS), value=SIMPLE)
def test_any_value_of_a_parameter_is_refused_or_planned(
    began_s: dict[str, float], which: tuple[str, str], value: Any
) -> None:
    workload, key = which
    if not spent(began_s, "parameters"):
        tried(lambda: planned("quick", {f"workload.{workload}.{key}": literal(value)}, workload))


@fuzzed
@given(suite=st.sampled_from(sorted(suites())), at=st.floats(0, 1), length=st.integers(0, 60), put=st.text(max_size=20))
def test_any_text_of_a_suite_file_is_refused_or_planned(
    began_s: dict[str, float], tmp_path: Path, suite: str, at: float, length: int, put: str
) -> None:
    if spent(began_s, "texts"):
        return
    text = suites()[suite].read_text()
    place = int(at * len(text))
    changed = tmp_path / "changed.toml"
    changed.write_text(text[:place] + put + text[place + length :], "utf-8", "surrogatepass")
    tried(lambda: planned(str(changed), {}))


@pytest.mark.parametrize(
    "text",
    [
        f"a = {'[' * 5000}{']' * 5000}",
        f"a = {'{a = ' * 2000}1{'}' * 2000}",
        f"{'.'.join(['a'] * 5000)} = 1",
        f"seed = {'9' * 5000}",
        f"seed = 0x{'f' * 5000}",
        "x" * (1 << 21),
        "\n".join(f"key-{number} = 1" for number in range(50_000)),
        "\0",
        "",
    ],
    ids=["lists", "inline tables", "dotted", "digits", "hexadecimal", "large", "many keys", "nul", "nothing"],
)
def test_a_suite_that_nobody_meant_is_refused_at_once(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(text)
    found = answer(lambda: planned(str(path), {}))
    assert not isinstance(found, RunPlan)
    assert all(problem.exit_code == ExitCode.USAGE for problem in found)
    assert 0 < len(found) < 200


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_a_suite_that_is_no_plain_file_is_refused_at_once(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "odd.toml")
    found = answer(lambda: planned(str(tmp_path / "odd.toml"), {}))
    assert not isinstance(found, RunPlan)
    assert [problem.exit_code for problem in found] == [ExitCode.USAGE]
    assert found[0].what == "there is no such suite file"


@pytest.mark.parametrize("name", ["n" * 300, "n" * 5000, "n" * 300 + ".toml", "a/" * 3000])
def test_a_name_that_no_file_can_have_is_no_suite(name: str) -> None:
    found = answer(lambda: planned(name, {}))
    assert not isinstance(found, RunPlan)
    assert [problem.exit_code for problem in found] == [ExitCode.USAGE]


@pytest.mark.parametrize("name", ["n" * 300, "n" * 5000, "a/" * 3000])
def test_a_file_that_no_disk_can_have_is_refused(name: str) -> None:
    found = answer(lambda: planned("quick", {"workload.replay.file": json.dumps(name)}, "replay"))
    assert not isinstance(found, RunPlan)
    assert all(problem.exit_code == ExitCode.USAGE for problem in found)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("drain.events", "6000000"),
        ("drain.kafka.events", "6000000"),
        ("modes.continuous", '[["continuous"]]'),
        ("modes.continuous", "[1]"),
        ("paced.rate", "9" * 5000),
        ("seed", "9" * 5000),
        ("calibrate", '"yes"'),
        ("own_interval", "1"),
        ("trials", "true"),
        ("engines", '["continuous", "continuous"]'),
        ("guarantee", '["exactly-once", "exactly-once"]'),
        ("settings", '["plain", "plain"]'),
        ("paced.profile", '{kind = "burst", factor = true}'),
        ("paced.profile", '{kind = "burst", share = nan}'),
        ("intervals", "[]x"),
        (".".join("a" * 50), "1"),
        ("drain.backlogs", "1001"),
        ("drain.budget", '"8d"'),
    ],
    ids=lambda text: text[:40],
)
def test_what_means_nothing_is_refused(key: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        planned("quick", {key: value}, "sensors")
    assert all(problem.exit_code == ExitCode.USAGE for problem in caught.value.problems)


def test_a_load_that_fills_any_disk_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="more than 10,000,000,000 events"):
        planned("quick", {"paced.rate": "1000000", "paced.measured": "100h"}, "sensors")


def test_a_profile_of_very_many_periods_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="periods"):
        profile = '{kind = "sine", period = "100ms"}'
        planned("quick", {"paced.profile": profile, "paced.measured": "24h", "paced.rate": "10"}, "sensors")


def test_more_cases_than_a_run_can_have_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="a run has at most"):
        source, content, chosen = request.resolve(
            request.Request("faults-full", Selection(), {"trials": "1000"}), KNOWN
        )
        planner.make(source, content, chosen, KNOWN, ("embedded", None), lambda *_: None, "")
