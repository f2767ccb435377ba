"""Nothing that a run starts outlives it, however the run ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engines.proc import state
from harness.host.signals import held_still
from harness.host.warden import MARK, Warden, marked, sweep
from tests.waiting import wait_until

DIRECTOR = """
import subprocess, sys, time
from pathlib import Path
from harness.host.warden import Warden
with Warden(sys.argv[1], Path(sys.argv[2])):
    # A grandchild in a session of its own, deaf to SIGTERM: the hardest to find and to end.
    subprocess.Popen([sys.executable, "-c",
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True);"
        "time.sleep(600)"], start_new_session=True)
    print("started", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_leaves_no_process_and_no_scratch(tmp_path: Path, number: signal.Signals):
    run = f"test-{os.getpid()}-{number.name}"
    scratch = tmp_path / "scratch"
    with subprocess.Popen([sys.executable, "-c", DIRECTOR, run, str(scratch)], stdout=subprocess.PIPE) as director:
        assert director.stdout is not None
        assert director.stdout.readline() == b"started\n"
        wait_until(lambda: len(marked(run)) == 2)
        assert scratch.is_dir()
        director.send_signal(number)
        director.wait(20)
    wait_until(lambda: not marked(run) and not scratch.exists())


@pytest.mark.parametrize("around", [None, "a-run-around-it"])
def test_a_run_that_ends_well_is_swept_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, around: str | None):
    run = f"test-{os.getpid()}-well"
    if around is None:
        monkeypatch.delenv(MARK, raising=False)
    else:
        monkeypatch.setenv(MARK, around)
    with Warden(run, tmp_path / "scratch"):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        wait_until(lambda: marked(run) == [child.pid])
    assert child.wait(10) == -signal.SIGKILL
    assert not (tmp_path / "scratch").exists()
    assert os.environ.get(MARK) == around


def test_a_sweep_touches_no_other_run():
    with subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], env=os.environ | {MARK: "someone-elses"}
    ) as child:
        wait_until(lambda: marked("someone-elses") == [child.pid])
        assert sweep("someone") == 0
        assert child.poll() is None
        child.kill()


def test_processes_are_held_still_and_go_on_also_after_an_error():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as child:
        with pytest.raises(ZeroDivisionError), held_still([child.pid]):
            assert state(child.pid) == "T"
            _ = 1 / 0
        wait_until(lambda: state(child.pid) != "T")
        child.kill()
    with held_still([child.pid]):
        assert state(child.pid) == ""
