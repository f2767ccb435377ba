"""Starts MirrorMaker 2, which carries one topic to another one of the same Kafka, each record in the same partition.

Its words are the command that starts it; the file of properties that it reads is made here, and put behind them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

FLOW = "primary->mirror"


def properties(environment: Mapping[str, str]) -> dict[str, str]:
    """MirrorMaker's own, by the name of each. One Kafka is both of its clusters."""
    job, interval_ms = environment["JOB"], environment["INTERVAL_MS"]
    connector = {
        "enabled": "true",
        "topics": environment["IN"],
        "tasks.max": "2",
        "transaction.boundary": "interval",
        "transaction.boundary.interval.ms": interval_ms,
        # To a topic of another name.
        "transforms": "rename",
        "transforms.rename.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.rename.regex": ".*",
        "transforms.rename.replacement": environment["OUT"],
        # Records only: nothing of topics, groups and offsets.
        "emit.checkpoints.enabled": "false",
        "emit.offset-syncs.enabled": "false",
        "sync.topic.configs.enabled": "false",
        "sync.topic.acls.enabled": "false",
    }
    worker = {
        "exactly.once.source.support": "enabled",
        "group.id": environment["GROUP"],
        # Whoever takes the place of a dead worker begins as soon as Kafka has noticed the death.
        "session.timeout.ms": "6000",
        "heartbeat.interval.ms": "2000",
        "scheduled.rebalance.max.delay.ms": "0",
        "offset.storage.partitions": "1",
        "status.storage.partitions": "1",
    }
    for what in ("config", "offset", "status"):
        worker |= {f"{what}.storage.topic": f"{job}-{what}", f"{what}.storage.replication.factor": "1"}
    return {
        "clusters": "primary, mirror",
        "primary.bootstrap.servers": environment["BROKERS"],
        "mirror.bootstrap.servers": environment["BROKERS"],
        "primary.consumer.isolation.level": "read_committed",
        # Exactly-once asks for it, also where there is one process.
        "dedicated.mode.enable.internal.rest": "true",
        "listeners": "http://127.0.0.1:0",
        "emit.heartbeats.enabled": "false",
        "replication.factor": "1",
        "replication.policy.class": "org.apache.kafka.connect.mirror.IdentityReplicationPolicy",
        **{f"mirror.{name}": value for name, value in worker.items()},
        **{f"{FLOW}.{name}": value for name, value in connector.items()},
    }


def main() -> None:
    file = Path(os.environ["STATE"]) / "mirror.properties"
    file.write_text("".join(f"{name} = {value}\n" for name, value in properties(os.environ).items()))
    command = [*sys.argv[1:], str(file)]
    # In the place of this process: so its id is that of MirrorMaker.
    os.execv(command[0], command)  # noqa: S606 - it is the job file's own command


if __name__ == "__main__":
    main()
