"""Accumulators of a group of events: a tuple, one item an aggregate; how it begins, grows, merges and ends, as code.

Code, because interpreting the aggregates for each event would take three times as long. A new tuple for each event is
quicker than a changed list. The values of a distinct count are a set, which grows in place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import GenericAlias
from typing import Any

from workloads.query import Aggregate, Function

Held = tuple[Any, ...]

_INITIAL: Mapping[Function, str] = {"count": "1", "sum": "{0}", "min": "{0}", "max": "{0}", "distinct": "{{{0}}}"}
_UPDATE: Mapping[Function, str] = {
    "count": "h{1} + 1",
    "sum": "h{1} + {0}",
    "min": "h{1} if h{1} < {0} else {0}",
    "max": "h{1} if h{1} > {0} else {0}",
    "distinct": "h{1}.add({0}) or h{1}",
}
_MERGE: Mapping[Function, str] = {
    "count": "h{0} + g{0}",
    "sum": "h{0} + g{0}",
    "min": "h{0} if h{0} < g{0} else g{0}",
    "max": "h{0} if h{0} > g{0} else g{0}",
    "distinct": "h{0} | g{0}",
}

_MERGE_ALL = """
def merge(one, other):
    {names}, = one
    {others}, = other
    return ({merged},)

def merge_all(groups, more):
    for group, held in more.items():
        known = groups.get(group)
        if known is None:
            groups[group] = held
        else:
            {names}, = known
            {others}, = held
            groups[group] = ({merged},)
"""


class Accumulators:
    """names: variables that an accumulator is unpacked to, joined by commas. merge: of the events of both, leaving both
    as they are. merge_all: the same for each group of the second, in place in the first. values: the aggregates' values
    out of these variables. finish: the same out of an accumulator; None where the accumulators are the values.
    """

    def __init__(self, outputs: Sequence[Aggregate]) -> None:
        self.outputs = outputs
        self.names = ", ".join(f"h{slot}" for slot in range(len(outputs)))
        items = [set[int] if output.function == "distinct" else int for output in outputs]
        self.type = GenericAlias(tuple, tuple(items))
        merged = ", ".join(_MERGE[output.function].format(slot) for slot, output in enumerate(outputs))
        others = self.names.replace("h", "g")
        source = _MERGE_ALL.format(names=self.names, others=others, merged=merged)
        self.merge: Callable[[Held, Held], Held] = compiled("merge", source)
        self.merge_all: Callable[[dict[Any, Held], dict[Any, Held]], None] = compiled("merge_all", source)
        self.finish: Callable[[Held], Held] | None = None
        self.values = [f"len(h{slot})" if item is not int else f"h{slot}" for slot, item in enumerate(items)]
        if set[int] in items:
            source = f"def finish(held):\n    {self.names}, = held\n    return ({', '.join(self.values)},)\n"
            self.finish = compiled("finish", source)

    @property
    def columns(self) -> list[str]:
        """What must be loaded of an event."""
        return sorted({output.column for output in self.outputs if output.column is not None})

    def initial(self, name: Callable[[str], str]) -> str:
        """The accumulator of one event. name: the variable that holds a column."""
        return ", ".join(_INITIAL[output.function].format(_value(output, name)) for output in self.outputs)

    def update(self, name: Callable[[str], str], first: int = 0) -> str:
        """The accumulator with one more event, from the variables `names`; its items from `first` on."""
        return ", ".join(
            _UPDATE[output.function].format(_value(output, name), slot)
            for slot, output in enumerate(self.outputs)
            if slot >= first
        )

    def finished(self, held: Held) -> Held:
        return held if self.finish is None else self.finish(held)


def _value(output: Aggregate, name: Callable[[str], str]) -> str:
    return name(output.column) if output.column is not None else ""


def compiled(name: str, source: str) -> Any:
    """The function `name` that the source defines."""
    namespace: dict[str, Any] = {}
    exec(source, namespace)  # noqa: S102 - made of our own text, numbers, and attribute names that we numbered
    return namespace[name]
