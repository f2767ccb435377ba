"""No interpreter of ours looks into the current folder: what lies there is data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.host.interpreter import environment
from harness.host.warden import Warden
from harness.instruments.channel import Instrument

ROOT = Path(__file__).parent.parent
HARMFUL = ("queue", "msgspec", "results", "shutil", "json", "harness", "engines", "sitecustomize", "venv", "pip")


@pytest.fixture
def executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is there once a module of the current folder was executed."""
    folder, told = tmp_path / "here", tmp_path / "executed"
    folder.mkdir()
    for name in HARMFUL:
        (folder / f"{name}.py").write_text(f"open({str(told)!r}, 'a').write({name!r} + chr(10))\n")
    monkeypatch.chdir(folder)
    return told


@pytest.mark.parametrize("path", [None, "", ".", f":{ROOT}", f"{ROOT}:"])
def test_instruments_and_warden_run_nothing_of_the_current_folder(
    executed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str | None
):
    if path is None:
        monkeypatch.delenv("PYTHONPATH", raising=False)
    else:
        monkeypatch.setenv("PYTHONPATH", path)
    with Warden(f"test-{os.getpid()}-here", tmp_path / "scratch"):
        setup = {"folder": str(tmp_path / "history")}
        instrument = Instrument("sampler", "harness.instruments.sampler", setup, tmp_path / "sampler.log")
        instrument.wait_ready()
        instrument.close()
    assert not executed.exists(), executed.read_text()


def test_a_path_that_was_asked_for_stays(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", ":/a:.:/b:")
    assert environment()["PYTHONPATH"] == "/a:/b"
    monkeypatch.setenv("PYTHONPATH", "")
    assert "PYTHONPATH" not in environment()


@pytest.mark.parametrize(("flags", "obeyed"), [(["-E", "-P"], False), (["-P"], True)])
def test_what_obeys_no_path_starts_nothing_that_does(tmp_path: Path, flags: list[str], obeyed: bool):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from harness.host.interpreter import command, environment;"
        "print(*command('a.module', 'word')[1:], environment().get('PYTHONPATH'))"
    )
    told = os.environ | {"PYTHONPATH": str(tmp_path)}
    words = [sys.executable, *flags, "-c", code, str(ROOT)]
    done = subprocess.run(words, env=told, capture_output=True, text=True, check=True)
    path = str(tmp_path) if obeyed else None
    assert done.stdout.strip() == " ".join([*flags, "-m", "a.module", "word", str(path)])


@pytest.mark.parametrize("typed", ["streamgauge", "{}/other/streamgauge"])
def test_the_command_becomes_the_harness_and_tells_what_was_typed(tmp_path: Path, typed: str):
    """Called by a script, as pip and uv make one; what it becomes is printed in place of becoming it."""
    for folder in ("path", "other"):
        script = tmp_path / folder / "streamgauge"
        script.parent.mkdir()
        script.write_text(f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n{_SHOWN}")
        script.chmod(0o755)
    command = typed.format(tmp_path)
    told = {name: value for name, value in os.environ.items() if name != "STREAMGAUGE_CALLED"}
    told |= {"PATH": f"{tmp_path}/path:/usr/bin:/bin", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([command, "list", "a b"], env=told, capture_output=True, text=True, check=True)
    words = [sys.executable, "-E", "-P", "-m", "harness.cli", "list", "a b"]
    assert json.loads(done.stdout) == [words, typed.format(tmp_path)]


_SHOWN = """
import json, os
import streamgauge
os.execv = lambda program, words: print(json.dumps([words, os.environ["STREAMGAUGE_CALLED"]]))
streamgauge.main()
"""


@pytest.mark.slow
def test_a_run_executes_nothing_of_the_current_folder(executed: Path, tmp_path: Path):
    load = {"paced.rate": "500", "paced.warmup": "1s", "paced.measured": "3s"}
    load |= {"drain.events": "500", "drain.max_events": "500", "drain.intervals": "1", "drain.backlogs": "1"}
    words = ["run", "-e", "continuous", "-w", "sensors", "--log", "embedded", "--format", "json"]
    for name, value in load.items():
        words += ["--set", f"{name}={value}"]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("streamgauge")), *words],
        env=os.environ | {"STREAMGAUGE_HOME": str(tmp_path / "home")},
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert not executed.exists(), executed.read_text()
    assert {case["outcome"] for case in json.loads(done.stdout)["cases"]} == {"pass"}, done.stderr.decode()
