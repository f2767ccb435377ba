"""Jar sets: named in jars.toml, locked by SHA-256 in jars.lock, kept in the home folder, checked at each use.

A package outside has a jars.toml and a jars.lock of its own; `python -m harness.provisioning.jars lock JARS_TOML` makes
the lock, beside the file that it names.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.problem import ExitCode, Problem
from harness.provisioning import maven
from harness.provisioning.folders import exclusive, home, lacking_space
from harness.provisioning.progress import Lines, ProgressReport
from results.folder import write_whole

SETS = Path(__file__).with_name("jars.toml")
LOCK = Path(__file__).with_name("jars.lock")
RELOCK = "python -m harness.provisioning.jars lock"
_SUFFIX = ".lock"
_SCRATCH = ".fetching-"

# What a lock names becomes a part of paths: no folder, nothing hidden.
_FILE = re.compile(rf"{maven.WORD}\.jar")
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Jar:
    """A locked file: Maven coordinate GROUP:ARTIFACT:VERSION, size in bytes, SHA-256 in hex."""

    coordinate: str
    file: str
    size: int
    sha256: str


def read_lock(lock: Path = LOCK) -> dict[str, tuple[Jar, ...]]:
    """The locked jars by set. Raises Problem if the lock was made from another jars.toml than that beside it, or is
    none.
    """
    sets = lock.with_suffix(SETS.suffix)
    try:
        content = tomllib.loads(lock.read_text())
        by_set: dict[str, list[Jar]] = defaultdict(list)
        for entry in content["jar"]:
            jar = _jar(entry)
            for name in entry["sets"]:
                by_set[name].append(jar)
        source, wanted = content["source"], _sha256(sets)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise Problem(f"the jar lock cannot be read: {error}", str(lock), f"make it again: {RELOCK}") from error
    if source != wanted:
        raise Problem(f"{lock.name} was made from another {sets.name}", str(lock), f"make it again: {RELOCK}")
    return {name: tuple(jars) for name, jars in by_set.items()}


def _jar(entry: Mapping[str, Any]) -> Jar:
    """Raises KeyError and ValueError for what is no locked file."""
    jar = Jar(entry["coordinate"], entry["file"], entry["size"], entry["sha256"])
    for text, form in ((jar.coordinate, maven.COORDINATE), (jar.file, _FILE), (jar.sha256, _SHA256)):
        if not (isinstance(text, str) and form.fullmatch(text)):
            raise ValueError(f"{text!r} is not of the form {form.pattern}")
    if not (isinstance(jar.size, int) and jar.size > 0):
        raise ValueError(f"{jar.size!r} is no size of a file")
    return jar


def missing_jars(name: str, lock: Path | None = None) -> tuple[Jar, ...]:
    """The files of a set that are not here. Those that are have the locked hash, else Problem is raised.

    lock: that of a package outside; None for ours.
    """
    jars = _locked(name, lock)
    return _folder_of(lock).missing(jars)


def ensure_jars(name: str, report: ProgressReport, lock: Path | None = None) -> tuple[Path, ...]:
    """The paths of a set's files, each with the locked hash; what is missing is fetched. Nothing is if all is here.

    lock: that of a package outside; None for ours. Raises Problem: no such set, a file that is not what was locked, no
    space, a repository that cannot be reached.
    """
    jars, folder_of_jars = _locked(name, lock), _folder_of(lock)
    if folder_of_jars.missing(jars):
        with exclusive("jars", report):
            folder_of_jars = _JarFolder(folder_of_jars.folder)
            missing = folder_of_jars.missing(jars)
            if missing:
                folder_of_jars.fetch(name, missing, report)
    return tuple(folder_of_jars.folder / jar.file for jar in jars)


def _folder_of(lock: Path | None) -> _JarFolder:
    """Jars of one lock have different names, those of several need not: each lock has a folder of its own."""
    jars = home() / "jars"
    return _JarFolder(jars if lock is None else jars / f"outside-{_sha256(lock)[:16]}")


def _locked(name: str, lock: Path | None) -> tuple[Jar, ...]:
    sets = read_lock() if lock is None else read_lock(lock)
    if name not in sets:
        where = SETS if lock is None else lock
        raise Problem(
            f"there is no jar set {name}; there are: {', '.join(sorted(sets))}", str(where), "", ExitCode.USAGE
        )
    return sets[name]


class _JarFolder:
    """A folder of jars. `verified.json` holds the size, time and hash of each when it was last read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._record = folder / "verified.json"
        try:
            self._verified: dict[str, list[int | str]] = json.loads(self._record.read_text())
        except (OSError, ValueError):
            self._verified = {}

    def missing(self, jars: Sequence[Jar]) -> tuple[Jar, ...]:
        before = dict(self._verified)
        absent = tuple(jar for jar in jars if not self._is_verified(jar))
        if self._verified != before:
            with suppress(OSError):  # Where nothing can be written, they are read again next time.
                self._save()
        return absent

    def fetch(self, name: str, jars: Sequence[Jar], report: ProgressReport) -> None:
        total = sum(jar.size for jar in jars)
        lack = lacking_space(self.folder, 2 * total)
        if lack:
            raise lack
        self.folder.mkdir(parents=True, exist_ok=True)
        what = f"jars of {name}"
        report.step(f"fetching the {what} into {self.folder} (files: {len(jars)}, {total / 1e6:.1f} MB)")
        for abandoned in self.folder.glob(f"{_SCRATCH}*"):
            shutil.rmtree(abandoned)
        done = 0

        def progress(here: int) -> None:
            if done + here < total:
                report.progress(what, done + here, total)

        with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=self.folder) as scratch:
            for jar in jars:
                _obtain(jar, Path(scratch), progress).replace(self.folder / jar.file)
                self._note(jar)
                done += jar.size
        report.progress(what, total, total)
        self._save()

    def _is_verified(self, jar: Jar) -> bool:
        """False if it is not here. Raises Problem if it is another file. Read again only if size or time changed."""
        path = self.folder / jar.file
        try:
            state = path.stat()
        except FileNotFoundError:
            return False
        if self._verified.get(jar.file) == [state.st_size, state.st_mtime_ns, jar.sha256]:
            return True
        found = _sha256(path)
        if found != jar.sha256:
            raise Problem(
                f"{jar.file} was damaged or changed: SHA-256 {jar.sha256} expected, {found} found",
                str(path),
                f"remove it, and it is fetched again when needed: rm {path}",
            )
        self._note(jar)
        return True

    def _note(self, jar: Jar) -> None:
        state = (self.folder / jar.file).stat()
        self._verified[jar.file] = [state.st_size, state.st_mtime_ns, jar.sha256]

    def _save(self) -> None:
        write_whole(self._record, json.dumps(self._verified, indent=1).encode())


