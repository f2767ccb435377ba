"""What is lacking is told with the command that brings it, and brought."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from engines.protocol import Environment
from harness import doctor
from harness.problem import Problem
from harness.provisioning import environments, jars
from harness.provisioning.code_folder import code_folder
from harness.provisioning.progress import Lines
from tests.provisioning.bare import Repository, Told, debian, jdk, locked
from workloads.discovery import Unavailable


def engine(name: str, environment: Environment, logs: tuple[str, ...] = ("kafka",)) -> SimpleNamespace:
    return SimpleNamespace(name=name, version="1.2", environment=environment, logs=logs)


def finding(findings: list[doctor.Finding], name: str) -> doctor.Finding:
    (found,) = [found for found in findings if found.name == name]
    return found


def test_the_doctor_tells_what_each_engine_lacks_and_the_command_for_it(project: Path):
    findings = doctor.examine(
        {
            "built-in": engine("built-in", Environment(), ("embedded", "kafka")),
            "client": engine("client", Environment(group="client")),
            "jvm": engine("jvm", Environment(jars=("flink-kafka",), java=17)),
            "broken": Unavailable("broken", "ImportError: no module"),
        }
    )
    assert finding(findings, "built-in").state == "ok"
    client, jvm, broken = (finding(findings, name) for name in ("client", "jvm", "broken"))
    assert (client.state, client.what, client.repair) == ("missing", "environment missing", "streamgauge setup client")
    assert jvm.state == "missing"
    assert "there is no Java" in jvm.what
    assert "flink-kafka jars missing (files: 1, 11 MB)" in jvm.what
    assert "JDK" in jvm.repair
    assert broken.what == "cannot be loaded: ImportError: no module"
    assert finding(findings, "kafka").state == "missing"
    json.dumps([asdict(found) for found in findings])
    text = doctor.lines(findings)
    assert text[-1] == "1 of 4 engines ready."
    assert "[✗] client    environment missing  -> streamgauge setup client" in text


def test_where_a_jdk_may_be_installed_setting_up_the_engine_is_the_repair(project, monkeypatch: pytest.MonkeyPatch):
    debian(monkeypatch, 0)
    findings = doctor.examine({"jvm": engine("jvm", Environment(java=17))})
    assert finding(findings, "jvm").repair == "streamgauge setup jvm"
    assert finding(findings, "java").repair == "apt-get install openjdk-17-jdk-headless"


def test_an_engine_whose_log_cannot_be_started_here_is_not_called_ready(project: Path):
    environments.ensure_environment(Environment(group="client"), Told())
    findings = doctor.examine({"client": engine("client", Environment(group="client"))})
    assert finding(findings, "client").state == "warning"
    assert doctor.lines(findings)[-1] == "0 of 1 engines ready."


def test_preparing_goes_on_after_an_engine_that_cannot_be_had(tmp_path: Path, project: Path):
    outcome = doctor.prepare(
        [engine("jvm", Environment(java=17)), engine("client", Environment(group="client"))], False, Told()
    )
    assert isinstance(outcome["jvm"], Problem)
    assert outcome["client"] == doctor.Provisioned(
        tmp_path / "home/envs/client/bin/python", None, None, {}, code_folder()
    )


def test_a_broker_of_ours_brings_its_jdk_and_jars_to_every_engine(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(jars, "read_lock", lambda: {"kafka": (locked("org.example:one:1.0"),)})
    monkeypatch.setenv("JAVA_HOME", str(jdk(tmp_path / "jdk", "17.0.15")))
    prepared = doctor.prepare([engine("built-in", Environment())], True, Told())["built-in"]
    assert isinstance(prepared, doctor.Provisioned)
    assert (prepared.java_home, prepared.java_version) == (tmp_path / "jdk", "17.0.15")
    assert [path.name for path in prepared.jars["kafka"]] == ["one-1.0.jar"]


def test_a_problem_is_three_lines_of_which_those_unknown_are_left_out():
    assert Problem("what", "where", "remedy").text() == "error: what\n  where\n  remedy"
    assert Problem("what", "", "remedy").text("missing") == "missing: what\n  remedy"


def test_plain_lines_show_the_steps_and_the_end_of_a_transfer(capsys: pytest.CaptureFixture[str]):
    lines = Lines()
    lines.step("beginning")
    lines.progress("jars", 1, 2_000_000)
    lines.progress("jars", 2_000_000, 2_000_000)
    assert capsys.readouterr().err == "beginning\njars: 2.0 MB\n"
