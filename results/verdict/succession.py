"""What the audit sums say where a row is made by its key's succession of events: windows by count or by condition, and
running aggregates. There an event that is lost or counted twice moves every later row of its key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from results.verdict.audit import (
    MOST_TIMES,
    SUMS,
    Columns,
    Explanation,
    aggregate,
    counted,
    describe,
    disagreeing,
    explain,
    find,
    outputs,
    values,
)
from workloads.query import CHECK, ID, Count, Query, Windowed
from workloads.stream import Integers

MOST_LOST = 64
"""So many events lost within one window are looked for."""

LOOK_BACK = 200
"""Events that are counted again are looked for among so many before the window, and its own."""

_MOST_KNOWN = 16
"""So many of the ways in which a key's running totals were off are tried on its next wrong row."""

FRUITLESS = 3
"""After so many rows of a key that nothing explains, no lost or repeated events are looked for in its others."""


@dataclass(frozen=True)
class KeyRow:
    """A row of a key as it is there."""

    number: int
    """Its index among all rows."""
    identity: int
    """What names it: the id of an event."""
    values: Mapping[str, int]
    """What it has, by field."""
    due: Mapping[str, int] | None
    """The values of the row that it answers; None where it answers none under its own identity."""
    right: bool
    """Whether it is as it should be."""
    again: bool
    """Whether another row has its identity and came before it, or is right."""


def explain_running(query: Query, events: Columns, answers: list[KeyRow]) -> Iterator[tuple[int, Explanation]]:
    """Explanations of a key's wrong rows. events: of the key. answers: in order of visibility."""
    first_places = _first_places(events[ID])
    summed = [output for output in outputs(query) if output.function in ("count", "sum")]
    reached, before, totals = -1, dict.fromkeys((output.name for output in summed), 0), _Totals(query, events)
    for answer in answers:
        place = first_places.get(answer.identity)
        if place is None:
            continue
        if not answer.right and answer.due is not None:
            explanation = totals.explain(answer, answer.due, place)
            grown = all(
                answer.values[output.name] - before[output.name]
                == (1 if output.column is None else int(events[output.column][place]))
                for output in summed
            )
            if explanation.kind == "broken audit" and grown and place <= reached:
                explanation = counted((answer.identity,), f"{describe((answer.identity,))}, after later ones,", 1, [])
            yield answer.number, explanation
        reached = max(reached, place)
        before = {output.name: answer.values[output.name] for output in summed}


class _Totals:
    """What a key's running totals have too much or too little, from row to row: it stays in all later ones, and a
    failure adds to what an earlier one left.
    """

    def __init__(self, query: Query, events: Columns) -> None:
        self._query, self._events = query, events
        self._known: list[tuple[Integers, Explanation | None]] = [(np.zeros(len(events[ID]), dtype=np.int64), None)]
        """By how much each event counts too often, with what explained it; the newest last."""
        self._fruitless = 0

    def explain(self, answer: KeyRow, due: Mapping[str, int], place: int) -> Explanation:
        once = np.zeros(len(self._events[ID]), dtype=np.int64)
        once[: place + 1] = 1
        for surplus, explanation in reversed(self._known[-_MOST_KNOWN:]):
            if explanation is not None and not self._off(once + surplus, answer):
                return explanation
        so_far = {name: column[: place + 1] for name, column in self._events.items()}
        thorough = self._fruitless < FRUITLESS
        for surplus, explanation in reversed(self._known[-_MOST_KNOWN:]):
            found = self._counted_again(once + surplus, answer)
            if found is None and explanation is not None:
                found = self._lost_more(once + surplus, answer)
            if found is None and explanation is None:
                by_itself = explain(self._query, so_far, due, answer.values, thorough)
                if by_itself.kind in ("loss", "double count"):
                    times = (answer.values[SUMS[0]] - due[SUMS[0]]) // len(by_itself.ids)
                    found = times * np.isin(self._events[ID], by_itself.ids).astype(np.int64), by_itself
                elif by_itself.kind == "wrong value":
                    return by_itself
            if found is not None:
                self._known.append((surplus + found[0], self._together(explanation, found[1])))
                return self._known[-1][1] or found[1]
        self._fruitless += 1
        return explain(self._query, so_far, due, answer.values, False)

    def _counted_again(self, weights: Integers, answer: KeyRow) -> tuple[Integers, Explanation] | None:
        """A run of the key's events that are counted once more than these weights say.

        They may come after the row's own: what a state held already is counted again as the log is replayed.
        """
        count, ids, checks = self._more(weights, answer)
        positions = find(self._events[ID], self._events[CHECK], count, ids, checks, False) if count > 0 else None
        if positions is None:
            return None
        again = np.zeros(len(weights), dtype=np.int64)
        again[positions] = 1
        if self._off(weights + again, answer):
            return None
        named = tuple(int(value) for value in self._events[ID][positions])
        ranged = ", a contiguous range of its key's events," if len(named) > 1 else ""
        return again, counted(named, f"{describe(named)}{ranged}", 1, [])

    def _lost_more(self, weights: Integers, answer: KeyRow) -> tuple[Integers, Explanation] | None:
        """A run of the events that these weights count once, which the row lacks as well."""
        held = np.flatnonzero(weights == 1)
        count, ids, checks = (-more for more in self._more(weights, answer))
        thorough = self._fruitless < FRUITLESS
        known = self._events[ID][held], self._events[CHECK][held]
        places = find(*known, count, ids, checks, thorough) if count > 0 else None
        if places is None:
            return None
        lost = np.zeros(len(weights), dtype=np.int64)
        lost[held[places]] = -1
        if self._off(weights + lost, answer):
            return None
        named = tuple(int(value) for value in self._events[ID][held[places]])
        return lost, counted(named, describe(named), -1, [])

    def _more(self, weights: Integers, answer: KeyRow) -> tuple[int, int, int]:
        """What the row's audit sums have beyond those of the events, each as often as its weight says."""
        sums = int(weights.sum()), *(int((self._events[name] * weights).sum()) for name in (ID, CHECK))
        count, ids, checks = (answer.values[name] - total for name, total in zip(SUMS, sums, strict=True))
        return count, ids, checks

    def _off(self, weights: Integers, answer: KeyRow) -> list[str]:
        return disagreeing(self._query, self._events, weights, answer.values)

    @staticmethod
    def _together(earlier: Explanation | None, new: Explanation) -> Explanation:
        if earlier is None:
            return new
        if earlier.kind != new.kind:
            return Explanation("broken audit", f"{earlier.text}, and {new.text}", new.ids)
        return Explanation(new.kind, f"{new.text}, beside what was so before", new.ids)


