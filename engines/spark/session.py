"""The processes of an operating system session, read from /proc."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from engines import proc


def members(session: int) -> dict[int, str]:
    """Command lines by pid of what runs in the session that process `session` began, itself included.

    A session holds on to processes whose parent died, which a walk down from the parent would lose.
    """
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        stat = proc.read(int(folder.name))
        if stat is None or stat.session != session or stat.state in "ZX":
            continue
        with suppress(FileNotFoundError, ProcessLookupError):  # It ended meanwhile.
            found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found
