"""Writes a row with the fee of each large amount: a program whose answer is told in SQL (fees.sql).

It reads and commits as `pipe.py` does, exactly once. An amount below LARGE has no row.
"""

from __future__ import annotations

import json
import logging
import os
import signal

from confluent_kafka import Message
from pipe import Pipe

LARGE = 500_000


class Fees(Pipe):
    """A row is a JSON object: the key of its event, the event's id, and the fee."""

    def write(self, message: Message) -> None:
        try:
            event = json.loads(message.value())
            key, identity, amount = event["source"], event["id"], event["amount"]
        except (ValueError, TypeError, KeyError):
            return  # It is no event.
        if amount >= LARGE:
            row = {"key": key, "id": identity, "fee": amount // 100}
            self.producer.produce(self.output, json.dumps(row), message.key())
        self.producer.poll(0)


def main() -> None:
    logging.basicConfig(format="%(asctime)s %(message)s")
    fees = Fees("exactly-once", os.environ)
    signal.signal(signal.SIGTERM, fees.stop)
    fees.run()


if __name__ == "__main__":
    main()
