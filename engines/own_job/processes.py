"""The processes of a user's own program: started, told to be ready or not, started again, ended."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from engines.logs.offsets import CommittedOffsets, of_group
from engines.own_job import placeholders
from engines.own_job.description import Command, Description, Progress
from engines.own_job.polled_command import PolledCommand
from engines.process import Process, tail
from engines.protocol import Counter, EngineFailure, Job, Role, Site, Slot
from engines.protocol import Progress as Told

if TYPE_CHECKING:
    from engines.logs.kafka_group import GroupDescriber

_LOOK_S = 0.05
_CONNECT_S = 1.0


class _Member:
    """A place in the job, and the process that is in it now."""

    def __init__(self, process: Process, begins: int) -> None:
        """begins: how long the log was before the process was started."""
        self.process, self._begins = process, begins

    def start_again(self) -> None:
        self._begins = _length(self.process.log)
        self.process = self.process.again()

    @property
    def pid(self) -> int | None:
        """None while nothing runs there."""
        return self.process.pid if self.process.exit_code is None else None

    def printed(self, text: str) -> bool:
        """Whether its process has printed a line with this text."""
        with self.process.log.open("rb") as log:
            log.seek(self._begins)
            return text.encode() in log.read()


def _length(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


class JobProcesses:
    """Implements `engines.protocol.RunningJob`, `Slotted` and `Revivable`. Safe to use from several threads."""

    settings: Mapping[str, str] = {}

    def __init__(self, description: Description, site: Site, job: Job) -> None:
        """Nothing is started before `start`."""
        self._description, self._site, self._job = description, site, job
        self._values = placeholders.of_machine(site, description.file) | placeholders.of_job(job)
        self._members: dict[Role, list[_Member]] = {"worker": [], "coordinator": []}
        self._partitions = frozenset(range(job.input.partitions))
        self._stopped = False
        self._before, self._awaited = frozenset[str](), 0
        group = description.ready.group
        self._joined = None if group is None else self._describer(group)

    def start(self) -> None:
        """Raises EngineFailure where a command cannot be started."""
        told, name = self._description, self._description.name
        if told.coordinator is not None:
            self._start("coordinator", f"{name}-coordinator", told.coordinator, {})
        for slot in range(self._job.parallelism):
            self._start("worker", f"{name}-worker-{slot}", told.worker, {"slot": str(slot)})

    def _start(self, role: Role, name: str, told: Command, own: Mapping[str, str]) -> None:
        state, log = self._job.directory / name, self._site.logs / f"{name}.log"
        state.mkdir(parents=True, exist_ok=True)
        made = placeholders.command(told, {**self._values, **own, "state": str(state)})
        begins = _length(log)
        process = Process(name, made.words, log, made.env, self._description.folder)
        self._members[role].append(_Member(process, begins))

    def wait_ready(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while waited_for := self._lacking():
            if dead := self._died("before it was ready"):
                raise dead
            if time.monotonic() > deadline:
                last = self._members["worker"][-1].process
                raise EngineFailure(
                    f"{self._description.name} was not ready within {timeout_s:g} s: {waited_for}; last lines of "
                    f"{last.name}:\n{tail(last.log)}",
                    str(last.log),
                    "see the logs of its processes beside it, and `ready` in the job file",
                )
            time.sleep(_LOOK_S)
        if dead := self._died("as soon as it was ready"):
            raise dead

    def _lacking(self) -> str:
        """What it is waited for, of what `ready` says; empty once nothing is."""
        ready = self._description.ready
        if self._joined is not None:
            members = self._joined.members()
            if not members.stable or members.assigned != self._partitions:
                has = sorted(members.assigned)
                return f"the members of group {self._filled(ready.group)} have partitions {has} of the input"
            if len(members.ids - self._before) < self._awaited:
                return f"who was started again has not joined group {self._filled(ready.group)}"
        if ready.line is not None and not all(one.printed(ready.line) for one in self._members["worker"]):
            return f"not every worker has printed {ready.line!r}"
        if ready.port is not None and not _answers(ready.port):
            return f"nothing takes connections at 127.0.0.1:{ready.port}"
        return ""

    def processes(self) -> Mapping[Role, list[int]]:
        found: Mapping[Role, list[int]] = {
            role: [pid for member in members if (pid := member.pid) is not None]
            for role, members in self._members.items()
        }
        return {role: pids for role, pids in found.items() if pids or role == "worker"}

    def slots(self) -> list[Slot]:
        return [Slot(member.pid) for member in self._members["worker"]]

    def failure(self) -> EngineFailure | None:
        return None if self._stopped else self._died("while the job ran")

    def revive(self) -> list[str]:
        if self._stopped:
            raise EngineFailure("a stopped job cannot be revived", remedy="submit it again")
        dead = [member for member in self._all() if member.pid is None]
        self._expect([member for member in self._members["worker"] if member in dead])
        for member in dead:
            member.start_again()
        return [member.process.name for member in dead]

    def _expect(self, dead: list[_Member]) -> None:
        """Who is started again is to join the group anew: for a while the broker takes the dead one for alive. That
        cannot be told where not every worker is in the group.
        """
        if self._joined is not None:
            self._before = self._joined.members().ids
            self._awaited = len(dead) if len(self._before) >= len(self._members["worker"]) else 0

    def counters(self) -> Mapping[Counter, int]:
        return {}

    def stop(self) -> None:
        if self._stopped:
            return
        self._stopped = True
        stop = self._description.stop
        alive = [member.process for member in self._all() if member.pid is not None]
        try:
            if stop.command is not None and alive:
                self._tell(stop.command, stop.timeout_s)
            # All at once: a worker that stops alone hands its work to one that is about to stop as well.
            _end(alive, stop.signal, stop.timeout_s)
        finally:
            for member in self._all():
                member.process.kill()

    def _tell(self, told: Command, timeout_s: float) -> None:
        """Run the command that stops the job, and wait until it has ended. What it fails at, the signal does."""
        made, name = placeholders.command(told, self._values), f"{self._description.name}-stop"
        process = Process(name, made.words, self._site.logs / f"{name}.log", made.env, self._description.folder)
        try:
            process.wait(timeout_s)
        finally:
            process.kill()

    def _all(self) -> list[_Member]:
        """Workers first: who coordinates ends last, and is started again with them."""
        return [*self._members["worker"], *self._members["coordinator"]]

    def _died(self, phase: str) -> EngineFailure | None:
        return next((dead for member in self._all() if (dead := member.process.died(phase))), None)

    def _filled(self, text: str | None) -> str:
        return placeholders.filled(text or "", self._values)

    def _describer(self, group: str) -> GroupDescriber:
        # The library that asks the broker is loaded once somebody asks.
        from engines.logs.kafka_group import GroupDescriber

        return GroupDescriber(self._job.input.address, self._filled(group), self._job.input.name)


class ObservedJob(JobProcesses):
    """Implements `Observable` as well, for a job whose file says how far it is."""

    def __init__(self, description: Description, site: Site, job: Job) -> None:
        super().__init__(description, site, job)
        told = description.progress or Progress()
        group = None if told.group is None else self._filled(told.group)
        self._offsets: CommittedOffsets | None = None if group is None else of_group(job.input, group)
        self._placed = None if group is None or told.client is None else self._describer(group)
        self._client = told.client or ""
        self._held: dict[int, frozenset[int]] = {}
        self._command: PolledCommand | None = None
        if told.command is not None:
            made = placeholders.command(told.command, self._values)
            log = site.logs / f"{description.name}-progress.log"
            self._command = PolledCommand(made.words, made.env, description.folder, log)

    def _lacking(self) -> str:
        """A group may be complete before all workers are in it: then it is about to change."""
        if why := super()._lacking():
            return why
        if self._placed is not None:
            joined = self._placed.members().partitions
            for number in range(len(self._members["worker"])):
                own = self._own_client(number)
                if not any(_is_of(client, own) for client in joined):
                    return f"no member of its group has the client.id {own}"
        return ""

    def _own_client(self, slot: int) -> str:
        return placeholders.filled(self._client, {**self._values, "slot": str(slot)})

    def progress(self) -> Told:
        """Of a group, commits and inputs are both the sum of its committed offsets, as of `ConsumerGroup`."""
        if self._command is not None:
            return self._command.progress()
        positions = None if self._offsets is None else self._offsets.positions()
        total = None if positions is None else sum(positions.values())
        return Told(commits=total or 0, inputs=total, positions=positions)

    def slots(self) -> list[Slot]:
        if self._placed is None:
            return super().slots()
        members = self._placed.members()
        found = []
        for number, member in enumerate(self._members["worker"]):
            own = self._own_client(number)
            if members.stable:
                taken = [has for client, has in members.partitions.items() if _is_of(client, own)]
                self._held[number] = frozenset().union(*taken)
            found.append(Slot(member.pid, self._held.get(number)))
        return found

    def stop(self) -> None:
        super().stop()
        if self._offsets is not None:
            self._offsets.close()
        if self._command is not None:
            self._command.close()


def _is_of(client: str, own: str) -> bool:
    """Whether a member's client.id is a worker's: clients put a thread's name behind it."""
    return client == own or client.startswith(f"{own}-")


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), _CONNECT_S).close()
    except OSError:
        return False
    return True


def _end(processes: list[Process], number: signal.Signals, timeout_s: float) -> None:
    """Send them a signal, and return once all have ended, or the time is over."""
    deadline = time.monotonic() + timeout_s
    for process in processes:
        if process.exit_code is None:
            process.signal(number)
    for process in processes:
        process.wait(max(0.0, deadline - time.monotonic()))
