from __future__ import annotations

import pickle
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from results.judge import judge
from results.result import CaseResult
from tests.judge.recording import Recording, perfect

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
