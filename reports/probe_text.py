"""The figures of a probe as text: latencies that say less than they seem to stand in brackets."""

from __future__ import annotations

from reports import units
from results.result import ProbeResult


def latencies(probe: ProbeResult) -> tuple[str, str, str]:
    """p50, p99 and the largest."""
    doubtful = bool(probe.bracketed or probe.generator_late)
    return _shown(probe.p50_ms, doubtful), _shown(probe.p99_ms, doubtful), _shown(probe.max_ms, doubtful)


def why(probe: ProbeResult) -> str:
    """Why it was not held, and why its latencies stand in brackets; empty where nothing is to be said."""
    late = f"the load generator was late by {units.milliseconds(probe.late_ms)} (p99)" if probe.generator_late else ""
    return "; ".join(part for part in (probe.why, probe.bracketed, late) if part)


def _shown(value: float | None, doubtful: bool) -> str:
    text = units.milliseconds(value)
    return f"({text})" if doubtful and value is not None else text
