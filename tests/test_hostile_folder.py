"""The folder of a run may come from anyone: its names are no paths, its links are not followed, and going on with it
removes nothing before all is checked.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import cli, run
from harness.display import Silent
from harness.doctor import Provisioned
from harness.host import warden
from harness.host.warden import MARK, Warden
from harness.planning import catalogue, planner, request, suite
from harness.planning.planner import Selection
from harness.planning.suite import InvalidRequest
from harness.problem import Problem
from harness.provisioning.folders import ROOT
from results import store
from results.folder import LeadsOutside, refuse_links, within, write_whole
from results.plan import RunPlan
from tests.judge.recording import perfect
from tests.playback import CATALOGUE, SUITE, Fake
from workloads.sensors import Sensors

CASE = "continuous.default.sensors"
TOOLS = {"continuous": Provisioned(Path(sys.executable), None, None, {}, ROOT)}


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder that nothing of a run may touch."""
    made = tmp_path / "victim"
    made.mkdir()
    (made / "kept").write_text("as it was")
    return made


@pytest.fixture(autouse=True)
def _untouched(victim: Path):
    yield
    assert [path.name for path in victim.iterdir()] == ["kept"]
    assert (victim / "kept").read_text() == "as it was"


@pytest.fixture
def planned(tmp_path: Path) -> RunPlan:
    path = tmp_path / "mine.toml"
    path.write_text(SUITE)
    known = catalogue.discover()
    content = suite.load(str(path), {}, known)
    return planner.make("mine", content, Selection(("continuous",)), known, ("embedded", None), lambda *_: None, "run")


