"""Aggregates of events that may come in any order: a list with a slot for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from engines.sequence import Event
from workloads.query import Aggregate

Totals: TypeAlias = list[Any]
"""A slot for each aggregate: an integer, or for distinct the set of values."""


class Aggregation:
    def __init__(self, aggregates: Sequence[Aggregate]) -> None:
        def slots(function: str) -> list[tuple[int, str]]:
            return [
                (slot, aggregate.column or "")
                for slot, aggregate in enumerate(aggregates)
                if aggregate.function == function
            ]

        self._names = [aggregate.name for aggregate in aggregates]
        self._counts = [slot for slot, _ in slots("count")]
        self._sums, self._minima, self._maxima = slots("sum"), slots("min"), slots("max")
        self._distincts = slots("distinct")

    def first(self, event: Event) -> Totals:
        """Totals of one event."""
        totals: Totals = [1] * len(self._names)
        for slot, column in (*self._sums, *self._minima, *self._maxima):
            totals[slot] = event[column]
        for slot, column in self._distincts:
            totals[slot] = {event[column]}
        return totals

    def add(self, totals: Totals, event: Event) -> None:
        for slot in self._counts:
            totals[slot] += 1
        for slot, column in self._sums:
            totals[slot] += event[column]
        for slot, column in self._minima:
            if event[column] < totals[slot]:
                totals[slot] = event[column]
        for slot, column in self._maxima:
            if event[column] > totals[slot]:
                totals[slot] = event[column]
        for slot, column in self._distincts:
            totals[slot].add(event[column])

    def merge(self, totals: Totals, others: Totals) -> None:
        """Add to totals what others hold."""
        for slot in self._counts:
            totals[slot] += others[slot]
        for slot, _ in self._sums:
            totals[slot] += others[slot]
        for slot, _ in self._minima:
            totals[slot] = min(totals[slot], others[slot])
        for slot, _ in self._maxima:
            totals[slot] = max(totals[slot], others[slot])
        for slot, _ in self._distincts:
            totals[slot] |= others[slot]

    def copy(self, totals: Totals) -> Totals:
        return [value.copy() if isinstance(value, set) else value for value in totals]

    def answer(self, totals: Totals) -> dict[str, int]:
        """Output fields."""
        values = [len(value) if isinstance(value, set) else value for value in totals]
        return dict(zip(self._names, values, strict=True))

    def plain(self, totals: Totals) -> list[Any]:
        """Totals as JSON."""
        return [sorted(value) if isinstance(value, set) else value for value in totals]

    def typed(self, plain: list[Any]) -> Totals:
        """Totals from JSON."""
        return [set(value) if isinstance(value, list) else value for value in plain]
