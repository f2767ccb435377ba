"""Whether a Kafka broker answers: asked by the client that does the work, with its settings."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

from engines.logs.kafka import client_settings
from engines.logs.refusal import reason

ANSWER_S = 10.0
"""How long a broker may take for an answer."""

_MET = 3
"""Errors of connections that are remembered."""


class Unanswered(Exception):
    """No answer came; the text says why."""


class Caller:
    """A client that asks a cluster, and remembers what its connections met."""

    def __init__(self, address: str) -> None:
        self._met: list[str] = []
        self.admin = AdminClient(client_settings(address) | {"error_cb": self._meet})

    def _meet(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN and error.str() not in self._met:
            self._met = [*self._met, error.str()][-_MET:]

    def metadata(self) -> ClusterMetadata:
        """What the cluster says of itself. Raises Unanswered."""
        self.admin.poll(0)  # What was met before is no cause.
        self._met = []
        try:
            return self.admin.list_topics(timeout=ANSWER_S)
        except KafkaException as error:
            raise Unanswered(self.why(error)) from error

    def why(self, error: KafkaException | TimeoutError) -> str:
        """What an error means, with what the connections met: a time-out alone says nothing."""
        # What they met is told only to who polls.
        self.admin.poll(0)
        said = reason(error) if isinstance(error, KafkaException) else "no answer in time"
        return "; ".join((said, *self._met))


def unanswered(address: str) -> str | None:
    """Why a metadata request got no answer in time, or None if it got one."""
    try:
        Caller(address).metadata()
    except Unanswered as none:
        return str(none)
    return None
