"""What a fault writes into the input that is no event is known as such by whoever reads events there."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from engines.logs.embedded import EmbeddedLog
from harness.broken_records import BrokenRecords
from harness.faults.fault import Need, Target
from harness.faults.poison import Poison
from harness.readback import read_back
from results.history import TABLES

EVENT = b'{"id":%d,"check":7,"key":"a","time":1}'


class Garble:
    """A fault of somebody else's, which the core knows nothing of."""

    name = "garble"
    story = "half an event is written among the others"
    needs: frozenset[Need] = frozenset({"input"})
    hold_s = 0.0
    graceful = False

    def inject(self, target: Target) -> str:
        target.write(b"any key", b'{"id":3,"che')
        return "half an event is written"

    def heal(self, target: Target) -> None:
        """It stays there."""


@pytest.fixture
def log(tmp_path: Path) -> EmbeddedLog:
    made = EmbeddedLog(tmp_path / "log")
    made.create("input", 1)
    return made


def write(log: EmbeddedLog, *values: bytes) -> None:
    writer = log.writer("input")
    writer.write(0, [b"a"] * len(values), list(values))
    writer.flush(5)
    writer.close()


def target(broken: BrokenRecords) -> Target:
    return Target(
        processes=dict,
        occupied=list,
        revive=lambda: None,
        halt=lambda: None,
        relaunch=lambda _: None,
        broker=None,
        link=None,
        state=Path(),
        write=broken.write,
        parallelism=1,
        chance=random.Random(1),
    )


def values(log: EmbeddedLog) -> list[bytes]:
    reader = log.reader("input", 1)
    found = [value for chunk in reader.poll(5) for value in chunk.values]
    reader.close()
    return found


@pytest.mark.parametrize("kind", [Poison, Garble])
def test_what_any_fault_writes_among_the_events_is_left_out_when_they_are_read_back(log, tmp_path, kind):
    broken = BrokenRecords(log, "input")
    write(log, EVENT % 1)
    kind().inject(target(broken))
    write(log, EVENT % 2)
    first, written, last = values(log)
    assert (first, last) == (EVENT % 1, EVENT % 2)
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(written, type=dict[str, int])
    read_back(log, "input", 1, tmp_path, broken)
    table = pq.read_table(tmp_path / "input", schema=TABLES["input"])
    assert (table["id"].to_pylist(), table["offset"].to_pylist()) == ([1, 2], [0, 2])


def test_what_nobody_wrote_on_purpose_is_not_passed_over(log, tmp_path):
    write(log, EVENT % 1, b"from nowhere")
    with pytest.raises(msgspec.DecodeError):
        read_back(log, "input", 1, tmp_path, BrokenRecords(log, "input"))


def test_a_record_that_would_be_read_as_an_event_is_refused_and_not_written(log):
    broken = BrokenRecords(log, "input")
    write(log, EVENT % 1)
    with pytest.raises(ValueError, match="taken for an event"):
        broken.write(b"a", EVENT % 1)
    assert EVENT % 1 not in broken
    assert values(log) == [EVENT % 1]
