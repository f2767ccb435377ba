"""Topics and consumer groups of a Kafka, listed and deleted: the one place that deletes something of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from engines.logs.protocol import LogFailure
from engines.logs.refusal import reason
from harness.broker_answer import ANSWER_S, Caller, Unanswered
from harness.foreign_kafka.run_topics import Names, Refusal

_GONE = frozenset((KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.GROUP_ID_NOT_FOUND))
_PASSING = frozenset((KafkaError.NON_EMPTY_GROUP, KafkaError.THROTTLING_QUOTA_EXCEEDED))
"""Beside what the client calls retriable: a member that was killed leaves its group in time."""


class TopicAdmin:
    """Implements `harness.foreign_kafka.run_topics.Admin` over the client that does the work."""

    def __init__(self, address: str) -> None:
        self._address, self._caller = address, Caller(address)

    def names(self) -> Names:
        """Groups that the cluster does not show are left out."""
        try:
            topics = self._caller.metadata().topics
        except Unanswered as none:
            raise LogFailure(f"the Kafka does not say which topics it has: {none}", self._address) from none
        try:
            groups = self._caller.admin.list_consumer_groups(request_timeout=ANSWER_S).result(2 * ANSWER_S).valid
        except (KafkaException, TimeoutError):
            groups = []
        return Names(frozenset(topics), frozenset(group.group_id for group in groups))

    def delete(self, doomed: Names) -> dict[str, Refusal]:
        refused: dict[str, Refusal] = {}
        admin, wait = self._caller.admin, {"request_timeout": ANSWER_S}
        # Groups first: their offsets go with the topics, and a group without any may go by itself.
        if doomed.groups:
            refused |= self._refused(admin.delete_consumer_groups(sorted(doomed.groups), **wait))
        if doomed.topics:
            refused |= self._refused(admin.delete_topics(sorted(doomed.topics), operation_timeout=ANSWER_S, **wait))
        return refused

    def _refused(self, answers: Mapping[str, Future[Any]]) -> dict[str, Refusal]:
        refused: dict[str, Refusal] = {}
        for name, answer in answers.items():
            try:
                answer.result(2 * ANSWER_S)
            except TimeoutError:
                refused[name] = Refusal("no answer in time", passing=True)
            except KafkaException as error:
                told = error.args[0]
                if told.code() not in _GONE:
                    # The client's own codes, of a broker that it cannot reach, are below nought.
                    passing = told.retriable() or told.code() in _PASSING or told.code() < 0
                    refused[name] = Refusal(reason(error), passing)
        return refused
