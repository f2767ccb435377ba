"""What a job says to its Kafka library, by the library's own names, each with a reason: pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engines.configuration import Options, Setting, given
from engines.consumer_group import TUNED_HEARTBEAT_MS, TUNED_SESSION_MS, TUNED_TRANSACTION_MS
from engines.protocol import Job

KAFKA_PYTHON = "kafka-python"
CONFLUENT = "confluent-kafka"

ADDRESS: Mapping[str, str] = {KAFKA_PYTHON: "bootstrap_servers", CONFLUENT: "bootstrap.servers"}
GROUP: Mapping[str, str] = {KAFKA_PYTHON: "group_id", CONFLUENT: "group.id"}
IDENTITY: Mapping[str, str] = {KAFKA_PYTHON: "transactional_id", CONFLUENT: "transactional.id"}

LEAST_PROCESS_MB = 64
"""The interpreter, the library and its buffers, before there is any state."""

CHANGELOG_CONFIGS = {
    "cleanup.policy": "compact",
    # Without transactions a crash can leave entries whose commit never came. They must not displace the committed ones
    # before the next commits have gone past them.
    "min.compaction.lag.ms": "3600000",
}

_OWN_TRANSACTION_MS = 60_000
"""Of both libraries."""
_TRANSACTION_INTERVALS = 3
"""A transaction stays open for a whole commit interval, and its commit takes time as well."""
_ABORT_MARGIN_S = 30.0
"""The broker looks for overdue transactions every 10 s by default."""

_Value = str | int | bool
_Clients = tuple[dict[str, "_Value"], dict[str, "_Value"]]


def transaction_ms(job: Job) -> int:
    """How long the next owner of a dead worker's partitions may wait for the transaction that it left open."""
    wanted = TUNED_TRANSACTION_MS if job.timeouts == "tuned" else _OWN_TRANSACTION_MS
    return max(wanted, _TRANSACTION_INTERVALS * job.interval_ms)


def changelog_configs(job: Job) -> dict[str, str]:
    """The changelog topic's own settings."""
    return {**job.topic_settings, **CHANGELOG_CONFIGS}


def restore_s(job: Job) -> float:
    """How long the changelog may take to be read: a transaction that a dead worker left open has ended by then."""
    return transaction_ms(job) / 1000 + _ABORT_MARGIN_S


def _name(job: Job, name: str) -> str:
    """A setting's name as the library spells it."""
    return name.replace(".", "_") if job.mode == KAFKA_PYTHON else name


def _chosen(job: Job) -> tuple[dict[str, tuple[_Value, Setting]], dict[str, tuple[_Value, Setting]]]:
    """Settings of consumer and producer that differ from the library's own: what it is told, and why."""
    consumer: dict[str, tuple[_Value, Setting]] = {}
    producer: dict[str, tuple[_Value, Setting]] = {}

    def choose(of: dict[str, tuple[_Value, Setting]], name: str, value: _Value, setting: Setting) -> None:
        of[_name(job, name)] = (value, setting)

    committed = "the input is written in transactions"
    if job.mode == KAFKA_PYTHON:  # librdkafka reads only what is committed by itself.
        level = Setting("read_committed", "right answer", committed, "read_uncommitted")
        choose(consumer, "isolation.level", "read_committed", level)
    commits = Setting("False", "right answer", "offsets are committed with state and rows, by the guarantee", "True")
    choose(consumer, "enable.auto.commit", False, commits)
    beginning = Setting("earliest", "asked", "the whole input is read", "latest")
    choose(consumer, "auto.offset.reset", "earliest", beginning)
    if job.timeouts == "tuned":
        why = "time-outs are tuned: how soon a dead worker is noticed"
        session, heartbeat = str(TUNED_SESSION_MS), str(TUNED_HEARTBEAT_MS)
        choose(consumer, "session.timeout.ms", TUNED_SESSION_MS, Setting(session, "asked", why, "45000"))
        choose(consumer, "heartbeat.interval.ms", TUNED_HEARTBEAT_MS, Setting(heartbeat, "asked", why, "3000"))
    if job.mode == CONFLUENT and job.guarantee != "exactly-once":
        why = "a record that is sent again must not overtake a later one: the changelog is read in order"
        choose(producer, "enable.idempotence", True, Setting("True", "right answer", why, "False"))
    if job.guarantee == "exactly-once" and transaction_ms(job) != _OWN_TRANSACTION_MS:
        why = "time-outs are tuned" if job.timeouts == "tuned" else "a transaction stays open for a commit interval"
        value = Setting(str(transaction_ms(job)), "asked", why, str(_OWN_TRANSACTION_MS))
        choose(producer, "transaction.timeout.ms", transaction_ms(job), value)
    return consumer, producer


