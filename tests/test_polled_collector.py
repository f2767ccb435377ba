"""An output that a command prints is looked at again and again, and stored once it stands still."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from engines import proc
from harness import quiescence
from harness.failure import TrialFailure
from harness.instruments.channel import Instrument, Message
from harness.instruments.polled_collector import Snapshot, digest, following
from harness.quiescence import STILL_S, PolledRest
from harness.row_command import Printed
from tests.waiting import wait_until
from workloads import each_once
from workloads.stream import CONTROL

WAIT_S = 60.0
CLOSING = json.dumps({"key": f"{CONTROL}close-0", "id": 5, "check": 7})
ROWS = ['{"key": "a", "id": 1, "check": 2}', CLOSING, '{"key": "b", "id": 3, "check": 4}']
PRINT = "import sys; print(open('rows').read(), end='')"


class Stage:
    """A folder with what the command prints, and the collector that runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: list[Instrument] = []

    def says(self, *rows: str) -> None:
        """What is printed from now on; written at once."""
        new = self.folder / "new"
        new.write_text("".join(f"{row}\n" for row in rows))
        new.replace(self.folder / "rows")

    def collector(self, code: str = PRINT, ids: Mapping[str, Any] | None = None, words: Any = None) -> Instrument:
        command = {"words": words or [sys.executable, "-I", "-c", code], "env": {}, "folder": str(self.folder)}
        setup = {"folder": str(self.folder), "partitions": 3, "ids": ids, "command": command, "topic": "out"}
        made = Instrument("collector", "harness.instruments.polled_collector", setup, self.folder / "collector.log")
        self._made.append(made)
        made.wait_ready()
        return made

    def close(self) -> None:
        for made in self._made:
            made.close()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.close()


def until(collector: Instrument, met: Callable[[Message], bool]) -> Message:
    """The first status of which this is true."""
    deadline_s = time.monotonic() + WAIT_S
    while True:
        told = collector.ask({"do": "status"}, WAIT_S)
        if met(told):
            return told
        assert time.monotonic() < deadline_s, told


def kept(collector: Instrument, told: Message) -> Message:
    return collector.ask({"do": "keep", "digest": told["digest"]}, WAIT_S)


def test_rows_are_stored_as_they_were_printed_at_rest(stage: Stage) -> None:
    stage.says(*ROWS)
    collector = stage.collector()
    told = until(collector, lambda told: told["rows"] == 2)
    assert [row["id"] for row in told["closings"]] == [5]
    answered = kept(collector, told)
    assert (answered["kept"], answered["positions"]) == (True, [3, 0, 0])
    said = collector.end()
    assert (said["stored"], said["positions"]) == ({"output": 3, "gaps": 0}, [3, 0, 0])
    table = pq.read_table(stage.folder / "output")
    assert [value.decode() for value in table["value"].to_pylist()] == ROWS
    assert (table["partition"].to_pylist(), table["offset"].to_pylist()) == ([0, 0, 0], [0, 1, 2])
    assert len(set(table["visible_ns"].to_pylist())) == 1


def test_rows_that_changed_since_are_not_kept(stage: Stage) -> None:
    stage.says(*ROWS)
    collector = stage.collector()
    first = until(collector, lambda told: told["rows"] == 2)
    stage.says(*ROWS, ROWS[0])
    second = until(collector, lambda told: told["rows"] == 3)
    assert not kept(collector, first)["kept"]
    assert second["since_ns"] > first["began_ns"]
    assert kept(collector, second)["kept"]
    # Nothing is stored twice.
    assert not kept(collector, second)["kept"]


def test_no_rows_at_all_may_stand_still_too(stage: Stage) -> None:
    stage.says()
    collector = stage.collector()
    told = until(collector, lambda told: bool(told["digest"]))
    answered = kept(collector, told)
    assert (answered["kept"], answered["positions"]) == (True, [0, 0, 0])
    assert collector.end()["stored"]["output"] == 0


def test_rows_that_tell_an_id_alone_are_those_of_each_once(stage: Stage) -> None:
    stage.says('{"n": 12, "more": [1]}', '{"m": 1}')
    ids = {"kind": "value", "name": "n", "keys": 7, "partitions": 3}
    collector = stage.collector(ids=ids)
    told = until(collector, lambda told: told["rows"] == 2)
    assert kept(collector, told)["kept"]
    first, second = pq.read_table(stage.folder / "output")["value"].to_pylist()
    assert json.loads(first)["key"] == each_once.labels(7)[12 % 7]
    assert second == b'no id in value n of: {"m": 1}'


