"""Apache Spark: PySpark Structured Streaming on a driver and executors that are processes of their own."""

from __future__ import annotations

from collections.abc import Mapping

from engines.protocol import Claim, Cluster, EngineFailure, Environment, Guarantee, LogKind, Site, Support
from workloads.query import Query

from .cluster import SparkCluster


class Spark:
    name = __package__.rpartition(".")[2].replace("_", "-")
    version = "4.2.0"
    modes: Mapping[str, str] = {
        "micro-batch": "Structured Streaming: every trigger, all that is there as one batch; the state in RocksDB",
    }
    logs: tuple[LogKind, ...] = ("kafka",)
    environment = Environment(group="spark", jars=("spark-kafka",), java=17)

    def support(self, query: Query, guarantee: Guarantee, mode: str) -> Support:  # noqa: ARG002
        if mode not in self.modes:
            return Support("unsupported", f"no mode {mode}; there are {', '.join(self.modes)}")
        if guarantee == "at-most-once":
            return Support("unsupported", "Structured Streaming always runs a batch that it did not finish again")
        return Support("native")

    def claim(self, guarantee: Guarantee, mode: str) -> Claim:  # noqa: ARG002
        return Claim(
            processing="exactly-once",
            delivery="at-least-once",
            note="Spark's Kafka sink is at-least-once: a batch that is run again writes its rows again",
        )

    def open(self, site: Site) -> Cluster:
        """Raises EngineFailure for an address: only a cluster started here can be run on."""
        if site.address is not None:
            raise EngineFailure(
                f"{self.name} cannot use the cluster at {site.address}",
                remedy="leave the address out: a driver and its executors are started here",
            )
        return SparkCluster(self.name, site)


engine = Spark()
