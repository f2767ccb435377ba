"""Why a Kafka cluster refuses something, in words: what its error codes leave unsaid."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException

_ACCESS = "the cluster's access rules (ACL) do not allow it to this client"
_WORDS: Mapping[int, str] = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: _ACCESS,
    KafkaError.GROUP_AUTHORIZATION_FAILED: _ACCESS,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: _ACCESS,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: _ACCESS,
    KafkaError.POLICY_VIOLATION: "a policy of the cluster does not allow it",
    KafkaError.TOPIC_DELETION_DISABLED: "the cluster deletes no topics (delete.topic.enable is false)",
    KafkaError.TOPIC_ALREADY_EXISTS: "a topic of this name is there already, and it is not ours",
    KafkaError.INVALID_REPLICATION_FACTOR: "the cluster cannot keep so many replicas",
    KafkaError.INVALID_CONFIG: "the cluster does not take a setting that a right run rests on",
    KafkaError.THROTTLING_QUOTA_EXCEEDED: "a quota of the cluster is used up",
    KafkaError.NON_EMPTY_GROUP: "the group still has members",
}


def reason(error: KafkaException | KafkaError) -> str:
    """What the client says of it, after what it means where that is known."""
    inner = error.args[0] if isinstance(error, KafkaException) else error
    if not isinstance(inner, KafkaError):
        return str(inner)
    means = _WORDS.get(inner.code())
    return f"{means} ({inner.str()})" if means else inner.str()
