"""A signal that comes while a module is imported ends the command as any other: it is neither lost nor renamed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

END_S = 30.0

PROGRAM = """
import sys
from harness.host.interruption import interrupt_on_signals
interrupt_on_signals()
try:
    import signalled
except KeyboardInterrupt:
    print("imported" if "whole" in vars(sys.modules.get("signalled", object)) else "broken off")
    sys.exit(130)
except Exception as error:
    sys.exit(f"renamed to {type(error).__name__}")
import time
until_s = time.monotonic() + 20
try:
    while time.monotonic() < until_s:
        pass
except KeyboardInterrupt:
    print("imported")
    sys.exit(130)
sys.exit("lost")
"""

MOMENTS = {
    "in source text that a module makes": "exec('import os, signal; os.kill(os.getpid(), signal.NUMBER)')",
    "while a class is made": """
import os, signal
class Field:
    def __set_name__(self, owner, name):
        os.kill(os.getpid(), signal.NUMBER)
        os.getpid()
class Owner:
    field = Field()
""",
    "in a callback of a reference": """
import os, signal, weakref
class Held: ...
held = Held()
reference = weakref.ref(held, lambda _: [os.kill(os.getpid(), signal.NUMBER), os.getpid()])
del held
""",
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_waits_until_the_import_is_over(tmp_path: Path, number: str, moment: str) -> None:
    (tmp_path / "signalled.py").write_text(MOMENTS[moment].replace("NUMBER", number) + "\nwhole = True\n")
    (tmp_path / "program.py").write_text(PROGRAM)
    ended = _ended(tmp_path)
    assert ended.stdout == "imported\n", ended.stderr
    assert (ended.returncode, ended.stderr) == (130, "")


def test_an_import_that_never_ends_is_broken_off(tmp_path: Path) -> None:
    (tmp_path / "signalled.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True:\n    pass\n"
    )
    (tmp_path / "program.py").write_text(PROGRAM)
    ended = _ended(tmp_path)
    assert ended.stdout == "broken off\n", ended.stderr
    assert ended.returncode == 130


def test_a_signal_that_was_ignored_as_the_process_began_stays_ignored(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        "import os, signal\nfrom harness.host.interruption import interrupt_on_signals\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\ninterrupt_on_signals()\n"
        "os.kill(os.getpid(), signal.SIGINT)\nprint('goes on')\n"
    )
    ended = _ended(tmp_path)
    assert (ended.returncode, ended.stdout) == (0, "goes on\n"), ended.stderr


def _ended(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # With -m, as `python -m harness.cli`: only then Python puts a code of its own in our place.
        [sys.executable, "-m", "program"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=END_S,
        check=False,
    )
