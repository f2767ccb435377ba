"""Committed offsets as an onlooker sees them, on librdkafka's own stand-in for a broker, which dies in the middle."""

from __future__ import annotations

import time

from confluent_kafka import Producer

from engines.logs.kafka import GroupOffsets
from engines.logs.offsets import of_group
from engines.protocol import Topic

WAIT_S = 10.0
TOPIC, GROUP, PARTITIONS = "input", "job", 4


def test_a_groups_offsets_are_added_up_and_stand_while_its_broker_is_down():
    broker = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1})
    (node,) = broker.list_topics(TOPIC, timeout=WAIT_S).brokers.values()
    bootstrap = f"{node.host}:{node.port}"
    seen = of_group(Topic("kafka", bootstrap, TOPIC, PARTITIONS), GROUP)
    assert seen.total() == 0
    group = GroupOffsets(bootstrap, TOPIC, GROUP)
    group.commit({0: (5, "epoch=1"), 2: (3, "")})
    assert seen.total() == 8
    group.commit({3: (4, "")})
    assert seen.total() == 12
    group.close()
    del broker
    began = time.monotonic()
    assert seen.total() == 12
    assert time.monotonic() - began < 3.0
    seen.close()
    assert seen.total() == 12


def test_offsets_of_a_broker_that_never_answered_are_unknown():
    seen = of_group(Topic("kafka", "127.0.0.1:1", TOPIC, PARTITIONS), GROUP)
    assert seen.total() is None
    seen.close()
