"""The Kafka log, over confluent-kafka: writers idempotent with acks=all, readers without a group.

Settings and calling conventions were chosen by measuring; a record costs about 1 µs of client CPU to write.
`produce` with positional arguments took less than `produce_batch` with its dictionary a record, and tells at once
which record found the buffer full. Longer than most: writers, readers and groups share one way to fail.
"""

from __future__ import annotations

import logging
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from itertools import groupby
from operator import methodcaller
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec, ResourceType

from engines.logs.protocol import Chunk, Isolation, LogFailure, RecordReading
from engines.logs.refusal import reason
from engines.logs.topic_settings import TopicSettings, differing

_REQUEST_S = 30.0
_ROOM_S = 60.0
_DELIVERY_MS = 60_000
_TRANSACTION_MS = 120_000
_POLL_RECORDS = 20_000
_ASK_AGAIN_S = 0.02
_ONLOOKER_S = 1.0
_CLOSE_S = 5.0
_OLD_LEADER = (KafkaError.FENCED_LEADER_EPOCH, KafkaError.UNKNOWN_LEADER_EPOCH, KafkaError.NOT_LEADER_FOR_PARTITION)

_logger = logging.getLogger(__name__)
_logger.addHandler(logging.NullHandler())


@contextmanager
def _failures(bootstrap: str, doing: str) -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise LogFailure(f"{doing} failed: {reason(error)}", bootstrap, "see the broker's log") from error
    except TimeoutError as error:
        raise LogFailure(f"{doing} failed: no answer in time", bootstrap, "is the broker alive?") from error


def client_settings(bootstrap: str) -> dict[str, Any]:
    """What every client here is given, also the one that looks whether a broker is there. librdkafka's own messages go
    to this module's logger. A name may lead to addresses of either family: a broker need not be ours.
    """
    return {"bootstrap.servers": bootstrap, "logger": _logger}


def writer_settings(transactional_id: str | None, linger_ms: float, transaction_ms: int) -> dict[str, Any]:
    """librdkafka's producer settings that differ from its defaults."""
    settings: dict[str, Any] = {
        "acks": "all",
        "enable.idempotence": True,
        "linger.ms": linger_ms,
        "batch.num.messages": 100_000,
        "queue.buffering.max.messages": 1_000_000,
        "queue.buffering.max.kbytes": 512 << 10,
        "message.timeout.ms": min(_DELIVERY_MS, transaction_ms),
        "delivery.report.only.error": True,
    }
    if transactional_id is not None:
        settings |= {"transactional.id": transactional_id, "transaction.timeout.ms": transaction_ms}
    return settings


def reader_settings(isolation: Isolation) -> dict[str, Any]:
    """librdkafka's consumer settings that differ from its defaults."""
    return {
        "isolation.level": isolation,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        # The default of a second would stall a reader each time that its queue was full.
        "fetch.queue.backoff.ms": 5,
        "queued.max.messages.kbytes": 32 << 10,
    }


