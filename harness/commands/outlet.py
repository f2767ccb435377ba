"""Standard output and error of a command whose caller may not take what it says.

A reader that has gone (`| head -1`) ended nothing but its own reading, and a stream that was closed (`>&-`) asked for
silence: neither changes what a command does, or its exit code. What could not be written for another reason is told.
"""

from __future__ import annotations

import os
import sys
from typing import IO, Any


class Outlet:
    """A stream that is written to as long as that works, and to nothing afterwards."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self.failure: OSError | None = None
        """Why it could not be written any more; None also where its reader has gone."""

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._abandon(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._abandon(error)

    def _abandon(self, error: OSError) -> None:
        if not isinstance(error, BrokenPipeError):
            self.failure = error
        # Under the stream, so that what it still holds goes there as well when the interpreter ends.
        with open(os.devnull, "wb") as nothing:  # noqa: PTH123 - no path of ours
            os.dup2(nothing.fileno(), self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def open_outlets() -> tuple[Outlet, Outlet]:
    """Make sys.stdout and sys.stderr outlets. Streams that are closed lead to nothing from then on: a file that is
    opened later would get their number, and what a child prints.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    outlets = []
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        # None is what Python makes of a closed one.
        found: IO[str] = stream or open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        reconfigure = getattr(found, "reconfigure", None)
        if reconfigure:  # A terminal that knows no arrows shows a question mark, and the run goes on.
            reconfigure(errors="replace")
        outlets.append(Outlet(found))
    sys.stdout, sys.stderr = outlets
    return outlets[0], outlets[1]
