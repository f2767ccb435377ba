"""Word count, the first program of every stream processor: map to (word, n), then reduce."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from workloads import keys
from workloads.bounds import Largest
from workloads.query import WATERMARK_MARGIN_MS, Aggregate, Query, Running
from workloads.stream import Events, Integers, Segment, delayed_ms, draw
from workloads.workload import Parameters, columns

_SYLLABLES = tuple(a + b for a in "bdfghklmnprstvwz" for b in "aeiou")


@lru_cache(maxsize=8)
def _words(count: int) -> tuple[str, ...]:
    """Invented words, all different, the first ones short, as frequent words are."""
    return tuple(_word(number) for number in range(count))


def _word(number: int) -> str:
    number, last = divmod(number, len(_SYLLABLES))
    return (_word(number - 1) if number else "") + _SYLLABLES[last]


MOST = 3
"""How often a word occurs in a line at most."""


class WordCount:
    name = "word-count"
    story = (
        "Lines of text come in as words, each with how often (n) it occurs in its line; frequent words follow Zipf's "
        "law. After every one: how many lines that word was in so far, and how often it occurred."
    )
    defaults: Parameters = MappingProxyType({"keys": 2000, "law": "zipf", "zipf": 1.0, "disorder_ms": 500})

    def query(self, parameters: Parameters) -> Query:
        return Query(
            columns=columns("word", "n"),
            time="time",
            key="word",
            shape=Running((Aggregate("total", "sum", "n"),)),
            watermark_delay_ms=int(parameters["disorder_ms"]) + WATERMARK_MARGIN_MS,
        )

    def largest(self, parameters: Parameters) -> Mapping[str, Largest]:  # noqa: ARG002
        return {"n": Largest(MOST)}

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        words = keys.select(parameters, seed, ids)
        times = delayed_ms(seed, segment, ids, words, int(parameters["disorder_ms"]))
        values = {"n": 1 + keys.evenly(draw(seed, "n", ids), MOST)}
        return Events(ids, times, words, values, _words(int(parameters["keys"])))


workload = WordCount()
