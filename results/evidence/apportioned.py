"""Input and output of a large history, apportioned to slices of keys: read once, a piece at a time, and filed in
scratch files, from which each slice is read as a whole.
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from results.evidence.committed_input import CommittedInput, Flaws, flaws
from results.evidence.course import Course, course
from results.evidence.offsets import Ascent, after_the_end
from results.evidence.phases import Phase, phases
from results.evidence.regenerated import RegeneratedStream, opened
from results.evidence.rows import FIRST, UNKNOWN_KEY, Malformed, RowReader, Rows, rows_of
from results.history import History
from workloads.stream import CONTROL_IDS, Integers, splitmix64

SLICE_EVENTS = 2_500_000
"""A slice has about so many events, or rows; a history of no more is judged as one, in the judge's own process."""

MOST_SLICES = 1024

_TASK_ROWS = 2_000_000
_PARTITION_BITS = 40
"""An event's id is below CONTROL_IDS, so its partition fits in front of it."""

_FILED = "filed.pickle"


@dataclass(frozen=True)
class JudgedFolder:
    """Where a large history is judged: its folder, one for scratch files, and in how many slices."""

    folder: Path
    scratch: Path
    slices: int


@dataclass(frozen=True)
class Opened:
    """A history as every task needs it."""

    history: History
    """The trial's."""
    phases: list[Phase]
    """Those that began, in order."""
    stream: RegeneratedStream
    """Its events, made again."""
    labels: Sequence[str]
    """Its keys."""
    slice_of: Integers
    """For each key the slice that it is in."""


@lru_cache(maxsize=1)
def open_site(site: JudgedFolder) -> Opened:
    """A process opens it once."""
    history = History(site.folder)
    began = phases(history)
    stream, labels = opened(history, began)
    return Opened(history, began, stream, labels, slices_of(labels, site.slices))


def slices_of(labels: Sequence[str], slices: int) -> Integers:
    """The slice of each key, by a hash of its text: the same on every machine."""
    sums = np.array([zlib.crc32(label.encode(errors="surrogatepass")) for label in labels], dtype=np.int64)
    return (splitmix64(slices, sums) % np.uint64(slices)).astype(np.int64)


