"""Which CPUs an engine runs on, and which the rest: kept apart, neither takes the other's time."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from results.plan import Pinned

LEAST_CPUS = 4
"""On fewer, the broker and the instruments would be held on a CPU that is too small for them."""

_TOPOLOGY = Path("/sys/devices/system/cpu")


def shared_out(cpus: Collection[int], siblings: Iterable[Collection[int]]) -> Pinned:
    """Half of the cores for the engine, the larger half of an odd number; the rest for broker and instruments.

    siblings: for each core, the CPUs that are its hardware threads; they stay together. A CPU that is in none of them
    is a core of its own. Of fewer than LEAST_CPUS, or of one core, nothing is pinned, and it is said why.
    """
    if len(cpus) < LEAST_CPUS:
        return Pinned(why=f"nothing was pinned: {len(cpus)} CPUs may be used, and {LEAST_CPUS} are needed")
    told = {frozenset(mine) for each in siblings if (mine := set(each) & set(cpus))}
    cores = sorted(told | {frozenset([cpu]) for cpu in cpus if not any(cpu in core for core in told)}, key=min)
    if len(cores) < 2:
        return Pinned(why="nothing was pinned: all CPUs are threads of one core")
    half = (len(cores) + 1) // 2
    return Pinned(engine=_sorted(cores[:half]), rest=_sorted(cores[half:]))


def _sorted(cores: Sequence[Collection[int]]) -> tuple[int, ...]:
    return tuple(sorted(cpu for core in cores for cpu in core))


def here() -> Pinned:
    """How this machine is shared out."""
    cpus = os.sched_getaffinity(0)
    return shared_out(cpus, (_siblings(cpu) for cpu in sorted(cpus)))


def _siblings(cpu: int) -> set[int]:
    """The hardware threads of a CPU's core; itself where the kernel does not tell."""
    found = {cpu}
    with suppress(OSError, ValueError):
        for part in (_TOPOLOGY / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text().strip().split(","):
            first, _, last = part.partition("-")
            found |= set(range(int(first), int(last or first) + 1))
    return found


@contextmanager
def starting_on(cpus: Collection[int]) -> Iterator[None]:
    """What this thread starts meanwhile begins on these CPUs, so that a JVM counts them. None given: on all."""
    if not cpus:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def move(pids: Iterable[int], cpus: Collection[int]) -> None:
    """All threads of these processes to these CPUs; nothing where there are none. What is gone is passed over."""
    wanted = set(cpus)
    for pid in pids if wanted else ():
        with suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - as often as once a second
                with suppress(OSError):
                    if os.sched_getaffinity(int(thread)) != wanted:
                        os.sched_setaffinity(int(thread), wanted)
