"""What librdkafka, under confluent-kafka, asks of who writes in transactions."""

from __future__ import annotations

from contextlib import suppress

from confluent_kafka import KafkaException, Producer

OWN_TRANSACTION_MS = 60_000
"""Its own transaction.timeout.ms."""

_SPARE_S = 1.0

_abandoned: list[Producer] = []
"""A producer that nothing refers to waits for its transaction's end, without a bound."""


def commit_limit_s(transaction_ms: int) -> float:
    """How long a commit may take, in seconds: by then the broker ends the transaction, and a commit can only fail.

    transaction_ms: the producer's transaction.timeout.ms.
    """
    return transaction_ms / 1000 + _SPARE_S


def abandon(producer: Producer) -> None:
    """Drop what it was given and did not send, without a wait. Its open transaction is ended by its successor."""
    with suppress(KafkaException):
        producer.purge()
    _abandoned.append(producer)
