"""The metrics that exist, found by their existence."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

import results.metrics
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric


@dataclass(frozen=True)
class Unavailable:
    """Something that exists but cannot be loaded, and why."""

    name: str
    why: str


def measurements() -> dict[str, Measurement | Unavailable]:
    """Every measurement by the name of its module or entry point."""
    found: dict[str, Measurement | Unavailable] = {}
    for module in pkgutil.iter_modules(results.metrics.__path__, "results.metrics."):
        name = module.name.rpartition(".")[2].replace("_", "-")
        try:
            measurement = getattr(importlib.import_module(module.name), "measurement", None)
        except Exception as error:
            found[name] = Unavailable(name, f"{type(error).__name__}: {error}")
            continue
        if isinstance(measurement, Measurement):
            found[name] = measurement
    for point in entry_points(group="streamgauge.metrics"):
        try:
            loaded = point.load()
        except Exception as error:
            found[point.name] = Unavailable(point.name, f"{type(error).__name__}: {error}")
            continue
        found[point.name] = loaded if isinstance(loaded, Measurement) else _stranger(point)
    return dict(sorted(found.items()))


def _stranger(point: EntryPoint) -> Unavailable:
    return Unavailable(point.name, f"{point.value} is no Measurement")


def metrics() -> list[Metric]:
    """All that can be loaded, by name."""
    loaded = [each for each in measurements().values() if isinstance(each, Measurement)]
    return sorted((metric for measurement in loaded for metric in measurement.metrics), key=lambda metric: metric.name)


def columns() -> list[Metric]:
    """Those that stand in the tables of results, in the order of their columns."""
    shown = [(metric.column.order, metric.name, metric) for metric in metrics() if metric.column]
    return [metric for _, _, metric in sorted(shown, key=lambda each: each[:2])]
