"""The load generator: sends a workload's events on schedule (open loop) or as a backlog, in a process of its own.

Every event has a planned time that depends on nothing the engine does. What is due is handed over in planned order;
each hand-over is recorded with the time at which it began, so that the judge knows how far behind schedule it was.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engines.logs import connect
from engines.logs.protocol import Writer
from harness.failure import TrialFailure
from harness.instruments.channel import Commands, EndOfInput, answer, failures_told, now_ns
from harness.instruments.decoys import Beside, Decoys, Written
from harness.instruments.encoder import EncodedEvents, Encoder, split
from harness.instruments.hand_overs import HandOvers, Punctuality
from results.history import TableWriter
from workloads import control
from workloads.control import ControlEvent
from workloads.discovery import Unavailable
from workloads.schedule import Scheduled, when_planned
from workloads.stream import CONTROL, CONTROL_IDS, Events, Segment
from workloads.workload import NO_SHIFTS, Keeping, Shifted, Workload, discover

TICK_S = 0.002
"""Sleep between two looks at the schedule; what comes due meanwhile goes out together."""

CLOSERS = 4
"""Closing keys a partition, so that every worker that keys may be spread over owns some."""

_AHEAD_NS = 1_000_000_000
_BLOCK_EVENTS = 256
_TOGETHER = 1000
"""So many events of a recording at least, in a backlog, are followed by a heartbeat."""

_FLUSH_S = 120.0
_STORE_S = 5.0


def heartbeat_key(partition: int) -> str:
    return f"{CONTROL}heartbeat-{partition}"


def closing_key(partition: int, number: int) -> str:
    return f"{CONTROL}close-{partition}-{number}"


def control_partition(key: str) -> int:
    """The partition of a heartbeat's or closing key."""
    return int(key.split("-")[1])


def closing_keys(partitions: int) -> list[str]:
    return [closing_key(partition, number) for partition in range(partitions) for number in range(CLOSERS)]


def control_keys(partitions: int) -> list[str]:
    """Every key of heartbeats and closing events. Control event number n of a trial with the key at place p here has
    the id CONTROL_IDS + n * length + p, so that its id tells its key.
    """
    return [*map(heartbeat_key, range(partitions)), *closing_keys(partitions)]


