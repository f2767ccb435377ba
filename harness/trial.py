"""A trial: one engine, deployed once, is given one workload, and everything that happens is recorded.

A trial concludes nothing; `results.judge` does, from the files that a trial leaves. Longer than most: it is the whole
experiment, top to bottom.
"""

from __future__ import annotations

import itertools
import math
import os
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from engines.failure import Failure
from engines.protocol import Engine, Job, LogKind, OnItsOwnTerms, Role, Topic
from harness import backlogs, probing
from harness.broken_records import BrokenRecords
from harness.commit_watch import CommitWatch
from harness.deadline import Deadline
from harness.deployment import Deployment
from harness.display import Display
from harness.equipment import Equipment
from harness.failure import TrialFailure
from harness.faults.fault import Fault, has_one_victim
from harness.host.engine_processes import EngineProcesses
from harness.host.flight_recording import FlightRecording
from harness.host.pinning import here, move, starting_on
from harness.host.signals import held_still
from harness.host.stacks import dump
from harness.instruments.channel import Instrument
from harness.instruments.generator import closing_keys
from harness.instruments.sampler import OURS
from harness.output_source import OutputSource, source_of
from harness.planned_job import planned_job
from harness.quiescence import PolledRest, Rest
from harness.readback import read_back, read_outputs
from harness.record import Record
from harness.strikes.campaign import Campaign
from harness.strikes.gauge import Gauge
from harness.strikes.row_counts import RowCounts
from results.history import (
    PROFILED,
    Closing,
    Committed,
    Complete,
    Counters,
    Decoyed,
    Ended,
    EngineReady,
    Failed,
    Loaded,
    LoadMark,
    LookedLate,
    MarkWriter,
    NotStored,
    PhaseBegin,
    Probed,
    Profiled,
    Quiescent,
    SegmentMark,
)
from results.plan import CasePlan, Drain, Paced, Pinned, Search, kept_folder
from results.rate_search import Ask, Commit, Late, Tried, breaks, outcome
from results.warmth import Drained
from workloads.control import answers, awaited
from workloads.schedule import Schedule, Scheduled
from workloads.stream import Segment
from workloads.workload import Keeping, Parameters, Workload

READY_S = 180.0
"""How long an engine may take from the submission of its job until it is ready."""

PATIENCE_S = 120.0
"""How long an engine may go without a new result while results are due."""

STANDS_STILL_S = 30.0
"""How long no result may come before it is taken that none will: where it is not known which closing events have some.
Long, since a job that comes back from a strike must not be taken for one that has lost its rows."""

CLOSING_LEAD_MS = 60_000
"""How far in event time the first closing events stand behind a phase's last event."""

CLOSING_ROUND_S: dict[LogKind, float] = {"kafka": 1.1, "embedded": 0.5}
"""Closing rounds are this far apart: Kafka Streams looks for due windows on a record, and at most once a second."""

DECOYS_WARMUP_S = 2.0
"""In the middle of a warm-up of at least so long, decoys are written."""

_BASE_MS = 60_000
_LEAD_NS = 300_000_000
_LOOK_S = 0.1
_PROBE_LOOK_S = 0.03
_ATTEND_S = 1.0
_SETTLE_S = 0.02
_ANSWER_S = 60.0
_BACKLOG_S = 600.0
_DECOYS_S = 120.0


