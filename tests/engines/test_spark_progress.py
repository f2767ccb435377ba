"""How far a Spark query is, told by its checkpoint folder."""

from __future__ import annotations

from pathlib import Path

from engines.protocol import Progress
from engines.spark.progress import progress

OFFSETS = 'v1\n{"batchWatermarkMs":0}\n{"readings-input":{"0":%d,"1":10}}'


def batch(folder: Path, number: int, offset: int, committed: bool) -> None:
    for name in ("offsets", "commits"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "offsets" / str(number)).write_text(OFFSETS % offset)
    if committed:
        (folder / "commits" / str(number)).write_text("v1\n{}")


def test_a_query_that_has_not_begun_has_committed_nothing(tmp_path):
    assert progress(tmp_path / "absent", "starting") == Progress(0, None, False, "starting")


def test_commits_are_batches_and_inputs_the_offsets_of_the_last(tmp_path):
    for number in range(11):
        batch(tmp_path, number, 100 * number, committed=True)
    assert progress(tmp_path, "ready") == Progress(11, 1_010, False, "ready")


def test_a_batch_whose_offsets_are_logged_and_which_is_not_committed_is_under_way(tmp_path):
    batch(tmp_path, 0, 50, committed=True)
    batch(tmp_path, 1, 80, committed=False)
    # What Spark writes beside its files is none of them.
    (tmp_path / "commits" / ".1.tmp").touch()
    assert progress(tmp_path, "ready") == Progress(1, 60, True, "ready")
