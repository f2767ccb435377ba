"""Events out of log records: JSON objects with the query's columns. Whatever is none is skipped and counted."""

from __future__ import annotations

import logging
from typing import Annotated, Any

import msgspec
import numpy as np

from engines.logs.embedded import LINES, unpack
from engines.runtime.connector import Slice
from workloads.query import Query

_logger = logging.getLogger(__name__)

Integer = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]

_NEWLINE, _OPEN, _CLOSE = b"\n{}"
_SHORT_BYTES = 4096
"""Below this, the bytes' own methods are quicker than numpy's, above it ten times slower."""
_SHOWN_BYTES = 120
_MOST_EXAMPLES = 10
_NO_EVENT = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def attribute(query: Query, column: str) -> str:
    """Attribute of an event that holds a column; `c0`, `c1` and so on, as a column may have any name."""
    return f"c{[known.name for known in query.columns].index(column)}"


def event_type(query: Query) -> type[msgspec.Struct]:
    """A structure with the columns as `attribute` names them; fields that the query does not know are ignored."""
    fields = [(f"c{i}", Integer if column.type == "integer" else str) for i, column in enumerate(query.columns)]
    names = {f"c{i}": column.name for i, column in enumerate(query.columns)}
    return msgspec.defstruct("Event", fields, rename=names, gc=False)


def one_object_a_line(body: bytes, count: int) -> bool:
    """Whether `count` lines each begin with { and end with }.

    If so, and if the body parses as `count` JSON objects, each line is one of them: a newline inside a string is no
    JSON, and } newline { can stand between two objects only.
    """
    if len(body) < _SHORT_BYTES:
        return body.count(b"}\n{") == body.count(b"\n") == count - 1 and body[:1] == b"{" and body[-1:] == b"}"
    text = np.frombuffer(body, np.uint8)
    breaks = np.flatnonzero(text == _NEWLINE)
    return bool(
        len(breaks) == count - 1
        and len(text) >= 2
        and text[0] == _OPEN
        and text[-1] == _CLOSE
        and (text[breaks - 1] == _CLOSE).all()
        and (text[breaks + 1] == _OPEN).all()
    )


class EventDecoder:
    """Decodes the events of one query."""

    def __init__(self, query: Query) -> None:
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(event_type(query))
        self._examples = 0

    def decode(self, part: Slice) -> tuple[list[Any], int]:
        """The events of a slice in order, and how many of its records are none."""
        if part.layout == LINES and one_object_a_line(part.body, part.count):
            # One call for the whole blob takes two thirds of the time of one a record.
            try:
                events = self._decoder.decode_lines(part.body)
            except _NO_EVENT:
                pass
            else:
                if len(events) == part.count:
                    return events, 0
        return self._decode_each(part)

    def _decode_each(self, part: Slice) -> tuple[list[Any], int]:
        events, broken = [], 0
        for value in unpack(part.layout, part.body, part.count):
            try:
                events.append(self._decoder.decode(value))
            except _NO_EVENT as error:
                broken += 1
                if self._examples < _MOST_EXAMPLES:
                    self._examples += 1
                    _logger.warning(
                        "partition %d before offset %d: record skipped: %s: %r",
                        part.partition,
                        part.next,
                        error,
                        value[:_SHOWN_BYTES],
                    )
        return events, broken
