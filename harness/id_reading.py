"""Records of which nothing is known but an id, read as the rows of the workload `each-once`.

A program that carries events on may write them in any form, as long as each record says somewhere which event it is.
Key and check of the row are not told by the record: they follow from the id. So a record that has an id which no event
has is found out as one, and nothing else of it is judged.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import msgspec
import numpy as np

from engines.logs.protocol import Log, LogRecord, Rereading
from harness.failure import TrialFailure
from harness.instruments.generator import control_keys
from workloads.each_once import key_of, labels
from workloads.stream import CONTROL_IDS, DECOY_IDS, checks

_DIGITS = re.compile(rb"\d{1,18}")
_SHOWN_BYTES = 150


@dataclass(frozen=True)
class IdReading:
    """Implements `engines.logs.protocol.RecordReading`."""

    kind: Literal["header", "key", "value"]
    """Where the id is: in a header, in the key, in a field of the value, which is a JSON object."""
    name: str
    """Of the header or the field; empty for the key."""
    keys: int
    """How many keys the stream has."""
    partitions: int
    """Of the input."""

    def __call__(self, records: Sequence[LogRecord]) -> list[bytes]:
        """The row that each record is. What has no id stays no row, and says so."""
        found = [self._id(record) for record in records]
        ids = np.array([0 if one is None else one for one in found], dtype=np.int64)
        told = zip(records, found, key_of(ids, self.keys).tolist(), checks(ids).tolist(), strict=True)
        return [
            self._not_a_row(record)
            if one is None
            else b'{"key":"%s","id":%d,"check":%d}' % (self._key(one, place).encode(), one, check)
            for record, one, place, check in told
        ]

    def _key(self, one: int, place: int) -> str:
        if CONTROL_IDS <= one < DECOY_IDS:
            return self._controls[(one - CONTROL_IDS) % len(self._controls)]
        return self._labels[place]

    @cached_property
    def _controls(self) -> list[str]:
        return control_keys(self.partitions)

    @cached_property
    def _labels(self) -> tuple[str, ...]:
        return labels(self.keys)

    def _id(self, record: LogRecord) -> int | None:
        """The id that a record tells; None where it tells none, or several."""
        match self.kind:
            case "key":
                return _number(record.key())
            case "header":
                held = [value for name, value in record.headers() or () if name == self.name]
                return _number(held[0]) if len(held) == 1 else None
            case "value":
                return self._of_field(record.value())

    def _of_field(self, value: bytes | str | None) -> int | None:
        try:
            told = msgspec.json.decode(value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        held = told.get(self.name) if isinstance(told, dict) else None
        if isinstance(held, int) and not isinstance(held, bool):
            return held if 0 <= held < 10**18 else None
        return _number(held) if isinstance(held, str) else None

    def _not_a_row(self, record: LogRecord) -> bytes:
        where = "its key" if self.kind == "key" else f"{self.kind} {self.name}"
        value = record.value() or b"(no value)"
        shown = (value.encode() if isinstance(value, str) else value)[:_SHOWN_BYTES]
        return f"no id in {where} of: ".encode() + shown


@dataclass(frozen=True)
class ValueAlone:
    """A record of which nothing is known but its value."""

    held: bytes | None

    def key(self) -> None:
        return None

    def value(self) -> bytes | None:
        return self.held

    def headers(self) -> None:
        return None


def _number(text: bytes | str | None) -> int | None:
    told = text.encode() if isinstance(text, str) else text or b""
    return int(told) if _DIGITS.fullmatch(told) else None


def read_ids(log: Log, topic: str, reading: IdReading) -> None:
    """Have a log read a topic so, from now on. Raises TrialFailure for one whose records have no keys and headers."""
    if not isinstance(log, Rereading):
        raise TrialFailure("this log has no records whose ids could be read", topic, "use --log kafka")
    log.read_as(topic, reading)