@pytest.fixture
def folder(tmp_path: Path, planned: RunPlan, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose only case was cut off."""
    monkeypatch.setenv("STREAMGAUGE_HOME", str(tmp_path / "home"))
    made = tmp_path / "runs" / "2026-11-24T00-00-00_mine_abcd"
    perfect().write(made / "cases" / CASE)
    marks = made / "cases" / CASE / "marks.jsonl"
    marks.write_bytes(b"\n".join(marks.read_bytes().splitlines()[:-1]) + b"\n")
    (made / "plan.json").write_text(planned.model_dump_json())
    return made


def changed(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads((folder / "plan.json").read_text())
    change(content)
    (folder / "plan.json").write_text(json.dumps(content))


STRIKES = {"fault": "kill-worker", "aim": "interval", "timeouts": "default", "wanted": 1, "most": 1, "hold_s": 0}
FIELDS = ("engine", "mode", "workload", "log", "guarantee", "fault", "aim", "timeouts")
NAMES = ("/../../../victim", "..", ".", "", "a/b", "a\\b", "a\0b", "\x1b]0;x\x07", "a\nb", "\u202ea", "\x9b", "x" * 256)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("field", FIELDS)
def test_no_name_of_a_plan_is_a_path(folder: Path, field: str, name: str):
    def change(content: dict[str, Any]) -> None:
        case = content["cases"][0]
        case["strikes"] = dict(STRIKES)
        (case["strikes"] if field in case["strikes"] else case)[field] = name

    changed(folder, change)
    with pytest.raises(Problem, match="no plan to go on with"):
        run.resumed(folder)
    if len(name) > 200:  # No folder has such a name: that takes one case only.
        assert {case.outcome for case in store.judge_run(folder).cases} == {"unknown"}
    else:
        with pytest.raises(store.DamagedRun):
            store.judge_run(folder)
    assert (folder / "cases" / CASE).is_dir()


def test_names_that_are_too_long_together_and_cases_of_one_name_are_refused(folder: Path):
    changed(folder, lambda content: content["cases"][0].update(engine="e" * 90, mode="m" * 90, workload="w" * 90))
    with pytest.raises(Problem, match="more than 200 bytes"):
        run.resumed(folder)
    changed(folder, lambda content: content["cases"][0].update(engine="continuous", mode="default", workload="sensors"))
    changed(folder, lambda content: content["cases"].append(content["cases"][0]))
    with pytest.raises(Problem, match=f"{CASE} is there twice"):
        run.resumed(folder)


def as_link(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def as_hard_link(path: Path, victim: Path) -> None:
    path.hardlink_to(victim / "kept")


def as_pipe(path: Path, _: Path) -> None:
    os.mkfifo(path)


def as_dangling_link(path: Path, victim: Path) -> None:
    path.symlink_to(victim / "new")


@pytest.mark.parametrize("made", [as_link, as_dangling_link, as_pipe])
@pytest.mark.parametrize("place", ["cases", f"cases/{CASE}", "logs"])
def test_a_run_whose_folders_lead_elsewhere_does_not_go_on(
    folder: Path, victim: Path, place: str, made: Callable[[Path, Path], None]
):
    if place != "logs":
        (folder / place).rename(folder / "aside")
    made(folder / place, victim)
    before = sorted(folder.rglob("*"))
    with pytest.raises(Problem, match="the run does not go on: is "):
        run.resumed(folder)
    assert cli.execute(["run", "--resume", str(folder)]) == 2
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("made", [as_link, as_dangling_link, as_hard_link, as_pipe])
def test_a_run_whose_logs_lead_elsewhere_does_not_go_on(folder: Path, victim: Path, made: Callable[[Path, Path], None]):
    (folder / "logs").mkdir()
    made(folder / "logs" / "broker.log", victim)
    with pytest.raises(Problem, match="the run does not go on: is "):
        run.resumed(folder)


@pytest.mark.parametrize("place", ["cases", f"cases/{CASE}"])
def test_a_record_that_lies_elsewhere_is_not_judged(folder: Path, tmp_path: Path, place: str):
    (folder / place).rename(tmp_path / "elsewhere")
    (folder / place).symlink_to(tmp_path / "elsewhere")
    cases = store.judge_run(folder).cases
    assert {case.outcome for case in cases} == {"unknown"}
    assert {case.reason for case in cases} == {
        f"damaged history: is a symbolic link, and no folder, and is not followed ({place})"
    }


@pytest.mark.parametrize("made", [as_link, as_dangling_link, as_hard_link])
@pytest.mark.parametrize("command", ["judge", "report"])
def test_results_and_reports_are_written_through_no_link(
    folder: Path, victim: Path, command: str, made: Callable[[Path, Path], None], capsys: pytest.CaptureFixture[str]
):
    def kept(path: Path, _: Path) -> None:
        made(path, victim)

    for name in ("result.json.partial", ".result.json.partial", "report.html", "report.html.partial"):
        kept(folder / name, victim)
    if made is not as_link:
        kept(folder / "result.json", victim)
        if command == "report":
            (folder / "result.json").unlink()
    cli.execute([command, str(folder)])
    written = folder / ("report.html" if command == "report" else "result.json")
    assert written.is_file()
    assert not written.is_symlink()
    assert written.stat().st_nlink == 1
    capsys.readouterr()


def test_a_report_goes_where_its_user_says(folder: Path, tmp_path: Path):
    (tmp_path / "mine.html").touch()
    (tmp_path / "link.html").symlink_to(tmp_path / "mine.html")
    cli.execute(["report", str(folder), "-o", str(tmp_path / "link.html")])
    assert (tmp_path / "mine.html").read_text().startswith("<!doctype html>")


def test_a_result_that_cannot_be_written_is_a_problem(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "result.json").mkdir()
    assert cli.execute(["judge", str(folder)]) == 5
    assert "error: the result cannot be written: Is a directory" in capsys.readouterr().err


def gone_on(folder: Path, plan: RunPlan) -> None:
    run.execute(plan, TOOLS, folder, Silent())


UNFIT = [
    ({"engine": "absent"}, "needs the engine absent"),
    ({"workload": "absent"}, "needs the workload absent"),
    ({"mode": "absent"}, "mode absent, which does not exist"),
    ({"guarantee": "at-least-once", "parameters": {}}, "its parameters do not fit"),
    (
        {"guarantee": "at-least-once", "parameters": {**Sensors().defaults, "window_ms": "much"}},
        "its parameters do not fit",
    ),
    ({"guarantee": "at-least-once", "parameters": {**Sensors().defaults, "keys": -1}}, "its parameters do not fit"),
    ({"strikes": STRIKES | {"fault": "absent"}}, "needs the fault absent"),
]


@pytest.mark.parametrize(("change", "why"), UNFIT)
def test_what_does_not_exist_here_is_said_before_a_record_is_removed(folder: Path, change: dict[str, Any], why: str):
    changed(folder, lambda content: content["cases"].append(content["cases"][0] | change))
    with pytest.raises(Problem, match=why):
        gone_on(folder, run.resumed(folder))
    assert (folder / "cases" / CASE / "trial.json").exists()


def test_a_plan_with_an_engine_of_elsewhere_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]):
    changed(folder, lambda content: content["cases"][0].update(engine="absent"))
    assert cli.execute(["run", "--resume", str(folder)]) == 2
    assert "there is no engine absent here" in capsys.readouterr().err
    assert (folder / "cases" / CASE / "trial.json").exists()


def test_a_broker_that_does_not_answer_costs_no_record(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def silent(address: str) -> None:
        raise Problem(f"no Kafka broker answers at {address}")

    changed(folder, lambda content: content.update(log="kafka", kafka="127.0.0.1:1"))
    monkeypatch.setattr(run, "existing", silent)
    with pytest.raises(Problem, match="no Kafka broker answers"):
        gone_on(folder, run.resumed(folder))
    assert (folder / "cases" / CASE / "trial.json").exists()


def test_what_an_earlier_run_left_is_removed_and_the_run_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    changed(folder, lambda content: content.update(calibrate=False))  # Which would use the scratch folder first.
    scratch = tmp_path / "home" / "scratch" / folder.name
    (scratch / CASE / "cluster").mkdir(parents=True)
    (scratch / "file").touch()
    began: list[str] = []
    monkeypatch.setattr(run, "_run_case", lambda case, *_: began.extend((case.name, *map(str, scratch.iterdir()))))
    program = [sys.executable, "-c", "import signal; print(1, flush=True); signal.pause()"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, env=os.environ | {MARK: folder.name}) as left:
        assert left.stdout is not None
        left.stdout.readline()
        gone_on(folder, run.resumed(folder))
        assert left.wait(10) < 0
    assert began == [CASE]
    assert not scratch.exists()


def test_a_run_that_goes_on_elsewhere_is_left_alone(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(warden, "_AWAITED_S", 0.2)
    scratch = tmp_path / "home" / "scratch" / folder.name
    with Warden(folder.name, scratch):
        (scratch / "used").touch()
        with pytest.raises(Problem, match="the run is still going on"):
            gone_on(folder, run.resumed(folder))
        assert (scratch / "used").exists()
    assert (folder / "cases" / CASE / "trial.json").exists()


@pytest.mark.parametrize("name", ["a\x1b[2J.toml", "a\nb.toml", "\u202ea.toml", "x" * 151 + ".toml"])
def test_a_suite_whose_name_no_folder_may_have_is_refused(name: str):
    with pytest.raises(Problem, match="the run's folder cannot be called"):
        request.run_name(f"some/folder/{name}")
    assert request.run_name("some/folder/größe 1.toml") == "größe 1"


@pytest.mark.parametrize("names", [("..",), ("a", ".."), ("",), (".",), ("a/b",)])
def test_a_way_into_a_folder_is_made_of_names(tmp_path: Path, names: tuple[str, ...]):
    with pytest.raises(LeadsOutside):
        within(tmp_path, *names)


def test_what_is_there_and_what_is_not_yet_lies_within(tmp_path: Path):
    (tmp_path / "a").mkdir()
    assert within(tmp_path, "a", "b", "c") == tmp_path / "a" / "b" / "c"
    (tmp_path / "a" / "file").touch()
    refuse_links(tmp_path)
    refuse_links(tmp_path / "absent")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, victim: Path):
    place = tmp_path / "new" / "file"
    write_whole(place, b"one")
    place.unlink()
    place.symlink_to(victim / "kept")
    write_whole(place, b"two")
    assert place.read_bytes() == b"two"
    assert [path.name for path in place.parent.iterdir()] == ["file"]
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "folder", b"three")
    assert not list(tmp_path.glob(".folder*"))


@pytest.mark.parametrize("mode", ["a/../../b", "..", "\x1b]0;x\x07", "m" * 250])
def test_a_mode_of_an_engine_from_elsewhere_is_no_path(tmp_path: Path, mode: str):
    path = tmp_path / "mine.toml"
    path.write_text(SUITE)
    known = dataclasses.replace(CATALOGUE, engines={"odd": Fake("odd", modes={mode: ""})})
    content = suite.load(str(path), {}, known)
    with pytest.raises(InvalidRequest, match="this cannot be planned"):
        planner.make("mine", content, Selection(("odd",)), known, ("embedded", None), lambda *_: None, "run")
