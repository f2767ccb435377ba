"""The first row of an output topic that was not there before: it wakes who waits for it, and nothing else does."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from engines.logs.embedded import EmbeddedLog
from engines.logs.protocol import Chunk
from harness.strikes.first_row import FirstRow

WAIT_S = 30.0


def test_a_new_row_wakes_at_once_and_rows_that_were_there_do_not(tmp_path: Path):
    log = EmbeddedLog(tmp_path)
    log.create("output", 2)
    writer = log.writer("output")

    def write(count: int) -> None:
        for partition in range(2):
            writer.write(partition, [b"k"] * count, [b"{}"] * count)
        writer.flush(5)

    write(50_000)
    watching, stop = FirstRow(log, "output", 2), threading.Event()
    assert not watching.wait(time.monotonic() + 0.5, stop)
    late = threading.Timer(0.3, write, [1])
    began_s = time.monotonic()
    late.start()
    assert watching.wait(began_s + WAIT_S, stop)
    assert time.monotonic() - began_s >= 0.3
    late.join()
    stop.set()
    assert not watching.wait(time.monotonic() + WAIT_S, stop)
    watching.close()
    writer.close()


def test_a_partition_that_is_written_to_without_a_pause_is_caught_up_with_all_the_same():
    class Restless:
        """Never at its end: each look finds ten more records, of the 25 that were there at first and of those since."""

        def __init__(self) -> None:
            self.read = 0

        def ends(self) -> dict[int, int]:
            return {}

        def poll(self, timeout_s: float) -> list[Chunk]:
            offsets = list(range(self.read, self.read + 10))
            self.read += 10
            return [Chunk(1, offsets, [0] * 10, [b""] * 10)]

        def close(self) -> None:
            pass

    reader = Restless()
    log: Any = SimpleNamespace(end_offsets=lambda *_: [0, 25], reader=lambda *_, **__: reader)
    appearance = FirstRow(log, "output", 2)
    assert appearance.wait(time.monotonic() + WAIT_S, threading.Event())
    assert reader.read > 25
