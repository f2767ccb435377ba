from __future__ import annotations

import pickle
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from results.judge import judge
from results.result import CaseResult
from results.verdict.examination import Examination
from results.verdict.slices import Slices
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


def judged_by_slices(folder: Path, size: int) -> list[CaseResult]:
    """What a history is judged to in slices of about so many events, all in this process."""
    weighed: list[Examination] = []
    whole = Slices.weighed
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("results.evidence.apportioned.SLICE_EVENTS", size)
        patch.setattr("results.verdict.slices.PROCESSES", 0)
        patch.setattr(Slices, "weighed", lambda self: weighed.append(whole(self)) or weighed[-1])
        cases = judge(folder)
    assert weighed, "it was not judged by slices"
    return cases


class JudgeShaped:
    """Judges what an engine answered to a query of any shape. by_slices: also by slices, which must say the same."""

    def __init__(self, folder: Path, discovered: Callable[[Shaped], None]) -> None:
        self._folder, self._discovered, self.by_slices = folder, discovered, False

    def _judge(self, recording: Recording) -> list[CaseResult]:
        cases = judge(recording.write(self._folder))
        if self.by_slices:
            assert judged_by_slices(self._folder, 300) == cases
        return cases

    def __call__(self, made: Shaped) -> CaseResult:
        """The result of the paced phase, the only one."""
        (case,) = self.both(made)
        return case

    def both(self, made: Shaped) -> list[CaseResult]:
        """The results of the paced phase and of the backlog before it."""
        self._discovered(made)
        return self._judge(made.recording())

    def recorded(self, made: Shaped, recording: Recording) -> CaseResult:
        """The result of the one phase of a history that was made from it, and changed."""
        self._discovered(made)
        (case,) = self._judge(recording)
        return case


@pytest.fixture
def judge_shaped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> JudgeShaped:
    def discovered(made: Shaped) -> None:
        monkeypatch.setattr("results.evidence.regenerated.discover", lambda: {"shaped": Found(made)})

    return JudgeShaped(tmp_path / "shaped", discovered)
