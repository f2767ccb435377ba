"""Suite files: what a run asks, in TOML. Read strictly; everything that is wrong is reported at once.

Longer than most: a model a table, and every name in it looked up, so that one reading tells all that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from engines.configuration import Layout
from engines.protocol import Guarantee, LogKind, Timeouts
from harness.planning import quantity
from harness.planning.catalogue import Catalogue
from harness.planning.engine_table import EngineTable, SettingsChosen, unfit_engines
from harness.planning.overrides import beside, override, texts
from harness.planning.suite_files import suites
from harness.planning.tables import Table, once, several, table_of, unknown, words
from harness.planning.threshold_table import KEY, ThresholdTable, add, unfit_thresholds
from harness.planning.toml_source import MOST_TOLD, Places, explained, read
from harness.problem import ExitCode, Problem
from results.plan import Drain, Paced, Search
from results.warmth import LEAST
from workloads.discovery import Unavailable
from workloads.profile import PARAMETERS, Kind, Profile
from workloads.workload import Workload

Seconds = Annotated[float, BeforeValidator(quantity.seconds)]
Count = Annotated[int, BeforeValidator(quantity.count)]
Rate = Annotated[float, BeforeValidator(quantity.rate)]
Size = Annotated[int, BeforeValidator(quantity.size)]
Intervals = Annotated[float, BeforeValidator(lambda value: quantity.number(value, MOST_INTERVALS))]

Ratio = Annotated[float, BeforeValidator(lambda value: quantity.number(value, 1000.0))]

MOST_INTERVALS = 1e6
MOST_EVENTS = 10_000_000_000
"""Of a phase: more would fill any disk and be judged for days."""
MOST_STRIKES = 1_000
MOST_PERIODS = 10_000
"""Of a profile, in one phase: each is several pieces of a curve that the plan holds."""
MOST_PARTITIONS = 10_000
MOST_WORKERS = 1_000
MOST_OF_A_PARAMETER = 10_000_000
"""Of a workload's parameter that is a number, unless the workload says another in `most`. Keys are names that are made
before the first event."""

MOST_SHARE = 100.0
"""Of a parameter with a fraction."""


EVERY = "all"
"""What a suite may say in place of names: every workload, or every fault, that exists."""

_ALL = "every fault"


def _for_all(value: Any) -> Any:
    """One value for all, or one by name."""
    return value if isinstance(value, dict) else {_ALL: value}


MOST_NAMES = 200
Names = Annotated[
    tuple[str, ...], BeforeValidator(several), Field(min_length=1, max_length=MOST_NAMES), AfterValidator(once)
]
Switch = Annotated[bool, Field(strict=True)]

SuiteAim = Literal["share", "outputs", "interval", "commit", "row", "committing", "restore"]
"""The aims of `results.plan.Aim` that a suite may ask for."""


SWEEP = 0.96
"""Windows of a second, in step with a commit interval of a second, would all close at one point of the interval. Which
one would be chance: the same engine showed 0.2 s in one trial and 1.0 s in the next. So closings come 1 / 0.96 as fast,
and 25 of them sweep through every point once."""


class ProfileTable(Table):
    """How the rate rises and falls, as in `workloads.profile.Profile`; `profile = "sine"` is short for one table.

    None stands for a value that is not given: the profile's own default.
    """

    kind: Kind
    """The shape of the rate."""
    factor: Ratio | None = None
    """How many times as fast the high rate is as the low one."""
    at: Ratio | None = None
    """When the step comes, as a share of the whole time."""
    share: Ratio | None = None
    """How much of each period the burst, or the `on` part, takes."""
    period: Seconds | None = None
    """Length of one period, in seconds."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits(self) -> ProfileTable:
        own = {name.removesuffix("_s") for name in PARAMETERS[self.kind]}
        for name in self.model_fields_set - own - {"kind"}:
            known = ", ".join(sorted(own)) or "nothing else"
            raise ValueError(f"a profile of kind {self.kind} has no `{name}`, but {known}")
        self.resolved()  # Raises ValueError for values that make no profile.
        return self

    def resolved(self) -> Profile:
        given = self.model_dump(exclude_none=True)
        if "period" in given:
            given["period_s"] = given.pop("period")
        return Profile(**given)


