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
    FOLDER/logs/             what every process printed

Tables are folders of parts, each written whole and renamed into place, so that a history is readable whenever its
writer dies. All `_ns` times are CLOCK_MONOTONIC of the one machine, which all its processes share; `clock` in the plan
ties it to wall time. `_ms` times are epoch milliseconds.

Longer than most: the whole format stands in one place, since those who write it and those who read it share no more.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from results.plan import TrialPlan

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

METHOD_VERSION = 8
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
"""The transactional batches of the output log and the markers that end transactions (`commit` or `abort`, for batches
empty), from the files of a broker of ours, after a trial with strikes; offsets first to last, and when appended."""

TABLES: Mapping[str, pa.Schema] = {
    "sends": SENDS,
    "input": INPUT,
    "output": OUTPUT,
    "gaps": GAPS,
    "samples": SAMPLES,
    "physical": PHYSICAL,
    "batches": BATCHES,
}
_NULLABLE = {"value", "pss_bytes"}


class DamagedHistory(Exception):
    """A history that cannot be read: what is wrong, and in which file."""

    def __init__(self, what: str, where: Path) -> None:
        super().__init__(f"{what} ({where})")
        self.what, self.where = what, where


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SegmentMark(_Model):
    """A `workloads.stream.Segment`, as stored."""

    first: int
    count: int
    base_ms: int
    rate: float
    curve: tuple[tuple[float, float], ...] = ()


class _Mark(_Model):
    at_ns: int


class EngineReady(_Mark):
    """settings: what differs from the engine's defaults. startup_s: from submitting the job to ready."""

    mark: Literal["engine-ready"] = "engine-ready"
    settings: dict[str, str]
    startup_s: float


class PhaseBegin(_Mark):
    """A segment of the stream is about to be sent; event i of a paced phase is planned the segment's `planned_ns` of it
    after start_ns. In a drain phase planned times do not exist; start_ns is when writing began."""

    mark: Literal["phase-begin"] = "phase-begin"
    phase: str
    kind: Literal["paced", "drain"]
    segment: SegmentMark
    start_ns: int


class Committed(_Mark):
    """The transaction that holds a drain's backlog is committed; at_ns is when the engine could first see it.

    The engine is held still while the commit becomes visible on all partitions.
    """

    mark: Literal["committed"] = "committed"
    phase: str


class Loaded(_Mark):
    """The last event of a phase is acknowledged. count: how many events that were, where the phase was cut short (its
    strikes were over); None for all of its segment."""

    mark: Literal["loaded"] = "loaded"
    phase: str
    count: int | None = None


class Closing(_Mark):
    """A round of closing events is about to go out on every partition, at this event time."""

    mark: Literal["closing"] = "closing"
    phase: str
    round: int
    time_ms: int


class Complete(_Mark):
    """Results of the phase's first closing round were seen for every closing key."""

    mark: Literal["complete"] = "complete"
    phase: str


class Quiescent(_Mark):
    """Nothing is on its way any more: end offsets for both isolation levels are equal and outputs stood still."""

    mark: Literal["quiescent"] = "quiescent"
    end_offsets: list[int]
    still_s: float


class Counters(_Mark):
    """What the engine itself says, before its job is stopped, to have dropped as late and skipped as broken (events);
    None where it does not count that. Shown beside what is judged, and never judged by.
    """

    mark: Literal["counters"] = "counters"
    late: int | None = None
    broken: int | None = None


class Strike(_Mark):
    """A step of a strike, numbered from 1. aimed: in words. detail: what was done, or why it is not confirmed.

    injected: confirmed (the process is gone, the link cut). unconfirmed: it could not be, so the trial proves nothing.
    healed: undone, and what died was started again. missed: the aim was not met in time, nothing was done.

    slot: of the worker that is struck, where one is; parts: the slots that had a part of the job as it was chosen.
    Histories of method 7 and older have neither.
    """

    mark: Literal["strike"] = "strike"
    number: int
    fault: str
    step: Literal["injecting", "injected", "unconfirmed", "healing", "healed", "missed"]
    aimed: str = ""
    detail: str = ""
    slot: int | None = None
    parts: list[int] = []


