"""Engines that claim exactly-once under a made-up clock: an honest one, and some that lie.

All are struck as the suites do: five times at phases of the commit interval, and three times as a new row becomes
visible. What is simulated is the engine and the clock. The history is written as a trial writes it, and the judge is
the real one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from harness.strikes.campaign import POINTS
from results.history import Complete, Ended, EngineReady, Exposed, Failed, Loaded, Quiescent, Strike
from results.plan import Strikes
from tests.judge.recording import (
    PACED,
    RATE,
    SECOND,
    SEED,
    Recording,
    Row,
    Window,
    begin,
    closed,
    load,
    plan_of,
    planned_ns,
)
from workloads.sensors import workload
from workloads.stream import Segment, partition_of

STRIKES = Strikes(fault="kill-worker", aim="interval", wanted=5, most=5, hold_s=0, rows=3, timeouts="tuned")
INTERVAL_NS = SECOND
RESTART_NS = SECOND // 2
BASE_MS = 1_795_500_000_000
START_NS = 1000 * SECOND
REACTION_NS = (300_000, 2_500_000)
"""From the moment at which a row is visible until the kill. On an embedded log 0.4 to 0.8 ms were measured until the
harness wakes; this leaves time for the kill itself."""

_PARAMETERS = {"keys": 20, "zipf": 1.0, "window_ms": 1000, "disorder_ms": 500}


class Engine:
    """Honest: rows, position and open windows are committed together, once an interval."""

    expected: frozenset[str] = frozenset()
    """The kinds of wrong rows of which it is to be convicted, and nothing else."""

    def __init__(self, made: Recording, windows: dict[int, Window], delay_ms: int, chance: random.Random) -> None:
        self.made, self._window_of, self._delay_ms, self.chance = made, windows, delay_ms, chance
        self.open: dict[Window, list[int]] = {}
        self.latest_ms, self.position, self.crashed_at = 0, 0, 0
        self.pending: list[tuple[Window, dict[str, Any]]] = []
        self.last_rows: list[tuple[Window, dict[str, Any]]] = []
        self.failed = ""
        self.snapshot()

    # What liars do otherwise.

    def take(self, number: int, now_ns: int) -> None:
        """Process one event."""
        self.position += 1
        if self._window_of[number][2] + self._delay_ms <= self.latest_ms:
            return  # Its window is closed: it is late.
        self.open.setdefault(self._window_of[number], []).append(number)
        self.latest_ms = max(self.latest_ms, self.made.events[number]["time"])
        self.close(now_ns)

    def close(self, now_ns: int) -> None:
        for window in [window for window in self.open if window[2] + self._delay_ms <= self.latest_ms]:
            self.emit(window, self.made.answer(window, self.open.pop(window)), now_ns)

    def emit(self, window: Window, row: dict[str, Any], now_ns: int) -> None:
        self.pending.append((window, row))

    def commit(self, now_ns: int) -> None:
        self.show(self.pending, now_ns)
        self.last_rows, self.pending = self.pending, []
        self.snapshot()

    def restart(self, now_ns: int) -> None:
        """The process is gone: so is what was not committed."""
        self.crashed_at = self.position
        self.pending = []
        self.open = {window: [*ids] for window, ids in self._kept[0].items()}
        self.latest_ms, self.position = self._kept[1:]

    # What all have.

    def snapshot(self) -> None:
        self._kept = {window: [*ids] for window, ids in self.open.items()}, self.latest_ms, self.position

    @property
    def at_stake(self) -> int:
        """Events since the last commit."""
        return self.position - self._kept[2]

    def show(self, rows: list[tuple[Window, dict[str, Any]]], now_ns: int) -> None:
        self.made.rows += [Row(partition_of(window[0], 4), now_ns, row) for window, row in rows]

    def end(self, now_ns: int) -> None:
        """Closing events let all windows close."""
        self.latest_ms += 600_000
        self.close(now_ns)
        self.commit(now_ns)


class Dropper(Engine):
    """Drops every 40th row."""

    expected = frozenset({"loss"})
    emitted = 0

    def emit(self, window: Window, row: dict[str, Any], now_ns: int) -> None:
        self.emitted += 1
        if self.emitted % 40:
            super().emit(window, row, now_ns)


class Redeliverer(Engine):
    """Delivers the rows of its last commit again after a restart."""

    expected = frozenset({"duplicate"})

    def restart(self, now_ns: int) -> None:
        self.show(self.last_rows, now_ns)
        super().restart(now_ns)


class Forgetful(Engine):
    """Forgets its open windows on restart."""

    expected = frozenset({"loss"})

    def restart(self, now_ns: int) -> None:
        super().restart(now_ns)
        self.open = {}


class Adder(Engine):
    """Adds an event that is replayed twice to a sum."""

    expected = frozenset({"wrong value"})

    def __init__(self, *arguments: Any) -> None:
        self.again: set[int] = set()
        super().__init__(*arguments)

    def restart(self, now_ns: int) -> None:
        super().restart(now_ns)
        self.again |= set(range(self.position, self.crashed_at))

    def emit(self, window: Window, row: dict[str, Any], now_ns: int) -> None:
        twice = [number for number in self.made.members[window] if number in self.again]
        more = sum(self.made.events[number]["temperature"] for number in twice)
        super().emit(window, row | {"sum": row["sum"] + more}, now_ns)


class Counter(Engine):
    """Commits its open windows with the position of the commit before: state and offset disagree."""

    expected = frozenset({"double count"})
    before = 0

    def commit(self, now_ns: int) -> None:
        position, self.position = self.position, self.before
        super().commit(now_ns)
        self.position = self.before = position


class Early(Engine):
    """Emits now and then a window half a second before it may, and again when it may."""

    expected = frozenset({"conflict", "premature"})

    def __init__(self, *arguments: Any) -> None:
        self.hasty: set[Window] = set()
        super().__init__(*arguments)

    def close(self, now_ns: int) -> None:
        for window, ids in self.open.items():
            hasty = window[1] // 1000 % 5 == 0 and self.latest_ms + 500 >= window[2] > self.latest_ms
            if hasty and window not in self.hasty and len(ids) < len(self.made.members[window]):
                self.hasty.add(window)
                self.emit(window, self.made.answer(window, ids), now_ns)
        super().close(now_ns)


class Hasty(Engine):
    """Uses a watermark delay one second shorter than asked: every row is right, and early."""

    expected = frozenset({"premature"})

    def __init__(self, made: Recording, windows: dict[int, Window], delay_ms: int, chance: random.Random) -> None:
        super().__init__(made, windows, delay_ms - 1000, chance)


class Gap(Engine):
    """Commits its rows 3 ms before position and state."""

    expected = frozenset({"duplicate"})
    gap_ns = 3_000_000

    def commit(self, now_ns: int) -> None:
        self.show(self.pending, now_ns)
        self.pending = []
        self.due_ns: int | None = now_ns + self.gap_ns
        self.frozen = {window: [*ids] for window, ids in self.open.items()}, self.latest_ms, self.position

    def restart(self, now_ns: int) -> None:
        if now_ns >= (getattr(self, "due_ns", None) or now_ns + 1):
            self._kept = self.frozen
        super().restart(now_ns)


class Outsider(Engine):
    """Writes its rows outside of the transaction that has position and state."""

    expected = frozenset({"duplicate"})

    def emit(self, window: Window, row: dict[str, Any], now_ns: int) -> None:
        self.show([(window, row)], now_ns)


class Hanging(Engine):
    """Never goes on after the third kill."""

    restarts = 0
    word = "no new result for 120 s in phase paced"

    def restart(self, now_ns: int) -> None:
        super().restart(now_ns)
        self.restarts += 1
        if self.restarts == 3:
            self.failed = self.word


class Quitter(Hanging):
    """Ends with exit code 0 in the middle."""

    word = "worker ended with exit code 0 while its job ran"


LIARS: tuple[type[Engine], ...] = (
    Dropper,
    Redeliverer,
    Forgetful,
    Adder,
    Counter,
    Early,
    Hasty,
    Gap,
    Outsider,
    Hanging,
    Quitter,
)


def trial(kind: type[Engine], number: int) -> Recording:
    """The history of one struck trial of an engine; number seeds what it is given and when it is struck."""
    query = workload.query(_PARAMETERS)
    plan = plan_of().model_copy(
        update={"seed": SEED + number, "strikes": STRIKES, "fault": "kill-worker", "drain": None, "engine": "made"}
    )
    made = Recording(plan, query)
    made.marks.append(EngineReady(at_ns=START_NS - SECOND, settings={}, startup_s=1.0))
    segment = Segment(0, int(PACED.duration_s * RATE), BASE_MS, RATE)
    begin(made, "paced", segment, START_NS)
    members = load(made, segment)
    chance = random.Random(f"{kind.__name__} {number}")
    windows = {number: window for window, ids in members.items() for number in ids}
    engine = kind(made, windows, query.watermark_delay_ms, chance)
    end_ns = START_NS + planned_ns(segment, segment.count) + SECOND
    _run(engine, made, segment, dict(_strikes(chance)), end_ns)
    if engine.failed:
        made.marks.append(Loaded(at_ns=end_ns, phase="paced"))
        made.marks.append(Failed(at_ns=end_ns, phase="paced", what=engine.failed, where="made"))
        return made
    closed(made, "paced", end_ns + SECOND)
    complete = made.of(Complete)[-1]
    made.marks += _ended(complete.at_ns)
    return made


def _ended(at_ns: int) -> Iterator[Any]:
    yield Quiescent(at_ns=at_ns + 5 * SECOND, end_offsets=[1_000_000] * 4, still_s=5)
    yield Ended(at_ns=at_ns + 6 * SECOND)


def _strikes(chance: random.Random) -> Iterator[tuple[int, str]]:
    """When strikes fall, and at what they are aimed. A commit is made at each whole second."""
    for place, phase in enumerate(chance.sample(POINTS, len(POINTS))):
        yield START_NS + (5 + 2 * place) * SECOND + int(phase * INTERVAL_NS), f"{phase:g} of the commit interval"
    for place in range(STRIKES.rows):
        yield START_NS + (16 + 3 * place) * SECOND + chance.randint(*REACTION_NS), "a new row"


def _run(engine: Engine, made: Recording, segment: Segment, strikes: dict[int, str], end_ns: int) -> None:
    """Events as they are due, a commit each interval, and the strikes, on one clock."""
    arrivals = [(START_NS + planned_ns(segment, number), 0, number) for number in range(segment.count)]
    commits = [(at_ns, 1, 0) for at_ns in range(START_NS, end_ns, INTERVAL_NS)]
    blows = [(at_ns, 2, number) for number, at_ns in enumerate(sorted(strikes), 1)]
    back_ns, arrived = 0, 0

    def catch_up(now_ns: int) -> None:
        while engine.position < arrived and not engine.failed:
            engine.take(engine.position, now_ns)

    for at_ns, what, number in sorted((*arrivals, *commits, *blows)):
        if what == 0:
            arrived = number + 1
        if what == 2:
            made.marks.append(_strike(number, at_ns, strikes[at_ns], "injected"))
            made.marks.append(Exposed(at_ns=at_ns, number=number, outputs=0, inputs=engine.at_stake, commit_age_s=0.5))
            engine.restart(at_ns)
            back_ns = at_ns + RESTART_NS
            made.marks.append(_strike(number, back_ns, strikes[at_ns], "healed"))
        elif at_ns >= back_ns:
            catch_up(at_ns)
            if what == 1 and not engine.failed:
                engine.commit(at_ns)
    catch_up(end_ns)
    if not engine.failed:
        engine.end(end_ns)


def _strike(number: int, at_ns: int, aimed: str, step: Any) -> Strike:
    return Strike(at_ns=at_ns, number=number, fault="kill-worker", step=step, aimed=aimed)
