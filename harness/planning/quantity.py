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
_WRITTEN = re.compile(r"\s*(\d+(?:_\d+)*(?:\.\d+)?)\s*([A-Za-z]*)\s*")


def _parse(value: object, units: Mapping[str, float], expected: str) -> float:
    match = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2] not in units:
        raise ValueError(f"{value!r} is not {expected}")
    return float(match[1].replace("_", "")) * units[match[2]]


def seconds(value: object) -> float:
    """Seconds in a duration such as "500ms", "10s" or "2m". Raises ValueError, also for a number without a unit."""
    return _parse(value, _SECONDS, 'a duration such as "500ms", "10s", "2m" or "1h"')


def count(value: object) -> int:
    """A whole number, or one such as "300k" or "1.2M". Raises ValueError."""
    expected = 'a count such as 5000, "300k" or "1.2M"'
    if isinstance(value, bool) or not isinstance(value, int):
        number = _parse(value, _COUNTS, expected)
        if not number.is_integer():
            raise ValueError(f"{value!r} is not {expected}")
        return int(number)
    return value


def rate(value: object) -> float:
    """Events per second: a number, or one such as "5k" or "5k/s". Raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    text = value.removesuffix("/s") if isinstance(value, str) else value
    return _parse(text, _COUNTS, 'a rate such as 5000, "5k" or "5k/s"')


def size(value: object) -> int:
    """Bytes in a size such as "512MiB" or "1GiB". Raises ValueError, also for a number without a unit."""
    return round(_parse(value, _BYTES, 'a size such as "512MiB" or "1GiB"'))
