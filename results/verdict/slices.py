"""A history judged by slices of keys, so that memory holds a slice at a time and two cores share them.

Each slice is examined by itself: keys have nothing to do with each other. What is merged is counts, the first offences
and the rows of paced phases, on which latencies rest.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from results.evidence import apportioned
from results.evidence.apportioned import FiledInput, FiledRows, JudgedFolder
from results.evidence.committed_input import CommittedInput, Flaws, input_problems, recounted
from results.evidence.course import Course
from results.evidence.offsets import Ascent, recording_problems
from results.evidence.phases import Phase
from results.evidence.regenerated import opened
from results.history import History
from results.pool import PROCESSES, Pool
from results.result import PhaseKind
from results.verdict import offences
from results.verdict.examination import Answered, Examination, compared, problems_of
from results.verdict.examination import examine as examine_whole
from results.verdict.late import Lateness
from results.verdict.matching import UNEXPECTED
from results.verdict.offences import ExplainedRows, Findings, concluded, explained
from results.verdict.paced_rows import PacedRows, joined, paced_rows
from results.verdict.pairing import PAIRED, pairs_windows
from results.verdict.tally import Chosen, Tally, chosen, counted, lighter
from workloads.query import SqlAnswer
from workloads.stream import Integers


@dataclass(frozen=True)
class Weighed:
    """What stands in a slice."""

    tallies: dict[PhaseKind, Tally]
    """By kind of phase."""
    given: list[tuple[int, int]]
    """Of each phase, how many events it was given, and how many different ones."""
    repeated: list[int]
    """As of `Examination`."""
    lateness: list[Lateness]
    """Of each phase, in sum."""
    answered: list[Answered]
    """Of each phase."""
    paced: PacedRows
    """The rows of paced phases."""
    strays: Integers
    """Where windows move with a fault: numbers of the unexpected rows of known keys, the first ones, ascending."""


@dataclass(frozen=True)
class Weighing:
    """The task to examine a slice, by its number. paired_before: as of `results.verdict.pairing.pair`."""

    site: JudgedFolder
    number: int
    paired_before: int | None = None

    def do(self) -> Weighed:
        seen = self.examined()
        kinds: list[PhaseKind] = list(dict.fromkeys(phase.kind for phase in seen.phases))
        given = [seen.given.ids[phase.name] for phase in seen.phases]
        return Weighed(
            tallies={kind: counted(seen, kind) for kind in kinds},
            given=[(len(ids), _distinct(ids)) for ids in given],
            repeated=seen.repeated,
            lateness=[Lateness.merged([late]) for late in seen.lateness],
            answered=seen.answered,
            paced=paced_rows(seen),
            strays=_strays(seen)[: PAIRED + 1],
        )

    def examined(self) -> Examination:
        here, ids, rows = apportioned.read_slice(self.site, self.number)
        given = apportioned.given_to(ids)
        return compared(here.history, here.stream, here.phases, here.labels, given, rows, self.paired_before)


@dataclass(frozen=True)
class Explaining:
    """The task to explain what is not as it should be in a slice."""

    weighing: Weighing
    kind: PhaseKind
    chosen: Chosen

    def do(self) -> ExplainedRows:
        return explained(self.weighing.examined(), self.kind, self.chosen)


Task = apportioned.Charting | apportioned.InputFiling | apportioned.RowFiling | Weighing | Explaining


def do(task: Task) -> object:
    """In a process of the judge, or in the judge's own."""
    return task.do()


@dataclass(frozen=True)
class Examined:
    """A history, examined. seen: as a whole, or what measurements need of all slices. slices: None if it is one."""

    seen: Examination
    slices: Slices | None = None


def examine(history: History, phases: list[Phase], until: ExitStack) -> Examined:
    """Compare what is there with what is due; a large history by slices. Raises DamagedHistory or CannotJudge where
    that cannot be done.

    until: what it ends with ends processes and removes files, and nothing more can be found then.
    """
    stream, labels = opened(history, phases)
    number = apportioned.slices_for(history, phases, labels)
    # A user's own SQL may take keys together.
    if number == 1 or isinstance(stream.query.shape, SqlAnswer):
        return Examined(examine_whole(history, phases))
    scratch = Path(until.enter_context(TemporaryDirectory(prefix="streamgauge-", ignore_cleanup_errors=True)))
    pool = until.enter_context(Pool(PROCESSES, scratch))
    slices = Slices(history, phases, JudgedFolder(history.folder, scratch, number), pool)
    if not slices.apportioned():
        return Examined(examine_whole(history, phases))
    return Examined(slices.weighed(), slices)


def findings(examined: Examined, kind: PhaseKind) -> Findings:
    """What stands in the phases of one kind."""
    if examined.slices is None:
        return offences.findings(examined.seen, kind)
    return examined.slices.findings(kind)


