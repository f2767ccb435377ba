"""Engine environments are made once, by one at a time, from the lock file."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engines.protocol import Environment
from harness.problem import Problem
from harness.provisioning import environments, folders, pythons, system, uv
from tests.provisioning.bare import Told, debian, stand_in_uv


def test_only_one_at_a_time_holds_a_lock_and_the_others_are_told(tmp_path: Path):
    inside: list[int] = []
    most: list[int] = []
    told = Told()

    def work(number: int) -> None:
        with folders.exclusive("thing", told):
            inside.append(number)
            most.append(len(inside))
            threading.Event().wait(0.05)
            inside.remove(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert most == [1, 1, 1, 1]
    assert any("waiting" in step for step in told.steps)


def test_a_lock_that_is_never_given_back_ends_in_a_problem():
    second = folders.exclusive("thing", Told(), timeout_s=0.0)
    with folders.exclusive("thing", Told()), pytest.raises(Problem, match="preparing thing"), second:
        pytest.fail("held twice")


def test_too_little_space_is_said_in_megabytes(tmp_path: Path):
    lack = folders.lacking_space(tmp_path / "not" / "there" / "yet", 10**18)
    assert lack is not None
    assert "1,000,000,000,000 MB are needed" in lack.what
    assert folders.lacking_space(tmp_path, 1) is None


def test_an_old_uv_on_the_path_gives_way_to_the_private_one(tmp_path: Path, bare_machine: Path):
    stand_in_uv(bare_machine / "uv", tmp_path / "calls", "0.4.1")
    assert uv.find_uv() is None
    private = stand_in_uv(tmp_path / "home/uv/bin/uv", tmp_path / "calls")
    assert uv.find_uv() == private


def test_without_uv_and_without_the_means_to_make_one_it_names_the_package(monkeypatch: pytest.MonkeyPatch):
    debian(monkeypatch, 1000)
    monkeypatch.setattr(uv, "_run", lambda words: "No module named pip")
    with pytest.raises(Problem, match="no uv") as caught:
        uv.ensure_uv(Told())
    assert caught.value.remedy.startswith("sudo apt-get install python3.")
    assert caught.value.remedy.endswith("-venv")


FLINK = Environment(group="flink")


def test_an_environment_is_made_once_and_again_when_the_lock_changes(tmp_path: Path, project: Path):
    assert environments.environment_state(FLINK) == "missing"
    for _ in range(2):
        python = environments.ensure_environment(FLINK, Told())
    assert python == tmp_path / "home/envs/flink/bin/python"
    made, filled = (tmp_path / "calls").read_text().splitlines()
    assert made == f"venv --no-project --clear --python {uv.base_python()} {python.parents[1]} --color never"
    assert filled == f"pip sync --require-hashes --python {python} {project / 'flink.txt'} --color never"
    (project / "flink.txt").write_text("two")
    assert environments.environment_state(FLINK) == "outdated"
    environments.ensure_environment(FLINK, Told())
    assert environments.environment_state(FLINK) == "ready"


def test_two_runs_at_once_make_an_environment_once(tmp_path: Path, project: Path):
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: environments.ensure_environment(FLINK, Told()), range(2)))
    assert made[0] == made[1]
    assert len((tmp_path / "calls").read_text().splitlines()) == 2


def test_a_failed_environment_shows_uvs_words_and_is_not_taken_for_made(tmp_path, project, bare_machine):
    stand_in_uv(bare_machine / "uv", tmp_path / "calls", sync="echo 'error: no such wheel' >&2; exit 2")
    with pytest.raises(Problem, match="no such wheel") as caught:
        environments.ensure_environment(FLINK, Told())
    assert "no such wheel" in Path(caught.value.where).read_text()
    assert environments.environment_state(FLINK) == "outdated"


def test_no_group_means_our_own_interpreter():
    own = Environment()
    assert environments.ensure_environment(own, Told()) == Path(sys.executable)
    assert environments.environment_state(own) == "ready"


def test_a_lock_that_cannot_be_read_is_named(project: Path):
    for needs in (Environment(group="none"), Environment(requirements=project / "none.txt")):
        with pytest.raises(Problem, match="cannot be read: No such file") as caught:
            environments.environment_state(needs)
        assert caught.value.where == str(project / "none.txt")


def test_an_outside_engine_has_an_environment_of_its_own_lock(tmp_path: Path, project: Path):
    theirs = [tmp_path / name / "requirements.txt" for name in ("a", "b")]
    for path in theirs:
        path.parent.mkdir()
        path.write_text(f"of {path.parent.name}")
    made = {environments.ensure_environment(Environment(requirements=path), Told()) for path in theirs}
    assert len(made) == 2
    calls = (tmp_path / "calls").read_text()
    assert all(str(path) in calls for path in theirs)
    assert all(python.parents[1].name.startswith("outside-") for python in made)


@pytest.mark.parametrize(
    ("text", "fits", "unfit", "newest"),
    [
        (">=3.11,<3.13", (11, 12), (10, 13), "3.12"),
        (">=3.11", (11, 14, 20), (10,), "3.11"),
        (">=3.8", (11,), (10,), "3.11"),
    ],
)
def test_a_bound_says_which_versions_of_python_fit(text: str, fits, unfit, newest: str):
    bound = pythons.Bound.read(text)
    assert all(bound.allows(minor) for minor in fits)
    assert not any(bound.allows(minor) for minor in unfit)
    assert bound.newest == newest
    assert pythons.Bound.read(str(bound)) == bound


@pytest.mark.parametrize(
    "text", ["", "3.11", ">=3.13,<3.12", ">=3.8,<3.11", ">=3.11,<3.11", "<3.13", ">=3.11; rm -r /", ">=4.0"]
)
def test_what_bounds_no_version_is_refused_with_the_form(text: str):
    with pytest.raises(Problem, match="bounds no version") as caught:
        pythons.Bound.read(text)
    assert ">=3.11,<3.13" in caught.value.remedy


ABOVE = f">=3.{sys.version_info.minor + 1},<3.{sys.version_info.minor + 3}"
NEWEST = f"3.{sys.version_info.minor + 2}"


def test_an_engine_that_needs_another_python_gets_one_of_the_systems(tmp_path: Path, project: Path, bare_machine: Path):
    stand_in_uv(bare_machine / "uv", tmp_path / "calls", find="echo /opt/other/python")
    environments.ensure_environment(Environment(group="flink", python=ABOVE), Told())
    found, made, _ = (tmp_path / "calls").read_text().splitlines()
    assert found == f"python find --no-project --system {ABOVE} --color never"
    assert "--python /opt/other/python " in made


def test_an_engine_that_needs_another_python_gets_one_from_uv(tmp_path: Path, project: Path, bare_machine: Path):
    there, told = tmp_path / "installed", Told()
    stand_in_uv(
        bare_machine / "uv",
        tmp_path / "calls",
        find=f"[ -e {there} ] && echo /opt/new/python",
        install=f"touch {there}",
    )
    environments.ensure_environment(Environment(group="flink", python=ABOVE), told)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[1] == f"python install --no-bin {NEWEST} --color never"
    assert "--python /opt/new/python " in calls[3]
    assert any(f"installing Python {NEWEST}" in step and system.NO_INSTALL in step for step in told.steps)


@pytest.mark.parametrize("forbidden", ["", "1"])
def test_without_a_python_that_fits_the_command_that_brings_one_is_said(
    tmp_path: Path, project: Path, bare_machine: Path, monkeypatch: pytest.MonkeyPatch, forbidden: str
):
    monkeypatch.setenv(system.NO_INSTALL, forbidden)
    stand_in_uv(bare_machine / "uv", tmp_path / "calls", find="exit 2", install="echo 'error: no network' >&2; exit 1")
    with pytest.raises(Problem, match="needs Python") as caught:
        environments.ensure_environment(Environment(group="flink", python=ABOVE), Told())
    assert f"uv python install {NEWEST}" in caught.value.remedy
    assert ("no network" in caught.value.what) == (not forbidden)
    assert any("install" in call for call in (tmp_path / "calls").read_text().splitlines()) == (not forbidden)
