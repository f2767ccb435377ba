"""Apache Spark in real-time mode: PySpark 4.3 on a driver and executors that are processes of their own.

The same modules as `engines.spark`, in an environment of its own: real-time mode knows windows since 4.3 only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engines.configuration import LAYOUTS, SETTINGS, Options, SettingsByName, Store
from engines.protocol import Claim, Cluster, Environment, Guarantee, Job, LogKind, Poison, Role, Rollback, Site, Support
from engines.spark import emulations
from engines.spark import engine as spark
from engines.spark.cluster import NEVER_AT_MOST_ONCE, open_here
from engines.spark.settings import LEAST_PROCESS_MB, OPTIONS, REAL_TIME, reported
from workloads.query import Join, Query, Session, Windowed

_NO_SESSION = "update mode is not supported for session windows, and real-time mode has no other"
_NO_CHAIN = "one aggregation after another is not supported in update mode, and real-time mode has no other"
_NO_JOIN = "STREAMING_REAL_TIME_MODE.IDENTICAL_SOURCES_IN_UNION_NOT_SUPPORTED: a join reads the log twice"
_NO_STATEFUL_PROCESSOR = (
    "transformWithState, which the manual rules out in real-time mode, fails with STDS_FAILED_TO_READ_OPERATOR_METADATA"
)


def refusal(query: Query) -> str | None:
    """Why Spark does not run the query in real-time mode, or None."""
    if query.ordered:
        return _NO_STATEFUL_PROCESSOR
    match query.shape:
        case Join():
            return _NO_JOIN
        case Windowed(window=Session()):
            return _NO_SESSION
        case Windowed(top=top) if top:
            return _NO_CHAIN
    return None


class SparkRealtime:
    name = __package__.rpartition(".")[2].replace("_", "-")
    version = "4.3.0"
    modes: Mapping[str, str] = {
        REAL_TIME: "Structured Streaming's real-time trigger: records go through one by one, and a window's row comes "
        "again whenever it changes; the interval is that of checkpoints, 5 s at least"
    }
    logs: tuple[LogKind, ...] = ("kafka",)
    environment = Environment(group="spark-realtime", jars=("spark-kafka",), java=17, python=">=3.11,<3.14")
    roles: tuple[Role, ...] = ("worker", "coordinator")
    poison: Poison = "skipped"
    limits: Mapping[str, str] = {}
    settings = SETTINGS
    layouts = LAYOUTS
    stores: Mapping[str, Store] = {REAL_TIME: "RocksDB"}
    has_interval = False
    least_memory_mb = LEAST_PROCESS_MB

    def options(self, mode: str) -> Options:  # noqa: ARG002
        return OPTIONS

    def reported(self, job: Job) -> SettingsByName:
        return reported(job)

    def support(self, query: Query, guarantee: Guarantee, mode: str) -> Support:
        if mode not in self.modes:
            return Support("unsupported", f"no mode {mode}; there is {REAL_TIME}")
        if guarantee == "at-most-once":
            return Support("unsupported", NEVER_AT_MOST_ONCE)
        why = refusal(query)
        if why is not None:
            return Support("unsupported", why)
        instead = emulations(query)
        return Support("emulated", "; ".join(instead)) if instead else Support("native")

    def claim(self, guarantee: Guarantee, mode: str) -> Claim:
        return replace(spark.claim(guarantee, mode), emits="updates")

    def rollback(self, query: Query, mode: str) -> Rollback:  # noqa: ARG002
        """A batch is committed as a whole, and begins again where a part of it failed."""
        return "job"

    def open(self, site: Site) -> Cluster:
        return open_here(self.name, site)


engine = SparkRealtime()
