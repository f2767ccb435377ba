"""When a rate is held, and which rate is tried next (METHOD.md, "Sustained rate"). Pure rules, for trial and judge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

HOLDS = 0.01
"""A rate is held only if the lag grows by less than this share of it."""

BREAKS = 0.05
"""A probe whose lag grows by more than this is cut short, once it did so for CUT_S."""

CUT_S = 4.0

COMMITS_NEEDED = 4
"""Lag is read right after commits; of fewer of them no slope is told."""

STEP = 0.05
"""The search ends once the largest rate that holds and the smallest that fails are no further apart."""

FACTOR = 1.45
"""By so much rates differ while only one end is known: three halves of it are within STEP."""

UPS = 2
"""So often it goes up by a step where the step above holds as well."""

LEAST_SHARE = 0.01
"""Of the first rate: a rate below this is not looked for."""

BEHIND_MS = 50.0
"""A generator whose lag exceeds this at p99, or in the median of the last second, fell behind."""

ProbeOutcome = Literal["held", "failed", "ceiling", "inconclusive"]
"""`ceiling`: the generator was behind its schedule, so the harness's own limit was met, and not the engine's."""


@dataclass(frozen=True)
class Commit:
    """What was seen right after a commit: when, in seconds, and how many records of the input were not behind it."""

    at_s: float
    lag: int


def slope(commits: Sequence[Commit], rate: float) -> float | None:
    """By how much the lag grew, as a share of the load; the slope of the least squares line. None where there are too
    few commits. rate: events per second.

    Between commits lag is a saw tooth of one commit interval: only what is read right after them is comparable.
    """
    if len(commits) < COMMITS_NEEDED:
        return None
    at_s = np.array([each.at_s for each in commits])
    if at_s[-1] <= at_s[0]:
        return None
    lag = np.array([each.lag for each in commits], dtype=np.float64)
    return float(np.polyfit(at_s - at_s[0], lag, 1)[0] / rate)


def breaks(commits: Sequence[Commit], rate: float) -> bool:
    """Whether it fell behind so fast, for CUT_S at least, that the rest of the probe would tell no more.

    The slope is that of all commits so far, as it was after each of them: of those of the last seconds alone it would
    be noise, since a commit comes sooner or later than another.
    """
    since_s = None
    for number in range(COMMITS_NEEDED, len(commits) + 1):
        found = slope(commits[:number], rate)
        if found is None or found <= BREAKS:
            since_s = None
        elif since_s is None:
            since_s = commits[number - 1].at_s
    return since_s is not None and commits[-1].at_s - since_s >= CUT_S


@dataclass(frozen=True)
class Late:
    """How late the generator handed events over, in ms: at p99 of the judged part, and at the median of its last
    second.
    """

    p99_ms: float
    at_end_ms: float


def outcome(commits: Sequence[Commit] | None, rate: float, late: Late, cut: bool, interval_ms: float) -> ProbeOutcome:
    """Of the load alone; that rows were right and in time is the judge's to add. commits: None where they cannot be
    told. cut: whether the probe was cut short. interval_ms: the commit interval.
    """
    if late.at_end_ms > BEHIND_MS:
        return "ceiling"
    if cut:
        return "failed"
    if late.p99_ms > interval_ms:
        # It was late for a while and is not any more: the load was not as planned, and no limit was met. What is late
        # by less changes nothing between two commits, and its latency counts from its planned time.
        return "inconclusive"
    grew = None if commits is None else slope(commits, rate)
    if grew is None:
        return "inconclusive"
    return "held" if grew < HOLDS else "failed"


@dataclass(frozen=True)
class Tried:
    """A probe that is over. confirming: whether it was one of the longer ones."""

    rate: float
    outcome: ProbeOutcome
    confirming: bool = False


@dataclass(frozen=True)
class Found:
    """The largest rate that held, and the smallest that failed; None where there is none. by_harness: whether that one
    failed because the generator was behind, so that nothing is known of the engine beyond `held`.
    """

    held: float | None
    failed: float | None
    by_harness: bool = False
    confirmed: bool = False


def found(tried: Sequence[Tried]) -> Found:
    """A longer probe is believed before a shorter one: what failed at or below a rate that was confirmed is passed
    over. Else, of a rate that held above one that failed nothing is believed.
    """
    confirmed = max((each.rate for each in tried if each.confirming and each.outcome == "held"), default=0.0)
    bad = [each for each in tried if each.outcome in ("failed", "ceiling") and each.rate > confirmed]
    failed = min(bad, key=lambda each: each.rate, default=None)
    limit = math.inf if failed is None else failed.rate
    held = max((each.rate for each in tried if each.outcome == "held" and each.rate < limit), default=None)
    return Found(
        held,
        None if failed is None else failed.rate,
        failed is not None and failed.outcome == "ceiling",
        held is not None and held <= confirmed,
    )


@dataclass(frozen=True)
class Ask:
    """The next probe."""

    rate: float
    confirming: bool = False


def next_probe(tried: Sequence[Tried], first: float, most: float) -> Ask | None:
    """What is to be tried next, or None where the search is over. first: the rate to begin with. most: the largest
    rate that may be tried.
    """
    if not tried:
        return Ask(min(first, most))
    last = tried[-1]
    if last.outcome == "inconclusive":
        # A longer one has more commits; if that tells nothing either, nothing does.
        return None if last.confirming else Ask(last.rate, confirming=True)
    now = found(tried)
    if now.held is None:
        assert now.failed is not None, "every probe held or failed"  # noqa: S101
        lower = now.failed / FACTOR
        return Ask(lower) if lower >= LEAST_SHARE * first else None
    if now.failed is None and not _went_up(tried):
        return Ask(min(now.held * FACTOR, most)) if now.held < most else _confirm(tried, now, most)
    if now.failed is not None and now.failed > now.held * (1 + STEP) * 1.001:
        return Ask(math.sqrt(now.held * now.failed))
    return _confirm(tried, now, most)


def _went_up(tried: Sequence[Tried]) -> int:
    """How often a step above a confirmed rate was held as well. What was confirmed because a shorter probe told nothing
    is no step.
    """
    confirmed = [each.rate for each in tried if each.confirming and each.outcome == "held"]
    steps = [rate * (1 + STEP) for rate in confirmed]
    return sum(any(math.isclose(rate, step, rel_tol=1e-9) for step in steps) for rate in confirmed)


def _confirm(tried: Sequence[Tried], now: Found, most: float) -> Ask | None:
    assert now.held is not None, "something is to be confirmed"  # noqa: S101
    if not now.confirmed:
        return Ask(now.held, confirming=True)
    above = now.held * (1 + STEP)
    failed_above = any(each.confirming and each.outcome != "held" and each.rate > now.held for each in tried)
    if failed_above or _went_up(tried) >= UPS or now.held >= most:
        return None
    return Ask(min(above, most), confirming=True)
