"""Makes the plan of a run from a suite: which cases, in which order, with which settings. It is written to the run's
folder and executed by `harness.run`; `results.plan` has its format.

Longer than most: every reason why a case cannot run, or is not asked, stands beside the cases.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal, get_args

import numpy as np
from pydantic import ValidationError

from engines.configuration import Configurable, nearest
from engines.protocol import Engine, Guarantee, LogKind, OnItsOwnTerms
from harness.commands.invocation import again
from harness.faults.fault import has_one_victim
from harness.host import disk
from harness.planning import recorded
from harness.planning.catalogue import Catalogue, answered_by
from harness.planning.suite import InvalidRequest, Suite, parameter
from harness.planning.threshold_table import planned
from harness.problem import ExitCode, Problem
from results.history import first_problem
from results.plan import Blocked, CasePlan, RunPlan, SetUp, Strikes
from workloads.bounds import Bounded, Load, overflow, steepest
from workloads.discovery import Unavailable
from workloads.names import misnamed
from workloads.schedule import Schedule, Scheduled
from workloads.stream import Segment
from workloads.workload import Parameters, Preparing, Unfit, Workload


@dataclass(frozen=True)
class Selection:
    """What the command line asks for beside the suite."""

    engines: tuple[str, ...] = ()
    """Only these, in this order; empty for the suite's own."""
    workloads: tuple[str, ...] = ()
    """Only these, in this order; empty for the suite's own."""
    log: Literal["embedded", "kafka", "auto"] = "auto"
    """`auto` takes Kafka where Java is there or can be brought for an engine that needs it, and the embedded log
    otherwise."""
    kafka: str | None = None
    """Bootstrap HOST:PORT of a broker that is already there, or several with commas between them; None to start one
    where it is needed."""
    guarantee: Guarantee | None = None
    """Only this one; None for the suite's own."""
    keep_topics: bool = False
    """Whether topics and consumer groups stay on a broker that was there."""
    job_sha256: str | None = None
    """Of the job file that is named; None for none."""


_AFTER_COMMIT = 2
"""So many strikes on a user's program fall right after a commit, before those that the suite asks for."""

_STRIKE_S = 20.0
"""How much longer the load may last for each of them."""

MOST_CASES = 20_000
"""Trials of one run: more would take weeks."""

Availability = Callable[[Engine, LogKind], Blocked | None]
"""Whether an engine can run on this machine on that log, and if not, why and what to type."""


def selected_engines(suite: Suite, selection: Selection, catalogue: Catalogue) -> tuple[str, ...]:
    """Names of the engines of a run: those asked for, else the suite's, else all that exist."""
    return selection.engines or suite.engines or tuple(catalogue.engines)


def choose_log(
    selection: Selection,
    engines: Sequence[Engine],
    has_java: Callable[[], bool],
    without_kafka: Callable[[], Blocked | None],
) -> tuple[LogKind, Blocked | None]:
    """The log of a run, and why it is not Kafka where an engine needs that.

    `without_kafka` brings what Kafka needs and says why it cannot run here; it is asked only where the answer matters.
    """
    kafka_only = any("embedded" not in engine.logs for engine in engines)
    if selection.log == "auto" and selection.kafka is None:
        if not kafka_only and not has_java():
            return "embedded", None
        obstacle = without_kafka()
        return ("embedded" if obstacle else "kafka"), obstacle if kafka_only else None
    log: LogKind = "embedded" if selection.log == "embedded" else "kafka"
    return log, Blocked(outcome="unsupported", reason="needs Kafka", remedy="use --log kafka") if kafka_only else None


