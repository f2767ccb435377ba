"""Finds the engines that exist: folders of engines/ whose package has `engine`, and entry points."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from importlib.metadata import entry_points

import engines
from engines.protocol import Engine


@dataclass(frozen=True)
class Unavailable:
    """An engine that exists but cannot be loaded, and why."""

    name: str
    why: str


def discover() -> dict[str, Engine | Unavailable]:
    """Every engine by name; entry points of group `streamgauge.engines` come from packages outside."""
    found: dict[str, Engine | Unavailable] = {}
    for module in pkgutil.iter_modules(engines.__path__, "engines."):
        if not module.ispkg or module.name == "engines.logs":
            continue
        name = module.name.rpartition(".")[2].replace("_", "-")
        try:
            engine = getattr(importlib.import_module(module.name), "engine", None)
        except Exception as error:
            found[name] = Unavailable(name, f"{type(error).__name__}: {error}")
            continue
        if engine is not None:
            found[engine.name] = engine
    for point in entry_points(group="streamgauge.engines"):
        try:
            found[point.name] = point.load()
        except Exception as error:
            found[point.name] = Unavailable(point.name, f"{type(error).__name__}: {error}")
    return dict(sorted(found.items()))
