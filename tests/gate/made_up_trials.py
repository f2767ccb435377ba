"""Trials of a gate that were never made, with figures as a test wants them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.gate.order import Turn, interleaved
from results.gate.decision import FRESH_PAIRS, SCREEN_PAIRS
from results.gate.gate_result import GateResult, GateSide, GateTrial, Stage
from results.gate.gated import GATED
from results.plan import Machine

CASE = "continuous.default.sensors"
OTHER = "micro-batch.default.sensors"
CPU, RATE, P99 = (gated.name for gated in GATED)
FIGURES = {CPU: 1e6, RATE: 7e5, P99: 120.0}
MACHINE = Machine(cpu="made up", cores=2, memory_bytes=2**34, kernel="6", python="3.11.0", java=None)
PAIRS: Mapping[Stage, int] = {"screen": SCREEN_PAIRS, "decision": FRESH_PAIRS}


def trial(turn: Turn[str], figures: Mapping[str, float], **changes: Any) -> GateTrial:
    made = {
        "case": turn.unit,
        "side": turn.side,
        "stage": turn.stage,
        "quad": turn.quad,
        "pair": turn.pair,
        "outcome": "pass",
        "figures": dict(figures),
        "control_s": 0.3,
        "foreign_percent": 1.0,
    }
    return GateTrial.model_validate(made | changes)


def stage(
    name: Stage,
    slower: Mapping[str, float] | None = None,
    noise: float = 0.01,
    cases: Sequence[str] = (CASE, OTHER),
    seed: int = 1,
) -> list[GateTrial]:
    """All trials of a stage. slower: by figure, the factor of what the candidate's CASE has."""
    draw, made = np.random.default_rng(seed), []
    for turn in interleaved(cases, PAIRS[name], name, seed):
        shaken = {each: value * float(np.exp(draw.normal(0, noise))) for each, value in FIGURES.items()}
        if turn.side == "candidate" and turn.unit == CASE:
            shaken = {each: value * (slower or {}).get(each, 1.0) for each, value in shaken.items()}
        made.append(trial(turn, shaken))
    return made


def gate(**changes: Any) -> GateResult:
    """A gate without a figure, as it passes."""
    made = {
        "version": "0.1.0",
        "verdict": "pass",
        "summary": "No regression.",
        "baseline": GateSide(kind="revision", name="main", commit="a" * 40),
        "candidate": GateSide(kind="revision", name="the working tree", commit="b" * 40, dirty=True),
        "suite": "gate",
        "log": "embedded",
        "seed": 1,
        "started": "2026-11-30T10:00:00Z",
        "seconds": 360.5,
        "machine": MACHINE,
    }
    return GateResult.model_validate(made | changes)
