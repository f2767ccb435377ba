"""What the Kafka log does with a client that knows the broker as it was before a restart."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from engines.logs import kafka
from engines.logs.protocol import LogFailure


class Admin:
    """Answers with the first of `errors` that is left, else with end offset 7."""

    made = 0
    errors: list[int]

    def __init__(self, settings: dict[str, Any]) -> None:
        Admin.made += 1

    def list_offsets(self, asked: dict[Any, Any], **_: Any) -> dict[Any, Future[Any]]:
        error = Admin.errors.pop(0) if Admin.errors else None
        answers = {where: Future[Any]() for where in asked}
        for answer in answers.values():
            if error is not None:
                answer.set_exception(KafkaException(KafkaError(error)))
            else:
                answer.set_result(SimpleNamespace(offset=7))
        return answers


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> kafka.KafkaLog:
    monkeypatch.setattr(Admin, "made", 0)
    monkeypatch.setattr(kafka, "AdminClient", Admin)
    return kafka.KafkaLog("127.0.0.1:1")


def test_a_client_that_knows_an_old_leader_is_replaced(log: kafka.KafkaLog):
    Admin.errors = [KafkaError.FENCED_LEADER_EPOCH]
    assert log.end_offsets("topic", 2, "read_committed") == [7, 7]
    assert Admin.made == 2


def test_any_other_failure_is_one_and_the_client_stays(log: kafka.KafkaLog):
    Admin.errors = [KafkaError.TOPIC_AUTHORIZATION_FAILED]
    with pytest.raises(LogFailure, match="end offsets of topic"):
        log.end_offsets("topic", 2, "read_committed")
    assert Admin.made == 1
