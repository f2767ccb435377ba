"""How far a run is: which of its cases runs, and about how long the rest will take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from harness.planning.duration import in_words

_LEAST, _MOST = 0.3, 4.0
"""A machine is believed to be so many times as slow as the one on which times were measured, at least and at most."""


class Countdown:
    """Counts cases by their names. What the first ones took tells how fast this machine is."""

    def __init__(self, expected_s: Mapping[str, float], now_s: Callable[[], float] = time.monotonic) -> None:
        """expected_s: of each case that is to run, in their order. now_s: the time, in seconds."""
        self._expected_s, self._now_s = dict(expected_s), now_s
        self._places = {name: place for place, name in enumerate(self._expected_s, 1)}
        self._running, self._since_s = "", 0.0
        self._taken_s = self._planned_s = 0.0
        self._over: set[str] = set()

    def begins(self, case: str) -> None:
        """May be called again while a case runs. What is no case, such as a broker, counts for nothing."""
        if case in self._places and case != self._running and case not in self._over:
            self._running, self._since_s = case, self._now_s()

    def ends(self, case: str) -> None:
        if case == self._running:
            self._taken_s += self._now_s() - self._since_s
            self._planned_s += self._expected_s[case]
            self._over.add(case)
            self._running = ""

    def left_s(self) -> float:
        """About how many seconds are left."""
        factor = min(max(self._taken_s / self._planned_s, _LEAST), _MOST) if self._planned_s > 0 else 1.0
        left_s = sum(each_s for name, each_s in self._expected_s.items() if name not in self._over) * factor
        if self._running:
            left_s -= min(self._now_s() - self._since_s, self._expected_s[self._running] * factor)
        return max(left_s, 0.0)

    def text(self, case: str) -> str:
        """Such as "3 of 6, about 12 min left"; empty for what is no case of the run."""
        place = self._places.get(case)
        return f"{place} of {len(self._places)}, {in_words(self.left_s())} left" if place is not None else ""
