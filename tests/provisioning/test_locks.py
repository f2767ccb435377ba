"""The locks that are installed are those of uv.lock."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from engines.discovery import discover
from engines.protocol import Engine, Environment
from harness.problem import Problem
from harness.provisioning import locks, uv
from harness.provisioning.environments import ensure_environment, environment_state
from harness.provisioning.progress import Lines
from harness.provisioning.pythons import Bound
from tests.provisioning.bare import Told
from workloads.discovery import Unavailable

ROOT = Path(__file__).parents[2]


def built_in() -> dict[str, Engine]:
    return {name: engine for name, engine in discover().items() if not isinstance(engine, Unavailable)}


@pytest.fixture
def real_uv(monkeypatch: pytest.MonkeyPatch, caller: dict[str, str]) -> Path:
    """The uv that is here, and not on the bare machine."""
    for name in ("PATH", "STREAMGAUGE_HOME", "STREAMGAUGE_UV"):
        if name in caller:
            monkeypatch.setenv(name, caller[name])
        else:
            monkeypatch.delenv(name, raising=False)
    return uv.ensure_uv(Lines())


def test_each_group_has_the_lock_that_uv_exports(real_uv: Path):
    assert sorted(path.stem for path in locks.LOCKS.iterdir()) == sorted(locks.groups())
    for group in locks.groups():
        assert locks.lock_of(group).read_text() == locks.exported(group, real_uv), f"make them again: {locks.RELOCK}"


def test_each_package_of_a_lock_has_one_version_and_hashes():
    for path in locks.LOCKS.iterdir():
        packages = path.read_text().replace("\\\n", " ").splitlines()[1:]
        assert packages
        for package in packages:
            assert re.match(r"[a-z0-9-]+==[^ ]+ .*--hash=sha256:[0-9a-f]{64}", package), package


def test_each_engines_lock_is_there_and_its_bound_is_that_of_its_group():
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["dependency-groups"]
    bounds = {group: settings["requires-python"] for group, settings in named.items()}
    engines = built_in()
    assert engines
    assert {engine.environment.group for engine in engines.values()} - {None} == set(locks.groups())
    for engine in engines.values():
        group = engine.environment.group
        assert group is None or locks.lock_of(group).exists()
        assert Bound.read(engine.environment.python) == Bound.read(bounds.get(str(group), Environment().python))


def test_the_lowest_uv_is_that_of_the_project():
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["required-version"]
    assert named == f">={uv._spell(uv.LOWEST)}"


SIX = "six==1.17.0"


@pytest.mark.slow
@pytest.mark.parametrize("lock", [SIX, f"{SIX} --hash=sha256:{'0' * 64}"])
def test_a_package_without_a_hash_or_with_another_is_refused(
    real_uv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lock: str
):
    monkeypatch.setenv("STREAMGAUGE_UV", str(real_uv))
    monkeypatch.setenv("STREAMGAUGE_HOME", str(tmp_path / "made"))
    needs = Environment(requirements=tmp_path / "requirements.txt")
    (tmp_path / "requirements.txt").write_text(lock)
    with pytest.raises(Problem, match=r"(?i)hash"):
        ensure_environment(needs, Told())
    assert environment_state(needs) == "outdated"
    assert not list((tmp_path / "made").rglob("six.py"))
