"""Which part of its CPU a JVM spends on compiling and on collecting garbage, by the names of its threads (METHOD.md,
"CPU and memory")."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from results.evidence.samples import HOLE_S
from results.history import ENDED_THREADS, History
from workloads.stream import Integers

Class = Literal["jit", "gc", "ended", "other"]

_JIT = ("C1 Comp", "C2 Comp", "JVMCI ")
_GC = ("GC Thread", "G1 ", "Shenandoah", "ZWorker", "ZDriver", "ZDirector", "ZUncommitter", "XWorker")
_VM = "VM Thread"


class NoThreads(Exception):
    """Nothing can be said of threads, in a line."""


@dataclass(frozen=True)
class Shares:
    """CPU seconds of threads. jit, gc: that compile, and that collect garbage. ended: that ended and were not seen;
    what they were is not known. all: of all threads.
    """

    jit: float
    gc: float
    ended: float
    all: float


def classes(names: Iterable[str]) -> Mapping[str, Class]:
    """What the threads of one process do, by name. The serial collector has no thread but the VM Thread."""
    known = set(names)
    collected_apart = any(name.startswith(_GC) for name in known)
    return {name: _class(name, collected_apart) for name in known}


def _class(name: str, collected_apart: bool) -> Class:
    if name == ENDED_THREADS:
        return "ended"
    if name.startswith(_JIT):
        return "jit"
    return "gc" if name.startswith(_GC) or (name == _VM and not collected_apart) else "other"


@dataclass(frozen=True)
class _Process:
    """The threads of one process. cpu_s: by class, at each of the times at_ns."""

    role: str
    began_ns: int
    at_ns: Integers
    cpu_s: Mapping[Class, NDArray[np.float64]]


class JvmThreads:
    """Of all JVMs of a trial, those that had a thread which compiles. Raises DamagedHistory."""

    def __init__(self, history: History) -> None:
        table = history.table("threads")
        self.recorded = bool(table.num_rows)
        """Whether the trial looked at threads at all."""
        by_pid: defaultdict[int, list[tuple[int, str, str, float]]] = defaultdict(list)
        for row in zip(*(table[name].to_pylist() for name in table.schema.names), strict=True):
            at_ns, role, pid, name, cpu_s = row
            by_pid[pid].append((at_ns, role, name, cpu_s))
        self._jvms = [found for rows in by_pid.values() if (found := _process(rows)) is not None]

    def jvms_since(self, roles: tuple[str, ...], since_ns: int) -> int:
        """How many JVMs of these roles were first seen after a time; all of them for 0."""
        return sum(one.role in roles and one.began_ns > since_ns for one in self._jvms)

    def shares(self, roles: tuple[str, ...], start_ns: int, end_ns: int) -> Shares:
        """CPU seconds of the threads of all JVMs of these roles between two times, interpolated between looks.

        Raises NoThreads where there was no JVM, or nothing was looked at then.
        """
        if not self.recorded:
            raise NoThreads("the trial did not record what threads took")
        chosen = [one for one in self._jvms if one.role in roles]
        if not chosen:
            raise NoThreads("no process runs on the JVM")
        times = np.unique(np.concatenate([one.at_ns for one in chosen]))
        inside = times[(times > start_ns) & (times < end_ns)]
        hole_s = float(np.diff(np.concatenate([[start_ns], inside, [end_ns]])).max()) / 1e9
        if times[0] > start_ns or times[-1] < end_ns or hole_s > HOLE_S:
            raise NoThreads("looks at threads do not span the time")
        spent: defaultdict[Class, float] = defaultdict(float)
        for one in chosen:
            for kind, cpu_s in one.cpu_s.items():
                before = 0.0 if one.began_ns > start_ns else float(np.interp(start_ns, one.at_ns, cpu_s))
                after = 0.0 if one.began_ns > end_ns else float(np.interp(end_ns, one.at_ns, cpu_s))
                spent[kind] += after - before
        return Shares(spent["jit"], spent["gc"], spent["ended"], sum(spent.values()))


def _process(rows: list[tuple[int, str, str, float]]) -> _Process | None:
    """None for a process that is no JVM. rows: when, role, name, CPU seconds."""
    kinds = classes(name for _, _, name, _ in rows)
    if "jit" not in kinds.values():
        return None
    times = np.unique([at_ns for at_ns, *_ in rows])
    cpu_s: dict[Class, NDArray[np.float64]] = {kind: np.zeros(len(times)) for kind in set(kinds.values())}
    for at_ns, _, name, seconds in rows:
        cpu_s[kinds[name]][np.searchsorted(times, at_ns)] += seconds
    # What a process is may be known only some time after it began.
    return _Process(max(rows)[1], int(times[0]), times, cpu_s)
