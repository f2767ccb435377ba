"""Quantities as people write them: durations (`10s`), counts (`300k`), rates (`5k/s`) and sizes (`1GiB`)."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SECONDS: Mapping[str, float] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_COUNTS: Mapping[str, float] = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
_BYTES: Mapping[str, float] = {
    "B": 1.0,
    "kB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
    "KiB": 1024.0,
    "MiB": 1024.0**2,
    "GiB": 1024.0**3,
}
MOST_SECONDS = 7 * 24 * 3600.0
MOST_COUNT = 10**12
MOST_RATE = 1e9
MOST_BYTES = 1 << 44
"""Whatever is larger (a week, a thousand billion, a billion a second, 16 TiB) is no wish but a slip, and would keep the
planning busy for ever."""

_WRITTEN = re.compile(r"\s*(\d+(?:_\d+)*(?:\.\d+)?)\s*([A-Za-z]*)\s*")


_LONGEST = 60


def said(value: object) -> str:
    """A value as it was written, for a message: shortened where it is long, whatever it is."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # An integer of thousands of digits, or tables in tables.
        return "what was given"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _parse(value: object, units: Mapping[str, float], expected: str) -> float:
    match = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2] not in units:
        raise ValueError(f"{said(value)} is not {expected}")
    return float(match[1].replace("_", "")) * units[match[2]]


def _at_most(number: float, most: float, value: object, told: str) -> float:
    """Raises ValueError for what is larger, or so far below nothing, or no number."""
    if not -most <= number <= most:
        raise ValueError(f"{said(value)} is more than {told}" if number > 0 else f"{said(value)} is no amount")
    return number


def seconds(value: object) -> float:
    """Seconds in a duration such as "500ms", "10s" or "2m". Raises ValueError, also for a number without a unit."""
    number = _parse(value, _SECONDS, 'a duration such as "500ms", "10s", "2m" or "1h"')
    return _at_most(number, MOST_SECONDS, value, "seven days")


def count(value: object) -> int:
    """A whole number, or one such as "300k" or "1.2M". Raises ValueError."""
    expected = 'a count such as 5000, "300k" or "1.2M"'
    if isinstance(value, bool) or not isinstance(value, int):
        number = _parse(value, _COUNTS, expected)
        if not number.is_integer():
            raise ValueError(f"{said(value)} is not {expected}")
        value = int(number)
    _at_most(value, MOST_COUNT, value, f"{MOST_COUNT:,}")
    return value


def rate(value: object) -> float:
    """Events per second: a number, or one such as "5k" or "5k/s". Raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = value
    else:
        text = value.removesuffix("/s") if isinstance(value, str) else value
        number = _parse(text, _COUNTS, 'a rate such as 5000, "5k" or "5k/s"')
    return float(_at_most(number, MOST_RATE, value, f"{MOST_RATE:,.0f} a second"))


def number(value: object, most: float) -> float:
    """A number from 0 to `most`. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{said(value)} is not a number")
    if value < 0:
        raise ValueError(f"{said(value)} is less than 0")
    return float(_at_most(value, most, value, f"{most:g}"))


def size(value: object) -> int:
    """Bytes in a size such as "512MiB" or "1GiB". Raises ValueError, also for a number without a unit."""
    number = _parse(value, _BYTES, 'a size such as "512MiB" or "1GiB"')
    return round(_at_most(number, MOST_BYTES, value, "16 TiB"))
