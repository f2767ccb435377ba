"""What exists is found by its existence: in the modules of a package, and by entry points of packages outside.

Workloads, engines, faults, metrics and the sections of a report are found so. It stands here because every package may
import this one, which imports nothing of ours. Standard library only.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
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


def candidates(
    package: str, attribute: str, group: str, only: Literal["packages", "modules"] | None = None
) -> Iterator[tuple[str, str, object]]:
    """(name, place, thing) of all that may be of a kind: what the modules of `package` have under the name `attribute`,
    None where one has nothing, then the entry points of `group`. What cannot be loaded is Unavailable.

    only: look into sub-packages only, or into modules that are none; into all where it is not given. name: the module's
    with - for _, or the entry point's. place: where it was found, in words.
    """
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
        if only is None or module.ispkg == (only == "packages"):
            name = module.name.rpartition(".")[2].replace("_", "-")
            yield name, module.name, _load(name, partial(_attribute, module.name, attribute))
    for point in entry_points(group=group):
        yield point.name, f"{point.name} = {point.value}", _load(point.name, point.load)


def discover(
    package: str,
    attribute: str,
    group: str,
    wanted: Callable[[object], TypeGuard[_T]],
    only: Literal["packages", "modules"] | None = None,
) -> dict[str, _T | Unavailable]:
    """What there is of a kind, by name and in the order of names: see `candidates`.

    An entry point replaces what has the same name. wanted: whether something is of the kind; what a module has of
    another kind is passed over. The name is the thing's own `name` where a module has it; of an entry point, the entry
    point's.
    """
    found: dict[str, _T | Unavailable] = {}
    for name, place, thing in candidates(package, attribute, group, only):
        from_module = " = " not in place
        if isinstance(thing, Unavailable):
            found[name] = thing
        elif wanted(thing):
            found[getattr(thing, "name", name) if from_module else name] = thing
        elif not from_module:
            found[name] = Unavailable(name, f"{place.partition(' = ')[2]} is nothing that {group} may name")
    return dict(sorted(found.items()))


def _attribute(module: str, attribute: str) -> object:
    return getattr(importlib.import_module(module), attribute, None)


def _load(name: str, load: Callable[[], object]) -> object:
    """What is loaded, or that it cannot be: code from anywhere may raise anything."""
    try:
        return load()
    except Exception as error:
        return Unavailable(name, f"{type(error).__name__}: {error}")
