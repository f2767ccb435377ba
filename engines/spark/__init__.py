"""Apache Spark: PySpark Structured Streaming on a driver and executors that are processes of their own."""

from __future__ import annotations

from collections.abc import Mapping

from engines.configuration import LAYOUTS, SETTINGS, Options, SettingsByName, Store
from engines.protocol import (
    Claim,
    Cluster,
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
from workloads.query import Query, Windowed

from .cluster import NEVER_AT_MOST_ONCE, open_here
from .settings import EXACTLY_ONCE_SINK, HEAP_STATE, LEAST_PROCESS_MB, MICRO_BATCH, OPTIONS, reported

_SEQUENCE = "transformWithState calls a step of our own in Python for each event, sorted by its offset"
_TOP = "two aggregations in a chain, the second of which sorts a window's items in an array"
_DISTINCT = "distinct values are collected in a set whose size is taken"


def emulations(query: Query) -> tuple[str, ...]:
    """What of the query Spark has no operator for, and what is done instead."""
    if query.ordered:
        return (_SEQUENCE,)
    if not isinstance(query.shape, Windowed):
        return ()
    distinct = any(output.function == "distinct" for output in query.shape.outputs)
    return (*((_TOP,) if query.shape.top else ()), *((_DISTINCT,) if distinct else ()))


class Spark:
    name = __package__.rpartition(".")[2].replace("_", "-")
    version = "4.2.0"
    modes: Mapping[str, str] = {
        MICRO_BATCH: "Structured Streaming: every trigger, all that is there as one batch; the state in RocksDB",
        HEAP_STATE: "the same with the state on the executors' heap (HDFSBackedStateStoreProvider)",
        EXACTLY_ONCE_SINK: "as micro-batch, but each batch goes to Kafka in a transaction of foreachBatch that "
        "carries the batch's id, and a batch whose id is committed is not written again",
    }
    logs: tuple[LogKind, ...] = ("kafka",)
    environment = Environment(group="spark", jars=("spark-kafka",), java=17, python=">=3.11,<3.14")
    roles: tuple[Role, ...] = ("worker", "coordinator")
    poison: Poison = "skipped"
    limits: Mapping[str, str] = {}
    settings = SETTINGS
    layouts = LAYOUTS
    stores: Mapping[str, Store] = {MICRO_BATCH: "RocksDB", HEAP_STATE: "heap", EXACTLY_ONCE_SINK: "RocksDB"}
    has_interval = True
    least_memory_mb = LEAST_PROCESS_MB

    def options(self, mode: str) -> Options:  # noqa: ARG002
        return OPTIONS

    def reported(self, job: Job) -> SettingsByName:
        return reported(job)

    def support(self, query: Query, guarantee: Guarantee, mode: str) -> Support:
        if mode not in self.modes:
            return Support("unsupported", f"no mode {mode}; there are {', '.join(self.modes)}")
        if guarantee == "at-most-once":
            return Support("unsupported", NEVER_AT_MOST_ONCE)
        if mode == EXACTLY_ONCE_SINK and guarantee == "at-least-once":
            return Support("unsupported", "its transactions are the mode's only way to write")
        if mode == HEAP_STATE and query.ordered:
            return Support("unsupported", "transformWithState works with the state in RocksDB only")
        instead = emulations(query)
        return Support("emulated", "; ".join(instead)) if instead else Support("native")

    def claim(self, guarantee: Guarantee, mode: str) -> Claim:  # noqa: ARG002
        if mode == EXACTLY_ONCE_SINK:
            return Claim(
                processing="exactly-once",
                delivery="exactly-once",
                note="a sink of ours, as Spark's guide says to build one: Spark itself has none for Kafka",
            )
        return Claim(
            processing="exactly-once",
            delivery="at-least-once",
            note="Spark's Kafka sink is at-least-once: a batch that is run again writes its rows again",
        )

    def rollback(self, query: Query, mode: str) -> Rollback:  # noqa: ARG002
        """A batch is committed as a whole, and begins again where a part of it failed."""
        return "job"

    def open(self, site: Site) -> Cluster:
        return open_here(self.name, site)


engine = Spark()
