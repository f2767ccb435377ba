"""The example of MirrorMaker 2: the settings that it is given, and how its progress is read."""

from __future__ import annotations

import importlib.util
import json
from types import ModuleType
from typing import Any

import pytest

from tests.job_files import EXAMPLES

ENVIRONMENT = {
    "BROKERS": "127.0.0.1:9092",
    "IN": "sg-1-in",
    "OUT": "sg-1-out",
    "GROUP": "sg-1",
    "JOB": "sg-1",
    "INTERVAL_MS": "500",
}


def program(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Message:
    """As confluent-kafka has it; with an `end` it says that there is no more."""

    def __init__(self, key: Any = None, value: Any = None, end: int | None = None) -> None:
        self._key, self._value, self._end = key, value, end

    def key(self) -> bytes:
        return json.dumps(self._key).encode()

    def value(self) -> bytes | None:
        return None if self._value is None else json.dumps(self._value).encode()

    def error(self) -> str | None:
        return None if self._end is None else "end"

    def offset(self) -> int | None:
        return self._end


def of_partition(partition: int, offset: int | None) -> Message:
    key = ["MirrorSourceConnector", {"cluster": "primary", "partition": partition, "topic": "sg-1-in"}]
    return Message(key, None if offset is None else {"offset": offset})


def test_what_mirror_maker_makes_begins_with_the_name_of_the_trial() -> None:
    told = program("mirror").properties(ENVIRONMENT)
    topics = [value for name, value in told.items() if name.endswith(".storage.topic")]
    assert topics == ["sg-1-config", "sg-1-offset", "sg-1-status"]
    assert told["mirror.group.id"] == "sg-1"


def test_mirror_maker_listens_to_this_machine_only() -> None:
    assert program("mirror").properties(ENVIRONMENT)["listeners"] == "http://127.0.0.1:0"


def test_mirror_maker_is_asked_for_exactly_once() -> None:
    told = program("mirror").properties(ENVIRONMENT)
    assert told["mirror.exactly.once.source.support"] == "enabled"
    assert told["primary.consumer.isolation.level"] == "read_committed"
    assert told["primary->mirror.transaction.boundary.interval.ms"] == "500"


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ([Message(end=0)], (0, 0)),
        ([of_partition(0, 9), Message(end=2)], (2, 10)),
        ([of_partition(0, 9), of_partition(1, 4), of_partition(0, 19), Message(end=7)], (7, 25)),
        ([of_partition(0, 9), of_partition(1, None), Message(end=3)], (3, 10)),
        ([Message(["MirrorHeartbeatConnector", {"x": 1}], {"offset": 99}), of_partition(2, 0), Message(end=4)], (4, 1)),
    ],
)
def test_progress_is_the_last_offset_of_each_partition(messages: list[Message], told: tuple[int, int]) -> None:
    assert program("mirror_progress").progress(messages) == told
