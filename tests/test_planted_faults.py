"""Copies of the continuous engine, each with one planted fault, run for real and are convicted by the fault's name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.made_up_processes import LEAVING

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.xdist_group("planted faults")  # One run is judged by all of them.

SUITE = """
schema_version = 1
calibrate = false
story = "A backlog small enough to be quick, that holds the event 12,345."
seed = 20261124
partitions = 4
parallelism = 2
interval = "200ms"
worker_memory = "512MiB"
guarantee = "exactly-once"
event_rate = "5k/s"

[workload.sensors]
window_ms = 1000

[drain]
events = 20000
backlogs = 1
intervals = 1
max_events = 20000
budget = "1s"
"""

STRUCK = """
schema_version = 1
story = "As in the suite ci, in short: the workers are killed in turn."
seed = 20261124
partitions = 4
parallelism = 2
interval = "500ms"
worker_memory = "512MiB"
guarantee = "exactly-once"

[workload.sensors]
window_ms = 500

[paced]
rate = "1k/s"
warmup = "2s"
measured = "90s"

[faults]
inject = "kill-worker"
aim = "interval"
exposed = 2
most = 6
timeouts = "tuned"
"""

HONEST = "continuous"


@dataclass(frozen=True)
class Plant:
    """A fault: in the operator (or another file) of a copied engine, `sound` is replaced by `faulty`."""

    sound: str
    faulty: str
    file: str = "operator.py"


_ROWS = "        if not rows:\n            return None\n"
_ONCE = (
    "        victims = [row for row in rows if row.key[0] != '~']\n"
    "        if victims and self._partition == 1 and not getattr(self, 'planted', False):\n"
    "            self.planted = True\n"
)
PLANTS = {
    "dropper": Plant(
        "self._process(self, self._shape, events)",
        "self._process(self, self._shape, [e for e in events if 12_345 not in msgspec.structs.astuple(e)])",
    ),
    "adder": Plant(_ROWS, f"{_ROWS}{_ONCE}            victims[0].f2 += 1\n"),
    "repeater": Plant(_ROWS, f"{_ROWS}{_ONCE}            rows.append(victims[0])\n"),
}
FORGETFUL = Plant(
    "            self._restore(state)\n",
    "            self._restore(state)\n"
    "            if partition == 1:\n"
    "                process, left = self._process, [5]\n"
    "                def skip(operator, shape, events):\n"
    "                    skipped, left[0] = events[: left[0]], max(0, left[0] - len(events))\n"
    "                    process(operator, shape, events[len(skipped) :])\n"
    "                self._process = skip\n",
)
"""Partition 1, which is the second worker's, skips five events after each restart."""

