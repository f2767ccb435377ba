"""Each strike, with what output and samples show of how the engine came back (METHOD.md, "Faults and recovery")."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from results.evidence.append_times import by_another_clock
from results.evidence.phases import Phase
from results.evidence.samples import ENGINE, NoSamples, Samples
from results.evidence.strikes import Struck
from results.history import History, parts
from results.metrics.statistics import percentile
from results.plan import Paced
from results.result import StrikeResult
from results.verdict.examination import Examination
from results.verdict.matching import DUPLICATE, NEVER
from results.verdict.planned_times import planned
from workloads.stream import Integers

STEADY = 5
"""So many successive slots inside the band are caught up."""

BAND = 1.1
"""What was seen before the first strike may be exceeded by this factor."""

BASELINE_ROWS = 20
"""Fewer rows than this, before the first strike, are no baseline."""

_STEP_NS = 100_000_000
_SECOND_NS = 1_000_000_000


def tried(struck: list[Struck], start_ns: int | None) -> list[StrikeResult]:
    """The strikes as they were tried, with nothing yet of the output. start_ns: when the paced phase began."""
    return [_tried(strike, start_ns) for strike in struck]


def _tried(strike: Struck, start_ns: int | None) -> StrikeResult:
    exposure = strike.exposure
    return StrikeResult(
        number=strike.number,
        fault=strike.fault,
        aim=strike.aimed,
        detail=strike.detail,
        state="unconfirmed" if strike.unconfirmed else "missed" if strike.missed else "confirmed",
        slot=strike.slot,
        exposed=strike.exposed,
        outputs=exposure.outputs if exposure else None,
        inputs=exposure.inputs if exposure else None,
        unanswered=exposure.unanswered if exposure else None,
        aborted=exposure.aborted if exposure else None,
        commit_age_s=exposure.commit_age_s if exposure else None,
        at_s=_since(strike.struck_ns, start_ns),
        sign=strike.sign,
        detected_s=_since(strike.noticed_ns, strike.struck_ns),
        healed_s=_since(strike.healed_ns, strike.struck_ns),
    )


def _since(at_ns: int | None, from_ns: int | None) -> float | None:
    return None if at_ns is None or from_ns is None else round((at_ns - from_ns) / 1e9, 6)


@dataclass(frozen=True)
class Watched:
    """What the output shows of each strike.

    why: why nothing can be said of recovery for want of a baseline, None where something can. unsteady: how latency
    fell before the first strike, if so much that the band is too wide to say when it was normal again.
    """

    strikes: list[StrikeResult]
    why: str | None = None
    unsteady: str | None = None


def watched(seen: Examination, phase: Phase, paced: Paced, struck: list[Struck]) -> Watched:
    """The strikes with what the output shows of each until the next one, or until the load ends."""
    results = tried(struck, phase.start_ns)
    begun = [(place, strike) for place, strike in enumerate(struck) if strike.struck_ns is not None]
    if not begun:
        return Watched(results)
    watch = _Watch(seen, phase, paced, [strike for _, strike in begun])
    for (place, _), update in zip(begun, watch.each(), strict=True):
        results[place] = results[place].model_copy(update=update)
    return Watched(results, watch.why, watch.unsteady)


def with_effort(strikes: list[StrikeResult], samples: Samples, start_ns: int) -> list[StrikeResult]:
    """The strikes with the CPU and memory that the engine took until it had caught up.

    start_ns: when the paced phase began.
    """
    return [_with_effort(strike, samples, start_ns) for strike in strikes]


def _with_effort(strike: StrikeResult, samples: Samples, start_ns: int) -> StrikeResult:
    if strike.at_s is None or not strike.watched_s:
        return strike
    from_ns = start_ns + int(strike.at_s * 1e9)
    # Where the band was never left, what the first second took.
    lasted_s = min(strike.watched_s, max(1.0, strike.watched_s if strike.caught_up_s is None else strike.caught_up_s))
    until_ns = from_ns + int(lasted_s * 1e9)
    try:
        cores = samples.cpu_s(ENGINE, from_ns, until_ns) / lasted_s
        _, sizes = samples.memory(ENGINE, "rss", from_ns, until_ns)
    except NoSamples:
        return strike
    return strike.model_copy(update={"cores": round(cores, 3), "memory_bytes": int(sizes.max())})


@dataclass(frozen=True)
class _Baseline:
    """What was seen in the measured part before the first strike."""

    p99_ns: int
    """99th percentile of latency."""
    lag: int
    """The most rows that were due and not visible at a time."""
    gap_ns: int
    """The longest time between moments at which rows were due."""
    pause_ns: int
    """The longest time between moments at which new rows became visible."""
    rate: float
    """New rows a second."""


class _Watch:
    """The paced phase's due rows that came, and new rows, in ns from the phase's start; strikes in order of injection.

    why: why nothing can be said of recovery for want of a baseline, else None.
    """

    def __init__(self, seen: Examination, phase: Phase, paced: Paced, struck: list[Struck]) -> None:
        self._seen, self._start_ns = seen, phase.start_ns
        mine, final_ns, _ = planned(seen, phase, paced)
        visible_ns = seen.matching.first_visible_ns[mine]
        due = final_ns >= 0
        # Rows that never come are losses, which the verdict counts; as lag they would never end.
        came = due & (visible_ns != NEVER)
        order = np.argsort(final_ns[came], kind="stable")
        self._due_ns = np.sort(final_ns[due])
        self._final_ns = final_ns[came][order]
        self._visible_ns = np.maximum(visible_ns[came][order] - phase.start_ns, self._final_ns)
        self._arrived_ns = np.sort(self._visible_ns)
        first_ns = seen.matching.first_visible_ns
        self._new_ns = np.sort(first_ns[first_ns != NEVER]) - phase.start_ns
        rows = seen.matching.rows
        self._again_ns = rows.visible_ns[seen.matching.counts_as == DUPLICATE] - phase.start_ns
        self._lag = _lag(self._final_ns, self._arrived_ns, self._final_ns)
        self._struck_ns = [strike.struck_ns - phase.start_ns for strike in struck if strike.struck_ns is not None]
        self._healed_ns = [strike.healed_ns for strike in struck]
        ends_ns = int(paced.duration_s * 1e9)
        self._end_ns = ends_ns if phase.loaded_ns is None else min(ends_ns, phase.loaded_ns - phase.start_ns)
        self.why: str | None = None
        self._baseline = self._before(int(paced.warmup_s * 1e9), self._struck_ns[0])
        if self._baseline is not None:
            interval_ms = seen.history.plan.interval_ms
            self._bound_ns = int(BAND * self._baseline.p99_ns + interval_ms * 1e6)
            self._bound_lag = BAND * self._baseline.lag + self._baseline.rate * interval_ms / 1e3

    @property
    def unsteady(self) -> str | None:
        """How latency fell before the first strike, if so much that the band is too wide to say when it was normal."""
        if self._baseline is None:
            return None
        early, late = self._halves
        if early <= BAND * late + self._seen.history.plan.interval_ms * 1e6:
            return None
        return (
            f"not steady before the first strike: p99 {early / 1e9:.1f} s in the first half, {late / 1e9:.1f} s in the "
            f"second; caught up is within {self._bound_ns / 1e9:.1f} s"
        )

    def _before(self, from_ns: int, until_ns: int) -> _Baseline | None:
        inside = (self._final_ns >= from_ns) & (self._final_ns < until_ns) & (self._visible_ns < until_ns)
        new_ns = self._new_ns[(self._new_ns >= from_ns) & (self._new_ns < until_ns)]
        rows = int(np.count_nonzero(inside))
        if rows < BASELINE_ROWS or not len(new_ns):
            self.why = f"only {rows} rows were due and visible between warm-up and the first strike"
            return None
        latency_ns = self._visible_ns[inside] - self._final_ns[inside]
        self._halves = _p99(latency_ns[: rows // 2]), _p99(latency_ns[rows // 2 :])
        return _Baseline(
            p99_ns=_p99(latency_ns),
            lag=int(self._lag[inside].max()),
            gap_ns=_longest(self._final_ns[inside]),
            pause_ns=_longest(new_ns),
            rate=len(new_ns) / ((until_ns - from_ns) / 1e9),
        )

    def each(self) -> list[dict[str, float | int | None]]:
        """What the output shows of each strike, as fields of a StrikeResult."""
        copies_ns = _aborted_copies(self._seen.history)
        began = [*self._struck_ns, NEVER]
        found: list[dict[str, float | int | None]] = []
        healed_before = 0
        for place, (from_ns, next_ns) in enumerate(pairwise(began)):
            until_ns = min(next_ns, max(self._end_ns, from_ns))
            caught_up_ns = self._caught_up(from_ns, until_ns, next_ns, self._healed_ns[place])
            first = int(np.searchsorted(self._new_ns, from_ns, side="right"))
            output_ns = int(self._new_ns[first]) if first < len(self._new_ns) else NEVER
            healed_ns = self._healed_ns[place]
            found.append(
                {
                    "first_output_s": _since(output_ns, from_ns) if output_ns < next_ns else None,
                    "caught_up_s": _since(caught_up_ns, from_ns),
                    "watched_s": _since(until_ns, from_ns),
                    "max_latency_ms": self._largest(from_ns, until_ns, next_ns),
                    "lost_service_s": self._lost_service(from_ns, until_ns if caught_up_ns is None else caught_up_ns),
                    "repeated": int(np.count_nonzero((self._again_ns >= from_ns) & (self._again_ns < next_ns))),
                    "aborted_copies": None
                    if copies_ns is None or healed_ns is None
                    else int(np.count_nonzero((copies_ns >= healed_before) & (copies_ns < healed_ns))),
                }
            )
            healed_before = healed_before if healed_ns is None else healed_ns
        return found

    def _caught_up(self, from_ns: int, until_ns: int, next_ns: int, healed_ns: int | None) -> int | None:
        """The first moment, on a grid, from which on so many slots are inside the band, and all that begin before the
        healing; None if there is none.

        healed_ns: on the clock of the marks. What a job still delivers while it is being stopped, or from buffers while
        its link is cut, is no recovery.
        """
        baseline = self._baseline
        if baseline is None:
            return None
        steps = max(_SECOND_NS // _STEP_NS, math.ceil(baseline.gap_ns / _STEP_NS))
        slots = (until_ns - from_ns) // _STEP_NS - steps + 1
        if slots <= (STEADY - 1) * steps:
            return None
        starts = from_ns + _STEP_NS * np.arange(slots)
        inside = self._inside(starts, starts + steps * _STEP_NS, next_ns)
        whole = slots - (STEADY - 1) * steps
        steady = np.all([inside[slot * steps : slot * steps + whole] for slot in range(STEADY)], axis=0)
        unhealed = starts < (NEVER if healed_ns is None else healed_ns - self._start_ns)
        outside = np.flatnonzero(~inside & unhealed)
        if len(outside):
            steady[: outside[-1] + 1] = False
        return int(starts[np.argmax(steady)]) if steady.any() else None

    def _inside(self, starts: Integers, ends: Integers, next_ns: int) -> NDArray[np.bool_]:
        """Whether the rows due in each slot came in time, and lag stayed low. What the next strike delays is not held
        against this one: a row that is not visible when it falls has the age it then has.
        """
        late = np.minimum(self._visible_ns, next_ns) - self._final_ns > self._bound_ns
        sums = np.concatenate(([0], np.cumsum(late)))
        firsts, lasts = (np.searchsorted(self._final_ns, times, side="left") for times in (starts, ends))
        rows, over = lasts - firsts, sums[lasts] - sums[firsts]
        # p99 by nearest rank is inside if no more rows are over the bound than stand behind that rank.
        in_time = over <= rows - np.ceil(0.99 * rows)
        due = np.searchsorted(self._due_ns, ends, side="left") - np.searchsorted(self._due_ns, starts, side="left")
        at_start = _lag(self._final_ns, self._arrived_ns, starts)
        lag = [
            max(at, int(self._lag[first:last].max(initial=0)))
            for at, first, last in zip(at_start.tolist(), firsts, lasts, strict=True)
        ]
        return np.asarray(in_time & ~((due > 0) & (rows == 0)) & (np.array(lag) <= self._bound_lag), dtype=np.bool_)

    def _largest(self, from_ns: int, until_ns: int, next_ns: int) -> float | None:
        """The largest latency, in ms, of rows that were due and not visible at any time between; of those that were not
        visible at the next strike, the age they then had.
        """
        # What was overdue already as the strike fell is owed to the one before it.
        overdue_ns = from_ns - (0 if self._baseline is None else self._bound_ns)
        owed = (self._final_ns >= overdue_ns) & (self._final_ns < until_ns) & (self._visible_ns >= from_ns)
        if not owed.any():
            return None
        return round(float((np.minimum(self._visible_ns[owed], next_ns) - self._final_ns[owed]).max()) / 1e6, 3)

    def _lost_service(self, from_ns: int, until_ns: int) -> float | None:
        """Seconds of the baseline's output that did not come, by bins; later surplus does not make up for them."""
        baseline = self._baseline
        if baseline is None:
            return None
        edges = np.append(np.arange(from_ns, until_ns, max(_SECOND_NS, baseline.pause_ns)), until_ns)
        rows = np.diff(np.searchsorted(self._new_ns, edges, side="left"))
        short = np.maximum(0.0, baseline.rate * np.diff(edges) / 1e9 - rows)
        return round(float(short.sum()) / baseline.rate, 6)


