"""A user's own events, from a file: each row is an event, in the order of its time, sent at the suite's rate."""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from workloads import recording, table_file
from workloads.bounds import Largest
from workloads.query import CHECK, ID, WATERMARK_MARGIN_MS, Aggregate, Query, Tumbling, Windowed
from workloads.regular_file import open_regular
from workloads.stream import Events, Integers, Segment
from workloads.workload import Parameters, Unfit, columns

_PIECE_BYTES = 1 << 20

_KEPT = "kept"
"""Where the recording is kept; a parameter that stands in no plan, since a run's folder may move."""

FIXED = (ID, CHECK, "key", "time")
"""Columns that every event has, whatever the file calls them."""


class Replay:
    name = "replay"
    story = (
        "Your own events, from a Parquet, CSV, TSV, NDJSON or JSON file, or from all such files of a folder, also "
        "packed (.gz, .zst): `file`, its `time` column (dates, timestamps, or epoch numbers in one unit), its `key` "
        "column (texts as they stand, or integers), and its `values` columns, separated by commas: non-negative "
        "integers or decimals, all multiplied by `scale`, which must make them whole. `missing` says what becomes of "
        "rows that lack something: refuse, skip, or a default for values. Rows are sent in the order of their time "
        "(the file's among equal ones), at the rate that the suite says, and from the first one again once all are "
        "sent; an event's time is when it is due. Per key and window: count, and each value's sum, smallest and "
        "largest."
    )
    files = ("file",)
    most = MappingProxyType({"scale": 10**12, "missing_rows": 10**12})
    defaults: Parameters = MappingProxyType(
        {
            "file": "",
            "time": "time",
            "key": "key",
            "values": "value",
            "scale": 1,
            "window_ms": 1000,
            "missing": "refuse",
            "missing_rows": 0,
            "sha256": "",
            "recording": "",
        }
    )

    def lacking(self, parameters: Parameters) -> Unfit | None:
        if parameters["file"]:
            return None
        return Unfit("replay needs a file of yours", f"use --set workload.{self.name}.file=PATH")

    def prepare(self, parameters: Parameters) -> Parameters:
        """With the file's full path, its SHA-256 sum and that of its rows, once all of it was read and found fit."""
        try:
            path = Path(str(parameters["file"])).expanduser().resolve()
        except RuntimeError as error:
            raise Unfit(f"{parameters['file']}: a link that leads to itself", "check its path") from error
        try:
            digest = _digest(recording.files(path))
        except OSError as error:
            raise Unfit(f"{path}: the file cannot be read: {error.strerror}", "check its path") from error
        if parameters["sha256"] not in ("", digest):
            raise Unfit(f"{path}: its SHA-256 sum is {digest}, not {parameters['sha256']}", "give the right file")
        known = {**parameters, "file": str(path), "sha256": digest}
        self.query(known)
        recorded = _recorded(known)
        return {**known, "recording": recorded.sha256, "missing_rows": recorded.missing_rows}

    def keep(self, parameters: Parameters, folder: Path) -> None:
        if not parameters.get("recording"):
            return  # Planned before recordings were kept: its file is read.
        path = _kept(parameters, folder)
        if folder.is_symlink():
            raise NotADirectoryError(errno.ENOTDIR, "a link stands where a folder should be", str(folder))
        if not path.exists():
            folder.mkdir(exist_ok=True)
            recording.store(_recorded(parameters), path)

    def kept(self, parameters: Parameters, folder: Path) -> Parameters:
        """The same, with the place of what is kept; of a run before recordings were kept, the same."""
        told = {name: value for name, value in parameters.items() if name != _KEPT}
        return {**told, _KEPT: str(_kept(told, folder))} if told.get("recording") else told

    def query(self, parameters: Parameters) -> Query:
        names = _fields(_given(parameters))
        return Query(
            columns=columns("key", *names),
            time="time",
            key="key",
            shape=Windowed(
                Tumbling(int(parameters["window_ms"])),
                tuple(
                    Aggregate(f"{name}_{function}", function, name)
                    for name in names
                    for function in ("sum", "min", "max")
                ),
            ),
            watermark_delay_ms=WATERMARK_MARGIN_MS,
        )

    def largest(self, parameters: Parameters) -> Mapping[str, Largest]:
        recorded, given = _recorded(parameters), _given(parameters)
        return {
            name: Largest(int(recorded.values[column].max()), f"{parameters['file']}: column {column!r}")
            for name, column in zip(_fields(given), given, strict=True)
        }

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:  # noqa: ARG002
        """The file's rows from the first on, again and again. Raises Unfit if it is not the file that was planned."""
        recorded = _recorded(parameters)
        rows = (ids - segment.first) % len(recorded.keys)
        values = {
            name: recorded.values[column][rows]
            for name, column in zip(_fields(_given(parameters)), _given(parameters), strict=True)
        }
        return Events(ids, segment.due_ms(ids), recorded.keys[rows], values, recorded.labels)


def _given(parameters: Parameters) -> tuple[str, ...]:
    """The file's value columns. Raises Unfit if there are none or one stands there twice."""
    names = tuple(name.strip() for name in str(parameters["values"]).split(","))
    if not all(names) or len(set(names)) < len(names):
        raise Unfit(f"values = {parameters['values']!r} does not name columns", "for example: values = price,quantity")
    return names


def _fields(names: tuple[str, ...]) -> tuple[str, ...]:
    """What the columns are called in events: letters, digits and _ only, as every engine can read, all different."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "value"
        plain = f"value_{plain}" if plain[0].isdigit() or plain in FIXED else plain
        while plain in found:
            plain += "_"
        found.append(plain)
    return tuple(found)


def _kept(parameters: Parameters, folder: Path) -> Path:
    digest = str(parameters["recording"])
    if re.fullmatch("[0-9a-f]{64}", digest) is None:
        raise Unfit(f"recording = {digest!r} is no SHA-256 sum", "leave it out: it is found when a run is planned")
    return folder / f"replay-{digest}.parquet"


def _recorded(parameters: Parameters) -> recording.Recording:
    if _KEPT in parameters:
        path = Path(str(parameters[_KEPT]))
        return recording.load(path, path.stat().st_mtime_ns if path.exists() else 0, str(parameters["recording"]))
    paths = recording.files(Path(str(parameters["file"])))
    try:
        changed_ns = tuple(path.stat().st_mtime_ns for path in paths)
    except OSError as error:
        raise Unfit(f"{error.filename}: the file cannot be read: {error.strerror}", "put it back") from error
    digest = str(parameters["sha256"])
    if digest and _digest_as_of(tuple(paths), changed_ns) != digest:
        where = str(parameters["file"])
        raise Unfit(f"{where}: the file has changed since the run was planned", f"put back the one with sum {digest}")
    return recording.read(
        tuple(paths),
        changed_ns,
        str(parameters["time"]),
        str(parameters["key"]),
        _given(parameters),
        int(parameters["scale"]),
        recording.rule(str(parameters.get("missing", "refuse"))),
    )


def _digest(paths: Sequence[Path]) -> str:
    """The SHA-256 sum of a file; of several, that of their sums, a line each."""
    if len(paths) > 1:
        return hashlib.sha256("".join(f"{_digest([path])}\n" for path in paths).encode()).hexdigest()
    digest = hashlib.sha256()
    with open_regular(paths[0], table_file.MOST_BYTES) as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


@lru_cache(maxsize=2)
def _digest_as_of(paths: tuple[Path, ...], changed_ns: tuple[int, ...]) -> str:  # noqa: ARG001  # a file that has changed is another one
    return _digest(paths)


workload = Replay()
