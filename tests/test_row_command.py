"""A command that prints rows runs without a shell, within bounds, and is ended with all that it starts.

It runs in a process of its own: what is left of it there is killed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from engines import proc

WAIT_S = 60.0
MOST = 1 << 20

RUN = """
import json, sys, threading
from pathlib import Path
from engines.output_reading import Invocation
from harness.failure import TrialFailure
from harness.host.subreaper import subreaper
from harness.row_command import RowCommand

words, folder, run_s, most = json.loads(sys.argv[1])
with subreaper():
    command = RowCommand(Invocation(tuple(words), {"TOLD": "a b"}, folder), Path(folder) / "log", run_s, most)
    try:
        printed = command.run(threading.Event())
    except TrialFailure as failure:
        print(json.dumps({"raised": failure.what}))
    else:
        lines = [line.decode() for line in printed.lines]
        in_order = printed.began_ns < printed.ended_ns
        print(json.dumps({"lines": lines, "failure": printed.failure, "in_order": in_order}))
"""


def run(folder: Path, words: list[str], run_s: float = WAIT_S, most: int = MOST) -> dict[str, Any]:
    """What one run of these words came to."""
    asked = json.dumps([words, str(folder), run_s, most])
    told = subprocess.run([sys.executable, "-c", RUN, asked], capture_output=True, timeout=WAIT_S, check=False)
    assert told.returncode == 0, told.stderr.decode()
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def python(code: str, *words: str) -> list[str]:
    return [sys.executable, "-I", "-c", code, *words]


def test_its_lines_are_rows_and_no_shell_reads_its_words(tmp_path: Path) -> None:
    code = "import os, sys; print(sys.argv[1]); print(os.environ['TOLD'], os.getcwd())"
    found = run(tmp_path, python(code, "$HOME; `id` *"))
    assert found["lines"] == ["$HOME; `id` *", f"a b {tmp_path}"]
    assert (found["failure"], found["in_order"]) == ("", True)


def test_blank_lines_are_no_rows_and_the_last_needs_no_end(tmp_path: Path) -> None:
    code = r"import sys; sys.stdout.buffer.write(b'{\"a\": 1}\r\n\n  \n{\"a\": 2}')"
    assert run(tmp_path, python(code))["lines"] == ['{"a": 1}', '{"a": 2}']


def test_nothing_printed_is_no_failure(tmp_path: Path) -> None:
    found = run(tmp_path, python("pass"))
    assert (found["lines"], found["failure"]) == ([], "")


def test_its_failure_is_told_with_its_last_lines(tmp_path: Path) -> None:
    code = "import sys; print('{}'); print('no such table', file=sys.stderr); sys.exit(3)"
    found = run(tmp_path, python(code))
    assert found["lines"] == []
    assert "the command of `output` ended with exit code 3; its last lines:\nno such table" in found["failure"]
    assert (tmp_path / "log").read_text() == "no such table\n"


def test_without_complaints_what_it_printed_last_is_told(tmp_path: Path) -> None:
    failure = run(tmp_path, python("print('cannot connect'); raise SystemExit(1)"))["failure"]
    assert failure.endswith("cannot connect")


def test_a_signal_that_ended_it_is_told(tmp_path: Path) -> None:
    failure = run(tmp_path, python("import os; os.kill(os.getpid(), 9)"))["failure"]
    assert "was ended by signal 9" in failure


def test_what_does_not_end_in_time_is_killed(tmp_path: Path) -> None:
    found = run(tmp_path, python("import time; print('{}', flush=True); time.sleep(600)"), run_s=0.5)
    assert found["lines"] == []
    assert "did not end within 0.5 s, and was killed" in found["failure"]


def test_what_prints_without_end_is_stopped(tmp_path: Path) -> None:
    found = run(tmp_path, ["yes", '{"id": 1}'])
    assert found == {"raised": f"the command of `output` printed more than {MOST:,} bytes in one run"}


def test_complaints_without_end_are_cut(tmp_path: Path) -> None:
    code = "import sys\nfor _ in range(300): sys.stderr.write('x' * 1023 + chr(10))\nprint('{}')"
    assert run(tmp_path, python(code))["lines"] == ["{}"]
    assert (tmp_path / "log").stat().st_size == 64 << 10


@pytest.mark.parametrize("words", [["no-such-program"], ["."]])
def test_what_cannot_be_started_is_said_at_once(tmp_path: Path, words: list[str]) -> None:
    assert "the command of `output` cannot be started" in run(tmp_path, words)["raised"]


LEAVES = """
import subprocess, sys
left = subprocess.Popen([sys.executable, "-I", "-c", "import time; time.sleep(600)"], start_new_session=True)
open("left", "w").write(str(left.pid))
print("{}", flush=True)
"""


def test_what_it_leaves_behind_is_ended_and_holds_nothing_up(tmp_path: Path) -> None:
    """A child in a session of its own, which has the pipe as well."""
    began_s = time.monotonic()
    assert run(tmp_path, python(LEAVES))["lines"] == ["{}"]
    assert time.monotonic() - began_s < WAIT_S
    assert not proc.runs(int((tmp_path / "left").read_text()))


DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("left", "w").write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
os.wait()
while not os.path.exists("left") or not open("left").read():
    time.sleep(0.01)
print("{}")
"""


def test_a_daemon_of_it_is_ended_too(tmp_path: Path) -> None:
    assert run(tmp_path, python(DAEMON))["lines"] == ["{}"]
    left = int((tmp_path / "left").read_text())
    assert not proc.runs(left)
    assert left != os.getpid()
