"""Which ratio a setting of ours still hides: each engine as we recommend it, and with what its committers might add.

    python -m tests.proofs.hidden_ratios FOLDER [ENGINE...]    of these engines, or all; two to seven minutes a line

Drains backlogs, a run after the other, and prints the ratio of events per CPU-second to that of the engine as it is.
Engines on the JVM get up to five minutes of equal backlogs before the one that is measured: `quick` gives them two, in
which Flink still grows.
A figure that says less than it seems to stands in brackets with its reasons, and so does a ratio of it. Made by hand on
a quiet machine, and not by CI. Ends with 1 if a run does not end well.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from results import result_file
from results.metrics.drain_cpu import EVENTS_PER_SECOND
from results.result import MetricValue

ROOT = Path(__file__).resolve().parents[2]
_CLIENTS = {"options.producer.compression.type": "lz4", "options.consumer.fetch.min.bytes": "100000"}
_LAYOUT = {"layout": "process-per-task"}
SETTINGS: tuple[tuple[str, dict[str, str]], ...] = (
    ("flink", {}),
    ("flink", {"options.pipeline.object-reuse": "true"}),
    ("flink", _LAYOUT),
    ("kafka-streams", {}),
    ("kafka-streams", _CLIENTS),
    ("kafka-streams", _LAYOUT),
    ("spark", {}),
    (
        "spark",
        {
            "options.spark.serializer": "org.apache.spark.serializer.KryoSerializer",
            "options.spark.locality.wait": "0s",
        },
    ),
    ("spark", _LAYOUT),
    ("kafka-client", {}),
    ("kafka-client", _CLIENTS),
)
"""Engines with settings of theirs; none is the engine as we set it, and stands before those that are held against it.

Options of a JVM are refused, so another collector is tried in a copy of the code.
"""
_BRIEF = (
    "paced.warmup=2s",
    "paced.measured=5s",
    "drain.budget_jvm=300s",
    "calibrate=false",
    "modes.kafka-client=confluent-kafka",
)
_RUN_S = 900


def events_per_cpu_second(engine: str, settings: dict[str, str], folder: Path) -> MetricValue:
    """Of one run, in a folder of its own. Raises CalledProcessError and TimeoutExpired."""
    words = [*_BRIEF, *(f"engine.{engine}.{name}={value}" for name, value in settings.items())]
    given = [word for each in words for word in ("--set", each)]
    command: list[str | Path] = [ROOT / "bench", "run", "quick", "-e", engine, *given, "--out", folder, "--no-progress"]
    subprocess.run(command, check=True, timeout=_RUN_S, stdout=subprocess.DEVNULL)
    newest = max(folder.glob("*/result.json"), key=lambda path: path.stat().st_mtime_ns)
    found = [case.metrics[EVENTS_PER_SECOND.name] for case in result_file.read(newest).cases if case.phase == "drain"]
    return found[0]


def line(engine: str, settings: dict[str, str], found: MetricValue, as_it_is: MetricValue) -> str:
    """What is printed of a run: its ratio to the engine as it is, its own figure, and what is to be said against it."""
    told = ", ".join(f"{name.removeprefix('options.')}={each}" for name, each in settings.items()) or "as we set it"
    ratio, figure = f"{found.value / as_it_is.value:.2f} x", f"{found.value:,.0f} events/CPU-s"
    if found.bracketed or as_it_is.bracketed:
        ratio = f"({ratio})"
    if found.bracketed:
        figure, told = f"({figure})", f"{told}: {'; '.join(found.bracketed)}"
    return f"{ratio}  {figure}  {engine}: {told}"


def main(folder: Path, engines: Collection[str]) -> int:
    as_it_is: MetricValue | None = None
    for engine, settings in SETTINGS:
        if engines and engine not in engines:
            continue
        try:
            found = events_per_cpu_second(engine, settings, folder)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            sys.stderr.write(f"{engine} {settings}: {error}\n")
            return 1
        if as_it_is is None or not settings:
            as_it_is = found
        sys.stdout.write(f"{line(engine, settings, found, as_it_is)}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
