"""The collector: a read_committed reader of the output topic that stores every row with the time it became visible.

It looks into a row only as far as it must to tell a workload's result from a row of a heartbeat or closing event.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from engines.logs import connect
from engines.logs.protocol import Chunk, Log
from engines.output_reading import Decoding, Invocation
from harness.decoder import DECODER_LOG, DecodedReading, Decoder
from harness.id_reading import IdReading, read_ids
from harness.instruments.channel import Commands, EndOfInput, answer, failures_told, now_ns
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
    """Writes batches of rows to the table `output` on a thread, so that storing never delays the next time stamp.

    `put` and `close` raise what the thread ended with, if it failed.
    """

    def __init__(self, folder: Path) -> None:
        self._table, self._gaps = TableWriter(folder, "output"), TableWriter(folder, "gaps")
        self._batches: queue.Queue[_Batch | None] = queue.Queue()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def put(self, batch: _Batch) -> None:
        self.check()
        self._batches.put(batch)

    def check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        self._batches.put(None)
        self._thread.join()
        self.check()

    @property
    def stored(self) -> dict[str, int]:
        """Rows by table."""
        return {"output": self._table.rows, "gaps": self._gaps.rows}

    def _run(self) -> None:
        try:
            self._write()
        except BaseException as failure:  # The main thread tells it.
            self._failure = failure

    def _write(self) -> None:
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


def parted(values: Sequence[bytes | None]) -> tuple[int, list[dict[str, Any]]]:
    """How many of these are rows of the workload, and the rows of closing events among the others. A record of a
    program's own may have no value.
    """
    controls = [value for value in values if value is not None and _CONTROL_MARK in value]
    closings = []
    for value in controls:
        try:
            row = msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue  # The judge will read it and say so.
        if isinstance(row, dict) and str(row.get("key", "")).startswith(_CLOSE_PREFIX):
            closings.append(row)
    return len(values) - len(controls), closings


class SeenRows:
    """What has become visible so far."""

    def __init__(self, partitions: int) -> None:
        self.rows = 0
        self.last_row_ns = 0
        self.positions = [0] * partitions
        self._closings: list[dict[str, Any]] = []

    def add(self, visible_ns: int, chunk: Chunk) -> None:
        self.positions[chunk.partition] = chunk.offsets[-1] + 1
        results, closings = parted(chunk.values)
        if results:
            self.rows += results
            self.last_row_ns = visible_ns
        self._closings += closings

    def report(self) -> dict[str, Any]:
        """Counts of the workload's rows so far, and the closing keys' rows since the last report."""
        closings, self._closings = self._closings, []
        return {
            "did": "status",
            "rows": self.rows,
            "last_row_ns": self.last_row_ns,
            "closings": closings,
            "positions": self.positions,
        }


class Follower:
    """Follows the output. From `look_for_ends` on its positions count the markers of transactions too, which no row
    tells of; before, that would only wake it more often than there are rows.
    """

    def __init__(self, log: Log, topic: str, partitions: int, decoded: DecodedReading | None = None) -> None:
        """decoded: how values become rows; None where they are rows as they are read."""
        self._log, self._topic, self._decoded = log, topic, decoded
        self.seen = SeenRows(partitions)
        self._reader, self._looks_for_ends = log.reader(topic, partitions), False

    def poll(self) -> tuple[int, list[Chunk]]:
        """What has become visible, and when it was seen."""
        chunks, visible_ns = self._reader.poll(_POLL_S), now_ns()
        if self._decoded is not None:
            # After the time was taken: what a user's decoder needs is no latency of an engine.
            chunks = [replace(chunk, values=self._decoded.of_values(chunk.values)) for chunk in chunks]
        for chunk in chunks:
            self.seen.add(visible_ns, chunk)
        if self._looks_for_ends:
            for partition, end in self._reader.ends().items():
                self.seen.positions[partition] = max(self.seen.positions[partition], end)
        return visible_ns, chunks

    def look_for_ends(self) -> None:
        starts = {partition: offset for partition, offset in enumerate(self.seen.positions) if offset}
        self._reader.close()
        self._reader = self._log.reader(self._topic, len(self.seen.positions), ends=True, starts=starts)
        self._looks_for_ends = True

    def close(self) -> None:
        self._reader.close()


def main() -> None:
    commands = Commands()
    setup = commands.setup
    with failures_told(), closing(connect(setup["address"], setup["log"])) as log, ExitStack() as until:
        folder, ids = Path(setup["folder"]), None if setup.get("ids") is None else IdReading(**setup["ids"])
        decoder = None if setup.get("decoding") is None else _decoder(setup["decoding"], folder)
        if decoder is not None:
            until.enter_context(closing(decoder))
        elif ids is not None:
            read_ids(log, setup["topic"], ids)
        decoded = None if decoder is None else DecodedReading(decoder, ids)
        writer = RowWriter(folder)
        with closing(Follower(log, setup["topic"], setup["partitions"], decoded)) as follower:
            answer({"did": "setup"})
            try:
                _collect(commands, follower, writer)
            finally:
                writer.close()
        if decoder is not None:
            decoder.finish()
        answer({"did": "end", "stored": writer.stored, "positions": follower.seen.positions})


def _decoder(told: Mapping[str, Any], folder: Path) -> Decoder:
    return Decoder(Decoding(Invocation.told(told["decoder"]), told["prefixed"]), folder / "logs" / DECODER_LOG)


def _collect(commands: Commands, follower: Follower, writer: RowWriter) -> None:
    """Until the end of input."""
    batch, stored_ns = _Batch(), now_ns()
    looked_ns = stored_ns
    try:
        while True:
            visible_ns, chunks = follower.poll()
            if visible_ns - looked_ns > GAP_S * 1e9:
                batch.gaps.append((looked_ns, visible_ns))
            looked_ns = visible_ns
            batch.chunks += [(visible_ns, chunk) for chunk in chunks]
            batch.rows += sum(len(chunk.values) for chunk in chunks)
            if batch.rows >= _STORE_ROWS or visible_ns - stored_ns >= _STORE_S * 1e9:
                writer.put(batch)
                batch, stored_ns = _Batch(), visible_ns
            command = commands.next(0.0)
            if command is not None:
                if command["do"] == "look for ends":
                    follower.look_for_ends()
                answer(follower.seen.report())
    except EndOfInput:
        return
    finally:
        writer.put(batch)


if __name__ == "__main__":
    main()
