"""The loop over a query's events: filter, derived columns, deduplication and the shape's own lines in one function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from engines.runtime.events import attribute
from workloads.query import Condition, Linear, Query

from .accumulators import compiled
from .shape_operator import ShapeOperator

Process = Callable[[Any, ShapeOperator, list[Any]], None]
"""From the operator, its shape and some events."""

_LOOP = """
def process(operator, shape, events):
    {setup}
    kept = operator.kept
    latest, due = operator.latest, operator.due
    for event in events:
        time = event.{time}
        if time > latest:
            latest = time
            if time >= due:
                due = operator.close(time)
                {reset}
        {lines}
    operator.latest, operator.due = latest, due
"""

_ONCE = """
once = (key, {values},)
seen = kept.get(once)
if seen is not None and seen + {within} > time and seen + {within} > latest - {delay}:
    continue
kept[once] = time
"""


class Variables:
    """The variables that hold an event's columns, and the lines that load each once, when it is first needed."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._derived = {linear.name: f"d{number}" for number, linear in enumerate(query.derived)}
        self._loaded = set(self._derived.values())

    def name(self, column: str) -> str:
        return self._derived.get(column) or attribute(self._query, column)

    def load(self, columns: Iterable[str]) -> list[str]:
        """Lines after which the columns are in their variables."""
        new = sorted({self.name(column) for column in columns} - self._loaded)
        self._loaded.update(new)
        return [f"{name} = event.{name}" for name in new]


def condition_text(condition: Condition, name: str) -> str:
    comparator = {"=": "=="}.get(condition.comparator, condition.comparator)
    remainder = "" if condition.modulo is None else f" % {condition.modulo}"
    return f"{name}{remainder} {comparator} {condition.value}"


def conditions_text(conditions: Iterable[Condition], name: Callable[[str], str]) -> str:
    """Whether all of them hold."""
    return " and ".join(condition_text(condition, name(condition.column)) for condition in conditions) or "True"


def _linear_text(linear: Linear, name: Callable[[str], str]) -> str:
    terms = [str(linear.constant), *(f"{weight} * {name(column)}" for column, weight in linear.weights)]
    return f"({' + '.join(terms)}) // {linear.divisor}"


def compile_loop(query: Query, shape: ShapeOperator) -> Process:
    variables = Variables(query)
    lines: list[str] = []
    if query.where:
        lines += variables.load(condition.column for condition in query.where)
        lines.append(f"if not ({conditions_text(query.where, variables.name)}): continue")
    for linear in query.derived:
        lines += variables.load(column for column, _ in linear.weights)
        lines.append(f"{variables.name(linear.name)} = {_linear_text(linear, variables.name)}")
    lines.append(f"key = event.{attribute(query, query.key)}")
    if query.deduplicate:
        columns, within = query.deduplicate.columns, query.deduplicate.within_ms
        lines += variables.load(columns)
        values = ", ".join(map(variables.name, columns))
        lines += _ONCE.format(values=values, within=within, delay=query.watermark_delay_ms).strip().split("\n")
    lines += variables.load(shape.columns)
    lines += shape.lines(variables.name).strip().split("\n")
    source = _LOOP.format(
        setup=shape.setup,
        time=attribute(query, query.time),
        reset=shape.reset,
        lines="\n        ".join(lines),
    )
    process: Process = compiled("process", source)
    return process
