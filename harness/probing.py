"""Which rate is probed next: the course of a search for the sustained rate, and of a sweep (METHOD.md, "Sustained
rate")."""

from __future__ import annotations

from collections.abc import Sequence

from results.plan import Paced, Search
from results.rate_search import Ask, Tried, next_probe

FIRST_SHARE = 0.7
"""A search begins at this share of the rate at which the last backlog was drained: a drain has fixed parts, and its
windows are fuller."""

_FAILURES = 2
"""A sweep ends after so many rates in a row that were not held: faster ones would tell no more."""


def following(search: Search, tried: Sequence[Tried], drained_rate: float) -> Ask | None:
    """The next probe, or None where there is none. drained_rate: events per second of the last backlog."""
    if len(tried) >= search.most:
        return None
    if search.how == "search":
        return next_probe(tried, FIRST_SHARE * drained_rate, search.max_rate)
    rates = sorted({min(share * drained_rate, search.max_rate) for share in search.shares})
    lost = len(tried) >= _FAILURES and all(each.outcome in ("failed", "ceiling") for each in tried[-_FAILURES:])
    return None if lost or len(tried) >= len(rates) else Ask(rates[len(tried)])


def load(search: Search, ask: Ask) -> Paced:
    """The steady load of a probe."""
    # A sweep shows the percentiles of each rate, which a short probe has too few closings for.
    measured_s = search.confirm_s if ask.confirming or search.how == "sweep" else search.probe_s
    return Paced(rate=ask.rate, warmup_s=search.settle_s, measured_s=measured_s)