def make(
    name: str,
    suite: Suite,
    selection: Selection,
    catalogue: Catalogue,
    log: tuple[LogKind, Blocked | None],
    available: Availability,
    command: str,
) -> RunPlan:
    """The cases of a suite: every engine, in each of its modes, with every workload, on the log that was chosen.

    Raises InvalidRequest for parameters that a workload cannot have, for names and numbers that no run can have, for
    fewer strikes than there are workers to be struck, and for thresholds that no case could decide.
    """
    _enough_strikes(suite, selection, catalogue)
    try:
        once = _cases(suite, selection, catalogue, log, available)
        if len(once) * suite.trials > MOST_CASES:
            what = f"{len(once):,} cases, of {suite.trials:,} trials each: a run has at most {MOST_CASES:,}"
            remedy = "Name fewer engines, workloads, guarantees or faults, or lower `trials`"
            raise InvalidRequest([Problem(what, f"suite {name}", remedy, ExitCode.USAGE)])
        cases = in_blocks(once, suite.trials, suite.seed)
        thresholds, undecidable = planned(suite.threshold, cases, selection.engines, selection.workloads)
        if undecidable:
            raise InvalidRequest(undecidable)
        return RunPlan(
            suite=name,
            story=suite.story,
            command=command,
            seed=suite.seed,
            log=log[0],
            kafka=selection.kafka,
            keep_topics=selection.keep_topics,
            job_sha256=selection.job_sha256,
            calibrate=suite.calibrate,
            cases=tuple(cases),
            thresholds=thresholds,
        )
    except ValidationError as error:
        # An engine or a workload from elsewhere may have a name that no folder can have.
        remedy = "Correct the value, or see the names of engines, modes, workloads and faults that it asks for"
        problem = Problem(f"this cannot be planned: {first_problem(error)}", f"suite {name}", remedy, ExitCode.USAGE)
        raise InvalidRequest([problem]) from error


def _cases(
    suite: Suite,
    selection: Selection,
    catalogue: Catalogue,
    log: tuple[LogKind, Blocked | None],
    available: Availability,
) -> list[CasePlan]:
    asked = _ask(suite, selection.workloads or tuple(suite.workload), catalogue)
    cases = []
    for engine_name in selected_engines(suite, selection, catalogue):
        engine = catalogue.engines[engine_name]
        default = ("default",) if isinstance(engine, Unavailable) else tuple(engine.modes)[:1]
        guarantees = _guarantees(suite, selection, engine)
        for mode in suite.modes.get(engine_name, default):
            campaigns = _campaigns(suite, engine_name, mode, catalogue)
            set_ups = _set_ups(suite, engine_name, engine)
            for wanted, guarantee, strikes, set_up in product(asked, guarantees, campaigns, set_ups):
                case = _case(suite, engine, (engine_name, mode), wanted, log[0], guarantee, strikes)
                case = case.model_copy(update={"set_up": set_up})
                more = suite.intervals if guarantee == "exactly-once" and not set_up.own_interval else ()
                for each in (case, *(_at_interval(case, round(1000 * interval_s)) for interval_s in more)):
                    blocked = _blocked(each, engine, wanted, log[1], guarantees, selection, catalogue, available)
                    cases.append(each.model_copy(update={"blocked": blocked}))
    return cases


def _guarantees(suite: Suite, selection: Selection, engine: Engine | Unavailable) -> Sequence[Guarantee]:
    """Those that are asked for; of a program that has one only, that one, unless the user asks for another."""
    if selection.guarantee is not None:
        return (selection.guarantee,)
    return (engine.terms.guarantee,) if isinstance(engine, OnItsOwnTerms) else suite.guarantee


def in_blocks(cases: Sequence[CasePlan], trials: int, seed: int) -> list[CasePlan]:
    """Each case so many times: in blocks, each of which has every case once in an order of its own, drawn from the
    seed. So whatever drifts while a run lasts (heat, a disk that fills, a neighbour) hits all cases alike.

    A single trial keeps the order that was asked for. What cannot run stands once, before all blocks.
    """
    if trials == 1:
        return list(cases)
    able = [case for case in cases if case.blocked is None]
    in_order = [case for case in cases if case.blocked is not None]
    for number in range(1, trials + 1):
        order = np.random.default_rng((seed, number)).permutation(len(able))
        in_order += [able[place].model_copy(update={"trial_number": number}) for place in order]
    return in_order


def _at_interval(case: CasePlan, interval_ms: int) -> CasePlan:
    """The same case at another commit interval."""
    set_up = case.set_up.model_copy(update={"interval_ms": interval_ms})
    return case.model_copy(update={"interval_ms": interval_ms, "set_up": set_up})