class Slices:
    """A history in slices."""

    def __init__(self, history: History, phases: list[Phase], site: JudgedFolder, pool: Pool) -> None:
        self._history, self._phases, self._site, self._pool = history, phases, site, pool
        self._stream, self._labels = opened(history, phases)
        self._weighings = [Weighing(site, number) for number in range(site.slices)]

    def apportioned(self) -> bool:
        """Read the history and file it by slices. False where it is to be judged as a whole: rows were not recorded in
        their order, which no collector of ours does.
        """
        tasks = apportioned.filings(self._site, self._history, self._phases)
        found = dict(self._pool.each(do, tasks))
        filed = [found[place] for place in range(len(tasks))]
        self._inputs = [each for each in filed if isinstance(each, FiledInput)]
        self._rows = [each for each in filed if isinstance(each, FiledRows)]
        for each in (self._inputs, self._rows):
            ascent = Ascent()
            for part in each:
                ascent.follow(part.ascent)
            if not ascent.ascends:
                return False
        apportioned.keep(self._site, self._inputs, self._rows)
        return True

    def weighed(self) -> Examination:
        """Examine every slice. What measurements need of all of them, and what stands against a verdict."""
        self._parts = self._weigh()
        strays = np.sort(np.concatenate([part.strays for part in self._parts]))
        if len(strays) > PAIRED:
            before = int(strays[PAIRED])
            self._weighings = [replace(weighing, paired_before=before) for weighing in self._weighings]
            self._parts = self._weigh()
        lateness = [Lateness.merged(each) for each in zip(*(part.lateness for part in self._parts), strict=True)]
        repeated = [sum(each) for each in zip(*(part.repeated for part in self._parts), strict=True)]
        answered = list(self._parts[0].answered)
        for part in self._parts[1:]:
            answered = [one.joined(other) for one, other in zip(answered, part.answered, strict=True)]
        for place, phase in enumerate(self._phases):
            self._stream.courses[phase.segment] = Course.stored(apportioned.course_folder(self._site, place))
        given = self._input_problems()
        after, outside = (sum(counts) for counts in ([r.after for r in self._rows], [r.outside for r in self._rows]))
        return Examination(
            history=self._history,
            stream=self._stream,
            phases=self._phases,
            labels=self._labels,
            given=CommittedInput({}, given),
            matching=joined([part.paced for part in self._parts]),
            late_ids=[self._stream.late(phase.segment) for phase in self._phases],
            lateness=lateness,
            updates=None,
            repeated=repeated,
            problems=problems_of(self._phases, given, repeated, lateness, recording_problems(0, after, outside)),
            answered=answered,
        )

    def findings(self, kind: PhaseKind) -> Findings:
        """What stands in the phases of one kind of all slices."""
        tallies = [part.tallies[kind] for part in self._parts]
        tasks = [
            Explaining(weighing, kind, mine)
            for weighing, mine, tally in zip(self._weighings, chosen(self._stream.query, tallies), tallies, strict=True)
            if tally.unsettled or tally.kinds["malformed"] or any(len(places) for places in mine.shown.values())
        ]
        found = [each for _, each in self._pool.each(do, tasks) if isinstance(each, ExplainedRows)]
        return concluded(tallies, found)

    def _weigh(self) -> list[Weighed]:
        """Each slice, the largest ones first, so that none is left to be weighed alone in the end."""
        filed = [*(each.filed for each in self._inputs), *(each.filed for each in self._rows)]
        sizes = np.sum([each.counts.sum(axis=0) for each in filed], axis=0)
        order = np.argsort(-sizes, kind="stable").tolist()
        tasks = [self._weighings[number] for number in order]
        found: dict[int, Weighed] = {}
        for place, each in self._pool.each(do, tasks):
            if isinstance(each, Weighed):
                found[order[place]] = each
                found = _lighter(found)
        return [found[number] for number in range(self._site.slices)]

    def _input_problems(self) -> dict[str, list[str]]:
        """By phase name. Only where an event is missing, or is there twice, is each looked for."""
        wrong = Flaws()
        for each in self._inputs:
            wrong = wrong.joined(each.flaws)
        given = np.sum([part.given for part in self._parts], axis=0).tolist()
        whole = all(
            found == distinct == phase.segment.count
            for (found, distinct), phase in zip(given, self._phases, strict=True)
        )
        once = {phase.name: np.ones(1, dtype=np.uint8) for phase in self._phases}
        return input_problems(self._phases, wrong, once if whole else recounted(self._history, self._phases))


def _lighter(found: dict[int, Weighed]) -> dict[int, Weighed]:
    """The same, by number of the slice, with no more rows than may be explained."""
    for kind in next(iter(found.values())).tallies:
        tallies = lighter([each.tallies[kind] for each in found.values()])
        found = {
            number: replace(each, tallies=each.tallies | {kind: tally})
            for (number, each), tally in zip(found.items(), tallies, strict=True)
        }
    return found


def _distinct(ids: Integers) -> int:
    """How many different ones there are. Sorting is many times faster than numpy's unique, which hashes."""
    return int(np.count_nonzero(np.diff(np.sort(ids)))) + 1 if len(ids) else 0


def _strays(seen: Examination) -> Integers:
    """The numbers of unexpected rows of known keys before any was paired; none where none are."""
    matching = seen.matching
    if not pairs_windows(seen.stream.query):
        return np.empty(0, dtype=np.int64)
    unexpected = (matching.counts_as == UNEXPECTED) | matching.renamed
    return np.asarray(matching.rows.numbers[unexpected & (matching.rows.keys >= 0)], dtype=np.int64)
