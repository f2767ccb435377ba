"""What a measurement hands back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from results.metrics.metric import Metric
from results.result import MetricValue, ProbeResult, Series

Figures = Literal["speeds", "cpu"]
"""Figures that one reason may concern: rates, latencies and other durations; or those of CPU."""


def _are(figures: Figures, name: str, value: MetricValue) -> bool:
    """Whether a metric is one of these figures, by its name and unit: also one that is made elsewhere."""
    of_cpu = "cpu" in name or value.unit == "cores"
    if value.better == "none":
        return False
    return of_cpu if figures == "cpu" else not of_cpu and value.unit in ("ms", "s", "events/s")


@dataclass
class Measured:
    """What was measured."""

    metrics: dict[str, MetricValue] = field(default_factory=dict)
    """Values by the metric's name."""
    absent: dict[str, str] = field(default_factory=dict)
    """Why those that one may expect are not there, by the metric's name."""
    notes: list[str] = field(default_factory=list)
    """For a reader, each a line."""
    series: list[Series] = field(default_factory=list)
    """For charts."""
    probes: list[ProbeResult] = field(default_factory=list)
    """Rates that were tried, in order."""
    reserved: list[tuple[Figures, str]] = field(default_factory=list)
    """Why all figures of a kind, by whatever they are measured, say less than they seem to."""
    own_times: set[str] = field(default_factory=set)
    """Names of metrics that are taken at a time of their own, so that nothing is reserved of them."""

    def add(
        self, metric: Metric, value: float, n: int | None = None, bounds: tuple[float, float] | None = None
    ) -> None:
        """n: how many samples it rests on. bounds: low and high of the value."""
        # Rounded beyond what any clock here resolves, so that stored text is the same wherever it is computed.
        low, high = (None, None) if bounds is None else (round(float(bound), 6) for bound in bounds)
        self.metrics[metric.name] = MetricValue(
            value=round(float(value), 6), unit=metric.unit, better=metric.better, n=n, low=low, high=high
        )
        if metric.own_time:
            self.own_times.add(metric.name)

    def lack(self, metrics: Iterable[Metric], why: str) -> None:
        self.absent |= dict.fromkeys((metric.name for metric in metrics), why)

    def void(self, why: str) -> None:
        """Nothing that was measured stands."""
        self.absent |= dict.fromkeys(self.metrics, why)
        self.metrics.clear()

    def bracket(self, metrics: Iterable[Metric], why: str) -> None:
        """Say of those that were measured why they say less than they seem to; a note says it once for all."""
        found = [metric.name for metric in metrics if metric.name in self.metrics]
        for name in found:
            value = self.metrics[name]
            self.metrics[name] = value.model_copy(update={"bracketed": [*value.bracketed, why]})
        if found and why not in self.notes:
            self.notes.append(why)

    def reserve(self, figures: Figures, why: str) -> None:
        """Say of all figures of a kind, also those that others measure, why they say less than they seem to; but for
        those that are taken at a time of their own.
        """
        self.reserved.append((figures, why))

    def bracket_reserved(self) -> None:
        """Bracket what was reserved, once all is measured. A reason is told even where it brackets nothing."""
        for figures, why in self.reserved:
            for name, value in self.metrics.items():
                if name not in self.own_times and _are(figures, name, value) and why not in value.bracketed:
                    self.metrics[name] = value.model_copy(update={"bracketed": [*value.bracketed, why]})
            if why not in self.notes:
                self.notes.append(why)

    def update(self, other: Measured) -> None:
        self.metrics |= other.metrics
        self.absent |= other.absent
        self.notes += [note for note in other.notes if note not in self.notes]
        self.series += other.series
        self.probes += other.probes
        self.reserved += other.reserved
        self.own_times |= other.own_times