class PacedTable(Table):
    """Open loop: the mean rate, how it varies, and durations of the part that is thrown away and of that judged."""

    rate: Rate = Field(gt=0)
    profile: ProfileTable | None = None
    warmup: Seconds = Field(ge=0)
    measured: Seconds = Field(gt=0)

    @model_validator(mode="after")
    def _is_bearable(self) -> PacedTable:
        lasts_s = self.warmup + self.measured
        if self.rate * lasts_s > MOST_EVENTS:
            raise ValueError(f"`rate` times `warmup` and `measured` is more than {MOST_EVENTS:,} events")
        if self.profile is not None and lasts_s > MOST_PERIODS * self.profile.resolved().period_s:
            raise ValueError(f"the profile has more than {MOST_PERIODS:,} periods: lengthen `period`")
        return self


class DrainOnLog(Table):
    """What differs on one log. None: as it stands for all logs."""

    events: Count | None = Field(default=None, gt=0)
    """Events of each of the equal backlogs, by which the engine becomes warm."""
    backlogs: Count | None = Field(default=None, ge=1, le=1000)
    """How many of these there are at least; of fewer than six nothing is called warm."""
    intervals: Intervals | None = Field(default=None, gt=0)
    """How many commit intervals the last backlog is to last, which is measured."""
    measured: Count | None = Field(default=None, ge=1, le=1000)
    """So many more of the equal size are measured together, in place of a last one that is larger."""
    max_events: Count | None = Field(default=None, gt=0)
    """The most events that the last backlog may have."""
    budget: Seconds | None = Field(default=None, gt=0)
    """How long the equal backlogs may take in all."""
    budget_jvm: Seconds | None = Field(default=None, gt=0)
    """The same for engines on the JVM, which compiles for minutes; `budget` where nothing is given."""


class SearchTable(Table):
    """Probes at several rates in place of the one paced phase, as in `results.plan.Search`."""

    how: Literal["search", "sweep"]
    """`search` for the sustained rate, or `sweep` over `shares` of the rate of the drain."""
    probe: Seconds = Field(default=15.0, gt=0)
    """How long a probe lasts."""
    confirm: Seconds = Field(default=30.0, gt=0)
    """How long one lasts that confirms what was found."""
    settle: Seconds = Field(default=3.0, ge=0)
    """How long the part of each is that is thrown away."""
    most: Count = Field(default=12, ge=1, le=100)
    """No more probes than this, in each case."""
    max_rate: Rate = Field(default=1e6, gt=0)
    """No probe is faster than this."""
    p99_intervals: Intervals = Field(default=10.0, gt=0)
    """A rate holds only if p99 is within so many commit intervals."""
    shares: Annotated[tuple[Ratio, ...], Field(max_length=100)] = (0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25)
    """Of a sweep: rates, as shares of the rate at which the last backlog was drained."""

    @model_validator(mode="after")
    def _is_possible(self) -> SearchTable:
        if self.confirm < self.probe:
            raise ValueError("`confirm` is shorter than `probe`: what confirms lasts longer")
        if not self.shares or not all(0 < share <= 10 for share in self.shares):
            raise ValueError("`shares` are above 0, and at most 10")
        if self.most * (self.settle + self.confirm) > quantity.MOST_SECONDS:
            raise ValueError("`most` probes of `settle` and `confirm` would last longer than seven days")
        return self


WARM_S = 60.0
"""The equal backlogs before probes take no longer than this."""

_NOT_NEEDED = {"backlogs", "budget_jvm", "measured"}
"""What a suite need not say of drains."""


