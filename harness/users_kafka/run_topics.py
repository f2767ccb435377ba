"""What a run makes on a Kafka, ours or not, and its end: topics and consumer groups, under a prefix of its own.

The prefix is drawn anew each time that a run begins or goes on. So no name meets one of another run or of a user, and
all that has the prefix is the run's: its own topics, and those that engines make for themselves. The prefixes are
written down in the run's folder before anything is made, so that a run that goes on finds what a cut-off one left.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shlex
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engines.logs.protocol import Log, LogFailure
from harness.display import Display
from harness.problem import ExitCode, Problem
from results.folder import write_whole
from workloads.regular_file import read_regular

FILE = "topics.json"
"""In a run's folder: the prefixes of what the run made."""

_PREFIX = r"sg-[0-9a-f]{16}-"
_LONGEST = 180
"""Characters of a job's name. Kafka's own limit is 249, and Kafka Streams puts up to 60 behind it."""
_TRIAL_S = 10.0
"""How long what a trial made may take to go; what is left is tried again at the run's end."""
_RUN_S = 60.0
"""How long all of it may take: a worker that was killed is a member of its group for 45 s by default."""
_AGAIN_S = 0.5
_MOST_PARTS = 1000
"""How often a run may have gone on."""


def new_prefix() -> str:
    """What the names of topics, groups and jobs of a run begin with."""
    return f"sg-{secrets.token_hex(8)}-"


