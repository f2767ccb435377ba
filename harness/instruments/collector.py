"""The collector: a read_committed reader of the output topic that stores every row with the time it became visible.

It looks into a row only as far as it must to tell a workload's result from a row of a heartbeat or closing event.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from engines.logs import connect
from engines.logs.protocol import Chunk, LogFailure
from harness.instruments.channel import Commands, EndOfInput, answer, now_ns
from results.history import TableWriter
from workloads.stream import CONTROL

GAP_S = 0.1
"""Longer than this from one look to the next is a gap, which is recorded: twice what a look without rows waits."""

_POLL_S = 0.05
_STORE_S = 2.0
_STORE_ROWS = 100_000
_CONTROL_MARK = f'"{CONTROL}'.encode()
_CLOSE_PREFIX = f"{CONTROL}close-"


@dataclass
class _Batch:
    """What is to be stored. chunks: each with the time at which it was visible. gaps: from and until."""

    chunks: list[tuple[int, Chunk]] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    rows: int = 0


class RowWriter:
    """Writes batches of rows to the table `output` on a thread, so that storing never delays the next time stamp."""

    def __init__(self, folder: Path) -> None:
        self._table, self._gaps = TableWriter(folder, "output"), TableWriter(folder, "gaps")
        self._batches: queue.Queue[_Batch | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def put(self, batch: _Batch) -> None:
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
            for visible_ns, chunk in batch.chunks:
                count = len(chunk.values)
                columns["partition"] += [chunk.partition] * count
                columns["offset"] += chunk.offsets
                columns["time_ms"] += chunk.times_ms
                columns["visible_ns"] += [visible_ns] * count
                columns["value"] += chunk.values
            self._table.write(columns)
            from_ns, until_ns = zip(*batch.gaps, strict=True) if batch.gaps else ((), ())
            self._gaps.write({"from_ns": from_ns, "until_ns": until_ns})


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
    seen, batch, stored_ns = Seen(), _Batch(), now_ns()
    answer({"did": "setup"})
    looked_ns = now_ns()
    try:
        while True:
            chunks = reader.poll(_POLL_S)
            visible_ns = now_ns()
            if visible_ns - looked_ns > GAP_S * 1e9:
                batch.gaps.append((looked_ns, visible_ns))
            looked_ns = visible_ns
            for chunk in chunks:
                seen.add(visible_ns, chunk)
                batch.chunks.append((visible_ns, chunk))
                batch.rows += len(chunk.values)
            if batch.rows >= _STORE_ROWS or visible_ns - stored_ns >= _STORE_S * 1e9:
                writer.put(batch)
                batch, stored_ns = _Batch(), visible_ns
            if commands.next(0.0) is not None:
                answer(seen.report())
    except EndOfInput:
        pass
    except LogFailure as failure:
        answer({"error": failure.what, "where": failure.where})
    finally:
        writer.put(batch)
        writer.close()
        reader.close()
        log.close()


if __name__ == "__main__":
    main()
