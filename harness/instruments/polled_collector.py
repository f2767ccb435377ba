"""The collector of an output that is no topic: a command of the user's prints its rows, again and again.

Only what it printed at rest is stored. Rows have no order and no time of their own: they stand in partition 0, in the
order in which they were printed.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.output_reading import Invocation
from harness.failure import TrialFailure
from harness.host.subreaper import subreaper
from harness.id_reading import IdReading, ValueAlone
from harness.instruments.channel import Commands, EndOfInput, Message, answer, failures_told
from harness.instruments.collector import parted
from harness.row_command import Printed, RowCommand
from results.history import TableWriter

EVERY_S = 0.5
"""How long after one run of the command the next begins."""

_WAKE_S = 0.1
_CLOSE_S = 30.0
_PART_ROWS = 100_000


@dataclass(frozen=True)
class Snapshot:
    """What the newest good run printed, and since when the same was printed. Times are CLOCK_MONOTONIC ns."""

    rows: list[bytes] = field(default_factory=list)
    """As printed; as rows of each-once where they tell an id alone."""
    results: int = 0
    """How many of them are rows of the workload."""
    closings: list[dict[str, Any]] = field(default_factory=list)
    """The rows of closing events."""
    distinct: int = 0
    """How many different ones of them are JSON objects, those of heartbeats and closing events too."""
    digest: str = ""
    """The same for the same rows, in whatever order; empty where there was no good run."""
    since_ns: int = 0
    """When the first run began that printed these rows, of those without another one in between."""
    began_ns: int = 0
    """When the newest run began."""
    ended_ns: int = 0
    """When it had ended."""
    grew_ns: int = 0
    """When the run had ended that first printed so many results."""
    failure: str = ""
    """Why the newest run failed; empty where it did not."""


def following(before: Snapshot, printed: Printed, rows: list[bytes]) -> Snapshot:
    """What is known after one more good run."""
    results, closings = parted(rows)
    found = digest(rows)
    return Snapshot(
        rows=rows,
        results=results,
        closings=closings,
        distinct=sum(row.startswith(b"{") for row in set(rows)),
        digest=found,
        since_ns=before.since_ns if found == before.digest else printed.began_ns,
        began_ns=printed.began_ns,
        ended_ns=printed.ended_ns,
        grew_ns=printed.ended_ns if results > before.results else before.grew_ns,
    )


def digest(rows: Sequence[bytes]) -> str:
    """Of these rows, in whatever order; how often each is there counts."""
    total = sum(int.from_bytes(hashlib.blake2b(row, digest_size=16).digest(), "big") for row in rows)
    return f"{len(rows)}-{total % (1 << 128):x}"


class Poller:
    """Runs the command on a thread. `check` raises what the thread ended with."""

    def __init__(self, command: RowCommand, ids: IdReading | None, every_s: float = EVERY_S) -> None:
        """ids: how rows that tell an id alone are read; None where rows are the query's."""
        self._command, self._ids, self._every_s = command, ids, every_s
        self.snapshot = Snapshot()
        self._error: BaseException | None = None
        self._over, self._changed = threading.Event(), threading.Condition()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """May be called again."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="polls", daemon=True)
            self._thread.start()

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    def wait(self, timeout_s: float) -> None:
        """Until one more run has ended, or the time is over."""
        with self._changed:
            self._changed.wait(timeout_s)

    def close(self) -> None:
        """Nothing of the command is left when this returns. Raises TrialFailure where it is not so in time."""
        self._over.set()
        if self._thread is None:
            return
        self._thread.join(_CLOSE_S)
        if self._thread.is_alive():
            raise TrialFailure(f"the command of `output` was not ended within {_CLOSE_S:g} s")

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                self._take(self._command.run(self._over))
                self._over.wait(self._every_s)
        except BaseException as error:  # The main thread tells it.
            self._error = error
            with self._changed:
                self._changed.notify_all()

    def _take(self, printed: Printed) -> None:
        if self._over.is_set():
            return
        before = self.snapshot
        if printed.failure:
            # Rows that stood still before stand still no longer: nobody saw them meanwhile.
            after = Snapshot(
                results=before.results, closings=before.closings, grew_ns=before.grew_ns, failure=printed.failure
            )
        else:
            lines = printed.lines
            rows = lines if self._ids is None else self._ids([ValueAlone(line) for line in lines])
            after = following(before, printed, rows)
        with self._changed:
            self.snapshot = after
            self._changed.notify_all()


class Keeper:
    """Answers the trial, and stores what is at rest."""

    def __init__(self, poller: Poller, folder: Path, partitions: int) -> None:
        self._poller, self._partitions = poller, partitions
        self._table, self._gaps = TableWriter(folder, "output"), TableWriter(folder, "gaps")
        self.positions = [0] * partitions

    def answer(self, command: Message) -> Message:
        """To `keep`: stores the newest rows if they are those that the trial means. To others, how far it is."""
        # Not before it is asked for: what builds the job may make the command as well.
        self._poller.begin()
        if command["do"] != "keep":
            # Who asks again and again is told when there is something new.
            self._poller.wait(_WAKE_S)
        self._poller.check()
        now = self._poller.snapshot
        kept = command["do"] == "keep" and self._keep(now, str(command["digest"]))
        return {
            "did": "status",
            "rows": now.results,
            "last_row_ns": now.grew_ns,
            "closings": now.closings,
            "positions": self.positions,
            "digest": now.digest,
            "since_ns": now.since_ns,
            "began_ns": now.began_ns,
            "distinct": now.distinct,
            "failure": now.failure,
            "kept": kept,
        }

    @property
    def stored(self) -> dict[str, int]:
        """Rows by table."""
        return {"output": self._table.rows, "gaps": self._gaps.rows}

    def _keep(self, now: Snapshot, wanted: str) -> bool:
        if now.digest != wanted or not now.digest or self._table.rows:
            return False
        for first in range(0, len(now.rows), _PART_ROWS):
            values = now.rows[first : first + _PART_ROWS]
            count = len(values)
            self._table.write(
                {
                    "partition": [0] * count,
                    "offset": list(range(first, first + count)),
                    "time_ms": [0] * count,
                    "visible_ns": [now.ended_ns] * count,
                    "value": values,
                }
            )
        self.positions = [len(now.rows), *([0] * (self._partitions - 1))]
        return True


def main() -> None:
    commands = Commands()
    setup = commands.setup
    folder, invocation = Path(setup["folder"]), Invocation.told(setup["command"])
    ids = IdReading(**setup["ids"]) if setup["ids"] is not None else None
    with subreaper(), failures_told():
        poller = Poller(RowCommand(invocation, folder / "logs" / "output-command.log"), ids)
        try:
            keeper = Keeper(poller, folder, int(setup["partitions"]))
            answer({"did": "setup"})
            with suppress(EndOfInput):
                _serve(commands, keeper, poller)
        finally:
            poller.close()
        answer({"did": "end", "stored": keeper.stored, "positions": keeper.positions})


def _serve(commands: Commands, keeper: Keeper, poller: Poller) -> None:
    """Until the end of input, which is raised."""
    while True:
        command = commands.next(_WAKE_S)
        poller.check()
        if command is not None:
            answer(keeper.answer(command))


if __name__ == "__main__":
    main()
