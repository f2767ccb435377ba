"""How long a trial may take in all: every wait in it has a bound of its own, and they must not add up without end."""

from __future__ import annotations

import time

from harness.failure import TrialFailure
from results.plan import CasePlan
from results.warmth import OVERDRAWN

OVERHEAD_S = 900.0
"""For all that is not load: start, the end of each phase, coming to rest."""

STRIKE_S = 60.0
"""What a strike may cost beside the time for which it lasts: aiming, restarting, catching up."""


PROBE_S = 30.0
"""What a probe may cost beside its load: until nothing is left of its lag."""


class Deadline:
    """Runs from when it is made."""

    def __init__(self, case: CasePlan) -> None:
        load_s = case.paced.duration_s if case.paced else 0.0
        if case.drain:
            # Twice, for the one that is too short; and writing a backlog takes about as long as working it off.
            last_s = 2 * 2 * case.drain.intervals * case.interval_ms / 1000
            load_s += (OVERDRAWN + 1) * case.drain.budget_s + last_s
        if case.search:
            # Each may be a longer one, and its lag is worked off afterwards.
            load_s += case.search.most * (case.search.settle_s + case.search.confirm_s + PROBE_S)
        strikes_s = case.strikes.most * (case.strikes.hold_s + STRIKE_S) if case.strikes else 0.0
        self.limit_s = OVERHEAD_S + load_s + strikes_s
        self._ends_s = time.monotonic() + self.limit_s

    def check(self, phase: str, logs: str) -> None:
        """Raises TrialFailure once the time is over."""
        if time.monotonic() > self._ends_s:
            raise TrialFailure(
                f"the trial was not over within its deadline of {self.limit_s:,.0f} s and was ended in phase {phase}",
                logs,
                "its processes' stacks are beside the logs",
            )
