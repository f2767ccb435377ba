"""Whatever fails, an engine, a log or the trial itself, its trial ends with what happened and where to look."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engines.failure import Failure
from engines.logs.protocol import LogFailure
from engines.protocol import EngineFailure
from harness.broker import Broker
from harness.display import Silent
from harness.failure import TrialFailure
from harness.trial import Trial
from results.history import Failed, History
from tests.judge.recording import perfect
from workloads.sensors import Sensors


@pytest.mark.parametrize("kind", [EngineFailure, LogFailure, TrialFailure])
def test_a_trial_that_cannot_go_on_is_recorded_as_failed_and_raises_nothing(tmp_path: Path, kind: type[Failure]):
    def refuse(*_: object) -> None:
        raise kind("it is broken", "its.log", "mend it")

    (tmp_path / "trial.json").write_text(perfect().plan.model_dump_json())
    case: Any = SimpleNamespace(
        name="made-up",
        parameters=Sensors.defaults,
        partitions=1,
        paced=None,
        drain=None,
        search=None,
        pin=False,
        strikes=None,
    )
    equipment: Any = SimpleNamespace(folder=tmp_path, log=SimpleNamespace(create=refuse))
    engine: Any = None
    Trial(case, engine, Sensors(), equipment, "prefix", Silent()).conduct()
    (failed,) = History(tmp_path).of(Failed)
    assert (failed.phase, failed.what, failed.where) == ("set-up", "it is broken", "its.log")


_FORMATS_ONLY = """#!/bin/sh
case "$*" in
*StorageTool*) ;;
*) echo no memory; exit 1 ;;
esac
"""
_FORMATS_AND_GOES = """#!/bin/sh
case "$*" in
*server.properties) rm "$0" ;;
esac
"""


@pytest.mark.parametrize(
    ("java", "told"),
    [
        (_FORMATS_ONLY, "(?s)Kafka's controller ended with exit code 1 while starting.*no memory"),
        (_FORMATS_AND_GOES, "Kafka's controller cannot be started"),
    ],
)
def test_a_broker_is_no_engine_and_its_failure_is_the_trials(tmp_path: Path, java: str, told: str):
    program = tmp_path / "jdk/bin/java"
    program.parent.mkdir(parents=True)
    program.write_text(java)
    program.chmod(0o755)
    with pytest.raises(TrialFailure, match=told):
        Broker(tmp_path / "broker", tmp_path / "logs", tmp_path / "jdk", []).start()
