"""A run: every case of a plan, one after the other, on one log, each leaving a history in the run's folder.

Longer than most: all that is made ready for a case stands beside the case.
"""

from __future__ import annotations

import math
import secrets
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import confluent_kafka
import numpy as np
from pydantic import ValidationError

from engines.configuration import Configurable
from engines.echo import echo
from engines.logs import connect
from engines.ports import free_ports
from engines.protocol import Engine, Site
from harness import calibration, machine_noise
from harness.broker import JARS, Broker, KafkaBroker
from harness.display import Display
from harness.doctor import Provisioned
from harness.equipment import Equipment
from harness.failure import as_trial_failure
from harness.faults import discover as discover_faults
from harness.faults.fault import Fault, Need
from harness.foreign_kafka.foreign_broker import existing, refuse_unfit
from harness.foreign_kafka.foreign_cluster import ForeignCluster
from harness.foreign_kafka.run_topics import RunTopics, job_name, new_prefix
from harness.foreign_kafka.topic_admin import TopicAdmin
from harness.host import facts, pinning
from harness.host.checkout import checkout
from harness.host.disk import SmallDisk, separate
from harness.host.subreaper import subreaper
from harness.host.warden import Warden
from harness.instruments.proxy import Proxy
from harness.planning import catalogue
from harness.planning.catalogue import Catalogue
from harness.problem import ExitCode, Problem
from harness.provisioning import home
from harness.provisioning.folders import ROOT
from harness.trial import Trial
from results import manifest
from results.folder import LeadsOutside, refuse_links, within, write_whole
from results.history import METHOD_VERSION, DamagedHistory, Ended, History, first_problem, stored_in
from results.plan import CALIBRATION, KEPT, CasePlan, RunPlan, TrialPlan, clock
from workloads.discovery import Unavailable
from workloads.regular_file import read_regular
from workloads.stream import Segment
from workloads.workload import Keeping, Unfit, Workload

_PLAN = "plan.json"

T = TypeVar("T")