def explain_windows(
    query: Query, events: Columns, answers: list[KeyRow], thorough: bool
) -> Iterator[tuple[int, Explanation]]:
    """Explanations of a key's wrong rows of windows by count or condition. answers: in order of visibility."""
    walk = _Walk(query, events, thorough)
    for answer in answers:
        if answer.right:
            walk.follow(answer)
        else:
            yield answer.number, walk.explain(answer)


class _Walk:
    """Follows a key's rows through its events. tail: positions that the next window shares with the one before;
    place: where what is new in it begins; None if that is not known. cause: what moved the windows.
    """

    def __init__(self, query: Query, events: Columns, thorough: bool) -> None:
        self._query, self._events, self._thorough = query, events, thorough
        self._ids, self._checks = events[ID], events[CHECK]
        self._first_places = _first_places(self._ids)
        self._tail: Integers = np.empty(0, dtype=np.int64)
        self._place: int | None = 0
        self._cause: Explanation | None = None
        self._fruitless = 0

    def follow(self, answer: KeyRow) -> None:
        """A right row: its window is a run of events, and its smallest id the first, unless phases are numbered in
        another order than they were sent in.
        """
        none, count, place = np.empty(0, dtype=np.int64), answer.values[SUMS[0]], self._place
        if place is None or any(self._left(answer, none, np.arange(place, min(place + count, len(self._ids))))):
            place = self._first_places.get(answer.identity)
        if place is not None:
            self._go_on(np.arange(place, min(place + count, len(self._ids))), place + count)
            self._cause = None

    def explain(self, answer: KeyRow) -> Explanation:
        none = np.empty(0, dtype=np.int64)
        starts = [] if self._place is None else [(self._tail, self._place)]
        if (first := self._first_places.get(answer.identity)) is not None:
            # Where the row is due under its name, that says better where it begins than the rows before it.
            starts.insert(len(starts) if answer.due is None or answer.again else 0, (none, first))
        searches = (self._as_run, self._with_loss, self._with_repeats)
        for tail, place in starts:
            for search in searches if self._fruitless < FRUITLESS else searches[:1]:
                if (found := search(answer, tail, place)) is not None:
                    return found
        self._place, self._fruitless = None, self._fruitless + 1
        text = "no events of this key in a row explain it, some lost or counted twice"
        return Explanation("broken audit", text, certain=False)

    def _as_run(self, answer: KeyRow, tail: Integers, place: int) -> Explanation | None:
        """The window's events, each once. Then its values are wrong, or the windows before it have moved it."""
        new = answer.values[SUMS[0]] - len(tail)
        stop = place + new
        if new < 0 or stop > len(self._ids) or self._left(answer, tail, np.arange(place, stop)) != (0, 0, 0):
            return None
        window = np.concatenate((tail, np.arange(place, stop)))
        off = self._disagreeing(window, answer)
        self._go_on(window, stop)
        if off:
            right = {output.name: aggregate(output, *self._taken(window)) or 0 for output in outputs(self._query)}
            return Explanation("wrong value", f"{values(off, right, answer.values)}; every event is in it once")
        if self._cause is not None:
            text = f"its events follow each other, but the key's windows moved: {self._cause.text}"
            return Explanation(self._cause.kind, text, self._cause.ids)
        first = int(self._ids[window].min()) if len(window) else 0
        if first != answer.identity:
            return Explanation(
                "wrong value", f"first is {answer.identity}, expected {first}; every event is in it once"
            )
        # What was not explained before it may have moved it.
        text = "its events follow each other, but no window of this key has just these"
        return Explanation("broken audit", text, certain=not self._fruitless)

    def _with_loss(self, answer: KeyRow, tail: Integers, place: int) -> Explanation | None:
        new = answer.values[SUMS[0]] - len(tail)
        for lost in range(1, MOST_LOST + 1):
            stop = place + new + lost
            if new < 0 or stop > len(self._ids):
                return None
            run = np.arange(place, stop)
            _, ids, checks = self._left(answer, tail, run)
            chosen = find(self._ids[run], self._checks[run], lost, -ids, -checks, self._thorough)
            if chosen is not None:
                window = np.concatenate((tail, np.delete(run, chosen)))
                return self._concluded(answer, window, stop, run[chosen], -1)
        return None

    def _with_repeats(self, answer: KeyRow, tail: Integers, place: int) -> Explanation | None:
        new = answer.values[SUMS[0]] - len(tail)
        for times in range(1, MOST_TIMES + 1):
            for repeated in range(1, new // times + 1):
                stop = place + new - repeated * times
                if stop > len(self._ids):
                    continue
                run, earlier = np.arange(place, stop), np.arange(max(place - LOOK_BACK, 0), stop)
                _, ids, checks = self._left(answer, tail, run)
                if ids % times or checks % times:
                    continue
                chosen = find(
                    self._ids[earlier], self._checks[earlier], repeated, ids // times, checks // times, self._thorough
                )
                if chosen is not None:
                    again = np.repeat(earlier[chosen], times)
                    # What came again came after what it repeats; within the window its place is not known.
                    window = np.concatenate((tail, np.sort(np.concatenate((run, again)))))
                    return self._concluded(answer, window, stop, earlier[chosen], times)
        return None

    def _concluded(self, answer: KeyRow, window: Integers, stop: int, concerned: Integers, times: int) -> Explanation:
        off = self._disagreeing(window, answer)
        if int(self._ids[window].min()) != answer.identity:
            off.append("first")
        ids = tuple(int(value) for value in self._ids[concerned])
        ranged = len(ids) > 1 and int(concerned[-1] - concerned[0]) + 1 == len(ids)
        what = describe(ids) + (", a contiguous range of its key's events," if ranged else "")
        explanation = counted(ids, what, times, off)
        self._go_on(window, stop)
        if not off:
            self._cause = explanation
        return explanation

    def _left(self, answer: KeyRow, tail: Integers, run: Integers) -> tuple[int, int, int]:
        """What the row's sums have beyond those of the tail and the run."""
        count, ids, checks = (answer.values[name] for name in SUMS)
        return (
            count - len(tail) - len(run),
            ids - int(self._ids[tail].sum()) - int(self._ids[run].sum()),
            checks - int(self._checks[tail].sum()) - int(self._checks[run].sum()),
        )

    def _disagreeing(self, window: Integers, answer: KeyRow) -> list[str]:
        return disagreeing(self._query, *self._taken(window), answer.values)

    def _taken(self, window: Integers) -> tuple[Columns, Integers]:
        """The events of a window, and how often each is in it."""
        places, weights = np.unique(window, return_counts=True)
        return {name: column[places] for name, column in self._events.items()}, weights.astype(np.int64)

    def _go_on(self, window: Integers, stop: int) -> None:
        match self._query.shape:
            case Windowed(window=Count(slide=slide)):
                self._tail = window[slide:]
            case _:
                self._tail = window[:0]
        self._place = stop


def _first_places(ids: Integers) -> dict[int, int]:
    places: dict[int, int] = {}
    for place, value in enumerate(ids.tolist()):
        places.setdefault(value, place)
    return places
