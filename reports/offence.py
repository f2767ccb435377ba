"""The places of a wrong row in words, the same in every report."""

from __future__ import annotations

from datetime import UTC, datetime

from results.result import Offence

_MAX_IDS = 5


def what(offence: Offence) -> str:
    """The kind of the offence, and what it counts as where that is another word."""
    return offence.kind if offence.count_as in (offence.kind, "match") else f"{offence.count_as} ({offence.kind})"


def window(offence: Offence) -> str:
    """The window's bounds in UTC, to the millisecond; empty where a row has none."""
    if offence.start is None or offence.end is None:
        return ""
    times = [datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M:%S.%f")[:-3] for ms in (offence.start, offence.end)]
    return f"{times[0]} to {times[1]}"


def names(offence: Offence) -> str:
    """What else names the row: `rank 2`, `left 7 right 9`; empty where key and window are all."""
    return " ".join(f"{name} {value}" for name, value in offence.identity.items())


def ids(offence: Offence) -> str:
    """The first ids concerned, and how many more there are."""
    shown = ", ".join(str(number) for number in offence.ids[:_MAX_IDS])
    more = offence.ids_count - min(len(offence.ids), _MAX_IDS)
    return f"{shown}{f' and {more:,} more' if more > 0 else ''}"
