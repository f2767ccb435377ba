"""Events that go back to an earlier one: retransmissions, and clicks on what was shown before."""

from __future__ import annotations

import numpy as np

from workloads.stream import Integers, Segment, draw

_LIKELY = 1 << 20
"""Shares are told apart in steps of one in so many."""


def chosen(seed: int, name: str, ids: Integers, share: float) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Whether each event is among a random `share` (0 to 1) of all."""
    return np.asarray(draw(seed, name, ids) % np.uint64(_LIKELY) < np.uint64(round(share * _LIKELY)), dtype=np.bool_)


def origins(seed: int, segment: Segment, ids: Integers, share: float, within_ms: int) -> Integers:
    """For each event the id of the one that it goes back to, or its own where it goes back to none.

    About `share` of the events go back, each to an event of the segment that is due less than within_ms before it and
    goes back to none itself. How far is drawn evenly.
    """
    within = max(1, int(within_ms * segment.rate / 1000) - 1)
    back = 1 + (draw(seed, "back", ids) % np.uint64(within)).astype(np.int64)
    found = ids - back
    fits = chosen(seed, "goes back", ids, share) & (found >= segment.first)
    fits &= ~chosen(seed, "goes back", found, share)
    # Where the rate varies, events are further apart in some places than on average.
    fits &= segment.due_ms(ids) - segment.due_ms(np.maximum(found, segment.first)) < within_ms
    return np.where(fits, found, ids)