class KafkaWriter:
    """Writes one topic; give it a linger of a few milliseconds where latency counts, 50 where bulk does."""

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        transactional_id: str | None = None,
        linger_ms: float = 2.0,
        transaction_ms: int = _TRANSACTION_MS,
    ) -> None:
        """With a transactional id: fences whoever had it before, and aborts what that one left open."""
        self._bootstrap, self._topic = bootstrap, topic
        self._refused = 0
        self._first_refusal = ""
        settings = client_settings(bootstrap) | writer_settings(transactional_id, linger_ms, transaction_ms)
        settings["on_delivery"] = self._refuse
        with _failures(bootstrap, f"opening a writer of topic {topic}"):
            self._producer = Producer(settings)
            if transactional_id is not None:
                self._producer.init_transactions(_REQUEST_S)
            else:
                # A wrong address shows here, not at the first flush.
                self._producer.list_topics(topic, timeout=_REQUEST_S)

    def _refuse(self, error: KafkaError | None, message: Message) -> None:  # noqa: ARG002 - the client's signature
        if error is not None:
            self._refused += 1
            self._first_refusal = self._first_refusal or error.str()

    def write(self, partition: int, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        if len(keys) != len(values):
            raise LogFailure(f"{len(keys)} keys for {len(values)} values", self._topic, "give each record a key")
        produce, topic = self._producer.produce, self._topic
        records = zip(keys, values, strict=True)
        with _failures(self._bootstrap, f"writing to topic {topic} partition {partition}"):
            while True:
                try:
                    for key, value in records:
                        produce(topic, value, key, partition)
                except BufferError:
                    self._wait_for_room(lambda: produce(topic, value, key, partition))  # noqa: B023 - called at once
                else:
                    break
            self._producer.poll(0)

    def _wait_for_room(self, produce: Callable[[], None]) -> None:
        """Write the record that found the buffer full, once there is room."""
        deadline = time.monotonic() + _ROOM_S
        while time.monotonic() < deadline:
            self._producer.poll(_ASK_AGAIN_S)
            try:
                produce()
            except BufferError:
                continue
            return
        raise LogFailure(
            f"the writer's buffer for topic {self._topic} stayed full for {_ROOM_S:g} s",
            self._bootstrap,
            "is the broker alive?",
        )

    def _check(self) -> None:
        if self._refused:
            refused, first = self._refused, self._first_refusal
            self._refused, self._first_refusal = 0, ""
            raise LogFailure(f"{refused} records for topic {self._topic} were refused: {first}", self._bootstrap)

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()  # The client gathers records by itself.

    def flush(self, timeout_s: float) -> None:
        left = self._producer.flush(timeout_s)
        self._check()
        if left:
            raise LogFailure(
                f"{left} records for topic {self._topic} were not acknowledged within {timeout_s:g} s", self._bootstrap
            )

    def begin(self) -> None:
        with _failures(self._bootstrap, f"opening a transaction on topic {self._topic}"):
            self._producer.begin_transaction()

    def send_offsets(self, offsets: Sequence[TopicPartition], group: Any, timeout_s: float) -> None:
        """Make consumed offsets part of the open transaction; group: a consumer's group metadata."""
        with _failures(self._bootstrap, "adding offsets to the transaction"):
            self._producer.send_offsets_to_transaction(list(offsets), group, timeout_s)

    def commit(self, timeout_s: float) -> None:
        with _failures(self._bootstrap, f"committing a transaction on topic {self._topic}"):
            self._producer.commit_transaction(timeout_s)
        self._check()

    def abort(self, timeout_s: float) -> None:
        with _failures(self._bootstrap, f"aborting a transaction on topic {self._topic}"):
            self._producer.abort_transaction(timeout_s)
        self._refused = 0

    def close(self) -> None:
        """Let go of everything; what was not flushed may be lost, an open transaction is aborted in 5 s or never."""
        self._producer.purge()
        try:
            self._producer.abort_transaction(_CLOSE_S)
        except KafkaException as error:
            if error.args[0].code() == KafkaError._TIMED_OUT:
                # The client's own `close` would go on waiting, without a bound.
                return
        with warnings.catch_warnings(), suppress(KafkaException):
            # A fenced producer cannot abort its transaction and says so; whoever fenced it has aborted it already.
            warnings.simplefilter("ignore", RuntimeWarning)
            self._producer.close()


class Records:
    """Records of given partitions as the client's own messages."""

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        starts: Mapping[int, int],
        isolation: Isolation,
        gather_s: float = 0.0,
        ends: bool = False,
    ) -> None:
        """starts: first offset a partition. gather_s: how long to let more arrive once something came, after a wait.

        ends: whether to note where the log ends, which wakes the reader each time that it is there.
        """
        self._bootstrap, self._topic, self._gather_s = bootstrap, topic, gather_s
        with _failures(bootstrap, f"opening a reader of topic {topic}"):
            self._consumer = Consumer(
                client_settings(bootstrap)
                | reader_settings(isolation)
                | {"group.id": f"reader-{uuid.uuid4()}", "enable.partition.eof": ends}
            )
            self._consumer.assign([TopicPartition(topic, number, offset) for number, offset in starts.items()])
        self.ends: dict[int, int] = {}
        """By partition, the largest offset at which the log was seen to end for this reader, markers counted."""

    def poll(self, timeout_s: float) -> list[Message]:
        """What is there, at once, in runs of one partition each; waits up to timeout_s for a first record."""
        with _failures(self._bootstrap, f"reading topic {self._topic}"):
            # `consume` waits for a full batch or the whole time, so only `poll` may be given the time.
            messages: list[Message] = self._consumer.consume(_POLL_RECORDS, 0)
            if not messages and timeout_s > 0:
                first = self._consumer.poll(timeout_s)
                if first is not None:
                    if self._gather_s:
                        time.sleep(self._gather_s)
                    messages = [first, *self._consumer.consume(_POLL_RECORDS, 0)]
        if any(message.error() for message in messages):
            return list(self._sound(messages))
        return messages

    def _sound(self, messages: Iterable[Message]) -> Iterator[Message]:
        for message in messages:
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                self.ends[message.partition()] = message.offset()
            elif not error.retriable() and error.code() != KafkaError._ALL_BROKERS_DOWN:
                raise LogFailure(f"reading topic {self._topic} failed: {error.str()}", self._bootstrap)

    def close(self) -> None:
        self._consumer.close()


