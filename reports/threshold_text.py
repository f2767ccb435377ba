"""What became of thresholds, in words: the same ones in every output."""

from __future__ import annotations

from collections.abc import Sequence

from reports import units
from results.result import CheckedThreshold

STATES = {"met": "met", "crossed": "✗ crossed", "undecided": "? not decided"}
"""The states in words."""


def named(check: CheckedThreshold) -> str:
    """ENGINE, or ENGINE (MODE, SETTINGS), as in the other tables."""
    how = check.set_up.in_words(check.mode)
    return f"{check.engine} ({how})" if how else check.engine


def figure(check: CheckedThreshold) -> str:
    """The figure, with its interval where there is one; in brackets where it is that which decides nothing."""
    text = units.quantity(check.value, check.unit)
    if check.low is not None and check.high is not None and check.low < check.high:
        text += f" [{units.quantity(check.low, check.unit)} to {units.quantity(check.high, check.unit)}]"
    return f"({text})" if check.state == "undecided" and check.value is not None else text


def in_words(check: CheckedThreshold) -> str:
    """One that is not met, in a line: what is bound, by what it is crossed or of what it is not decided, and why."""
    fault = "" if check.fault == "none" else f", fault {check.fault}"
    case = f"{named(check)}, {check.workload}{fault}"
    told = f": {check.why}" if check.why else ""
    if check.state == "crossed":
        return f"{check.text} by {case} ({figure(check)}){told}"
    return f"{check.text} of {case}{told}"


def ordered(checks: Sequence[CheckedThreshold]) -> list[CheckedThreshold]:
    """Those that are crossed first, then those that are undecided."""
    return sorted(checks, key=lambda check: ("crossed", "undecided", "met").index(check.state))
