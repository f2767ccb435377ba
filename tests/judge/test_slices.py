"""Judged by slices of keys, a history comes to the very same as judged as a whole; the mutations of every shape are
compared where they are made, in test_mutations.py.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from results.evidence.apportioned import slices_of
from results.history import Complete, DamagedHistory, History, TableWriter
from results.judge import judge
from results.pool import Pool
from tests.judge.conftest import judged_by_slices
from tests.judge.liars import LIARS, Engine, Hanging, trial
from tests.judge.recording import SECOND, Recording, Row, seal
from tests.judge.shapes import shaped, streamed
from tests.waiting import wait_until
from workloads.query import Count, Session, Tumbling, Windowed
from workloads.stream import CONTROL_IDS

SIZE = 1500
"""Events of a slice: of the histories here, some thousand events of 20 keys, that makes four slices or more."""


def same(folder: Path, size: int = SIZE) -> None:
    assert judged_by_slices(folder, size) == judge(folder)


@pytest.mark.parametrize("kind", [Engine, *(kind for kind in LIARS if not issubclass(kind, Hanging))])
def test_of_each_liar_slices_say_what_the_whole_says(kind: type[Engine], tmp_path: Path):
    same(trial(kind, 1).write(tmp_path / "history"))


def spoiled(recording: Recording) -> None:
    """In each way that the audit or the log shows, in several keys and phases."""
    windows = [window for window, ids in recording.members.items() if len(ids) > 3]
    for place, window in enumerate(windows[::9]):
        row, ids = recording.row(window), recording.members[window]
        if place % 5 == 0:
            row.value = recording.answer(window, ids[1:])
        elif place % 5 == 1:
            row.value = recording.answer(window, [*ids, ids[0]])
        elif place % 5 == 2:
            recording.rows.append(Row(row.partition, row.visible_ns + SECOND, row.value))
        elif place % 5 == 3:
            recording.rows.remove(row)
        else:
            row.visible_ns -= 3 * SECOND
    for place, key in enumerate(("sensor-0001", "nobody", "nothing", "~close")):
        recording.rows.append(Row(place, recording.rows[place].visible_ns, {**recording.rows[99].value, "key": key}))
        recording.rows.append(Row(place, recording.rows[place * 50].visible_ns, b'{"key":"sensor-0001"}'))


def test_all_at_once(recording: Recording, tmp_path: Path):
    spoiled(recording)
    same(recording.write(tmp_path / "history"), 800)


def test_on_two_processes(recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    spoiled(recording)
    whole = judge(recording.write(tmp_path / "history"))
    monkeypatch.setattr("results.evidence.apportioned.SLICE_EVENTS", 3000)
    assert judge(tmp_path / "history") == whole
    assert not [child for child in psutil.Process().children() if "results.pool" in " ".join(child.cmdline())]


@pytest.mark.slow
def test_limits_are_those_of_the_whole(recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    spoiled(recording)
    for limit in (7, 20):
        for name in ("tally.EXPLAINED", "explanation.THOROUGH", "explanation.CAUSES"):
            monkeypatch.setattr(f"results.verdict.{name}", limit)
        same(recording.write(tmp_path / str(limit)))


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1, 4])
@pytest.mark.parametrize("name", ["sliding-count", "session", "until"])
def test_windows_that_move_are_paired_up_to_the_same_limits(limit: int, name: str, judge_shaped, monkeypatch):
    for each in ("pairing.PAIRED", "slices.PAIRED", "tally.THOROUGH"):
        monkeypatch.setattr(f"results.verdict.{each}", limit)
    made = shaped(name)
    made.rows = made.answer([event for event in made.events if event["id"] % 50])
    judge_shaped.by_slices = True
    assert judge_shaped(made).verdict.wrong + judge_shaped(made).verdict.unexpected > limit


@pytest.mark.slow
@pytest.mark.parametrize("window", [Tumbling(500), Session(100), Count(5, 5)])
def test_late_events_are_settled_alike(window, judge_shaped):
    query = shaped("tumbling").query
    made = streamed(
        replace(query, shape=Windowed(window, ()), where=()), late=lambda number: 3000 if number % 17 == 3 else 0
    )
    judge_shaped.by_slices = True
    judge_shaped(made)
    late = {event["id"] for event in made.events if event["id"] % 17 == 3}
    made.rows = made.answer([event for event in made.events if event["id"] not in late or event["id"] % 2])
    case = judge_shaped(made)
    assert isinstance(window, Count) or case.metrics["late_dropped"].value > 10


def test_updates_are_counted_alike(judge_shaped):
    made = shaped("running")
    made.emits = "updates"
    made.drained = 300
    made.rows += [dict(row) for row in made.rows[5:20]]
    judge_shaped.by_slices = True
    paced, drain = judge_shaped.both(made)
    assert paced.metrics["updates"].value + drain.metrics["updates"].value == 15


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["lost", "twice", "wrong check", "foreign"])
def test_what_is_wrong_with_the_input_is_told_alike(damage: str, recording: Recording, tmp_path: Path):
    places = [place for place, (_, number, _) in enumerate(recording.inputs) if number in (7, 70, 700, 2000, 5500)]
    for place in places[::-1]:
        partition, number, check = recording.inputs[place]
        changed = {
            "lost": [],
            "twice": [(partition, number, check)] * 2,
            "wrong check": [(partition, number, check + 1)],
            "foreign": [(partition, number, check), (partition, 10**9 + number, check)],
        }
        recording.inputs[place : place + 1] = changed[damage]
    same(recording.write(tmp_path / "history"))


def test_a_part_may_have_rows_that_are_not_judged_only(recording: Recording, tmp_path: Path):
    folder = recording.write(tmp_path / "history")
    last = {"partition": [0], "offset": [10**6], "time_ms": [0]}
    visible_ns = recording.of(Complete)[-1].at_ns
    TableWriter(folder, "output", "quiet").write(last | {"visible_ns": [visible_ns], "value": [b'{"key":"~close"}']})
    TableWriter(folder, "input", "quiet").write(last | {"id": [CONTROL_IDS + 10**6], "check": [0]})
    same(seal(folder))


def test_rows_that_were_not_recorded_in_order_are_judged_as_a_whole(recording: Recording, tmp_path: Path, monkeypatch):
    folder = recording.write(tmp_path / "history")
    first, last = sorted((folder / "output").glob("*.parquet"))
    first.rename(folder / "output" / "part-00002.parquet")
    whole = judge(seal(folder))
    monkeypatch.setattr("results.evidence.apportioned.SLICE_EVENTS", SIZE)
    monkeypatch.setattr("results.verdict.slices.PROCESSES", 0)
    assert judge(folder) == whole
    assert last.exists()


def test_damage_is_told_alike(recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = recording.write(tmp_path / "history")
    part = sorted((folder / "output").glob("*.parquet"))[1]
    table = pq.read_table(part)
    column = table.schema.get_field_index("partition")
    pq.write_table(table.set_column(column, "partition", pa.array([77] * table.num_rows, pa.int32())), part)
    whole = [case.reason for case in judge(seal(folder))]
    monkeypatch.setattr("results.evidence.apportioned.SLICE_EVENTS", SIZE)
    assert [case.reason for case in judge(folder)] == whole
    assert "partition is 77, which cannot be" in whole[0]


def test_a_key_is_in_the_same_slice_on_every_machine():
    assert slices_of(["sensor-0001", "", "ключ", "a"], 5).tolist() == [4, 3, 0, 3]
    assert set(slices_of([f"key-{number}" for number in range(500)], 7).tolist()) == set(range(7))


SCRIPT = """
import sys, tempfile, time
from pathlib import Path
from results.pool import Pool
with tempfile.TemporaryDirectory(prefix="streamgauge-test-") as scratch, Pool(2, Path(scratch)) as pool:
    list(pool.each(time.sleep, [0, 0]))
    print(scratch, flush=True)
    list(pool.each(time.sleep, [60, 60]))
