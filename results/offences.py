"""Every row that is not as it should be, explained: what is wrong, in which window, with which events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from results.audit import Columns, Explanation, describe, explain
from results.comparison import DUPLICATE, UNEXPECTED, WRONG
from results.examination import Examination
from results.result import Kind, Offence, PhaseKind, Verdict
from results.rows import UNKNOWN_KEY
from workloads.query import AUDIT, ID
from workloads.stream import Integers

SHOWN = 5
"""How many offending rows are kept of each count, the first ones."""

EXPLAINED = 20_000
THOROUGH = 500
"""So many wrong rows are explained, so many of them searched for scattered events too: there may be millions."""

_IDS = 10


@dataclass(frozen=True)
class Findings:
    """Rows by count and by kind, and the first offending rows. due: how many rows there should be."""

    verdict: Verdict
    due: int
    kinds: dict[Kind, int]
    offences: list[Offence]


def findings(seen: Examination, kind: PhaseKind) -> Findings:
    """What the comparison says about the phases of one kind."""
    return _Finding(seen, kind).conclude()


class _Finding:
    def __init__(self, seen: Examination, kind: PhaseKind) -> None:
        self._seen, self._comparison = seen, seen.comparison
        windows, rows = self._comparison.windows, self._comparison.rows
        mine = np.array([number for number, phase in enumerate(seen.phases) if phase.kind == kind], dtype=np.int64)
        self._windows = np.isin(windows.phases, mine)
        index = self._comparison.index
        # A row for no window belongs to the phase in which it became visible.
        phases = np.where(index >= 0, windows.phases[index], -1) if len(windows.phases) else np.full(len(index), -1)
        strays = phases < 0
        phases[strays] = seen.phase_at(rows.visible_ns[strays])
        self._row_phases = phases
        self._rows = np.isin(phases, mine)
        malformed = seen.phase_at(np.array([row.visible_ns for row in rows.malformed], dtype=np.int64))
        self._malformed = [
            (int(phase), row) for phase, row in zip(malformed, rows.malformed, strict=True) if phase in mine
        ]

    def conclude(self) -> Findings:
        counts_as = self._comparison.counts_as
        counts = np.bincount(counts_as[self._rows], minlength=4)
        missing = np.flatnonzero(self._windows & self._comparison.missing)
        wrong = np.flatnonzero(self._rows & (counts_as == WRONG))
        duplicate = np.flatnonzero(self._rows & (counts_as == DUPLICATE))
        unexpected = np.flatnonzero(self._rows & (counts_as == UNEXPECTED))
        verdict = Verdict(
            match=int(counts[0]),
            missing=len(missing),
            duplicate=len(duplicate),
            wrong=len(wrong),
            unexpected=len(unexpected) + len(self._malformed),
        )
        plain = wrong[~self._comparison.conflicts[wrong]]
        # Where the audit is right no event need be looked for: these are wrong values, however many there are.
        audited = self._audit_is_right(plain)
        puzzling = plain[~audited][:EXPLAINED]
        events = self._events_of(
            np.concatenate((missing[:SHOWN], self._comparison.index[wrong[:SHOWN]], self._comparison.index[puzzling]))
        )
        explained = self._explain(np.concatenate((puzzling, plain[audited][:SHOWN])), events)
        kinds: Counter[Kind] = Counter(explained[int(row)].kind for row in puzzling)
        kinds["wrong value"] += int(np.count_nonzero(audited))
        kinds["broken audit"] += int(np.count_nonzero(~audited)) - len(puzzling)
        kinds["conflict"] += len(wrong) - len(plain)
        kinds["loss"] += len(missing)
        kinds["duplicate"] += len(duplicate)
        kinds["unexpected"] += len(unexpected)
        kinds["malformed"] += len(self._malformed)
        offences = [self._missing(window, events) for window in missing[:SHOWN]]
        offences += [self._wrong(row, explained.get(int(row)), events) for row in wrong[:SHOWN]]
        offences += [self._duplicate(row) for row in duplicate[:SHOWN]]
        strange = [self._malformed_row(number) for number in range(min(SHOWN, len(self._malformed)))]
        strange += [self._unexpected(row) for row in unexpected[:SHOWN]]
        due = int(np.count_nonzero(self._windows))
        return Findings(verdict, due, {kind: n for kind, n in sorted(kinds.items()) if n}, offences + strange[:SHOWN])

    def _audit_is_right(self, rows: Integers) -> NDArray[np.bool_]:
        comparison, audit = self._comparison, len(AUDIT)
        due = comparison.windows.values[-audit:, comparison.index[rows]]
        return np.asarray(np.all(comparison.rows.values[-audit:, rows] == due, axis=0), dtype=np.bool_)

    def _events_of(self, windows: Integers) -> dict[int, Columns]:
        """The events of these windows, in log order, by window."""
        comparison = self._comparison
        found: dict[int, Columns] = {}
        for number in np.unique(comparison.windows.phases[windows]):
            mine = np.unique(windows[comparison.windows.phases[windows] == number])
            wanted = pa.table(
                {
                    "key": comparison.windows.keys[mine],
                    "start": comparison.windows.starts[mine],
                    "end": comparison.windows.ends[mine],
                }
            )
            members = self._seen.members(self._seen.phases[number], wanted)
            columns = {name: members[name].to_numpy() for name in members.schema.names}
            owner = self._seen.finder.find(columns.pop("key"), columns.pop("start"), columns.pop("end"))
            # Members come in log order, and a stable sort keeps it within each window.
            order = np.argsort(owner, kind="stable")
            windows_in_order, starts = np.unique(owner[order], return_index=True)
            for window, positions in zip(windows_in_order, np.split(order, starts[1:]), strict=True):
                found[int(window)] = {name: column[positions] for name, column in columns.items()}
        return found

    def _explain(self, rows: Integers, events: Mapping[int, Columns]) -> dict[int, Explanation]:
        query = self._seen.replay.query
        explained = {}
        for number, row in enumerate(rows):
            window = int(self._comparison.index[row])
            explained[int(row)] = explain(
                query, events.get(window, {}), self._due(window), self._found(row), thorough=number < THOROUGH
            )
        return explained

    # One offence of each sort.

    def _missing(self, window: int, events: Mapping[int, Columns]) -> Offence:
        ids = tuple(int(value) for value in events[int(window)][ID])
        return self._of_window(
            window,
            kind="loss",
            count_as="missing",
            expected=self._due(window),
            ids=list(ids[:_IDS]),
            ids_count=len(ids),
            explanation=f"no row for its {len(ids)} event{'s' if len(ids) > 1 else ''}: {describe(ids)}",
        )

    def _wrong(self, row: int, explanation: Explanation | None, events: Mapping[int, Columns]) -> Offence:
        window = int(self._comparison.index[row])
        if explanation is None and not self._comparison.conflicts[row]:
            explanation = Explanation("broken audit", f"not looked into: {EXPLAINED} such rows were")
        elif explanation is None:
            query = self._seen.replay.query
            text = explain(query, events[window], self._due(window), self._found(row)).text
            explanation = Explanation("conflict", f"another row of this window says otherwise; here {text}")
        return self._of_window(
            window,
            row,
            kind=explanation.kind,
            count_as="wrong",
            expected=self._due(window),
            found=self._found(row),
            ids=list(explanation.ids[:_IDS]),
            ids_count=len(explanation.ids),
            explanation=explanation.text,
        )

    def _duplicate(self, row: int) -> Offence:
        index, rows = self._comparison.index, self._comparison.rows
        window = int(index[row])
        copies = int(np.count_nonzero(index == window))
        first = int(np.flatnonzero(index == window)[0])
        later_ms = (rows.visible_ns[row] - rows.visible_ns[first]) / 1e6
        return self._of_window(
            window,
            row,
            kind="duplicate",
            count_as="duplicate",
            expected=self._due(window),
            found=self._found(row),
            explanation=f"the same row is there {copies} times, this one {later_ms:.0f} ms after the first",
        )

    def _unexpected(self, row: int) -> Offence:
        rows = self._comparison.rows
        known = rows.keys[row] != UNKNOWN_KEY
        key = self._seen.labels[rows.keys[row]] if known else rows.strangers[int(row)]
        return Offence(
            kind="unexpected",
            count_as="unexpected",
            phase=self._seen.phases[self._row_phases[row]].name,
            key=key,
            start=int(rows.starts[row]),
            end=int(rows.ends[row]),
            partition=int(rows.partitions[row]),
            offset=int(rows.offsets[row]),
            found=self._found(row),
            explanation="no event of this key falls into this window" if known else "no event has this key",
        )

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

    def _of_window(self, window: int, row: int | None = None, **what: object) -> Offence:
        windows, rows = self._comparison.windows, self._comparison.rows
        return Offence.model_validate(
            {
                "phase": self._seen.phases[windows.phases[window]].name,
                "key": self._seen.labels[windows.keys[window]],
                "start": int(windows.starts[window]),
                "end": int(windows.ends[window]),
                "partition": None if row is None else int(rows.partitions[row]),
                "offset": None if row is None else int(rows.offsets[row]),
                **what,
            }
        )

    def _due(self, window: int) -> dict[str, int]:
        return self._named(self._comparison.windows.values[:, window])

    def _found(self, row: int) -> dict[str, int]:
        return self._named(self._comparison.rows.values[:, row])

    def _named(self, values: Integers) -> dict[str, int]:
        return {
            output.name: int(value) for output, value in zip(self._seen.replay.query.shape.outputs, values, strict=True)
        }
