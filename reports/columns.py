"""The columns of metrics in a results table: the one list of them, for the page and for the terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reports import units

# Metrics, by the names that results give them.
DRAIN_RATE = "drain_rate"
EVENTS_PER_CPU_SECOND = "events_per_cpu_second"
LATENCY_P50 = "latency_p50"
LATENCY_P99 = "latency_p99"
LATENCY_MAX = "latency_max"
PEAK_MEMORY = "memory_peak"


@dataclass(frozen=True)
class Column:
    """A column: the name of its metric, its heading, and its value as text.

    short_heading: for the terminal. A line break in a heading is one on page and screen. show: None is a metric that is
    absent.
    """

    metric: str
    heading: str
    short_heading: str
    show: Callable[[float | None], str]


def columns() -> tuple[Column, ...]:
    """The columns, from left to right."""
    return (
        Column(DRAIN_RATE, "drain rate", "drain", lambda value: units.scaled(value, "/s")),
        Column(LATENCY_P50, "p50", "p50", units.milliseconds),
        Column(LATENCY_P99, "p99", "p99", units.milliseconds),
        Column(LATENCY_MAX, "max", "max", units.milliseconds),
        Column(
            EVENTS_PER_CPU_SECOND,
            "events per\nCPU-second",
            "events/\nCPU-s",
            lambda value: units.scaled(value, ""),
        ),
        Column(PEAK_MEMORY, "peak\nmemory", "peak\nmemory", units.size),
    )
