"""Nexmark's stream of persons, auctions and bids, as its published generator makes it (github.com/nexmark/nexmark).

Of 50 events in a row the first is a new person, the next three are new auctions, 46 are bids. Half of all bids go to
the hot auction of their time. Three in four bids come from its hot bidder, and three in four auctions from its hot
seller. The others are spread over the auctions in flight and the active persons, a few of them not yet announced.
Prices are 10 ** u cents for u evenly in [2, 8).

What differs here: all three kinds are in one stream with integer columns (0 where a kind has none). There are no texts
and no padding, and an auction has no end. Random numbers are drawn by the event's number. Events and rows carry the id
and check that the audit needs.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from workloads.keys import evenly, labels
from workloads.query import Condition
from workloads.stream import Events, Integers, Segment, disordered_ms, draw
from workloads.workload import Parameters

STREAM = (
    " The stream is the published one in its kinds, their order, hot auctions, bidders and sellers, and prices; but it "
    "has integer columns only (no texts, no `extra`, no `expires`), and an event's random numbers come from its number."
)
"""What the stream differs in, for the story of each query."""

WATERMARK = " The published watermark is 4 s behind; here it is 1 s and disorder_ms."
"""The same of a query that waits for the watermark."""

COLUMNS = ("kind", "auction", "bidder", "price", "seller", "category", "reserve")
PERSON, AUCTION, BID = 0, 1, 2
BIDS = (Condition("kind", "=", BID),)

HIGHEST_PRICE = 10**8
"""No bid reaches this: u stays below 8."""

_PERSONS, _AUCTIONS, _ALL = 1, 3, 50
_FIRST_ID, _FIRST_CATEGORY, _CATEGORIES = 1000, 10, 5
_BATCH = 100
_HOT_AUCTION, _HOT_PERSON = 2, 4
_IN_FLIGHT, _ACTIVE, _LEAD = 100, 1000, 10
_STEPS = 1 << 16


class ByPerson:
    """Workloads whose key is an event's person: its parameter `keys` says how many are told apart."""

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        persons, values = columns(seed, ids)
        times = disordered_ms(seed, segment, ids, int(parameters["disorder_ms"]))
        count = int(parameters["keys"])
        return Events(ids, times, persons % count, values, labels("person", count))


def columns(seed: int, ids: Integers) -> tuple[Integers, dict[str, Integers]]:
    """The number (from 0) of each event's person: the new one, the seller or the bidder; and the columns COLUMNS."""
    place = ids % _ALL
    kind = np.where(place < _PERSONS, PERSON, np.where(place < _PERSONS + _AUCTIONS, AUCTION, BID)).astype(np.int64)
    new, auction, bid = kind == PERSON, kind == AUCTION, kind == BID
    last_person, last_auction = ids // _ALL, _last_auction(ids, place)
    active = np.minimum(last_person + 1, _ACTIVE)
    some = last_person + 1 - active + _below(draw(seed, "person", ids), active + _LEAD)
    # The batch's first person is its hot seller, the second its hot bidder.
    hot = last_person // _BATCH * _BATCH + np.where(bid, 1, 0)
    person = np.where(evenly(draw(seed, "hot person", ids), _HOT_PERSON) > 0, hot, some)
    person = np.where(new, last_person, person)
    oldest = np.maximum(last_auction - _IN_FLIGHT, 0)
    any_auction = oldest + _below(draw(seed, "auction", ids), last_auction - oldest + 1 + _LEAD)
    hot_auction = last_auction // _BATCH * _BATCH
    bid_on = np.where(evenly(draw(seed, "hot auction", ids), _HOT_AUCTION) > 0, hot_auction, any_auction)
    price = _prices(draw(seed, "price", ids))
    category = _FIRST_CATEGORY + evenly(draw(seed, "category", ids), _CATEGORIES)
    return person, {
        "kind": kind,
        "auction": np.where(new, 0, _FIRST_ID + np.where(bid, bid_on, last_auction)),
        "bidder": np.where(bid, _FIRST_ID + person, 0),
        "price": np.where(new, 0, price),
        "seller": np.where(auction, _FIRST_ID + person, 0),
        "category": np.where(auction, category, 0),
        "reserve": np.where(auction, price + _prices(draw(seed, "reserve", ids)), 0),
    }


def _last_auction(ids: Integers, place: Integers) -> Integers:
    """The number of the newest auction when an event is made; of an auction, its own."""
    in_batch = np.where(place >= _PERSONS, np.minimum(place - _PERSONS, _AUCTIONS - 1), -1)
    return ids // _ALL * _AUCTIONS + in_batch


def _below(draws: NDArray[np.uint64], bounds: Integers) -> Integers:
    return (draws % bounds.astype(np.uint64)).astype(np.int64)


def _prices(draws: NDArray[np.uint64]) -> Integers:
    """10 ** (2 + 6 u), rounded, by a table and integers: the last bit of a power differs between machines."""
    table = _powers()
    step = (draws >> np.uint64(48)).astype(np.int64)
    within = ((draws >> np.uint64(32)) % np.uint64(_STEPS)).astype(np.int64)
    fine = table[step] + (table[step + 1] - table[step]) * within // _STEPS
    prices: Integers = (fine + 128) >> 8
    return prices


@lru_cache(maxsize=1)
def _powers() -> Integers:
    """10 ** (2 + 6 k / 65536) for k from 0 to 65536, in 256ths."""
    return np.array([round(10.0 ** (2 + 6 * step / _STEPS) * 256) for step in range(_STEPS + 1)], dtype=np.int64)
