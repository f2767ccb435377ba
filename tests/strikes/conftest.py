"""Strikes at made-up jobs are quick: what a campaign waits for is short."""

from __future__ import annotations

import pytest

from harness.strikes import campaign as campaigns


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaigns, "STEADY_S", 0.4)
    monkeypatch.setattr(campaigns, "_BASE_S", 0.5)
    monkeypatch.setattr(campaigns, "BEHIND_S", 0.5)
    monkeypatch.setattr(campaigns, "_AIM_S", 3.0)
    monkeypatch.setattr(campaigns, "_STANDING_S", 0.2)
