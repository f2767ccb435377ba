"""The partitioned, replayable, transactional logs that engines read and write: embedded, and Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from engines.logs.protocol import Log
from engines.logs.topic_settings import TopicSettings


def connect(address: str | Path, kind: Literal["embedded", "kafka"], topics: TopicSettings | None = None) -> Log:
    """The log at an address: a folder (embedded) or bootstrap HOST:PORT (kafka). Nothing is contacted yet.

    topics: how topics of a Kafka that is not ours are made.
    """
    # Imported here because the environment of an engine need not have the other log's library.
    if kind == "embedded":
        from engines.logs.embedded import EmbeddedLog

        return EmbeddedLog(Path(address))
    from engines.logs.kafka import KafkaLog

    return KafkaLog(str(address), topics)
