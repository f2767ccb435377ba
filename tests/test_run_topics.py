"""What a run makes on a Kafka that is not ours goes at its end, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engines.logs.protocol import LogFailure
from harness.display import Silent
from harness.foreign_kafka import run_topics
from harness.foreign_kafka.run_topics import FILE, Names, Refusal, RunTopics, job_name, new_prefix
from harness.problem import Problem

THEIRS = Names(
    frozenset(("orders", "sg-", "sg-mine-input", "sg-0123456789abcdef", "__consumer_offsets")),
    frozenset(("billing", "sg-0123456789abcdeg-x")),
)
"""What a user has, however much it looks like ours."""

MINE, BEFORE = "sg-00000000000000aa-", "sg-00000000000000bb-"


class MadeUp:
    """A cluster of names: implements `Admin`, and `create` of a log."""

    def __init__(self) -> None:
        self.there = THEIRS
        self.refused: dict[str, Refusal] = {}
        self.creating: Exception | None = None
        self.silent = False
        self.asked: list[Names] = []
        self.after: Callable[[], None] = lambda: None

    def names(self) -> Names:
        if self.silent:
            raise LogFailure("the Kafka does not say which topics it has", "k:1")
        return self.there

    def delete(self, doomed: Names) -> dict[str, Refusal]:
        self.asked.append(doomed)
        refused = {name: why for name, why in self.refused.items() if name in doomed.topics | doomed.groups}
        self.there = Names(
            self.there.topics - (doomed.topics - refused.keys()), self.there.groups - (doomed.groups - refused.keys())
        )
        self.after()
        return refused

    def create(self, topic: str, partitions: int) -> None:
        assert partitions == 4
        if self.creating:
            raise self.creating
        self.make(topic)

    def make(self, *topics: str, groups: tuple[str, ...] = ()) -> None:
        self.there |= Names(frozenset(topics), frozenset(groups))


class Told(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []

    def finished(self, case: str, outcome_text: str) -> None:
        self.said.append(f"{case}: {outcome_text}")

    def warn(self, text: str) -> None:
        self.warned.append(text)


@pytest.fixture(autouse=True)
def _prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_TRIAL_S", "_RUN_S", "_AGAIN_S"):
        monkeypatch.setattr(run_topics, name, 0.01)


@pytest.fixture
def kafka() -> MadeUp:
    return MadeUp()


@pytest.fixture
def told() -> Told:
    return Told()


def topics(kafka: MadeUp, folder: Path, told: Told, prefix: str = MINE, keep: bool = False) -> RunTopics:
    return RunTopics(kafka, "k:1", prefix, folder, keep, told)


def begun(kafka: Any, folder: Path, told: Told, cut_off: tuple[str, ...] = ("a.b",), **how: Any) -> RunTopics:
    made = topics(kafka, folder, told, **how)
    made.begin(kafka, 4, cut_off)
    return made


def used(kafka: MadeUp, prefix: str = MINE, case: str = "a.b") -> None:
    """What a trial of Kafka Streams makes."""
    job = job_name(prefix, case)
    kafka.make(f"{job}-input", f"{job}-output", f"{job}-KSTREAM-0-changelog", groups=(job,))


# Names.


def test_names_are_drawn_anew_each_time_and_fit_into_those_of_kafka() -> None:
    assert len({new_prefix() for _ in range(1000)}) == 1000
    prefix = new_prefix()
    assert job_name(prefix, "spark.micro-batch.sensors") == f"{prefix}spark.micro-batch.sensors"
    long = [job_name(prefix, f"{'x' * 190}.{number}") for number in range(3)]
    assert len(set(long)) == 3
    odd = job_name(prefix, "mein Lauf ä")
    assert job_name(prefix, "mein Lauf ö") != odd
    for name in (*long, odd):
        assert name.startswith(prefix)
        assert len(name) <= 180
        assert all(character.isascii() and (character.isalnum() or character in "._-") for character in name)


def test_nothing_is_ours_without_the_whole_prefix() -> None:
    there = THEIRS | Names(frozenset((f"{MINE}a.b-input", f"{MINE}a.bc-input")), frozenset((f"{MINE}a.b",)))
    assert there.within([MINE]).topics == {f"{MINE}a.b-input", f"{MINE}a.bc-input"}
    assert there.within([f"{MINE}a.b"]) == Names(frozenset((f"{MINE}a.b-input",)), frozenset((f"{MINE}a.b",)))
    for beginnings in ([], [""], ["sg-"], ["sg"], ["orders"], ["billing"], ["sg-mine"], ["sg-0123456789abcdef"]):
        assert not there.within(beginnings), beginnings


# The end.


def test_all_that_a_run_made_goes_and_nothing_else(kafka: MadeUp, tmp_path: Path, told: Told) -> None:
    run = begun(kafka, tmp_path, told)
    assert kafka.there == THEIRS, "what was made to try it is gone"
    used(kafka)
    run.after_trial(job_name(MINE, "a.b"))
    assert kafka.there == THEIRS
    used(kafka, case="c.d")
    run.end()
    assert kafka.there == THEIRS
    assert not any(doomed.topics & THEIRS.topics or doomed.groups & THEIRS.groups for doomed in kafka.asked)
    assert told.said == ["kafka: deleted what the run made: 6 topics and 2 consumer groups"]
    assert told.warned == []


def test_kept_topics_stay_and_it_is_said_how_to_delete_them(kafka: MadeUp, tmp_path: Path, told: Told) -> None:
    run = begun(kafka, tmp_path, told, keep=True)
    used(kafka)
    run.after_trial(job_name(MINE, "a.b"))
    run.end()
    assert len(kafka.there.topics) == len(THEIRS.topics) + 3
    assert told.warned == [
        "kafka: 3 topics and 1 consumer group stay, as asked. To delete them: "
        f"kafka-topics.sh --bootstrap-server k:1 --delete --topic '{MINE}.*'; "
        f"kafka-consumer-groups.sh --bootstrap-server k:1 --delete --group {MINE}a.b"
    ]


def test_what_cannot_be_deleted_is_named_with_the_reason(kafka: MadeUp, tmp_path: Path, told: Told) -> None:
    run = begun(kafka, tmp_path, told)
    used(kafka)
    kafka.refused = {f"{MINE}a.b-input": Refusal("the cluster's access rules (ACL) do not allow it to this client")}
    run.after_trial(job_name(MINE, "a.b"))
    run.end()
    assert kafka.there.topics == THEIRS.topics | {f"{MINE}a.b-input"}
    (warned,) = told.warned
    assert "1 topic and 0 consumer groups could not be deleted: the cluster's access rules (ACL)" in warned
    assert f"--topic '{MINE}.*'" in warned


def test_a_group_whose_member_was_killed_is_tried_until_it_is_empty(
    kafka: MadeUp, tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_topics, "_RUN_S", 30.0)
    run = begun(kafka, tmp_path, told)
    used(kafka)
    kafka.refused = {f"{MINE}a.b": Refusal("the group still has members", passing=True)}
    kafka.after = lambda: kafka.refused.clear() if len(kafka.asked) > 4 else None
    run.end()
    assert kafka.there == THEIRS
    assert len(kafka.asked) > 4
    assert told.warned == []


def test_a_topic_that_a_late_client_had_made_anew_is_deleted_as_well(kafka: MadeUp, tmp_path: Path, told: Told) -> None:
    run = begun(kafka, tmp_path, told)
    used(kafka)
    again = [f"{MINE}a.b-output"]
    kafka.after = lambda: kafka.make(again.pop()) if again else None
    run.end()
    assert kafka.there == THEIRS


def test_a_kafka_that_does_not_answer_any_more_does_not_hide_the_end_of_a_run(
    kafka: MadeUp, tmp_path: Path, told: Told
) -> None:
    run = begun(kafka, tmp_path, told)
    used(kafka)
    kafka.silent = True
    run.after_trial(job_name(MINE, "a.b"))
    run.end()
    assert "was not deleted: the Kafka does not say which topics it has" in told.warned[0]
    assert f"--topic '{MINE}.*'" in told.warned[0]


def test_whoever_interrupts_the_end_is_told_what_to_delete(kafka: MadeUp, tmp_path: Path, told: Told) -> None:
    run = begun(kafka, tmp_path, told)
    used(kafka)

    def interrupt() -> None:
        raise KeyboardInterrupt

    kafka.after = interrupt
    with pytest.raises(KeyboardInterrupt):
        run.end()
    assert f"--topic '{MINE}.*'" in told.warned[0]


def test_a_run_that_did_not_begin_has_nothing_to_end(kafka: MadeUp, tmp_path: Path, told: Told) -> None:
    kafka.make(f"{MINE}somebody")
    topics(kafka, tmp_path, told).end()
    assert f"{MINE}somebody" in kafka.there.topics
    assert (told.said, told.warned) == ([], [])


# The beginning.


def test_names_that_are_taken_are_refused_and_left_alone(kafka: MadeUp, tmp_path: Path, told: Told) -> None:
    kafka.make(f"{MINE}a.b-input")
    run = topics(kafka, tmp_path, told)
    with pytest.raises(Problem, match="has 1 topic and 0 consumer groups of this run's name already"):
        run.begin(kafka, 4, ())
    run.end()
    assert f"{MINE}a.b-input" in kafka.there.topics
    assert kafka.asked == []


def test_a_cluster_that_lets_no_topic_be_made_is_refused_in_words(kafka: MadeUp, tmp_path: Path, told: Told) -> None:
    kafka.creating = LogFailure("creating topic x failed: a policy of the cluster does not allow it (no!)", "k:1")
    run = topics(kafka, tmp_path, told)
    with pytest.raises(Problem, match=r"cannot make its topics on this Kafka: .* a policy of the cluster"):
        run.begin(kafka, 4, ())
    run.end()
    assert kafka.there == THEIRS
    assert told.warned == []


def test_a_topic_that_was_made_otherwise_than_asked_goes_again(kafka: MadeUp, tmp_path: Path, told: Told) -> None:
    class Otherwise(MadeUp):
        def create(self, topic: str, partitions: int) -> None:
            self.make(topic)
            raise LogFailure(f"topic {topic} is not as it was asked for: retention.ms is 5, where -1 was asked for", "")

    other = Otherwise()
    with pytest.raises(Problem, match=r"retention\.ms is 5"):
        begun(other, tmp_path, told)
    assert other.there == THEIRS


def test_a_cluster_that_lets_no_topic_be_deleted_is_refused_unless_topics_are_kept(
    kafka: MadeUp, tmp_path: Path, told: Told
) -> None:
    kafka.refused = {f"{MINE}rehearsal": Refusal("the cluster deletes no topics")}
    with pytest.raises(Problem, match="could not delete its topics on this Kafka: the cluster deletes no") as caught:
        begun(kafka, tmp_path, told)
    assert "--keep-topics" in caught.value.remedy
    assert f"--topic '{MINE}.*'" in caught.value.remedy
    other = "sg-00000000000000cc-"
    kafka.refused = {f"{other}rehearsal": Refusal("the cluster deletes no topics")}
    begun(kafka, tmp_path, told, prefix=other, keep=True)


# A run that goes on.


def test_a_run_that_goes_on_deletes_what_the_cut_off_part_left(kafka: MadeUp, tmp_path: Path, told: Told) -> None:
    begun(kafka, tmp_path, told, prefix=BEFORE)
    used(kafka, BEFORE)
    used(kafka, BEFORE, "c.d")
    begun(kafka, tmp_path, told)
    assert kafka.there == THEIRS
    assert told.said == ["kafka: deleted what an earlier part of this run left: 6 topics and 2 consumer groups"]
    assert json.loads((tmp_path / FILE).read_text())["prefixes"] == [BEFORE, MINE]


def test_where_topics_are_kept_those_of_a_cut_off_trial_go_all_the_same(
    kafka: MadeUp, tmp_path: Path, told: Told
) -> None:
    begun(kafka, tmp_path, told, prefix=BEFORE, keep=True)
    used(kafka, BEFORE)
    used(kafka, BEFORE, "c.d")
    begun(kafka, tmp_path, told, keep=True, cut_off=("c.d",))
    ours = kafka.there.within([BEFORE])
    assert ours.groups == {f"{BEFORE}a.b"}
    assert len(ours.topics) == 3


def test_what_an_earlier_part_left_and_cannot_be_deleted_is_said(kafka: MadeUp, tmp_path: Path, told: Told) -> None:
    begun(kafka, tmp_path, told, prefix=BEFORE)
    used(kafka, BEFORE)
    kafka.refused = {f"{BEFORE}a.b-input": Refusal("a policy of the cluster does not allow it")}
    with pytest.raises(Problem, match="an earlier part of this run left cannot be deleted: a policy"):
        begun(kafka, tmp_path, told)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"prefixes": ["orders"]}',
        '{"prefixes": [""]}',
        '{"prefixes": ["sg-"]}',
        '{"prefixes": ["sg-00000000000000bb-\\n"]}',
        '{"prefixes": ["sg-00000000000000bb-.*"]}',
        '{"prefixes": ["sg-00000000000000BB-"]}',
        '{"prefixes": "sg-00000000000000bb-"}',
        '{"schema_version": 2, "prefixes": []}',
        json.dumps({"prefixes": [BEFORE] * 1001}),
    ],
)
def test_a_folder_of_anyone_has_nothing_deleted_that_no_run_is_called(
    kafka: MadeUp, tmp_path: Path, told: Told, content: str
) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(Problem, match="it cannot be read which topics the run made before"):
        begun(kafka, tmp_path, told)
    assert kafka.asked == []
    assert kafka.there == THEIRS


def test_a_link_in_the_place_of_the_prefixes_is_not_followed(kafka: MadeUp, tmp_path: Path, told: Told) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "elsewhere").write_text(json.dumps({"prefixes": [BEFORE]}))
    (tmp_path / "run" / FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Problem, match="it cannot be read"):
        begun(kafka, tmp_path / "run", told)
    assert kafka.asked == []


def test_prefixes_are_written_down_before_anything_is_made(kafka: MadeUp, tmp_path: Path, told: Told) -> None:
    kafka.creating = KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        begun(kafka, tmp_path, told)
    assert json.loads((tmp_path / FILE).read_text())["prefixes"] == [MINE]
