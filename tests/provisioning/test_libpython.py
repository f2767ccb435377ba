"""Python as a library is brought where it may be, and nothing ends without it before a query needs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.flink.cluster import refuse_without_library
from engines.protocol import EngineFailure
from harness.provisioning import libpython, system
from tests.provisioning.bare import Told, debian, script


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An interpreter that finds the library once it is there."""
    answers = f'*version_info*) echo 3.12 ;; *) [ ! -e "{tmp_path}/library" ] || echo "{tmp_path}/library"'
    return script(tmp_path / "env" / "python", f'case "$*" in {answers} ;; esac')


@pytest.mark.parametrize("first", ["libpython3.12", "libpython3.12t64"])
def test_root_on_debian_gets_the_library_once(tmp_path: Path, bare_machine, monkeypatch, python: Path, first: str):
    debian(monkeypatch, 0)
    there = tmp_path / "library"
    script(bare_machine / "apt-get", f'case "$*" in *{first}) : > {there} ;; *) exit 100 ;; esac')
    told = Told()
    for _ in range(2):
        libpython.ensure_library(python, told)
    assert libpython.has_library(python)
    assert f"installing {first} " in told.steps[-1]
    refuse_without_library(python)


@pytest.mark.parametrize(("user", "forbidden"), [(0, "1"), (1000, "")])
def test_nothing_is_installed_by_others_or_where_it_is_forbidden(bare_machine, monkeypatch, python, user, forbidden):
    debian(monkeypatch, user)
    monkeypatch.setenv(system.NO_INSTALL, forbidden)
    told = Told()
    libpython.ensure_library(python, told)
    assert told.steps == []
    with pytest.raises(EngineFailure, match="there is no libpython") as caught:
        refuse_without_library(python)
    assert "apt-get install libpython3.12" in caught.value.remedy


def test_a_library_that_cannot_be_had_is_no_obstacle_to_an_engine(bare_machine, monkeypatch, python: Path):
    debian(monkeypatch, 0)
    script(bare_machine / "apt-get", "exit 100")
    libpython.ensure_library(python, Told())
    assert not libpython.has_library(python)
