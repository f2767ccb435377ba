"""What a gate compares with: a revision, checked out and made ready; a stored baseline; or nothing yet."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from harness.gate import outside_package, repository, side
from harness.gate.outside_package import OutsidePackage
from harness.gate.repository import Baseline, Repository
from harness.gate.side import SideCode
from harness.gate.worktree import checked_out
from harness.problem import ExitCode, Problem
from harness.provisioning.progress import ProgressReport

_FOLDERS = (".", "/", "~")
"""What a path begins with that is meant for one."""


_STORED = ("result.json", "candidate/result.json")
"""What a folder has of which one is a baseline: that of trials, or that of a gate."""


@dataclass(frozen=True)
class Opponent:
    """Of revision and folder one, or none: then there is no baseline, and the candidate's trials become one in
    `stored`.
    """

    revision: Baseline | None = None
    folder: Path | None = None
    stored: Path | None = None


def named(asked: str | None, top: Repository | None, may_be_missing: bool) -> Opponent:
    """What --baseline means here. Raises Problem where there is no such thing, or two."""
    path = Path(asked).expanduser() if asked else None
    if path is not None and asked is not None:
        meant = asked.startswith(_FOLDERS) or asked.endswith("/")
        revision = top.commit(asked) if top is not None and not meant else None
        if path.is_dir() and revision is not None:
            what, remedy = f"{asked!r} is a folder and a revision", f"Say ./{asked}, or refs/heads/{asked}"
            raise Problem(what, "option --baseline", remedy, ExitCode.USAGE)
        if path.is_dir() and not any((path / name).exists() for name in _STORED):
            empty = Problem("the folder has no result of trials", asked, _FIRST, ExitCode.USAGE)
            return _missing(path, empty, may_be_missing)
        if path.is_dir():
            return Opponent(folder=path)
        if meant or top is None:
            return _missing(path, Problem("there is no such folder", asked, _FIRST, ExitCode.USAGE), may_be_missing)
    if top is None:
        what = "this is no Git repository (or git is not installed), so there is no revision to compare with"
        remedy = f"Stand in one, or name a folder with --baseline. {_FIRST}"
        raise Problem(what, str(Path.cwd()), remedy, ExitCode.USAGE)
    found = repository.chosen(top, asked)
    return Opponent(revision=found) if found else _missing(None, repository.lacking(asked), may_be_missing)


_FIRST = "--allow-missing-baseline passes a first run and stores it there"


def _missing(path: Path | None, problem: Problem, may_be_missing: bool) -> Opponent:
    if not may_be_missing:
        raise problem
    return Opponent(stored=path)


@dataclass(frozen=True)
class Sides:
    """Both, made ready. baseline: None where nothing of it runs."""

    candidate: SideCode
    baseline: SideCode | None


def made_ready(
    opponent: Opponent, top: Repository | None, to_set_up: Sequence[str], report: ProgressReport, stack: ExitStack
) -> Sides:
    """Check out the baseline for as long as the stack lasts, and bring what both sides need. Raises Problem with what
    is missing: nothing was tried then.
    """
    folder = top.top if top is not None else Path.cwd()
    if opponent.revision is None or top is None:
        sides = Sides(side.candidate(folder), None)
    elif top.is_another_checkout:
        what = "this is another checkout of Streamgauge than the one that runs"
        raise Problem(what, str(folder), f"Call the one here: {folder / 'bench'} gate", ExitCode.USAGE)
    else:
        packages = [] if top.is_ours else outside_package.found_in(top.top)
        root = stack.enter_context(checked_out(top, opponent.revision.commit))
        if top.is_ours:
            report.step(f"the baseline is {opponent.revision.said} ({opponent.revision.commit[:12]})")
            sides = Sides(side.candidate(folder), side.of_ours(root, report))
        else:
            _has(root, packages, opponent.revision)
            paths = [top.top / each.folder for each in packages]
            mine = side.candidate(folder, paths, [top.top / each.loaded for each in packages])
            sides = Sides(mine, side.of_others(root, [root / each.folder for each in packages]))
    if sides.baseline is not None:
        side.same_method(sides.baseline)
        side.compiled(sides.baseline)
        sides.baseline.set_up(to_set_up)
    sides.candidate.set_up(to_set_up)
    return sides


def _has(root: Path, packages: Sequence[OutsidePackage], revision: Baseline) -> None:
    """Raises Problem where a checkout lacks a package: Python would take the candidate's instead."""
    for each in packages:
        if not (root / each.file).is_file():
            what = f"the baseline has no {each.file}, by which the candidate's package is loaded"
            raise Problem(what, revision.commit, "choose a later revision with --baseline", ExitCode.USAGE)