def _set_ups(suite: Suite, name: str, engine: Engine | Unavailable) -> list[SetUp]:
    """In which ways an engine is set: those that the suite asks for, as far as the engine has a choice."""
    table = suite.of_engine(name)
    if not isinstance(engine, Configurable):
        return [SetUp(options=table.options)]
    layout = next(iter(nearest([table.layout or ""], engine.layouts)))
    found = []
    for own_interval in (False, True) if suite.own_interval and engine.has_interval else (False,):
        found += [
            SetUp(
                settings=settings if len(engine.settings) > 1 else None,
                layout=layout if len(engine.layouts) > 1 else None,
                own_interval=own_interval,
                options=table.options,
            )
            for settings in nearest(table.settings or (), engine.settings)
        ]
    return found


@dataclass(frozen=True)
class _Asked:
    """A workload that is asked for."""

    name: str
    """As it is asked for."""
    workload: Workload | Unavailable
    """Unavailable where it cannot be loaded."""
    parameters: Parameters = field(default_factory=dict)
    """All of them."""
    lack: Blocked | None = None
    """What must be given before it can run; None for nothing."""
    schedule: Schedule | None = None
    """When its events come, where that was recorded."""


def _case(
    suite: Suite,
    engine: Engine | Unavailable,
    named: tuple[str, str],
    asked: _Asked,
    log: LogKind,
    guarantee: Guarantee,
    strikes: Strikes | None,
) -> CasePlan:
    """A case with the suite's settings, before anyone has looked whether it can run. named: engine and mode."""
    jvm = not isinstance(engine, Unavailable) and engine.environment.jvm
    case = CasePlan(
        engine=named[0],
        mode=named[1],
        workload=asked.name,
        parameters=dict(asked.parameters),
        log=log,
        guarantee=guarantee,
        seed=suite.seed,
        partitions=suite.partitions,
        parallelism=suite.parallelism,
        interval_ms=round(suite.interval * 1000),
        worker_memory_mb=suite.worker_memory // 1024**2,
        event_rate=suite.events_per_second if asked.schedule is None else asked.schedule.rate,
        paced=suite.paced_phase if asked.schedule is None else recorded.paced(suite, asked.schedule),
        drain=suite.drain_of(log, jvm),
        search=suite.probes,
        pin=suite.pin == "auto",
        strikes=strikes,
    )
    if not isinstance(engine, OnItsOwnTerms):
        return case
    terms = engine.terms
    own = {"parallelism": terms.workers, "interval_ms": terms.interval_ms, "worker_memory_mb": terms.memory_mb}
    update: dict[str, Any] = {name: value for name, value in own.items() if value is not None}
    if strikes is not None and not terms.tells_progress:
        # What is aimed by commits would never fall.
        update["strikes"] = strikes.model_copy(update={"aim": "share", "rows": 0})
    elif strikes is not None and terms.polled:
        # Nor would what is aimed by rows that nobody sees.
        aim = "interval" if strikes.aim in ("outputs", "row", "committing") else strikes.aim
        update["strikes"] = strikes.model_copy(update={"aim": aim, "rows": 0})
    elif strikes is not None and strikes.aim == "interval":
        # A program that commits what it has not written yet loses nothing at most points of the interval.
        early = {"commits": _AFTER_COMMIT, "most": strikes.most + _AFTER_COMMIT}
        update["strikes"] = strikes.model_copy(update=early)
        if case.paced is not None and not case.paced.recorded and not case.paced.curve:
            longer_s = case.paced.measured_s + _AFTER_COMMIT * _STRIKE_S
            update["paced"] = case.paced.model_copy(update={"measured_s": longer_s})
    return case.model_copy(update=update)


def _blocked(
    case: CasePlan,
    engine: Engine | Unavailable,
    asked: _Asked,
    not_kafka: Blocked | None,
    guarantees: Sequence[Guarantee],
    selection: Selection,
    catalogue: Catalogue,
    available: Availability,
) -> Blocked | None:
    """Why a case cannot run, or None if it can. Whether the engine can run here is asked last: that may bring it."""
    if isinstance(engine, Unavailable) or isinstance(asked.workload, Unavailable):
        return _loading(engine) or _loading(asked.workload)
    return (
        asked.lack
        or _obstacle(case, engine, asked.workload, not_kafka)
        or _repeated(case, engine, asked.workload, guarantees)
        or _invulnerable(case, engine, selection, catalogue)
        or available(engine, case.log)
    )


