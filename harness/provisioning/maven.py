"""The Maven repository, through jgo, which is imported only when used (half a second)."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.problem import Problem

# A coordinate becomes a part of addresses and paths: no folder, no dots in a row, nothing hidden.
WORD = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*"
COORDINATE = re.compile(rf"{WORD}:{WORD}:{WORD}")

_TRIES = 3
_PAUSE_S = 1.0
_TIMEOUT_S = 30
_MENDING = (
    "see to the network and its certificates (REQUESTS_CA_BUNDLE), or name a mirror in ~/.config/jgo.conf "
    "([repositories] central = URL), and repeat the command"
)


def resolve(coordinates: Sequence[str]) -> list[str]:
    """Coordinates GROUP:ARTIFACT:VERSION of the given ones and of all that they need at run time. Raises Problem."""
    if not coordinates:
        return []
    context = _context(None)
    wanted = [context.create_dependency(_parse(coordinate)) for coordinate in coordinates]
    try:
        given, needed = context.resolver.resolve(wanted)
    except Exception as error:  # jgo lets through whatever its HTTP and XML libraries raise.
        raise _unreachable(", ".join(coordinates), error) from error
    found = [*given, *(dependency for dependency in needed if dependency.scope in ("compile", "runtime"))]
    for dependency in found:
        if dependency.classifier or dependency.type != "jar":
            raise Problem(f"{dependency} is not a plain jar, and only these can be locked")
    return sorted({f"{item.groupId}:{item.artifactId}:{item.version}" for item in found})


def local_copy(coordinate: str) -> Path:
    """Where the user's local Maven repository has the file, if it has. Raises Problem for what is no coordinate."""
    _refuse(coordinate)
    path: Path = _artifact(_context(None), coordinate).cached_path
    return path


def fetch(coordinate: str, scratch: Path, progress: Callable[[int], None] | None = None) -> Path:
    """Fetch the file into a folder under scratch; progress gets the number of bytes that are there.

    Raises Problem if it cannot be had.
    """
    _refuse(coordinate)
    for attempt in range(1, _TRIES + 1):
        folder = scratch / coordinate.replace(":", "_")
        shutil.rmtree(
            folder, ignore_errors=True
        )  # jgo leaves half a file, and later trusts it, where a transfer is cut.
        try:
            return Path(_artifact(_context(folder, progress), coordinate).resolve())
        except Exception as error:  # As in resolve.
            if attempt == _TRIES:
                raise _unreachable(coordinate, error) from error
            time.sleep(_PAUSE_S * attempt)
    raise AssertionError("the last try returns or raises")


def _refuse(coordinate: str) -> None:
    """Raises Problem for what is none: it may be of a list that a repository has of what a file needs."""
    if not COORDINATE.fullmatch(coordinate):
        raise Problem(f"{coordinate!r} is not GROUP:ARTIFACT:VERSION", "as a Maven coordinate", "see where it is named")


def _artifact(context: Any, coordinate: str) -> Any:
    group, artifact, version = coordinate.split(":")
    return context.project(group, artifact).at_version(version).artifact()


def _context(folder: Path | None, progress: Callable[[int], None] | None = None) -> Any:
    """jgo with the user's repositories; None as the folder means the user's local repository."""
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext, PythonResolver

    @contextmanager
    def counting(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        done = 0

        def add(count: int) -> None:
            nonlocal done
            done += count
            if progress:
                progress(done)

        yield add

    settings = GlobalSettings.load()
    return MavenContext(
        resolver=PythonResolver(progress_callback=counting),
        repo_cache=folder or settings.repo_cache,
        remote_repos={"central": MAVEN_CENTRAL_URL} | settings.repositories,
        timeout=_TIMEOUT_S,
    )


def _parse(coordinate: str) -> Any:
    from jgo.parse import Coordinate

    parsed = Coordinate.parse(coordinate)
    parsed.scope = "compile"
    return parsed


def _unreachable(what: str, error: Exception) -> Problem:
    first = next(iter(str(error).splitlines()), type(error).__name__)
    return Problem(f"{what} cannot be fetched: {first}", "from the Maven repository", _MENDING)
