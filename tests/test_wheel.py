"""The wheel works where it is installed: in an empty folder, without a checkout, uv on the PATH, or Java."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.provisioning.progress import Lines
from harness.provisioning.uv import ensure_uv

ROOT = Path(__file__).parents[1]
PACKAGES = ("engines", "harness", "reports", "results", "workloads")
LOAD = {"paced.rate": "500", "paced.warmup": "1s", "paced.measured": "3s"}
LOAD |= {"drain.events": "500", "drain.max_events": "500", "drain.intervals": "1", "drain.backlogs": "1"}
SMALL = ["--log", "embedded", *(word for name, value in LOAD.items() for word in ("--set", f"{name}={value}"))]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]  # One installation serves all of them.


def uv(*words: str | Path, cwd: Path | None = None) -> None:
    """Runs uv: with what its cache holds, and where that is not enough, with the network."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    for more in (["--offline"], []):
        command = [ensure_uv(Lines()), *words, *more]
        done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
    raise AssertionError(done.stderr)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, since building leaves files behind."""
    source = tmp_path_factory.mktemp("source")
    unwanted = shutil.ignore_patterns("__pycache__", ".*")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=unwanted)
    for name in ("streamgauge.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    uv("build", "--wheel", "--quiet", "--out-dir", source / "dist", source)
    (built,) = (source / "dist").glob("*.whl")
    return built


@dataclass(frozen=True)
class Installed:
    """python: of the environment. folder: an empty one. cache: the user's cache folder."""

    python: Path
    folder: Path
    cache: Path

    @property
    def command(self) -> Path:
        return self.python.with_name("streamgauge")

    def run(self, *words: str | Path, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        """The command, on a machine that has nothing but the system's own programs."""
        home = {"HOME": str(self.folder.parent / "home"), "XDG_CACHE_HOME": str(self.cache), "PATH": "/usr/bin:/bin"}
        # What uv reads of its user to reach an index is as it is.
        kept = {name: value for name, value in os.environ.items() if name.startswith(("UV_", "SSL_", "PIP_"))}
        kept["UV_CACHE_DIR"] = _cache()
        return subprocess.run(
            [self.command, *words],
            cwd=cwd or self.folder,
            env=kept | home | {"COLUMNS": "200", "LANG": "C.UTF-8"} | variables,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )


def _cache() -> str:
    words = [ensure_uv(Lines()), "cache", "dir"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    return _install([wheel], folder)


def _install(packages: Sequence[Path], folder: Path) -> Installed:
    python = folder / "environment" / "bin" / "python"
    uv("venv", "--quiet", "--no-project", "--python", sys.executable, folder / "environment")
    uv("pip", "install", "--quiet", "--python", python, *packages, cwd=folder)
    (folder / "empty").mkdir()
    (folder / "home").mkdir()
    return Installed(python, folder / "empty", folder / "cache")


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A copy of the package outside, since building leaves files behind."""
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    return shutil.copytree(ROOT / "examples/outside-engine", tmp_path / "outside", ignore=unwanted)


def outcomes(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stdout + done.stderr
    return {case["engine"]: case["outcome"] for case in json.loads(done.stdout)["cases"]}


def test_it_holds_the_locks_the_types_and_one_module_for_others(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (about,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(about).decode()
        points = archive.read(about.replace("METADATA", "entry_points.txt")).decode()
    for group in ("flink", "kafka-client", "spark", "spark-realtime"):
        assert f"harness/provisioning/locks/{group}.txt" in names
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert {name for name in names if "/" not in name} == {"streamgauge.py"}
    assert not [name for name in names if name.startswith(("tests/", "docs/", "examples/"))]
    assert "streamgauge = streamgauge:main" in points
    for said in ("Requires-Python: <3.15,>=3.11", "Project-URL: Issues", "Classifier: Typing :: Typed"):
        assert said in metadata


def test_the_doctor_says_what_each_engine_lacks_and_nothing_is_written(installed: Installed):
    done = installed.run("doctor")
    assert "error" not in done.stderr
    assert "streamgauge setup flink" in done.stdout
    assert "./bench" not in done.stdout
    assert list(installed.folder.iterdir()) == []


def test_a_built_in_case_runs_and_is_reported(installed: Installed, tmp_path: Path):
    assert outcomes(
        installed.run("run", "-e", "continuous", "-w", "sensors", "--format", "json", *SMALL, cwd=tmp_path)
    ) == {"continuous": "pass"}
    reported = installed.run("report", "latest", cwd=tmp_path)
    assert reported.returncode == 0, reported.stderr
    assert "</html>" in (tmp_path / reported.stdout.strip()).read_text()


def test_in_a_repository_with_packages_of_our_names_it_runs_unharmed(installed: Installed, tmp_path: Path):
    for name in (*PACKAGES, "queue", "msgspec", "numpy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'a').write({name!r})")
    words = ["run", "-e", "micro-batch", "-w", "sensors", "--format", "json", *SMALL]
    for path in (str(tmp_path), f":{tmp_path}", "."):
        assert outcomes(installed.run(*words, cwd=tmp_path, PYTHONPATH=path)) == {"micro-batch": "pass"}
    assert not (tmp_path / "executed").exists(), (tmp_path / "executed").read_text()


def test_engine_processes_import_from_a_folder_of_our_two_packages(installed: Installed):
    code = (
        "from harness.provisioning.code_folder import code_folder; import os; print(*sorted(os.listdir(code_folder())))"
    )
    variables = os.environ | {"STREAMGAUGE_HOME": str(installed.cache / "streamgauge")}
    words = [installed.python, "-E", "-P", "-c", code]
    done = subprocess.run(words, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "engines workloads"


def test_an_engine_that_is_installed_with_it_has_an_environment_of_its_own(wheel: Path, example: Path, tmp_path: Path):
    both = _install([wheel, example], tmp_path)
    listed = json.loads(both.run("list", "engines", "--json").stdout)
    assert {entry["name"]: entry["available"] for entry in listed}["abacus"] is True
    set_up = both.run("setup", "abacus", STREAMGAUGE_UV=str(ensure_uv(Lines())))
    assert set_up.returncode == 0, set_up.stdout + set_up.stderr
    (made,) = (both.cache / "streamgauge" / "envs").iterdir()
    assert made.name.startswith("outside-")
    packages = {path.name for path in (made / "lib").glob("python3.*/site-packages/*")}
    assert "numpy" in packages
    assert "pyarrow" not in packages
    run = both.run(
        "run", "-e", "abacus", "-w", "toll-stations", "--format", "json", *SMALL, STREAMGAUGE_UV=str(ensure_uv(Lines()))
    )
    assert outcomes(run) == {"abacus": "pass"}


def test_a_package_that_is_only_on_the_path_is_not_found(installed: Installed, example: Path, tmp_path: Path):
    uv("pip", "install", "--quiet", "--no-deps", "--target", tmp_path / "there", example)
    listed = json.loads(installed.run("list", "engines", "--json", PYTHONPATH=str(tmp_path / "there")).stdout)
    assert "abacus" not in {entry["name"] for entry in listed}


@pytest.mark.java
def test_an_engine_is_set_up_from_its_lock_and_answers_a_case(installed: Installed, tmp_path: Path):
    java = {name: os.environ[name] for name in ("JAVA_HOME",) if name in os.environ}
    java |= {"PATH": os.environ["PATH"], "STREAMGAUGE_UV": str(ensure_uv(Lines()))}
    set_up = installed.run("setup", "kafka-client", **java)
    assert set_up.returncode == 0, set_up.stdout + set_up.stderr
    words = ["kafka" if word == "embedded" else word for word in SMALL]
    run = installed.run("run", "-e", "kafka-client", "-w", "sensors", "--format", "json", *words, cwd=tmp_path, **java)
    assert outcomes(run) == {"kafka-client": "pass"}
