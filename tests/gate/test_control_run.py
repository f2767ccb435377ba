"""The control of a gate."""

from __future__ import annotations

import pytest

from harness.gate import control_run
from harness.gate.control_run import ControlRun


def test_the_control_computes_the_same_each_time_and_takes_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_run, "_EVENTS", 10_000)
    answers = []
    due = control_run.oracle.expected

    def expected(*words, **named):
        answers.append(due(*words, **named))
        return answers[-1]

    monkeypatch.setattr(control_run.oracle, "expected", expected)
    control = ControlRun()
    assert control.seconds() > 0 and control.seconds() > 0
    assert len(answers) == 3, "once for nothing"
    assert answers[0].num_rows > 0 and answers[0].equals(answers[1]) and answers[1].equals(answers[2])
