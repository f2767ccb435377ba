"""The disk that holds the job's state is full."""

from __future__ import annotations

import time

from harness.faults.fault import Need, Target, Unconfirmed

_CONFIRM_S = 10.0
_LOOK_S = 0.01


class FillDisk:
    name = "fill-disk"
    story = "the disk under the job's state directory (a small one of its own; needs root) is full for a while"
    needs: frozenset[Need] = frozenset({"worker", "disk"})
    hold_s = 8.0
    one_victim = False
    graceful = False

    def inject(self, target: Target) -> str:
        disk = target.disk
        if disk is None:
            raise Unconfirmed("the job's state has no disk of its own")
        if not disk.used:
            raise Unconfirmed("the job keeps nothing in its state directory, so a full disk cannot hurt it")
        deadline_s = time.monotonic() + _CONFIRM_S
        # The job may give room back while it is taken.
        while (free := disk.free_bytes) > 0:
            disk.fill()
            if time.monotonic() > deadline_s:
                raise Unconfirmed(f"{free} bytes of the disk were still free after {_CONFIRM_S:g} s")
            time.sleep(_LOOK_S)
        return "no byte of the disk under the state directory is free"

    def heal(self, target: Target) -> None:
        if target.disk is not None:
            target.disk.free()
        target.revive()


fault = FillDisk