def _obtain(jar: Jar, scratch: Path, progress: Callable[[int], None]) -> Path:
    """A copy of the user's own file if it has the locked hash, else the fetched one, checked."""
    own = maven.local_copy(jar.coordinate)
    if own.is_file() and _sha256(own) == jar.sha256:
        return Path(shutil.copy(own, scratch / jar.file))
    path = maven.fetch(jar.coordinate, scratch, progress)
    found = _sha256(path)
    if found != jar.sha256:
        raise Problem(
            f"{jar.coordinate} is not the file that was locked: SHA-256 {jar.sha256} expected, {found} found",
            "as it came from the Maven repository; it was not kept",
            "see whether that repository, or a proxy on the way, can be trusted; then repeat the command",
        )
    return path


def make_lock(report: ProgressReport, sets: Path = SETS) -> str:
    """The text of a new lock of jar sets: every set resolved, every file fetched and hashed. Raises Problem."""
    users: dict[str, list[str]] = defaultdict(list)
    for name, wanted in _wanted(sets).items():
        report.step(f"resolving {name}")
        for coordinate in (*maven.resolve(wanted.get("whole", [])), *wanted.get("alone", [])):
            users[coordinate].append(name)
    files: dict[str, str] = {}
    lines = [f"# Made from {sets.name} by `{RELOCK}`.", f'source = "{_sha256(sets)}"']
    with tempfile.TemporaryDirectory() as scratch:
        for coordinate in sorted(users):
            report.step(f"fetching {coordinate}")
            path = maven.fetch(coordinate, Path(scratch))
            if files.setdefault(path.name, coordinate) != coordinate:
                raise Problem(f"{coordinate} and {files[path.name]} have the same file name", path.name)
            lines += ["", "[[jar]]", f"sets = {json.dumps(users[coordinate])}", f'coordinate = "{coordinate}"']
            lines += [f'file = "{path.name}"', f"size = {path.stat().st_size}", f'sha256 = "{_sha256(path)}"']
    return "\n".join(lines) + "\n"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _wanted(sets: Path) -> dict[str, Any]:
    """Raises Problem for what is no file of jar sets."""
    try:
        return tomllib.loads(sets.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Problem(
            f"the jar sets cannot be read: {error}", str(sets), "see harness/provisioning/jars.toml"
        ) from error


def main() -> int:
    """Write the lock of our jar sets, or of those of a package outside. The exit code; what went wrong is printed."""
    words = sys.argv[1:]
    if words[:1] != ["lock"] or len(words) > 2:
        sys.stderr.write(f"usage: {RELOCK} [JARS_TOML]\n")
        return ExitCode.USAGE
    sets = Path(words[1]) if len(words) > 1 else SETS
    try:
        write_whole(sets.with_suffix(_SUFFIX), make_lock(Lines(), sets).encode())
    except Problem as problem:
        sys.stderr.write(f"{problem.text()}\n")
        return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
