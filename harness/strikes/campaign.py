"""Strikes: faults of one kind, aimed, one after the other, on a thread of their own while the load goes on.

Waiting for an aim never holds up the load. Between strikes the job must have got on: it has committed again, and its
results have caught up with the load for some seconds. Every step is a mark of the history.

Longer than most: how a strike is aimed, falls and is read off is one story, in the order in which it happens.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeAlias

from engines.logs.protocol import Isolation
from engines.protocol import Role
from harness.broker import OFFSETS_PARTITIONS, OFFSETS_TOPIC
from harness.deployment import Deployment
from harness.equipment import Equipment
from harness.failure import TrialFailure
from harness.faults.fault import Fault, Target, Unconfirmed, has_one_victim
from harness.faults.processes import kill_family
from harness.host.engine_processes import EngineProcesses
from harness.strikes.first_row import FirstRow
from harness.strikes.gauge import Gauge, GaugeReading
from harness.strikes.output_rate import OutputRate, Steady, output_rate
from harness.strikes.row_counts import comes_from
from harness.strikes.stake import Stake
from harness.strikes.turns import Turns
from harness.strikes.victims import Choice, Victims
from results.history import Exposed, Mark, Noticed, Strike
from results.plan import Aim, CasePlan, Strikes
from workloads.query import Project, Query, Running

POINTS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Points of the commit interval; each is drawn once before any is drawn again."""

OUTPUTS = 500
"""With the aim `outputs`, a strike comes after so many output records."""

RECOVER_S = {"default": 180.0, "tuned": 90.0}
"""How long a job may take to catch up after a strike, by its time-outs; the next strike comes then at the latest."""

STEADY_S = 5.5
"""A job has caught up when its results keep up with the load for so long: more than the five seconds judged."""

BEHIND_S = 0.5
"""Results that lag this much, and a commit interval, behind those of before the first strike still keep up."""

_BASE_S = 5.0
_SETTLE_S = 45.0
_KEEPS_UP = 1.15
_AIM_S = 15.0
_NOTICE_S = 60.0
_STANDING_S = 1.0
_PRINT_S = 10.0

WRITTEN_NS = 200_000_000
"""A reader has been given by then what was written before a blow."""


PrintedRows: TypeAlias = Callable[[int, float], int | None]
"""Of an output that a command prints: how many different rows a run of it had that began after a time (CLOCK_MONOTONIC
ns); None if there was none until a deadline (monotonic seconds)."""


