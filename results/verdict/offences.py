"""Every row that is not as it should be: how many there are of which kind, and the first of them with what is wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from results.evidence.rows import UNKNOWN_KEY
from results.result import Kind, Offence, PhaseKind, Verdict
from results.verdict.audit import SUMS, Explanation, describe, outputs
from results.verdict.causality import premature
from results.verdict.delivery import aborted_reads, out_of_order, scattered
from results.verdict.examination import Examination
from results.verdict.explanation import Explainer
from results.verdict.matching import DUPLICATE, MATCH, UNEXPECTED, WRONG
from results.verdict.transactions import torn
from workloads.query import Join, Query, Running, Windowed
from workloads.stream import Integers

SHOWN = 5
"""How many offending rows are kept of each count, the first ones."""

EXPLAINED = 1_000_000
"""So many wrong rows are explained, the first ones: there may be many millions."""

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
    return _Finding(seen, kind).conclude()


class _Finding:
    def __init__(self, seen: Examination, kind: PhaseKind) -> None:
        self._seen, self._matching, self._query = seen, seen.matching, seen.stream.query
        due, rows = self._matching.due, self._matching.rows
        mine = np.array([number for number, phase in enumerate(seen.phases) if phase.kind == kind], dtype=np.int64)
        self._mine = mine
        self._due_here = np.isin(due.phases, mine)
        self._row_phases = row_phases(seen)
        self._rows_here = np.isin(self._row_phases, mine)
        malformed = seen.phase_at(np.array([row.visible_ns for row in rows.malformed], dtype=np.int64))
        self._malformed = [
            (int(phase), row) for phase, row in zip(malformed, rows.malformed, strict=True) if phase in mine
        ]

        self._premature = premature(seen)

    def conclude(self) -> Findings:
        matching = self._matching
        counts_as, conflicts = matching.counts_as, matching.conflicts
        missing = np.flatnonzero(self._due_here & matching.missing)
        wrong, duplicate, unexpected = (
            np.flatnonzero(self._rows_here & (counts_as == count)) for count in (WRONG, DUPLICATE, UNEXPECTED)
        )
        # Where the audit is right no event need be looked for: these are wrong values, however many there are.
        audited = self._audit_is_right(wrong) & ~conflicts[wrong]
        doubtful = wrong[~audited & (~conflicts[wrong] | self._in_succession)]
        explicable = unexpected[self._explicable(unexpected)]
        puzzling, strays = doubtful[:EXPLAINED], explicable[:EXPLAINED]
        rest = np.concatenate((doubtful[EXPLAINED:], explicable[EXPLAINED:]))
        shown = wrong[:SHOWN] if outputs(self._query) else wrong[:EXPLAINED]
        concerned = np.concatenate((puzzling, np.setdiff1d(shown, puzzling), strays))
        self._explainer = Explainer(self._seen, concerned, missing[:SHOWN])
        kinds: Counter[Kind] = Counter()
        kinds["wrong value"] += int(np.count_nonzero(audited))
        kinds.update(self._kind(int(row)) for row in np.setdiff1d(wrong[~audited], rest))
        kinds.update(self._kind_of_stray(int(row)) for row in np.setdiff1d(unexpected, rest))
        kinds["loss"] += len(missing)
        kinds["duplicate"] += len(duplicate)
        kinds["malformed"] += len(self._malformed)
        never: dict[Kind, Integers] = {
            "aborted read": aborted_reads(self._seen),
            "out of order": out_of_order(self._seen),
            "torn": torn(self._seen),
            "scattered": scattered(self._seen),
            "premature": self._premature.rows,
        }
        never = {kind: rows[self._rows_here[rows]] for kind, rows in never.items()}
        kinds.update({kind: len(rows) for kind, rows in never.items()})
        offences = [self._missing(due) for due in missing[:SHOWN].tolist()]
        offences += [self._wrong(row) for row in wrong[:SHOWN].tolist()]
        offences += [self._duplicate(row) for row in duplicate[:SHOWN].tolist()]
        offences += [self._forbidden(kind, row) for kind, rows in never.items() for row in rows[:SHOWN].tolist()]
        strange = [self._malformed_row(number) for number in range(min(SHOWN, len(self._malformed)))]
        strange += [self._unexpected(row) for row in unexpected[:SHOWN].tolist()]
        verdict = Verdict(
            match=int(np.count_nonzero(counts_as[self._rows_here] == 0)),
            missing=len(missing),
            duplicate=len(duplicate),
            wrong=len(wrong),
            unexpected=len(unexpected) + len(self._malformed),
            late_dropped=sum(self._seen.lateness[number].dropped for number in self._mine),
        )
        due = int(np.count_nonzero(self._due_here))
        counted = {kind: n for kind, n in sorted(kinds.items()) if n}
        undecided = sum(self._is_undecided(int(row)) for row in np.setdiff1d(wrong[~audited], rest))
        return Findings(
            verdict, due, counted, offences + strange[:SHOWN], len(rest), undecided, self._matching.unpaired
        )

    @property
    def _in_succession(self) -> bool:
        """Whether a second row under one identity may come from an event that was counted twice."""
        return isinstance(self._query.shape, Windowed | Running) and self._query.time_window is None

    def _audit_is_right(self, rows: Integers) -> NDArray[np.bool_]:
        matching, places = self._matching, [self._query.fields.index(name) for name in SUMS if outputs(self._query)]
        due = matching.due.values[places][:, matching.index[rows]]
        equal = np.all(matching.rows.values[places][:, rows] == due, axis=0)
        return np.asarray(equal & ~matching.renamed[rows], dtype=np.bool_)

    def _explicable(self, unexpected: Integers) -> NDArray[np.bool_]:
        """Unexpected rows that may be a part of a window, or one window more, because of a lost or repeated event."""
        matching = self._matching
        if self._in_succession and isinstance(self._query.shape, Windowed):
            return np.asarray(matching.rows.keys[unexpected] != UNKNOWN_KEY, dtype=np.bool_)
        return np.asarray(matching.within[unexpected] >= 0, dtype=np.bool_)

    def _kind(self, row: int) -> Kind:
        explanation = self._explainer.of(row)
        conflict = bool(self._matching.conflicts[row])
        if explanation is None:
            return "conflict" if conflict else "broken audit"
        if conflict and not (self._in_succession and explanation.kind in _CAUSES):
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
            explanation=f"no row for its {len(ids)} event{'s' if len(ids) > 1 else ''}: {describe(ids)}",
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
        return self._of_due(
            due,
            row,
            kind="duplicate",
            count_as="duplicate",
            expected=self._named(self._matching.due.values[:, due]),
            found=self._named(rows.values[:, row]),
            explanation=f"the same row is there {len(copies)} times, this one {later_ms:.0f} ms after the first",
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

    def _forbidden(self, kind: Kind, row: int) -> Offence:
        why = self._premature.explanation(row) if kind == "premature" else _FORBIDDEN[kind]
        return self._of_row(row, kind=kind, count_as=_COUNTS_AS[self._matching.counts_as[row]], explanation=why)

    def _malformed_row(self, number: int) -> Offence:
        phase, row = self._malformed[number]
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


def row_phases(seen: Examination) -> Integers:
    """Index of the phase of each row: that of the row it answers, else the one in which it became visible."""
    due, rows, index = seen.matching.due, seen.matching.rows, seen.matching.index
    phases = np.where(index >= 0, due.phases[index], -1) if len(due.phases) else np.full(len(index), -1)
    strays = phases < 0
    phases[strays] = seen.phase_at(rows.visible_ns[strays])
    return np.asarray(phases, dtype=np.int64)


@dataclass(frozen=True)
class _Bounds:
    """What names a row beside its key: the bounds of a time window, and any other integers by name."""

    start: int | None
    end: int | None
    others: dict[str, int]


def _bounds(query: Query, identity: Integers) -> _Bounds:
    named: dict[str, int] = dict(zip(query.identity, identity.tolist(), strict=True))
    return _Bounds(named.pop("start", None), named.pop("end", None), named)


def _groundless(query: Query) -> str:
    match query.shape:
        case Windowed() if query.time_window is not None:
            return "no event of this key falls into this window"
        case Windowed():
            return "no window of this key begins with this event"
        case Join():
            return "these events of this key are no pair"
        case _:
            return "no row is due for this event of this key"