class GroupOffsets:
    """A group's committed offsets of one topic. Nobody joins the group: it is a name for the offsets only.

    It has a consumer of its own, because a consumer's group calls can hang while another thread polls it.
    """

    def __init__(self, bootstrap: str, topic: str, group: str) -> None:
        self._bootstrap, self._topic = bootstrap, topic
        with _failures(bootstrap, f"opening group {group}"):
            self._consumer = Consumer(
                client_settings(bootstrap) | reader_settings("read_committed") | {"group.id": group}
            )

    def committed(self, partitions: Iterable[int]) -> dict[int, tuple[int, str]]:
        """Committed offset and its metadata, by partition; partitions without are left out."""
        asked = [TopicPartition(self._topic, partition) for partition in partitions]
        with _failures(self._bootstrap, f"asking for committed offsets of topic {self._topic}"):
            answers = self.checked(self._consumer.committed(asked, timeout=_REQUEST_S))
        return {answer.partition: (answer.offset, answer.metadata or "") for answer in answers if answer.offset >= 0}

    def commit(self, offsets: Mapping[int, tuple[int, str]]) -> None:
        """Commit offsets with their metadata, outside any transaction."""
        with _failures(self._bootstrap, f"committing offsets of topic {self._topic}"):
            self.checked(self._consumer.commit(offsets=self._positions(offsets), asynchronous=False))

    def commit_in(self, writer: KafkaWriter, offsets: Mapping[int, tuple[int, str]], timeout_s: float) -> None:
        """Make offsets with their metadata part of a writer's open transaction."""
        writer.send_offsets(self._positions(offsets), self._consumer.consumer_group_metadata(), timeout_s)

    def _positions(self, offsets: Mapping[int, tuple[int, str]]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, number, offset, metadata) for number, (offset, metadata) in offsets.items()]

    @staticmethod
    def checked(answers: list[TopicPartition]) -> list[TopicPartition]:
        for answer in answers:
            if answer.error is not None:
                raise KafkaException(answer.error)
        return answers

    def close(self) -> None:
        self._consumer.close()


class GroupOnlooker:
    """Reads what a group has committed of a topic, often and without waiting: an `engines.logs.offsets.OffsetReader`.

    Read uncommitted, which for offsets means: those of an open transaction are neither shown nor waited for, while
    read committed would wait until a dead worker's transaction times out.
    """

    def __init__(self, bootstrap: str, topic: str, partitions: int, group: str) -> None:
        self._bootstrap, self._topic = bootstrap, topic
        self._asked = [TopicPartition(topic, partition) for partition in range(partitions)]
        settings = client_settings(bootstrap) | reader_settings("read_uncommitted") | {"group.id": group}
        # A broker that was started again is to be seen at once; by default the next try may be ten seconds away.
        settings |= {"reconnect.backoff.max.ms": 500}
        with _failures(bootstrap, f"opening group {group}"):
            self._consumer = Consumer(settings)

    def committed(self) -> dict[int, int]:
        """Committed offset by partition. Raises LogFailure if they do not come within a second."""
        with _failures(self._bootstrap, f"asking for committed offsets of topic {self._topic}"):
            answers = GroupOffsets.checked(self._consumer.committed(self._asked, timeout=_ONLOOKER_S))
        return {answer.partition: answer.offset for answer in answers if answer.offset >= 0}

    def close(self) -> None:
        self._consumer.close()


_partition_of = methodcaller("partition")


class KafkaReader:
    def __init__(
        self,
        bootstrap: str,
        topic: str,
        partitions: int,
        isolation: Isolation,
        ends: bool,
        starts: Mapping[int, int] | None = None,
        reading: RecordReading | None = None,
    ) -> None:
        self._reading = reading
        begins = dict.fromkeys(range(partitions), OFFSET_BEGINNING) | dict(starts or {})
        self._records = Records(bootstrap, topic, begins, isolation, ends=ends)

    def poll(self, timeout_s: float) -> list[Chunk]:
        chunks = []
        for partition, run in groupby(self._records.poll(timeout_s), key=_partition_of):
            messages = list(run)
            chunks.append(
                Chunk(
                    partition,
                    [message.offset() for message in messages],
                    [message.timestamp()[1] for message in messages],
                    [message.value() for message in messages] if self._reading is None else self._reading(messages),
                )
            )
        return chunks

    def ends(self) -> dict[int, int]:
        return dict(self._records.ends)

    def close(self) -> None:
        self._records.close()


