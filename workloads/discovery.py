"""What exists is found by its existence: in the modules of a package, and by entry points of packages outside.

Workloads, engines and faults are found so, by the same rules. It stands here because every package may import this one,
which imports nothing of ours. Standard library only.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from typing import Literal, TypeGuard, TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True)
class Unavailable:
    """Something that exists but cannot be loaded, and why."""

    name: str
    why: str


def discover(
    package: str,
    attribute: str,
    group: str,
    wanted: Callable[[object], TypeGuard[_T]],
    only: Literal["packages", "modules"] | None = None,
) -> dict[str, _T | Unavailable]:
    """What there is of a kind, by name and in the order of names.

    First what the modules of `package` have under the name `attribute`, then the entry points of `group`, which replace
    what has the same name. wanted: whether something is of the kind; what a module has of another kind is passed over.
    only: look into sub-packages only, or into modules that are none; into all where it is not given. The name is the
    thing's own `name`, else its module's with - for _; of an entry point, the entry point's.
    """
    found: dict[str, _T | Unavailable] = {}
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
        if only is not None and module.ispkg != (only == "packages"):
            continue
        name = module.name.rpartition(".")[2].replace("_", "-")
        thing = _load(name, partial(_attribute, module.name, attribute))
        if isinstance(thing, Unavailable):
            found[name] = thing
        elif wanted(thing):
            found[getattr(thing, "name", name)] = thing
    for point in entry_points(group=group):
        thing = _load(point.name, point.load)
        if isinstance(thing, Unavailable) or wanted(thing):
            found[point.name] = thing
        else:
            found[point.name] = Unavailable(point.name, f"{point.value} is nothing that {group} may name")
    return dict(sorted(found.items()))


def _attribute(module: str, attribute: str) -> object:
    return getattr(importlib.import_module(module), attribute, None)


def _load(name: str, load: Callable[[], object]) -> object:
    """What is loaded, or that it cannot be: code from anywhere may raise anything."""
    try:
        return load()
    except Exception as error:
        return Unavailable(name, f"{type(error).__name__}: {error}")
