"""Rate profiles: how the load of a paced phase rises and falls around its mean rate.

Each is a curve of straight pieces, so that the planned time of any event is looked up at once and the judge needs none
of this: the curve stands in the history.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from workloads.stream import Curve

Kind = Literal["constant", "step", "ramp", "burst", "sine", "on-off"]

PARAMETERS: Mapping[Kind, tuple[str, ...]] = {
    "constant": (),
    "step": ("factor", "at"),
    "ramp": ("factor",),
    "burst": ("factor", "share", "period_s"),
    "sine": ("factor", "period_s"),
    "on-off": ("share", "period_s"),
}
"""What shapes each kind; the rest of a profile's fields say nothing there."""

_PIECES = 32
"""Straight pieces that a ramp or a wave is made of."""


@dataclass(frozen=True)
class Profile:
    """A shape of the rate, whatever its mean.

    constant: always the same. step: one rate, and from some time on another. ramp: evenly from one rate to another.
    burst: a higher rate for the first part of each period. sine: a wave. on-off: everything in the first part of each
    period, then nothing. `PARAMETERS` says which fields shape which kind; the others say nothing there. Raises
    ValueError for values that make no such shape.
    """

    kind: Kind
    """Which of the shapes above it is."""
    factor: float = 3.0
    """How many times as fast the high rate is as the low one: after the step, at the end of the ramp, in the burst, at
    the crest of the wave. Above 0, at most 1000; less than 1 makes it slower there."""
    at: float = 0.5
    """When the step comes, as a share of the whole time: between 0 and 1."""
    share: float = 0.2
    """How much of each period the burst, or the `on` part, takes: between 0 and 1."""
    period_s: float = 5.0
    """Length of one burst and pause, or of one wave, in seconds: at least 0.1."""

    def __post_init__(self) -> None:
        for name, value, fits in (
            ("factor", self.factor, 0 < self.factor <= 1000),
            ("at", self.at, 0 < self.at < 1),
            ("share", self.share, 0 < self.share < 1),
            ("period_s", self.period_s, self.period_s >= 0.1),
        ):
            if not fits:
                raise ValueError(f"{name} = {value:g} makes no rate profile")

    def __str__(self) -> str:
        """The kind and what shapes it, such as `step (factor 3, at 0.5)`."""
        values = ", ".join(f"{name} {getattr(self, name):g}" for name in PARAMETERS[self.kind])
        return f"{self.kind} ({values})" if values else self.kind

    def curve(self, duration_s: float) -> Curve:
        """The events' distribution over `duration_s` seconds."""
        if self.kind == "constant":
            return ()
        pieces = list(self._pieces(duration_s))
        events, seconds = sum(rate * span for span, rate in pieces), sum(span for span, _ in pieces)
        points, sent, passed = [(0.0, 0.0)], 0.0, 0.0
        for span, rate in pieces:
            sent, passed = sent + rate * span, passed + span
            # Nothing is due in a pause: the event after the last one before it is due when it ends.
            share = sent / events if rate else math.nextafter(points[-1][0], math.inf)
            points.append((share, passed / seconds))
        if not pieces[-1][1]:
            points.pop()
        return (*points[:-1], (1.0, points[-1][1]))

    def _pieces(self, duration_s: float) -> Iterator[tuple[float, float]]:
        """(seconds, rate) one after the other; only what the rates are to each other matters."""
        match self.kind:
            case "step":
                yield from ((self.at, 1.0), (1.0 - self.at, self.factor))
            case "ramp":
                for middle in _middles():
                    yield 1.0, 1.0 + (self.factor - 1.0) * middle
            case "sine":
                swing = (self.factor - 1.0) / (self.factor + 1.0)
                wave = [(self.period_s / _PIECES, 1.0 - swing * math.cos(math.tau * middle)) for middle in _middles()]
                yield from _repeated(wave, duration_s)
            case "burst" | "on-off":
                rates = (self.factor, 1.0) if self.kind == "burst" else (1.0, 0.0)
                lengths = (self.share * self.period_s, (1.0 - self.share) * self.period_s)
                yield from _repeated(list(zip(lengths, rates, strict=True)), duration_s)
            case "constant":
                yield 1.0, 1.0


def _middles() -> list[float]:
    return [(piece + 0.5) / _PIECES for piece in range(_PIECES)]


def _repeated(period: list[tuple[float, float]], duration_s: float) -> Iterator[tuple[float, float]]:
    """The period over and over, cut off at the end."""
    left_s = duration_s
    while left_s > 1e-9:
        for length, rate in period:
            span = min(length, left_s)
            if span > 1e-9:
                yield span, rate
            left_s -= span
