"""The collector: a read_committed reader of the output topic that stores every row with the time it became visible.

It looks into a row only as far as it must to tell a workload's result from a row of a heartbeat or closing event.
"""

from __future__ import annotations

import queue
import threading
from pathlib import Path
from typing import Any

import msgspec

from engines.logs import connect
from engines.logs.protocol import Chunk, LogFailure
from harness.instruments.channel import Commands, EndOfInput, answer, now_ns
from results.history import TableWriter
from workloads.stream import CONTROL

_POLL_S = 0.05
_STORE_S = 2.0
_STORE_ROWS = 100_000
_CONTROL_MARK = f'"{CONTROL}'.encode()
_CLOSE_PREFIX = f"{CONTROL}close-"


class RowWriter:
    """Writes batches of rows to the table `output` on a thread, so that storing never delays the next time stamp."""

    def __init__(self, folder: Path) -> None:
        self._table = TableWriter(folder, "output")
        self._batches: queue.Queue[list[tuple[int, Chunk]] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def put(self, batch: list[tuple[int, Chunk]]) -> None:
        self._batches.put(batch)

    def close(self) -> None:
        self._batches.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            columns: dict[str, list[Any]] = {
                "partition": [],
                "offset": [],
                "time_ms": [],
                "visible_ns": [],
                "value": [],
            }
            for visible_ns, chunk in batch:
                count = len(chunk.values)
                columns["partition"] += [chunk.partition] * count
                columns["offset"] += chunk.offsets
                columns["time_ms"] += chunk.times_ms
                columns["visible_ns"] += [visible_ns] * count
                columns["value"] += chunk.values
            self._table.write(columns)


class Seen:
    """What has become visible so far."""

    def __init__(self) -> None:
        self.rows = 0
        self.last_row_ns = 0
        self._closings: list[dict[str, Any]] = []

    def add(self, visible_ns: int, chunk: Chunk) -> None:
        controls = [value for value in chunk.values if _CONTROL_MARK in value]
        results = len(chunk.values) - len(controls)
        if results:
            self.rows += results
            self.last_row_ns = visible_ns
        for value in controls:
            try:
                row = msgspec.json.decode(value)
            except msgspec.DecodeError:
                continue  # The judge will read it and say so.
            if isinstance(row, dict) and str(row.get("key", "")).startswith(_CLOSE_PREFIX):
                self._closings.append(row)

    def report(self) -> dict[str, Any]:
        """Counts of the workload's rows so far, and the closing keys' rows since the last report."""
        closings, self._closings = self._closings, []
        return {"did": "status", "rows": self.rows, "last_row_ns": self.last_row_ns, "closings": closings}


def main() -> None:
    commands = Commands()
    setup = commands.setup
    log = connect(setup["address"], setup["log"])
    reader = log.reader(setup["topic"], setup["partitions"])
    writer = RowWriter(Path(setup["folder"]))
    seen, batch, held, stored_ns = Seen(), [], 0, now_ns()
    answer({"did": "setup"})
    try:
        while True:
            chunks = reader.poll(_POLL_S)
            visible_ns = now_ns()
            for chunk in chunks:
                seen.add(visible_ns, chunk)
                batch.append((visible_ns, chunk))
                held += len(chunk.values)
            if held and (held >= _STORE_ROWS or visible_ns - stored_ns >= _STORE_S * 1e9):
                writer.put(batch)
                batch, held, stored_ns = [], 0, visible_ns
            if commands.next(0.0) is not None:
                answer(seen.report())
    except EndOfInput:
        pass
    except LogFailure as failure:
        answer({"error": failure.what, "where": failure.where})
    finally:
        if batch:
            writer.put(batch)
        writer.close()
        reader.close()
        log.close()


if __name__ == "__main__":
    main()