BURNS = "while True: pass  # a child that has left its worker"
HIDING = Plant(
    "main(run)\n",
    f"import os, sys, time\n{LEAVING}\nleave({BURNS!r})\nmain(run)\n",
    "worker.py",
)
"""Each worker starts a process that does nothing but compute, and that nothing ties to it any more."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, dict[str, Any], dict[str, Any]]]:
    """(exit code, printed document, stored result of the drain) by engine; all ran at once, each a run of its own."""
    tree = _checkout(tmp_path_factory.mktemp("checkout"), SUITE, PLANTS)
    return dict(_run_all(tree, [HONEST, *PLANTS]))


def _checkout(tree: Path, suite: str, plants: dict[str, Plant]) -> Path:
    """A copy of the code with the suite and the planted engines."""
    for package in ("workloads", "engines", "harness", "results", "reports"):
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, tree)
    (tree / "small.toml").write_text(suite)
    for name, plant in plants.items():
        shutil.copytree(tree / "engines" / HONEST, tree / "engines" / name)
        planted = tree / "engines" / name / plant.file
        text = planted.read_text()
        assert text.count(plant.sound) == 1, f"the sound code of {name} is not there"
        planted.write_text(text.replace(plant.sound, plant.faulty))
    return tree


def _run_all(tree: Path, engines: list[str]) -> Iterator[tuple[str, tuple[int, dict[str, Any], dict[str, Any]]]]:
    command = [sys.executable, "-c", "from harness.cli import main; main()", "run", "small.toml", "--log", "embedded"]
    environment = os.environ | {"PYTHONPATH": str(tree), "STREAMGAUGE_HOME": str(tree / "home")}
    children = {
        engine: subprocess.Popen(
            [*command, "-e", engine, "--format", "json", "--out", str(tree / f"runs-{engine}")],
            cwd=tree,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for engine in engines
    }
    for engine, child in children.items():
        out, errors = child.communicate(timeout=240)
        assert out, errors.decode()
        document = json.loads(out)
        stored = json.loads((tree / document["run"] / "result.json").read_text())
        yield engine, (child.returncode, document, stored["cases"][0])


def test_the_honest_engine_is_accused_of_nothing(runs):
    code, document, case = runs[HONEST]
    assert code == 0
    assert [c["outcome"] for c in document["cases"]] == ["pass"]
    assert case["verdict"]["match"] > 2000
    assert case["offences"] == []


def test_a_dropped_id_is_a_loss_that_names_the_id_and_its_window(runs):
    code, document, case = runs["dropper"]
    assert code == 3
    assert [c["outcome"] for c in document["cases"]] == ["fail"]
    assert case["verdict"]["missing"] + case["verdict"]["wrong"] == 1
    (offence,) = case["offences"]
    assert offence["kind"] == "loss"
    assert offence["ids"] == [12_345]
    assert "12345" in offence["explanation"]
    assert offence["key"].startswith("sensor-")
    assert offence["end"] - offence["start"] == 1000


def test_one_added_to_a_sum_is_a_wrong_value_that_names_the_field(runs):
    code, document, case = runs["adder"]
    assert code == 3
    assert document["cases"][0]["verdict"]["wrong"] == 1
    (offence,) = case["offences"]
    assert offence["kind"] == "wrong value"
    assert offence["found"] == offence["expected"] | {"sum": offence["expected"]["sum"] + 1}
    assert offence["explanation"].startswith(f"sum is {offence['found']['sum']}, expected {offence['expected']['sum']}")


def test_a_row_delivered_twice_is_a_duplicate_that_names_its_window(runs):
    code, document, case = runs["repeater"]
    assert code == 3
    assert document["cases"][0]["verdict"] == case["verdict"]
    assert case["verdict"]["duplicate"] == 1
    (offence,) = case["offences"]
    assert offence["kind"] == "duplicate"
    assert offence["found"] == offence["expected"]
    assert case["delivery"] == {"claimed": "exactly-once", "seen": "at-least-once"}


def test_what_only_the_second_worker_forgets_is_found(tmp_path: Path):
    (ran,) = dict(_run_all(_checkout(tmp_path, STRUCK, {"forgetful": FORGETFUL}), ["forgetful"])).values()
    code, document, case = ran
    assert code == 3, case["reason"]
    assert [c["outcome"] for c in document["cases"]] == ["fail"]
    assert set(case["kinds"]) == {"loss"}
    assert {strike["slot"] for strike in case["strikes"] if strike["exposed"]} == {0, 1}


def test_what_a_worker_hides_is_counted_and_does_not_outlive_the_trial(tmp_path: Path):
    tree = _checkout(tmp_path, SUITE, {"hiding": HIDING})
    ((code, document, case),) = dict(_run_all(tree, ["hiding"])).values()
    assert code == 0, case["reason"]
    (samples,) = (tree / document["run"] / "cases").glob("*/samples")
    table = pq.read_table(samples).to_pylist()
    last = {row["pid"]: row["cpu_s"] for row in table if row["role"] == "worker"}
    assert len(last) >= 4
    # Both compute as long as the trial lasts; the two workers have little to do.
    assert case["metrics"]["cpu_seconds"]["value"] > case["metrics"]["drain_seconds"]["value"] / 4
    assert BURNS not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
