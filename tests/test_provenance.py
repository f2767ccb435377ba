"""Where a result comes from: recorded with each trial, and told by every form of the result."""

from __future__ import annotations

import json
import lzma
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness.host.checkout import checkout
from results import provenance, store
from results.plan import Checkout, Clock, TrialPlan
from results.public import document, schema
from results.result import Provenance, RunResult
from tests import made_up
from tests.judge.recording import Recording, perfect

KEPT = sorted((Path(__file__).parent.parent / "docs" / "results").glob("*.json.xz"))
COMMIT = "0123456789abcdef0123456789abcdef01234567"
CASE = {"engine": "made", "mode": "default", "workload": "sensors", "log": "embedded", "guarantee": "exactly-once"}


def git(folder: Path, *words: str) -> str:
    named = ("-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", "-C", str(folder), *named, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout without changes."""
    folder = tmp_path / "checkout"
    (folder / "engines").mkdir(parents=True)
    (folder / "README.md").write_text("one")
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    checkout.cache_clear()
    return folder


# The checkout.


def test_a_checkout_tells_its_commit(repository: Path) -> None:
    assert checkout(repository) == Checkout(commit=git(repository, "rev-parse", "HEAD"), dirty=False)


def test_a_changed_file_makes_it_dirty(repository: Path) -> None:
    (repository / "README.md").write_text("two")
    found = checkout(repository)
    assert found is not None and found.dirty


def test_an_added_file_makes_it_dirty_where_it_would_be_found_and_run(repository: Path) -> None:
    (repository / "mine.toml").write_text("a suite of the user's own")
    found = checkout(repository)
    assert found is not None and not found.dirty
    checkout.cache_clear()
    (repository / "engines" / "mine.py").write_text("")
    found = checkout(repository)
    assert found is not None and found.dirty


def test_a_worktree_is_a_checkout(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", str(tmp_path / "other"))
    assert checkout(tmp_path / "other") == Checkout(commit=git(repository, "rev-parse", "HEAD"), dirty=False)


def test_a_package_that_is_installed_within_somebody_elses_checkout_is_none(repository: Path) -> None:
    installed = repository / "venv" / "site-packages"
    installed.mkdir(parents=True)
    assert checkout(installed) is None


def test_without_a_commit_or_without_git_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.cache_clear()
    git(tmp_path, "init")
    assert checkout(tmp_path) is None
    checkout.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checkout(tmp_path) is None


def test_the_repository_that_a_hook_names_is_not_ours(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = git(repository, "rev-parse", "HEAD")
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init")
    git(other, "commit", "--allow-empty", "-m", "another")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    found = checkout(repository)
    assert found is not None and found.commit == own


# What is told.


def recorded(folder: Path, **changes: Any) -> Recording:
    made = perfect()
    made.plan = made.plan.model_copy(update={"checkout": Checkout(commit=COMMIT, dirty=True)} | changes)
    made.write(folder / "cases" / made.plan.name)
    return made


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of one case, recorded in a checkout with changes."""
    plan = recorded(tmp_path).plan
    asked = {name: getattr(plan, name) for name in CASE} | {"paced": {"rate": plan.paced.rate}, "drain": {}}
    asked["drain"] = {"events": plan.drain.events}
    content = {"suite": "quick", "command": "./bench run quick", "cases": [asked]}
    (tmp_path / "plan.json").write_text(json.dumps(content))
    return tmp_path


def test_a_result_tells_when_on_what_and_by_which_code_it_was_made(run: Path) -> None:
    result = store.judge_again(run)
    told = json.loads((run / "result.json").read_text())["provenance"]
    plan = result.cases[0].asked
    assert plan is not None
    assert told["started"] == provenance.started(plan)
    assert told["command"] == "./bench run quick"
    assert told["checkout"] == {"commit": COMMIT, "dirty": True}
    assert told["versions"] == plan.versions
    assert result.machine == plan.machine
    assert store.load(run).provenance == result.provenance


def test_no_name_of_the_machine_is_told() -> None:
    told = set(schema_of("Machine")["properties"]) | set(schema_of("Provenance")["properties"])
    assert not {name for name in told if "host" in name or "user" in name}


def schema_of(model: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(schema())["$defs"][model]
    return found


def test_the_public_document_carries_what_a_program_needs(run: Path) -> None:
    result = store.judge_run(run)
    shown = document(result, run)
    jsonschema.validate(shown, json.loads(schema()))
    assert (shown["schema_version"], shown["method_version"]) == (1, result.method_version)
    assert shown["provenance"]["checkout"] == {"commit": COMMIT, "dirty": True}
    case = shown["cases"][0]
    assert case["delivery"] == {"claimed": "exactly-once", "seen": "exact"}
    assert case["checkout"] == {"commit": COMMIT, "dirty": True}
    assert case["versions"] == result.cases[0].asked.versions
    assert case["notes"] == result.cases[0].notes
    assert case["strikes"] == []
    assert case["metrics"]["latency_p99"]["n"] > 0


def test_the_schema_has_an_id_with_its_version() -> None:
    described = json.loads(schema())
    assert described["$id"] == "urn:streamgauge:results:1"
    assert described["properties"]["schema_version"]["const"] == 1
    jsonschema.Draft202012Validator.check_schema(described)


def test_strikes_stand_in_the_public_document() -> None:
    faults = next(path for path in KEPT if path.name == "faults.json.xz")
    result = RunResult.model_validate_json(lzma.decompress(faults.read_bytes()))
    shown = document(result, faults)
    jsonschema.validate(shown, json.loads(schema()))
    struck = next(case for case in shown["cases"] if case["strikes"])
    assert {"number", "fault", "state", "exposed", "caught_up_s"} <= struck["strikes"][0].keys()
    assert {case["fault"] for case in shown["cases"]} - {"none"}


WITH_PROVENANCE = {"price-of-guarantees.json.xz", "search.json.xz", "settings.json.xz", "sweep.json.xz"}
BEFORE = [path for path in KEPT if path.name not in WITH_PROVENANCE]
"""Kept results of before there was provenance in them."""


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.name)
def test_a_kept_result_tells_when_and_by_what_it_was_made(kept: Path) -> None:
    result = RunResult.model_validate_json(lzma.decompress(kept.read_bytes()))
    told = provenance.of(result)
    assert told.started is not None and told.started.startswith("2026-11-")
    assert told.versions["streamgauge"] == "0.1.0"
    assert (told.checkout is None) == (kept in BEFORE)
    jsonschema.validate(document(result, kept), json.loads(schema()))


@pytest.mark.parametrize("kept", BEFORE, ids=lambda path: path.name)
def test_a_result_of_before_tells_what_its_trials_recorded(kept: Path) -> None:
    result = RunResult.model_validate_json(lzma.decompress(kept.read_bytes()))
    assert result.provenance == Provenance()
    told = provenance.of(result)
    assert told.started is not None and told.started.startswith("2026-11-")
    assert told.versions["streamgauge"] == "0.1.0"
    assert told.checkout is None
    jsonschema.validate(document(result, kept), json.loads(schema()))


def test_a_run_in_which_nothing_ran_has_no_start() -> None:
    idle = made_up.idle("flink", "unavailable", "no environment")
    told = provenance.of(RunResult(run="r", suite="s", machine=None, cases=idle))
    assert (told.started, told.versions) == (None, {})


def asked(**changes: Any) -> TrialPlan:
    return made_up.plan("alpha", **changes)


def test_a_run_that_went_on_with_other_code_says_so() -> None:
    old, new = (made_up.pair("alpha"), made_up.pair("beta"))
    clean = {"checkout": Checkout(commit=COMMIT, dirty=False), "clock": Clock(wall_ns=2 * 10**18, monotonic_ns=2)}
    later = [case.model_copy(update={"asked": asked(**clean)}) for case in new]
    told = provenance.with_codes([*old, *later])
    assert all(
        case.notes[-1].endswith("recorded by different code: 0.1.0; 0.1.0, commit 0123456789ab") for case in told
    )
    assert provenance.provenance(told).started == provenance.started(asked()), "the first trial's"
    assert provenance.with_codes(old) == old


@pytest.mark.parametrize("commit", ["", "HEAD", "x" * 40, f"{COMMIT}\n", COMMIT.upper()])
def test_what_is_no_commit_is_refused(commit: str) -> None:
    with pytest.raises(ValueError, match="commit"):
        Checkout(commit=commit, dirty=False)
