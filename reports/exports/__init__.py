"""The formats that a run can be exported in, found by their existence: a module here that has `export`, or an entry
point of the group `streamgauge.exports`.
"""

from __future__ import annotations

from typing import TypeGuard

from reports.exports.export import Export
from workloads import discovery
from workloads.discovery import Unavailable

__all__ = ["Unavailable", "discover"]


def discover() -> dict[str, Export | Unavailable]:
    """Every format by the name that `--to` takes, and why one cannot be loaded."""
    return discovery.discover(__name__, "export", "streamgauge.exports", _is_export)


def _is_export(found: object) -> TypeGuard[Export]:
    return isinstance(found, Export)