def slices_for(history: History, began: Sequence[Phase], labels: Sequence[str]) -> int:
    """In how many slices a history is judged, by its size. Keys are not cut."""
    rows = sum(count for _, count in history.counted("output"))
    size = max(sum(phase.segment.count for phase in began), rows)
    return max(1, min(-(-size // SLICE_EVENTS), len(labels), MOST_SLICES))


@dataclass(frozen=True)
class Filed:
    """A scratch file of lines of integers: piece by piece, and in each piece slice by slice.

    counts: for each piece, how many lines each slice has.
    """

    path: Path
    counts: Integers

    def read(self, number: int, width: int) -> Integers:
        """The lines of a slice, in the order in which they were filed."""
        mine = self.counts[:, number]
        lines = np.empty((int(mine.sum()), width), dtype=np.int64)
        sizes = self.counts.sum(axis=1)
        begins = np.cumsum(sizes) - sizes + self.counts[:, :number].sum(axis=1)
        done = 0
        with self.path.open("rb", buffering=0) as file:
            for begin, count in zip(begins.tolist(), mine.tolist(), strict=True):
                if count:
                    file.seek(begin * width * 8)
                    file.readinto(lines[done : done + count].data.cast("B"))
                    done += count
        return lines


class _Filing:
    """Writes such a file."""

    def __init__(self, path: Path, slices: int) -> None:
        self._path, self._slices, self._counts = path, slices, [np.empty((0, slices), dtype=np.int64)]
        self._file = path.open("wb", buffering=0)

    def add(self, slice_of: Integers, lines: Integers) -> None:
        if not len(lines):
            return
        order = np.argsort(slice_of.astype(np.int16), kind="stable")
        self._counts.append(np.bincount(slice_of, minlength=self._slices)[np.newaxis])
        left = np.ascontiguousarray(lines[order]).data.cast("B")
        while len(left):
            left = left[self._file.write(left) :]

    def done(self) -> Filed:
        self._file.close()
        return Filed(self._path, np.concatenate(self._counts))


@dataclass(frozen=True)
class Charting:
    """The task to find out how event time goes on in a phase, by its index."""

    site: JudgedFolder
    phase: int

    def do(self) -> None:
        here = open_site(self.site)
        folder = course_folder(self.site, self.phase)
        folder.mkdir()
        course(here.stream.query, here.stream.planned(here.phases[self.phase].segment)).store(folder)


def course_folder(site: JudgedFolder, phase: int) -> Path:
    """Where the course of a phase is stored."""
    return site.scratch / f"course-{phase}"


@dataclass(frozen=True)
class FiledInput:
    """Some parts of the table `input`."""

    filed: Filed
    """Partition and id of each event of a phase, in one number."""
    ascent: Ascent
    """Whether they are in the log's order within each partition."""
    flaws: Flaws
    """What can be said of them without all others."""


@dataclass(frozen=True)
class InputFiling:
    """The task to file some parts of the table `input`; number: of the task."""

    site: JudgedFolder
    number: int
    parts: tuple[Path, ...]

    def do(self) -> FiledInput:
        here = open_site(self.site)
        filing = _Filing(self.site.scratch / f"input-{self.number}", self.site.slices)
        ascent, found = Ascent(), Flaws()
        for part in self.parts:
            for piece in here.history.pieces("input", ["partition", "offset", "id", "check"], part):
                partitions, offsets, ids, checks = (column.to_numpy() for column in piece.columns)
                ascent.add(partitions, offsets)
                found = found.joined(flaws(here.phases, partitions, offsets, ids, checks))
                slices = np.full(len(ids), UNKNOWN_KEY, dtype=np.int64)
                for phase in here.phases:
                    inside = phase.holds(ids)
                    for events in here.stream.pieces(phase.segment, ids[inside]):
                        # A piece of the table is no larger than one of the stream.
                        slices[inside] = here.slice_of[events.keys]
                mine = slices != UNKNOWN_KEY
                lines = (partitions[mine].astype(np.int64) << _PARTITION_BITS) + ids[mine]
                filing.add(slices[mine], lines[:, np.newaxis])
        return FiledInput(filing.done(), ascent, found)


@dataclass(frozen=True)
class FiledRows:
    """Some parts of the table `output`."""

    filed: Filed
    """A line for each row, as `results.evidence.rows.RowReader` makes it."""
    ascent: Ascent
    """Whether they were recorded in the log's order and in that of visibility, each once."""
    after: int
    """How many stand behind the end of the output as it stood still."""
    outside: int
    """How many stand in partitions that the output did not have."""
    strange: Path | None
    """Where rows with unknown keys and rows that cannot be read are kept; None if there are none."""


@dataclass(frozen=True)
class RowFiling:
    """The task to file some parts of the table `output`.

    number: of the task. first: the number of their first row among all.
    """

    site: JudgedFolder
    number: int
    parts: tuple[Path, ...]
    first: int

    def do(self) -> FiledRows:
        here = open_site(self.site)
        filing = _Filing(self.site.scratch / f"rows-{self.number}", self.site.slices)
        reader, ascent, first = RowReader(here.stream.query, here.labels, here.stream.shifts), Ascent(), self.first
        ended = np.zeros(2, dtype=np.int64)
        for part in self.parts:
            names = ["partition", "offset", "time_ms", "visible_ns", "value"]
            for piece in here.history.pieces("output", names, part):
                ascent.add(*(piece[name].to_numpy() for name in ("partition", "offset", "visible_ns")))
                reader.read(first, piece)
                first += piece.num_rows
                lines = reader.lines()
                ended += after_the_end(here.history, lines[:, 1], lines[:, 2])
                keys = lines[:, FIRST - 1]
                unknown = keys == UNKNOWN_KEY
                slices = here.slice_of[np.where(unknown, 0, keys)]
                filing.add(np.where(unknown, lines[:, 0] % self.site.slices, slices), lines)
        strange = None
        if reader.strangers or reader.malformed:
            strange = self.site.scratch / f"strange-{self.number}"
            strange.write_bytes(pickle.dumps((reader.strangers, reader.malformed)))
        return FiledRows(filing.done(), ascent, int(ended[0]), int(ended[1]), strange)


def filings(site: JudgedFolder, history: History, began: Sequence[Phase]) -> list[Charting | InputFiling | RowFiling]:
    """The tasks by which a history is apportioned, those that take long first."""
    tasks: list[Charting | InputFiling | RowFiling] = [Charting(site, number) for number in range(len(began))]
    first = 0
    for number, (parts, count) in enumerate(_grouped(history.counted("output"))):
        tasks.append(RowFiling(site, number, parts, first))
        first += count
    tasks += [InputFiling(site, number, parts) for number, (parts, _) in enumerate(_grouped(history.counted("input")))]
    return tasks


def _grouped(parts: Sequence[tuple[Path, int]]) -> list[tuple[tuple[Path, ...], int]]:
    """Parts that follow each other, with their rows: as many as a task takes."""
    groups: list[tuple[tuple[Path, ...], int]] = []
    for part, count in parts:
        if groups and groups[-1][1] + count <= _TASK_ROWS:
            groups[-1] = (*groups[-1][0], part), groups[-1][1] + count
        else:
            groups.append(((part,), count))
    return groups


def keep(site: JudgedFolder, inputs: Sequence[FiledInput], rows: Sequence[FiledRows]) -> None:
    """Store what was filed where, in the order of the tables, for those who read slices."""
    strange = [path for each in rows if (path := each.strange) is not None]
    kept = [each.filed for each in inputs], [each.filed for each in rows], strange
    (site.scratch / _FILED).write_bytes(pickle.dumps(kept))


def read_slice(site: JudgedFolder, number: int) -> tuple[Opened, dict[str, Integers], Rows]:
    """A history as it is opened, its courses known; the ids of a slice by phase, in log order; and the slice's rows."""
    here = open_site(site)
    for place, phase in enumerate(here.phases):
        if phase.segment not in here.stream.courses:
            here.stream.courses[phase.segment] = Course.stored(course_folder(site, place))
    inputs, rows, strange = pickle.loads((site.scratch / _FILED).read_bytes())  # noqa: S301 - our own
    lines = np.concatenate([np.empty((0, 1), dtype=np.int64), *(each.read(number, 1) for each in inputs)])[:, 0]
    lines = lines[np.argsort(lines >> _PARTITION_BITS, kind="stable")] & (CONTROL_IDS - 1)
    width = FIRST + len(here.stream.query.identity) + len(here.stream.query.fields)
    found = np.concatenate([np.empty((0, width), dtype=np.int64), *(each.read(number, width) for each in rows)])
    strangers, malformed = _strange(strange, site, number)
    given = {phase.name: lines[phase.holds(lines)] for phase in here.phases}
    return here, given, rows_of(here.stream.query, found, strangers, malformed)


def _strange(paths: Sequence[Path], site: JudgedFolder, number: int) -> tuple[Mapping[int, str], list[Malformed]]:
    """The unknown keys of a slice, by number of the row. Rows that cannot be read are all in the first slice."""
    strangers: dict[int, str] = {}
    malformed: list[Malformed] = []
    for path in paths:
        keys, unread = pickle.loads(path.read_bytes())  # noqa: S301 - our own
        strangers |= {row: key for row, key in keys.items() if row % site.slices == number}
        malformed += [] if number else unread
    return strangers, malformed


def given_to(ids: Mapping[str, Integers]) -> CommittedInput:
    """What a slice was given, as whoever reads a whole input says it; problems are told of the whole."""
    return CommittedInput(dict(ids), {name: [] for name in ids})
