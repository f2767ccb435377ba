"""A limit that names no case of the suite would hide nothing and say nothing."""

from __future__ import annotations

from tests.conformance.conftest import ENGINES

CASES = {"event-time-jump-tumbling", "event-time-jump-session"}
"""Cases that a test of this suite asks an engine's limits for."""


def test_every_limit_names_a_case():
    assert {case for engine in ENGINES.values() for case in engine.limits} <= CASES
