"""Snapshots of tasks as files, for the log that cannot hold them: durable before anything refers to them.

A file's name is unique to the attempt that wrote it, so that a worker that was shut out and does not know it yet cannot
overwrite what its successor committed.
"""

from __future__ import annotations

import os
import uuid
import zlib
from pathlib import Path

from engines.runtime.connector import WorkerFailure

_CHECKSUM_BYTES = 4


class Snapshots:
    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory

    def write(self, task: int, epoch: int, state: bytes) -> str:
        """Store a task's state durably and return the snapshot's name."""
        name = f"task-{task}-epoch-{epoch}-{uuid.uuid4().hex[:12]}"
        path = self._directory / name
        partial = path.with_suffix(".partial")
        try:
            with partial.open("wb") as file:
                file.write(zlib.crc32(state).to_bytes(_CHECKSUM_BYTES, "little"))
                file.write(state)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(path)
            folder = os.open(self._directory, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise WorkerFailure(f"snapshot {name} could not be written: {error.strerror}", str(path)) from error
        return name

    def read(self, name: str) -> bytes:
        """A task's state. Raises WorkerFailure if the file is missing or damaged."""
        path = self._directory / name
        remedy = "the state it held is lost: start the job under a new name"
        try:
            content = path.read_bytes()
        except OSError as error:
            raise WorkerFailure(f"snapshot {name} cannot be read: {error.strerror}", str(path), remedy) from error
        state = content[_CHECKSUM_BYTES:]
        if zlib.crc32(state).to_bytes(_CHECKSUM_BYTES, "little") != content[:_CHECKSUM_BYTES]:
            raise WorkerFailure(f"snapshot {name} is damaged: its checksum does not match", str(path), remedy)
        return state

    def keep_only(self, task: int, name: str) -> None:
        """Remove every other snapshot of a task; call it once `name` is what the log refers to."""
        for path in self._directory.glob(f"task-{task}-epoch-*"):
            if path.name != name:
                path.unlink(missing_ok=True)
