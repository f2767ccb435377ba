"""CPU, memory and start-up as metrics (METHOD.md, "CPU", "Memory")."""

from __future__ import annotations

from results.evidence.samples import ENGINE, NoSamples, Samples
from results.history import EngineReady, History
from results.metrics.measured import Measured
from results.metrics.statistics import thinned
from results.result import Series

HARNESS = ("collector", "sampler")
_POINTS = 200


def startup(history: History) -> Measured:
    """Seconds from submitting the job until an event would be processed at once."""
    found = Measured()
    for ready in history.of(EngineReady)[:1]:
        found.add("startup_seconds", ready.startup_s, "s", "lower")
    if "startup_seconds" not in found.metrics:
        found.lack(["startup_seconds"], "the engine was never ready")
    return found


def busy(samples: Samples, start_ns: int, end_ns: int) -> Measured:
    """CPU seconds a second, that is busy cores: of the engine, of each role, and of our own instruments."""
    found, seconds = Measured(), (end_ns - start_ns) / 1e9
    groups: dict[str, tuple[str, ...]] = {"busy_cores": ENGINE, "harness_cores": HARNESS}
    groups |= {f"{role}_cores": (role,) for role in (*ENGINE, "broker", "generator", *HARNESS)}
    for name, roles in groups.items():
        try:
            found.add(name, samples.cpu_s(roles, start_ns, end_ns) / seconds, "cores", "lower")
        except NoSamples as none:
            found.lack([name], str(none))
    return found


def memory(samples: Samples, start_ns: int, end_ns: int) -> Measured:
    """Peaks of the summed PSS and RSS of the engine's processes over a phase, and of each role's PSS."""
    found = Measured()
    groups: dict[str, tuple[tuple[str, ...], str]] = {"memory_peak": (ENGINE, "pss"), "rss_peak": (ENGINE, "rss")}
    groups |= {f"{role}_memory_peak": ((role,), "pss") for role in ENGINE}
    for name, (roles, what) in groups.items():
        try:
            times, sizes = samples.memory(roles, what, start_ns, end_ns)
        except NoSamples as none:
            found.lack([name], str(none))
            continue
        found.add(name, int(sizes.max()), "bytes", "lower", n=len(sizes))
        if name == "memory_peak":
            x, y = thinned((times - start_ns) / 1e9, sizes, _POINTS)
            shown = [round(value, 3) for value in x]
            found.series.append(
                Series(
                    name="memory", x_label="s after the phase began", y_label="PSS of the engine, bytes", x=shown, y=y
                )
            )
    return found