def new_folder(parent: Path, suite: str) -> Path:
    """Make parent/<UTC>_<suite>_<short id>. Raises Problem if it cannot be made."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")
    folder = parent / f"{stamp}_{suite}_{secrets.token_hex(2)}"
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise Problem("the run's folder exists already", str(folder), "run again, or choose another --out") from None
    except OSError as error:
        raise Problem(
            f"the run's folder cannot be made: {error.strerror}",
            str(folder),
            "choose a folder that can be written with --out",
            ExitCode.ENVIRONMENT,
        ) from error
    return folder


def execute(
    plan: RunPlan,
    provisioned: Mapping[str, Provisioned],
    folder: Path,
    display: Display,
    job: Engine | None = None,
) -> None:
    """Run every runnable case of the plan; histories and logs are in `folder` when this returns or raises.

    A case whose history is complete already, of a run that goes on, is kept; one that was cut off is removed when it
    begins anew, and not before. provisioned: what each engine runs with, by name. job: a program of the user's own,
    beside the engines that exist. Raises Problem or TrialFailure if a case or the log cannot be had, and
    KeyboardInterrupt, after everything that was started has ended.
    """
    folder = folder.resolve()  # Engines run elsewhere and are given its parts.
    left = unrecorded(plan, folder)
    if plan.kafka is None or not left:
        _store(plan, folder)
    if not left:
        return
    known = catalogue.discover().with_job(job)
    parts = [_parts(case, known, folder) for case in left]
    for case, (_, workload, _) in zip(left, parts, strict=True):
        _keep(case, workload, folder / KEPT)
    if "disk" in _needs(left):
        separate()
    scratch = home() / "scratch" / folder.name
    machine_noise.carry(facts.describe(None), folder)
    with subreaper(), Warden(folder.name, scratch), ExitStack() as stack:
        log = _broker(plan, left, provisioned, folder, scratch, stack, display)
        _store(plan, folder)
        if plan.calibrate:
            _calibrate(plan, left, known, next(iter(provisioned.values())), log, folder, scratch, display)
        for case, (engine, workload, fault) in zip(left, parts, strict=True):
            _run_case(case, engine, workload, fault, provisioned[case.engine], log, folder, scratch, display)


def _store(plan: RunPlan, folder: Path) -> None:
    """Keep what a new run is asked. Only then it is a run, which can be judged and goes on after an interruption: not
    before a Kafka of somebody else was reached.
    """
    if not (folder / _PLAN).exists():
        write_whole(folder / _PLAN, plan.model_dump_json(indent=2).encode())


def forsaken(folder: Path) -> bool:
    """Whether a new run ended before it began, such as on a Kafka that did not answer. Its folder is then removed."""
    if (folder / _PLAN).exists() or (folder / "cases").exists():
        return False
    shutil.rmtree(folder, ignore_errors=True)
    return True


def unrecorded(plan: RunPlan, folder: Path) -> list[CasePlan]:
    """The cases that are to run and have no complete history yet, in their order. Raises LeadsOutside."""
    return [case for case in plan.runnable if not _recorded(_history(folder, case))]


def resumed(folder: Path) -> RunPlan:
    """The plan of an interrupted run that is to go on; nothing is changed. Raises Problem if there is none, or if the
    folder leads elsewhere.
    """
    try:
        plan = RunPlan.model_validate_json(read_regular(folder / _PLAN, folder))
    except (OSError, ValidationError) as error:
        why = first_problem(error) if isinstance(error, ValidationError) else str(error)
        raise _hopeless(f"the run has no plan to go on with: {why}", folder) from None
    if not folder.resolve().name:
        raise _hopeless("this folder has no name, and so its run has none", folder)
    try:
        refuse_links(within(folder, "logs"))
        for case in plan.runnable:
            _history(folder, case)
    except LeadsOutside as error:
        raise _hopeless(f"the run does not go on: {error.what}", error.where) from None
    return plan


def _hopeless(what: str, where: Path) -> Problem:
    return Problem(what, str(where), "begin a new one", ExitCode.USAGE)


def _history(folder: Path, case: CasePlan) -> Path:
    """Where a case is recorded. Raises LeadsOutside."""
    return within(folder, "cases", case.name)


def _keep(case: CasePlan, workload: Workload, folder: Path) -> None:
    """Keep what the events of a case are made of. Raises Problem where it cannot be had."""
    if not isinstance(workload, Keeping):
        return
    try:
        workload.keep(case.parameters, folder)
    except Unfit as unfit:
        raise Problem(unfit.what, f"workload {case.workload}", unfit.remedy, ExitCode.USAGE) from unfit
    except OSError as error:
        why = f"what workload {case.workload} replays cannot be kept: {error.strerror or error}"
        raise Problem(why, str(folder), "choose a folder with space with --out") from error


def _recorded(history: Path) -> bool:
    """Whether a case's history is complete."""
    try:
        return manifest.exists(history) and bool(History(history).of(Ended))
    except DamagedHistory:
        return False


def _parts(case: CasePlan, known: Catalogue, folder: Path) -> tuple[Engine, Workload, type[Fault] | None]:
    """The engine, the workload and the fault of a case. Raises Problem where its plan, which may be of another version
    or from anyone, names what does not exist here.
    """
    engine = _loaded(known.engines, "engine", case.engine, case, folder)
    workload = _loaded(known.workloads, "workload", case.workload, case, folder)
    fault = _loaded(known.faults, "fault", case.strikes.fault, case, folder) if case.strikes else None
    if case.mode not in engine.modes:
        raise _hopeless(f"case {case.name} needs {case.engine}'s mode {case.mode}, which does not exist", folder)
    try:
        # As the planner tries them: on one event.
        math.lcm(workload.query(case.parameters).alignment_ms)
        workload.events(case.parameters, case.seed, Segment(0, 1, 0, case.event_rate), np.array([0]))
    except Exception as error:
        # A workload may come from anyone, and so may the parameters.
        raise _hopeless(
            f"case {case.name}: its parameters do not fit: {type(error).__name__}: {error}", folder
        ) from error
    return engine, workload, fault


def _loaded(known: Mapping[str, T | Unavailable], what: str, name: str, case: CasePlan, folder: Path) -> T:
    found = known.get(name)
    if found is None or isinstance(found, Unavailable):
        why = f": {found.why}" if found is not None else ""
        raise _hopeless(f"case {case.name} needs the {what} {name}, which cannot be loaded{why}", folder)
    return found


