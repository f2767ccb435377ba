"""What a suite asks of a workload whose events come as they were recorded: when, how many, and what cannot be."""

from __future__ import annotations

from typing import get_args

from engines.protocol import LogKind
from harness.planning.suite import MOST_EVENTS, Suite
from results.plan import Paced
from workloads.bounds import Load
from workloads.query import Query, Tumbling
from workloads.schedule import Schedule
from workloads.workload import Unfit

MOST_SPAN_MS = 1000 * 365 * 86_400_000
"""Of all events of a phase in event time (1,000 years): further on, engines differ in what is a time."""

_PACE = "leave pace = recorded out, and rows are sent at the rate that the suite says"


def refuse(suite: Suite, schedule: Schedule) -> None:
    """Raises Unfit for what cannot be with events that come as they were recorded."""
    if suite.search is not None:
        what = "events that come as they were recorded have one rate, their own: there is no rate to search"
        raise Unfit(what, f"leave `search` (--rate) out, and compare several `speed`; or {_PACE}")
    if suite.faults is not None:
        what = "strikes need a steady load, by which it is told whether an engine has caught up"
        raise Unfit(f"{what}; events that come as they were recorded are none", _PACE)
    if suite.paced is not None and suite.paced.profile is not None:
        raise Unfit(
            "events come as they were recorded, or along a profile: not both", f"leave the profile out; or {_PACE}"
        )
    if suite.paced is not None:
        warmup_s, lasts_s = suite.paced.warmup, suite.paced.warmup + suite.paced.measured
        count = schedule.count(lasts_s)
        if count == schedule.count(warmup_s):
            what = (
                f"no row comes from second {warmup_s:g} to {lasts_s:g}, the measured part, at speed {schedule.speed:g}"
            )
            raise Unfit(what, f"raise `speed`, or `paced.measured`; or {_PACE}")
        if count > MOST_EVENTS:
            what = f"{count:,} rows come in {lasts_s:g} s at speed {schedule.speed:g}, more than {MOST_EVENTS:,}"
            raise Unfit(what, "lower `speed`, or `paced.measured`")
    for phase, events in (("paced", _paced_events(suite, schedule)), ("drain", _drained(suite))):
        if (span_ms := schedule.span_ms(events)) > MOST_SPAN_MS:
            years = span_ms / (365 * 86_400_000)
            what = f"`{phase}`: {events:,} events, as they were recorded, take {years:,.0f} years of event time"
            raise Unfit(
                f"{what}, more than 1,000", f"give a suite without `{phase}`, or with fewer events there; or {_PACE}"
            )


def paced(suite: Suite, schedule: Schedule) -> Paced | None:
    """The load; None where the suite asks for none."""
    if suite.paced is None:
        return None
    return Paced(
        rate=schedule.rate * schedule.speed,
        warmup_s=suite.paced.warmup,
        measured_s=suite.paced.measured,
        profile=f"as recorded, {schedule.speed:g} times as fast",
        recorded=True,
    )


def load(suite: Suite, schedule: Schedule, query: Query) -> Load:
    """The most events that there may be. Windows have those of the recording."""
    total = _paced_events(suite, schedule) + _drained(suite)
    if isinstance(query.time_window, Tumbling):
        size_ms = query.time_window.size_ms
        return Load(schedule.densest(size_ms) * 1000 / size_ms, total)
    # Whatever else there is: all of them may be together.
    return Load(total * 1000.0, total)


def _paced_events(suite: Suite, schedule: Schedule) -> int:
    return schedule.count(suite.paced.warmup + suite.paced.measured) if suite.paced is not None else 0


def _drained(suite: Suite) -> int:
    if suite.drain is None:
        return 0
    return max(each.total_events for each in map(suite.drain.on, get_args(LogKind)))
