"""A user's own events, from a file: each row is an event, sent at the suite's rate or as it was recorded."""

from __future__ import annotations

import errno
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import numpy as np

from workloads import recording, table_file
from workloads.bounds import Largest
from workloads.query import CHECK, ID, WATERMARK_MARGIN_MS, Aggregate, Query, Tumbling, Windowed
from workloads.regular_file import open_regular
from workloads.schedule import Schedule
from workloads.stream import Events, Integers, Segment
from workloads.workload import Parameters, Unfit, columns

_PIECE_BYTES = 1 << 20

_KEPT = "kept"
"""Where the recording is kept; a parameter that stands in no plan, since a run's folder may move."""

PACES = ("suite", "recorded")
"""When rows are sent: at the rate that the suite says, or as they were recorded."""

SLOWEST = 0.001
"""The lowest speed of a recording that is replayed as it was."""

MOST_BEHIND_MS = 7 * 86_400_000
"""Of a recording that is replayed as it was, no row's time is further behind the largest before it (seven days): all
windows stay open for as long.
"""

FIXED = (ID, CHECK, "key", "time")
"""Columns that every event has, whatever the file calls them."""


class Replay:
    name = "replay"
    story = (
        "Your own events, from a Parquet, CSV, TSV, NDJSON or JSON file, all such files of a folder, or those whose "
        "names fit (days/*.csv), also packed (.gz, .zst): `file`, its `time` column (dates, timestamps, or epoch "
        "numbers in one unit), its `key` column (texts as they stand, or integers), and its `values` columns, "
        "separated by commas: integers or decimals, all multiplied by `scale`, which must make them whole. `missing` "
        "says what becomes of rows that lack something: refuse, skip, or a default for values. Rows are sent in the "
        "order of their time (the file's among equal ones), at the rate that the suite says, and an event's time is "
        "when it is due. With `pace` = recorded they are sent in the order of the file, each once the largest time so "
        "far is reached, `speed` times as fast as recorded, and keep their own times, moved to now. Once all are sent "
        "they come again from the first one on. Per key and window: count, and each value's sum, smallest and "
        "largest. (recording, missing_rows, lowest, highest and behind_ms are found in the file.)"
    )
    files = ("file",)
    most = MappingProxyType({"scale": 10**12, "missing_rows": 10**12, "speed": 1e5})
    defaults: Parameters = MappingProxyType(
        {
            "file": "",
            "time": "time",
            "key": "key",
            "values": "value",
            "scale": 1,
            "window_ms": 1000,
            "missing": "refuse",
            "pace": PACES[0],
            "speed": 1.0,
            "missing_rows": 0,
            "lowest": "",
            "highest": "",
            "behind_ms": 0,
            "sha256": "",
            "recording": "",
        }
    )

    def lacking(self, parameters: Parameters) -> Unfit | None:
        if parameters["file"]:
            return None
        return Unfit("replay needs a file of yours", f"use --set workload.{self.name}.file=PATH")

    def prepare(self, parameters: Parameters) -> Parameters:
        """With the file's full path, its SHA-256 sum, and what was found once all of it was read and found fit."""
        _check_pace(parameters)
        try:
            path = Path(str(parameters["file"])).expanduser().resolve()
        except RuntimeError as error:
            raise Unfit(f"{parameters['file']}: a link that leads to itself", "check its path") from error
        try:
            digest = _digest(recording.files(path))
        except OSError as error:
            where = error.filename or path
            raise Unfit(f"{where}: the file cannot be read: {error.strerror}", "check its path") from error
        if parameters["sha256"] not in ("", digest):
            raise Unfit(f"{path}: its SHA-256 sum is {digest}, not {parameters['sha256']}", "give the right file")
        known = {**parameters, "file": str(path), "sha256": digest, "behind_ms": 0}
        self.query(known)
        recorded = _recorded(known)
        return {
            **known,
            "recording": recorded.sha256,
            "missing_rows": recorded.missing_rows,
            "lowest": ",".join(str(column.min()) for column in recorded.values.values()),
            "highest": ",".join(str(column.max()) for column in recorded.values.values()),
            "behind_ms": _behind_ms(recorded, path),
        }

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
            watermark_delay_ms=_delay_ms(parameters),
        )

    def largest(self, parameters: Parameters) -> Mapping[str, Largest]:
        recorded, given, shifts = _recorded(parameters), _given(parameters), self.shifts(parameters)
        found = {}
        for name, column in zip(_fields(given), given, strict=True):
            shift = shifts.get(name, 0)
            moved = f", moved up by {shift:,} so that none is negative" if shift else ""
            where = f"{parameters['file']}: column {column!r}{moved}"
            found[name] = Largest(int(recorded.values[column].max()) + shift, where)
        return found

    def shifts(self, parameters: Parameters) -> Mapping[str, int]:
        """By how much columns with negative values are moved up."""
        names, lowest = _fields(_given(parameters)), str(parameters.get("lowest", ""))
        if not lowest:
            return {}  # Planned before negative values were read, or not yet prepared.
        if re.fullmatch(r"-?[0-9]{1,16}(,-?[0-9]{1,16})*", lowest) is None or lowest.count(",") != len(names) - 1:
            raise Unfit(f"lowest = {lowest!r} is no number for each value", "leave it out: it is found in the file")
        smallest = zip(names, map(int, lowest.split(",")), strict=True)
        return {name: -value for name, value in smallest if value < 0}

    def schedule(self, parameters: Parameters) -> Schedule | None:
        if parameters.get("pace", PACES[0]) == PACES[0]:
            return None
        _check_pace(parameters)
        return _scheduled(_recorded(parameters), max(int(parameters["window_ms"]), 1), float(parameters["speed"]))

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:  # noqa: ARG002
        """The file's rows from the first on, again and again. Raises Unfit if it is not the file that was planned."""
        recorded, positions = _recorded(parameters), ids - segment.first
        rows = positions % len(recorded.keys)
        values = {
            name: recorded.values[column][rows]
            for name, column in zip(_fields(_given(parameters)), _given(parameters), strict=True)
        }
        if (schedule := self.schedule(parameters)) is not None:
            times = segment.base_ms + schedule.event_ms(positions)
        else:
            times = segment.due_ms(ids)
        return Events(ids, times, recorded.keys[rows], values, recorded.labels)