def job_name(prefix: str, case: str) -> str:
    """The name of a case's job: its topics and groups begin with it. One that Kafka could not take is shortened."""
    name = prefix + re.sub(r"[^A-Za-z0-9._-]", "-", case)
    if name == prefix + case and len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - 9]}-{hashlib.sha256(case.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Names:
    """Topics and consumer groups that are there, by name."""

    topics: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.topics or self.groups)

    def __or__(self, other: Names) -> Names:
        return Names(self.topics | other.topics, self.groups | other.groups)

    def within(self, beginnings: Iterable[str]) -> Names:
        """Those that are called so, or so with more behind a hyphen; none without a run's prefix, whatever is asked."""
        stems = {each.removesuffix("-") for each in beginnings if re.match(_PREFIX, each)}
        longer = tuple(f"{stem}-" for stem in stems)

        def ours(name: str) -> bool:
            return re.match(_PREFIX, name) is not None and (name in stems or name.startswith(longer))

        return Names(frozenset(filter(ours, self.topics)), frozenset(filter(ours, self.groups)))

    def counted(self) -> str:
        topics, groups = len(self.topics), len(self.groups)
        return f"{topics} topic{'s' * (topics != 1)} and {groups} consumer group{'s' * (groups != 1)}"


@dataclass(frozen=True)
class Refusal:
    """Why something was not deleted."""

    why: str
    """In words."""
    passing: bool = False
    """Whether it may go all the same, a little later."""


class Admin(Protocol):
    """What is asked of a cluster: see `harness.users_kafka.topic_admin.TopicAdmin`."""

    def names(self) -> Names:
        """All topics and groups. Raises LogFailure."""
        ...

    def delete(self, doomed: Names) -> dict[str, Refusal]:
        """What was not deleted, by its name; what was gone already is no failure. Raises nothing."""
        ...


class _Ledger(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    """Version of the form of topics.json."""
    prefixes: Annotated[tuple[Annotated[str, Field(pattern=f"^{_PREFIX}$")], ...], Field(max_length=_MOST_PARTS)]
    """What the run made something under, the oldest first: one for each time that it began or went on."""


def _ledger(folder: Path) -> _Ledger:
    """Of a run, whose folder may come from anyone. Raises Problem."""
    try:
        return _Ledger.model_validate_json(read_regular(folder / FILE, folder))
    except FileNotFoundError:
        return _Ledger(prefixes=())
    except (OSError, ValidationError) as error:
        what = "it cannot be read which topics the run made before"
        remedy = "begin a new run, and delete the topics of this one by hand"
        raise Problem(what, str(folder / FILE), remedy, ExitCode.USAGE) from error


class RunTopics:
    """What one run makes on a cluster, from `begin` to `end`."""

    def __init__(self, admin: Admin, address: str, prefix: str, folder: Path, keep: bool, display: Display) -> None:
        """keep: whether nothing is deleted at the end. display: is told what was deleted, and warns of what stays."""
        self._admin, self._address, self._prefix, self._folder = admin, address, prefix, folder
        self._keep, self._display = keep, display
        self._earlier: tuple[str, ...] = ()
        self._deleted = Names()
        self._begun = False

    def begin(self, log: Log, partitions: int, cut_off: Sequence[str]) -> None:
        """Delete what an earlier part of the run left, and try whether topics can be made and deleted.

        cut_off: names of the cases that are recorded anew. Raises Problem.
        """
        there, ledger = self._there(), _ledger(self._folder)
        if taken := there.within([self._prefix]):
            what = f"the Kafka has {taken.counted()} of this run's name already, beginning with {self._prefix}"
            raise Problem(what, self._address, "run again: the name is drawn anew each time")
        self._earlier = ledger.prefixes[-_MOST_PARTS + 1 :]
        self._write_down()
        self._begun = True
        cases = [job_name(prefix, case) for prefix in self._earlier for case in cut_off]
        try:
            self._clear(there, cases if self._keep else self._earlier)
            self._rehearse(log, partitions)
        except Problem:
            self._begun = False  # It says itself what stays.
            raise
        self._deleted = Names()

    def _write_down(self) -> None:
        """Before anything is made. Raises Problem."""
        ledger = _Ledger(prefixes=(*self._earlier, self._prefix))
        try:
            write_whole(self._folder / FILE, ledger.model_dump_json(indent=2).encode())
        except OSError as error:
            what = f"it cannot be written down what the run makes on a Kafka: {error.strerror or error}"
            raise Problem(what, str(self._folder / FILE), "choose a folder with space with --out") from error

    def _clear(self, there: Names, beginnings: Sequence[str]) -> None:
        """Delete what an earlier part of the run left. Raises Problem."""
        if not (left := there.within(beginnings)):
            return
        still, why = self._gone(beginnings, _RUN_S)
        if still:
            what = f"what an earlier part of this run left cannot be deleted: {why}"
            raise Problem(what, self._address, commands(self._address, still))
        self._display.finished("kafka", f"deleted what an earlier part of this run left: {left.counted()}")

    def _rehearse(self, log: Log, partitions: int) -> None:
        """Make a topic as those of the trials will be made, and delete it. Raises Problem where either is refused."""
        topic = f"{self._prefix}rehearsal"
        try:
            log.create(topic, partitions)
        except LogFailure as failure:
            # By its name: of several brokers the one that lists topics may not have heard of it yet.
            self._admin.delete(Names(frozenset((topic,))))
            with suppress(Problem):
                self._gone([topic], _TRIAL_S)
            what = f"a run cannot make its topics on this Kafka: {failure.what}"
            raise Problem(what, self._address, "ask who runs it, or use another Kafka") from failure
        still, why = self._gone([topic], _TRIAL_S)
        if still and not self._keep:
            what = f"a run could not delete its topics on this Kafka: {why}"
            remedy = f"allow it, or say --keep-topics. One topic stays. {commands(self._address, still)}"
            raise Problem(what, self._address, remedy)

    def after_trial(self, job: str) -> None:
        """Delete what a trial made. What cannot go yet is left for the run's end, which says so."""
        if not self._keep:
            with suppress(Problem):
                self._gone([job], _TRIAL_S)

    def end(self) -> None:
        """Delete all that has the run's prefix, and say so, or what stays and how it is deleted by hand."""
        if not self._begun:
            return
        mine, how = [self._prefix], by_prefix(self._address, self._prefix)
        self._display.step("kafka", "looking for what the run made")
        try:
            still, why = (self._there().within(mine), "") if self._keep else self._gone(mine, _RUN_S)
        except Problem as problem:
            self._display.warn(f"kafka: what the run made was not deleted: {problem.what}. {how}")
        except KeyboardInterrupt:
            self._display.warn(f"kafka: not all that the run made was deleted. {how}")
            raise
        else:
            self._conclude(still, why)

    def _conclude(self, still: Names, why: str) -> None:
        if still:
            stays = "stay, as asked" if self._keep else f"could not be deleted: {why}"
            self._display.warn(f"kafka: {still.counted()} {stays}. {commands(self._address, still)}")
        elif self._deleted:
            self._display.finished("kafka", f"deleted what the run made: {self._deleted.counted()}")

    def _there(self) -> Names:
        """Raises Problem."""
        try:
            return self._admin.names()
        except LogFailure as failure:
            raise Problem(failure.what, failure.where, "see whether it is up") from failure

    def _gone(self, beginnings: Sequence[str], patience_s: float) -> tuple[Names, str]:
        """Delete what begins so until nothing is left or patience ends; what is left, and why. Raises Problem.

        It is looked for again each time: a client that is not quite gone may have had a topic made anew.
        """
        deadline = time.monotonic() + patience_s
        found = self._there().within(beginnings)
        while found:
            refused = self._admin.delete(found)
            self._deleted |= Names(found.topics - refused.keys(), found.groups - refused.keys())
            left = self._there().within(beginnings)
            lasting = {name for name, each in refused.items() if not each.passing}
            if left and (left.topics | left.groups <= lasting or time.monotonic() > deadline):
                return left, "; ".join({each.why: None for each in refused.values()}) or "they are still there"
            if left:
                time.sleep(_AGAIN_S)
            found = left
        return Names(), ""


def forget(admin: Admin, job: str) -> None:
    """Delete the topics that a trial made on a broker of ours, which keeps all that it is given: else a run of many
    trials fills the disk. What cannot go now goes with the broker.
    """
    with suppress(LogFailure):
        admin.delete(Names(admin.names().within([job]).topics))


def commands(address: str, names: Names) -> str:
    """How to delete these by hand, with Kafka's own tools."""
    prefixes = sorted({found[0] for topic in names.topics if (found := re.match(_PREFIX, topic))})
    told = [_topics_tool(address, prefix) for prefix in prefixes]
    if names.groups:
        groups = " ".join(f"--group {shlex.quote(group)}" for group in sorted(names.groups))
        told.append(_tool("consumer-groups", address, groups))
    return f"To delete them: {'; '.join(told)}"


def by_prefix(address: str, prefix: str) -> str:
    """The same where it is not known what is there."""
    return f"To delete its topics: {_topics_tool(address, prefix)}"


def _topics_tool(address: str, prefix: str) -> str:
    # That tool takes a pattern.
    return _tool("topics", address, f"--topic {shlex.quote(f'{prefix}.*')}")


def _tool(name: str, address: str, what: str) -> str:
    return f"kafka-{name}.sh --bootstrap-server {shlex.quote(address)} --delete {what}"
