"""Apache Flink on a JobManager and TaskManagers that are processes of their own: Flink SQL, and Python beside it.

Its JSON format skips a record that is no JSON, and leaves null what it cannot parse, which the query then filters out.
It is lenient: a number in quotes is a number to it, a fraction is cut off, and a number is a text.
"""

from __future__ import annotations

from collections.abc import Mapping

from engines.configuration import LAYOUTS, SETTINGS, Options, SettingsByName, Store
from engines.protocol import (
    Claim,
    Cluster,
    EngineFailure,
    Environment,
    Guarantee,
    Job,
    LogKind,
    Poison,
    Role,
    Rollback,
    Site,
    Support,
)
from workloads.query import Project, Query

from .api import PYTHON_MODE, support
from .cluster import FlinkCluster
from .settings import LEAST_PROCESS_MB, OPTIONS, ROCKSDB_MODE, reported


class Flink:
    name = __package__.rpartition(".")[2].replace("_", "-")
    version = "2.3.0"
    modes: Mapping[str, str] = {
        "sql": "Flink SQL over the Kafka connector, the Table API and Python where it has no word; state on the heap",
        ROCKSDB_MODE: "the same with its state in RocksDB and incremental checkpoints",
        PYTHON_MODE: "what comes after the source in PyFlink's DataStream API, in TaskManagers; state on the heap",
    }
    logs: tuple[LogKind, ...] = ("kafka",)
    environment = Environment(group="flink", jars=("flink-kafka",), java=17, embeds_python=True, python=">=3.11,<3.13")
    roles: tuple[Role, ...] = ("worker", "coordinator")
    poison: Poison = "skipped"
    limits: Mapping[str, str] = {}
    settings = SETTINGS
    layouts = LAYOUTS
    stores: Mapping[str, Store] = {"sql": "heap", ROCKSDB_MODE: "RocksDB", PYTHON_MODE: "heap"}
    has_interval = False
    least_memory_mb = LEAST_PROCESS_MB

    def options(self, mode: str) -> Options:  # noqa: ARG002
        return OPTIONS

    def reported(self, job: Job) -> SettingsByName:
        return reported(job)

    def support(self, query: Query, guarantee: Guarantee, mode: str) -> Support:
        if mode not in self.modes:
            return Support("unsupported", f"no mode {mode}; there are {', '.join(self.modes)}")
        if guarantee == "at-most-once":
            return Support(
                "unsupported",
                "without checkpoints a restarted job does not go on from where it was",
            )
        return support(query, mode)

    def claim(self, guarantee: Guarantee, mode: str) -> Claim:  # noqa: ARG002
        return Claim(processing=guarantee, delivery=guarantee)

    def rollback(self, query: Query, mode: str) -> Rollback | None:  # noqa: ARG002
        """What is connected by a shuffle starts again together, from the last checkpoint. A projection has none: there
        each subtask starts again by itself, and which partitions it reads is not told.
        """
        return None if isinstance(query.shape, Project) and query.deduplicate is None else "job"

    def open(self, site: Site) -> Cluster:
        """Raises EngineFailure for an address: only a cluster started here can be run on."""
        if site.address is not None:
            raise EngineFailure(
                f"{self.name} cannot use the cluster at {site.address}",
                remedy="leave the address out: a JobManager and TaskManagers are started here",
            )
        return FlinkCluster(self.name, site)


engine = Flink()
