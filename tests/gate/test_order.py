"""In what order the trials of a gate are made."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from harness.gate.order import interleaved, one_side

UNITS = st.lists(st.text(max_size=5), min_size=1, max_size=5, unique=True)


@given(UNITS, st.integers(1, 12), st.integers(0, 2**32))
def test_the_two_of_a_pair_follow_each_other_and_every_pair_is_there(units: list[str], pairs: int, seed: int) -> None:
    turns = interleaved(units, pairs, "screen", seed)
    assert Counter((turn.unit, turn.side, turn.pair) for turn in turns) == {
        (unit, side, pair): 1 for unit in units for side in ("baseline", "candidate") for pair in range(pairs)
    }
    for one, other in zip(turns[::2], turns[1::2], strict=True):
        assert (one.unit, one.pair, one.quad) == (other.unit, other.pair, other.quad)
        assert {one.side, other.side} == {"baseline", "candidate"}


@given(UNITS, st.integers(2, 12), st.integers(0, 2**32))
def test_a_quad_is_abba_so_that_a_steady_drift_hits_both_sides_alike(units: list[str], pairs: int, seed: int) -> None:
    turns = interleaved(units, pairs - pairs % 2, "decision", seed)
    for place in range(0, len(turns), 4):
        first, second, third, fourth = (turn.side for turn in turns[place : place + 4])
        assert first == fourth != second == third


@given(UNITS, st.integers(0, 6), st.integers(0, 2**32))
def test_of_an_odd_number_every_unit_has_a_pair_before_any_has_a_quad(units: list[str], half: int, seed: int) -> None:
    turns = interleaved(units, 2 * half + 1, "screen", seed)
    assert {turn.unit for turn in turns[: 2 * len(units)]} == set(units)


@given(UNITS, st.integers(1, 12), st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_order(units: list[str], pairs: int, seed: int) -> None:
    assert interleaved(units, pairs, "screen", seed) == interleaved(units, pairs, "screen", seed)
    assert one_side(units, pairs, "screen", seed) == one_side(units, pairs, "screen", seed)


def test_seed_and_stage_change_which_side_begins() -> None:
    begins = {seed: [turn.side for turn in interleaved(["a"], 20, "screen", seed)][::4] for seed in range(20)}
    assert len({tuple(sides) for sides in begins.values()}) > 15
    share = Counter(side for sides in begins.values() for side in sides)
    assert 60 < share["baseline"] < 140
    stages = [[turn.side for turn in interleaved(["a"], 20, stage, 3)] for stage in ("screen", "decision")]
    assert stages[0] != stages[1]


@given(UNITS, st.integers(1, 12), st.integers(0, 2**32))
def test_against_a_stored_baseline_the_candidate_alone_is_tried(units: list[str], trials: int, seed: int) -> None:
    turns = one_side(units, trials, "screen", seed)
    assert {turn.side for turn in turns} == {"candidate"}
    assert Counter((turn.unit, turn.pair) for turn in turns) == {(u, n): 1 for u in units for n in range(trials)}
