"""Nexmark's stream against the published generator, written out event by event."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from tests.conformance.reference import rows
from tests.workloads.made import SEED, WORKLOADS, decoded, made
from workloads import nexmark

COUNT = 100_000
IDS = np.arange(COUNT)
PERSON, STREAM = nexmark.columns(SEED, IDS)
BIDS = STREAM["kind"] == nexmark.BID


def last_auction(event: int) -> int:
    """AuctionGenerator.lastBase0AuctionId."""
    epoch, offset = divmod(event, 50)
    if offset < 1:
        return (epoch - 1) * 3 + 2
    return epoch * 3 + min(offset - 1, 2)


LAST_AUCTION = np.array([last_auction(event) for event in range(COUNT)])
LAST_PERSON = IDS // 50


def test_of_fifty_events_one_is_a_person_three_are_auctions_and_the_rest_bids() -> None:
    assert STREAM["kind"][:50].tolist() == [0] + [1] * 3 + [2] * 46
    assert Counter(STREAM["kind"].tolist()) == {0: COUNT // 50, 1: 3 * COUNT // 50, 2: 46 * COUNT // 50}


def test_persons_and_auctions_are_numbered_in_a_row() -> None:
    assert PERSON[STREAM["kind"] == nexmark.PERSON].tolist() == list(range(COUNT // 50))
    auctions = STREAM["auction"][STREAM["kind"] == nexmark.AUCTION]
    assert auctions.tolist() == list(range(1000, 1000 + 3 * COUNT // 50))


def test_half_the_bids_go_to_the_hot_auction_and_the_rest_to_those_in_flight() -> None:
    auction = STREAM["auction"][BIDS] - 1000
    last = LAST_AUCTION[BIDS]
    hot = auction == last // 100 * 100
    oldest = np.maximum(last - 100, 0)
    assert hot.mean() == pytest.approx(0.5 + 0.5 / 111, abs=0.01)
    assert ((auction >= oldest) & (auction <= last + 10) | hot).all()
    # The few that are announced ahead of their auction.
    assert np.mean(auction > last) == pytest.approx(0.5 * 10 / 111, abs=0.005)


def test_three_in_four_bids_come_from_the_hot_bidder_and_the_rest_from_active_persons() -> None:
    bidder, last = STREAM["bidder"][BIDS] - 1000, LAST_PERSON[BIDS]
    hot = bidder == last // 100 * 100 + 1
    oldest = np.maximum(last + 1 - 1000, 0)
    assert hot.mean() == pytest.approx(0.75, abs=0.01)
    assert ((bidder >= oldest) & (bidder <= last + 10) | hot).all()
    sold = STREAM["kind"] == nexmark.AUCTION
    seller = STREAM["seller"][sold] - 1000
    assert np.mean(seller == LAST_PERSON[sold] // 100 * 100) == pytest.approx(0.75, abs=0.02)
    assert set(STREAM["category"][sold].tolist()) == {10, 11, 12, 13, 14}
    assert (STREAM["reserve"][sold] > STREAM["price"][sold]).all()


def test_prices_are_a_power_of_ten_with_an_even_exponent_from_two_to_eight() -> None:
    exponent = np.log10(STREAM["price"][BIDS])
    assert (exponent.min(), exponent.max()) == (pytest.approx(2, abs=0.01), pytest.approx(8, abs=0.01))
    shares = np.histogram(exponent, bins=6, range=(2, 8))[0] / BIDS.sum()
    assert shares == pytest.approx([1 / 6] * 6, abs=0.01)


def test_a_price_is_what_the_formula_says() -> None:
    draws = np.array([0, 1 << 32, 1 << 62, (1 << 63) + 12345678901234, 2**64 - 1], dtype=np.uint64)
    exact = [round(math.pow(10.0, int(number) / 2**64 * 6.0) * 100.0) for number in draws.tolist()]
    assert nexmark._prices(draws).tolist() == pytest.approx(exact, rel=1e-4, abs=1)


def test_query_1_converts_every_bid() -> None:
    query, events, _ = made("nexmark-q1", 500)
    found = decoded(query, events)
    assert {row["id"]: row["euros"] for row in rows(query, found)} == {
        event["id"]: int(event["price"] * 908) // 1000 for event in found if event["kind"] == 2
    }


def test_query_2_selects_every_123rd_auction() -> None:
    query, events, _ = made("nexmark-q2", 20_000)
    found = decoded(query, events)
    selected = {event["id"] for event in found if event["kind"] == 2 and event["auction"] % 123 == 0}
    assert selected
    assert {row["id"] for row in rows(query, found)} == selected


def test_query_5_finds_the_auction_with_most_bids() -> None:
    query, events, segment = made("nexmark-q5", 4000, 1000.0)
    found = decoded(query, events)
    for row in rows(query, found):
        bids = Counter(
            event["auction"] for event in found if event["kind"] == 2 and row["start"] <= event["time"] < row["end"]
        )
        most = max(bids.values())
        assert (row["item"], row["count"]) == (min(a for a, count in bids.items() if count == most), most)
        assert row["end"] - row["start"] == 4000
    assert len(rows(query, found)) == segment.duration_ms // 1000 + 3


def test_query_7_finds_the_highest_bid() -> None:
    query, events, _ = made("nexmark-q7", 3000, 1000.0)
    found = decoded(query, events)
    by_id = {event["id"]: event for event in found}
    due = rows(query, found)
    assert len(due) == 3
    for row in due:
        bids = [e for e in found if e["kind"] == 2 and row["start"] <= e["time"] < row["end"]]
        best = by_id[row["item"]]
        assert best["price"] == max(bid["price"] for bid in bids) == row["price_max"]
        assert (best["auction"], best["bidder"]) == (row["auction_max"], row["bidder_max"])


def test_query_11_counts_a_bidders_bids_until_a_pause() -> None:
    query, events, _ = made("nexmark-q11", 3000, 1000.0)
    found = [event for event in decoded(query, events) if event["kind"] == 2]
    due = rows(query, decoded(query, events))
    assert sum(row["count"] for row in due) == len(found)
    for row in due[:50]:
        mine = [e["time"] for e in found if e["person"] == row["key"] and row["start"] <= e["time"] < row["end"]]
        assert max(mine) == row["end"] - 1000
        assert np.diff(sorted(mine)).max(initial=0) < 1000


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nexmark-q1", ("whole euro cents, rounded down", "without the column `extra`")),
        ("nexmark-q2", ("The query is as published",)),
        ("nexmark-q5", ("10 s and 2 s", "all auctions that share the first place", "one key and one partition")),
        ("nexmark-q7", ("10 s", "`dateTime` and `extra`", "all bids of that price", "at the very end of the window")),
        ("nexmark-q11", ("10 s", "a pause of exactly the gap", "numbers begin again")),
    ],
)
def test_a_story_says_all_that_differs_from_the_published_query(name: str, told: tuple[str, ...]) -> None:
    workload = WORKLOADS[name]
    story = workload.story
    assert [each for each in told if each not in story] == []
    assert "integer columns only" in story
    waits = workload.query(workload.defaults).time_window is not None
    assert ("The published watermark is 4 s behind; here it is 1 s" in story) == waits


def test_a_pause_of_exactly_the_gap_ends_a_session_and_a_windows_end_is_the_next_ones() -> None:
    sessions, windows = (WORKLOADS[name].query(WORKLOADS[name].defaults) for name in ("nexmark-q11", "nexmark-q7"))
    bid = dict.fromkeys((column.name for column in windows.columns), 0) | {"kind": 2, "market": "m", "person": "p"}
    bids = [{**bid, "id": n, "time": at, "price": 7, "bid": n} for n, at in enumerate((1000, 1999, 2999, 3000))]
    # 999 ms apart, then a second, then a millisecond: gap and window are a second.
    assert [(row["start"], row["count"]) for row in rows(sessions, bids)] == [(1000, 2), (2999, 2)]
    assert [(row["start"], row["item"]) for row in rows(windows, bids)] == [(1000, 0), (2000, 2), (3000, 3)]
