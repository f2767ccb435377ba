"""Apache Flink: Flink SQL on a JobManager and TaskManagers that are processes of their own."""

from __future__ import annotations

from collections.abc import Mapping

from engines.protocol import Claim, Cluster, EngineFailure, Environment, Guarantee, LogKind, Site, Support
from workloads.query import Query

from .cluster import FlinkCluster


class Flink:
    name = __package__.rpartition(".")[2].replace("_", "-")
    version = "2.3.0"
    modes: Mapping[str, str] = {
        "sql": "Flink SQL: a window table function over the Kafka connector; the state on the heap",
    }
    logs: tuple[LogKind, ...] = ("kafka",)
    environment = Environment(group="flink", jars=("flink-kafka",), java=17)

    def support(self, query: Query, guarantee: Guarantee, mode: str) -> Support:  # noqa: ARG002
        if mode not in self.modes:
            return Support("unsupported", f"no mode {mode}; there are {', '.join(self.modes)}")
        if guarantee == "at-most-once":
            return Support(
                "unsupported",
                "without checkpoints a restarted job does not go on from where it was",
            )
        return Support("native")

    def claim(self, guarantee: Guarantee, mode: str) -> Claim:  # noqa: ARG002
        return Claim(processing=guarantee, delivery=guarantee)

    def open(self, site: Site) -> Cluster:
        """Raises EngineFailure for an address: only a cluster started here can be run on."""
        if site.address is not None:
            raise EngineFailure(
                f"{self.name} cannot use the cluster at {site.address}",
                remedy="leave the address out: a JobManager and TaskManagers are started here",
            )
        return FlinkCluster(self.name, site)


engine = Flink()