class KafkaLog:
    """Topics of the cluster at a bootstrap address HOST:PORT, or several with commas between them."""

    def __init__(self, bootstrap: str, topics: TopicSettings | None = None) -> None:
        """topics: how topics are made; None for one replica of each partition, as on a broker of ours."""
        self.bootstrap = bootstrap
        self._topics = topics or TopicSettings()
        self._admin = AdminClient(client_settings(bootstrap))
        self._readings: dict[str, RecordReading] = {}

    def read_as(self, topic: str, reading: RecordReading) -> None:
        self._readings[topic] = reading

    def create(self, topic: str, partitions: int) -> None:
        asked = self._topics
        new = NewTopic(topic, partitions, asked.replication, config=dict(asked.settings))
        with _failures(self.bootstrap, f"creating topic {topic}"):
            self._admin.create_topics([new], operation_timeout=_REQUEST_S, request_timeout=_REQUEST_S)[topic].result(
                2 * _REQUEST_S
            )
        deadline = time.monotonic() + _REQUEST_S
        while self._leaders(topic) < partitions:
            if time.monotonic() > deadline:
                raise LogFailure(
                    f"topic {topic} was created, but not all its partitions had a leader after {_REQUEST_S:g} s",
                    self.bootstrap,
                )
            time.sleep(_ASK_AGAIN_S)
        if wrong := differing(asked.settings, self._settings_of_new(topic, deadline)):
            what = f"topic {topic} is not as it was asked for: {'; '.join(wrong)}"
            raise LogFailure(what, self.bootstrap, "use a cluster that lets a topic have these settings")

    def _settings_of_new(self, topic: str, deadline: float) -> dict[str, str | None]:
        """As `settings_of`; of several brokers the one that is asked may hear of the topic a little later."""
        while True:
            try:
                return self.settings_of(topic)
            except LogFailure as failure:
                told = failure.__cause__
                unheard = isinstance(told, KafkaException) and told.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART
                if not unheard or time.monotonic() > deadline:
                    raise
            time.sleep(_ASK_AGAIN_S)

    def settings_of(self, topic: str) -> dict[str, str | None]:
        """A topic's settings as the cluster tells them, by Kafka's names. Raises LogFailure."""
        asked = ConfigResource(ResourceType.TOPIC, topic)
        with _failures(self.bootstrap, f"reading the settings of topic {topic}"):
            found = self._admin.describe_configs([asked], request_timeout=_REQUEST_S)[asked].result(2 * _REQUEST_S)
        return {name: entry.value for name, entry in found.items()}

    def _leaders(self, topic: str) -> int:
        """How many of a topic's partitions have a leader."""
        with _failures(self.bootstrap, f"looking for topic {topic}"):
            found = self._admin.list_topics(topic, timeout=_REQUEST_S).topics[topic]
        return sum(partition.leader >= 0 for partition in found.partitions.values()) if found.error is None else 0

    def writer(self, topic: str, transactional_id: str | None = None, linger_ms: float = 2.0) -> KafkaWriter:
        return KafkaWriter(self.bootstrap, topic, transactional_id, linger_ms)

    def reader(
        self,
        topic: str,
        partitions: int,
        isolation: Isolation = "read_committed",
        ends: bool = False,
        starts: Mapping[int, int] | None = None,
    ) -> KafkaReader:
        reading = self._readings.get(topic)
        return KafkaReader(self.bootstrap, topic, partitions, isolation, ends, starts, reading)

    def end_offsets(self, topic: str, partitions: int, isolation: Isolation) -> list[int]:
        with _failures(self.bootstrap, f"asking for the end offsets of topic {topic}"):
            try:
                return self._end_offsets(topic, partitions, isolation)
            except KafkaException as error:
                if error.args[0].code() not in _OLD_LEADER:
                    raise
            # The client goes on asking the leader that it knows from before the broker's restart, so it is replaced.
            self._admin = AdminClient(client_settings(self.bootstrap))
            return self._end_offsets(topic, partitions, isolation)

    def _end_offsets(self, topic: str, partitions: int, isolation: Isolation) -> list[int]:
        level = IsolationLevel.READ_COMMITTED if isolation == "read_committed" else IsolationLevel.READ_UNCOMMITTED
        asked = {TopicPartition(topic, partition): OffsetSpec.latest() for partition in range(partitions)}
        answers = self._admin.list_offsets(asked, isolation_level=level, request_timeout=_REQUEST_S)
        found = {where.partition: answer.result(2 * _REQUEST_S).offset for where, answer in answers.items()}
        return [found[partition] for partition in range(partitions)]

    def close(self) -> None:
        return
