"""The job that a case asks of an engine."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from engines.configuration import Layout, Settings
from engines.protocol import Job, Topic
from results.plan import CasePlan
from workloads.query import Query


def planned_job(case: CasePlan, name: str, query: Query, input: Topic, output: Topic, directory: Path) -> Job:  # noqa: A002
    """name: unique on the log. To an engine without a choice of settings or layout these say nothing."""
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
    )