class Trial:
    """Conducts one case. `conduct` is the whole experiment, top to bottom."""

    def __init__(
        self,
        case: CasePlan,
        engine: Engine,
        workload: Workload,
        equipment: Equipment,
        prefix: str,
        display: Display,
        fault: type[Fault] | None = None,
    ) -> None:
        """prefix: of the names of topics and of the job, unique on the log. fault: what the case asks for."""
        self._case, self._engine, self._equipment, self._display = case, engine, equipment, display
        self._fault = fault
        self._query = workload.query(case.parameters)
        self._workload = workload
        self._prefix = prefix
        self._input, self._output = f"{prefix}-input", f"{prefix}-output"
        self._broken = BrokenRecords(equipment.log, self._input)
        self._marks = MarkWriter(equipment.folder)
        self._phase = "set-up"
        self._next_id = 0
        # Every segment's base is a multiple of the window size, and of a minute so that times are easy to read.
        self._unit_ms = math.lcm(_BASE_MS, self._query.alignment_ms)
        self._base_ms = time.time_ns() // 1_000_000 // self._unit_ms * self._unit_ms
        self._deadline = Deadline(case)
        self._attended_s = 0.0
        self._instruments: list[Instrument] = []
        self._record = Record(equipment.folder)
        self._processes = EngineProcesses()
        self._pinned = here() if case.pin else Pinned()

    def conduct(self) -> None:
        """Run the experiment. What goes wrong becomes the mark `failed`; only an interruption is raised."""
        try:
            with ExitStack() as stack:
                stack.enter_context(self._processes)
                self._set_up(stack)
                self._deploy(stack)
                # Backlogs first: they warm what a steady load would leave cold through all of its warm-up.
                drained = self._run_drains(self._case.drain) if self._case.drain else None
                if self._case.search and drained:
                    self._run_search(self._case.search, drained.events / drained.seconds)
                if self._case.paced:
                    self._run_paced(self._case.paced)
                self._come_to_rest()
            self._record.check()
            self._marks.write(Ended(at_ns=time.monotonic_ns()))
        except Failure as failure:
            self._fail(failure.what, failure.where)
        except Exception as error:
            # An engine may come from anyone and raise anything; its trial failed, and the run goes on.
            what = error.strerror if isinstance(error, NotStored) else f"{type(error).__name__}: {error}"
            self._fail(str(what), self._traceback())
        except KeyboardInterrupt:
            self._fail("interrupted", str(self._equipment.folder), interrupted=True)
            raise
        finally:
            self._marks.close()
            self._record.seal()

    def _fail(self, what: str, where: str, interrupted: bool = False) -> None:
        # Where there is no room for it the manifest will be missing too, and the judge says that much.
        with suppress(NotStored):
            self._marks.write(
                Failed(at_ns=time.monotonic_ns(), phase=self._phase, what=what, where=where, interrupted=interrupted)
            )

    def _traceback(self) -> str:
        """Where the traceback of what is being handled stands; the folder where it could not be written."""
        where = self._equipment.folder / "logs" / "trial.log"
        with suppress(OSError):
            where.parent.mkdir(exist_ok=True)
            where.write_text(traceback.format_exc())
            return str(where)
        return str(self._equipment.folder)

    # The parts of the experiment, in their order.

    def _set_up(self, stack: ExitStack) -> None:
        """Make the topics and start the instruments."""
        self._say("equipment up")
        for topic in (self._input, self._output):
            self._equipment.log.create(topic, self._case.partitions)
        common = {
            "log": self._equipment.kind,
            "address": self._equipment.address,
            "partitions": self._case.partitions,
            "folder": str(self._equipment.folder),
        }
        self._generator = self._instrument(
            stack,
            "generator",
            common
            | {
                "topic": self._input,
                "transactional_id": f"{self._prefix}-backlog",
                "workload": self._case.workload,
                "parameters": self._case.parameters,
                "kept": str(kept_folder(self._equipment.folder)),
                "seed": self._case.seed,
            },
        )
        self._source.attach((self._equipment.log, self._equipment.gauge_log), self._equipment.folder / "logs", stack)
        self._collector = self._instrument(stack, "collector", common | self._source.setup, self._source.module)
        self._sampler = self._instrument(
            stack, "sampler", {"folder": str(self._equipment.folder), "director": os.getpid()}
        )
        for instrument in (self._generator, self._collector, self._sampler):
            instrument.wait_ready()
        if self._pinned.why:
            self._say(self._pinned.why)
        self._tell_sampler(dict)

    @cached_property
    def _job(self) -> Job:
        return planned_job(
            self._case,
            name=self._prefix,
            query=self._query,
            input=self._topic(self._input),
            output=self._topic(self._output),
            directory=self._equipment.state,
            topic_settings=self._equipment.topic_settings,
        )

    @property
    def _polled(self) -> bool:
        """Whether a command prints the rows, in place of a topic."""
        return isinstance(self._engine, OnItsOwnTerms) and self._engine.terms.polled

    @cached_property
    def _source(self) -> OutputSource:
        """Where its rows come from. What reads them for us goes by no link that is broken on purpose."""
        job = replace(self._job, input=replace(self._job.input, address=self._equipment.address))
        keys = int(self._case.parameters.get("keys", 0))
        return source_of(self._engine, job, keys, self._equipment.site)

    def _instrument(self, stack: ExitStack, name: str, setup: dict[str, Any], module: str = "") -> Instrument:
        log = self._equipment.folder / "logs" / f"{name}.log"
        instrument = Instrument(name, module or f"harness.instruments.{name}", setup, log)
        # The last to be closed: an engine that is being stopped may still write, which the collector is to see.
        stack.callback(self._record.end, instrument)
        self._instruments.append(instrument)
        return instrument

    def _deploy(self, stack: ExitStack) -> None:
        """Start the engine and wait until it is ready for the first event."""
        self._phase = "start of the engine"
        self._say("starting the engine")
        self._equipment.state.mkdir(parents=True, exist_ok=True)
        self._deployment = Deployment(self._engine, self._equipment.site, self._job, READY_S)
        stack.callback(self._end_engine)
        stack.callback(self._deployment.close)
        stack.push(self._dump_threads)
        with starting_on(self._pinned.engine):
            startup_s = self._deployment.start(lambda: self._tell_sampler(self._deployment.processes))
        self._marks.write(
            EngineReady(
                at_ns=time.monotonic_ns(),
                settings=dict(self._deployment.settings),
                reasons=self._deployment.reasons,
                startup_s=startup_s,
            )
        )
        self._attend()
        if isinstance(self._engine, OnItsOwnTerms):
            self._await_answer()

    def _await_answer(self) -> None:
        """What a user's program says of itself may be wrong: it is ready once an event on each partition was answered.
        No phase has begun, so nothing that is judged is closed by these events. Where it is not known which events it
        answers, what it says of itself is all that there is.
        """
        if not awaited(self._query):
            return
        self._phase = "first answer"
        self._say("waiting for a first answer")
        self._await_closings(self._base_ms, lambda *_: None)

    def _run_paced(self, paced: Paced) -> None:
        """Send at a constant rate, open loop, let strikes fall where they are planned, and wait for every result."""
        self._phase = "paced"
        duration_s = paced.duration_s
        recorded = self._schedule if paced.recorded else None
        count = round(duration_s * paced.rate) if recorded is None else recorded.count(duration_s)
        # Every engine is paced with the same events, however much it drained. They come last, so their ids are higher.
        first = self._case.drain.total_events if self._case.drain else 0
        segment = Segment(first, count, self._begin_ms, self._case.event_rate, paced.curve)
        start_ns = time.monotonic_ns() + _LEAD_NS
        self._begin("paced", segment, start_ns)
        self._send_paced(segment, paced, start_ns, self._decoys_s(paced))
        with ExitStack() as stack:
            campaign = self._campaign(stack)
            cut = False
            while (answered := self._generator.receive(_LOOK_S)) is None:
                elapsed_s = max(0.0, (time.monotonic_ns() - start_ns) / 1e9)
                part = "warm-up" if elapsed_s < paced.warmup_s else "measured"
                text = f"{part}, {paced.rate:,.0f} events/s" + (f" ({paced.profile})" if recorded else "")
                if campaign is not None:
                    text += f", {campaign.exposed} of {campaign.tried} strikes exposed"
                    if elapsed_s >= paced.warmup_s:
                        campaign.start()
                    if campaign.over and not cut:
                        # Nothing more is to be learned from the rest of the load.
                        self._generator.send({"do": "cut"})
                        cut = True
                self._progress(min(elapsed_s, duration_s), duration_s, text)
                self._attend()
            if campaign is not None:
                campaign.stop()
        if answered["decoys"]:
            self._marks.write(Decoyed(phase="paced", **answered["decoys"]))
        sent = int(answered["count"])
        if cut:
            segment = replace(segment, count=sent)
        self._marks.write(Loaded(at_ns=time.monotonic_ns(), phase="paced", count=sent if cut else None))
        self._close("paced", segment)

    def _run_search(self, search: Search, drained_rate: float) -> None:
        """Steady loads one after the other, until it is known which rate the engine sustains."""
        tried: list[Tried] = []
        watch = CommitWatch(self._equipment.log, self._topic(self._input), self._prefix, self._deployment.progress)
        with closing(watch):
            while (ask := probing.following(search, tried, drained_rate)) is not None:
                tried.append(self._run_probe(f"probe-{len(tried) + 1}", search, ask, watch))

    def _run_probe(self, phase: str, search: Search, ask: Ask, watch: CommitWatch) -> Tried:
        """One steady load, cut short if the engine falls behind, and the wait until nothing is left of its lag."""
        self._phase, load = phase, probing.load(search, ask)
        rate = load.rate * search.event_share
        segment = Segment(self._next_id, round(load.duration_s * load.rate), self._base_ms, rate)
        start_ns = time.monotonic_ns() + _LEAD_NS
        self._begin("probe", segment, start_ns, load)
        self._send_paced(segment, load, start_ns, None)
        watch.seen.clear()
        judged_ns, cut, known = start_ns + load.warmup_s * 1e9, False, 0
        while (answered := self._generator.receive(_PROBE_LOOK_S)) is None:
            watch.look()
            # Only a new commit tells something new; a look is made many times as often.
            if not cut and len(watch.seen) > known:
                known = len(watch.seen)
                commits = [Commit(each.at_ns / 1e9, each.lag) for each in watch.seen if each.at_ns >= judged_ns]
                cut = breaks(commits, load.rate)
                if cut:
                    self._generator.send({"do": "cut"})
            elapsed_s = max(0.0, (time.monotonic_ns() - start_ns) / 1e9)
            self._progress(min(elapsed_s, load.duration_s), load.duration_s, f"{load.rate:,.0f} events/s")
            self._attend()
        late = Late(*answered["late_ms"])
        told = [each for each in watch.seen if each.at_ns >= judged_ns] if watch.told else None
        self._marks.write(Probed(at_ns=time.monotonic_ns(), phase=phase, commits=told, cut=cut))
        sent = int(answered["count"])
        self._marks.write(Loaded(at_ns=time.monotonic_ns(), phase=phase, count=sent if cut else None))
        self._close(phase, replace(segment, count=sent) if cut else segment)
        seen = None if told is None else [Commit(each.at_ns / 1e9, each.lag) for each in told]
        return Tried(ask.rate, outcome(seen, load.rate, late, cut, self._case.interval_ms), ask.confirming)

    def _campaign(self, stack: ExitStack) -> Campaign | None:
        """What strikes while the load goes on; None where nothing is to."""
        strikes, log = self._case.strikes, self._equipment.gauge_log
        if strikes is None or self._fault is None or log is None:
            return None
        fault, partitions = self._fault(), self._case.partitions
        # What a single worker has at stake is told by what was made from its partitions.
        by_worker = has_one_victim(fault) and self._deployment.rollback == "worker"
        rows = RowCounts(log, self._output, partitions) if by_worker else None
        # Where the broker is broken on purpose, no look at it can be in time.
        late = (lambda *_: None) if "broker" in self._fault.needs else self._looked_late
        gauge = Gauge(log, (self._input, self._output), partitions, self._deployment.progress, rows, late)
        stack.enter_context(gauge)
        campaign = Campaign(
            self._case,
            strikes,
            fault,
            self._query,
            self._deployment,
            gauge,
            self._marks.write,
            self._equipment,
            self._output,
            self._broken.write,
            self._processes,
            printed=self._printed if self._polled else None,
        )
        stack.callback(campaign.end)
        return campaign

    def _printed(self, after_ns: int, deadline_s: float) -> int | None:
        """As `Campaign` asks for it, on its thread: while the load goes on nobody else asks this collector."""
        while time.monotonic() < deadline_s:
            status = self._collector.ask({"do": "status"}, _ANSWER_S)
            if status["began_ns"] > after_ns:
                return int(status["distinct"])
        return None

    def _looked_late(self, from_ns: int, until_ns: int) -> None:
        with suppress(NotStored):  # What comes next cannot be stored either, and says so.
            self._marks.write(LookedLate(at_ns=until_ns, who="gauge", from_ns=from_ns))

    def _decoys_s(self, paced: Paced) -> float | None:
        """When decoys are written beside the load: in the warm-up, for an open transaction holds back every
        read_committed reader for some milliseconds. None where there is no time for them, or no transaction to see.
        """
        enough = paced.warmup_s >= DECOYS_WARMUP_S
        return paced.warmup_s / 2 if enough and self._equipment.kind == "kafka" else None

    def _run_drains(self, drain: Drain) -> Drained:
        """Backlogs for the idle engine: equal ones until it is warm or the budget is spent, then the one to measure."""
        began_s, number = time.monotonic(), itertools.count(1)
        drained = backlogs.run(
            drain,
            self._case.interval_ms,
            lambda: time.monotonic() - began_s,
            lambda events: self._run_drain(f"drain-{next(number)}", events),
        )
        java = self._equipment.site.java_home
        if self._engine.environment.jvm and java is not None:
            self._profile(drain.events, java)
        return drained

    def _profile(self, events: int, java: Path) -> None:
        """One more backlog, of which no time counts, to see what the engine's Java threads do with it."""
        workers = self._deployment.processes().get("worker", [])
        with FlightRecording(workers, java, self._equipment.scratch) as recording:
            self._run_drain(PROFILED, events)
        found = recording.samples
        self._marks.write(
            Profiled(at_ns=time.monotonic_ns(), samples=found.all, json_samples=found.json, why=recording.why)
        )

    def _run_drain(self, phase: str, events: int) -> Drained:
        """One backlog, from its release to the last result."""
        self._phase = phase
        segment = Segment(self._next_id, events, self._begin_ms, self._case.event_rate)
        self._begin("drain", segment, time.monotonic_ns())
        if self._equipment.kind == "kafka":
            written = self._generator.ask({"do": "decoys", "segment": asdict(segment)}, _DECOYS_S)
            self._marks.write(Decoyed(phase=phase, **{name: written[name] for name in ("first_id", "count", "at_ns")}))
        self._progress(0, 1, f"writing a backlog of {events:,} events")
        self._generator.send({"do": "backlog", "phase": phase, "segment": asdict(segment)})
        deadline_s = time.monotonic() + _BACKLOG_S
        while self._generator.receive(_LOOK_S) is None:
            self._attend()
            if time.monotonic() > deadline_s:
                raise TrialFailure(f"a backlog of {events} events was not written in {_BACKLOG_S:g} s")
        released_ns = self._release()
        self._marks.write(Committed(at_ns=released_ns, phase=phase))
        self._marks.write(Loaded(at_ns=time.monotonic_ns(), phase=phase))
        self._progress(0, 1, f"draining {events:,} events")
        last_row_ns = max(self._close(phase, segment), released_ns + 1)
        # Asked for afterwards: to answer takes the sampler milliseconds, in which the drain would go on.
        spent = self._sampler.ask({"do": "cpu", "from_ns": released_ns, "until_ns": last_row_ns}, _ANSWER_S)
        return Drained(events, (last_row_ns - released_ns) / 1e9, float(spent["cpu_s"]))

    def _release(self) -> int:
        """Commit the backlog while the engine is held still, let it go on, and return when that was.

        A commit makes partitions visible one after the other, within milliseconds. An engine whose watermark is the
        largest over all partitions (Spark's) would take the rest for late if it looked in between; so none can.
        """
        named = [pid for pids in self._deployment.processes().values() for pid in pids]
        with held_still(named, self._processes.pids):
            # What the engine had asked the log before it was stopped is answered before the commit.
            time.sleep(_SETTLE_S)
            self._generator.ask({"do": "commit"}, _ANSWER_S)
            deadline_s = time.monotonic() + _ANSWER_S
            while self._end_offsets(self._input, "read_committed") != self._end_offsets(
                self._input, "read_uncommitted"
            ):
                if time.monotonic() > deadline_s:
                    raise TrialFailure(f"the commit of a backlog was not visible after {_ANSWER_S:g} s", self._input)
            return time.monotonic_ns()

    def _close(self, phase: str, segment: Segment) -> int:
        """Close a phase, and return when its last result came."""

        def mark(number: int, time_ms: int) -> None:
            self._marks.write(Closing(at_ns=time.monotonic_ns(), phase=phase, round=number, time_ms=time_ms))

        lasted_ms = max(segment.duration_ms, self._schedule.span_ms(segment.count) if self._schedule else 0)
        last_row_ns = self._await_closings(segment.base_ms + lasted_ms + CLOSING_LEAD_MS, mark)
        self._marks.write(Complete(at_ns=time.monotonic_ns(), phase=phase))
        self._next_id = max(self._next_id, segment.first + segment.count)
        return last_row_ns

    def _await_closings(self, first_ms: int, mark: Callable[[int, int], None]) -> int:
        """Send closing rounds until results of the first were seen for every closing key; when the last result came.
        Where it is not known how events look that have results, until there was no new one for STANDS_STILL_S.

        first_ms: event time of the first round. mark: is told the number and the event time of each, before it is sent.
        """
        step_ms = math.ceil(self._query.settle_ms / 1000) * 1000
        missing = set(closing_keys(self._case.partitions)) if awaited(self._query) else set()
        patience_s = 0.0 if missing else STANDS_STILL_S
        rounds, next_round_s, rows, progress_s, first_id = 0, 0.0, -1, time.monotonic(), 0
        while True:
            now_s = time.monotonic()
            if now_s >= next_round_s:
                time_ms = first_ms + rounds * step_ms
                rounds, next_round_s = rounds + 1, now_s + CLOSING_ROUND_S[self._equipment.kind]
                # Stamped before the act: no row that the round closes can be visible earlier.
                mark(rounds, time_ms)
                sent = self._generator.ask({"do": "close", "time_ms": time_ms}, _ANSWER_S)
                first_id = first_id or sent["first_id"]
            status = self._collector.ask({"do": "status"}, _ANSWER_S)
            missing -= {row["key"] for row in status["closings"] if answers(self._query, row, first_ms, first_id)}
            if status["rows"] != rows:
                rows, progress_s = status["rows"], now_s
            if not missing and now_s - progress_s >= patience_s:
                break
            self._attend()
            if now_s - progress_s > PATIENCE_S:
                why = f"; {status['failure']}" if status.get("failure") else ""
                raise TrialFailure(
                    f"no new result for {PATIENCE_S:g} s in phase {self._phase}, while results for the closing keys "
                    f"{', '.join(sorted(missing))} are due{why}",
                    str(self._equipment.site.logs),
                )
        self._base_ms = -(-(first_ms + (rounds + 1) * step_ms) // self._unit_ms) * self._unit_ms
        return int(status["last_row_ns"])

    def _come_to_rest(self) -> None:
        """Wait until nothing is on its way; store what the engine was given and, after strikes, all that it wrote."""
        self._phase = "quiescence"
        rest = self._rest()
        # Meanwhile the input is read back: offsets that are the same afterwards did not change in between.
        self._say("reading back the input")
        self._record.add(
            read_back(self._equipment.log, self._input, self._case.partitions, self._equipment.folder, self._broken)
        )
        self._say("waiting until outputs stand still")
        ends = rest.wait(self._attend, self._equipment.site.logs)
        self._await_collector(ends)
        self._marks.write(Quiescent(at_ns=time.monotonic_ns(), end_offsets=ends, still_s=rest.still_s))
        counted = self._deployment.counters()
        self._marks.write(Counters(at_ns=time.monotonic_ns(), late=counted.get("late"), broken=counted.get("broken")))
        if self._case.strikes is not None and not self._polled:
            self._record.add(read_outputs(self._equipment, self._output, self._case.partitions))

    def _rest(self) -> Rest | PolledRest:
        """What waits until outputs stand still. Its time counts from now."""
        if self._polled:
            return PolledRest(lambda command: self._collector.ask(dict(command), _ANSWER_S), self._case.interval_ms)
        return Rest(self._equipment.log, self._output, self._case.partitions, self._case.interval_ms)

    def _await_collector(self, ends: list[int]) -> None:
        """Return once the collector has read all of the output. Raises TrialFailure if it does not."""
        deadline_s, command = time.monotonic() + _ANSWER_S, "look for ends"
        while True:
            reached = self._collector.ask({"do": command}, _ANSWER_S)["positions"]
            if all(position >= end for position, end in zip(reached, ends, strict=True)):
                return
            if time.monotonic() > deadline_s:
                raise TrialFailure(f"the collector read the output to offsets {reached} only, of {ends}", self._output)
            command = "status"
            time.sleep(_LOOK_S)

    # What the parts share.

    @cached_property
    def _schedule(self) -> Schedule | None:
        """When events come, where that was recorded."""
        parameters: Parameters = self._case.parameters
        if isinstance(self._workload, Keeping):
            parameters = self._workload.kept(parameters, kept_folder(self._equipment.folder))
        return self._workload.schedule(parameters) if isinstance(self._workload, Scheduled) else None

    @property
    def _begin_ms(self) -> int:
        """Event time of the next segment's first event. Where that is recorded, windows have the rows that they have in
        the recording: its times are moved by whole windows.
        """
        return self._base_ms + (self._schedule.lead_ms(self._unit_ms) if self._schedule else 0)

    def _begin(self, kind: Any, segment: Segment, start_ns: int, load: Paced | None = None) -> None:
        self._marks.write(
            PhaseBegin(
                at_ns=time.monotonic_ns(),
                phase=self._phase,
                kind=kind,
                segment=SegmentMark(**asdict(segment)),
                load=LoadMark(rate=load.rate, warmup_s=load.warmup_s, measured_s=load.measured_s) if load else None,
                start_ns=start_ns,
            )
        )

    def _send_paced(self, segment: Segment, load: Paced, start_ns: int, decoys_s: float | None) -> None:
        """Have the generator send a segment of this phase on schedule."""
        self._generator.send(
            {
                "do": "paced",
                "phase": self._phase,
                "segment": asdict(segment),
                "rate": load.rate,
                "start_ns": start_ns,
                "decoys_s": decoys_s,
                "settle_s": load.warmup_s,
                "recorded_s": load.duration_s if load.recorded else None,
            }
        )

    def _topic(self, name: str) -> Topic:
        return Topic(self._equipment.kind, self._equipment.engine_address, name, self._case.partitions)

    def _end_offsets(self, topic: str, isolation: Any) -> list[int]:
        return self._equipment.log.end_offsets(topic, self._case.partitions, isolation)

    def _attend(self) -> None:
        """Once a second: is the engine alive, and which processes are its own?"""
        if time.monotonic() - self._attended_s < _ATTEND_S:
            return
        self._deadline.check(self._phase, str(self._equipment.site.logs))
        for instrument in self._instruments:
            instrument.check()
        failure: Failure | None = self._deployment.failure() or (
            None if self._deployment.struck else self._equipment.log_failure()
        )
        if failure is not None:
            raise failure
        self._tell_sampler(self._deployment.processes)
        self._attended_s = time.monotonic()

    def _tell_sampler(self, name: Callable[[], Mapping[Role, list[int]]]) -> None:
        """Which processes are whose: what the engine names, ours, and last what dead orphans of the engine took."""
        as_of_ns = time.monotonic_ns()
        named = name()
        ended = [asdict(one) for one in self._processes.reap(named)]
        watched: dict[str, list[int]] = {
            OURS: self._processes.ours(),
            **{str(role): pids for role, pids in named.items()},
            **self._equipment.bystanders(),
            "generator": [self._generator.pid],
            "collector": [self._collector.pid],
            "sampler": [self._sampler.pid],
        }
        move(itertools.chain.from_iterable(named.values()), self._pinned.engine)
        bystanders = itertools.chain.from_iterable(self._equipment.bystanders().values())
        move([*bystanders, *(instrument.pid for instrument in self._instruments)], self._pinned.rest)
        told = {"do": "watch", "roles": watched, "as_of_ns": as_of_ns, "ended": ended, "steady": self._steady(watched)}
        self._sampler.ask(told, _ANSWER_S)

    def _steady(self, watched: Mapping[str, list[int]]) -> dict[str, list[int]]:
        """Processes of ours that nothing but a disturbance stops, by name."""
        link, names = self._equipment.link, {"generator", "collector", "broker"}
        if self._fault is not None and "broker" in self._fault.needs:
            names -= {"broker"}
        return {
            "director": [os.getpid()],
            **({"proxy": [link.pid]} if link is not None else {}),
            **{name: pids for name, pids in watched.items() if name in names},
        }

    def _end_engine(self) -> None:
        """Nothing of the engine outlives its trial; what it took is sampled to its end."""
        self._processes.end()
        with suppress(TrialFailure):  # A sampler that is gone was missed before.
            self._tell_sampler(dict)

    def _dump_threads(self, _: object, error: BaseException | None, *__: object) -> None:
        """What every process of the engine is doing as the trial fails; a hang says no more than this."""
        if isinstance(error, Failure):
            dump(self._deployment.processes(), self._equipment.site.java_home, self._equipment.folder / "logs")

    def _say(self, text: str) -> None:
        self._display.step(self._case.name, text)

    def _progress(self, done: float, total: float, text: str) -> None:
        self._display.progress(self._case.name, self._phase, done, total, text)