class Generator:
    """Sends segments of one workload's stream to one topic."""

    def __init__(self, setup: Mapping[str, Any]) -> None:
        workload = discover()[setup["workload"]]
        if isinstance(workload, Unavailable):
            raise TrialFailure(f"workload {workload.name} is unavailable: {workload.why}")
        self._workload: Workload = workload
        self._parameters: Mapping[str, Any] = setup["parameters"]
        if isinstance(workload, Keeping):
            self._parameters = workload.kept(self._parameters, Path(setup["kept"]))
        self._seed: int = setup["seed"]
        self._partitions: int = setup["partitions"]
        self._query = workload.query(self._parameters)
        self._schedule = workload.schedule(self._parameters) if isinstance(workload, Scheduled) else None
        shifts = workload.shifts(self._parameters) if isinstance(workload, Shifted) else NO_SHIFTS
        self._encoder = Encoder(self._query, self._partitions, shifts)
        self._topic: str = setup["topic"]
        self._transactional_id: str = setup["transactional_id"]
        self._log = connect(setup["address"], setup["log"])
        self._writer: Writer | None = None
        self._bulk: Writer | None = None
        self._sends = TableWriter(Path(setup["folder"]), "sends")
        self._places = {key: place for place, key in enumerate(control_keys(self._partitions))}
        self._controls = 0
        self._heartbeat, self._closing = control.heartbeat(self._query), control.closing(self._query)
        # Its encoder is its own: it works beside the load.
        encoder = Encoder(self._query, self._partitions, shifts)
        self._decoys = Decoys(
            self._log,
            self._topic,
            self._partitions,
            f"{self._transactional_id}-decoys",
            lambda segment, ids: self._workload.events(self._parameters, self._seed, segment, np.array(ids)),
            encoder.shares,
            lambda partition, identity, ms: encoder.control(heartbeat_key(partition), identity, ms, self._heartbeat),
        )

    def decoys(self, segment: Segment) -> Written:
        """Write decoys into windows of a segment, in a transaction that has been aborted when this returns."""
        return self._decoys.write(segment, segment.first, segment.first + segment.count)

    def _events(self, segment: Segment, first: int, stop: int) -> Events:
        return self._workload.events(self._parameters, self._seed, segment, np.arange(first, stop, dtype=np.int64))

    def _paced_writer(self) -> Writer:
        if self._writer is None:
            self._writer = self._log.writer(self._topic)
        return self._writer

    @property
    def _next_control_id(self) -> int:
        """The smallest that the next control event can have."""
        return CONTROL_IDS + self._controls * len(self._places)

    def _control(self, writer: Writer, key: str, partition: int, time_ms: int, event: ControlEvent) -> None:
        name, value = self._encoder.control(key, self._next_control_id + self._places[key], time_ms, event)
        self._controls += 1
        writer.write(partition, [name], [value])

    def _heartbeats(self, writer: Writer, segment: Segment, second: int, speed: float) -> None:
        """One for each partition; speed: how much faster than these seconds event time passes."""
        time_ms = segment.base_ms + control.heartbeat_ms(second, self._query.watermark_delay_ms, speed)
        for partition in range(self._partitions):
            self._control(writer, heartbeat_key(partition), partition, time_ms, self._heartbeat)

    def prepare(self) -> None:
        """Connect and encode a little, so that the first events are not late."""
        self._paced_writer()
        self._encoder.rows(self._events(Segment(0, _BLOCK_EVENTS, 0, 1000.0), 0, _BLOCK_EVENTS))

    def paced(
        self,
        phase: str,
        segment: Segment,
        rate: float,
        start_ns: int,
        decoys_s: float | None = None,
        cut: Callable[[], bool] = lambda: False,
        settle_s: float = 0.0,
        recorded_s: float | None = None,
    ) -> tuple[int, Written | None, Punctuality]:
        """Send a segment on schedule: `rate` events a second on average, the first at start_ns. How many were sent, the
        decoys that were written beside them, and how late they were handed over.

        decoys_s: when, after start_ns. cut: asked at each tick; once it says so, nothing further is sent. settle_s: how
        late events are in the first part is not told. recorded_s: events come as they were recorded, and heartbeats go
        on for so long, also where no more events come; None for the segment's own schedule.
        """
        writer = self._paced_writer()
        last, lasts_ns = segment.first + segment.count, int((recorded_s or 0.0) * 1e9)
        schedule = self._schedule if recorded_s is not None else None
        planned_ns = when_planned(segment, np.arange(segment.first, last), rate, schedule)
        record, kept = HandOvers(self._sends, phase), Punctuality(planned_ns, start_ns, int(settle_s * 1e9))
        ready: deque[tuple[int, EncodedEvents]] = deque()
        encoded = sent = segment.first
        second, beside, elapsed_ns = 0, None, 0
        while (sent < last or elapsed_ns < lasts_ns) and not cut():
            elapsed_ns = now_ns() - start_ns
            if beside is None and decoys_s is not None and elapsed_ns >= decoys_s * 1e9:
                # Of the second to come: their windows are open.
                beside = Beside(partial(self._decoys.write, segment, sent, min(last, sent + max(1, int(rate)))))
            # A heartbeat waits for the events before it, however late these are: ahead of them it would move watermarks
            # past them, and an engine would rightly drop them.
            reached_ns = min(elapsed_ns, int(planned_ns[sent - segment.first])) if sent < last else elapsed_ns
            while second * 1_000_000_000 <= reached_ns:
                self._heartbeats(writer, segment, second, rate / segment.rate)
                second += 1
            due = segment.first + int(np.searchsorted(planned_ns, elapsed_ns, side="right"))
            while sent < due and ready:
                first, rows = ready[0]
                stop = min(due, first + len(rows.values))
                # Stamped before the act, as everything is that a row's visibility is held against.
                record.add(sent, stop - sent, handed_ns := now_ns())
                kept.add(sent - segment.first, stop - sent, handed_ns)
                with writer.together():
                    for share in split(rows, sent - first, stop - first):
                        writer.write(share.partition, share.keys, share.values)
                sent = stop
                if stop == first + len(rows.values):
                    ready.popleft()
            if encoded < last and planned_ns[encoded - segment.first] <= elapsed_ns + _AHEAD_NS:
                stop = min(last, encoded + _BLOCK_EVENTS)
                ready.append((encoded, self._encoder.rows(self._events(segment, encoded, stop))))
                encoded = stop
            else:
                record.store(_STORE_S)
                time.sleep(TICK_S)
        record.store(0.0)
        writer.flush(_FLUSH_S)
        return sent - segment.first, beside.result() if beside else None, kept

    def backlog(self, phase: str, segment: Segment) -> None:
        """Write a segment into a transaction that stays open."""
        if self._bulk is None:
            self._bulk = self._log.writer(self._topic, self._transactional_id)
        writer = self._bulk
        writer.begin()
        record = HandOvers(self._sends, phase)
        last, per_second = segment.first + segment.count, max(1, int(segment.rate))
        # Of a recording, a second of event time may have no event, or all.
        together = per_second if self._schedule is None else max(_TOGETHER, per_second)
        for second, first in enumerate(range(segment.first, last, together)):
            stop = min(first + together, last)
            record.add(first, stop - first, now_ns())
            for share in self._encoder.shares(self._events(segment, first, stop)):
                writer.write(share.partition, share.keys, share.values)
            if self._schedule is not None:
                second = int(self._schedule.arrivals_ms(np.array([first - segment.first]))[0]) // 1000
            self._heartbeats(writer, segment, second, 1.0)
        record.store(0.0)
        writer.flush(_FLUSH_S)

    def commit(self) -> None:
        """Commit the open transaction."""
        if self._bulk is None:
            raise TrialFailure("there is no open transaction to commit")
        self._bulk.commit(_FLUSH_S)

    def close_round(self, time_ms: int) -> int:
        """Send closing events for every partition at this event time, and wait until they are acknowledged.

        The smallest id among them.
        """
        writer, first_id = self._paced_writer(), self._next_control_id
        for partition in range(self._partitions):
            for number in range(CLOSERS):
                for event in self._closing:
                    self._control(writer, closing_key(partition, number), partition, time_ms, event)
        writer.flush(_FLUSH_S)
        return first_id

    @property
    def stored(self) -> dict[str, int]:
        """Rows by table."""
        return {"sends": self._sends.rows}

    def close(self) -> None:
        for writer in (self._writer, self._bulk):
            if writer is not None:
                writer.close()
        self._log.close()


