"""What a gate asks of each trial, and about how long that takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from harness.gate import asked
from harness.gate.side import Unit
from harness.planning import duration
from harness.provisioning.progress import Lines
from results.plan import CasePlan

TRIAL = Unit("continuous", "sensors")


def test_each_trial_on_kafka_starts_a_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = asked._seconds
    seen: list[tuple[Sequence[CasePlan], Mapping[str, bool]]] = []

    def kept(cases: Sequence[CasePlan], jvm: Mapping[str, bool], broker: bool) -> dict[Unit, float]:
        seen.append((cases, jvm))
        return seconds(cases, jvm, broker)

    monkeypatch.setattr(asked, "_seconds", kept)
    found = asked.asked("gate", ["continuous"], (), "auto", (), Lines())
    assert (found.log, found.units, found.to_set_up) == ("embedded", (TRIAL,), ("continuous",))
    (cases, jvm) = seen[0]
    assert found.seconds[TRIAL] == seconds(cases, jvm, False)[TRIAL] > 10
    assert seconds(cases, jvm, True)[TRIAL] == pytest.approx(found.seconds[TRIAL] + duration._BROKER_S)
