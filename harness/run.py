"""A run: every case of a plan, one after the other, on one log, each leaving a history in the run's folder."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import confluent_kafka
from pydantic import ValidationError

import engines
from engines.discovery import discover as discover_engines
from engines.logs import connect
from engines.ports import free_ports
from engines.protocol import Engine, Site
from harness.broker import JARS, Broker, KafkaBroker, existing
from harness.display import Display
from harness.doctor import Provisioned
from harness.equipment import Equipment
from harness.failure import as_trial_failure
from harness.faults import discover as discover_faults
from harness.faults.fault import Fault, Need
from harness.host import facts
from harness.host.disk import SmallDisk, separate
from harness.host.subreaper import subreaper
from harness.host.warden import Warden, marked
from harness.instruments.proxy import Proxy
from harness.problem import ExitCode, Problem
from harness.provisioning import home
from harness.provisioning.folders import write_whole
from harness.trial import Trial
from results.history import METHOD_VERSION, DamagedHistory, Ended, History
from results.plan import CasePlan, RunPlan, TrialPlan, clock
from workloads.discovery import Unavailable
from workloads.workload import Workload
from workloads.workload import discover as discover_workloads


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


def execute(plan: RunPlan, provisioned: Mapping[str, Provisioned], folder: Path, display: Display) -> None:
    """Run every runnable case of the plan; histories and logs are in `folder` when this returns or raises.

    A case whose history is complete already, of a run that goes on, is kept. provisioned: what each engine runs with,
    by name. Raises Problem or TrialFailure if the log cannot be had, and KeyboardInterrupt, after everything that was
    started has ended.
    """
    folder = folder.resolve()  # Engines run elsewhere and are given its parts.
    write_whole(folder / "plan.json", plan.model_dump_json(indent=2).encode())
    scratch = home() / "scratch" / folder.name
    left = [case for case in plan.runnable if not _recorded(folder / "cases" / case.name)]
    if not left:
        return
    if "disk" in _needs(left):
        separate()
    with subreaper(), Warden(folder.name, scratch), ExitStack() as stack:
        log = _broker(plan, left, provisioned, folder, scratch, stack, display)
        all_engines, all_workloads = discover_engines(), discover_workloads()
        for case in left:
            engine, workload = all_engines[case.engine], all_workloads[case.workload]
            if isinstance(engine, Unavailable) or isinstance(workload, Unavailable):
                raise Problem(f"case {case.name} was planned, but cannot be loaded", str(folder), "run `doctor`")
            _run_case(case, engine, workload, provisioned[case.engine], log, folder, scratch, display)


def resumed(folder: Path) -> RunPlan:
    """The plan of an interrupted run that is to go on. Raises Problem if there is none, or if the run still goes on."""
    try:
        plan = RunPlan.model_validate_json((folder / "plan.json").read_bytes())
    except (OSError, ValidationError) as error:
        why = str(error).splitlines()[0]
        raise Problem(
            f"the run has no plan to go on with: {why}", str(folder), "begin a new one", ExitCode.USAGE
        ) from None
    if marked(folder.resolve().name):
        raise Problem("the run is still going on", str(folder), "wait for its end, or interrupt it", ExitCode.USAGE)
    return plan


def _recorded(history: Path) -> bool:
    """Whether a case's history is complete; one that was cut off is removed, to be recorded anew."""
    try:
        if History(history).of(Ended):
            return True
    except DamagedHistory:
        pass
    shutil.rmtree(history, ignore_errors=True)
    return False


@dataclass(frozen=True)
class _RunLog:
    """Where a run's logs are. own: the broker, where it is ours. link: the proxy before it, where faults need one."""

    broker: KafkaBroker | None = None
    own: Broker | None = None
    link: Proxy | None = None


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
        return _RunLog()
    if plan.kafka is not None:
        return _RunLog(existing(plan.kafka))
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
    return _RunLog(broker, broker, link)


def _needs(cases: Sequence[CasePlan]) -> set[Need]:
    """What the cases' faults need."""
    faults = discover_faults()
    return {need for case in cases if case.strikes for need in getattr(faults[case.strikes.fault], "needs", ())}


def _run_case(
    case: CasePlan,
    engine: Engine,
    workload: Workload,
    tools: Provisioned,
    run_log: _RunLog,
    folder: Path,
    scratch: Path,
    display: Display,
) -> None:
    history, work = folder / "cases" / case.name, scratch / case.name
    for made in (history, work):
        made.mkdir(parents=True)
    fault = _fault(case, folder)
    with ExitStack() as stack:
        equipment = _equipment(case, fault, run_log, _site(history, work, tools), history, work, stack)
        write_whole(history / "trial.json", _trial_plan(case, engine, tools).model_dump_json(indent=2).encode())
        began_s = time.monotonic()
        try:
            Trial(case, engine, workload, equipment, f"sg-{folder.name[-4:]}-{case.name}", display, fault).conduct()
        finally:
            display.finished(case.name, f"recorded in {time.monotonic() - began_s:.0f} s")


def _fault(case: CasePlan, folder: Path) -> type[Fault] | None:
    """The fault that strikes in a case, None where nothing strikes. Raises Problem if it cannot be loaded."""
    if case.strikes is None:
        return None
    found = discover_faults()[case.strikes.fault]
    if isinstance(found, Unavailable):
        raise Problem(f"fault {found.name} was planned, but cannot be loaded: {found.why}", str(folder))
    return found


def _site(history: Path, work: Path, tools: Provisioned) -> Site:
    """Where the engine may work in a case, and with what."""
    cluster, cache = work / "cluster", home() / "cache"
    cluster.mkdir()
    cache.mkdir(parents=True, exist_ok=True)
    return Site(
        directory=cluster,
        logs=history / "logs",
        cache=cache,
        python=tools.python,
        root=Path(engines.__file__).parent.parent,
        java_home=tools.java_home,
        jars=tools.jars,
    )


def _equipment(
    case: CasePlan, fault: type[Fault] | None, run_log: _RunLog, site: Site, history: Path, work: Path, stack: ExitStack
) -> Equipment:
    """The logs of a case, and what its fault needs beside them; all of it is closed with the stack."""
    broker = run_log.broker
    address = broker.harness_address if broker else str(work / "log")
    log = connect(address, case.log)
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
        log_failure=broker.failure if broker else lambda: None,
        gauge_log=gauge_log,
        broker=run_log.own,
        link=run_log.link,
        disk=disk,
    )


def _trial_plan(case: CasePlan, engine: Engine, tools: Provisioned) -> TrialPlan:
    claim = engine.claim(case.guarantee, case.mode)
    return TrialPlan(
        method_version=METHOD_VERSION,
        name=case.name,
        engine=case.engine,
        engine_version=engine.version,
        mode=case.mode,
        workload=case.workload,
        parameters=case.parameters,
        seed=case.seed,
        log=case.log,
        fault=case.strikes.fault if case.strikes else "none",
        guarantee=case.guarantee,
        processing_claimed=claim.processing,
        delivery_claimed=claim.delivery,
        claim_note=claim.note,
        emits=claim.emits,
        partitions=case.partitions,
        parallelism=case.parallelism,
        interval_ms=case.interval_ms,
        worker_memory_mb=case.worker_memory_mb,
        event_rate=case.event_rate,
        paced=case.paced,
        drain=case.drain,
        strikes=case.strikes,
        machine=facts.describe(tools.java_version),
        clock=clock(),
        versions={
            "streamgauge": version("streamgauge"),
            "confluent-kafka": str(confluent_kafka.version()),
            "librdkafka": str(confluent_kafka.libversion()[0]),
            engine.name: engine.version,
        },
    )
