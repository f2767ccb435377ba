"""What a machine is like before a run: what else runs on it, what holds it back; and the wait until it is calm."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engines import proc
from harness.host.machine_time import MachineTime, quotas
from harness.host.run_queue import KernelThreads

LOOK_S = 0.5
"""Over so long the CPU of others is measured."""

HEAVY_PERCENT = 10.0
"""A process of others that takes so much of one CPU is named."""

CALM_PERCENT = 5.0
"""A machine is calm while others take less than this of the CPUs that we may use."""

CALM_S = 3.0
"""For so long."""

_SHOWN = 3


@dataclass(frozen=True)
class Others:
    """percent: of the CPUs that we may use, what was taken by neither us nor the kernel. heavy: the processes of others
    that took most, as `NAME (PID) 87 %` of one CPU.
    """

    percent: float
    heavy: tuple[str, ...]


class Look:
    """Measures others from when it is made until it is asked. Made before anything of ours runs beside this process."""

    def __init__(self) -> None:
        cpus = os.sched_getaffinity(0)
        self._cpus, self._time, self._kernel = len(cpus), MachineTime(cpus), KernelThreads(cpus)
        self._kernel.look()
        self._began_s, self._busy_s, self._ours_s = time.monotonic(), self._time.cpu_time().busy_s, time.process_time()
        self._ticks = _ticks()

    def others(self) -> Others:
        lasted_s = max(time.monotonic() - self._began_s, 1e-3)
        self._kernel.look()
        taken_s = self._time.cpu_time().busy_s - self._busy_s
        taken_s -= time.process_time() - self._ours_s + self._kernel.cpu_s
        shares = {
            pid: 100 * (ticks - self._ticks.get(pid, ticks)) / proc.TICKS / lasted_s for pid, ticks in _ticks().items()
        }
        heavy = [pid for pid, share in shares.items() if share >= HEAVY_PERCENT and pid != os.getpid()]
        heavy.sort(key=lambda pid: -shares[pid])
        named = (f"{proc.name(pid) or 'a process that ended'} ({pid}) {shares[pid]:.0f} %" for pid in heavy[:_SHOWN])
        self._time.close()
        return Others(max(0.0, 100 * taken_s / (self._cpus * lasted_s)), tuple(named))


def _ticks() -> Mapping[int, int]:
    """CPU of every process that can be seen, in ticks."""
    found = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - ten times as fast
        if name.isdigit():
            with suppress(OSError):
                found[int(name)] = proc.cpu_use(Path(f"/proc/{name}/stat").read_bytes()).cpu_ticks
    return found


def before_a_run() -> list[str]:
    """What is to be said of the machine, each in a line."""
    look, cpus = Look(), len(os.sched_getaffinity(0))
    time.sleep(LOOK_S)
    others = look.others()
    load = f"load {os.getloadavg()[0]:.1f} on {cpus} CPUs; other work takes {others.percent:.0f} % of them"
    beside = f"heavy beside us: {', '.join(others.heavy)}" if others.heavy else ""
    return [line for line in (load, beside, "; ".join(conditions())) if line]


def conditions(proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> Iterator[str]:
    """What makes figures of this machine vary, or holds them down."""
    yield _governor(sys)
    if not (proc / "2" / "comm").exists() or (proc / "2" / "comm").read_text().strip() != "kthreadd":
        yield "a container, which does not show the processes of others"
    if " hypervisor" in (proc / "cpuinfo").read_text(errors="replace") or (sys / "hypervisor" / "type").exists():
        yield "a virtual machine: what others do on its host shows as steal at most"
    if _on_battery(sys / "class" / "power_supply"):
        yield "on battery: the CPU may be slowed down"
    for quota in quotas(proc, sys / "fs" / "cgroup"):
        yield f"a quota of {quota.cpus:g} CPUs holds"


def _governor(sys: Path) -> str:
    files = sorted((sys / "devices" / "system" / "cpu").glob("cpu[0-9]*/cpufreq/scaling_governor"))
    found = sorted({file.read_text().strip() for file in files})
    if not found:
        return "CPU governor unknown"
    varies = "" if found == ["performance"] else ": the clock of the CPU may vary"
    return f"CPU governor {' and '.join(found)}{varies}"


def _on_battery(supplies: Path) -> bool:
    """Whether a mains supply is there and gives nothing, or a battery is being drained."""
    for supply in supplies.glob("*"):
        with suppress(OSError):
            kind = (supply / "type").read_text().strip()
            if kind == "Mains" and (supply / "online").read_text().strip() == "0":
                return True
            if kind == "Battery" and (supply / "status").read_text().strip() == "Discharging":
                return True
    return False


def wait_for_calm(limit_s: float, say: Callable[[str], None], others: Callable[[], Others] | None = None) -> bool:
    """Whether the machine came to be calm for CALM_S within the limit. say: told what is waited for.

    others: looks for some time at what others take.
    """
    look = others or _looked
    deadline_s, calm_since_s = time.monotonic() + limit_s, None
    while True:
        began_s = time.monotonic()
        found = look()
        if found.percent >= CALM_PERCENT:
            calm_since_s = None
            say(f"waiting for a calm machine: other work takes {found.percent:.0f} %")
        elif calm_since_s is None:
            calm_since_s = began_s
        now_s = time.monotonic()
        if calm_since_s is not None and now_s - calm_since_s >= CALM_S:
            return True
        if now_s >= deadline_s:
            return False


def _looked() -> Others:
    look = Look()
    time.sleep(LOOK_S)
    return look.others()
