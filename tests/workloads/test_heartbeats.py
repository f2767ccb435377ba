"""Which heartbeat is the first that is late enough to close a window."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.control import heartbeat_ms, heartbeat_second


@pytest.mark.parametrize("delay_ms", [0, 1000, 1500, 4000])
@pytest.mark.parametrize("speed", [1.0, 1 / 0.96, 2.5])
def test_no_earlier_heartbeat_has_the_time(delay_ms: int, speed: float):
    for passed_ms in (1, 999, 1000, 2345, 60_000):
        second = int(heartbeat_second(passed_ms, delay_ms, speed))
        assert heartbeat_ms(second, delay_ms, speed) >= passed_ms
        assert second == 0 or heartbeat_ms(second - 1, delay_ms, speed) < passed_ms


def test_an_array_of_times_gives_an_array_of_seconds():
    times = np.array([1, 1500, 60_000])
    assert heartbeat_second(times, 1500, 1.0).tolist() == [heartbeat_second(int(time), 1500, 1.0) for time in times]
