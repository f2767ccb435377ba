"""A cluster that is not ours is refused where a run on it could not be right, and else its topics are asked for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from engines.logs.topic_settings import RELIED_ON, differing
from harness.foreign_kafka.foreign_broker import ForeignKafka as Kafka
from harness.foreign_kafka.foreign_broker import cluster_of, refuse_unfit
from harness.foreign_kafka.foreign_cluster import TOLD, ForeignCluster, obstacles
from harness.problem import ExitCode, Problem
from results.plan import ForeignBroker
from results.result import RunResult
from tests import made_up
from tests.test_changes import RATES, case_of, run_of, with_asked

PLAIN = {
    "default.replication.factor": ("1",),
    "min.insync.replicas": ("1",),
    "message.max.bytes": ("1048588",),
    "delete.topic.enable": ("true",),
    "auto.create.topics.enable": ("true",),
    "offsets.topic.replication.factor": ("1",),
    "transaction.state.log.replication.factor": ("1",),
    "transaction.state.log.min.isr": ("1",),
    "transaction.max.timeout.ms": ("900000",),
    "log.retention.ms": ("604800000",),
    "log.message.timestamp.after.max.ms": ("3600000",),
    "log.message.timestamp.before.max.ms": (str(2**63 - 1),),
}
"""As Kafka 4 is by itself, with one broker."""


def cluster(brokers: int = 1, in_sync: dict[str, int] | None = None, **changes: tuple[str, ...]) -> ForeignCluster:
    """changes: settings with _ for each dot."""
    settings = PLAIN | {name.replace("_", "."): value for name, value in changes.items()}
    return ForeignCluster(brokers, settings, in_sync or {})


def whys(found: ForeignCluster, keep: bool = False) -> str:
    return "\n".join(each.what for each in obstacles(found, keep))


@pytest.mark.parametrize(
    "found",
    [
        cluster(),
        cluster(
            3, default_replication_factor=("3",), min_insync_replicas=("2",), offsets_topic_replication_factor=("3",)
        ),
        ForeignCluster(1),  # One that tells nothing.
        cluster(message_max_bytes=("much",), min_insync_replicas=("",)),
        # Its own topics are there already: what they would get otherwise is of no interest.
        cluster(
            transaction_state_log_replication_factor=("3",),
            offsets_topic_replication_factor=("3",),
            in_sync={"__transaction_state": 1, "__consumer_offsets": 1},
        ),
    ],
)
def test_a_cluster_on_which_nothing_stands_in_the_way_is_taken(found: ForeignCluster) -> None:
    assert obstacles(found, keep_topics=False) == []


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (cluster(0), "has no broker"),
        (cluster(min_insync_replicas=("2",)), "min.insync.replicas is 2, and a topic gets 1 replicas"),
        (cluster(3, min_insync_replicas=("2",)), "could be written with acks=all"),
        (cluster(3, min_insync_replicas=("1", "2")), "min.insync.replicas is 2"),
        (
            cluster(2, default_replication_factor=("3",)),
            "(default.replication.factor), and 2 of its brokers",
        ),
        (cluster(message_max_bytes=("100000",)), "message.max.bytes is 100000, and at least 1000012 is needed"),
        (cluster(2, message_max_bytes=("1048588", "5000")), "message.max.bytes is 5000"),
        (cluster(transaction_max_timeout_ms=("60000",)), "transaction.max.timeout.ms is 60000"),
        (cluster(transaction_state_log_replication_factor=("3",)), "__transaction_state cannot be made"),
        (cluster(offsets_topic_replication_factor=("3",)), "__consumer_offsets cannot be made"),
        (cluster(transaction_state_log_min_isr=("2",)), "__transaction_state could not be written"),
        (cluster(3, {"__transaction_state": 1}, transaction_state_log_min_isr=("2",)), "with 1 of the 2 replicas"),
        (cluster(delete_topic_enable=("false",)), "delete.topic.enable is false"),
        (cluster(2, delete_topic_enable=("true", "false")), "delete.topic.enable is false"),
    ],
)
def test_a_cluster_on_which_a_run_could_not_be_right_is_refused_with_the_reason(
    found: ForeignCluster, why: str
) -> None:
    assert why in whys(found)
    with pytest.raises(Problem) as caught:
        refuse_unfit(Kafka("k:1", found), keep_topics=False)
    assert why in caught.value.what
    assert caught.value.remedy
    assert caught.value.exit_code == ExitCode.ENVIRONMENT


def test_every_reason_is_told_at_once() -> None:
    found = cluster(min_insync_replicas=("2",), message_max_bytes=("5",), delete_topic_enable=("false",))
    with pytest.raises(Problem) as caught:
        refuse_unfit(Kafka("k:1", found), keep_topics=False)
    assert all(
        name in caught.value.what for name in ("min.insync.replicas", "message.max.bytes", "delete.topic.enable")
    )


def test_who_keeps_topics_needs_none_to_be_deleted() -> None:
    assert whys(cluster(delete_topic_enable=("false",)), keep=True) == ""


def test_topics_are_asked_for_with_the_clusters_replicas_and_all_that_is_relied_on() -> None:
    found = cluster(3, default_replication_factor=("3",), min_insync_replicas=("2",))
    asked = found.topics()
    assert asked.replication == 3
    assert asked.settings == {**RELIED_ON, "min.insync.replicas": "2"}
    assert asked.settings["message.timestamp.type"] == "LogAppendTime"
    told = found.told()
    assert (told.brokers, told.replication, told.settings) == (3, 3, asked.settings)
    assert told.cluster["log.retention.ms"] == "604800000"
    assert "3 replicas of a partition, of which 2 must be in sync" in found.summary()


def test_what_brokers_do_not_agree_on_is_told_side_by_side() -> None:
    assert cluster(2, message_max_bytes=("1048588", "2000000")).told().cluster["message.max.bytes"] == (
        "1048588 or 2000000"
    )


def test_topics_of_engines_are_told_what_the_clusters_own_settings_do_not_give_them() -> None:
    forever = str(2**63 - 1)
    assert cluster().engines_topics() == {"message.timestamp.after.max.ms": forever}
    assert cluster(log_message_timestamp_after_max_ms=(forever,)).engines_topics() == {}
    assert cluster(log_retention_bytes=("-1",), log_message_timestamp_after_max_ms=(forever,)).engines_topics() == {}
    assert cluster(log_retention_bytes=("1000",)).engines_topics()["retention.bytes"] == "-1"
    # A broker that does not know the setting would refuse a topic with it.
    assert ForeignCluster(1).engines_topics() == {}


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ({}, []),
        ({"message.timestamp.type": "logappendtime"}, []),
        ({"message.timestamp.type": "CreateTime"}, ["message.timestamp.type is CreateTime, where LogAppendTime"]),
        ({"cleanup.policy": "compact"}, ["cleanup.policy is compact, where delete"]),
        ({"retention.ms": "604800000"}, ["retention.ms is 604800000, where -1"]),
        ({"max.message.bytes": "1000"}, ["max.message.bytes is 1000, where 1048588"]),
        ({"min.insync.replicas": "2"}, ["min.insync.replicas is 2, where 1"]),
        ({"compression.type": None}, []),
        ({"retention.ms": None}, ["retention.ms is not told"]),
        ({"cleanup.policy": ""}, ["cleanup.policy is empty"]),
    ],
)
def test_a_topic_that_is_not_as_it_was_asked_for_is_seen(found: dict[str, str | None], wrong: list[str]) -> None:
    seen = differing(RELIED_ON, {**RELIED_ON, **found})
    assert len(seen) == len(wrong)
    assert all(why in one for why, one in zip(wrong, seen, strict=True))


def metadata(brokers: int, **topics: list[list[int]]) -> Any:
    """topics: the replicas in sync of each partition."""
    return SimpleNamespace(
        brokers={number: SimpleNamespace(host="h", port=1) for number in range(brokers)},
        topics={
            name: SimpleNamespace(partitions={at: SimpleNamespace(isrs=isrs) for at, isrs in enumerate(partitions)})
            for name, partitions in topics.items()
        },
    )


def test_a_cluster_is_what_its_brokers_and_their_own_topics_tell() -> None:
    told = [{"message.max.bytes": "5", "log.dirs": "/secret"}, {"message.max.bytes": "6"}, {"message.max.bytes": "5"}]
    found = cluster_of(metadata(3, __transaction_state=[[1, 2], [2]], mine=[[1]]), told)
    assert found == ForeignCluster(3, {"message.max.bytes": ("5", "6")}, {"__transaction_state": 1})
    assert "log.dirs" not in TOLD


# What stands in results.


def test_a_kafka_that_is_not_ours_is_compared_with_its_like_only() -> None:
    told = ForeignBroker(brokers=3, replication=3, settings={"retention.ms": "-1"}, cluster={"message.max.bytes": "5"})

    def on(broker: ForeignBroker | None) -> RunResult:
        return run_of(with_asked(made_up.trials("a", RATES), broker=broker))

    assert case_of(on(told), on(told)).incomparable == []
    ours = case_of(on(None), on(told)).incomparable
    assert [reason.partition(":")[0] for reason in ours] == [
        "broker",
        "replicas of a topic",
        "topic setting `retention.ms`",
    ]
    fewer = case_of(on(told), on(told.model_copy(update={"replication": 1}))).incomparable
    assert fewer == ["replicas of a topic: 3 before, 1 after"]
    other = case_of(on(told), on(told.model_copy(update={"cluster": {"message.max.bytes": "6"}})))
    assert other.incomparable == []
    assert "the cluster's `message.max.bytes`: 5 before, 6 after" in other.differs
