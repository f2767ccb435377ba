"""The embedded log: SQLite in WAL mode, one file a topic, for where there is no broker.

A row is a frame: records of one partition that were written together. `synchronous` is NORMAL: a commit is in the page
cache when it returns, so kill -9 of any process loses nothing. The file survives a power cut in one piece, though
perhaps without its last commits. (A Kafka broker at its defaults promises no more on one machine.) Longer than most:
one file is the whole log, from the bytes of a frame to the reader.
"""

from __future__ import annotations

import re
import sqlite3
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.logs.bell import Bell
from engines.logs.protocol import Chunk, Isolation, LogFailure

_NEWLINE = ord("\n")
_BUSY_S = 30.0
_FRAME_RECORDS = 8192
_POLL_BYTES = 1 << 19
_PAGE_BYTES = 16384
_WAL_PAGES = 2048
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,200}")

_SCHEMA = """
CREATE TABLE topic (partitions INTEGER NOT NULL);
CREATE TABLE frames (
    id INTEGER PRIMARY KEY,
    partition INTEGER NOT NULL,
    first INTEGER NOT NULL,
    count INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    keys_layout INTEGER NOT NULL,
    body_layout INTEGER NOT NULL,
    body BLOB NOT NULL,
    keys BLOB NOT NULL
);
CREATE UNIQUE INDEX frames_by_offset ON frames (partition, first);
CREATE TABLE checkpoints (
    job TEXT NOT NULL,
    task INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    next INTEGER NOT NULL,
    state BLOB,
    PRIMARY KEY (job, task)
);
"""
"""`checkpoints` holds what an engine commits together with the frames of its output topic."""

LINES = 0
"""Layout of a blob: its records joined by newlines; for records without a newline."""
LENGTHS = 1
"""Layout of a blob: the record's lengths as little-endian uint32, then the records."""


def pack(records: Sequence[bytes]) -> tuple[int, bytes]:
    """Layout and blob of records (at least one; any bytes)."""
    joined = b"\n".join(records)
    # numpy counts at ten times the speed of bytes.count.
    if np.count_nonzero(np.frombuffer(joined, np.uint8) == _NEWLINE) == len(records) - 1:
        return LINES, joined
    return LENGTHS, struct.pack(f"<{len(records)}I", *map(len, records)) + b"".join(records)


def unpack(layout: int, blob: bytes, count: int) -> list[bytes]:
    """The records of a blob. Raises LogFailure if they are not `count`, or the blob is cut short."""
    if layout == LINES:
        records = blob.split(b"\n")
        if len(records) != count:
            raise LogFailure(f"a frame of {count} records holds {len(records)}", remedy="the log file is damaged")
        return records
    if layout != LENGTHS or len(blob) < 4 * count:
        raise LogFailure(
            f"a frame of {count} records has layout {layout} and {len(blob)} bytes", remedy="the log file is damaged"
        )
    lengths = struct.unpack_from(f"<{count}I", blob)
    if 4 * count + sum(lengths) != len(blob):
        raise LogFailure(
            f"a frame of {count} records does not add up to its {len(blob)} bytes", remedy="the log file is damaged"
        )
    records, start = [], 4 * count
    for length in lengths:
        records.append(blob[start : start + length])
        start += length
    return records


@dataclass(frozen=True, slots=True)
class Frame:
    """Records of a partition that were appended together, as stored."""

    partition: int
    """Number of the partition, from 0."""
    first: int
    """Offset of the first record; the others follow without a gap."""
    count: int
    """Number of records, at least 1."""
    time_ms: int
    """When the frame was appended, epoch ms."""
    layout: int
    """How the records lie in `body`: LINES or LENGTHS."""
    body: bytes
    """The records' values in one blob; `unpack` reads it."""

    def values(self) -> list[bytes]:
        return unpack(self.layout, self.body, self.count)


