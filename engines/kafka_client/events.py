"""Events as the log has them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from engines.sequence import Event
from workloads.query import Column

_TYPES: dict[str, type] = {"integer": int, "text": str}
_SHOWN = 60


class BrokenRecord(ValueError):
    """A record that is no event of the query, and why."""


def decode(columns: Sequence[Column], value: bytes | None) -> Event:
    """Raises BrokenRecord if the value is not a JSON object with all columns, each of its type."""
    try:
        event = json.loads(value or b"")
    # Deep nesting is text that json gives up on as well.
    except (ValueError, RecursionError) as error:
        raise BrokenRecord(f"not JSON ({error}): {value!r:.{_SHOWN}}") from None
    if not isinstance(event, dict):
        raise BrokenRecord(f"not an object: {value!r:.{_SHOWN}}")
    for column in columns:
        held = event.get(column.name)
        # Not isinstance: to Python, true is an integer.
        if type(held) is not _TYPES[column.type]:
            raise BrokenRecord(f"column {column.name} is {held!r:.{_SHOWN}}, not {column.type}")
        if isinstance(held, str) and not _is_text(held):
            raise BrokenRecord(f"column {column.name} has half a surrogate pair: {held!a:.{_SHOWN}}")
    return event


def _is_text(held: str) -> bool:
    try:
        held.encode()
    except UnicodeEncodeError:
        return False
    return True