@dataclass(frozen=True)
class _RunLog:
    """Where a run's logs are."""

    prefix: str
    """What the names of its topics, groups and jobs begin with."""
    broker: KafkaBroker | None = None
    """None for the embedded log."""
    own: Broker | None = None
    """The broker, where it is ours."""
    link: Proxy | None = None
    """The proxy before it, where faults need one."""
    cluster: ForeignCluster | None = None
    """The cluster, where it is not ours."""
    topics: RunTopics | None = None
    """What the run makes on that."""


def _broker(
    plan: RunPlan,
    cases: Sequence[CasePlan],
    provisioned: Mapping[str, Provisioned],
    folder: Path,
    scratch: Path,
    stack: ExitStack,
    display: Display,
) -> _RunLog:
    """The Kafka broker that the plan needs: the one it names, or one of our own; none for the embedded log."""
    if plan.log != "kafka":
        return _RunLog(new_prefix())
    if plan.kafka is not None:
        return _foreign(plan, plan.kafka, cases, folder, stack, display)
    display.step("kafka", "starting a broker")
    tools = next(iter(provisioned.values()))
    if tools.java_home is None:
        raise Problem("a Kafka broker needs Java", "", "run `doctor`", ExitCode.ENVIRONMENT)
    link, port = None, None
    if "link" in _needs(cases):
        # The proxy must be there first: the broker tells engines its port.
        with as_trial_failure():
            (port,) = free_ports(1)
        link = Proxy(port, folder / "logs")
        stack.callback(link.close)
    broker = Broker(
        scratch / "broker",
        folder / "logs",
        tools.java_home,
        tools.jars[JARS],
        engine_port=port,
        advertised_port=link.port if link else None,
    )
    stack.callback(broker.stop)
    broker.start()
    display.finished("kafka", "a broker is there")
    return _RunLog(new_prefix(), broker, broker, link)


def _foreign(
    plan: RunPlan, address: str, cases: Sequence[CasePlan], folder: Path, stack: ExitStack, display: Display
) -> _RunLog:
    """The Kafka that the plan names, once it is known that a run on it can be right. Raises Problem."""
    display.step("kafka", f"looking at {address}")
    kafka = existing(address)
    refuse_unfit(kafka, plan.keep_topics)
    prefix = new_prefix()
    topics = RunTopics(TopicAdmin(kafka.address), kafka.address, prefix, folder, plan.keep_topics, display)
    stack.callback(topics.end)
    log = connect(kafka.address, "kafka", kafka.cluster.topics())
    topics.begin(log, max(case.partitions for case in cases), [case.name for case in cases])
    display.finished("kafka", kafka.cluster.summary())
    return _RunLog(prefix, kafka, cluster=kafka.cluster, topics=topics)


def _needs(cases: Sequence[CasePlan]) -> set[Need]:
    """What the cases' faults need."""
    faults = discover_faults()
    return {need for case in cases if case.strikes for need in getattr(faults[case.strikes.fault], "needs", ())}


def _run_case(
    case: CasePlan,
    engine: Engine,
    workload: Workload,
    fault: type[Fault] | None,
    tools: Provisioned,
    run_log: _RunLog,
    folder: Path,
    scratch: Path,
    display: Display,
) -> None:
    history, work = _history(folder, case), scratch / case.name
    # What a run that was cut off recorded of it.
    shutil.rmtree(history, ignore_errors=True)
    with stored_in(history):
        history.mkdir(parents=True)
    work.mkdir(parents=True)
    with ExitStack() as stack:
        equipment = _equipment(case, fault, run_log, site_of(history, work, tools), history, work, stack)
        with stored_in(history):
            asked = _trial_plan(case, engine, workload, tools, run_log)
            write_whole(history / "trial.json", asked.model_dump_json(indent=2).encode())
        began_s = time.monotonic()
        try:
            Trial(case, engine, workload, equipment, job_name(run_log.prefix, case.name), display, fault).conduct()
        finally:
            display.finished(case.name, f"recorded in {time.monotonic() - began_s:.0f} s")


def _calibrate(
    plan: RunPlan,
    cases: Sequence[CasePlan],
    known: Catalogue,
    tools: Provisioned,
    log: _RunLog,
    folder: Path,
    scratch: Path,
    display: Display,
) -> None:
    """Measure what the harness itself takes. tools: of any engine."""
    own = replace(tools, python=Path(sys.executable))

    def equip(asked: CasePlan, history: Path, stack: ExitStack) -> tuple[Workload, Equipment]:
        workload, work = _loaded(known.workloads, "workload", asked.workload, asked, folder), scratch / asked.name
        work.mkdir(parents=True)
        told = _trial_plan(asked, echo, workload, own, log)
        write_whole(history / "trial.json", told.model_dump_json(indent=2).encode())
        return workload, _equipment(asked, None, log, site_of(history, work, own), history, work, stack)

    machine = facts.describe(tools.java_version)
    for asked in calibration.asked(cases):
        history, kept = within(folder, CALIBRATION, asked.workload), calibration.kept(asked, machine, plan.kafka)
        calibration.calibrate(asked, history, kept, job_name(log.prefix, asked.name), equip, display)