class Campaign:
    """Strikes until enough were exposed, and each worker at least once where one is struck at a time, or the most were
    tried, or the load ends.
    """

    def __init__(
        self,
        case: CasePlan,
        plan: Strikes,
        fault: Fault,
        query: Query,
        deployment: Deployment,
        gauge: Gauge,
        mark: Callable[[Mark], None],
        equipment: Equipment,
        output: str,
        write: Callable[[bytes, bytes], None],
        engine: EngineProcesses | None = None,
        printed: PrintedRows | None = None,
    ) -> None:
        """fault: the trial's own. mark: writes to the history. output: the topic. write: as in a fault's Target.
        engine: None where nothing but what the deployment names is struck. printed: None where rows are in a topic."""
        self._printed = printed
        self._plan, self._fault, self._deployment, self._gauge, self._mark = plan, fault, deployment, gauge, mark
        self._interval_s = case.interval_ms / 1000
        self._at_most_once = case.guarantee == "at-most-once"
        self._log = equipment.kind
        self._record_wise = _record_wise(query)
        self._settle_s = query.settle_ms / 1000
        self._chance = random.Random(f"{case.seed} {plan.fault} {plan.aim}")  # noqa: S311 - it must be repeatable
        self._points: list[float] = []
        self._aimed = ""
        self._victims: Victims | None = None
        self._named = Victims({}, [])
        self._turns = Turns()
        self._choice = Choice(deployment, engine, self._turns if has_one_victim(fault) else None)
        self._first_rows: dict[Isolation, FirstRow] = {}
        self._lost: dict[Stake, int] = {}
        # A commit's first sign is its offset in the broker's own topic. A gauge's reading comes too late where
        # nothing is at stake any more after a few milliseconds.
        self._offsets_seen = self._at_most_once and equipment.broker is not None
        self._sign = (OFFSETS_TOPIC, OFFSETS_PARTITIONS) if self._offsets_seen else (output, case.partitions)
        self._own_log = equipment.gauge_log
        self._target = Target(
            processes=lambda: self._victims.processes if self._victims else deployment.processes(),
            occupied=lambda: self._victims.occupied if self._victims else deployment.occupied(),
            revive=deployment.revive,
            halt=deployment.halt,
            relaunch=deployment.relaunch,
            broker=equipment.broker,
            link=equipment.link,
            state=equipment.state,
            write=write,
            parallelism=deployment.parallelism,
            chance=self._chance,
            disk=equipment.disk,
            choose=lambda pids: self._victims.choose(pids) if self._victims else pids[0],
            descendants=lambda pids: self._choice.descendants(pids, self._victims),
            engine=engine.pids if engine is not None else list,
        )
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="strikes", daemon=True)
        self._started = False
        self.exposed, self.tried, self._wanted = 0, 0, plan.wanted

    def start(self) -> None:
        """Once; may be called again. Raises TrialFailure if the trial lacks what the fault needs."""
        if self._started:
            return
        lack = self._target.lacks(self._fault.needs)
        if lack:
            raise TrialFailure(f"fault {self._fault.name} cannot be injected: {lack}")
        self._started = True
        self._thread.start()

    @property
    def over(self) -> bool:
        return self._started and not self._thread.is_alive()

    def end(self) -> None:
        """No further strike; returns once the one under way is healed. May be called twice."""
        self._stop.set()
        if self._started:
            # What a strike waits for is bounded, so this is.
            self._thread.join()
        while self._first_rows:
            self._first_rows.popitem()[1].close()

    def stop(self) -> None:
        """The same, but raises what went wrong in a strike."""
        self.end()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            before = self._output_rate()
            # At most once, rows are visible after all that matters is over.
            rows = 0 if self._at_most_once else self._plan.rows
            while (
                (self.exposed < self._wanted or self._turns.untested)
                and self.tried < self._plan.most
                and not self._stop.is_set()
            ):
                at_row = rows > 0 and self._wanted - self.exposed <= rows
                early, exposed = self.tried < self._plan.commits, self.exposed
                self._strike(before, "commit" if early else "row" if at_row else self._plan.aim)
                # As many as are wanted fall as the suite has it.
                self._wanted += early and self.exposed - exposed
                # Where none of these is exposed, the rest fall as the others do.
                rows -= at_row
        except Exception as error:
            self._error = error

    def _output_rate(self) -> OutputRate:
        """The output rate before the first strike, once the job works off no backlog any more.

        While it does, it gives more rows a second than it gave, for each input record, all in all. Many engines have
        one from their start; what they gave then is no measure of how they recover.
        """
        first = self._gauge.until(lambda _: True, time.monotonic() + _AIM_S, self._stop)
        if first is None:
            raise TrialFailure(f"the logs did not answer within {_AIM_S:g} s, so no strike can be aimed")
        if self._printed is not None:
            self._stop.wait(_BASE_S)
            return OutputRate(0.0, 0.0)
        deadline_s = time.monotonic() + _SETTLE_S
        while True:
            seen = [first, *self._readings(_BASE_S + 2 * self._interval_s)]
            last = seen[-1]
            rows, records = last.visible - first.visible, last.inputs - first.inputs
            span_s = max(1, last.at_ns - first.at_ns) / 1e9
            # Rows of windows that are still open are not due yet.
            due = last.inputs - records * self._settle_s / span_s
            keeps_up = 0 < rows * due <= _KEEPS_UP * last.visible * records
            if keeps_up or self._stop.is_set() or time.monotonic() > deadline_s:
                return output_rate(seen)
            first = last

    def _strike(self, before: OutputRate, aim: Aim) -> None:
        self.tried += 1
        number = self.tried
        # Looked up beforehand: between the aim and the blow there may be a few milliseconds only.
        self._victims = self._named = victims = self._choice.make(exposed_only=self.exposed >= self._wanted)
        if self._at_most_once and self._record_wise:
            stake = victims.stake
            self._lost[stake] = max(self._lost.get(stake, 0), self._standing(stake))
        if self._aim(aim, victims.stake) is None:
            if not self._stop.is_set():
                self._note(number, "missed", f"the aim was not met within {_AIM_S:g} s")
            return
        with self._deployment.under_fault():
            self._hit(number)
        self._catch_up(before)

    def _hit(self, number: int) -> None:
        """Inject, look what was at stake, hold, heal; once more while it restores where that is the aim."""
        reading = self._gauge.reading
        before = reading.progress.state if reading else ""
        self._note(number, "injecting")
        # A job that is asked to stop may commit as it does.
        asked = self._ask(time.monotonic_ns()) if self._fault.graceful else None
        try:
            done = self._fault.inject(self._target)
            injected_ns = time.monotonic_ns()
            self._note(number, "injected", done)
            threading.Thread(target=self._watch, args=(number, before), daemon=True).start()
            victims = self._victims or Victims({}, [])
            # The assignment is that of before if nothing has moved since. Without commits nothing is told.
            told = self._deployment.tells_progress and victims.told and not victims.moved(self._deployment.slots)
            # The worker that was struck writes no more; what it wrote is seen a little later.
            seen_ns = injected_ns if victims.stake == Stake() else injected_ns + WRITTEN_NS
            at = asked.result() if asked else self._after(seen_ns)
            if self._printed is None:
                self._expose(number, at, victims, told)
            else:
                self._expose_printed(number, at, victims, self._printed)
            self._stop.wait(self._plan.hold_s)
        except Unconfirmed as error:
            self._note(number, "unconfirmed", str(error))
        finally:
            self._victims = None
            self._note(number, "healing")
            if self._plan.aim == "restore":
                threading.Thread(target=self._strike_again, args=(number,), daemon=True).start()
            self._fault.heal(self._target)
            self._note(number, "healed")

    def _strike_again(self, number: int) -> None:
        """A second blow as soon as the first one's successor is there: while it restores."""
        deadline_s = time.monotonic() + _AIM_S
        known = set(self._pids())
        while time.monotonic() < deadline_s and not self._stop.is_set():
            fresh = [pid for pid in self._pids("worker") if pid not in known]
            if fresh:
                try:
                    kill_family(fresh[:1], partial(self._target.descendants, fresh[:1]))
                except Unconfirmed as error:
                    self._note(number, "unconfirmed", str(error))
                else:
                    what = f"worker {fresh[0]}, which was started after the first blow, is gone"
                    self._note(number, "injected", what)
                return
            self._stop.wait(0.01)

    def _pids(self, *roles: Role) -> list[int]:
        processes = self._deployment.processes()
        return [pid for role, pids in processes.items() if not roles or role in roles for pid in pids]

    def _after(self, injected_ns: int) -> GaugeReading | None:
        """A reading made after that: after a blow, nothing can be committed any more. If there is none, the newest."""
        return (
            self._gauge.until(lambda reading: reading.at_ns > injected_ns, time.monotonic() + 1.0, threading.Event())
            or self._gauge.reading
        )

    def _ask(self, asked_ns: int) -> Future[GaugeReading | None]:
        """The same, while the caller goes on."""
        beside = ThreadPoolExecutor(1)
        try:
            return beside.submit(self._after, asked_ns)
        finally:
            beside.shutdown(wait=False)

    def _expose(self, number: int, at: GaugeReading | None, victims: Victims, told: bool) -> None:
        """What was at stake at this reading. told: whether it is known what that is."""
        if at is None:
            return
        stake = victims.stake
        behind = self._behind(at, stake)
        unanswered = None if behind is None else max(0, behind - self._lost.get(stake, 0))
        found = Exposed(
            at_ns=time.monotonic_ns(),
            number=number,
            scope="job" if stake == Stake() else "worker",
            outputs=stake.outputs(at),
            inputs=stake.inputs(at),
            unanswered=unanswered,
            aborted=stake.aborted(at),
            commit_age_s=max(0, at.at_ns - stake.commit_ns(at)) / 1e9,
        )
        if not told:
            found = found.model_copy(
                update={"scope": "untold", "outputs": 0, "inputs": 0, "unanswered": None, "aborted": 0}
            )
        self._count(found, victims)

    def _expose_printed(self, number: int, at: GaugeReading | None, victims: Victims, printed: PrintedRows) -> None:
        """What was at stake where a command prints the rows: those of a run that began once no worker was left, less
        the input that was committed by then. It is no more than that, since records that need no row count as committed
        input too. Untold where a worker still runs, and where the query does not give one row for each record.
        """
        told = self._deployment.tells_progress and self._record_wise and not self._pids("worker")
        rows = printed(time.monotonic_ns(), time.monotonic() + _PRINT_S) if told else None
        last = self._after(time.monotonic_ns()) if rows is not None else at
        if last is None:
            return
        positions, outputs = last.progress.positions, None
        # A reading of before says nothing of what was committed since, and no offset at all may be another group's.
        fresh = at is not None and last.at_ns > at.at_ns
        if rows is not None and positions and fresh and not self._pids("worker"):
            outputs = max(0, rows - sum(positions.values()))
        found = Exposed(
            at_ns=time.monotonic_ns(),
            number=number,
            scope="untold" if outputs is None else "job",
            outputs=outputs or 0,
            inputs=0 if outputs is None else victims.stake.inputs(last),
            commit_age_s=max(0, last.at_ns - last.commit_ns) / 1e9,
        )
        self._count(found, victims)

    def _count(self, found: Exposed, victims: Victims) -> None:
        self._mark(found)
        if found.at_stake(self._log, self._at_most_once):
            self.exposed += 1
            if victims.slot is not None:
                self._turns.exposed(victims.slot)

    def _behind(self, reading: GaugeReading, stake: Stake) -> int | None:
        """Input records committed as read, less output records; None where these do not belong one to one."""
        return stake.behind(reading) if self._record_wise else None

    def _standing(self, stake: Stake) -> int:
        """How much input is committed and stays unanswered: what earlier strikes lost, which is at stake no more.

        A tenth of the readings lies below it: some fall between a commit and its rows, and few see rows of a later
        commit than the one they see.
        """
        readings = self._readings(_STANDING_S + 2 * self._interval_s)
        found = sorted(behind for reading in readings if (behind := self._behind(reading, stake)) is not None)
        return found[len(found) // 10] if found else 0

    def _watch(self, number: int, before: str) -> None:
        """Note when the engine first shows that it noticed: its word for how it is changes."""
        changed = self._gauge.until(
            lambda reading: reading.progress.state not in ("", before), time.monotonic() + _NOTICE_S, self._stop
        )
        if changed is not None:
            self._mark(Noticed(at_ns=changed.at_ns, number=number, sign=changed.progress.state))

    def _catch_up(self, before: OutputRate) -> None:
        """Until the job committed again and its results keep up with the load, or the time for that is over."""
        began = self._gauge.reading
        deadline_s = time.monotonic() + RECOVER_S[self._plan.timeouts]
        # Until it has committed again, what becomes visible may be of before the blow.
        if began is None:
            return
        committed = not self._deployment.tells_progress or self._until(
            lambda reading: reading.progress.commits > began.progress.commits, deadline_s
        )
        if not committed:
            return
        if self._printed is not None:
            self._stop.wait(STEADY_S)
            return
        steady = Steady(before, BEHIND_S + self._interval_s, STEADY_S)
        self._until(steady.seen, deadline_s)

    def _aim(self, aim: Aim, stake: Stake) -> GaugeReading | None:
        """The reading at which to strike; None if the aim was not met in time or the load ended."""
        deadline_s = time.monotonic() + _AIM_S + 2 * self._interval_s
        now = self._gauge.reading
        if now is None:
            return None
        match aim:
            case "share":
                self._aimed = "a share of the load"
                self._stop.wait(self._chance.uniform(0.0, 2 * self._interval_s))
                return None if self._stop.is_set() else self._gauge.reading
            case "outputs":
                self._aimed = f"{OUTPUTS} outputs later"
                return self._until(lambda reading: reading.written >= now.written + OUTPUTS, deadline_s)
            case "row":
                self._aimed = "a new row is visible"
                return self._gauge.reading if self._appears(deadline_s, stake) else None
            case "committing":
                self._aimed = "while a commit is under way"
                return self._until(lambda reading: reading.progress.committing, deadline_s)
            case "commit":
                return self._aim_after_commit(now, deadline_s, stake)
            case "interval" | "phase" | "restore" if self._at_most_once:
                return self._aim_after_commit(now, deadline_s, stake)
            case "interval" | "phase" | "restore":
                return self._aim_at_point(now, deadline_s, stake)

    def _aim_after_commit(self, now: GaugeReading, deadline_s: float, stake: Stake) -> GaugeReading | None:
        """As soon as one is seen: then a program that commits before it writes has most of it to write."""
        self._aimed = "right after a commit"
        if self._offsets_seen:
            return self._gauge.reading if self._appears(deadline_s, stake) else None
        committed_ns = stake.commit_ns(now)
        return self._until(lambda reading: stake.commit_ns(reading) > committed_ns, deadline_s)

    def _aim_at_point(self, now: GaugeReading, deadline_s: float, stake: Stake) -> GaugeReading | None:
        """A point of the interval from one commit to the next."""
        committed_ns = stake.commit_ns(now)
        self._points = self._points or self._chance.sample(POINTS, len(POINTS))
        point = self._points.pop()
        self._aimed = f"{point:g} of the commit interval"
        fresh = self._until(lambda reading: stake.commit_ns(reading) > committed_ns, deadline_s)
        if fresh is None:
            return None
        due_ns = stake.commit_ns(fresh) + int(point * self._interval_s * 1e9)
        self._stop.wait(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
        # Something must be at stake: where rows come in bursts, the point alone does not see to that.
        # On the embedded log rows appear with their commit: what came since then is what is there to be lost.
        if self._log == "embedded" or self._printed is not None:
            return self._until(lambda reading: stake.inputs(reading) > 0, deadline_s)
        due = self._until(lambda _: True, deadline_s)
        if due is None or stake.outputs(due) > 0:
            return due
        if "broker" in self._fault.needs:
            # What is at stake must be read off before the blow: afterwards no log answers.
            return self._until(lambda reading: stake.outputs(reading) > 0, deadline_s)
        # Some engines write and commit within milliseconds, between two readings of the gauge.
        self._aimed += ", as soon as a row is written"
        return self._gauge.reading if self._appears(deadline_s, stake, "read_uncommitted") else None

    def _appears(self, deadline_s: float, stake: Stake, isolation: Isolation = "read_committed") -> bool:
        """Returns at once when a new row of what is at stake, or a new committed offset, is there; False if none came
        in time.
        """
        if self._own_log is None:
            return False
        if isolation not in self._first_rows:
            self._first_rows[isolation] = FirstRow(self._own_log, *self._sign, isolation)
        own = stake.partitions
        if own is None or self._offsets_seen:
            return self._first_rows[isolation].wait(deadline_s, self._stop)
        return self._first_rows[isolation].wait(
            deadline_s, self._stop, lambda chunk: comes_from(chunk, own, self._sign[1])
        )

    def _readings(self, for_s: float) -> list[GaugeReading]:
        """All of the time to come."""
        found: list[GaugeReading] = []

        def look(reading: GaugeReading) -> bool:
            found.append(reading)
            return False

        self._until(look, time.monotonic() + for_s)
        return found

    def _until(self, met: Callable[[GaugeReading], bool], deadline_s: float) -> GaugeReading | None:
        return self._gauge.until(met, deadline_s, self._stop)

    def _note(self, number: int, step: str, detail: str = "") -> None:
        self._mark(
            Strike.model_validate(
                {
                    "at_ns": time.monotonic_ns(),
                    "number": number,
                    "fault": self._fault.name,
                    "step": step,
                    "aimed": self._aimed,
                    "detail": detail,
                    "slot": self._named.slot,
                    "parts": self._named.parts,
                }
            )
        )


def _record_wise(query: Query) -> bool:
    """Whether each input record gives one output record, so that what is unanswered can be counted."""
    return isinstance(query.shape, Project | Running) and not query.where and query.deduplicate is None
