"""What is said of a machine before a run, and the wait until it is calm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.host import surroundings
from harness.host.machine_time import Quota, parsed, quotas
from harness.host.surroundings import CALM_S, Look, Others, conditions, wait_for_calm
from tests.made_up_processes import apart, burn
from tests.waiting import wait_until


def machine(folder: Path, **files: str) -> tuple[Path, Path]:
    """A made-up /proc and /sys. files: content by path, with __ for slashes."""
    for name, content in {"proc__cpuinfo": "flags : fpu sse\n", "proc__self__cgroup": "0::/\n", **files}.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (folder / "sys").mkdir(exist_ok=True)
    return folder / "proc", folder / "sys"


def test_a_machine_of_ones_own_at_a_steady_clock_has_nothing_against_it(tmp_path: Path) -> None:
    files = {
        "proc__2__comm": "kthreadd\n",
        "sys__devices__system__cpu__cpu0__cpufreq__scaling_governor": "performance\n",
    }
    assert list(conditions(*machine(tmp_path, **files))) == ["CPU governor performance"]


def test_whatever_makes_figures_vary_is_said(tmp_path: Path) -> None:
    files = {
        "proc__cpuinfo": "flags : fpu hypervisor sse\n",
        "proc__self__cgroup": "0::/a/b\n",
        "sys__devices__system__cpu__cpu0__cpufreq__scaling_governor": "powersave\n",
        "sys__class__power_supply__AC__type": "Mains\n",
        "sys__class__power_supply__AC__online": "0\n",
        "sys__fs__cgroup__a__b__cpu.stat": "nr_throttled 3\nthrottled_usec 2500000\n",
        "sys__fs__cgroup__a__cpu.max": "150000 100000\n",
        "sys__fs__cgroup__a__b__cpu.max": "max 100000\n",
    }
    said = "; ".join(conditions(*machine(tmp_path, **files)))
    for part in ("powersave: the clock", "a container", "a virtual machine", "on battery", "a quota of 1.5 CPUs"):
        assert part in said


def test_a_battery_that_is_charged_is_none_that_slows_down(tmp_path: Path) -> None:
    files = {
        "sys__class__power_supply__AC__type": "Mains\n",
        "sys__class__power_supply__AC__online": "1\n",
        "sys__class__power_supply__B__type": "Battery\n",
        "sys__class__power_supply__B__status": "Charging\n",
    }
    assert "battery" not in "; ".join(conditions(*machine(tmp_path, **files)))


@pytest.mark.parametrize(
    ("files", "cpus", "throttled_s"),
    [
        ({"cgroup": "0::/x\n", "x/cpu.max": "50000 100000", "x/cpu.stat": "throttled_usec 1500000\n"}, 0.5, 1.5),
        ({"cgroup": "4:cpu:/x\n", "cpu/x/cpu.cfs_quota_us": "200000", "cpu/x/cpu.cfs_period_us": "100000",
          "cpu/x/cpu.stat": "throttled_time 250000000\n"}, 2.0, 0.25),
    ],
    ids=["version 2", "version 1"],
)  # fmt: skip
def test_quotas_of_both_versions_of_control_groups_are_read(
    tmp_path: Path, files: dict[str, str], cpus: float, throttled_s: float
) -> None:
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text(files.pop("cgroup"))
    for name, content in files.items():
        path = tmp_path / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (quota,) = quotas(tmp_path / "proc", tmp_path / "groups")
    assert (quota.cpus, quota.throttled_s()) == (cpus, throttled_s)


def test_without_a_quota_none_is_said_to_hold(tmp_path: Path) -> None:
    proc, sys = machine(
        tmp_path, **{"sys__fs__cgroup__cpu__cpu.cfs_quota_us": "-1\n", "proc__self__cgroup": "3:cpu:/\n"}
    )
    assert quotas(proc, sys / "fs" / "cgroup") == []


def test_a_quota_that_cannot_be_read_throttled_nothing(tmp_path: Path) -> None:
    assert Quota(1, tmp_path / "gone").throttled_s() == 0


def test_only_the_cpus_in_use_are_counted_and_interrupts_are_no_ones() -> None:
    lines = ("cpu  9 9 9 9 9 9 9 9", "cpu0 100 10 20 300 5 7 8 40", "cpu1 1 1 1 1 1 1 1 1", "cpu10 5 5 5 5 5 5 5 5")
    stat = "".join(f"{line} 0 0\n" for line in lines).encode()
    ticks = 100
    found = parsed(stat, {b"cpu0", b"cpu1"})
    assert (found.busy_s * ticks, found.idle_s * ticks, found.steal_s * ticks) == pytest.approx((133, 307, 41))


def test_a_process_of_others_that_computes_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "HEAVY_PERCENT", 0.001)  # Whatever else this machine has to do.
    monkeypatch.setattr(surroundings, "_SHOWN", 10_000)
    found: list[Others] = []

    with apart(burn(600)) as burner:
        look = Look()

        def named() -> bool:
            nonlocal look
            found.append(look.others())
            look = Look()
            return found[-1].percent > 0 and any(f"({burner})" in heavy for heavy in found[-1].heavy)

        wait_until(named)  # Looks are short, so that a tick of the kernel's may be missing in either figure.


def percents(*values: float) -> Iterator[Others]:
    yield from (Others(value, ()) for value in values)
    while True:
        yield Others(values[-1], ())


def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look takes a second of a made-up clock."""
    seconds = iter(range(1_000_000))
    monkeypatch.setattr("harness.host.surroundings.time.monotonic", lambda: next(seconds) / 2)


def test_a_machine_that_becomes_calm_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clock(monkeypatch)
    said: list[str] = []
    assert wait_for_calm(60, said.append, percents(80, 3, 40, 1).__next__)
    assert said == [f"waiting for a calm machine: other work takes {percent} %" for percent in (80, 40)]


def test_a_machine_that_is_calm_for_a_moment_only_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    clock(monkeypatch)
    looks = percents(*[1, 50] * 100)
    assert not wait_for_calm(60, lambda _: None, looks.__next__)
    assert CALM_S > 1