def _campaigns(suite: Suite, engine: str, mode: str, catalogue: Catalogue) -> Sequence[Strikes | None]:
    """What strikes an engine in a mode, one campaign a case; one None where nothing does."""
    table = suite.faults
    if table is None:
        return [None]
    found: list[Strikes | None] = []
    for name, timeouts in product(table.of(engine, mode), table.timeouts):
        fault = catalogue.faults[name]
        own_s = 0.0 if isinstance(fault, Unavailable) else fault.hold_s
        found.append(
            Strikes(
                fault=name,
                aim=table.aim,
                wanted=table.exposed,
                most=max(table.most, table.exposed),
                hold_s=table.hold_s(name, own_s),
                rows=table.rows,
                timeouts=timeouts,
            )
        )
    return found


def _enough_strikes(suite: Suite, selection: Selection, catalogue: Catalogue) -> None:
    """Where workers are struck in turn, each must have one. Raises InvalidRequest."""
    table = suite.faults
    own = [
        engine.terms.workers or 0
        for name in selected_engines(suite, selection, catalogue)
        if isinstance(engine := catalogue.engines[name], OnItsOwnTerms)
    ]
    workers = max(suite.parallelism, *own, 1)
    if table is None or table.most >= workers:
        return
    named = {name for names in (table.inject, *table.instead.values()) for name in names}
    found = ((name, catalogue.faults[name]) for name in sorted(named))
    singles = [name for name, fault in found if not isinstance(fault, Unavailable) and has_one_victim(fault)]
    if singles:
        what = f"`most` is {table.most}: {singles[0]} strikes one worker at a time, and there are {workers}"
        raise InvalidRequest([Problem(what, "faults.most", "Raise `most`, or lower `parallelism`", ExitCode.USAGE)])


def _repeated(case: CasePlan, engine: Engine, workload: Workload, guarantees: Sequence[Guarantee]) -> Blocked | None:
    """Why a case shows nothing that an earlier one of this run does not: it claims the same."""
    query = workload.query(case.parameters)
    for earlier in guarantees[: guarantees.index(case.guarantee)]:
        supported = engine.support(query, earlier, case.mode).kind != "unsupported"
        if supported and engine.claim(earlier, case.mode) == engine.claim(case.guarantee, case.mode):
            return Blocked(outcome="unsupported", reason=f"the same job with the same claim as under {earlier}")
    return None


_WITHOUT = {"coordinator": "has no coordinator: its workers share the work among themselves"}
"""Why an engine cannot be struck by a fault that needs what it does not have."""


def _invulnerable(case: CasePlan, engine: Engine, selection: Selection, catalogue: Catalogue) -> Blocked | None:
    """Why the fault of a case cannot strike this engine on this log."""
    if case.strikes is None:
        return None
    fault = catalogue.faults[case.strikes.fault]
    if isinstance(fault, Unavailable):
        return _loading(fault)
    if "input" in fault.needs and engine.poison == "fatal":
        return Blocked(outcome="unsupported", reason="a record that is no event ends its job, as it declares")
    if "coordinator" in fault.needs and "coordinator" not in engine.roles:
        return Blocked(outcome="unsupported", reason=_WITHOUT["coordinator"])
    if fault.needs & {"broker", "link"}:
        if case.log != "kafka":
            return Blocked(outcome="unsupported", reason="the embedded log has no broker", remedy="use --log kafka")
        if selection.kafka is not None:
            why = "a broker that is not ours is not to be broken"
            return Blocked(outcome="unsupported", reason=why, remedy="leave --kafka out, and one is started here")
    if "disk" in fault.needs and case.log == "embedded":
        why = "on the embedded log a job's state is in the log's own file"
        return Blocked(outcome="unsupported", reason=why, remedy="use --log kafka")
    if "disk" in fault.needs and (lacking := disk.lacking()):
        return Blocked(outcome="unsupported", reason=lacking, remedy="run as root")
    return None


