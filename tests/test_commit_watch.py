"""Lag read right after commits, of jobs whose tasks commit each by itself."""

from __future__ import annotations

import pytest

from engines.logs.embedded import EmbeddedLog
from engines.protocol import Progress, Topic
from harness.commit_watch import CommitWatch, Rounds
from results.rate_search import Commit, slope

RATE = 1000
"""Events a second in each partition."""


def watched(offsets_s: dict[int, float], keeps: float = 1.0, length_s: int = 15) -> list[Commit]:
    """offsets_s: when in each second a partition commits; all that came until 50 ms before, as far as it keeps up."""
    rounds, committed_s = Rounds(), dict[int, float]()
    for second in range(1, length_s):
        for partition, at_s in sorted(offsets_s.items(), key=lambda item: item[1]):
            now_s = second + at_s
            left = {other: round(RATE * (now_s - keeps * (committed_s.get(other, 0) - 0.05))) for other in offsets_s}
            committed_s[partition] = now_s
            left[partition] = round(RATE * (now_s - keeps * (now_s - 0.05)))
            rounds.add(int(now_s * 1e9), {partition}, left)
    return [Commit(each.at_ns / 1e9, each.lag) for each in rounds.seen]


@pytest.mark.parametrize(
    "offsets_s", [{0: 0.0, 1: 0.05}, {0: 0.0, 1: 0.5}, {0: 0.3, 1: 0.35, 2: 0.8, 3: 0.85}, {0: 0.0}]
)
def test_tasks_that_commit_one_after_the_other_show_no_saw_tooth(offsets_s: dict[int, float]) -> None:
    load = RATE * len(offsets_s)
    commits = watched(offsets_s)
    assert len(commits) == 13  # One a second, however many tasks commit in it.
    assert slope(commits, load) == pytest.approx(0, abs=0.002)
    assert {commit.lag for commit in commits[1:]} == {50 * len(offsets_s)}
    assert slope(watched(offsets_s, keeps=0.9), load) == pytest.approx(0.1, abs=0.01)


def test_a_task_that_stands_still_while_others_commit_is_not_taken_for_one_that_keeps_up() -> None:
    rounds = Rounds()
    for second in range(10):
        rounds.add(second, {0} if second else {0, 1}, {0: 5, 1: 7 + 100 * second})
    assert [each.lag for each in rounds.seen] == [12, 12, *(12 + 100 * second for second in range(3, 10))]


def test_a_task_whose_interval_is_longer_misses_a_round_without_a_tooth() -> None:
    rounds = Rounds()
    for second in range(12):
        moved = {0, 1} if second % 4 else {0}
        rounds.add(second, moved, {0: 5, 1: 7 if 1 in moved else 1000})
    assert {each.lag for each in rounds.seen[1:]} == {12}


@pytest.mark.parametrize("by_partition", [True, False])
def test_commits_are_seen_with_what_is_left_in_the_log(tmp_path, by_partition: bool) -> None:
    log = EmbeddedLog(tmp_path)
    log.create("in", 2)
    writer = log.writer("in")
    committed: dict[int, int] = {}

    def progress() -> Progress:
        if not committed:
            return Progress(0)
        positions = dict(committed) if by_partition else None
        return Progress(1, inputs=sum(committed.values()), positions=positions)

    watch = CommitWatch(log, Topic("embedded", str(tmp_path), "in", 2), "job", progress)
    writer.write(0, [b"k"] * 10, [b"v"] * 10)
    watch.look()
    assert not watch.told
    for number in range(3):
        committed.update({0: number, 1: 0})
        watch.look()
    watch.close()
    writer.close()
    assert watch.told
    assert [each.lag for each in watch.seen] == [9]
