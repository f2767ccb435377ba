from __future__ import annotations

import pickle
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from results.judge import judge
from results.result import CaseResult
from tests.judge.recording import Recording, perfect
from tests.judge.shapes import Found, Shaped

Judged = dict[str, CaseResult]


@pytest.fixture(scope="session")
def _pickled() -> bytes:
    return pickle.dumps(perfect())


@pytest.fixture
def recording(_pickled: bytes) -> Recording:
    """A perfect history, to be spoiled."""
    return pickle.loads(_pickled)  # noqa: S301  # our own bytes


@pytest.fixture
def judged(tmp_path: Path) -> Callable[[Recording], Judged]:
    """Writes a history and judges it: results by phase."""
    number = count()
    return lambda recording: {case.phase: case for case in judge(recording.write(tmp_path / str(next(number))))}


class JudgeShaped:
    """Judges what an engine answered to a query of any shape."""

    def __init__(self, folder: Path, discovered: Callable[[Shaped], None]) -> None:
        self._folder, self._discovered = folder, discovered

    def __call__(self, made: Shaped) -> CaseResult:
        """The result of the paced phase, the only one."""
        (case,) = self.both(made)
        return case

    def both(self, made: Shaped) -> list[CaseResult]:
        """The results of the paced phase and of the backlog before it."""
        self._discovered(made)
        return judge(made.recording().write(self._folder))

    def recorded(self, made: Shaped, recording: Recording) -> CaseResult:
        """The result of the one phase of a history that was made from it, and changed."""
        self._discovered(made)
        (case,) = judge(recording.write(self._folder))
        return case


@pytest.fixture
def judge_shaped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> JudgeShaped:
    def discovered(made: Shaped) -> None:
        monkeypatch.setattr("results.evidence.regenerated.discover", lambda: {"shaped": Found(made)})

    return JudgeShaped(tmp_path / "shaped", discovered)
