"""What an engine would run for a case, without running it: settings with their reasons, and the engine's own plan."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from engines.configuration import Configurable
from engines.protocol import Engine, Explained, Job, Site, Topic
from harness.planned_job import planned_job
from harness.planning import planner
from harness.planning.catalogue import Catalogue, discover
from harness.planning.planner import Selection
from harness.planning.readiness import Readiness
from harness.planning.request import Request, resolve
from harness.planning.tables import nearest, unknown
from harness.problem import ExitCode, Problem
from harness.provisioning.progress import ProgressReport
from harness.run import site_of
from results.plan import CasePlan

PLAN_S = 180.0
"""An engine that has not told its plan by then never will: the first start of a JVM's compiler is in it."""


def explained(name: str, suite: str, overrides: Mapping[str, str], report: ProgressReport) -> Iterator[str]:
    """Texts, in their order. name: ENGINE[.MODE].WORKLOAD, or a case's whole name. Raises Problem, InvalidRequest and
    EngineFailure.
    """
    known = discover()
    engine, mode, workload, rest = _parts(name, known)
    chosen = dict(overrides) | ({f"modes.{engine}": f'"{mode}"'} if mode else {})
    request = Request(suite, Selection((engine,), (workload,)), chosen)
    readiness = Readiness(report)
    case = _case(name, rest, request, known, readiness)
    tools = readiness.tools(engine)
    loaded = known.loaded[engine]
    yield f"{case.name}: {engine} {loaded.version}, {loaded.modes[case.mode]}"
    with tempfile.TemporaryDirectory(prefix="streamgauge-explain-") as folder:
        for part in ("logs", "job"):
            (Path(folder) / part).mkdir()
        job = _job(case, known, Path(folder) / "job")
        yield from _settings(loaded, job)
        yield from _plan(loaded, site_of(Path(folder), Path(folder), tools), job)


def _parts(name: str, known: Catalogue) -> tuple[str, str | None, str, list[str]]:
    """Engine, mode, workload and what else a name says. Raises Problem."""
    engine, *rest = name.split(".")
    if engine not in known.loaded:
        raise unknown("engine", engine, known.engines, "argument CASE")
    mode = rest.pop(0) if rest and rest[0] in known.loaded[engine].modes else None
    if not rest or rest[0] not in known.workloads:
        allowed = {*known.workloads, *(() if mode else known.loaded[engine].modes)}
        what = f"`{rest[0]}` is neither a mode of {engine} nor a workload" if rest else f"`{name}` names no workload"
        hint = nearest(rest[0], allowed) if rest else "For example: flink.sensors"
        raise Problem(what, "argument CASE", hint, ExitCode.USAGE)
    return engine, mode, rest[0], rest[1:]


def _case(name: str, rest: list[str], request: Request, known: Catalogue, readiness: Readiness) -> CasePlan:
    """The one case that is meant. Raises Problem where there are several or where it cannot run."""
    source, suite, selection = resolve(request, known)
    loaded = [known.loaded[engine] for engine in selection.engines]
    log = planner.choose_log(selection, loaded, readiness.has_java, readiness.without_kafka)
    planned = planner.make(source, suite, selection, known, log, readiness.available, "")
    found = [case for case in planned.cases if set(rest) <= set(case.case_name.split("."))]
    names = ", ".join(dict.fromkeys(case.case_name for case in found or planned.cases))
    if len({case.case_name for case in found}) != 1:
        what = f"`{name}` names {len(found)} cases of suite {source}"
        raise Problem(what, "argument CASE", f"Name one: {names}", ExitCode.USAGE)
    if (blocked := found[0].blocked) is not None:
        raise Problem(f"{names}: {blocked.reason}", "argument CASE", blocked.remedy, ExitCode.ENVIRONMENT)
    return found[0]


def _job(case: CasePlan, known: Catalogue, directory: Path) -> Job:
    """The job as a trial would submit it, on a log that is not there: nothing runs."""
    workload = known.workloads[case.workload]
    query = workload.query(case.parameters)  # type: ignore[union-attr] # a case that can run has its workload
    topics = [Topic(case.log, "127.0.0.1:9", name, case.partitions) for name in ("input", "output")]
    return planned_job(case, "explained", query, topics[0], topics[1], directory)


def _settings(engine: Engine, job: Job) -> Iterator[str]:
    if not isinstance(engine, Configurable):
        yield "settings: it does not tell how it is set"
        return
    told = engine.reported(job)
    yield f"\nsettings that differ from its defaults ({len(told)})"
    wide = max(map(len, told), default=0)
    for name, setting in sorted(told.items(), key=lambda each: (each[1].reason, each[0])):
        yield f"  {name:<{wide}}  {setting.value}\n  {'':<{wide}}    {setting.because}"


def _plan(engine: Engine, site: Site, job: Job) -> Iterator[str]:
    cluster = engine.open(site)
    try:
        if isinstance(cluster, Explained):
            yield f"\nwhat it would run\n{cluster.plan(job, PLAN_S)}"
        else:
            yield "\nwhat it would run: it does not tell"
    finally:
        cluster.close()
