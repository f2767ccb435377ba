"""What faults of the network have in common: the link that they change, and the proof that it changed."""

from __future__ import annotations

from harness.faults.fault import Target, Unconfirmed
from harness.instruments.proxy import Proxy

WATCHED_S = 0.3
"""For so long a cut link is watched: not a byte may pass."""


def link_of(target: Target) -> Proxy:
    """Raises Unconfirmed if the trial's engines do not go through a proxy."""
    if target.link is None:
        raise Unconfirmed("the engines' link does not go through a proxy of ours")
    return target.link


def heal(target: Target) -> None:
    if target.link is not None:
        target.link.link("open")