def _ask(suite: Suite, names: Sequence[str], catalogue: Catalogue) -> list[_Asked]:
    """The workloads of these names, ready to be planned. Raises InvalidRequest for parameters that do not fit."""
    asked = []
    problems = []
    for name in names:
        workload = catalogue.workloads[name]
        if isinstance(workload, Unavailable):
            asked.append(_Asked(name, workload))
            continue
        given = suite.workload.get(name, {})
        own = {key: parameter(workload, key, value) for key, value in given.items()}
        try:
            asked.append(_Asked(name, workload, *_prepared(workload, {**workload.defaults, **own}, suite)))
        except Unfit as error:
            problems.append(Problem(error.what, f"workload {name}", error.remedy, ExitCode.USAGE))
        except OSError as error:
            what = f"a file that it names cannot be read: {error.strerror}"
            remedy = "Choose another file"
            problems.append(Problem(what, f"workload {name}", remedy, ExitCode.USAGE))
        except (ValueError, ArithmeticError) as error:
            remedy = f"See its parameters: {again('list', 'workloads')}; given were {own or 'none'}"
            problems.append(Problem(f"its parameters do not fit: {error}", f"workload {name}", remedy, ExitCode.USAGE))
    if problems:
        raise InvalidRequest(problems)
    return asked


def _prepared(
    workload: Workload, parameters: Parameters, suite: Suite
) -> tuple[Parameters, Blocked | None, Schedule | None]:
    """The parameters as a history keeps them, tried on one event; and when events come, where that was recorded."""
    if isinstance(workload, Preparing):
        lack = workload.lacking(parameters)
        if lack is not None:
            return parameters, Blocked(outcome="unavailable", reason=lack.what, remedy=lack.remedy), None
        parameters = workload.prepare(parameters)
    query = workload.query(parameters)
    if wrong := misnamed(query):
        raise Unfit(wrong, "give it another name")
    if query.time_window is not None and query.settle_ms <= query.watermark_delay_ms:
        raise Unfit("a window has no length", "give its parameters in _ms at least 1")
    schedule = workload.schedule(parameters) if isinstance(workload, Scheduled) else None
    if schedule is not None:
        recorded.refuse(suite, schedule)
    largest = workload.largest(parameters) if isinstance(workload, Bounded) else {}
    load = _load(suite, parameters) if schedule is None else recorded.load(suite, schedule, query)
    if leaving := overflow(query, largest, load):
        raise Unfit(leaving, "give smaller values, a lower rate or shorter windows")
    # What numpy only warns of, a division by no keys for one, makes no events.
    with np.errstate(divide="raise", invalid="raise"):
        workload.events(parameters, suite.seed, Segment(0, 1, 0, suite.events_per_second), np.array([0]))
    return parameters, None, schedule


def _load(suite: Suite, parameters: Parameters) -> Load:
    """The most events that a suite may send. Of the two rates of a paced phase the larger counts: that which a user
    reads, though event time passes a little slower.
    """
    rate, total = suite.events_per_second, 0
    if (paced := suite.paced_phase) is not None:
        rate = max(rate, paced.rate) * max(steepest(paced.curve), 1.0)
        total += math.ceil(paced.rate * paced.duration_s)
    if suite.drain is not None:
        total += max(each.total_events for each in map(suite.drain.on, get_args(LogKind)))
    return Load(rate, total, int(parameters.get("disorder_ms", 0)))


def _loading(what: object) -> Blocked | None:
    if isinstance(what, Unavailable):
        return Blocked(outcome="unavailable", reason=f"{what.name} cannot be loaded: {what.why}")
    return None


def _obstacle(case: CasePlan, engine: Engine, workload: Workload, not_kafka: Blocked | None) -> Blocked | None:
    """Why the engine cannot take this case on any machine, or on the log that was chosen."""
    if case.log not in engine.logs:
        return not_kafka or Blocked(outcome="unsupported", reason=f"has no {case.log} log")
    support = answered_by(engine, workload.query(case.parameters), case.guarantee, case.mode)
    if support.kind == "unsupported":
        return Blocked(outcome="unsupported", reason=support.detail)
    return _too_little_memory(case, engine)


def _too_little_memory(case: CasePlan, engine: Engine) -> Blocked | None:
    """Why the limit of a worker process is too low for the engine, or None."""
    if not isinstance(engine, Configurable):
        return None
    tasks = case.parallelism if case.set_up.layout == "one-process" else 1
    least_mb, given_mb = engine.least_memory_mb, case.worker_memory_mb * tasks
    if given_mb >= least_mb:
        return None
    reason = f"a worker process of {given_mb} MiB is too small for it: it needs {least_mb} MiB"
    return Blocked(outcome="unsupported", reason=reason, remedy=f"set `worker_memory` to {-(-least_mb // tasks)}MiB")
