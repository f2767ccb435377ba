"""What a measurement hands back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from results.metrics.metric import Metric
from results.result import MetricValue, Series


@dataclass
class Measured:
    """Values by the metric's name; why those that one may expect are absent; notes for a reader; series for charts."""

    metrics: dict[str, MetricValue] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)

    def add(
        self, metric: Metric, value: float, n: int | None = None, bounds: tuple[float, float] | None = None
    ) -> None:
        """n: how many samples it rests on. bounds: low and high of the value."""
        # Rounded beyond what any clock here resolves, so that stored text is the same wherever it is computed.
        low, high = (None, None) if bounds is None else (round(float(bound), 6) for bound in bounds)
        self.metrics[metric.name] = MetricValue(
            value=round(float(value), 6), unit=metric.unit, better=metric.better, n=n, low=low, high=high
        )

    def lack(self, metrics: Iterable[Metric], why: str) -> None:
        self.absent |= dict.fromkeys((metric.name for metric in metrics), why)

    def bracket(self, metrics: Iterable[Metric], why: str) -> None:
        """Say of those that were measured why they say less than they seem to; a note says it once for all."""
        found = [metric.name for metric in metrics if metric.name in self.metrics]
        for name in found:
            value = self.metrics[name]
            self.metrics[name] = value.model_copy(update={"bracketed": [*value.bracketed, why]})
        if found and why not in self.notes:
            self.notes.append(why)

    def update(self, other: Measured) -> None:
        self.metrics |= other.metrics
        self.absent |= other.absent
        self.notes += [note for note in other.notes if note not in self.notes]
        self.series += other.series
