"""How Python is started for modules of our own: so that it looks for none of them in the current folder.

The folder that a command is called in is its user's, and may hold a `queue.py` or `json.py`, or be somebody else's:
`python -m` would run those instead of the standard library's.

The command `streamgauge` starts the harness with -E: it obeys no PYTHONPATH, which may name a repository that has a
`results` of its own, and neither does what the harness starts. A gate starts its sides with a PYTHONPATH and without
-E; then that stays, but not its empty entries (`PYTHONPATH=$PYTHONPATH:/x`) and `.`, which mean the current folder.
"""

from __future__ import annotations

import os
import sys

_CURRENT = ("", ".")


def command(module: str, *arguments: str) -> list[str]:
    """What runs the module, with the Python that runs us, and as it runs us."""
    return [sys.executable, *(["-E"] if sys.flags.ignore_environment else []), "-P", "-m", module, *arguments]


def environment() -> dict[str, str]:
    """This process's environment, for the command."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if sys.flags.ignore_environment:
        return kept
    folders = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry not in _CURRENT]
    return kept | ({"PYTHONPATH": os.pathsep.join(folders)} if folders else {})
