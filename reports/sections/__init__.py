"""The sections of a report, found by their existence: a module here that has `section`, or an entry point of the group
`streamgauge.sections`.
"""

from __future__ import annotations

from reports.sections.section import Section
from workloads import discovery
from workloads.discovery import Unavailable

__all__ = ["Unavailable", "discover"]


def discover() -> dict[str, Section | Unavailable]:
    """Every section by name. A name is given once: whoever comes second is unavailable, as is what is no section."""
    found: dict[str, Section | Unavailable] = {}
    for _, place, section in discovery.candidates(__name__, "section", "streamgauge.sections"):
        if isinstance(section, Unavailable):
            found[place] = Unavailable(place, section.why)
        elif isinstance(section, Section) and section.name in found:
            found[place] = Unavailable(place, f"there is a section {section.name!r} already")
        elif isinstance(section, Section):
            found[section.name] = section
        elif section is not None:
            found[place] = Unavailable(place, f"this is no Section: {type(section).__name__}")
    return dict(sorted(found.items()))
