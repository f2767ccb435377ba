"""How the user called this command, and paths that are printed to be typed: quoted as a shell reads them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

from results.printable import printable

CALLED = "STREAMGAUGE_CALLED"
"""What the user typed, where a script stands before us: ./bench sets it to its own name."""

NAME = "streamgauge"


def program() -> str:
    """The command as it is to be typed again, ready for a shell."""
    return shlex.quote(printable(_called()))


def short_name() -> str:
    """The last part of what was typed, for help, and for completion: a shell's functions are called by it."""
    last = Path(_called()).name
    return last if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", last) else NAME


def again(*words: str) -> str:
    """A command line to be typed: the command as the user called it, then these words."""
    return " ".join([program(), *(shlex.quote(printable(word)) for word in words)])


def in_command(*words: str) -> str:
    """Where something is wrong in a command line, such as "in the command `bench compare`"."""
    return f"in the command `{' '.join([short_name(), *words])}`"


def _called() -> str:
    if told := os.environ.get(CALLED):
        return told
    own = Path(sys.argv[0] if sys.argv else NAME)
    if own.name != NAME:
        return NAME  # A module that was run by Python, a test: by its usual name.
    found = shutil.which(NAME)
    return NAME if found is not None and Path(found).absolute() == own.absolute() else str(own)