class DrainTable(DrainOnLog):
    """Backlogs, as in `results.plan.Drain`; a table for a log overrides what stands above it."""

    embedded: DrainOnLog = DrainOnLog()
    kafka: DrainOnLog = DrainOnLog()

    @model_validator(mode="after")
    def _complete(self) -> DrainTable:
        for log in get_args(LogKind):
            absent = [name for name, value in self._on(log).items() if value is None and name not in _NOT_NEEDED]
            if absent:
                names = ", ".join(f"`{name}`" for name in absent)
                raise ValueError(f"no value for {names} on log {log}")
            given = self._on(log)
            if given["events"] > given["max_events"]:
                raise ValueError(f"`events` is more than `max_events` on log {log}: an equal backlog is no larger")
            if self.on(log).total_events > MOST_EVENTS:
                raise ValueError(f"all backlogs together may have more than {MOST_EVENTS:,} events on log {log}")
        return self

    def _on(self, log: str) -> dict[str, Any]:
        here: DrainOnLog = getattr(self, log)
        names = DrainOnLog.model_fields
        return {name: getattr(self, name) if (own := getattr(here, name)) is None else own for name in names}

    def on(self, log: LogKind, jvm: bool = False) -> Drain:
        """jvm: for an engine that runs on the JVM."""
        given = self._on(log)
        values: dict[str, Any] = {"backlogs": LEAST} | {name: each for name, each in given.items() if each is not None}
        for_all_s = values.pop("budget")
        for_jvm_s = values.pop("budget_jvm", for_all_s)
        return Drain(budget_s=for_jvm_s if jvm else for_all_s, **values)


class FaultsTable(Table):
    """Which faults strike, each in trials of its own, and when."""

    inject: Names = Field(min_length=1)
    """Names of the faults; `all` in a file for every fault that exists."""
    instead: dict[str, Names] = Field(default={})
    """By engine or ENGINE.MODE, the faults that strike it in place of those."""
    aim: SuiteAim = "interval"
    """At what moment a strike falls."""
    exposed: Count = Field(default=5, ge=1, le=MOST_STRIKES)
    """How many strikes must expose the guarantee, in each case; then no more fall."""
    most: Count = Field(default=8, ge=1, le=MOST_STRIKES)
    """So many are tried at most, in each case."""
    rows: Count = Field(default=0, ge=0, le=MOST_STRIKES)
    """The last so many strikes fall as soon as a new row is visible."""
    hold: Annotated[dict[str, Annotated[Seconds, Field(ge=0)]], BeforeValidator(_for_all)] = Field(default={})
    """How many seconds a fault lasts, for all or by fault; the fault's own time where none is given."""
    timeouts: Annotated[tuple[Timeouts, ...], BeforeValidator(several), Field(min_length=1), AfterValidator(once)] = (
        "default",
    )
    """One or both sets of engine time-outs to run with: `default`, `tuned`."""

    def of(self, engine: str, mode: str) -> Names:
        """The faults that strike an engine in a mode."""
        return self.instead.get(f"{engine}.{mode}", self.instead.get(engine, self.inject))

    def hold_s(self, fault: str, own_s: float) -> float:
        return self.hold.get(fault, self.hold.get(_ALL, own_s))


