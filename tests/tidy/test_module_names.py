"""A module's name stands once outside `engines/`, where the folder tells one from another, or means one thing twice."""

from __future__ import annotations

from collections import defaultdict

from tests.tidy.sources import PACKAGES, files

ONE_THING = {
    "gate": "is it slower: the harness tries both sides, results decide, reports show it",
    "calibration": "what the harness itself takes: measured by the harness, told by the results",
    "late_events": "what became of late events: measured in results, told in reports",
    "recovery": "how an engine comes back after a strike: measured in results, told in reports",
    "strikes": "the harness lets them fall; the evidence reads from a history how they fell",
    "thresholds": "what a suite binds: held against what was measured in results, told in reports",
    "updates": "rows that replace others: the evidence keeps the last of each, a metric counts the others",
}
"""Names that stand in two layers for one thing, and what that is."""


def modules() -> dict[str, set[str]]:
    """Folders and files by the last part of their module's name."""
    found = defaultdict(set)
    for path in files("*.py", tuple(package for package in PACKAGES if package != "engines")):
        place = path.parent if path.name == "__init__.py" else path
        found[place.stem].add(str(place))
    return found


def test_a_module_name_stands_once_or_for_one_thing_in_two_layers() -> None:
    twice = {name: places for name, places in modules().items() if len(places) > 1}
    assert twice.keys() - ONE_THING.keys() == set(), twice
    assert ONE_THING.keys() - twice.keys() == set(), "these stand once, or not at all"
    for name in ONE_THING:
        layers = {place.rpartition("/")[0] for place in twice[name]}
        assert len(layers) == len(twice[name]), f"{name} stands twice in one layer: {twice[name]}"


def test_packages_and_modules_are_both_seen() -> None:
    assert {"harness/strikes", "results/evidence/strikes.py"} <= modules()["strikes"]
    assert modules()["suite"] == {"harness/planning/suite.py"}