def site_of(history: Path, work: Path, tools: Provisioned) -> Site:
    """Where the engine may work in a case, and with what."""
    cluster, cache = work / "cluster", home() / "cache"
    cluster.mkdir()
    cache.mkdir(parents=True, exist_ok=True)
    return Site(
        directory=cluster,
        logs=history / "logs",
        cache=cache,
        python=tools.python,
        root=tools.root,
        java_home=tools.java_home,
        jars=tools.jars,
    )


def _equipment(
    case: CasePlan, fault: type[Fault] | None, run_log: _RunLog, site: Site, history: Path, work: Path, stack: ExitStack
) -> Equipment:
    """The logs of a case, and what its fault needs beside them; all of it is closed with the stack."""
    broker, link = run_log.broker, run_log.link
    address = broker.harness_address if broker else str(work / "log")
    if run_log.topics is not None:
        stack.callback(run_log.topics.after_trial, job_name(run_log.prefix, case.name))
    log = connect(address, case.log, run_log.cluster.topics() if run_log.cluster else None)
    stack.callback(log.close)
    gauge_log, disk = None, None
    if fault is not None:
        gauge_log = connect(address, case.log)
        stack.callback(gauge_log.close)
    if fault is not None and "disk" in fault.needs:
        (work / "job").mkdir()
        disk = SmallDisk(work / "job")
        stack.callback(disk.close)
    return Equipment(
        folder=history,
        site=site,
        scratch=work,
        log=log,
        kind=case.log,
        address=address,
        engine_address=broker.engine_address if broker else address,
        bystanders=lambda: {"broker": broker.pids} if broker and broker.pids else {},
        log_failure=lambda: (broker.failure() if broker else None) or (link.failure() if link else None),
        gauge_log=gauge_log,
        broker=run_log.own,
        link=run_log.link,
        disk=disk,
        topic_settings=run_log.cluster.engines_topics() if run_log.cluster else {},
    )


def _trial_plan(case: CasePlan, engine: Engine, workload: Workload, tools: Provisioned, run_log: _RunLog) -> TrialPlan:
    claim = engine.claim(case.guarantee, case.mode)
    support = engine.support(workload.query(case.parameters), case.guarantee, case.mode)
    return TrialPlan(
        method_version=METHOD_VERSION,
        name=case.name,
        trial_number=case.trial_number,
        engine=case.engine,
        engine_version=engine.version,
        mode=case.mode,
        set_up=case.set_up,
        store=engine.stores.get(case.mode, "") if isinstance(engine, Configurable) else "",
        workload=case.workload,
        parameters=case.parameters,
        seed=case.seed,
        log=case.log,
        fault=case.strikes.fault if case.strikes else "none",
        guarantee=case.guarantee,
        processing_claimed=claim.processing,
        delivery_claimed=claim.delivery,
        claim_note=claim.note,
        emulated=support.detail if support.kind == "emulated" else "",
        emits=claim.emits,
        partitions=case.partitions,
        parallelism=case.parallelism,
        interval_ms=case.interval_ms,
        worker_memory_mb=case.worker_memory_mb,
        event_rate=case.event_rate,
        paced=case.paced,
        drain=case.drain,
        search=case.search,
        pinned=pinning.here() if case.pin else None,
        strikes=case.strikes,
        broker=run_log.cluster.told() if run_log.cluster else None,
        machine=facts.describe(tools.java_version),
        clock=clock(),
        versions={
            "streamgauge": version("streamgauge"),
            "confluent-kafka": str(confluent_kafka.version()),
            "librdkafka": str(confluent_kafka.libversion()[0]),
            engine.name: engine.version,
            **({"Java": tools.java_version} if engine.environment.jvm and tools.java_version else {}),
        },
        checkout=checkout(ROOT),
        roles=engine.roles,
    )
