"""How long a run will take, before it begins: about, from times that were measured of each engine (durations.toml)."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.quiescence import STILL_INTERVALS, STILL_S
from results.plan import CasePlan, Drain, Paced, Search, Strikes
from results.warmth import LASTS_S, MOST, OVERDRAWN

_MEASURED = Path(__file__).with_name("durations.toml")

_REST_S = {"embedded": 8.5, "kafka": 10.0}
"""What a trial takes beside its load and the engine's start: topics, instruments, coming to rest (STILL_S of it)."""

_WRITE_S = 0.5e-6
"""Of an event of a backlog, until it is in the log."""

_READ_BACK_S = {"embedded": 0.6e-6, "kafka": 1.5e-6}
"""Of an event, as committed, after the trial."""

_CLOSING_S = 2.0
"""From the end of a steady load until its last results were seen."""

_FIRST_STRIKE_S = 8.0
"""From the end of the warm-up."""

_TWICE = 1.6
"""The last backlog is mostly drained twice, first a smaller one."""

_AFTER_HOLD_S = 7.5
"""From the end of a fault that lasts until the next one: engines of all kinds took so long."""

_PROBES = 9
"""So many probes a search mostly takes."""

_CONFIRMING = 2
"""So many of these are the longer ones."""

_GENERATOR_RATE = 600e3
"""Faster than this the load generator mostly is not, on the two cores that it shares with an engine."""

_JUDGE_EVENT_S = 0.3e-6
"""What the judgement takes longer for each event of the probes."""

_CALIBRATION_S = 25.0
_BROKER_S = 10.0
_JUDGE_S = 3.0
"""Of a case, its judgement."""


@dataclass(frozen=True)
class EngineTimes:
    """What was measured of an engine: a table of durations.toml. Times in seconds."""

    start: float
    """Until it is ready."""
    rate: float
    """Events of a backlog that it works off in a second, once it is warm."""
    drain: float
    """What each backlog takes whatever its size, with a commit interval of a second."""
    warm: float
    """Until it is warm; infinite where it spends all of the budget."""
    strike: float
    """From one strike to the next."""
    tries: float
    """Strikes that are tried for each that exposes the guarantee."""

    def backlog_s(self, events: float, interval_s: float) -> float:
        """How long it takes to write and work off a backlog. interval_s: the commit interval."""
        # Half of what does not depend on the size is the wait for the last commit.
        fixed_s = self.drain * (1 + min(1.0, interval_s)) / 2 + _longer_s(interval_s)
        return fixed_s + events * (_WRITE_S + 1 / self.rate)


def _longer_s(interval_s: float) -> float:
    """By how much a wait for a commit is longer than with an interval of a second: half of the rest, on average."""
    return max(0.0, interval_s - 1.0) / 2


@cache
def _measured() -> Mapping[str, EngineTimes]:
    tables = tomllib.loads(_MEASURED.read_text(encoding="utf-8"))
    return {name: EngineTimes(**{key: float(value) for key, value in table.items()}) for name, table in tables.items()}


def measured(engine: str, jvm: bool, log: str = "kafka") -> EngineTimes:
    """What was measured of an engine on a kind of log, or of others like it. jvm: whether it runs on the JVM."""
    known = _measured()
    return known.get(f"{engine} on {log}") or known.get(engine) or known["other-jvm" if jvm else "other"]


def trial_s(case: CasePlan, jvm: bool) -> float:
    """About how many seconds a trial of the case takes. jvm: whether its engine runs on the JVM."""
    own = measured(case.engine, jvm, case.log)
    interval_s = case.interval_ms / 1000
    rest_s = _REST_S[case.log] + max(0.0, STILL_INTERVALS * interval_s - STILL_S)
    expected, events = rest_s + own.start, 0.0
    if case.drain is not None:
        drained_s, drained = _drains(case.drain, interval_s, own)
        expected, events = expected + drained_s, events + drained
    if case.search is not None:
        probed_s, probed = _probes(case.search, own)
        expected, events = expected + probed_s + probed * _JUDGE_EVENT_S, events + probed
    if case.paced is not None:
        load_s = case.paced.duration_s
        if case.strikes is not None:
            load_s = min(load_s, _struck_s(case.paced, case.strikes, own))
        expected, events = expected + load_s + _CLOSING_S + _longer_s(interval_s), events + case.paced.rate * load_s
    return expected + events * _READ_BACK_S[case.log]


