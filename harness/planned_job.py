"""The job that a case asks of an engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from engines.configuration import Layout, Settings
from engines.protocol import Job, Topic
from results.plan import CasePlan
from workloads.query import Query


def planned_job(
    case: CasePlan,
    name: str,
    query: Query,
    input: Topic,  # noqa: A002
    output: Topic,
    directory: Path,
    topic_settings: Mapping[str, str] | None = None,
) -> Job:
    """name: unique on the log. topic_settings: for topics that the engine makes itself; none on a log of ours.

    To an engine without a choice of settings or layout these say nothing.
    """
    set_up = case.set_up
    return Job(
        name=name,
        query=query,
        input=input,
        output=output,
        guarantee=case.guarantee,
        mode=case.mode,
        parallelism=case.parallelism,
        interval_ms=case.interval_ms,
        memory_mb=case.worker_memory_mb,
        directory=directory,
        timeouts=case.timeouts,
        settings=cast("Settings", set_up.settings or "plain"),
        layout=cast("Layout", set_up.layout or "process-per-task"),
        options=set_up.options,
        own_interval=set_up.own_interval,
        topic_settings=topic_settings or {},
    )
