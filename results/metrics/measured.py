"""What a measurement hands back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from results.result import Better, Metric, Series


@dataclass
class Measured:
    """Metrics, and why those that one may expect are absent; notes for a reader; series for charts."""

    metrics: dict[str, Metric] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)

    def add(
        self,
        name: str,
        value: float,
        unit: str,
        better: Better,
        n: int | None = None,
        bounds: tuple[float, float] | None = None,
    ) -> None:
        """bounds: low and high of the value."""
        # Rounded beyond what any clock here resolves, so that stored text is the same wherever it is computed.
        low, high = (None, None) if bounds is None else (round(float(bound), 6) for bound in bounds)
        self.metrics[name] = Metric(value=round(float(value), 6), unit=unit, better=better, n=n, low=low, high=high)

    def lack(self, names: Iterable[str], why: str) -> None:
        self.absent |= dict.fromkeys(names, why)

    def update(self, other: Measured) -> None:
        self.metrics |= other.metrics
        self.absent |= other.absent
        self.notes += other.notes
        self.series += other.series