def told_segment(command: Mapping[str, Any]) -> Segment:
    """The segment of a command, which JSON made of plain lists."""
    given = command["segment"]
    return Segment(**{**given, "curve": tuple(map(tuple, given.get("curve", ())))})


def main() -> None:
    commands = Commands()
    with failures_told():
        generator = Generator(commands.setup)
        generator.prepare()
        answer({"did": "setup"})
        try:
            for command in commands:
                _do(command, generator, commands)
        except EndOfInput:
            pass  # In the middle of a paced phase: what is not sent by now is not wanted.
        finally:
            generator.close()
        answer({"did": "end", "stored": generator.stored})


def _do(command: Mapping[str, Any], generator: Generator, commands: Commands) -> None:
    more: dict[str, Any] = {}
    match command["do"]:
        case "paced":
            more["count"], written, kept = generator.paced(
                command["phase"],
                told_segment(command),
                command["rate"],
                command["start_ns"],
                command["decoys_s"],
                lambda: commands.next(0.0) is not None,
                command["settle_s"],
                command["recorded_s"],
            )
            more["late_ms"] = kept.late_ms()
            more["decoys"] = asdict(written) if written else None
        case "decoys":
            more |= asdict(generator.decoys(told_segment(command)))
        case "backlog":
            generator.backlog(command["phase"], told_segment(command))
        case "commit":
            generator.commit()
        case "close":
            more["first_id"] = generator.close_round(command["time_ms"])
    answer({"did": command["do"], **more})


if __name__ == "__main__":
    main()
