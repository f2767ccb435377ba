"""A type's name stands for one thing, wherever it stands: what an engine calls its own is told by its folder."""

from __future__ import annotations

import ast
from collections import defaultdict

from tests.tidy.sources import PACKAGES, files, text_of

ONE_THING = {
    "Table": "rows and columns: of a TOML file in the harness, of a page in reports",
}
"""Names that several types have, and what all of these are."""


def types() -> dict[str, list[str]]:
    """Where each type is defined that others may see, by its name."""
    found = defaultdict(list)
    for path in files("*.py", PACKAGES):
        if path.parts[0] == "engines" and path.parent.name not in ("engines", "logs"):
            continue
        for node in ast.walk(ast.parse(text_of(path))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(str(path))
    return found


def test_a_name_stands_for_one_type() -> None:
    twice = {name: places for name, places in types().items() if len(places) > 1}
    assert {name: places for name, places in twice.items() if name not in ONE_THING} == {}
    assert ONE_THING.keys() - twice.keys() == set(), "these stand once, or not at all"


def test_types_of_all_packages_are_seen_but_not_those_of_one_engine() -> None:
    seen = types()
    assert {"Query", "Job", "Log", "Trial", "History", "Comparison"} <= seen.keys()
    assert len(seen) > 300
    assert "FlinkJob" not in seen
