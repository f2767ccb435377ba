"""What a Kafka answers to who lists and deletes is told in words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from harness.foreign_kafka import topic_admin
from harness.foreign_kafka.run_topics import Names
from harness.foreign_kafka.topic_admin import TopicAdmin


class Answer:
    def __init__(self, error: BaseException | None = None, value: Any = None) -> None:
        self._error, self._value = error, value

    def result(self, timeout: float) -> Any:
        assert timeout > 0
        if self._error:
            raise self._error
        return self._value


def refusing(code: int) -> Answer:
    return Answer(KafkaException(KafkaError(code, "said so")))


def test_each_refusal_is_told_in_words_and_whether_it_may_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        "gone": refusing(KafkaError.UNKNOWN_TOPIC_OR_PART),
        "done": Answer(),
        "forbidden": refusing(KafkaError.TOPIC_AUTHORIZATION_FAILED),
        "policy": refusing(KafkaError.POLICY_VIOLATION),
        "disabled": refusing(KafkaError.TOPIC_DELETION_DISABLED),
        "late": Answer(TimeoutError()),
        "unreachable": refusing(KafkaError._TRANSPORT),
    }
    groups = {
        "member": refusing(KafkaError.NON_EMPTY_GROUP),
        "nobody": refusing(KafkaError.GROUP_ID_NOT_FOUND),
        "closed": refusing(KafkaError.GROUP_AUTHORIZATION_FAILED),
    }
    admin = SimpleNamespace(
        delete_topics=lambda names, **_: {name: answers[name] for name in names},
        delete_consumer_groups=lambda names, **_: {name: groups[name] for name in names},
    )
    monkeypatch.setattr(topic_admin, "Caller", lambda address: SimpleNamespace(admin=admin))
    refused = TopicAdmin("k:1").delete(Names(frozenset(answers), frozenset(groups)))
    assert refused.keys() == {"forbidden", "policy", "disabled", "late", "unreachable", "member", "closed"}
    assert {name for name, why in refused.items() if why.passing} == {"late", "unreachable", "member"}
    assert refused["forbidden"].why == "the cluster's access rules (ACL) do not allow it to this client (said so)"
    assert "a policy of the cluster" in refused["policy"].why
    assert "delete.topic.enable is false" in refused["disabled"].why


def test_groups_that_may_not_be_listed_are_left_out_and_topics_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    admin = SimpleNamespace(list_consumer_groups=lambda **_: refusing(KafkaError.CLUSTER_AUTHORIZATION_FAILED))
    caller = SimpleNamespace(admin=admin, metadata=lambda: SimpleNamespace(topics={"orders": None}))
    monkeypatch.setattr(topic_admin, "Caller", lambda address: caller)
    assert TopicAdmin("k:1").names() == Names(frozenset(("orders",)), frozenset())
