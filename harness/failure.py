"""Why a trial cannot go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from engines.failure import Failure
from engines.protocol import EngineFailure


class TrialFailure(Failure):
    """What a trial needs beside its engine and the log is lacking or did not answer in time: a port, an instrument, the
    broker, a result that is due."""


@contextmanager
def as_trial_failure(subject: str = "") -> Iterator[None]:
    """What is no engine may be made of the same parts: their EngineFailure is raised as TrialFailure.

    subject: the beginning of what is said, where the parts do not know it.
    """
    try:
        yield
    except EngineFailure as failure:
        raise TrialFailure(f"{subject}{failure.what}", failure.where, failure.remedy) from failure
