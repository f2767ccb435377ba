"""The sections of a report, found by their existence: a module here that has `section`, or an entry point of the group
`streamgauge.sections`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points

from reports.sections.section import Section


@dataclass(frozen=True)
class Unavailable:
    """A section that exists but cannot be loaded, and why. name: of its module or entry point."""

    name: str
    why: str


def discover() -> dict[str, Section | Unavailable]:
    """Every section by name. A name is given once: whoever comes second is unavailable."""
    found: dict[str, Section | Unavailable] = {}
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        _add(found, module.name, partial(_of_module, module.name))
    for point in entry_points(group="streamgauge.sections"):
        _add(found, f"{point.name} = {point.value}", point.load)
    return dict(sorted(found.items()))


def _of_module(name: str) -> object:
    return getattr(importlib.import_module(name), "section", None)


def _add(found: dict[str, Section | Unavailable], place: str, load: Callable[[], object]) -> None:
    """Load what may be a section; a module that has none is none."""
    try:
        section = load()
    except Exception as error:
        found[place] = Unavailable(place, f"{type(error).__name__}: {error}")
        return
    if section is None:
        return
    if not isinstance(section, Section):
        found[place] = Unavailable(place, f"this is no Section: {type(section).__name__}")
    elif section.name in found:
        found[place] = Unavailable(place, f"there is a section {section.name!r} already")
    else:
        found[section.name] = section