def _drains(drain: Drain, interval_s: float, own: EngineTimes) -> tuple[float, float]:
    """Seconds of all backlogs, and their events."""
    each_s = own.backlog_s(drain.events, interval_s)
    # As `harness.backlogs.over` ends them.
    least = min(drain.least_backlogs, max(1, math.ceil(OVERDRAWN * drain.budget_s / each_s)))
    until_warm = max(least, math.ceil(min(own.warm, drain.budget_s) / each_s))
    equal = min(until_warm, max(MOST, least))
    if drain.measured is not None:
        equal += drain.measured
        return equal * each_s, float(equal * drain.events)
    last = _TWICE * min(drain.max_events, own.rate * max(drain.intervals * interval_s, LASTS_S))
    return equal * each_s + own.backlog_s(last, interval_s), equal * drain.events + last


def _probes(search: Search, own: EngineTimes) -> tuple[float, float]:
    """Seconds of all probes, and their events."""
    held = min(own.rate, search.max_rate, _GENERATOR_RATE)
    if search.how == "sweep":
        loads = [(search.confirm_s, min(share * own.rate, search.max_rate)) for share in search.shares]
    else:
        count = min(search.most, _PROBES)
        longer = min(count, _CONFIRMING)
        loads = [(search.confirm_s, held)] * longer + [(search.probe_s, held)] * (count - longer)
    lasted = [(search.settle_s + lasts_s, rate) for lasts_s, rate in loads[: search.most]]
    return sum(lasts_s + _CLOSING_S for lasts_s, _ in lasted), sum(lasts_s * rate for lasts_s, rate in lasted)


def _struck_s(paced: Paced, strikes: Strikes, own: EngineTimes) -> float:
    """How long the load of a trial lasts until the last strike is over."""
    tried = min(strikes.most, math.ceil(strikes.wanted * own.tries) + strikes.rows + strikes.commits)
    return paced.warmup_s + _FIRST_STRIKE_S + tried * max(own.strike, strikes.hold_s + _AFTER_HOLD_S)


def expected_s(cases: Iterable[CasePlan], jvm: Mapping[str, bool]) -> dict[str, float]:
    """About how many seconds each of these cases takes, its judgement included, by its name.

    jvm: by engine, whether it runs on the JVM.
    """
    return {case.name: trial_s(case, jvm.get(case.engine, False)) + _JUDGE_S for case in cases}


def beside_s(cases: Sequence[CasePlan], calibrated: bool, own_broker: bool) -> float:
    """About how many seconds a run takes beside its cases: the start of a broker, and calibrations."""
    if not cases:
        return 0.0
    calibrations = len({case.workload for case in cases}) if calibrated else 0
    return calibrations * _CALIBRATION_S + (_BROKER_S if own_broker else 0.0)


def in_minutes(seconds: Sequence[float]) -> int:
    """Of all together, rounded up."""
    return math.ceil(sum(seconds) / 60)


def in_words(seconds: float) -> str:
    """Such as "about 40 s", "about 16 min" or "about 17 h 20 min": what is longer is told less exactly."""
    if seconds < 55:
        return f"about {max(5, math.ceil(seconds / 5) * 5)} s"
    minutes = math.ceil(seconds / 60)
    if minutes < 60:
        return f"about {minutes} min"
    hours, rest = divmod(math.ceil(minutes / 10) * 10, 60)
    return f"about {hours} h{f' {rest} min' if rest else ''}"
