"""Becomes a command that is ended, as by SIGTERM, when the process that started it dies. Standard library only.

A gate that is killed cannot end the trial that goes on. A trial that gets SIGTERM ends all that it started itself.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != int(parent):  # It died before we asked.
        sys.exit(128 + signal.SIGTERM)
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
