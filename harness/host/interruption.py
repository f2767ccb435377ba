"""A signal that ends a command raises KeyboardInterrupt, but never in the middle of an import.

An import that is broken off hides the interruption: Python swallows what a callback of its import system raises, gives
what a class raises while it is made another type, and dies of SIGINT without a word where the source text of a
dataclass was broken off. So the signal waits until the import is over.
"""

from __future__ import annotations

import signal
import time
from types import FrameType

_AGAIN_S = 0.005
_PATIENCE_S = 5.0
"""An import that hangs is broken off after all."""

ENDING = (signal.SIGINT, signal.SIGTERM)


def interrupt_on_signals() -> None:
    """From now on SIGINT and SIGTERM raise KeyboardInterrupt in the main thread. One that was ignored as the process
    began, as SIGINT is in the background of a shell, stays ignored. SIGALRM is used for the wait.
    """
    handler = _Interruption()
    for number in ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler.signalled)
    signal.signal(signal.SIGALRM, handler.looked_again)


class _Interruption:
    """What is known about a signal that waits."""

    def __init__(self) -> None:
        self._since_s: float | None = None

    def signalled(self, _number: int, frame: FrameType | None) -> None:
        self._since_s = self._since_s or time.monotonic()
        self._interrupt_or_wait(self._since_s, frame)

    def looked_again(self, _number: int, frame: FrameType | None) -> None:
        if self._since_s is not None:
            self._interrupt_or_wait(self._since_s, frame)

    def _interrupt_or_wait(self, since_s: float, frame: FrameType | None) -> None:
        if _imports(frame) and time.monotonic() - since_s < _PATIENCE_S:
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
            return
        self._since_s = None
        raise KeyboardInterrupt


def _imports(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False
