"""Made-up results for the tests of reports: figures of no run, chosen so that every column has something to show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from results.plan import AskedCase, Clock, Drain, Machine, Paced, TrialPlan
from results.repetition import repeated
from results.result import CaseResult, Guarantee, MetricValue, Offence, RunResult, Series, Verdict

MACHINE = Machine(
    cpu="Example CPU 9000 @ 2.50GHz",
    cores=2,
    memory_bytes=24 * 1024**3,
    kernel="6.1.0",
    python="3.11.7",
    java="17.0.15",
)
START = 1_796_000_000_000


def plan(engine: str, **changes: Any) -> TrialPlan:
    values: dict[str, Any] = {
        "method_version": 2,
        "name": f"{engine}.default.sensors",
        "engine": engine,
        "engine_version": "1.2.3",
        "mode": "default",
        "workload": "sensors",
        "parameters": {"keys": 1000, "zipf": 1.0, "window_ms": 1000, "disorder_ms": 500},
        "seed": 1,
        "log": "kafka",
        "guarantee": "exactly-once",
        "processing_claimed": "exactly-once",
        "delivery_claimed": "exactly-once",
        "partitions": 4,
        "parallelism": 2,
        "interval_ms": 1000,
        "worker_memory_mb": 1024,
        "event_rate": 5000.0,
        "paced": Paced(rate=5000, warmup_s=10, measured_s=25),
        "drain": Drain(events=300_000, intervals=10, budget_s=40, max_events=40_000_000),
        "machine": MACHINE,
        "clock": Clock(wall_ns=START * 1_000_000, monotonic_ns=1),
        "versions": {"streamgauge": "0.1.0", engine: "1.2.3"},
    }
    return TrialPlan(**values | changes)


def latencies(median_ms: float, rows: int = 25_000) -> Series:
    """A curve that rises with the nines, down to what so many rows allow."""
    percents = [*range(100), *(99 + tenth / 10 for tenth in range(1, 10)), 99.99, 100.0]
    shown = [percent for percent in percents if percent == 100 or rows * (100 - percent) / 100 >= 1]
    nines = [-math.log10(max(1 - percent / 100, 1 / rows)) for percent in shown]
    return Series(
        name="latency percentiles",
        x_label="percentile",
        y_label="result latency, ms",
        x=[float(percent) for percent in shown],
        y=[round(median_ms * (0.7 + 0.35 * nine**1.3), 3) for nine in nines],
    )


def pair(
    engine: str,
    rate: float = 500_000,
    median_ms: float = 400,
    memory_mib: float = 300,
    coordinator_mib: float = 0,
    mode: str = "default",
    **changes: Any,
) -> list[CaseResult]:
    """The paced and the drain case of an engine; changes apply to both."""
    asked = plan(engine, mode=mode)
    curve = latencies(median_ms)
    memory = {"memory_peak": memory_mib + coordinator_mib, "worker_memory_peak": memory_mib}
    if coordinator_mib:
        memory["coordinator_memory_peak"] = coordinator_mib
    peaks = {name: MetricValue(value=mib * 1024**2, unit="bytes", better="lower", n=30) for name, mib in memory.items()}
    at = dict(zip(curve.x, curve.y, strict=True))
    paced = peaks | {
        "latency_closings": MetricValue(value=25, unit="closings", better="none", n=25_000),
        **{
            f"latency_{name}": MetricValue(value=at[percent], unit="ms", better="lower", n=25_000)
            for name, percent in {"p50": 50.0, "p99": 99.0, "max": 100.0}.items()
        },
        "send_lag_p99": MetricValue(value=1.25, unit="ms", better="lower", n=125_000),
    }
    drain = peaks | {
        "drain_rate": MetricValue(value=rate, unit="events/s", better="higher", n=4_800_000),
        "events_per_cpu_second": MetricValue(value=rate / 1.6, unit="events/CPU-s", better="higher", n=4_800_000),
    }
    common: dict[str, Any] = {
        "engine": engine,
        "mode": mode,
        "workload": "sensors",
        "log": "kafka",
        "fault": "none",
        "guarantee": "exactly-once",
        "outcome": "pass",
        "reason": "each of 25,000 rows is right and there once",
        "verdict": Verdict(match=25_000),
        "observed": "exact, no fault injected",
        "processing": Guarantee(claimed="exactly-once", seen="exact"),
        "delivery": Guarantee(claimed="exactly-once", seen="exact"),
        "engine_version": "1.2.3",
        "trial": asked.name,
        "asked": asked,
    }
    return [
        CaseResult(**common | {"phase": "paced", "metrics": paced, "series": [curve]} | changes),
        CaseResult(**common | {"phase": "drain", "metrics": drain} | changes),
    ]


def trials(engine: str, rates: Sequence[float], **changes: Any) -> list[CaseResult]:
    """The cases of an engine's trials, each with a drain rate of its own; the faster, the shorter its latencies."""
    cases = []
    for number, rate in enumerate(rates, 1):
        own = {"trial": f"{engine}.default.sensors.trial-{number}", "trial_number": number}
        cases += [
            case.model_copy(update=own | {"asked": plan(engine, name=own["trial"], trial_number=number)})
            for case in pair(engine, rate, 1e8 / rate, **changes)
        ]
    return cases


