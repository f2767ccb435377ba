"""The metrics that exist, found by their existence."""

from __future__ import annotations

from typing import TypeGuard

from results.metrics.measurement import Measurement
from results.metrics.metric import Metric
from workloads import discovery
from workloads.discovery import Unavailable


def measurements() -> dict[str, Measurement | Unavailable]:
    """Every measurement by its name: those of this folder, then entry points of the group `streamgauge.metrics`."""
    return discovery.discover("results.metrics", "measurement", "streamgauge.metrics", _is_measurement, only="modules")


def _is_measurement(found: object) -> TypeGuard[Measurement]:
    return isinstance(found, Measurement)


def metrics() -> list[Metric]:
    """All that can be loaded, by name."""
    loaded = [each for each in measurements().values() if isinstance(each, Measurement)]
    return sorted((metric for measurement in loaded for metric in measurement.metrics), key=lambda metric: metric.name)


def columns() -> list[Metric]:
    """Those that stand in the tables of results, in the order of their columns."""
    shown = [(metric.column.order, metric.name, metric) for metric in metrics() if metric.column]
    return [metric for _, _, metric in sorted(shown, key=lambda each: each[:2])]
