"""The wish that a process end, as SIGTERM brings it."""

from __future__ import annotations

import time

_LOOK_S = 0.1


class Stop:
    """Not a threading.Event, whose lock a signal handler could find held by its own thread."""

    def __init__(self) -> None:
        self.requested = False

    def request(self, *_: object) -> None:
        """Takes what a signal handler is given."""
        self.requested = True

    def sleep_until(self, deadline: float) -> None:
        """Return at a time of the monotonic clock, or once a stop is requested."""
        while not self.requested and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_S))
