"""Finds the engines that exist: folders of engines/ whose package has `engine`, and entry points."""

from __future__ import annotations

from typing import TypeGuard

from engines.protocol import Engine
from workloads import discovery
from workloads.discovery import Unavailable


def discover() -> dict[str, Engine | Unavailable]:
    """Every engine by name; entry points of group `streamgauge.engines` come from packages outside."""
    return discovery.discover("engines", "engine", "streamgauge.engines", _is_engine, only="packages")


def _is_engine(found: object) -> TypeGuard[Engine]:
    return hasattr(found, "name") and hasattr(found, "open")