@contextmanager
def _failures(path: Path, doing: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        remedy = "check free disk space and who else has the file open"
        raise LogFailure(f"{doing} failed: {error}", str(path), remedy) from error


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode to a topic's file. Raises LogFailure if there is none."""
    if not path.exists():
        raise LogFailure(f"topic {path.stem} does not exist", str(path), "create it first")
    with _failures(path, f"opening topic {path.stem}"):
        connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
    return connection


class TopicFile:
    """A topic's file, open for writing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = connect(path)
        self._bell = Bell(path)
        with _failures(path, "reading the topic"):
            self.partitions = int(self._connection.execute("SELECT partitions FROM topic").fetchone()[0])

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def begin(self) -> None:
        """Take the file's write lock; other writers wait from now on, readers do not."""
        with _failures(self.path, "opening a transaction"):
            self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        with _failures(self.path, "committing"):
            self._connection.execute("COMMIT")
        self._bell.ring()

    def rollback(self) -> None:
        with _failures(self.path, "rolling back"):
            self._connection.rollback()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is done inside is committed at its end, or nothing if it raises."""
        self.begin()
        try:
            yield
            self.commit()
        except BaseException:
            self.rollback()
            raise

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> sqlite3.Cursor:
        """One statement on the topic's tables, inside the caller's transaction."""
        with _failures(self.path, f"executing {sql.split(' ', 1)[0]}"):
            return self._connection.execute(sql, tuple(parameters))

    def append(self, partition: int, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        """Add records to the end of a partition, as frames, inside the caller's transaction."""
        self._check_partition(partition)
        if len(keys) != len(values):
            raise LogFailure(f"{len(keys)} keys for {len(values)} values", str(self.path), "give each record a key")
        for start in range(0, len(values), _FRAME_RECORDS):
            stop = start + _FRAME_RECORDS
            self._insert(partition, keys[start:stop], *pack(values[start:stop]))

    def append_lines(self, partition: int, keys: Sequence[bytes], lines: bytes) -> None:
        """The same for values without newlines that come joined by newlines; one frame, which is never empty."""
        self._check_partition(partition)
        self._insert(partition, keys, LINES, lines)

    def _check_partition(self, partition: int) -> None:
        if not 0 <= partition < self.partitions:
            raise LogFailure(
                f"partition {partition} does not exist", str(self.path), f"use one of 0 to {self.partitions - 1}"
            )

    def _insert(self, partition: int, keys: Sequence[bytes], body_layout: int, body: bytes) -> None:
        with _failures(self.path, f"writing {len(keys)} records to partition {partition}"):
            row = self._connection.execute(
                "SELECT first + count FROM frames WHERE partition = ? ORDER BY first DESC LIMIT 1", (partition,)
            ).fetchone()
            offset = row[0] if row else 0
            self._connection.execute(
                "INSERT INTO frames (partition, first, count, time_ms, keys_layout, keys, body_layout, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (partition, offset, len(keys), time.time_ns() // 1_000_000, *pack(keys), body_layout, body),
            )

    def close(self) -> None:
        self._connection.close()
        self._bell.close()


class EmbeddedWriter:
    """Outside a transaction every `write` is committed when it returns."""

    def __init__(self, path: Path, transactional: bool) -> None:
        self._file, self._transactional = TopicFile(path), transactional

    def write(self, partition: int, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        if self._file.in_transaction:
            self._file.append(partition, keys, values)
        else:
            with self._file.transaction():
                self._file.append(partition, keys, values)

    def together(self) -> AbstractContextManager[None]:
        return self._file.transaction()

    def flush(self, timeout_s: float) -> None:
        """Nothing is ever on its way."""

    def begin(self) -> None:
        if not self._transactional:
            raise LogFailure(
                "this writer has no transactions", str(self._file.path), "ask for the writer with a transactional id"
            )
        self._file.begin()

    def commit(self, timeout_s: float) -> None:  # noqa: ARG002 - bounded by SQLite's busy timeout
        self._file.commit()

    def abort(self, timeout_s: float) -> None:  # noqa: ARG002 - waits for nothing
        self._file.rollback()

    def close(self) -> None:
        self._file.close()


class FrameReader:
    """Frames of given partitions from given offsets on; notices new ones at once."""

    def __init__(self, path: Path, starts: Mapping[int, int], gather_s: float = 0.0) -> None:
        """starts: first offset a partition, which must be the first of a frame (or the end).

        gather_s: how long to let more arrive once something came, after a wait.
        """
        self._path, self._gather_s = path, gather_s
        self._next = dict(starts)
        self._connection = connect(path)
        self._version = -1
        self._bell = Bell(path)
        self._bell.listen()

    def poll(self, timeout_s: float) -> list[Frame]:
        """The next frames of each partition, up to a bounded number of bytes, as soon as there are any."""
        deadline = time.monotonic() + timeout_s
        while True:
            # Asked before reading, so that a commit between the two shows up as a change next time.
            version = self._connection.execute("PRAGMA data_version").fetchone()[0]
            if version != self._version:
                with _failures(self._path, "reading the topic"):
                    frames = [frame for partition in self._next for frame in self._read(partition)]
                if frames:
                    return frames
                self._version = version
            left = deadline - time.monotonic()
            if left <= 0:
                return []
            self._bell.wait(left)
            if self._gather_s:
                time.sleep(self._gather_s)

    def _read(self, partition: int) -> Iterator[Frame]:
        size = 0
        cursor = self._connection.execute(
            "SELECT partition, first, count, time_ms, body_layout, body FROM frames"
            " WHERE partition = ? AND first >= ? ORDER BY first",
            (partition, self._next[partition]),
        )
        for row in cursor:
            frame = Frame(*row)
            if frame.first != self._next[partition]:
                raise LogFailure(
                    f"partition {partition} of topic {self._path.stem} goes on at offset {frame.first} instead of"
                    f" {self._next[partition]}",
                    str(self._path),
                    "the log file is damaged",
                )
            self._next[partition] = frame.first + frame.count
            yield frame
            size += len(frame.body)
            if size >= _POLL_BYTES:
                break
        cursor.close()

    def close(self) -> None:
        self._connection.close()
        self._bell.close()


class EmbeddedReader:
    def __init__(self, path: Path, partitions: int, starts: Mapping[int, int] | None = None) -> None:
        self._ends = dict(starts or {})
        self._frames = FrameReader(path, dict.fromkeys(range(partitions), 0) | self._ends)

    def poll(self, timeout_s: float) -> list[Chunk]:
        chunks = [
            Chunk(
                frame.partition,
                range(frame.first, frame.first + frame.count),
                [frame.time_ms] * frame.count,
                frame.values(),
            )
            for frame in self._frames.poll(timeout_s)
        ]
        self._ends |= {chunk.partition: chunk.offsets[-1] + 1 for chunk in chunks}
        return chunks

    def ends(self) -> dict[int, int]:
        """Nothing but records takes an offset, so the end is where reading stands."""
        return dict(self._ends)

    def close(self) -> None:
        self._frames.close()


class EmbeddedLog:
    """Topics as files `NAME.sqlite` in one folder. No reader, whatever its isolation, sees an open transaction."""

    def __init__(self, address: Path) -> None:
        self.address = address

    def path(self, topic: str) -> Path:
        if not _TOPIC.fullmatch(topic):
            raise LogFailure(
                f"{topic!r} is no topic name", str(self.address), "use letters, digits, dots, hyphens and underscores"
            )
        return self.address / f"{topic}.sqlite"

    def create(self, topic: str, partitions: int) -> None:
        path = self.path(topic)
        if partitions < 1:
            raise LogFailure(f"a topic cannot have {partitions} partitions", str(path), "give it at least 1")
        if path.exists():
            raise LogFailure(f"topic {topic} exists already", str(path), "take another name or delete the file")
        self.address.mkdir(parents=True, exist_ok=True)
        # Made under another name and then renamed, so that nobody ever opens half a topic.
        unfinished = path.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        with _failures(unfinished, f"creating topic {topic}"):
            connection = sqlite3.connect(unfinished, isolation_level=None)
            try:
                connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(_SCHEMA)
                connection.execute("INSERT INTO topic VALUES (?)", (partitions,))
            finally:
                connection.close()
        unfinished.rename(path)

    def writer(self, topic: str, transactional_id: str | None = None, linger_ms: float = 2.0) -> EmbeddedWriter:  # noqa: ARG002
        """Nothing lingers here: what is written leaves at once."""
        return EmbeddedWriter(self.path(topic), transactional_id is not None)

    def reader(
        self,
        topic: str,
        partitions: int,
        isolation: Isolation = "read_committed",  # noqa: ARG002 - there is nothing uncommitted to be seen
        ends: bool = False,  # noqa: ARG002 - known without looking
        starts: Mapping[int, int] | None = None,
    ) -> EmbeddedReader:
        return EmbeddedReader(self.path(topic), partitions, starts)

    def end_offsets(self, topic: str, partitions: int, isolation: Isolation) -> list[int]:  # noqa: ARG002
        path = self.path(topic)
        connection = connect(path)
        try:
            with _failures(path, "reading end offsets"):
                # One look into the index for each: over all frames it would take seconds.
                newest = "SELECT first + count FROM frames WHERE partition = ? ORDER BY first DESC LIMIT 1"
                found = [connection.execute(newest, (partition,)).fetchone() for partition in range(partitions)]
        finally:
            connection.close()
        return [row[0] if row else 0 for row in found]

    def close(self) -> None:
        return
