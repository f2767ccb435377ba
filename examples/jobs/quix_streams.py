"""Carries records from one topic to another over Quix Streams, whose guarantee is the program's one word."""

from __future__ import annotations

import os
import sys

from quixstreams import Application


def application(guarantee: str) -> Application:
    """Quix Streams commits once an interval: with its records in one transaction, or once they are written."""
    client = os.environ["CLIENT"]
    producer: dict[str, object] = {"client.id": client}
    if guarantee == "exactly-once":
        # The same id after a restart: so the transaction that was open then is aborted now. Without an id of ours there
        # is a new one each time, and who reads the output waits until the old transaction has timed out.
        producer |= {"transactional.id": client, "transaction.timeout.ms": 10_000}
    return Application(
        broker_address=os.environ["BROKERS"],
        consumer_group=os.environ["GROUP"],
        auto_offset_reset="earliest",
        processing_guarantee=guarantee,
        commit_interval=int(os.environ["INTERVAL_MS"]) / 1000,
        consumer_extra_config={"client.id": client, "session.timeout.ms": 6000, "heartbeat.interval.ms": 2000},
        producer_extra_config=producer,
        consumer_poll_timeout=0.1,
        state_dir=os.environ["STATE"],
        auto_create_topics=False,
    )


def main() -> None:
    app = application(sys.argv[1])
    events = app.dataframe(app.topic(os.environ["IN"], value_deserializer="json"))
    # As a team would: something is added to the event, which goes on with it.
    events["checked_by"] = "quix"
    events.to_topic(app.topic(os.environ["OUT"], value_serializer="json"))
    app.run()


if __name__ == "__main__":
    main()
