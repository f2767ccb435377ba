"""The application's classes: compiled once from the Java file beside this one, kept in a cache."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from engines.protocol import EngineFailure

SOURCE = Path(__file__).with_name("WindowedQuery.java")
MAIN = SOURCE.stem

_COMPILE_TIMEOUT_S = 120


def compiled(cache: Path, java_home: Path, jars: Sequence[Path]) -> Path:
    """The folder with the classes, compiled now unless the cache has them for this source, these jars and this JDK.

    Safe where several processes do it at once. Raises EngineFailure if javac refuses.
    """
    wanted = hashlib.sha256(SOURCE.read_bytes())
    for jar in sorted(jars):
        wanted.update(f"\n{jar.name} {jar.stat().st_size}".encode())
    wanted.update(f"\n{java_home}".encode())
    target = cache / f"{MAIN}-{wanted.hexdigest()[:16]}"
    if target.exists():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{MAIN}-", dir=cache))
    try:
        _compile(scratch, java_home, jars)
        try:
            scratch.rename(target)
        except OSError:
            # Another process was faster; its classes are the same.
            if not target.exists():
                raise
        return target
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _compile(target: Path, java_home: Path, jars: Sequence[Path]) -> None:
    javac = java_home / "bin" / "javac"
    words = [str(javac), "-d", str(target), "-cp", ":".join(map(str, jars)), str(SOURCE)]
    remedy = f"check that {java_home} is a JDK of the version asked for, not a JRE"
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_COMPILE_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineFailure(f"{SOURCE.name} was not compiled: {error}", str(javac), remedy) from error
    if done.returncode != 0:
        raise EngineFailure(f"javac refused {SOURCE.name}:\n{done.stdout}{done.stderr}".rstrip(), str(SOURCE), remedy)
