"""The history of a trial: the files that a trial writes and the judge reads; nothing else passes between them.

    FOLDER/trial.json      the `results.plan.TrialPlan`: what was asked, on what, with which versions
    FOLDER/marks.jsonl     Marks, appended as they happen
    FOLDER/sends/*.parquet   what the load generator sent, and when             (SENDS)
    FOLDER/input/*.parquet   the input log as committed, read back afterwards   (INPUT)
    FOLDER/output/*.parquet  every output row with the time it became visible   (OUTPUT)
    FOLDER/gaps/*.parquet    when the collector looked late for output rows     (GAPS)
    FOLDER/physical/*.parquet  every record of the output log, after strikes    (PHYSICAL)
    FOLDER/batches/*.parquet   its transactions, by the broker's files          (BATCHES)
    FOLDER/samples/*.parquet CPU and memory of every process by role            (SAMPLES)
    FOLDER/threads/*.parquet CPU of the threads of each process, by their name  (THREADS)
    FOLDER/machine/*.parquet what the machine did beside the trial              (MACHINE)
    FOLDER/stops/*.parquet   when a process of ours stood still                 (STOPS)
    FOLDER/manifest.json     what all of these files were as the trial ended    (`results.manifest`)
    FOLDER/logs/             what every process printed

Tables are folders of parts, each written whole and renamed into place, so that a history is readable whenever its
writer dies. All `_ns` times are CLOCK_MONOTONIC of the one machine, which all its processes share; `clock` in the plan
ties it to wall time. `_ms` times are epoch milliseconds.

Longer than most: the whole format stands in one place, since those who write it and those who read it share no more.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from results.limits import Limits, impossible
from results.plan import Count, Nanoseconds, Rate, Seconds, Some, TrialPlan
from workloads.regular_file import open_regular, read_regular

SENDS = pa.schema([("phase", pa.string()), ("first_id", pa.int64()), ("count", pa.int64()), ("sent_ns", pa.int64())])
"""One row a hand-over to the log client: that of ids first_id .. first_id + count - 1 began at sent_ns."""

INPUT = pa.schema(
    [
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("time_ms", pa.int64()),
        ("id", pa.int64()),
        ("check", pa.int64()),
    ]
)
OUTPUT = pa.schema(
    [
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("time_ms", pa.int64()),
        ("visible_ns", pa.int64()),
        ("value", pa.binary()),
    ]
)
GAPS = pa.schema([("from_ns", pa.int64()), ("until_ns", pa.int64())])
"""One row for each time that the collector took longer than it should from one look at the output to the next. Rows
that it was given at until_ns may have been visible at any time since from_ns."""

SAMPLES = pa.schema(
    [
        ("at_ns", pa.int64()),
        ("role", pa.string()),
        ("pid", pa.int64()),
        ("cpu_s", pa.float64()),
        ("rss_bytes", pa.int64()),
        ("pss_bytes", pa.int64()),
    ]
)
"""Roles: worker, coordinator, broker, generator, collector, sampler. cpu_s: user and system seconds since the process
began, its waited-for children included. pss_bytes is null where only the resident size was read."""

THREADS = pa.schema(
    [
        ("at_ns", pa.int64()),
        ("role", pa.string()),
        ("pid", pa.int64()),
        ("name", pa.string()),
        ("cpu_s", pa.float64()),
    ]
)
"""Of workers, coordinator and broker, once a second: cpu_s, user and system seconds that a process's threads of one
name took since it began, those that ended included as they were last seen. Names as the kernel has them, without the
number at their end. Trials of method 8 and older have none."""

ENDED_THREADS = "(ended)"
"""In place of a name: what threads took that ended, and that no look saw."""

MACHINE = pa.schema(
    [
        ("at_ns", pa.int64()),
        ("cpus", pa.int32()),
        ("busy_s", pa.float64()),
        ("idle_s", pa.float64()),
        ("steal_s", pa.float64()),
        ("ours_s", pa.float64()),
        ("kernel_s", pa.float64()),
        ("waited_s", pa.float64()),
        ("cpu_pressure_s", pa.float64()),
        ("io_pressure_s", pa.float64()),
        ("memory_pressure_s", pa.float64()),
        ("throttled_s", pa.float64()),
        ("asleep_ns", pa.int64()),
        ("wall_ahead_ns", pa.int64()),
    ]
)
"""One row a sample, in seconds since some time in the past: only what a figure grew by says something. Of the `cpus`
that we may use: busy (with processes and the kernel's threads), idle and steal. ours: the CPU that all our processes
took, with children that were waited for. kernel: that of the kernel's threads on these CPUs; null where they cannot be
seen, as in a container. waited: for which threads of ours were ready and had no CPU. These two are null in rows for
which they were not read. pressure: in which some task of the machine waited for it; null where nobody counts.
throttled: by quotas; null where none holds. asleep: CLOCK_BOOTTIME less CLOCK_MONOTONIC; wall_ahead: CLOCK_REALTIME
less it. Histories of methods before 9 have none."""

STOPS = pa.schema([("from_ns", pa.int64()), ("until_ns", pa.int64()), ("name", pa.string()), ("pid", pa.int64())])
"""One row for each time that a process of ours was stopped (SIGSTOP, a debugger): generator, collector, proxy, broker,
director. Where a fault stops the broker on purpose, the broker is not watched."""

TRIAL, MARKS = "trial.json", "marks.jsonl"

MOST_PART_BYTES = 1 << 30
"""A larger part of a table (1 GiB, also unpacked) is not read."""

PIECE_ROWS = 1 << 17
"""So many rows of a table are read at a time, where not all are."""

METHOD_VERSION = 12
"""The version of METHOD.md by which histories of today are recorded and judged."""

PHYSICAL = pa.schema(
    [
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("time_ms", pa.int64()),
        ("committed", pa.bool_()),
        ("value", pa.binary()),
    ]
)
"""Every record of the output log, also of aborted transactions, as read after a trial with strikes by readers of both
isolation levels; committed: whether the reader of committed records was given it."""

BATCHES = pa.schema(
    [
        ("partition", pa.int32()),
        ("first", pa.int64()),
        ("last", pa.int64()),
        ("producer", pa.int64()),
        ("epoch", pa.int32()),
        ("time_ms", pa.int64()),
        ("end", pa.string()),
    ]
)
"""The transactional batches of the output log and the markers that end transactions, from the files of a broker of
ours, after a trial with strikes. end: of a marker `commit` or `abort`, of a batch empty. Offsets are from first to
last; time_ms is when it was appended."""

TABLES: Mapping[str, pa.Schema] = {
    "sends": SENDS,
    "input": INPUT,
    "output": OUTPUT,
    "gaps": GAPS,
    "samples": SAMPLES,
    "threads": THREADS,
    "machine": MACHINE,
    "stops": STOPS,
    "physical": PHYSICAL,
    "batches": BATCHES,
}
_NULLABLE = {
    "value",
    "pss_bytes",
    "kernel_s",
    "waited_s",
    "cpu_pressure_s",
    "io_pressure_s",
    "memory_pressure_s",
    "throttled_s",
}


class DamagedHistory(Exception):
    """A history that cannot be read: what is wrong, and in which file."""

    def __init__(self, what: str, where: Path) -> None:
        super().__init__(f"{what} ({where})")
        self.what, self.where = what, where

    def within(self, folder: Path) -> str:
        """The same in a line, with the file's name as it is in this folder."""
        where = self.where.relative_to(folder) if self.where.is_relative_to(folder) else self.where
        return f"damaged history: {self.what} ({where})"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SegmentMark(_Model):
    """A `workloads.stream.Segment`, as stored."""

    first: Count
    """Id of the first event."""
    count: Some
    """Number of events that were planned."""
    base_ms: Count
    """Event time of the first event, disorder apart."""
    rate: Rate
    """Events per second of event time, on average."""
    curve: tuple[tuple[float, float], ...] = ()
    """How the rate varies; empty: it is steady."""


class _Mark(_Model):
    at_ns: Nanoseconds


class EngineReady(_Mark):
    """settings: what differs from the engine's defaults. reasons: why, by name, where that is told. startup_s: from
    submitting the job to ready.
    """

    mark: Literal["engine-ready"] = "engine-ready"
    settings: dict[str, str]
    reasons: dict[str, str] = {}
    startup_s: Seconds


class LoadMark(_Model):
    """A steady load."""

    rate: Rate
    """Events per second."""
    warmup_s: Seconds
    """How long the part lasts that is thrown away."""
    measured_s: Seconds
    """How long the part lasts that is judged."""


class CommitSeen(_Model):
    """What was seen right after a commit of the job."""

    at_ns: Nanoseconds
    """When it was seen, monotonic."""
    lag: Annotated[int, Field(ge=0, lt=2**63)]
    """Records that were in the input then and not behind the commit."""


class PhaseBegin(_Mark):
    """A segment of the stream is about to be sent."""

    mark: Literal["phase-begin"] = "phase-begin"
    """Says in the file which mark this is."""
    phase: str
    """Name of the phase, unique in the trial."""
    kind: Literal["paced", "drain", "probe"]
    """`paced` and `probe`: every event has a planned time. `drain`: they are written as fast as the log takes them."""
    load: LoadMark | None = None
    """Of a probe, the load that was planned; that of a paced phase is in the trial's plan."""
    segment: SegmentMark
    """The events that are about to be sent."""
    start_ns: Nanoseconds
    """Event i of a paced phase is planned the segment's `planned_ns` of it after this. In a drain phase planned times
    do not exist; this is when writing began."""


class Committed(_Mark):
    """The transaction that holds a drain's backlog is committed; at_ns is when the engine could first see it.

    The engine is held still while the commit becomes visible on all partitions.
    """

    mark: Literal["committed"] = "committed"
    phase: str


class Decoyed(_Mark):
    """A transaction with valid events of ids first_id .. first_id + count - 1 was written over all partitions of the
    input and aborted; it has ended. Whoever counts one of them reads what is not committed."""

    mark: Literal["decoyed"] = "decoyed"
    phase: str
    first_id: int
    count: int


PROFILED = "drain-profiled"
"""The backlog that is drained last, of which no time counts."""


class Profiled(_Mark):
    """While that backlog was worked off, stacks of running Java threads of the engine's workers were sampled."""

    mark: Literal["profiled"] = "profiled"
    samples: Annotated[int, Field(ge=0, lt=2**63)]
    json_samples: Annotated[int, Field(ge=0, lt=2**63)]
    why: str = ""

    @model_validator(mode="after")
    def _are_among_them(self) -> Self:
        if self.json_samples > self.samples:
            raise ValueError("more samples of JSON than samples")
        return self


class Probed(_Mark):
    """A probe's load is over. commits: right after each of the job's commits meanwhile, how far behind it was; None
    where that cannot be told. cut: whether it was cut short, since it fell behind.
    """

    mark: Literal["probed"] = "probed"
    phase: str
    commits: list[CommitSeen] | None
    cut: bool = False


class Loaded(_Mark):
    """The last event of a phase is acknowledged. count: how many events that were, where the phase was cut short (its
    strikes were over); None for all of its segment."""

    mark: Literal["loaded"] = "loaded"
    phase: str
    count: Count | None = None


class Closing(_Mark):
    """A round of closing events is about to go out on every partition, at this event time."""

    mark: Literal["closing"] = "closing"
    phase: str
    round: Some
    time_ms: Count


class Complete(_Mark):
    """Results of the phase's first closing round were seen for every closing key."""

    mark: Literal["complete"] = "complete"
    phase: str


class Quiescent(_Mark):
    """Nothing is on its way any more: end offsets for both isolation levels are equal and outputs stood still."""

    mark: Literal["quiescent"] = "quiescent"
    end_offsets: list[Count]
    still_s: Seconds


class Counters(_Mark):
    """What the engine itself says, before its job is stopped, to have dropped as late and skipped as broken (events);
    None where it does not count that. Shown beside what is judged, and never judged by.
    """

    mark: Literal["counters"] = "counters"
    late: int | None = None
    broken: int | None = None


class Strike(_Mark):
    """A step of a strike."""

    mark: Literal["strike"] = "strike"
    """Says in the file which mark this is."""
    number: Some
    """Strikes of a trial are numbered from 1."""
    fault: str
    """Name of the fault."""
    step: Literal["injecting", "injected", "unconfirmed", "healing", "healed", "missed"]
    """`injecting`, `healing`: about to be done. `injected`: confirmed (the process is gone, the link cut).
    `unconfirmed`: it could not be, so the trial proves nothing. `healed`: undone, and what died was started again.
    `missed`: the aim was not met in time, nothing was done."""
    aimed: str = ""
    """What it was aimed at, in words; empty before that is known."""
    detail: str = ""
    """What was done, or why it is not confirmed, in words; may be empty."""
    slot: Count | None = None
    """Of the worker that is struck, where one is. Histories of method 7 and older have none."""
    parts: list[Count] = []
    """The slots that had a part of the job as it was chosen. Histories of method 7 and older have none."""


class Exposed(_Mark):
    """What was at stake as a strike was injected: what a weaker guarantee would have lost or repeated."""

    mark: Literal["exposed"] = "exposed"
    """Says in the file which mark this is."""
    number: Some
    """Number of the strike."""
    outputs: Count
    """Records physically in the output log (also of open transactions) since the last durable commit that was seen."""
    inputs: Count
    """Input records appended since then."""
    unanswered: Count | None = None
    """Input records behind the last commit whose rows are not in the output log; None where that cannot be told
    (windowed queries; engines that do not say)."""
    aborted: Count = 0
    """Of the outputs, those in a transaction that was open."""
    commit_age_s: Seconds
    """How old that commit was, in seconds."""
    scope: Literal["job", "worker", "untold"] = "job"
    """`job`: of all of the job. `worker`: of the partitions of the worker that was struck, since their last commit.
    `untold`: it is not known which these are, and nothing counts."""

    def at_stake(self, log: str, at_most_once: bool) -> int:
        """Records that a weaker guarantee than the claimed one would have lost or repeated.

        At most once loses what is committed as read and not answered yet; with 0 where that cannot be told. Every
        other guarantee is at stake with what was written since the last durable commit; on the embedded log, which
        shows nothing of an open transaction, with what was to be read since then.
        """
        if at_most_once and self.unanswered is not None:
            return self.unanswered
        if log == "embedded":
            return self.inputs
        return 0 if at_most_once else self.outputs + self.aborted


class Noticed(_Mark):
    """The first sign from outside, after a strike, that the engine knows: its state's word changed, or a process."""

    mark: Literal["noticed"] = "noticed"
    number: Some
    sign: str


class LookedLate(_Mark):
    """What looks many times a second in the process that directs the trial did not look since from_ns."""

    mark: Literal["looked-late"] = "looked-late"
    who: Literal["gauge"]
    from_ns: Nanoseconds


class Failed(_Mark):
    """The trial could not go on."""

    mark: Literal["failed"] = "failed"
    """Says in the file which mark this is."""
    phase: str
    """What the trial was at: the name of a phase, or a step such as `set-up`."""
    what: str
    """What happened, in its first line; below it, what a process printed last."""
    where: str
    """Where to look, such as a file; empty where nothing is to be seen."""
    interrupted: bool = False
    """Whether the run was interrupted from outside."""


class Ended(_Mark):
    """The trial wrote all it had to write."""

    mark: Literal["ended"] = "ended"


Mark = Annotated[
    EngineReady
    | PhaseBegin
    | Committed
    | Decoyed
    | Profiled
    | Probed
    | Loaded
    | Closing
    | Complete
    | Strike
    | Exposed
    | Noticed
    | Quiescent
    | Counters
    | LookedLate
    | Failed
    | Ended,
    Field(discriminator="mark"),
]
_MARK: TypeAdapter[Mark] = TypeAdapter(Mark)


class NotStored(OSError):
    """A part of a history could not be written; `strerror` says why, in words for a user."""

    def __init__(self, error: OSError, folder: Path) -> None:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        why = f"no space left on {folder}" if full else f"{folder} cannot be written: {error}"
        super().__init__(error.errno, why, str(folder))


@contextmanager
def stored_in(folder: Path) -> Iterator[None]:
    """What cannot be written inside is raised as NotStored, with the folder's name."""
    try:
        yield
    except OSError as error:
        raise NotStored(error, folder) from error


class TableWriter:
    """Appends parts to one table of a history. Each part is complete when it appears under its name.

    rows: how many are stored. Raises NotStored.
    """

    def __init__(self, folder: Path, table: str, writer: str = "part") -> None:
        """`writer` keeps the names of several processes that write one table apart."""
        self._folder, self._schema, self._writer, self._parts = folder / table, TABLES[table], writer, 0
        self.rows = 0
        with stored_in(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)

    def write(self, columns: Mapping[str, Any]) -> None:
        """One part from columns of equal length (lists or arrays); nothing is written for no rows."""
        table = pa.table(dict(columns), schema=self._schema)
        if not table.num_rows:
            return
        path = self._folder / f"{self._writer}-{self._parts:05d}.parquet"
        partial = path.with_suffix(".partial")
        with stored_in(self._folder):
            pq.write_table(table, partial, compression="zstd")
            partial.replace(path)
        self._parts += 1
        self.rows += table.num_rows


class MarkWriter:
    """Appends marks, each a line, flushed at once. Any thread may write. Raises NotStored."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.Lock()
        with stored_in(folder):
            # Without a buffer: what could not be written is not tried again by `close`.
            self._file = (folder / MARKS).open("ab", buffering=0)

    def write(self, mark: Mark) -> None:
        with self._lock, stored_in(self._folder):
            self._file.write(mark.model_dump_json().encode() + b"\n")

    def close(self) -> None:
        self._file.close()


class History:
    """A stored history, read. Raises DamagedHistory for what cannot be read, or cannot be so."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / TRIAL
        content = self.read(path)
        if content is None:
            raise DamagedHistory("there is no trial.json", path)
        try:
            self.plan = TrialPlan.model_validate_json(content)
        except ValidationError as error:
            raise DamagedHistory(first_problem(error), path) from error
        self.marks = list(self._read_marks(folder / MARKS))
        self._limits = self._found_limits()

    def read(self, path: Path) -> bytes | None:
        """The content of a file of the history, None if there is none. Raises DamagedHistory."""
        try:
            return read_regular(path, self.folder)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DamagedHistory(f"cannot be read: {getattr(error, 'strerror', None) or error}", path) from error

    def _read_marks(self, path: Path) -> Iterator[Mark]:
        lines = (self.read(path) or b"").split(b"\n")
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield _MARK.validate_json(line)
            except ValidationError as error:
                if number == len(lines):
                    return  # The writer died in the middle of its last line; what was known before is whole.
                raise DamagedHistory(f"line {number}: {first_problem(error)}", path) from error

    def _found_limits(self) -> Limits:
        """Within what all times and partitions of the trial lie. Raises DamagedHistory if a mark does not."""
        path, began_ns = self.folder / MARKS, self.plan.clock.monotonic_ns
        until_ns = min((mark.at_ns for mark in self.of(Ended)), default=2**63 - 1)
        for mark in self.marks:
            if not began_ns <= mark.at_ns <= until_ns:
                raise DamagedHistory(
                    f"at_ns of the mark {mark.mark!r} is {mark.at_ns}, outside of the trial: {began_ns} to {until_ns}",
                    path,
                )
        for rest in self.of(Quiescent):
            if len(rest.end_offsets) != self.plan.partitions:
                raise DamagedHistory(f"end_offsets are {rest.end_offsets}, for {self.plan.partitions} partitions", path)
        return Limits(self.plan.partitions, began_ns, until_ns)

    def of(self, kind: type[Any]) -> list[Any]:
        """The marks of one type, in order."""
        return [mark for mark in self.marks if isinstance(mark, kind)]

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """All parts of a table, in the order they were written; empty if there is none. columns: only these.

        Raises DamagedHistory for a part that cannot be read, or holds what cannot be.
        """
        schema = _schema(name, columns)
        tables = [self._whole(name, part, schema) for part in parts(self.folder, name)]
        return pa.concat_tables(tables) if tables else schema.empty_table()

    def counted(self, name: str) -> list[tuple[Path, int]]:
        """The parts of a table, with the number of rows of each. Raises as `table`."""
        found = []
        for part in parts(self.folder, name):
            try:
                with _opened(part, self.folder) as stored:
                    found.append((part, stored.metadata.num_rows))
            except _UNREADABLE:
                self._whole(name, part, TABLES[name])
                raise
        return found

    def pieces(self, name: str, columns: Sequence[str], part: Path) -> Iterator[pa.Table]:
        """One part of a table in pieces of at most PIECE_ROWS rows, so that memory holds one of them. Raises as
        `table`, in the words that it has for the part.
        """
        schema = _schema(name, columns)
        try:
            with _opened(part, self.folder) as stored:
                for batch in stored.iter_batches(PIECE_ROWS, columns=schema.names, use_threads=False):
                    piece = pa.Table.from_batches([batch]).select(schema.names).cast(schema)
                    if self._wrong(name, piece) is not None:
                        break
                    yield piece
                else:
                    return
        except _UNREADABLE:
            pass
        self._whole(name, part, schema)
        raise DamagedHistory(f"not a readable part of {name}", part)

    def _whole(self, name: str, part: Path, schema: pa.Schema) -> pa.Table:
        try:
            with _opened(part, self.folder) as stored:
                table = stored.read(schema.names).select(schema.names).cast(schema)
        except _UNREADABLE as error:
            why = (getattr(error, "strerror", None) or str(error)).splitlines()[0]
            raise DamagedHistory(f"not a readable part of {name}: {why}", part) from error
        if (why := self._wrong(name, table)) is not None:
            raise DamagedHistory(why, part)
        return table

    def _wrong(self, name: str, table: pa.Table) -> str | None:
        """What cannot be in these rows of a table, or None."""
        for field, column in zip(table.schema, table.columns, strict=True):
            if column.null_count and field.name not in _NULLABLE:
                return f"not a readable part of {name}: nothing stands in {field.name}"
        return impossible(name, table, self._limits)


_UNREADABLE = (pa.ArrowException, OSError, KeyError, ValueError)


def _schema(name: str, columns: Sequence[str] | None) -> pa.Schema:
    schema = TABLES[name]
    return schema if columns is None else pa.schema([schema.field(column) for column in columns])


@contextmanager
def _opened(part: Path, folder: Path) -> Iterator[pq.ParquetFile]:
    """Raises DamagedHistory for a part that is too large."""
    with open_regular(part, MOST_PART_BYTES, folder) as file:
        stored = pq.ParquetFile(file)
        groups = [stored.metadata.row_group(number) for number in range(stored.num_row_groups)]
        unpacked = max(sum(group.total_byte_size for group in groups), 8 * stored.metadata.num_rows)
        if unpacked > MOST_PART_BYTES:
            raise DamagedHistory(f"{unpacked:,} bytes, unpacked, are more than are read", part)
        yield stored


def parts(folder: Path, table: str) -> list[Path]:
    """The parts of a table, in the order in which they were written."""
    return sorted((folder / table).glob("*.parquet"))


_SHOWN = 60


def first_problem(error: ValidationError) -> str:
    """Where the first thing is that does not fit, why it does not, and what it is."""
    first = error.errors()[0]
    said = f"{'.'.join(str(step) for step in first['loc']) or 'content'}: {first['msg']}"
    shown = repr(first["input"])
    return said if first["type"] in _WITHOUT_VALUE or len(shown) > _SHOWN else f"{said}, not {shown}"


_WITHOUT_VALUE = ("missing", "json_invalid")