def clients(job: Job) -> _Clients:
    """What the library is told of consumer and producer; names and addresses apart."""
    consumer, producer = ({name: value for name, (value, _) in of.items()} for of in _chosen(job))
    return consumer | _mine(job, _CONSUMER), producer | _mine(job, _PRODUCER)


def reported(job: Job) -> dict[str, Setting]:
    """Every setting that differs from the library's defaults, and those of the loop itself."""
    consumer, producer = _chosen(job)
    chosen = {f"consumer {name}": setting for name, (_, setting) in consumer.items()}
    chosen |= {f"producer {name}": setting for name, (_, setting) in producer.items()}
    if job.guarantee == "exactly-once":
        identity = Setting("one for each worker", "right answer", "exactly-once needs one", "none")
        chosen[f"producer {IDENTITY[job.mode]}"] = identity
    if job.mode == KAFKA_PYTHON:
        extra = Setting("crc32c", "recommended", "its documentation: its own checksum is pure Python", "none")
        chosen["kafka-python's extra"] = extra
    return chosen | _own(job) | given(job.options, checked=True)


def _own(job: Job) -> dict[str, Setting]:
    why = "state is kept in a topic, which is compacted"
    return {
        **{f"changelog {name}": Setting(value, "right answer", why) for name, value in changelog_configs(job).items()},
        "commit interval": Setting(f"{job.interval_ms} ms", "asked", "the interval"),
        "RLIMIT_DATA": Setting(f"{job.process_memory_mb} MiB", "asked", "the limit of a worker process"),
        "workers": Setting(str(job.workers), "asked", "the parallelism"),
    }


_CONSUMER, _PRODUCER = "consumer.", "producer."


def _mine(job: Job, of: str) -> dict[str, _Value]:
    """The user's own settings of consumers or producers. kafka-python takes numbers and truth values as such."""
    mine = {name.removeprefix(of): value for name, value in job.options.items() if name.startswith(of)}
    return {name: _typed(value) if job.mode == KAFKA_PYTHON else value for name, value in mine.items()}


def _typed(text: str) -> _Value:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return int(text) if text.lstrip("-").isdecimal() else text


_WHERE = "the harness says where processes are"
_RIGHT = "a right answer rests on it"
_REFUSED = {
    "bootstrap.servers": _WHERE,
    "metadata.broker.list": _WHERE,
    "group.id": _WHERE,
    "group.instance.id": _WHERE,
    "client.id": _WHERE,
    "isolation.level": _RIGHT,
    "enable.auto.commit": _RIGHT,
    "enable.auto.offset.store": _RIGHT,
    "auto.offset.reset": _RIGHT,
    "enable.idempotence": _RIGHT,
    "transactional.id": _RIGHT,
    "enable.partition.eof": _RIGHT,
    "key.serializer": _RIGHT,
    "value.serializer": _RIGHT,
    "key.deserializer": _RIGHT,
    "value.deserializer": _RIGHT,
}


def options(mode: str) -> Options:
    """Names are the library's, after `consumer.` or `producer.`. kafka-python lists its own (options.txt, which a test
    holds to what it says itself); librdkafka does in CONFIGURATION.md, and refuses any other as the job starts.
    """
    if mode != KAFKA_PYTHON:
        refused = {f"{of}{name}": why for of in (_CONSUMER, _PRODUCER) for name, why in _REFUSED.items()}
        return Options(refused, begin=(_CONSUMER, _PRODUCER))
    refused = {f"{of}{name.replace('.', '_')}": why for of in (_CONSUMER, _PRODUCER) for name, why in _REFUSED.items()}
    known = Path(__file__).with_name("options.txt").read_text().split()
    return Options(refused, known=frozenset(known), begin=(_CONSUMER, _PRODUCER))
