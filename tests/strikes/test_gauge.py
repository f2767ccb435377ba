"""The gauge: what it says while the logs do not answer."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

from engines.logs.protocol import LogFailure
from harness.strikes.gauge import Gauge
from tests.strikes.made_up_job import World


def test_a_log_that_does_not_answer_gives_no_reading_and_holds_up_nothing():
    world = World()
    log: Any = SimpleNamespace(end_offsets=lambda *_: (_ for _ in ()).throw(LogFailure("the broker is down")))
    with Gauge(log, ("input", "output"), 1, world.progress) as gauge:
        assert gauge.until(lambda _: True, time.monotonic() + 0.3, threading.Event()) is None
