"""No definition of the product is unused."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, nodes
from vulture import Vulture

from tests.tidy.sources import PACKAGES, ROOT, files, text_of

CONFIDENCE = 60
"""Percent; what vulture is surer of is reported too. Below that it reports nothing."""

DECORATED = ("@app.command", "@app.callback", "@model_validator")
"""Commands are called by Typer, validators by pydantic."""

CALLED_FROM_OUTSIDE = {
    "model_config": "pydantic reads it",
    "schema_version": "stands in each file that is written; pydantic holds it to its one value",
    "budget": "a key of suite files, read by name",
    "budget_jvm": "a key of suite files, read by name",
    "embedded": "a key of suite files, read by name",
    "late_dropped": "a count of result.json, for who reads that",
    "limits": "the conformance suite asks an engine for it",
    "lossy": "the conformance suite asks a claim for it",
    "meet": "called by the lines that the continuous runner makes of a join",
    "process_element": "Flink calls it",
    "get_result": "Flink calls it",
    "on_timer": "Flink calls it",
    "init": "Spark calls it",
    "handleInputRows": "Spark calls it",
    "timerValues": "Spark gives it to handleInputRows",
    "onQueryStarted": "Spark calls it",
    "onQueryProgress": "Spark calls it",
    "onQueryIdle": "Spark calls it",
    "onQueryTerminated": "Spark calls it",
    "on_partitions_revoked": "kafka-python calls it",
    "on_partitions_lost": "kafka-python calls it",
    "on_partitions_assigned": "kafka-python calls it",
    "get_renderables": "Rich calls it",
}
"""Names that nothing in the product uses, with who does."""


def unused() -> dict[str, str]:
    """What vulture takes for unused and no template of the reports names, by name, with where it is."""
    found = Vulture(ignore_decorators=DECORATED)
    found.scavenge([ROOT / package for package in PACKAGES])
    # Examples are pages that were made of templates.
    pages = [path for path in files("*.html", ("reports",)) if "examples" not in Path(path).parts]
    templates = [Environment(autoescape=True).parse(text_of(path)) for path in pages]
    named = {node.attr for template in templates for node in template.find_all(nodes.Getattr)}
    return {
        str(item.name): f"{item.filename}:{item.first_lineno}: {item.message}"
        for item in found.get_unused_code(min_confidence=CONFIDENCE)
        if item.name not in named
    }


def test_every_definition_is_used_or_called_from_outside() -> None:
    seen = unused()
    assert {where for name, where in seen.items() if name not in CALLED_FROM_OUTSIDE} == set()
    assert CALLED_FROM_OUTSIDE.keys() - seen.keys() == set(), "these are used, or gone: nothing need be said of them"


def test_each_name_that_is_called_from_outside_says_by_whom() -> None:
    assert all(len(why.split()) > 2 for why in CALLED_FROM_OUTSIDE.values())
