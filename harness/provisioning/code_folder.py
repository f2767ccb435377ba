"""The folder that engine processes import our code from: it holds links to `engines` and `workloads`, and nothing else.

Where we are installed there are other packages beside these two. An engine's Python would import them in place of those
of its own environment.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness.problem import ExitCode, Problem
from harness.provisioning.folders import ROOT, home

_OURS = ("engines", "workloads")
_SCRATCH = ".making-"


def code_folder(packages: Sequence[Path] = ()) -> Path:
    """A folder for PYTHONPATH with `engines`, `workloads` and an outside engine's own `packages`, each by its name.

    It is made once for the same packages, and never changed. Raises Problem for what is no package, or is called as one
    of ours, and where the folder cannot be made.
    """
    wanted = {name: ROOT / name for name in _OURS}
    for package in packages:
        if not package.is_absolute() or not package.exists() or package.name in wanted:
            what = f"{package} is no package that an engine's processes can import, or there are two of its name"
            remedy = "name each package once, by its absolute path"
            raise Problem(what, "in an engine's `environment`", remedy, ExitCode.USAGE)
        wanted[package.name] = package
    named = json.dumps({name: str(path) for name, path in sorted(wanted.items())})
    folder = home() / "code" / hashlib.sha256(named.encode()).hexdigest()[:16]
    if not _holds(folder, wanted):
        _make(folder, wanted)
    return folder


def _holds(folder: Path, wanted: dict[str, Path]) -> bool:
    """Whether it is there and whole."""
    try:
        return {link.name: link.readlink() for link in folder.iterdir()} == wanted
    except OSError:
        return False


def _make(folder: Path, wanted: dict[str, Path]) -> None:
    """Make it beside its place, so that it is never seen half made. Another process may make it meanwhile."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=folder.parent))
        try:
            made.chmod(0o755)  # Made by root for all, in an image: others read it.
            for name, path in wanted.items():
                (made / name).symlink_to(path)
            if folder.exists() and not _holds(folder, wanted):
                shutil.rmtree(folder)
            made.rename(folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        if _holds(folder, wanted):
            return
        what = f"the folder of what engines import cannot be made: {error.strerror}"
        raise Problem(what, str(folder), "see to its permissions, or set STREAMGAUGE_HOME to another folder") from error