def test_a_command_that_fails_is_run_again_and_its_failure_told_meanwhile(stage: Stage) -> None:
    """As a table that is not there yet."""
    collector = stage.collector()
    told = until(collector, lambda told: bool(told["failure"]))
    assert "No such file" in told["failure"]
    assert (told["digest"], kept(collector, told)["kept"]) == ("", False)
    stage.says(*ROWS)
    told = until(collector, lambda told: told["rows"] == 2)
    assert told["failure"] == ""
    (stage.folder / "rows").unlink()
    # What nobody sees does not stand still.
    assert until(collector, lambda told: bool(told["failure"]))["digest"] == ""


def test_a_program_that_is_not_there_fails_the_trial_with_its_name(stage: Stage) -> None:
    with pytest.raises(TrialFailure, match=r"cannot be started.*no-such-program"):
        until(stage.collector(words=["no-such-program"]), lambda _: False)


def test_a_command_that_hangs_is_gone_once_the_collector_ends(stage: Stage) -> None:
    code = "import os, time; open('pid', 'w').write(str(os.getpid())); os.rename('pid', 'there'); time.sleep(600)"
    collector = stage.collector(code)
    collector.send({"do": "status"})
    wait_until((stage.folder / "there").exists, WAIT_S, "the command to run")
    assert collector.end()["stored"]["output"] == 0
    assert not proc.runs(int((stage.folder / "there").read_text()))


def test_nothing_is_run_before_it_is_asked_for(stage: Stage) -> None:
    """A job's build may make the command."""
    collector = stage.collector("open('there', 'w')")
    assert collector.end()["stored"]["output"] == 0
    assert not (stage.folder / "there").exists()
    # A run that was cut short has a log as well.
    assert not (stage.folder / "logs").exists()


# What is known after a run, and when that is rest.


def printed(began_ns: int) -> Printed:
    return Printed(began_ns, began_ns + 1, [])


def test_the_same_rows_in_another_order_stand_still() -> None:
    first = following(Snapshot(), printed(10), [b"a", b"b", b"a"])
    second = following(first, printed(20), [b"a", b"a", b"b"])
    assert (first.since_ns, second.since_ns, second.began_ns) == (10, 10, 20)


@pytest.mark.parametrize("rows", [[b"a", b"b"], [b"a", b"b", b"b"], [b"a", b"a", b"c"], [b"aab"], []])
def test_other_rows_or_another_number_of_them_do_not(rows: list[bytes]) -> None:
    assert digest(rows) != digest([b"a", b"a", b"b"])
    first = following(Snapshot(), printed(10), [b"a", b"a", b"b"])
    assert following(first, printed(20), rows).since_ns == 20


def test_when_there_were_more_rows_is_told() -> None:
    first = following(Snapshot(), printed(10), [b"a"])
    second = following(first, printed(20), [b"b"])
    third = following(second, printed(30), [b"a", b"b"])
    assert [snapshot.grew_ns for snapshot in (first, second, third)] == [11, 11, 31]


class Told:
    """Answers as the collector does: one status after the other, the last one again and again."""

    def __init__(self, *statuses: Message) -> None:
        self.statuses, self.asked = list(statuses), list[str]()
        self.keeps = True

    def __call__(self, command: Mapping[str, Any]) -> Message:
        self.asked.append(command["do"])
        if command["do"] == "keep":
            keeps, self.keeps = self.keeps, True
            return {"kept": keeps, "positions": [4, 0]}
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


def status(began_s: float, since_s: float, told: str = "x", failure: str = "") -> Message:
    now_ns = time.monotonic_ns()
    began_ns, since_ns = now_ns + int(began_s * 1e9), now_ns + int(since_s * 1e9)
    return {"digest": told, "began_ns": began_ns, "since_ns": since_ns, "failure": failure}


def rest(told: Told) -> list[int]:
    return PolledRest(told, 500).wait(lambda: None, Path("logs"))


def test_rows_are_at_rest_once_runs_print_the_same_for_long_enough() -> None:
    told = Told(status(1, 0), status(STILL_S / 2, 0), status(STILL_S + 1, 0))
    assert rest(told) == [4, 0]
    assert told.asked == ["status", "status", "status", "keep"]


def test_how_long_they_were_the_same_before_does_not_count() -> None:
    told = Told(status(1, -100), status(STILL_S + 1, -100))
    assert rest(told) == [4, 0]
    assert told.asked == ["status", "status", "keep"]


def test_rows_that_changed_while_they_were_to_be_kept_are_waited_for_again() -> None:
    told = Told(status(STILL_S + 1, 0))
    told.keeps = False
    assert rest(told) == [4, 0]
    assert told.asked == ["status", "keep", "status", "keep"]


def test_rows_that_never_stand_still_fail_the_trial_with_the_commands_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiescence, "STILL_S", 0.0)
    monkeypatch.setattr(quiescence, "POLLED_REST_S", -0.99)
    told = Told(status(100, 0, told="", failure="it ended with exit code 3; its last lines:\nno such table"))
    with pytest.raises(TrialFailure, match=r"(?s)did not stand still.*exit code 3.*no such table"):
        rest(told)
