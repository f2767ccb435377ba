"""Numbers as people read them: three significant digits and a unit; `-` for what was not measured."""

from __future__ import annotations

from datetime import datetime

from results.plan import Machine

NONE = "-"


def significant(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, never in exponent form: 1234 -> 1,230; 0.01234 -> 0.0123."""
    rounded = float(f"{value:.{digits}g}")
    if rounded == 0:
        return "0"
    decimals = digits - 1 - int(f"{abs(rounded):e}".partition("e")[2])
    return f"{rounded:,.{max(decimals, 0)}f}"


def scaled(value: float | None, unit: str) -> str:
    """A count or rate with the prefix k, M or G: 812345 and "/s" -> 812 k/s, and "events" -> 812 k events."""
    if value is None:
        return NONE
    if not unit.startswith("/"):
        unit = f" {unit}"
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        # What would be rounded up to 1000 belongs to the next prefix.
        if abs(value) >= 0.9995 * factor:
            return f"{significant(value / factor)} {prefix}{unit}".rstrip()
    return f"{significant(value)}{unit if unit.startswith(' ') else f' {unit}'}".rstrip()


def milliseconds(value: float | None) -> str:
    """A duration: 12.3 ms below a second, 12.3 s above."""
    if value is None:
        return NONE
    return f"{significant(value)} ms" if value < 999.5 else f"{significant(value / 1000)} s"


def bracketed(text: str, doubtful: bool) -> str:
    """A text in brackets where it says less than it seems to; what was not measured has none."""
    return f"({text})" if doubtful and text != NONE else text


def size(value: float | None) -> str:
    """Bytes in MiB, or GiB from 1024 MiB up."""
    if value is None:
        return NONE
    mebibytes = value / 1024**2
    return f"{significant(mebibytes)} MiB" if mebibytes < 1023.5 else f"{significant(mebibytes / 1024)} GiB"


def quantity(value: float | None, unit: str) -> str:
    """A metric's value in the unit that its result names."""
    if value is None:
        return NONE
    if unit == "ms":
        return milliseconds(value)
    if unit in ("bytes", "B"):
        return size(value)
    if unit.startswith("events/"):
        return scaled(value, unit.removeprefix("events"))
    return f"{significant(value)} {unit}".rstrip()


def counted(count: int, thing: str) -> str:
    """A number and a noun: one fault, three faults, 96 strikes."""
    return f"{number(count)} {thing}{'' if count == 1 else 's'}"


def number(count: int) -> str:
    """Small ones in words, as within a sentence: three, 96."""
    return _NUMBERS[count] if count < len(_NUMBERS) else f"{count:,}"


_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def date(stamp: str | None) -> str:
    """A moment of ISO 8601 as people read it: 2026-11-24T10:00:00Z -> 24 November 2026, 10:00 UTC; empty for None, and
    as it stands if it is no such moment.
    """
    if stamp is None:
        return ""
    try:
        when = datetime.fromisoformat(stamp)
    except ValueError:
        return stamp
    # Not by strftime: that speaks the language of the system.
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}, {when:%H:%M} UTC"


_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def machine(machine: Machine) -> str:
    """A machine in a line."""
    java = f", Java {machine.java}" if machine.java else ""
    return f"{machine.cpu}, {machine.cores} cores, {size(machine.memory_bytes)} of memory{java}"