class Suite(Table):
    """A suite file: what a run asks."""

    schema_version: Literal[1]
    """Version of the form of suite files."""
    story: str = ""
    """What the suite is for, in a sentence; empty where the file says nothing."""
    engines: Names | None = None
    """Names of engines; None for every one that exists."""
    workloads: Literal["all"] | None = None
    """`all` in a file for every workload that exists; they then stand in `workload`."""
    workload: dict[str, dict[str, Any]] = Field(min_length=1)
    """Parameters by name, by the name of each workload that is asked for; empty ones for its defaults."""
    modes: dict[str, Names] = Field(default={})
    """One or several by engine; the engine's first where none is named."""
    settings: SettingsChosen = ("plain",)
    """How engines are set that can be in several ways: one or both of `plain` and `recommended`."""
    layout: Layout | None = None
    """How tasks are spread over worker processes; where nothing is given, `process-per-task` where faults strike and
    `one-process` elsewhere."""
    own_interval: Switch = False
    """Whether an engine that has a commit interval of its own runs with that as well, in a table of its own."""
    engine: dict[str, EngineTable] = Field(default={})
    """What differs for an engine, by its name."""
    seed: int = Field(ge=0, lt=2**63, strict=True)
    """Of all that is drawn: the same seed gives the same events."""
    partitions: int = Field(gt=0, le=MOST_PARTITIONS, strict=True)
    """Number of partitions of the input, and of the output."""
    parallelism: int = Field(gt=0, le=MOST_WORKERS, strict=True)
    """How many workers or tasks each job has."""
    interval: Seconds = Field(ge=0.001)
    """The trigger, checkpoint and commit interval, in seconds."""
    intervals: Annotated[tuple[Seconds, ...], Field(max_length=20)] = ()
    """Further commit intervals, in seconds; exactly-once is run at each of them as well."""
    worker_memory: Size = Field(ge=64 * 1024**2)
    """Limit of one worker process, in bytes."""
    guarantee: Annotated[tuple[Guarantee, ...], BeforeValidator(several), Field(min_length=1), AfterValidator(once)]
    """One, or several to run one after the other."""
    trials: Count = Field(default=1, ge=1, le=1000)
    """How many trials each case has. Of fewer than five nothing is ranked."""
    pin: Literal["off", "auto"] = "off"
    """`auto`: where there are four CPUs or more, half of the cores are the engine's, and the rest is on the others."""
    calibrate: Switch = True
    """Whether what the harness itself takes is measured first, or was within a day."""
    event_rate: Rate | None = Field(default=None, gt=0)
    """Events per second of event time; where none is given, `event_share` of the paced rate."""
    event_share: Ratio | None = Field(default=None, gt=0, le=1)
    """That share: the smaller, the faster event time passes, and the sooner closings have swept through all points of a
    commit interval. SWEEP where none is given."""
    paced: PacedTable | None = None
    """The phase under a given load; None for none."""
    drain: DrainTable | None = None
    """The phase that works off backlogs; None for none."""
    search: SearchTable | None = None
    """Probes in place of the paced phase, for the rate that each engine sustains; None for none."""
    faults: FaultsTable | None = None
    """What strikes during the paced phase; None for nothing."""
    threshold: tuple[ThresholdTable, ...] = Field(default=(), max_length=1000)
    """What the results are to keep to."""

    @model_validator(mode="after")
    def _has_intervals(self) -> Suite:
        if any(each < 0.001 for each in self.intervals) or len({self.interval, *self.intervals}) <= len(self.intervals):
            raise ValueError("`intervals` are at least 1 ms, differ from each other, and from `interval`")
        if self.intervals and "exactly-once" not in self.guarantee:
            raise ValueError("`intervals` are for exactly-once, which `guarantee` does not name")
        return self

    @model_validator(mode="after")
    def _has_a_phase(self) -> Suite:
        if self.paced is None and self.drain is None:
            raise ValueError("neither `paced` nor `drain`: there would be nothing to do")
        if self.paced is None and self.event_rate is None:
            raise ValueError("without `paced`, `event_rate` must say how fast event time passes")
        if self.event_share is not None and self.event_rate is not None:
            raise ValueError("`event_rate` and `event_share` both say how fast event time passes")
        if self.drain is not None and any(
            self.drain.on(log).intervals * self.interval > quantity.MOST_SECONDS for log in get_args(LogKind)
        ):
            raise ValueError("`drain.intervals` times `interval` is longer than seven days")
        if self.search is not None and (self.drain is None or self.faults is not None):
            raise ValueError("`search` begins at the rate of a drain: it needs `drain`, and no `faults`")
        if self.faults is not None and (self.paced is None or self.drain is not None or self.paced.profile):
            raise ValueError("`faults` strike under a steady load: they need `paced` without a profile, and no `drain`")
        return self

    def of_engine(self, name: str) -> EngineTable:
        """How an engine is set; nothing is None."""
        own = self.engine.get(name, EngineTable())
        default: Layout = "one-process" if self.faults is None else "process-per-task"
        return EngineTable(
            settings=own.settings or self.settings,
            layout=own.layout or self.layout or default,
            options=own.options,
        )

    @property
    def events_per_second(self) -> float:
        if self.event_rate is not None:
            return self.event_rate
        assert self.paced is not None, "the validator asks for one of the two"  # noqa: S101
        return self.paced.rate * (self.event_share or SWEEP)

    @property
    def probes(self) -> Search | None:
        """The probes; None for none."""
        if self.search is None:
            return None
        table = self.search
        return Search(
            how=table.how,
            probe_s=table.probe,
            confirm_s=table.confirm,
            settle_s=table.settle,
            most=table.most,
            max_rate=table.max_rate,
            p99_intervals=table.p99_intervals,
            shares=table.shares if table.how == "sweep" else (),
            event_share=SWEEP,
        )

    def drain_of(self, log: LogKind, jvm: bool) -> Drain | None:
        """The drains; before probes they only warm the engine up. jvm: for an engine that runs on the JVM."""
        if self.drain is None:
            return None
        asked = self.drain.on(log, jvm)
        return asked if self.search is None else asked.model_copy(update={"budget_s": min(asked.budget_s, WARM_S)})

    @property
    def paced_phase(self) -> Paced | None:
        if self.paced is None or self.search is not None:
            return None
        table = self.paced
        steady = Paced(rate=table.rate, warmup_s=table.warmup, measured_s=table.measured)
        if table.profile is None:
            return steady
        profile = table.profile.resolved()
        return steady.model_copy(update={"profile": str(profile), "curve": profile.curve(steady.duration_s)})


