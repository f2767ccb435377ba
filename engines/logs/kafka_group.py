"""Who is in a consumer group, and which partitions of a topic each member has: seen from outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from engines.logs.kafka import client_settings

_ANSWER_S = 2.0
_FRESH_S = 0.05


@dataclass(frozen=True)
class Members:
    """A group as it was described last. partitions: of the one topic, by client.id; members that share an id are one.

    stable: whether all members have what they are to have, so that none is waited for. ids: what the broker calls each
    member, anew each time that one joins.
    """

    stable: bool = False
    partitions: Mapping[str, frozenset[int]] = field(default_factory=dict)
    ids: frozenset[str] = frozenset()

    @property
    def assigned(self) -> frozenset[int]:
        """What all of them have together."""
        return frozenset().union(*self.partitions.values())


class GroupDescriber:
    """Safe to use from several threads. Raises nothing while the broker is down: what was seen last stands then."""

    def __init__(self, bootstrap: str, group: str, topic: str) -> None:
        self._group, self._topic = group, topic
        settings = client_settings(bootstrap) | {"reconnect.backoff.max.ms": 500}
        self._admin = AdminClient(settings)
        self._lock = threading.Lock()
        self._known, self._asked_s = Members(), 0.0

    def members(self) -> Members:
        """As of now, or of a moment ago; nobody where the broker has never answered."""
        with self._lock:
            if time.monotonic() - self._asked_s >= _FRESH_S:
                self._look()
                self._asked_s = time.monotonic()
            return self._known

    def _look(self) -> None:
        try:
            asked = self._admin.describe_consumer_groups([self._group], request_timeout=_ANSWER_S)[self._group]
            found = asked.result(2 * _ANSWER_S)
        except TimeoutError:
            return
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                self._known = Members()
            return
        partitions: dict[str, frozenset[int]] = {}
        for member in found.members:
            taken = member.assignment.topic_partitions if member.assignment else []
            own = frozenset(each.partition for each in taken if each.topic == self._topic)
            partitions[member.client_id] = partitions.get(member.client_id, frozenset()) | own
        self._known = Members(
            found.state == ConsumerGroupState.STABLE, partitions, frozenset(one.member_id for one in found.members)
        )
