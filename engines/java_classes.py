"""Classes of our own that run in an engine's JVMs: compiled once from their Java files, kept in a cache."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from engines.protocol import EngineFailure

_COMPILE_TIMEOUT_S = 120


def compiled(folder: Path, cache: Path, java_home: Path, jars: Sequence[Path]) -> Path:
    """The folder with the classes of all Java files in `folder`, compiled now unless the cache has them for these
    sources, jars and JDK.

    Safe where several processes do it at once. Raises EngineFailure if javac refuses.
    """
    sources = sorted(folder.glob("*.java"))
    wanted = hashlib.sha256()
    for source in sources:
        content = source.read_bytes()
        wanted.update(f"\n{source.name} {len(content)}\n".encode() + content)
    for jar in sorted(jars):
        wanted.update(f"\n{jar.name} {jar.stat().st_size}".encode())
    wanted.update(f"\n{java_home}".encode())
    target = cache / f"classes-{wanted.hexdigest()[:16]}"
    if target.exists():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="classes-", dir=cache))
    try:
        _compile(sources, scratch, java_home, jars)
        try:
            scratch.rename(target)
        except OSError:
            # Another process was faster; its classes are the same.
            if not target.exists():
                raise
        return target
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _compile(sources: Sequence[Path], target: Path, java_home: Path, jars: Sequence[Path]) -> None:
    javac = java_home / "bin" / "javac"
    words = [str(javac), "-d", str(target), "-cp", ":".join(map(str, jars)), *map(str, sources)]
    remedy = f"check that {java_home} is a JDK of the version asked for, not a JRE"
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_COMPILE_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineFailure(f"the application was not compiled: {error}", str(javac), remedy) from error
    if done.returncode != 0:
        said = f"{done.stdout}{done.stderr}".rstrip()
        raise EngineFailure(f"javac refused the application:\n{said}", str(sources[0].parent), remedy)
