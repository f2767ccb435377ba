"""Faults, found by their existence: a module here that has `fault`, or an entry point of group `streamgauge.faults`."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from importlib.metadata import entry_points

from harness.faults.fault import Fault


@dataclass(frozen=True)
class Unavailable:
    """Something that exists but cannot be loaded, and why."""

    name: str
    why: str


def discover() -> dict[str, Fault | Unavailable]:
    """Every fault by name."""
    found: dict[str, Fault | Unavailable] = {}
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        name = module.name.rpartition(".")[2].replace("_", "-")
        try:
            fault = getattr(importlib.import_module(module.name), "fault", None)
        except Exception as error:
            found[name] = Unavailable(name, f"{type(error).__name__}: {error}")
            continue
        if fault is not None and not hasattr(fault, "__path__") and hasattr(fault, "inject"):
            found[fault.name] = fault
    for point in entry_points(group="streamgauge.faults"):
        try:
            found[point.name] = point.load()
        except Exception as error:
            found[point.name] = Unavailable(point.name, f"{type(error).__name__}: {error}")
    return dict(sorted(found.items()))