def _lag(final_ns: Integers, arrived_ns: Integers, at_ns: Integers) -> Integers:
    """How many rows are due and not visible at these times. final_ns, arrived_ns: ascending."""
    due, there = (np.searchsorted(times, at_ns, side="right") for times in (final_ns, arrived_ns))
    return np.asarray(due - there, dtype=np.int64)


def _p99(latency_ns: Integers) -> int:
    return int(percentile(np.sort(latency_ns), "99"))


def _longest(ascending: Integers) -> int:
    return int(np.diff(ascending).max(initial=0))


def _aborted_copies(history: History) -> Integers | None:
    """When records of aborted transactions were appended, in monotonic ns; None where that was not recorded, or is of a
    clock that is not this machine's.
    """
    if by_another_clock(history):
        return None
    if not any(count for _, count in history.counted("physical")):
        return None
    found = [np.empty(0, dtype=np.int64)]
    for part in parts(history.folder, "physical"):
        for piece in history.pieces("physical", ["time_ms", "committed"], part):
            found.append(piece["time_ms"].to_numpy()[~piece["committed"].to_numpy(zero_copy_only=False)])
    clock = history.plan.clock
    return np.asarray(np.concatenate(found) * 1_000_000 - clock.wall_ns + clock.monotonic_ns, dtype=np.int64)
