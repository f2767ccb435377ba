"""Every row that is not as it should be: how many there are of which kind, and the first of them with what is wrong."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any

import numpy as np

from results.evidence.rows import UNKNOWN_KEY
from results.result import Kind, Offence, PhaseKind, Verdict
from results.verdict.audit import Explanation, describe
from results.verdict.causality import Premature, premature
from results.verdict.examination import Examination
from results.verdict.explanation import Explainer
from results.verdict.matching import DUPLICATE, MATCH, UNEXPECTED, WRONG
from results.verdict.tally import (
    DUPLICATES,
    EXPLAINED,
    MALFORMED,
    MISSING,
    SHOWN,
    UNEXPECTED_ROWS,
    WRONG_ROWS,
    Chosen,
    Tally,
    audited,
    chosen,
    counted,
    due_ranks,
    explicable,
    in_succession,
    is_doubtful,
    malformed_of,
    unexplained,
)
from workloads.query import Join, Query, SqlAnswer, Windowed
from workloads.stream import Integers

_IDS = 10
_CAUSES: tuple[Kind, ...] = ("loss", "double count", "uncommitted read")
_COUNTS_AS = {MATCH: "match", DUPLICATE: "duplicate", WRONG: "wrong", UNEXPECTED: "unexpected"}
_FORBIDDEN: dict[Kind, str] = {
    "aborted read": "its transaction was aborted, and a read_committed consumer was given it all the same",
    "torn": "its transaction was committed in this partition and aborted, or never ended, in another",
    "scattered": "earlier rows of this key stand in another partition, so that no reader can tell their order",
    "out of order": "a row of this key that a later event made final stands before it in the same partition",
}


@dataclass(frozen=True)
class Findings:
    """Rows by count and by kind, and the first offending rows."""

    verdict: Verdict
    """Rows by count."""
    due: int
    """How many rows there should be."""
    kinds: dict[Kind, int]
    """How many rows are wrong in which way; a row may be of several kinds."""
    offences: list[Offence]
    """The first offending rows of each count and kind."""
    unexplained: int = 0
    """How many wrong rows were not looked into, and have no kind."""
    undecided: int = 0
    """How many rows of broken audit have that kind only because the search for another cause ended at a limit."""
    unpaired: int = 0
    """As of `Matching`."""


def findings(seen: Examination, kind: PhaseKind) -> Findings:
    """What the matching says about the phases of one kind."""
    tally = counted(seen, kind)
    (mine,) = chosen(seen.stream.query, [tally])
    return concluded([tally], [explained(seen, kind, mine)])


@dataclass(frozen=True)
class ExplainedRows:
    """What was found of the rows of a slice that are not as they should be."""

    kinds: Counter[Kind]
    """Rows by kind, of those that had none."""
    undecided: int
    """As of `Findings`."""
    offences: dict[str, list[tuple[tuple[int, ...], Offence]]]
    """The rows that are shown, by sort, each with what it is in order by."""


def explained(seen: Examination, kind: PhaseKind, mine: Chosen) -> ExplainedRows:
    """What stands behind the rows of a slice."""
    return _Finding(seen, kind, mine).explained()


def concluded(tallies: Sequence[Tally], slices: Sequence[ExplainedRows]) -> Findings:
    """What all slices say together. slices: as far as something was to be explained there."""
    kinds: Counter[Kind] = Counter()
    for counts in (*(tally.kinds for tally in tallies), *(each.kinds for each in slices)):
        kinds.update(counts)
    shown: dict[str, list[tuple[tuple[int, ...], Offence]]] = defaultdict(list)
    for each in slices:
        for sort, found in each.offences.items():
            shown[sort] += found
    first = {sort: [offence for _, offence in sorted(found, key=itemgetter(0))] for sort, found in shown.items()}
    ordered = [offence for sort in tallies[0].shown if sort != UNEXPECTED_ROWS for offence in first.get(sort, [])]
    strange = [*first.get(MALFORMED, []), *first.get(UNEXPECTED_ROWS, [])]
    return Findings(
        verdict=_sum([tally.verdict for tally in tallies]),
        due=sum(tally.due for tally in tallies),
        kinds={kind: n for kind, n in sorted(kinds.items()) if n},
        offences=ordered + strange[:SHOWN],
        unexplained=unexplained(tallies),
        undecided=sum(each.undecided for each in slices),
        unpaired=sum(tally.unpaired for tally in tallies),
    )


def _sum(verdicts: Sequence[Verdict]) -> Verdict:
    return Verdict(**{name: sum(getattr(verdict, name) for verdict in verdicts) for name in Verdict.model_fields})


class _Finding:
    def __init__(self, seen: Examination, kind: PhaseKind, mine: Chosen) -> None:
        self._seen, self._matching, self._query, self._chosen = seen, seen.matching, seen.stream.query, mine
        self._row_phases = seen.row_phases
        self._phases = [number for number, phase in enumerate(seen.phases) if phase.kind == kind]
        self._rows_here = np.isin(self._row_phases, self._phases)
        missing = mine.shown[MISSING]
        self._explainer = Explainer(seen, mine.concerned, missing, mine.positions, mine.thorough)

    def explained(self) -> ExplainedRows:
        matching, numbers = self._matching, self._matching.rows.numbers
        wrong, unexpected = (
            np.flatnonzero(self._rows_here & (matching.counts_as == count)) for count in (WRONG, UNEXPECTED)
        )
        open_rows = wrong[~audited(self._seen, wrong)]
        doubtful, strays = self._chosen.explained
        beyond = (numbers[open_rows] > doubtful) & is_doubtful(self._seen, open_rows)
        open_rows = open_rows[~beyond]
        unexpected = unexpected[~((numbers[unexpected] > strays) & explicable(self._seen, unexpected))]
        kinds: Counter[Kind] = Counter(self._kind(int(row)) for row in open_rows)
        kinds.update(self._kind_of_stray(int(row)) for row in unexpected)
        return ExplainedRows(
            kinds=kinds,
            undecided=sum(self._is_undecided(int(row)) for row in open_rows),
            offences={sort: list(self._offences(sort, places)) for sort, places in self._chosen.shown.items()}
            | {MALFORMED: [((int(row),), self._malformed_row(int(row))) for row in self._malformed]},
        )

    def _offences(self, sort: str, places: Integers) -> Iterator[tuple[tuple[int, ...], Offence]]:
        if sort == MISSING:
            ranks = due_ranks(self._seen, places).T.tolist()
            yield from ((tuple(rank), self._missing(due)) for rank, due in zip(ranks, places.tolist(), strict=True))
            return
        shown = {WRONG_ROWS: self._wrong, DUPLICATES: self._duplicate, UNEXPECTED_ROWS: self._unexpected}
        for row in places.tolist():
            rank = (int(self._matching.rows.numbers[row]),)
            yield rank, shown[sort](row) if sort in shown else self._forbidden(sort, row)

    @property
    def _malformed(self) -> Integers:
        return malformed_of(self._seen, self._phases)[:SHOWN]

    @cached_property
    def _premature(self) -> Premature:
        return premature(self._seen)

    def _kind(self, row: int) -> Kind:
        explanation = self._explainer.of(row)
        conflict = bool(self._matching.conflicts[row])
        if explanation is None:
            return "conflict" if conflict else "broken audit"
        if conflict and not (in_succession(self._query) and explanation.kind in _CAUSES):
            return "conflict"
        return explanation.kind

    def _is_undecided(self, row: int) -> bool:
        explanation = self._explainer.of(row)
        return explanation is not None and not explanation.certain and self._kind(row) == "broken audit"

    def _kind_of_stray(self, row: int) -> Kind:
        explanation = self._explainer.of_stray(row)
        return explanation.kind if explanation is not None and explanation.kind in _CAUSES else "unexpected"

    # One offence of each sort.

    def _missing(self, due: int) -> Offence:
        ids = self._explainer.ids(due)
        return self._of_due(
            due,
            kind="loss",
            count_as="missing",
            expected=self._named(self._matching.due.values[:, due]),
            ids=list(ids[:_IDS]),
            ids_count=len(ids),
            explanation=f"no row for its {len(ids)} event{'s' if len(ids) > 1 else ''}: {describe(ids)}"
            if ids
            else "there is no such row",
        )

    def _wrong(self, row: int) -> Offence:
        due, kind = int(self._matching.index[row]), self._kind(row)
        explanation = self._explainer.of(row)
        if explanation is None:
            explanation = Explanation(kind, f"not looked into: {EXPLAINED} such rows were")
        elif kind == "conflict":
            what = "window" if isinstance(self._query.shape, Windowed) else "identity"
            explanation = Explanation(kind, f"another row of this {what} says otherwise; here {explanation.text}")
        return self._of_due(
            due,
            row,
            kind=kind,
            count_as="wrong",
            expected=self._named(self._matching.due.values[:, due]),
            found=self._named(self._matching.rows.values[:, row]),
            ids=list(explanation.ids[:_IDS]),
            ids_count=len(explanation.ids),
            explanation=explanation.text,
        )

    def _duplicate(self, row: int) -> Offence:
        index, rows = self._matching.index, self._matching.rows
        due = int(index[row])
        copies = np.flatnonzero(index == due)
        later_ms = (rows.visible_ns[row] - rows.visible_ns[copies[0]]) / 1e6
        when = "" if self._seen.history.plan.polled else f", this one {later_ms:.0f} ms after the first"
        return self._of_due(
            due,
            row,
            kind="duplicate",
            count_as="duplicate",
            expected=self._named(self._matching.due.values[:, due]),
            found=self._named(rows.values[:, row]),
            explanation=f"the same row is there {len(copies)} times{when}",
        )

    def _unexpected(self, row: int) -> Offence:
        kind, explanation = self._kind_of_stray(row), self._explainer.of(row)
        ids = explanation.ids if explanation is not None and kind in _CAUSES else ()
        return self._of_row(
            row,
            kind=kind,
            count_as="unexpected",
            ids=list(ids[:_IDS]),
            ids_count=len(ids),
            explanation=self._why_unexpected(row, kind),
        )

    def _why_unexpected(self, row: int, kind: Kind) -> str:
        explanation = self._explainer.of_stray(row)
        if explanation is not None and (kind in _CAUSES or self._explainer.named(row)):
            return explanation.text
        known = self._matching.rows.keys[row] != UNKNOWN_KEY
        return _groundless(self._query) if known else "no event has this key"

    def _forbidden(self, kind: Any, row: int) -> Offence:
        why = self._premature.explanation(row) if kind == "premature" else _FORBIDDEN[kind]
        return self._of_row(row, kind=kind, count_as=_COUNTS_AS[self._matching.counts_as[row]], explanation=why)

    def _malformed_row(self, number: int) -> Offence:
        row = self._matching.rows.malformed[number]
        (phase,) = self._seen.phase_at(np.array([row.visible_ns])).tolist()
        return Offence(
            kind="malformed",
            count_as="unexpected",
            phase=self._seen.phases[phase].name,
            key=None,
            start=None,
            end=None,
            partition=row.partition,
            offset=row.offset,
            found=row.text,
            explanation=row.why,
        )

    def _of_row(self, row: int, **what: object) -> Offence:
        rows = self._matching.rows
        bounds = _bounds(self._query, rows.identity[:, row])
        known = rows.keys[row] != UNKNOWN_KEY
        return Offence.model_validate(
            {
                "phase": self._seen.phases[self._row_phases[row]].name,
                "key": self._seen.labels[rows.keys[row]] if known else rows.strangers[row],
                "start": bounds.start,
                "end": bounds.end,
                "identity": bounds.others,
                "partition": int(rows.partitions[row]),
                "offset": int(rows.offsets[row]),
                "found": self._named(rows.values[:, row]),
                **what,
            }
        )

    def _of_due(self, due: int, row: int | None = None, **what: object) -> Offence:
        expected, rows = self._matching.due, self._matching.rows
        bounds = _bounds(self._query, expected.identity[:, due])
        return Offence.model_validate(
            {
                "phase": self._seen.phases[expected.phases[due]].name,
                "key": self._seen.labels[expected.keys[due]],
                "start": bounds.start,
                "end": bounds.end,
                "identity": bounds.others,
                "partition": None if row is None else int(rows.partitions[row]),
                "offset": None if row is None else int(rows.offsets[row]),
                **what,
            }
        )

    def _named(self, values: Integers) -> dict[str, int]:
        return dict(zip(self._query.fields, values.tolist(), strict=True))


@dataclass(frozen=True)
class _Bounds:
    """What names a row beside its key: the bounds of a time window, and any other integers by name."""

    start: int | None
    end: int | None
    others: dict[str, int]


def _bounds(query: Query, identity: Integers) -> _Bounds:
    named: dict[str, int] = dict(zip(query.identity, identity.tolist(), strict=True))
    if isinstance(query.shape, SqlAnswer):
        return _Bounds(None, None, named)  # What a user's columns mean is not known.
    return _Bounds(named.pop("start", None), named.pop("end", None), named)


def _groundless(query: Query) -> str:
    match query.shape:
        case Windowed() if query.time_window is not None:
            return "no event of this key falls into this window"
        case Windowed():
            return "no window of this key begins with this event"
        case Join():
            return "these events of this key are no pair"
        case SqlAnswer(named=file):
            return f"{file} says no such row of this key"
        case _:
            return "no row is due for this event of this key"
