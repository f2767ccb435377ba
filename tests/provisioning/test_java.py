"""A fit JDK is found, or installed where we may, or named exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.problem import ExitCode, Problem
from harness.provisioning import java, system
from tests.provisioning.bare import Told, debian, jdk, script


def test_java_home_comes_first(tmp_path: Path, bare_machine: Path, monkeypatch: pytest.MonkeyPatch):
    home = jdk(tmp_path / "jdk21", "21.0.2")
    (bare_machine / "java").symlink_to(jdk(tmp_path / "jdk17", "17.0.15") / "bin/java")
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert java.find_java(17) == java.Java(home, "21.0.2", 21)


def test_java_on_the_path_is_followed_through_links_to_its_home(tmp_path: Path, bare_machine: Path):
    home = jdk(tmp_path / "jdk", "17.0.15")
    (tmp_path / "alternatives").symlink_to(home / "bin/java")
    (bare_machine / "java").symlink_to(tmp_path / "alternatives")
    assert java.find_java(17) == java.Java(home, "17.0.15", 17)


def test_a_fit_java_on_the_path_stands_in_for_an_unfit_java_home(
    tmp_path: Path, bare_machine: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("JAVA_HOME", str(jdk(tmp_path / "old", "11.0.1")))
    (bare_machine / "javac").symlink_to(jdk(tmp_path / "jdk", "17.0.15") / "bin/javac")
    assert java.find_java(17).home == tmp_path / "jdk"


@pytest.mark.parametrize(
    ("version", "compiler", "minimum", "what"),
    [
        ("11.0.21", True, 17, "Java 11.0.21 is too old"),
        ("1.8.0_402", True, 17, "Java 1.8.0_402 is too old"),
        ("17.0.15", True, 21, "Java 17.0.15 is too old: a JDK 21 or newer"),
        ("17.0.15", False, 17, "no compiler"),
    ],
)
def test_an_unfit_java_is_named_with_where_it_is(tmp_path: Path, monkeypatch, version, compiler, minimum, what):
    monkeypatch.setenv("JAVA_HOME", str(jdk(tmp_path / "jdk", version, compiler)))
    with pytest.raises(Problem, match=what) as caught:
        java.find_java(minimum)
    assert str(tmp_path / "jdk") in caught.value.where
    assert "install" in caught.value.remedy
    assert caught.value.exit_code == ExitCode.ENVIRONMENT


@pytest.mark.parametrize("version", ["21-ea", "17", "25.0.1"])
def test_versions_of_every_form_are_read(tmp_path: Path, monkeypatch, version):
    monkeypatch.setenv("JAVA_HOME", str(jdk(tmp_path / "jdk", version)))
    assert java.find_java(17).version == version


def test_no_java_at_all_and_a_java_home_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(Problem, match="there is no Java"):
        java.find_java(17)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nothing"))
    with pytest.raises(Problem, match="there is no Java in") as caught:
        java.find_java(17)
    assert "JAVA_HOME" in caught.value.where


def test_root_on_debian_gets_a_jdk_after_the_package_lists(tmp_path: Path, bare_machine: Path, monkeypatch):
    debian(monkeypatch, 0)
    home = jdk(tmp_path / "made", "17.0.15")
    lists = tmp_path / "lists"  # As on a machine whose package lists were never fetched.
    script(
        bare_machine / "apt-get",
        f"""
        echo "$*" >> {tmp_path}/calls
        case "$*" in
            *update) touch {lists} ;;
            *) [ -e {lists} ] && ln -s {home}/bin/java {bare_machine}/java ;;
        esac""",
    )
    told = Told()
    assert java.ensure_java(17, told).home == home
    calls = [line.rpartition("Timeout=120 ")[2] for line in (tmp_path / "calls").read_text().splitlines()]
    wanted = "install --yes --no-install-recommends openjdk-17-jdk-headless"
    assert calls == [wanted, wanted.replace("17", "21"), "update", wanted]
    assert any("openjdk-17-jdk-headless" in step and system.NO_INSTALL in step for step in told.steps)


@pytest.mark.parametrize(("user", "forbidden", "command"), [(0, "1", "apt-get install"), (1000, "", "sudo apt-get")])
def test_nothing_is_installed_by_others_or_where_it_is_forbidden(bare_machine, monkeypatch, user, forbidden, command):
    debian(monkeypatch, user)
    monkeypatch.setenv(system.NO_INSTALL, forbidden)
    script(bare_machine / "apt-get", "exit 99")
    told = Told()
    with pytest.raises(Problem) as caught:
        java.ensure_java(17, told)
    assert caught.value.remedy.startswith(command)
    assert caught.value.remedy.endswith("openjdk-17-jdk-headless")
    assert told.steps == []


def test_a_failed_installation_shows_apts_last_line(bare_machine: Path, monkeypatch: pytest.MonkeyPatch):
    debian(monkeypatch, 0)
    script(bare_machine / "apt-get", "echo 'E: Could not get lock'; exit 100")
    with pytest.raises(Problem, match="E: Could not get lock") as caught:
        java.ensure_java(17, Told())
    assert Path(caught.value.where).name == "apt.log"
