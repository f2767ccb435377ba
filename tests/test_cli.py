"""The command line: what it runs, how it ends, and that every error says what, where and what to do.

Longer than most: every command is tried here against one made-up catalogue.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import jsonschema
import pytest

from engines.failure import Failure
from engines.logs.protocol import LogFailure
from engines.protocol import EngineFailure
from harness.failure import TrialFailure
from harness.problem import ENDS, Problem
from results.result import Outcome
from tests.judge.recording import perfect
from tests.playback import CATALOGUE, SUITE, Bench, set_up
from workloads.query import Aggregate
from workloads.workload import discover

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def _recorded() -> bytes:
    return pickle.dumps(perfect())


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _recorded: bytes) -> Bench:
    return set_up(tmp_path, monkeypatch, _recorded)


@pytest.fixture
def with_all_workloads(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
    """Every workload that exists, beside the engines of the play."""
    known = dataclasses.replace(CATALOGUE, workloads=discover())
    monkeypatch.setattr("harness.planning.catalogue.discover", lambda: known)


def test_a_run_is_planned_executed_judged_and_shown(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("run", "mine.toml", "-e", "alpha") == 0
    out, err = capsys.readouterr()
    assert "alpha.default.sensors: starting the engine" in out
    assert re.search(r"^alpha +pass +\(500 /s\) +250 ms .* 0/0/0  exactly → exact", out, re.MULTILINE)
    assert f"results  runs/{bench.run.name}" in out
    assert err == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d_mine_[0-9a-f]{4}", bench.run.name)


def test_json_is_one_valid_document_and_nothing_else(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("run", "mine.toml", "-e", "alpha", "--format", "json") == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    jsonschema.validate(document, json.loads((ROOT / "results" / "schema.json").read_text()))
    assert document["run"] == f"runs/{bench.run.name}"
    assert [(case["engine"], case["phase"], case["outcome"]) for case in document["cases"]] == [
        ("alpha", "paced", "pass"),
        ("alpha", "drain", "pass"),
    ]
    assert err == ""


def test_no_progress_says_nothing_before_the_results(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("run", "mine.toml", "-e", "alpha", "--no-progress") == 0
    assert "starting" not in capsys.readouterr().out


def test_everything_that_cannot_run_is_a_case_with_its_reason_and_the_run_goes_on(bench: Bench) -> None:
    bench.lacking["kay"] = Problem("no environment", "/x", "streamgauge setup kay")
    assert bench("run", "mine.toml") == 0
    outcomes = bench.outcomes()
    assert outcomes["alpha"][0] == "pass"
    assert outcomes["broken"] == ("unavailable", "broken cannot be loaded: ImportError: no module named x")
    assert outcomes["kay"] == ("unavailable", "no environment (/x); streamgauge setup kay")
    assert outcomes["refusing"] == ("unsupported", "has no windows")
    assert list(bench.provisioned[0]) == ["alpha"]


def test_nothing_that_can_run_is_an_environment_error(bench: Bench) -> None:
    bench.lacking["alpha"] = Problem("no Java", "", "install it")
    assert bench("run", "mine.toml", "-e", "alpha", "-e", "broken") == 5
    assert bench.outcomes()["alpha"] == ("unavailable", "no Java; install it")


@pytest.mark.parametrize("kind", [EngineFailure, LogFailure, TrialFailure])
def test_a_run_that_ends_early_says_why_and_where_the_rest_is(
    bench: Bench, capsys: pytest.CaptureFixture[str], kind: type[Failure]
) -> None:
    def vanish(folder: Path) -> None:
        raise kind("the broker died", "broker.log", "look there")

    bench.during = vanish
    assert bench("run", "mine.toml", "-e", "alpha") == 4
    err = capsys.readouterr().err
    assert f"the run ended early; what is known is kept\n  runs/{bench.run.name}\n" in err
    assert "error: the broker died\n  broker.log\n  look there" in err
    assert bench("judge", "latest") == 4
    assert bench.outcomes()["alpha"] == ("unknown", "did not run: the run ended before this case began")


def test_every_outcome_has_its_exit_code() -> None:
    assert {outcome: int(code) for outcome, code in ENDS.items()} == {
        "pass": 0,
        "fail": 3,
        "unknown": 4,
        "unsupported": 5,
        "unavailable": 5,
    }
    assert set(ENDS) == set(get_args(Outcome))


def test_wrong_results_end_with_3_in_run_and_judge(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.spoil = lambda recording: recording.rows.append(recording.row(recording.largest()))
    assert bench("run", "mine.toml", "-e", "alpha") == 3
    assert bench("judge", str(bench.run)) == 3
    out = capsys.readouterr().out
    assert len(re.findall(r"^alpha +✗ wrong", out, re.MULTILINE)) == 2
    assert "✗ alpha: 1 x duplicate" in out


def test_a_damaged_history_is_not_judged_and_says_which_file(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("run", "mine.toml", "-e", "alpha") == 0
    next((bench.run / "cases" / "alpha.default.sensors" / "output").glob("*.parquet")).write_bytes(b"no parquet")
    capsys.readouterr()
    assert bench("judge", "latest") == 4
    assert re.search(r"^alpha: unknown: damaged history: .*\.parquet", capsys.readouterr().out, re.MULTILINE)


def test_judging_again_gives_the_same_bytes(bench: Bench) -> None:
    bench("run", "mine.toml", "-e", "alpha")
    before = (bench.run / "result.json").read_bytes()
    assert bench("judge", "latest") == 0
    assert (bench.run / "result.json").read_bytes() == before


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_an_interrupted_run_keeps_what_is_known_and_says_where(
    bench: Bench, capsys: pytest.CaptureFixture[str], number: str
) -> None:
    def interrupt(folder: Path) -> None:
        raise KeyboardInterrupt

    bench.during = interrupt
    assert bench("run", "mine.toml", "-e", "alpha") == 130
    assert f"runs/{bench.run.name}" in capsys.readouterr().err
    assert (bench.run / "plan.json").exists()


# Which log, which cases.


def test_auto_takes_kafka_where_java_is_there_or_an_engine_needs_it(bench: Bench) -> None:
    bench("run", "mine.toml", "-e", "alpha")
    bench.java = False
    bench("run", "mine.toml", "-e", "alpha")
    bench("run", "mine.toml", "-e", "alpha", "-e", "kay")
    assert [plan.log for plan in bench.plans] == ["kafka", "embedded", "kafka"]
    assert bench.provisioned[0]["alpha"].java_home is not None  # for the broker


def test_auto_without_java_runs_what_it_can_on_the_embedded_log(bench: Bench) -> None:
    bench.lacking_broker = Problem("there is no JDK", "", "apt-get install openjdk-17-jdk-headless")
    assert bench("run", "mine.toml", "-e", "alpha", "-e", "kay") == 0
    assert bench.plan.log == "embedded"
    assert bench.outcomes()["kay"] == (
        "unavailable",
        "needs Kafka; there is no JDK; apt-get install openjdk-17-jdk-headless",
    )


def test_the_embedded_log_leaves_kafka_engines_out_with_the_reason(bench: Bench) -> None:
    assert bench("run", "mine.toml", "--log", "embedded") == 0
    assert bench.outcomes()["kay"] == ("unsupported", "needs Kafka; use --log kafka")
    assert {case.log for case in bench.plan.cases} == {"embedded"}


def test_a_broker_that_is_there_is_used_and_none_is_started(bench: Bench) -> None:
    assert bench("run", "mine.toml", "-e", "alpha", "-e", "kay", "--kafka", "localhost:9092") == 0
    assert (bench.plan.log, bench.plan.kafka) == ("kafka", "localhost:9092")
    assert bench.provisioned[0]["alpha"].java_home is None


def test_options_replace_what_the_suite_says(bench: Bench) -> None:
    words = [
        "--seed",
        "9",
        "--set",
        "paced.rate=1k",
        "--set",
        "workload.sensors.keys=7",
        "--guarantee",
        "at-least-once",
    ]
    bench("run", "mine.toml", "-e", "kay", "--set", "modes.kay=['safe', 'fast']", *words)
    assert [case.mode for case in bench.plan.cases] == ["safe", "fast"]
    case = bench.plan.cases[0]
    assert (case.seed, case.event_rate, case.parameters["keys"], case.guarantee) == (9, 960, 7, "at-least-once")
    assert case.paced is not None
    assert case.paced.rate == 1000
    assert case.parameters["zipf"] == 1.0


def test_without_a_suite_each_pair_that_is_named_is_a_case(bench: Bench) -> None:
    bench("run", "-e", "alpha", "-e", "alpha", "-w", "sensors")
    assert [case.name for case in bench.plan.cases] == ["alpha.default.sensors"]
    assert bench.plan.suite == "pair"
    bench("run", "-w", "sensors")
    assert {case.engine for case in bench.plans[1].cases} == set(CATALOGUE.engines)


def test_a_parameter_may_be_set_by_its_own_name_where_one_workload_is_named(bench: Bench) -> None:
    assert bench("run", "-e", "alpha", "-w", "sensors", "--set", "keys=7", "--set", "seed=9") == 0
    (case,) = bench.plan.cases
    assert (case.parameters["keys"], case.seed) == (7, 9)
    assert bench("run", "mine.toml", "--set", "keys=7") == 2


def test_a_file_of_the_users_is_checked_before_anything_runs(
    bench: Bench, capsys: pytest.CaptureFixture[str], with_all_workloads: None
) -> None:
    words = ["run", "-e", "alpha", "-w", "replay", "--set", "file=mine.csv", "--set", "values=n"]
    assert bench(*words) == 2
    assert re.search(r"error: /.*/mine\.csv: the file cannot be read: No such file", capsys.readouterr().err)
    Path("mine.csv").write_text("time,key,n\n1,a,5\n2,b,x6\n")
    assert bench(*words) == 2
    assert re.search(
        r"error: /.*/mine\.csv: column 'n' row 2: it is no number \(x6\)\n  workload replay\n  give integers",
        capsys.readouterr().err,
    )
    assert not bench.plans
    Path("mine.csv").write_text("time,key,n\n1,a,5\n2,b,6\n")
    bench(*words)
    parameters = bench.plan.cases[0].parameters
    assert (parameters["file"], len(str(parameters["sha256"]))) == (str(Path("mine.csv").resolve()), 64)


def test_a_suites_file_is_looked_for_beside_the_suite_and_a_commands_where_it_runs(
    bench: Bench, with_all_workloads: None
) -> None:
    Path("theirs").mkdir()
    for folder, row in ((Path("theirs"), "2,b,6"), (Path(), "3,c,7")):
        (folder / "mine.csv").write_text(f"time,true,2020\n{row}\n")
    suite = Path("mine.toml").read_text().replace("sensors = {}", 'replay = { file = "mine.csv" }')
    Path("theirs/suite.toml").write_text(suite)
    words = ["run", "theirs/suite.toml", "-e", "alpha", "-w", "replay"]
    words += ["--set", "workload.replay.key=true", "--set", "workload.replay.values=2020"]
    bench(*words)
    bench(*words, "--set", "workload.replay.file=mine.csv")
    found = [str(plan.cases[0].parameters["file"]) for plan in bench.plans]
    assert found == [str(Path("theirs/mine.csv").resolve()), str(Path("mine.csv").resolve())]


def test_replay_without_a_file_is_shown_as_not_run(bench: Bench, with_all_workloads: None) -> None:
    assert bench("run", "shapes", "-e", "alpha", "-w", "sensors", "-w", "replay") == 0
    (blocked,) = (case.blocked for case in bench.plan.cases if case.workload == "replay")
    assert blocked is not None
    assert (blocked.outcome, blocked.reason) == ("unavailable", "replay needs a file of yours")
    assert blocked.remedy == "use --set workload.replay.file=PATH"


def test_the_suite_of_shapes_has_every_workload(bench: Bench, with_all_workloads: None) -> None:
    bench.during = lambda folder: (_ for _ in ()).throw(EngineFailure("enough"))
    bench("run", "shapes", "-e", "alpha")
    assert sorted(case.workload for case in bench.plan.cases) == sorted(discover())


def test_parameters_that_a_workload_cannot_have_are_a_problem_of_the_request(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("run", "-e", "alpha", "-w", "sensors", "--set", "law=pareto") == 2
    assert capsys.readouterr().err == (
        "error: there is no key law 'pareto'\n  workload sensors\n  law is one of uniform, zipf, hot, growing\n"
    )
    assert bench("run", "-e", "alpha", "-w", "sensors", "--set", "window_ms=0") == 2


def test_the_plan_holds_the_command_that_was_typed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["streamgauge", "run", "mine.toml", "-e", "alpha", "--set", "story=a b"])
    bench(*sys.argv[1:])
    assert bench.plan.command.endswith(" run mine.toml -e alpha --set 'story=a b'")
    bench("report", "latest")
    assert "run mine.toml -e alpha --set &#39;story=a b&#39;</pre>" in (bench.run / "report.html").read_text()


def test_a_report_judges_first_where_nobody_did(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench("run", "mine.toml", "-e", "alpha")
    (bench.run / "result.json").unlink()
    capsys.readouterr()
    assert bench("report", "latest", "-o", "mine.html") == 0
    assert capsys.readouterr().out == "mine.html\n"
    assert "The one engine that ran was right" in Path("mine.html").read_text()


def test_a_report_needs_no_more_than_the_result(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench("run", "mine.toml", "-e", "alpha")
    elsewhere = Path("elsewhere")
    elsewhere.mkdir()
    (elsewhere / "result.json").write_bytes((bench.run / "result.json").read_bytes())
    capsys.readouterr()
    assert bench("report", str(elsewhere)) == 0
    assert "The one engine that ran was right" in (elsewhere / "report.html").read_text()


# Errors: what, where, what to do.


def test_all_errors_of_a_command_are_told_at_once(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.toml").write_text(SUITE.replace("seed", "sead"))
    words = ["-e", "alhpa", "-w", "sensor", "--kafka", "nowhere", "--log", "embedded"]
    assert bench("run", "bad.toml", *words) == 2
    err = capsys.readouterr().err
    for told in (
        "error: unknown engine `alhpa`\n  option -e\n  Did you mean `alpha`?",
        "error: unknown workload `sensor`\n  option -w\n  Did you mean `sensors`?",
        "error: unknown key `sead`\n  bad.toml:3 (sead)\n  Did you mean `seed`?",
        "error: the key `seed` is missing",
        "error: 'nowhere' is not HOST:PORT",
        "error: --kafka names a broker, but --log embedded uses none",
    ):
        assert told in err
    assert not (bench.folder / "runs").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["runn"], ["No such command 'runn'", "Did you mean 'run'?"]),
        (["run", "--sed", "1"], ["No such option: --sed", "Did you mean --seed", "streamgauge run --help"]),
        (["run", "quik"], ["unknown suite `quik`", "Did you mean `quick`?"]),
        (["run", "absent.toml"], ["there is no such suite file", "absent.toml", "quick"]),
        (["run"], ["nothing to run", "Name a suite (ci, exactly-once"]),
        (["run", "--log", "kafak"], ["'kafak' is not one of 'embedded', 'kafka', 'auto'"]),
        (["run", "mine.toml", "--set", "x"], ["'x' is not KEY=VALUE", "option --set", "--set paced.rate=10k"]),
        (
            ["run", "--fault", "kil-worker", "-e", "alpha"],
            ["unknown fault `kil-worker`", "Did you mean `kill-worker`?"],
        ),
        (["run", "--resume", "absent"], ["there is no such run", "absent"]),
        (["list", "engine"], ["'engine' is not one of 'engines'"]),
        (["list", "faults", "--matrix"], ["there is no matrix of faults", "Use: streamgauge list engines --matrix"]),
        (["compare", "a"], ["1 result to compare", "`streamgauge compare`", "streamgauge compare runs/ONE latest"]),
        (["setup", "alhpa"], ["unknown engine `alhpa`", "Did you mean `alpha`?"]),
        (["judge", "absent"], ["there is no such run", "absent"]),
        (["judge", "latest"], ["there is no run yet", "streamgauge run quick"]),
        (["report", "."], ["this is not the folder of a run"]),
    ],
)
def test_misuse_is_a_few_lines_with_the_nearest_name(
    bench: Bench, capsys: pytest.CaptureFixture[str], words: list[str], told: list[str]
) -> None:
    assert bench(*words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert all(part in err for part in told), err
    assert len(err.splitlines()) == 3
    assert "Traceback" not in err


def test_latest_is_the_run_that_began_last_also_within_a_second_and_in_a_folder_with_a_name(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("run", "mine.toml", "-e", "alpha", "--no-progress") == 0
    recorded = bench.run.rename("recorded")
    second = "2026-01-01T00-00-00"
    begun = {f"{second}_mine_ffff": 1, f"{second}_mine_0000": 2, "named": -1}
    for name, s in begun.items():
        shutil.copytree(recorded, Path("runs", name))
        at_s = datetime(2026, 1, 1, tzinfo=UTC).timestamp() + s
        os.utime(Path("runs", name, "plan.json"), (at_s, at_s))
    assert bench("judge", "absent") == 2
    assert f"The newest is runs/{second}_mine_0000" in capsys.readouterr().err
    assert bench("judge", "latest", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["run"].endswith(f"{second}_mine_0000")


def test_the_newest_run_of_another_folder_is_named_by_that_folder(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("judge", "elsewhere/latest") == 2
    assert "there is no run yet\n  elsewhere/\n" in capsys.readouterr().err
    assert bench("run", "mine.toml", "-e", "alpha", "--no-progress", "--out", "elsewhere") == 0
    capsys.readouterr()
    assert bench("judge", "latest") == 2
    assert bench("judge", "elsewhere/latest", "--format", "json") == 0
    (made,) = Path("elsewhere").iterdir()
    assert json.loads(capsys.readouterr().out)["run"] == str(made)


def test_a_folder_that_is_called_latest_is_that_folder(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("run", "mine.toml", "-e", "alpha", "--no-progress") == 0
    shutil.copytree(bench.run, "kept/latest")
    capsys.readouterr()
    assert bench("judge", "kept/latest", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["run"] == "kept/latest"


def test_a_run_directory_that_cannot_be_made_says_so(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    Path("taken").write_text("a file")
    assert bench("run", "mine.toml", "-e", "alpha", "--out", "taken") == 5
    assert "choose a folder" in capsys.readouterr().err


def test_a_traceback_is_shown_only_for_debugging(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    def crash(folder: Path) -> None:
        raise RuntimeError("odd")

    bench.during = crash
    assert bench("run", "mine.toml", "-e", "alpha") == 4
    err = capsys.readouterr().err
    assert "error: an error that was not foreseen: RuntimeError: odd\n  in test_cli.py, line" in err
    assert "Traceback" not in err
    assert bench("run", "mine.toml", "-e", "alpha", "--debug") == 4
    assert "Traceback" in capsys.readouterr().err


# The rest.


def test_lists_are_for_people_and_for_programs(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    listed = {}
    for what in ("engines", "workloads", "faults", "suites"):
        assert bench("list", what, "--json") == 0
        listed[what] = json.loads(capsys.readouterr().out)
    assert {"quick", "pair"} <= {entry["name"] for entry in listed["suites"]}
    assert {entry["name"]: entry for entry in listed["workloads"]}["sensors"]["parameters"]["keys"] == 1000
    assert {"kill-worker", "pause-worker", "kill-broker"} <= {entry["name"] for entry in listed["faults"]}
    assert all(entry["available"] and entry["needs"] for entry in listed["faults"])
    assert all({"name", "about", "available", "version", "modes", "logs"} <= set(entry) for entry in listed["engines"])
    assert bench("list", "faults") == 0
    assert re.search(r"^kill-worker +one worker is killed", capsys.readouterr().out, re.MULTILINE)
    assert bench("list", "workloads") == 0
    out = capsys.readouterr().out
    assert re.search(r"^sensors +A plant's sensors", out, re.MULTILINE)
    assert re.search(r"^ +keys=1000  law='zipf'", out, re.MULTILINE)
    assert max(map(len, out.splitlines())) <= 120


def test_the_matrix_has_no_empty_cell_and_explains_what_is_not_native(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bench("list", "engines", "--matrix") == 0
    out = capsys.readouterr().out
    (row,) = (line for line in out.splitlines() if line.startswith("sensors"))
    assert row.split() == ["sensors", "●", "?", "1", "●", "●", "✗", "2"]
    assert out.splitlines()[-4:] == [
        "✗ unsupported",
        "   2  has no windows",
        "? unavailable",
        "   1  broken cannot be loaded: ImportError: no module named x",
    ]
    assert bench("list", "engines", "--matrix", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(column["engine"], column["mode"]) for column in listed] == [
        ("alpha", "default"),
        ("broken", ""),
        ("kay", "fast"),
        ("kay", "safe"),
        ("refusing", "default"),
    ]
    assert listed[-1]["workloads"] == {"sensors": {"kind": "unsupported", "detail": "has no windows"}}
    monkeypatch.setenv("COLUMNS", "40")
    assert bench("list", "engines", "--matrix") == 0
    narrow = capsys.readouterr().out
    assert max(map(len, narrow.splitlines())) <= 40
    assert len(re.findall("^sensors ", narrow, re.MULTILINE)) == 2


def test_there_is_a_matrix_of_engines_only(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("list", "workloads", "--matrix") == 2
    assert "there is no matrix of workloads" in capsys.readouterr().err


def test_setup_brings_what_it_can_and_says_what_it_cannot(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.lacking["kay"] = Problem("no environment", "", "free some space")
    bench.lacking_broker = Problem("there is no JDK", "", "install one")
    assert bench("setup", "alpha") == 0
    assert capsys.readouterr().out == "ready: alpha\n"
    assert bench("setup", "all") == 5
    assert capsys.readouterr().err == (
        "error: there is no JDK\n  install one\nerror: no environment\n  free some space\n"
    )


def test_the_version_is_that_of_the_project(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("--version") == 0
    assert re.fullmatch(r"streamgauge \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_without_arguments_there_is_help() -> None:
    environment = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-c", "from harness.cli import main; main()"]
    done = subprocess.run(program, env=environment, capture_output=True, text=True)
    assert done.returncode == 0
    assert "Usage: streamgauge" in done.stdout


def test_a_column_that_no_engine_can_name_is_a_problem_of_the_request(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    query = CATALOGUE.workloads["sensors"].query(CATALOGUE.workloads["sensors"].defaults)
    aggregates = (Aggregate('a "sum"', "sum", "temperature"),)
    misnamed = dataclasses.replace(query, shape=dataclasses.replace(query.shape, aggregates=aggregates))
    monkeypatch.setattr(type(CATALOGUE.workloads["sensors"]), "query", lambda self, parameters: misnamed)
    assert bench("run", "-e", "alpha", "-w", "sensors") == 2
    assert capsys.readouterr().err.startswith(
        "error: no column or field can be called 'a \"sum\"': a name has 1 to 100"
    )
    assert not bench.plans


@pytest.mark.parametrize(
    ("first", "rate", "why"),
    [
        (1_700_000_000_000_000, "5k", None),
        (1_700_000_000_000_000, "6k", "times 6,000 events/s in a window of 1,000 ms, is 1.02e+19"),
        (2**52, "2k", None),
        (2**52, "2100", "times 2,100 events/s in a window of 1,000 ms, is 9.46e+18"),
    ],
)
def test_a_sum_that_would_leave_64_bits_is_refused_when_it_is_planned(
    bench: Bench, capsys: pytest.CaptureFixture[str], with_all_workloads: None, first: int, rate: str, why: str | None
) -> None:
    rows = (json.dumps({"time": 1_700_000_000 + row, "key": "a", "Value!": first + row}) for row in range(9))
    Path("mine.ndjson").write_text("\n".join(rows))
    words = ["run", "-e", "alpha", "-w", "replay", "--set", "file=mine.ndjson", "--set", "values=Value!"]
    code = bench(*words, "--set", f"paced.rate={rate}")
    if why is None:
        assert bench.plans
    else:
        assert (code, bench.plans) == (2, [])
        error = capsys.readouterr().err
        said = re.escape(f"mine.ndjson: column 'Value!': its largest value, {first + 8:,}, {why}")
        assert re.match(f"error: /.*/{said}, which is not below 2\\*\\*63\n  workload replay\n  give smaller", error)


@pytest.mark.parametrize("words", [["judge"], ["report"], ["export", "--to", "csv"], ["run", "--resume"], ["run"]])
def test_a_name_that_no_file_can_have_is_misuse(
    words: list[str], bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("n" * 300, "n" * 5000, "a/" * 3000):
        assert bench(*words, name) == 2
        assert "not foreseen" not in capsys.readouterr().err


def test_a_path_that_is_to_be_typed_is_quoted(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("run", "mine.toml", "-e", "alpha", "--out", "my runs [1]") == 0
    (run,) = (bench.folder / "my runs [1]").iterdir()
    assert f"report   streamgauge report 'my runs [1]/{run.name}'\n" in capsys.readouterr().out


def test_an_interrupted_run_says_what_can_be_typed(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_folder: Path) -> None:
        raise KeyboardInterrupt

    bench.during = interrupt
    assert bench("run", "mine.toml", "-e", "alpha", "--out", "my runs") == 130
    (run,) = (bench.folder / "my runs").iterdir()
    err = capsys.readouterr().err
    assert f"\n  streamgauge run --resume 'my runs/{run.name}'\n" in err
    assert f"\n  streamgauge judge 'my runs/{run.name}'\n" in err
