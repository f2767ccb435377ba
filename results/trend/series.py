"""The readings of one case and metric over time, and the levels that they have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from results.trend.change_points import change_points
from results.trend.ledger import Accepted, Ledger, Reading

State = Literal["worse", "better", "level"]


@dataclass(frozen=True)
class LevelChange:
    """A new level. place: of its first reading. share: of the medians, after by before, less 1. known: why, if somebody
    accepted it.
    """

    place: int
    share: float
    worse: bool
    known: str = ""


@dataclass(frozen=True)
class Trend:
    """readings: in order of time. changes: ascending by their places."""

    case: str
    metric: str
    readings: tuple[Reading, ...]
    changes: tuple[LevelChange, ...]

    @property
    def newest(self) -> LevelChange | None:
        """The last change that nobody has accepted; None if there is none."""
        return next((change for change in reversed(self.changes) if not change.known), None)

    @property
    def state(self) -> State:
        """What the last change that nobody has accepted did."""
        if self.newest is None:
            return "level"
        return "worse" if self.newest.worse else "better"


def trends(ledger: Ledger) -> list[Trend]:
    """One for each case and metric, by name; of the newest method version alone."""
    found: dict[tuple[str, str], list[Reading]] = {}
    for reading in ledger.readings:
        found.setdefault((reading.case, reading.metric), []).append(reading)
    return [
        _trend(case, metric, readings, [each for each in ledger.accepted if (each.case, each.metric) == (case, metric)])
        for (case, metric), readings in sorted(found.items())
    ]


def _trend(case: str, metric: str, readings: Sequence[Reading], accepted: Sequence[Accepted]) -> Trend:
    newest = max(reading.method_version for reading in readings)
    same = tuple(reading for reading in readings if reading.method_version == newest)
    values = [reading.value for reading in same]
    why = {reading: each.why for each in accepted for reading in _places(same, each.started)}
    places = sorted({*change_points(values, list(why)), *why})
    bounds = [0, *places, len(values)]
    changes = []
    for number, place in enumerate(places, 1):
        share = median(values[place : bounds[number + 1]]) / median(values[bounds[number - 1] : place]) - 1
        worse = share > 0 if same[0].better == "lower" else share < 0
        changes.append(LevelChange(place, share, worse, why.get(place, "")))
    return Trend(case, metric, same, tuple(changes))


def _places(readings: Sequence[Reading], started: str) -> list[int]:
    """The place of the first reading from a moment on; none before which there is nothing, or behind the last."""
    place = next((place for place, reading in enumerate(readings) if reading.started >= started), 0)
    return [place] if place else []