class InvalidRequest(Exception):
    """All that is wrong with what is asked to be run."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.what for problem in problems))
        self.problems = tuple(problems)


def find(source: str) -> Path:
    """The file of a suite, by name or path. Raises Problem."""
    named = suites()
    if source in named:
        return named[source]
    path = Path(source)
    with suppress(OSError):  # Too long for a name.
        if path.is_file():
            return path
    if path.suffix == ".toml" or len(path.parts) > 1:
        raise Problem(
            "there is no such suite file", source, f"Suites that exist by name: {', '.join(named)}", ExitCode.USAGE
        )
    raise unknown("suite", source, named, "command line")


def load(source: str, overrides: Mapping[str, str], catalogue: Catalogue, thresholds: Sequence[str] = ()) -> Suite:
    """Read a suite by name or path; `overrides` replaces values by dotted key, and `thresholds` stand behind its own.
    Where it says `all`, the suite has the names of what exists. Raises Problem or InvalidRequest.
    """
    path = find(source)
    text, content = read(path, "suite file", "harness/suites/quick.toml")
    beside(content, path, catalogue)
    problems = list(override(content, overrides, texts(catalogue)))
    _name_all(content, catalogue)
    places = Places(path, text, overrides, {(KEY, str(place)) for place in add(content, thresholds)})
    suite: Suite | None = None
    try:
        suite = Suite.model_validate(content)
    except ValidationError as error:
        problems += explained(error, Suite, places)
    problems += islice(_unknown_names(content, catalogue, places), MOST_TOLD)
    if problems or suite is None:
        raise InvalidRequest(problems)
    return suite


def _name_all(content: dict[str, Any], catalogue: Catalogue) -> None:
    """Put the names of what exists where `all` is asked for. A workload that has a table keeps its parameters."""
    given = content.get("workload", {})
    if content.get("workloads") == EVERY and isinstance(given, dict):
        content["workload"] = {name: {} for name in catalogue.workloads} | given
    faults = content.get("faults")
    if isinstance(faults, dict) and faults.get("inject") in (EVERY, [EVERY]):
        faults["inject"] = list(catalogue.faults)


def _unknown_names(content: Mapping[str, Any], catalogue: Catalogue, places: Places) -> Iterator[Problem]:
    """Names that do not exist. Values of a wrong shape are left to the model."""
    for name in words(content.get("engines")):
        if name not in catalogue.engines:
            yield unknown("engine", name, catalogue.engines, places.of(("engines",)))
    for name, modes in table_of(content.get("modes")).items():
        yield from _unknown_modes(name, words(modes), catalogue, places.of(("modes", name)))
    yield from unfit_engines(content, catalogue, places.of)
    yield from unfit_thresholds(content, catalogue, places.of)
    table = table_of(content.get("faults"))
    for name in table_of(table.get("hold")):
        if name not in catalogue.faults:
            yield unknown("fault", name, catalogue.faults, places.of(("faults", "hold", name)))
    instead = table_of(table.get("instead"))
    for name in instead:
        engine, _, mode = name.partition(".")
        yield from _unknown_modes(engine, [mode] if mode else [], catalogue, places.of(("faults", "instead", name)))
    named = {("inject",): table.get("inject")} | {("instead", name): faults for name, faults in instead.items()}
    for where, faults in named.items():
        for name in words(faults):
            if name not in catalogue.faults:
                allowed = (*catalogue.faults, EVERY) if where == ("inject",) else catalogue.faults
                yield unknown("fault", name, allowed, places.of(("faults", *where)))
    for name, given in table_of(content.get("workload")).items():
        workload = catalogue.workloads.get(name)
        if workload is None:
            yield unknown("workload", name, catalogue.workloads, places.of(("workload", name)))
        elif not isinstance(workload, Unavailable):
            for key, value in table_of(given).items():
                place = places.of(("workload", name, key))
                if key not in workload.defaults:
                    yield unknown(f"parameter of {name}", key, workload.defaults, place)
                elif problem := _unfit(workload, key, value, place):
                    yield problem


def _unknown_modes(name: str, modes: Iterable[object], catalogue: Catalogue, where: str) -> Iterator[Problem]:
    """An engine that does not exist, or those of its modes that do not."""
    engine = catalogue.engines.get(name)
    if engine is None:
        yield unknown("engine", name, catalogue.engines, where)
    elif not isinstance(engine, Unavailable):
        for mode in modes:
            if mode not in engine.modes:
                yield unknown(f"mode of {name}", str(mode), engine.modes, where)


def _unfit(workload: Workload, key: str, value: object, where: str) -> Problem | None:
    try:
        parameter(workload, key, value)
    except ValueError as error:
        return Problem(f"`{key}`: {error}", where, f"Its default is {workload.defaults[key]!r}", ExitCode.USAGE)
    return None


def parameter(workload: Workload, name: str, value: object) -> int | float | str:
    """A workload's parameter as its default's type; durations may be given for names in _ms. Raises ValueError."""
    default = workload.defaults[name]
    if isinstance(default, str):
        if not isinstance(value, str):
            raise ValueError(f"{value!r} is not a text")
        return value
    if isinstance(value, str) and name.endswith("_ms"):
        return round(quantity.seconds(value) * 1000)
    number = quantity.count(value) if isinstance(default, int) else quantity.rate(value)
    most = quantity.MOST_SECONDS * 1000 if name.endswith("_ms") else _most(workload, name)
    if not 0 <= number <= most:
        raise ValueError(f"{value!r} is not between 0 and {most:,g}")
    return number


def _most(workload: Workload, name: str) -> float:
    told: Mapping[str, float] = getattr(workload, "most", {})
    return told.get(name, MOST_OF_A_PARAMETER if isinstance(workload.defaults[name], int) else MOST_SHARE)
