"""Student's t distribution for whole degrees of freedom: exact, by a finite sum. Standard library only.

Source: Abramowitz, Stegun: Handbook of Mathematical Functions (1964), 26.7.3 and 26.7.4.
"""

from __future__ import annotations

import math

_HALVINGS = 100


def tail(t: float, freedom: int) -> float:
    """The probability that a variable of this distribution is larger than t. freedom: degrees of freedom, 1 or more."""
    if freedom < 1:
        raise ValueError(f"there is no t distribution of {freedom} degrees of freedom")
    if math.isinf(t):
        return 0.0 if t > 0 else 1.0
    inside = _within(abs(t), freedom)
    upper = max(0.0, (1.0 - inside) / 2.0)
    return upper if t >= 0 else 1.0 - upper


def quantile(upper: float, freedom: int) -> float:
    """The t that is exceeded with probability `upper`, of 0 to 0.5, both exclusive; found by halving."""
    if not 0 < upper < 0.5:
        raise ValueError(f"{upper} is not between 0 and 0.5")
    low, high = 0.0, 1.0
    while tail(high, freedom) > upper:
        high *= 2.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if tail(middle, freedom) > upper else (low, middle)
    return (low + high) / 2.0


def _within(t: float, freedom: int) -> float:
    """The probability of a value between -t and t."""
    angle = math.atan(t / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    if freedom % 2 == 0:
        term, total = 1.0, 1.0
        for even in range(2, freedom, 2):
            term *= (even - 1) / even * cosine**2
            total += term
        return sine * total
    term = total = cosine if freedom > 1 else 0.0
    for odd in range(3, freedom, 2):
        term *= (odd - 1) / odd * cosine**2
        total += term
    return 2.0 / math.pi * (angle + sine * total)
