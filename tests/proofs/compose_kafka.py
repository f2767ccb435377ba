"""The Kafka of a compose file in docker/, as processes of this machine, and a run beside it. By hand, not by CI.

    python -m tests.proofs.compose_kafka docker/compose.kafka-3.yaml [run quick ...]

Each node has the settings that the compose file gives it; only its host, its ports and its folder are other ones. Then
`./bench` is called with the words (`run quick` where there are none) and `--kafka` with the first broker's address.
Prints at the end which topics are left, and ends with the exit code of `./bench`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient

from engines.ports import free_ports
from engines.process import Process
from harness.broker import JARS, JAVA
from harness.provisioning.jars import ensure_jars
from harness.provisioning.java import ensure_java
from harness.provisioning.progress import Lines

ROOT = Path(__file__).resolve().parents[2]
START_S = 120.0
STOP_S = 30.0
RUN_S = 2 * 3600
"""A run takes longer than this only if it hangs."""

PREFIX, NOT_KAFKAS = "KAFKA_", ("KAFKA_HEAP_OPTS",)


def nodes(compose: Path) -> dict[str, dict[str, str]]:
    """The environment of each service that is a node of Kafka, the controller first."""
    words = [Path(sys.executable).with_name("docker-compose"), "-f", compose, "config", "--format", "json"]
    told = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True).stdout
    services: dict[str, Any] = json.loads(told)["services"]
    found = {name: service["environment"] for name, service in services.items() if "kafka" in service.get("image", "")}
    return dict(sorted(found.items(), key=lambda each: each[1]["KAFKA_PROCESS_ROLES"] != "controller"))


def properties(environment: Mapping[str, str], places: Mapping[str, str], data: Path) -> dict[str, str]:
    """The settings of a node, by Kafka's names. places: what stands here for each HOST:PORT of the compose file."""
    found = {
        name.removeprefix(PREFIX).lower().replace("_", "."): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and name not in NOT_KAFKAS
    }
    for name in ("listeners", "advertised.listeners", "controller.quorum.voters"):
        for there, here in places.items():
            if name in found:
                found[name] = found[name].replace(there, here)
    return {**found, "log.dirs": str(data)}


def addresses(services: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str]]:
    """Each node's own listeners: the node, and `NAME://:PORT`."""
    return [(node, each) for node, given in services.items() for each in given["KAFKA_LISTENERS"].split(",")]


def started(services: Mapping[str, Mapping[str, str]], folder: Path, until: ExitStack) -> str:
    """Start all nodes; the address of the first broker. until: what it ends with ends them."""
    java, jars = ensure_java(JAVA, Lines()).home / "bin" / "java", ensure_jars(JARS, Lines())
    path = os.pathsep.join(map(str, jars))
    listeners = addresses(services)
    own = dict(zip(listeners, free_ports(len(listeners)), strict=True))
    first = ""
    for node, environment in services.items():
        # Of a node's listeners each has its port here; of another node's, its advertised name.
        places: dict[str, str] = {}
        for (owner, listener), port in own.items():
            name, _, there = listener.partition("://")
            places[f"{owner}{there}"] = f"127.0.0.1:{port}"
            if owner == node:
                places[f"{name}://{there}"] = f"{name}://127.0.0.1:{port}"
                places[f"{name}://127.0.0.1{there}"] = f"{name}://127.0.0.1:{port}"
                if name == "BENCH" and not first:
                    first = f"127.0.0.1:{port}"
        settings = properties(environment, places, folder / node)
        file = folder / f"{node}.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        command = [str(java), environment["KAFKA_HEAP_OPTS"], "-cp", path]
        made = [*command, "kafka.tools.StorageTool", "format", "-t", environment["CLUSTER_ID"], "-c", str(file)]
        subprocess.run(made, capture_output=True, timeout=START_S, check=True)
        process = Process(node, [*command, "kafka.Kafka", str(file)], folder / f"{node}.log")
        until.callback(process.stop, STOP_S)
        if environment["KAFKA_PROCESS_ROLES"] == "controller":
            continue
        process.wait_for_line("Kafka Server started", START_S, "while starting")
    return first


def main() -> None:
    compose, words = Path(sys.argv[1]), sys.argv[2:] or ["run", "quick"]
    folder = Path(tempfile.mkdtemp(prefix="streamgauge-compose-"))
    with ExitStack() as until:
        until.callback(shutil.rmtree, folder, ignore_errors=True)
        address = started(nodes(compose), folder, until)
        code = subprocess.run([ROOT / "bench", *words, "--kafka", address], timeout=RUN_S, check=False).returncode
        left = list(AdminClient({"bootstrap.servers": address}).list_topics(timeout=30).topics)
        print(f"topics that are left: {', '.join(sorted(left))}", flush=True)  # noqa: T201
    sys.exit(code)


if __name__ == "__main__":
    main()
