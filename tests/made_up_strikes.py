"""Made-up results of runs with strikes: three faults, and engines that come back each in their way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from results.metrics.recovery import CAUGHT_UP
from results.plan import Strikes
from results.result import CaseResult, MetricValue, RunResult, StrikeResult
from tests import made_up

FAULTS = ("kill-worker", "pause-worker", "kill-broker")
ASKED: dict[str, Any] = {"wanted": 5, "most": 10, "aim": "phase", "timeouts": "tuned", "hold_s": 0}


def strike(number: int, fault: str, caught_up_s: float | None, **changes: Any) -> StrikeResult:
    values: dict[str, Any] = {
        "number": number,
        "fault": fault,
        "aim": "half of the interval",
        "detail": f"{fault} {number}",
        "state": "confirmed",
        "exposed": True,
        "at_s": 10.0 + 20 * number,
        "detected_s": 0.5,
        "healed_s": 1.5,
        "first_output_s": 2.5,
        "caught_up_s": caught_up_s,
        "watched_s": 20.0,
        "max_latency_ms": 4000.0,
        "lost_service_s": 1.0,
    }
    return StrikeResult(**values | changes)


def struck(engine: str, fault: str, seconds: Sequence[float | None], **changes: Any) -> CaseResult:
    """The paced case of an engine. seconds: when it had caught up after each strike; None where it had not."""
    asked = made_up.plan(
        engine, fault=fault, strikes=Strikes(fault=fault, **ASKED), name=f"{engine}.default.sensors.{fault}"
    )
    paced, _ = made_up.pair(engine)
    known = sorted(each for each in seconds if each is not None)
    metrics = {name: value for name, value in paced.metrics.items() if "latency" in name}
    if known:
        median = known[len(known) // 2]
        value = MetricValue(value=median, unit="s", better="lower", n=len(known), low=known[0], high=known[-1])
        metrics |= {CAUGHT_UP.name: value}
    own: dict[str, Any] = {
        "fault": fault,
        "asked": asked,
        "trial": asked.name,
        "metrics": metrics,
        "strikes": [strike(number, fault, each) for number, each in enumerate(seconds, 1)],
    }
    return paced.model_copy(update=own | changes)


def run(*cases: CaseResult) -> RunResult:
    return RunResult(run="2026-11-24T10-00-00_faults_3f9c", suite="faults", machine=made_up.MACHINE, cases=list(cases))


def around(middle: float) -> list[float | None]:
    """Five strikes, of which no two engines a second apart have one in common."""
    return [round(middle + offset, 2) for offset in (-0.2, -0.1, 0.0, 0.1, 0.2)]


def faults() -> RunResult:
    """Three engines under three faults: b is always fastest, a always slowest; c is not always back under pauses."""
    cases = []
    for place, fault in enumerate(FAULTS):
        cases += [
            struck("a", fault, around(9.0 + place)),
            struck("b", fault, around(2.0 + place)),
            struck("c", fault, [0.4, 0.5, 0.5, None, None] if fault == "pause-worker" else around(5.0 + place)),
        ]
    return run(*cases)
