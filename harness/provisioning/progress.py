"""How provisioning tells what it is doing; the command line draws it. Standard library only."""

from __future__ import annotations

import sys
from typing import Protocol

from results.printable import printable


class ProgressReport(Protocol):
    def step(self, text: str) -> None:
        """Something began or ended."""
        ...

    def progress(self, what: str, done: int, total: int) -> None:
        """`done` of `total` bytes of `what` are there; done == total once, at its end."""
        ...


class Lines:
    """Plain lines on standard error: every step, and the end of every progress."""

    def step(self, text: str) -> None:
        sys.stderr.write(f"{printable(text)}\n")
        sys.stderr.flush()

    def progress(self, what: str, done: int, total: int) -> None:
        if done == total:
            self.step(f"{what}: {total / 1e6:.1f} MB")
