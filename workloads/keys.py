"""Key laws: which key an event has. The parameter `law` names one, `keys` says how many keys there are at most.

uniform   every key is equally likely
zipf      the n-th key is n ** zipf times rarer than the first
hot       one key has a quarter of the events, the others share the rest evenly
growing   a key joins with every tenth event, until there are `keys` of them; those that are there are equally likely
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from workloads.stream import Integers, draw, zipf
from workloads.workload import Parameters, Unfit

HOT_ONE_IN = 4
"""Of law hot: one event in so many has the hot key."""

GROWTH_EVENTS = 10
"""Of law growing: with every so many events a key joins."""

LAWS = ("uniform", "zipf", "hot", "growing")


@lru_cache(maxsize=16)
def labels(prefix: str, count: int) -> tuple[str, ...]:
    """`prefix` and a number from 0, in at least four digits; the same object for the same arguments."""
    return tuple(f"{prefix}-{number:04d}" for number in range(count))


def evenly(draws: NDArray[np.uint64], count: int) -> Integers:
    """Numbers below `count`, all equally likely."""
    return (draws % np.uint64(count)).astype(np.int64)


def zipf_ranks(draws: NDArray[np.uint64], count: int, exponent: float) -> Integers:
    """Ranks below `count`, of which number n (from 1) is n ** exponent times rarer than the first."""
    return np.searchsorted(_bounds(count, exponent), draws, side="right").astype(np.int64)


def select(parameters: Parameters, seed: int, ids: Integers) -> Integers:
    """The index of each event's key, by the parameters keys, law and (for law zipf) zipf.

    Raises Unfit for an unknown law or no keys.
    """
    law, count = str(parameters["law"]), int(parameters["keys"])
    if law not in LAWS:
        raise Unfit(f"there is no key law {law!r}", f"law is one of {', '.join(LAWS)}")
    if count < 1:
        raise Unfit("there are no keys", "keys is at least 1")
    draws = draw(seed, "key", ids)
    match law:
        case "zipf":
            return zipf_ranks(draws, count, float(parameters["zipf"]))
        case "hot" if count > 1:
            others = 1 + evenly(draws, count - 1)
            return np.where(draw(seed, "hot", ids) % np.uint64(HOT_ONE_IN) == 0, 0, others)
        case "growing":
            known = np.minimum(1 + ids // GROWTH_EVENTS, count).astype(np.uint64)
            return (draws % known).astype(np.int64)
        case _:
            return evenly(draws, count)


@lru_cache(maxsize=16)
def _bounds(count: int, exponent: float) -> NDArray[np.uint64]:
    return zipf(count, exponent)
