"""The consoles of a command: where its lines go, and how wide they are. Slow imports wait until they are used."""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from harness.provisioning.progress import ProgressReport

_PIPE_COLUMNS = 120


def console(stream: IO[str]) -> Console:
    """A console; where it is no terminal, as wide as the tables like it unless COLUMNS says otherwise."""
    from rich.console import Console

    width = None if stream.isatty() or "COLUMNS" in os.environ else _PIPE_COLUMNS
    return Console(file=stream, width=width, highlight=False)


def report() -> ProgressReport:
    """Tells on standard error what is being brought: bars on a terminal, lines elsewhere."""
    from harness.display import Bars
    from harness.provisioning.progress import Lines

    on = console(sys.stderr)
    return Bars(on) if on.is_terminal else Lines()
