"""In what order trials of two sides are made: ABBA, so that whatever drifts hits both alike."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from results.gate.gate_result import Side, Stage

Unit = TypeVar("Unit", bound=Hashable)

_STAGES: tuple[Stage, ...] = ("screen", "decision")


@dataclass(frozen=True)
class Turn(Generic[Unit]):
    """One trial."""

    unit: Unit
    """Of what."""
    side: Side
    """On whose code."""
    stage: Stage
    """What it is for."""
    quad: int
    """Its quad, from 0 in each stage: two pairs one after the other, ABBA or BAAB."""
    pair: int
    """Its pair, from 0 in each stage: the two of one follow each other."""


def interleaved(units: Sequence[Unit], pairs: int, stage: Stage, seed: int) -> list[Turn[Unit]]:
    """So many pairs of each unit. Rounds of a quad each, the first one a pair where the number is odd: so that a wrong
    answer of any unit is known early. Within a round units stand in an order of their own. The seed draws that order,
    and which side begins: the same seed, the same order.
    """
    found: list[Turn[Unit]] = []
    pair = 0
    for quad, size in enumerate([1] * (pairs % 2) + [2] * (pairs // 2)):
        draw = np.random.default_rng((seed, _STAGES.index(stage), quad))
        for place in draw.permutation(len(units)):
            first, second = _sides(bool(draw.integers(2)))
            order = ((first, 0), (second, 0), (second, 1), (first, 1))[: 2 * size]
            found += [Turn(units[place], side, stage, quad, pair + half) for side, half in order]
        pair += size
    return found


def one_side(units: Sequence[Unit], trials: int, stage: Stage, seed: int) -> list[Turn[Unit]]:
    """So many trials of each unit of the candidate alone, in rounds that have every unit once."""
    found: list[Turn[Unit]] = []
    for number in range(trials):
        order = np.random.default_rng((seed, _STAGES.index(stage), number)).permutation(len(units))
        found += [Turn(units[place], "candidate", stage, number, number) for place in order]
    return found


def _sides(swapped: bool) -> tuple[Side, Side]:
    return ("candidate", "baseline") if swapped else ("baseline", "candidate")
