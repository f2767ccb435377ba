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


def test_a_look_that_comes_late_is_told_with_its_times():
    world, told = World(), threading.Event()
    late: list[tuple[int, int]] = []
    slow = iter([0.0, 0.7])

    def end_offsets(*_: Any) -> tuple[int, ...]:
        time.sleep(next(slow, 0.0))
        return (0,)

    def note(from_ns: int, until_ns: int) -> None:
        late.append((from_ns, until_ns))
        told.set()

    log: Any = SimpleNamespace(end_offsets=end_offsets)
    with Gauge(log, ("input", "output"), 1, world.progress, late=note):
        assert told.wait(10)
    assert (late[0][1] - late[0][0]) / 1e9 >= 0.7
