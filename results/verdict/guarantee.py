"""Guarantees in words: what was seen, and whether it is weaker than what was claimed."""

from __future__ import annotations

from collections.abc import Mapping

from results.result import Kind, Seen, Verdict

CLAIMS = ("exactly-once", "at-least-once", "at-most-once")

ALWAYS_WRONG: tuple[Kind, ...] = (
    "wrong value",
    "broken audit",
    "conflict",
    "unexpected",
    "malformed",
    "premature",
    "uncommitted read",
)
"""What no guarantee of processing allows."""

NEVER_DELIVERED: tuple[Kind, ...] = ("aborted read", "out of order", "torn", "scattered")
"""What no guarantee of delivery allows."""


def processing_seen(kinds: Mapping[Kind, int], verdict: Verdict) -> Seen:
    """Are the values right? Judged on the rows that are there; a missing row says nothing about values."""
    short, double = kinds.get("loss", 0) - verdict.missing, kinds.get("double count", 0)
    if any(kinds.get(kind) for kind in ALWAYS_WRONG) or (short and double):
        return "broken"
    if short or double:
        return "at-most-once" if short else "at-least-once"
    return "exact" if verdict.match else "unknown"


def delivery_seen(kinds: Mapping[Kind, int], verdict: Verdict) -> Seen:
    """Is each row there once, and in the order that is promised?"""
    if any(kinds.get(kind) for kind in NEVER_DELIVERED) or (verdict.missing and verdict.duplicate):
        return "broken"
    if verdict.missing or verdict.duplicate:
        return "at-most-once" if verdict.missing else "at-least-once"
    return "exact" if verdict.match or verdict.wrong else "unknown"


def violations(processing: str, delivery: str, kinds: Mapping[Kind, int], verdict: Verdict) -> list[Kind]:
    """What was seen and is not allowed by the claims, worst first.

    A missing row may be an event lost in processing (it was alone in its window) or a row lost in delivery, so either
    claim of at-most-once allows it.
    """
    forbidden: list[Kind] = [kind for kind in (*ALWAYS_WRONG, *NEVER_DELIVERED) if kinds.get(kind)]
    short = kinds.get("loss", 0) - verdict.missing
    if (verdict.missing and "at-most-once" not in (processing, delivery)) or (short and processing != "at-most-once"):
        forbidden.append("loss")
    if kinds.get("double count") and processing != "at-least-once":
        forbidden.append("double count")
    if verdict.duplicate and delivery != "at-least-once":
        forbidden.append("duplicate")
    return forbidden


def in_words(processing: Seen, delivery: Seen, fault: str, untested: str | None = None) -> str:
    """The verdict in words, for both together. untested: why strikes that were asked for tested nothing."""
    seen = {processing, delivery}
    if "broken" in seen or {"at-least-once", "at-most-once"} <= seen:
        return "broken"
    if "at-most-once" in seen:
        return "at-most-once seen (losses)"
    if "at-least-once" in seen:
        return "at-least-once seen (replays)"
    if "unknown" in seen:
        return "unknown"
    if untested:
        return untested
    return "exact, no fault injected" if fault == "none" else "exact"
