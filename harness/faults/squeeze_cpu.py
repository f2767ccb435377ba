"""Other processes want the same cores."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil

from harness.faults.fault import Need, Target, Unconfirmed
from harness.host import own

_SPIN = "while True: pass"
_CONFIRM_S = 10.0
_LOOK_S = 0.02


class SqueezeCpu:
    name = "squeeze-cpu"
    story = "twice as many processes as the machine has cores do nothing but compute beside the job for a while"
    needs: frozenset[Need] = frozenset({"worker"})
    hold_s = 10.0
    one_victim = False
    graceful = False

    def __init__(self) -> None:
        self._burners: list[subprocess.Popen[bytes]] = []

    def inject(self, target: Target) -> str:  # noqa: ARG002
        wanted = 2 * len(os.sched_getaffinity(0))
        self._burners = [subprocess.Popen([sys.executable, "-I", "-c", _SPIN]) for _ in range(wanted)]
        for burner in self._burners:
            own.register(burner.pid)
        deadline_s = time.monotonic() + _CONFIRM_S
        while not all(psutil.Process(burner.pid).cpu_times().user > 0 for burner in self._burners):
            if time.monotonic() > deadline_s:
                raise Unconfirmed(f"{wanted} processes that compute did not get to run within {_CONFIRM_S:g} s")
            time.sleep(_LOOK_S)
        return f"{wanted} processes compute beside the job"

    def heal(self, target: Target) -> None:  # noqa: ARG002
        for burner in self._burners:
            burner.kill()
            burner.wait()
        self._burners = []


fault = SqueezeCpu