"""


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_judge_that_is_ended_leaves_no_process_and_no_file(blow: signal.Signals):
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as judge_process:
        assert judge_process.stdout is not None
        scratch = Path(judge_process.stdout.readline().strip())
        processes = psutil.Process(judge_process.pid).children()
        assert len(processes) == 2
        assert scratch.is_dir()
        for process in processes:
            wait_until(lambda of=process: of.num_threads() > 1)
        os.kill(judge_process.pid, blow)
        judge_process.wait(20)
    _, alive = psutil.wait_procs(processes, 20)
    assert not alive
    assert not scratch.exists()


def test_what_a_task_raises_is_raised_as_it_was(tmp_path: Path):
    with Pool(1, tmp_path / "scratch") as pool:
        with pytest.raises(DamagedHistory) as raised:
            list(pool.each(History, [tmp_path]))
        assert (raised.value.what, raised.value.where) == ("there is no trial.json", tmp_path / "trial.json")
        assert list(pool.each(abs, [-1, -2, -3])) == [(0, 1), (1, 2), (2, 3)]


def test_what_nobody_waits_for_any_more_is_no_answer_to_what_is_asked_next(tmp_path: Path):
    with Pool(2, tmp_path / "scratch") as pool:
        with pytest.raises(TypeError):
            list(pool.each(time.sleep, [0.5, "text"]))
        assert sorted(pool.each(abs, [-1, -2, -3])) == [(0, 1), (1, 2), (2, 3)]


def test_a_process_that_ends_in_its_task_is_named(tmp_path: Path):
    with Pool(2, tmp_path / "scratch") as pool, pytest.raises(RuntimeError, match="ended in the middle"):
        list(pool.each(os._exit, [1]))


def test_a_process_that_does_not_answer_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("results.pool.TASK_S", 0.5)
    with Pool(1, tmp_path / "scratch") as pool, pytest.raises(RuntimeError, match="did not answer"):
        list(pool.each(time.sleep, [60]))
