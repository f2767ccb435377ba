"""Faults, found by their existence: a module here that has `fault`, or an entry point of group `streamgauge.faults`.

What is found is a class: each trial makes a fault of its own.
"""

from __future__ import annotations

from typing import TypeGuard

from harness.faults.fault import Fault
from workloads import discovery
from workloads.discovery import Unavailable


def discover() -> dict[str, type[Fault] | Unavailable]:
    """The class of every fault, by name."""
    return discovery.discover(__name__, "fault", "streamgauge.faults", _is_fault)


def _is_fault(found: object) -> TypeGuard[type[Fault]]:
    return isinstance(found, type) and hasattr(found, "name") and hasattr(found, "inject")
