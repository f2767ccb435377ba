"""Event streams as pure functions of (seed, base, i), vectorised over i.

The generator is splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014), used as
a counter-based generator: any event can be made again at once, by several generators and by the oracle.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

CONTROL = "~"
"""Keys that begin with this belong to heartbeats and closing events; rows for them are never judged."""

CONTROL_IDS = 1 << 40
"""Ids of heartbeats and closing events start here; a workload's own events are numbered from 0."""

DECOY_IDS = 1 << 41
"""Ids of events in transactions that are aborted start here: no row may count one."""

CHECK_BITS = 31
"""The size of an event's check."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_CHECK_STREAM = 0x5EED_C4EC
CHECK_BITS = 31


def splitmix64(seed: int, counters: Integers) -> NDArray[np.uint64]:
    """The 64-bit output of splitmix64 number `counter` for `seed`, for each counter."""
    with np.errstate(over="ignore"):
        start = np.uint64(seed & 0xFFFF_FFFF_FFFF_FFFF)
        z: NDArray[np.uint64] = start + (counters.astype(np.uint64) + np.uint64(1)) * _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * _MIX1
        z = (z ^ (z >> np.uint64(27))) * _MIX2
        return z ^ (z >> np.uint64(31))


def draw(seed: int, name: str, counters: Integers) -> NDArray[np.uint64]:
    """64 random bits an event for the quantity `name`: quantities of one event are independent of each other."""
    return splitmix64(_lane(seed, name), counters)


@lru_cache(maxsize=256)
def _lane(seed: int, name: str) -> int:
    return int(splitmix64(seed, np.array([zlib.crc32(name.encode())]))[0])


def checks(ids: Integers) -> Integers:
    """The check of CHECK_BITS bits that travels with each id, so that a sum of checks says which ids were summed."""
    return (splitmix64(_CHECK_STREAM, ids) >> np.uint64(64 - CHECK_BITS)).astype(np.int64)


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key: crc32 of its UTF-8 bytes modulo the number of partitions."""
    return zlib.crc32(key.encode()) % partitions


def zipf(count: int, exponent: float) -> NDArray[np.uint64]:
    """Upper bounds of the 64-bit draws that select each of `count` ranks with probability ~ 1 / rank ** exponent.

    `np.searchsorted(bounds, draws, side="right")` gives the rank, from 0.
    """
    weights = 1.0 / np.arange(1, count + 1, dtype=np.float64) ** exponent
    cumulated = np.cumsum(weights) / weights.sum()
    # 2**53 steps are exact in a double; the last bound is dropped so that every draw has a rank.
    bounds: NDArray[np.uint64] = np.round(cumulated[:-1] * 2.0**53).astype(np.uint64) << np.uint64(11)
    return bounds


def disordered_ms(seed: int, segment: Segment, ids: Integers, disorder_ms: int) -> Integers:
    """Event times, each up to disorder_ms before its event is due, but not before the segment's base.

    The first events would otherwise fall into the windows of what came before.
    """
    early = (draw(seed, "disorder", ids) % np.uint64(disorder_ms + 1)).astype(np.int64)
    times: Integers = np.maximum(segment.due_ms(ids) - early, segment.base_ms)
    return times


def delayed_ms(seed: int, segment: Segment, ids: Integers, keys: Integers, disorder_ms: int) -> Integers:
    """The same, but by as much for all events of a key: the stream is out of order, and no key is."""
    early = (draw(seed, "delay", keys) % np.uint64(disorder_ms + 1)).astype(np.int64)
    times: Integers = np.maximum(segment.due_ms(ids) - early, segment.base_ms)
    return times


@dataclass(frozen=True)
class Events:
    """A run of events in planned order, as columns of equal length."""

    ids: Integers
    """Number of the event in the stream."""
    times: Integers
    """Event time, epoch ms."""
    keys: Integers
    """Index of the event's key in `labels`."""
    values: dict[str, Integers]
    """The workload's own integer columns, by name."""
    labels: Sequence[str]
    """All keys of the stream as texts, also those that no event here has."""

    @property
    def checks(self) -> Integers:
        return checks(self.ids)

    def take(self, order: Integers) -> Events:
        """The events at these positions."""
        values = {name: column[order] for name, column in self.values.items()}
        return Events(self.ids[order], self.times[order], self.keys[order], values, self.labels)


Curve = tuple[tuple[float, float], ...]
"""How a varying rate spreads events over a time: points (share of the events, share of the time). Both ascend, from
(0, 0) to all of the events, and the rate is steady between one point and the next. Empty: a steady rate throughout."""


def spaced_ns(positions: Integers, rate: float) -> Integers:
    """Nanoseconds after the first (position 0) of events that follow each other at `rate` a second."""
    return (positions.astype(np.float64) * (1e9 / rate)).astype(np.int64)


def planned_ns(positions: Integers, rate: float, count: int, curve: Curve = ()) -> Integers:
    """Nanoseconds after the start at which events are due, of `count` at `rate` a second on average, along a curve."""
    if not curve:
        return spaced_ns(positions, rate)
    shares, times = np.array(curve).T
    due: Integers = (np.interp(positions / count, shares, times) * (count * 1e9 / rate)).astype(np.int64)
    return due


@dataclass(frozen=True)
class Segment:
    """A part of a stream: events first .. first + count - 1.

    Event i belongs (i - first) / rate seconds (where the rate is steady) after `base_ms`, less its own disorder. When
    it is sent is another matter.
    """

    first: int
    """Id of the first event."""
    count: int
    """Number of events."""
    base_ms: int
    """Event time of the first event, disorder apart: epoch ms, a multiple of every window size; where event times are
    recorded, so much behind one as the recording's first row."""
    rate: float
    """Events per second of event time, on average."""
    curve: Curve = ()
    """How the rate varies around its average, as `Curve` says; empty: it is steady."""

    def planned_ns(self, ids: Integers, rate: float) -> Integers:
        """Nanoseconds after its start at which each is due, if `rate` a second are sent on average."""
        return planned_ns(ids - self.first, rate, self.count, self.curve)

    def offsets_ns(self, ids: Integers) -> Integers:
        """Nanoseconds of event time after the segment's base, disorder apart, for each id."""
        return self.planned_ns(ids, self.rate)

    def due_ms(self, ids: Integers) -> Integers:
        """Epoch ms of each id, disorder apart."""
        return self.base_ms + self.offsets_ns(ids) // 1_000_000

    @property
    def duration_ms(self) -> int:
        """Length of the segment in event time, rounded up to a whole millisecond."""
        return -int(-self.count * 1000 // self.rate)