class Exposed(_Mark):
    """What was at stake as a strike was injected: what a weaker guarantee would have lost or repeated.

    outputs: records physically in the output log (also of open transactions) since the last durable commit that was
    seen. inputs: input records appended since then. unanswered: input records behind the last commit whose rows are
    not in the output log; None where that cannot be told (windowed queries; engines that do not say). aborted: of the
    outputs, those in a transaction that was open. commit_age_s: how old that commit was.

    scope: of all of the job, or of the partitions of the worker that was struck, since their last commit; where it is
    not known which these are, `untold`, and nothing counts.
    """

    mark: Literal["exposed"] = "exposed"
    number: int
    outputs: int
    inputs: int
    unanswered: int | None = None
    aborted: int = 0
    commit_age_s: float
    scope: Literal["job", "worker", "untold"] = "job"

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
    number: int
    sign: str


class Failed(_Mark):
    """The trial could not go on: what happened in which phase, where to look."""

    mark: Literal["failed"] = "failed"
    phase: str
    what: str
    where: str
    interrupted: bool = False


class Ended(_Mark):
    """The trial wrote all it had to write."""

    mark: Literal["ended"] = "ended"


Mark = Annotated[
    EngineReady
    | PhaseBegin
    | Committed
    | Loaded
    | Closing
    | Complete
    | Strike
    | Exposed
    | Noticed
    | Quiescent
    | Counters
    | Failed
    | Ended,
    Field(discriminator="mark"),
]
_MARK: TypeAdapter[Mark] = TypeAdapter(Mark)


class TableWriter:
    """Appends parts to one table of a history. Each part is complete when it appears under its name."""

    def __init__(self, folder: Path, table: str, writer: str = "part") -> None:
        """`writer` keeps the names of several processes that write one table apart."""
        self._folder, self._schema, self._writer, self._parts = folder / table, TABLES[table], writer, 0
        self._folder.mkdir(parents=True, exist_ok=True)

    def write(self, columns: Mapping[str, Any]) -> None:
        """One part from columns of equal length (lists or arrays); nothing is written for no rows."""
        table = pa.table(dict(columns), schema=self._schema)
        if not table.num_rows:
            return
        path = self._folder / f"{self._writer}-{self._parts:05d}.parquet"
        partial = path.with_suffix(".partial")
        pq.write_table(table, partial, compression="zstd")
        partial.replace(path)
        self._parts += 1


class MarkWriter:
    """Appends marks, each a line, flushed at once. Any thread may write."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "marks.jsonl").open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def write(self, mark: Mark) -> None:
        with self._lock:
            self._file.write(mark.model_dump_json() + "\n")
            self._file.flush()

    def close(self) -> None:
        self._file.close()


class History:
    """A stored history, read. Raises DamagedHistory for what cannot be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / "trial.json"
        try:
            self.plan = TrialPlan.model_validate_json(path.read_bytes())
        except FileNotFoundError as error:
            raise DamagedHistory("there is no trial.json", path) from error
        except OSError as error:
            raise DamagedHistory(f"cannot be read: {error.strerror}", path) from error
        except ValidationError as error:
            raise DamagedHistory(first_problem(error), path) from error
        self.marks = list(self._read_marks(folder / "marks.jsonl"))

    @staticmethod
    def _read_marks(path: Path) -> Iterator[Mark]:
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield _MARK.validate_json(line)
            except ValidationError as error:
                if number == len(lines):
                    return  # The writer died in the middle of its last line; what was known before is whole.
                raise DamagedHistory(f"line {number}: {first_problem(error)}", path) from error

    def of(self, kind: type[Any]) -> list[Any]:
        """The marks of one type, in order."""
        return [mark for mark in self.marks if isinstance(mark, kind)]

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """All parts of a table, in the order they were written; empty if there is none. columns: only these."""
        schema = TABLES[name]
        if columns is not None:
            schema = pa.schema([schema.field(column) for column in columns])
        tables = []
        for part in sorted((self.folder / name).glob("*.parquet")):
            try:
                table = pq.ParquetFile(part).read(columns).select(schema.names).cast(schema)
            except (pa.ArrowException, OSError, KeyError) as error:
                raise DamagedHistory(f"not a readable part of {name}: {error}".splitlines()[0], part) from error
            for field, column in zip(schema, table.columns, strict=True):
                if column.null_count and field.name not in _NULLABLE:
                    raise DamagedHistory(f"not a readable part of {name}: nothing stands in {field.name}", part)
            tables.append(table)
        return pa.concat_tables(tables) if tables else schema.empty_table()


def first_problem(error: ValidationError) -> str:
    """Where the first thing is that does not fit, and why it does not."""
    first = error.errors()[0]
    return f"{'.'.join(str(step) for step in first['loc']) or 'content'}: {first['msg']}"