def several(*cases: list[CaseResult]) -> RunResult:
    """A run of several trials a case, as the judge puts them together."""
    listed = [case for engine in cases for case in engine]
    asked = [
        AskedCase(
            engine=case.engine,
            mode=case.mode,
            workload=case.workload,
            log=case.log,
            guarantee="exactly-once",
            trial_number=case.trial_number,
        )
        for case in listed
    ]
    return RunResult(run="r", suite="s", machine=MACHINE, cases=listed, repeated=repeated(listed, asked))


def idle(engine: str, outcome: str, reason: str) -> list[CaseResult]:
    """An engine that was not run."""
    values: dict[str, Any] = {"engine": engine, "mode": "default", "workload": "sensors", "log": "kafka"}
    values |= {"fault": "none", "guarantee": "exactly-once", "outcome": outcome, "reason": reason}
    return [CaseResult(**values, phase="paced"), CaseResult(**values, phase="drain")]


LOST = Offence(
    kind="loss",
    count_as="wrong",
    phase="paced",
    key="sensor-0007",
    start=START,
    end=START + 1000,
    partition=1,
    offset=77,
    expected={"count": 3, "ids": 37_035, "checks": 12},
    found={"count": 2, "ids": 24_690, "checks": 8},
    ids=[12_345],
    ids_count=1,
    explanation="the audit sums are those of the window without event 12345",
)
TWICE = Offence(
    kind="duplicate",
    count_as="duplicate",
    phase="drain-1",
    key="sensor-0001",
    start=START + 5000,
    end=START + 6000,
    partition=0,
    offset=99,
    ids=[1, 2, 3, 4, 5, 6],
    ids_count=40,
    explanation="the row of offset 42 came again",
)


PAIR = Offence(
    kind="loss",
    count_as="missing",
    phase="paced",
    key="page-7",
    start=None,
    end=None,
    identity={"left": 4, "right": 9},
    ids=[4, 9],
    ids_count=2,
    explanation="no row for its 2 events: 2 ids (4, 9)",
)
RANKED = PAIR.model_copy(
    update={
        "start": START,
        "end": START + 1000,
        "identity": {"rank": 2},
        "ids": [4],
        "ids_count": 1,
        "explanation": "of item 3 id 4 is not counted",
    }
)
FIRST = PAIR.model_copy(
    update={"identity": {"first": 17}, "ids": [4], "ids_count": 1, "explanation": "id 4 is not counted"}
)


def six() -> RunResult:
    """Six engines that are all right, one with a weaker claim."""
    weaker = {"delivery": Guarantee(claimed="at-least-once", seen="exact"), "guarantee": "at-least-once"}
    cases = [
        *pair("continuous", 812_345, 41, 190),
        *pair("flink", 262_000, 760, 980, 610, settings={"state.backend.type": "hashmap"}),
        *pair("kafka-client", 31_000, 1100, 240),
        *pair("kafka-streams", 240_400, 900, 520, mode="retention-1h"),
        *pair("micro-batch", 1_520_000, 640, 260, notes=["the backlog lasted 7.3 of the 10 commit intervals asked"]),
        *pair(
            "spark",
            151_000,
            1480,
            1450,
            420,
            mode="micro-batch",
            claim_note="its Kafka sink is at-least-once",
            **weaker,
        ),
    ]
    return RunResult(run="2026-11-24T10-00-00_quick_3f9c", suite="quick", machine=MACHINE, cases=cases)


def mixed() -> RunResult:
    """One right, one wrong, one that repeats as it claims, one unknown, two not run."""
    wrong = {
        "outcome": "fail",
        "reason": "loss (2 of 25,000 rows)",
        "verdict": Verdict(match=24_996, wrong=2, duplicate=1, unexpected=1),
        "delivery": Guarantee(claimed="exactly-once", seen="at-least-once"),
        "kinds": {"loss": 2, "duplicate": 1, "unexpected": 1},
        "offences": [LOST, TWICE],
    }
    repeats = {
        "verdict": Verdict(match=25_000, duplicate=37),
        "delivery": Guarantee(claimed="at-least-once", seen="at-least-once"),
        "kinds": {"duplicate": 37},
        "offences": [TWICE],
    }
    unknown: dict[str, Any] = {
        "outcome": "unknown",
        "reason": "did not finish: worker ended by SIGKILL (in phase paced; see runs/x/cases/flink/logs)",
        "verdict": Verdict(),
        "metrics": {},
        "series": [],
        "delivery": Guarantee(claimed="exactly-once", seen="unknown"),
    }
    cases = [
        *pair("continuous", 812_345, 41, 190),
        *pair("flaky", 2_000_000, 12, 150, **wrong),
        *pair("spark", 151_000, 1480, 1450, 420, mode="micro-batch", **repeats),
        *pair("flink", **unknown),
        *idle("kafka-client", "unavailable", "no environment; streamgauge setup kafka-client"),
        *idle("micro-batch", "unsupported", "needs Kafka; use --log kafka"),
    ]
    return RunResult(run="2026-11-24T10-00-00_quick_3f9c", suite="quick", machine=MACHINE, cases=cases)
