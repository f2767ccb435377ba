"""A fault: what it needs, how it is injected and confirmed, and how it is healed. When it strikes, others decide."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from engines.proc import runs
from harness.faults.fault import Need, Target, Unconfirmed

_GONE_S = 15.0
_LOOK_S = 0.001


class AbortWorker:
    name = "abort-worker"
    story = "one worker is aborted (SIGABRT), as by a failed assertion of its native code, and started again"
    needs: frozenset[Need] = frozenset({"worker"})
    hold_s = 0.0
    graceful = False

    def inject(self, target: Target) -> str:
        pid = target.chance.choice(sorted(target.occupied()))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGABRT)
        deadline_s = time.monotonic() + _GONE_S
        while runs(pid):
            if time.monotonic() > deadline_s:
                raise Unconfirmed(f"worker {pid} was not gone {_GONE_S:g} s after SIGABRT")
            time.sleep(_LOOK_S)
        return f"worker {pid} is gone"

    def heal(self, target: Target) -> None:
        target.revive()


fault = AbortWorker
