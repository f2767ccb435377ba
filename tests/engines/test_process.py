"""Processes as /proc shows them, and the end of those that a process leaves behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines import proc, process
from engines.process import Process
from engines.protocol import EngineFailure
from tests.waiting import wait_until

_WAIT = "import signal; print(1, flush=True); signal.pause()"


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-I", "-c", _WAIT], stdout=subprocess.PIPE) as waiting:
        assert waiting.stdout is not None
        waiting.stdout.readline()
        yield waiting
        waiting.kill()


def test_a_process_runs_while_it_stands_still_but_not_once_it_only_waits_to_be_reaped(child):
    assert proc.runs(child.pid)
    child.send_signal(signal.SIGSTOP)
    wait_until(lambda: proc.state(child.pid) == "T")
    assert proc.runs(child.pid)
    child.kill()
    wait_until(lambda: proc.state(child.pid) == "Z")
    assert not proc.runs(child.pid)
    child.wait()
    assert (proc.state(child.pid), proc.read(child.pid), proc.runs(child.pid)) == ("", None, False)


def test_a_command_may_be_called_anything(tmp_path: Path):
    odd = tmp_path / "a) Z 1 2 (b"
    odd.symlink_to(str(shutil.which("sleep")))
    with subprocess.Popen([odd, "60"], start_new_session=True) as sleeper:
        wait_until(lambda: odd.name in Path(f"/proc/{sleeper.pid}/stat").read_text())
        found = proc.read(sleeper.pid)
        sleeper.kill()
    assert found is not None
    assert (found.state in "SR", found.session) == (True, sleeper.pid)


def test_figures_are_those_of_the_fields_that_the_manual_numbers():
    fields = [str(number) for number in range(1, 53)]
    fields[1:3] = ["(python)", "R"]
    found = proc.parse(" ".join(fields).encode())
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    assert found == proc.Stat("R", 6, (14 + 15 + 16 + 17) / ticks, 24 * page)
    assert proc.cpu_use(" ".join(fields).encode()) == proc.CpuUse(flags=9, cpu_ticks=14 + 15, cpu=39)


def test_a_process_is_called_as_it_was_started_and_nothing_once_it_is_gone(tmp_path: Path):
    odd = tmp_path / "a) Z 1 2 (b"
    odd.symlink_to(str(shutil.which("sleep")))
    with subprocess.Popen([odd, "60"], start_new_session=True) as sleeper:
        wait_until(lambda: proc.name(sleeper.pid) == odd.name)
        sleeper.kill()
    assert proc.name(sleeper.pid) == ""


@pytest.fixture
def dead(tmp_path: Path) -> Process:
    made = Process("the supervisor", ["sh", "-c", "echo last words"], tmp_path / "log")
    made.wait_for_line("last words", 10, "at start")
    made.kill()
    return made


def test_what_a_dead_process_leaves_behind_is_waited_for(dead: Process, child):
    threading.Timer(0.1, child.kill).start()
    dead.wait_for_descendants(lambda: [pid for pid in (child.pid,) if proc.runs(pid)])
    assert not proc.runs(child.pid)


def test_what_does_not_go_is_named_with_the_last_lines(dead: Process, child, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process, "_GONE_S", 0.05)
    with pytest.raises(EngineFailure, match=rf"(?s)the supervisor: .*\[{child.pid}\] still run.*last words") as caught:
        dead.wait_for_descendants(lambda: [child.pid])
    assert caught.value.where == str(dead.log)
