"""The processes of an operating system session, read from /proc."""

from __future__ import annotations

from pathlib import Path


def members(session: int) -> dict[int, str]:
    """Command lines by pid of what runs in the session that process `session` began, itself included.

    A session holds on to processes whose parent died, which a walk down from the parent would lose.
    """
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            stat = (folder / "stat").read_text()
            # Fields after the command's name, which may hold anything: state, parent, group, session.
            state, _, _, number = stat.rpartition(")")[2].split()[:4]
            if int(number) == session and state not in "ZX":
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