def _check_pace(parameters: Parameters) -> None:
    """Raises Unfit for a pace that there is not, or a speed that is none."""
    pace, speed = str(parameters.get("pace", PACES[0])), float(parameters.get("speed", 1.0))
    if pace not in PACES:
        raise Unfit(f"pace = {pace!r} is none", f"allowed: {', '.join(PACES)}")
    if pace == PACES[0] and speed != 1.0:
        raise Unfit(f"speed = {speed:g} is for pace = recorded", "set pace = recorded as well, or leave speed out")
    if not SLOWEST <= speed < math.inf:
        raise Unfit(f"speed = {speed:g} is not {SLOWEST:g} or more", "give 10 for ten times as fast as recorded")


def _delay_ms(parameters: Parameters) -> int:
    """The watermark delay: what rows are behind at most, and a second of the clock, which may be many of event time."""
    if parameters.get("pace", PACES[0]) == PACES[0]:
        return WATERMARK_MARGIN_MS
    return int(parameters["behind_ms"]) + math.ceil(WATERMARK_MARGIN_MS * max(float(parameters["speed"]), 1.0))


@lru_cache(maxsize=2)
def _scheduled(recorded: recording.Recording, window_ms: int, speed: float) -> Schedule:
    """The first row comes again after as many whole windows as the recording touches."""
    times = recorded.times
    if times is None:
        raise Unfit("what was kept of the recording has no times", "begin a new run")
    windows = int(times.max() // window_ms) - int(times.min() // window_ms) + 1
    return Schedule(times, windows * window_ms, speed)


def _behind_ms(recorded: recording.Recording, path: Path) -> int:
    """How far a row's time is behind the largest before it, at most. Raises Unfit if that is too far."""
    if recorded.times is None:
        return 0
    behind = np.maximum.accumulate(recorded.times) - recorded.times
    row = int(np.argmax(behind))
    if behind[row] > MOST_BEHIND_MS:
        where, number = recording.placed(recorded, row, recording.files(path))
        hours = behind[row] / 3_600_000
        raise Unfit(
            f"{where}: row {number} comes {hours:,.1f} h of event time behind an earlier one, more than the "
            f"{MOST_BEHIND_MS // 86_400_000} days that pace = recorded allows: windows would stay open for as long",
            "sort the rows, take out those with a wrong time, or leave pace = recorded out, which sorts them",
        )
    return int(behind[row])


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
        parameters.get("pace", PACES[0]) != PACES[0],
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
