"""The manifest of a history: what its files were, and how far the log had been read, as its trial ended.

It is written last, once every process that writes to the history has ended; so a history without one was cut off. Its
hashes find accidents. They do not find forgers, who could write a manifest as well.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from results.history import (
    MARKS,
    MOST_PART_BYTES,
    TABLES,
    TRIAL,
    DamagedHistory,
    History,
    first_problem,
    parts,
    stored_in,
)
from results.plan import Count
from workloads.regular_file import open_regular

MANIFEST = "manifest.json"

_PIECE_BYTES = 1 << 20

SINCE = 8
"""Trials write manifests from this method version on."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class File(_Model):
    """sha256: of the content, in hex. rows: of a part of a table; None for other files."""

    sha256: str
    rows: Count | None = None


class Manifest(_Model):
    """files: by their name in the folder, trial.json, marks.jsonl and every part of every table. stored: by table, how
    many rows its writers say that they stored. positions: by table, up to which offset of each partition the log had
    been read for it, transactions' markers counted.
    """

    schema_version: Literal[1] = 1
    files: dict[str, File]
    stored: dict[str, Count]
    positions: dict[str, list[Count]]


def write(folder: Path, stored: Mapping[str, int] | None = None, positions: Mapping[str, Sequence[int]] = {}) -> None:
    """Make the manifest of a history as it stands, and store it: whole, on the disk, or not at all.

    stored: None to believe the parts. Raises NotStored.
    """
    with stored_in(folder):
        files = _files(folder)
        if stored is None:
            stored = {table: rows_of(files, table) for table in TABLES}
        told = {name: list(offsets) for name, offsets in positions.items()}
        made = Manifest(files=files, stored=dict(stored), positions=told)
        partial = folder / f".{MANIFEST}.partial"
        with partial.open("wb") as file:
            file.write(made.model_dump_json(indent=1).encode())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(folder / MANIFEST)
        _sync(folder)


def exists(folder: Path) -> bool:
    return (folder / MANIFEST).is_file()


def read(history: History) -> Manifest | None:
    """The manifest of a history, None if it has none. Raises DamagedHistory."""
    path = history.folder / MANIFEST
    content = history.read(path)
    if content is None:
        return None
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise DamagedHistory(first_problem(error), path) from error


def rows_of(files: Mapping[str, File], table: str) -> int:
    """How many rows the parts of a table have."""
    return sum(file.rows or 0 for name, file in files.items() if name.startswith(f"{table}/"))


def differences(history: History, manifest: Manifest) -> list[tuple[str, str]]:
    """What is not as the manifest says: the file's name in the folder, and what is wrong with it, in words."""
    there = {str(path.relative_to(history.folder)) for path in _covered(history.folder)}
    found = [(name, "is not there") for name in sorted(manifest.files.keys() - there)]
    found += [(name, "was added") for name in sorted(there - manifest.files.keys())]
    for name in sorted(there & manifest.files.keys()):
        try:
            with open_regular(history.folder / name, MOST_PART_BYTES, history.folder) as file:
                same = _sha256(file) == manifest.files[name].sha256
        except OSError as error:
            found.append((name, f"cannot be read: {error.strerror}"))
        else:
            found += [] if same else [(name, "was changed")]
    return found


def _covered(folder: Path) -> list[Path]:
    """The files that a manifest is about, as far as they are there."""
    listed = [folder / TRIAL, folder / MARKS, *(part for table in TABLES for part in parts(folder, table))]
    return [path for path in listed if os.path.lexists(path)]


def _files(folder: Path) -> dict[str, File]:
    found = {}
    for path in _covered(folder):
        with open_regular(path, MOST_PART_BYTES, folder) as file:
            digest = _sha256(file)
            # A manifest on the disk is to mean that what it names is there too.
            os.fsync(file.fileno())
            rows = pq.read_metadata(file).num_rows if path.suffix == ".parquet" else None
        found[str(path.relative_to(folder))] = File(sha256=digest, rows=rows)
    return found


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := file.read(_PIECE_BYTES):
        digest.update(piece)
    return digest.hexdigest()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
