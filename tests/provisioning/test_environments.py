"""Engine environments are made once, by one at a time, from the lock file."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.problem import Problem
from harness.provisioning import environments, folders, uv
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


def test_an_environment_is_made_once_and_again_when_the_lock_changes(tmp_path: Path, project: Path):
    assert environments.environment_state("flink") == "missing"
    for _ in range(2):
        python = environments.ensure_environment("flink", Told())
    assert python == tmp_path / "home/envs/flink/bin/python"
    (call,) = (tmp_path / "calls").read_text().splitlines()
    assert call.startswith("sync --frozen ")
    assert call.endswith("--only-group flink")
    (project / "uv.lock").write_text("two")
    assert environments.environment_state("flink") == "outdated"
    environments.ensure_environment("flink", Told())
    assert environments.environment_state("flink") == "ready"


def test_two_runs_at_once_make_an_environment_once(tmp_path: Path, project: Path):
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: environments.ensure_environment("flink", Told()), range(2)))
    assert made[0] == made[1]
    assert len((tmp_path / "calls").read_text().splitlines()) == 1


def test_a_failed_environment_shows_uvs_words_and_is_not_taken_for_made(tmp_path, project, bare_machine):
    stand_in_uv(bare_machine / "uv", tmp_path / "calls", sync="echo 'error: no such wheel' >&2; exit 2")
    with pytest.raises(Problem, match="no such wheel") as caught:
        environments.ensure_environment("flink", Told())
    assert "no such wheel" in Path(caught.value.where).read_text()
    assert environments.environment_state("flink") == "missing"


def test_no_group_means_our_own_interpreter():
    assert environments.ensure_environment(None, Told()) == environments.environment_python(None)
    assert environments.environment_state(None) == "ready"
