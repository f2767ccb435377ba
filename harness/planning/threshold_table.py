"""Thresholds of a suite: `p99 < 2s`, read into what a plan holds, and refused where they could never be decided."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from harness.planning import quantity
from harness.planning.catalogue import Catalogue
from harness.planning.tables import Table, several, table_of, unknown, words
from harness.problem import ExitCode, Problem
from results.metrics import recovery, registry
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric
from results.plan import CasePlan, Threshold
from workloads.discovery import Unavailable

KEY = "threshold"
"""The table's name in a suite."""

_OPTION = "option --threshold"

Where = Callable[[tuple[str, ...]], str]
"""Where a value of the suite was written, by the keys that lead to it."""

Relation = Literal["<", "<=", ">", ">="]

_WRITTEN = re.compile(r"\s*(?P<name>[\w.-]*)\s*(?P<relation>[<>=!]+)\s*(?P<amount>.*?)\s*")
_RELATIONS = ("<", "<=", ">", ">=")
_STATISTICS = ("median", "min", "max")
_LATENCY, _RECOVERY, _STRIKES = "latency_", "recovery_", "strikes."


def _parts(bound: str) -> tuple[str, Relation, str]:
    """The metric's name, which may be empty, the relation and the amount. Raises ValueError."""
    match = _WRITTEN.fullmatch(bound)
    if match is None or not match["amount"]:
        raise ValueError(f'{bound!r} is not METRIC < VALUE, as in "p99 < 2s" or "drain_rate >= 50k/s"')
    if match["relation"] not in _RELATIONS:
        raise ValueError(f"{bound!r} has {match['relation']}; allowed are {', '.join(_RELATIONS)}")
    return match["name"], cast(Relation, match["relation"]), match["amount"]


def _written(bound: str) -> str:
    _parts(bound)
    return bound


class ThresholdTable(Table):
    """What the results are to keep to."""

    bound: Annotated[str, Field(max_length=200), AfterValidator(_written)]
    """`METRIC < VALUE`, or `< VALUE` where `metric` is given; so `<=`, `>` and `>=`."""
    metric: str | None = None
    """The metric's name, where the bound does not have it."""
    engine: Annotated[tuple[str, ...], BeforeValidator(several), Field(min_length=1)] | None = None
    """ENGINE or ENGINE.MODE, one or several: of these only."""
    workload: Annotated[tuple[str, ...], BeforeValidator(several), Field(min_length=1)] | None = None
    """One or several: of these only."""

    def planned(self) -> Threshold:
        """As a plan holds it. Raises LookupError for a metric that does not exist, ValueError for what is none of its
        values.
        """
        written, relation, amount = _parts(self.bound)
        names = metrics()
        given = [name for name in (written, self.metric) if name]
        if not given:
            raise ValueError('it names no metric: write it as in "p99 < 2s", or give `metric` beside it')
        if unknown_names := [name for name in given if name not in names]:
            raise LookupError(unknown_names[0])
        if len({names[name] for name in given}) > 1:
            raise ValueError(f"it is about `{written}`, but `metric` is `{self.metric}`")
        name = given[0]
        metric, statistic = names[name]
        return Threshold(
            text=f"{name} {relation} {amount}",
            metric=metric.name,
            statistic=statistic,
            relation=relation,
            bound=_amount(metric, amount),
            engines=self.engine or (),
            workloads=self.workload or (),
        )


_ASKED_AS: Mapping[str, str] = {"paced": "paced", "drain": "drain", "probe": "search"}
"""By the kind of a phase, what of a case asks for it."""

Named = tuple[Metric, Literal["median", "min", "max"] | None]


def metrics() -> dict[str, Named]:
    """What a threshold may name, and the metric that it means: as in result.json; `p99` for `latency_p99`; and of times
    that each strike has by itself `strikes.caught_up.median`, which is `recovery_caught_up`, its least and its largest.
    """
    found: dict[str, Named] = {}
    for metric in registry.metrics():
        found[metric.name] = metric, None
        if metric.name.startswith(_LATENCY):
            found.setdefault(metric.name.removeprefix(_LATENCY), (metric, None))
    for metric in recovery.OF_STRIKES:
        for statistic in _STATISTICS:
            name = f"{_STRIKES}{metric.name.removeprefix(_RECOVERY)}.{statistic}"
            found[name] = metric, cast(Literal["median", "min", "max"], statistic)
    return found


def _amount(metric: Metric, written: str) -> float:
    """A value in the metric's unit. Raises ValueError."""
    match metric.unit:
        case "ms":
            return quantity.seconds(written) * 1000
        case "s":
            return quantity.seconds(written)
        case "bytes":
            return quantity.size(written)
    endings = (metric.unit, metric.unit.removeprefix("events"))
    ending = next((ending for ending in endings if ending and written.endswith(ending)), "")
    number = written.removesuffix(ending).strip()
    try:
        if "/" in number:
            raise ValueError
        return quantity.rate(number)
    except ValueError:
        example = f"50k{metric.unit.removeprefix('events')}" if "/" in metric.unit else f"5 {metric.unit}"
        raise ValueError(f'{written!r} is not a value of {metric.name}, such as "{example}"') from None


def add(content: dict[str, Any], written: Sequence[str]) -> tuple[int, ...]:
    """Put thresholds of a command line behind those of a suite; their places in the list."""
    own = content.get(KEY, [])
    if not written or not isinstance(own, list):  # That it is no list, the model says.
        return ()
    content[KEY] = [*own, *({"bound": bound} for bound in written)]
    return tuple(range(len(own), len(own) + len(written)))


def given(written: Sequence[str]) -> tuple[Threshold, ...]:
    """Thresholds of a command line, for a result that is there. Raises Problem."""
    found = []
    for bound in written:
        try:
            found.append(ThresholdTable(bound=bound).planned())
        except LookupError as error:
            raise unknown("metric", str(error.args[0]), metrics(), _OPTION) from error
        except ValidationError as error:
            what = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
            raise Problem(what, _OPTION, "Correct the value", ExitCode.USAGE) from error
        except ValueError as error:
            raise Problem(str(error), _OPTION, "Correct the value", ExitCode.USAGE) from error
    return tuple(found)


def unfit_thresholds(content: Mapping[str, Any], catalogue: Catalogue, where: Where) -> Iterator[Problem]:
    """Metrics, engines and workloads that do not exist, and amounts that are none. Values of a wrong shape are left to
    the model.
    """
    listed = content.get(KEY)
    for place, value in enumerate(listed if isinstance(listed, list) else []):
        table, here = table_of(value), (KEY, str(place))
        for name in words(table.get("engine")):
            yield from _unknown_engine(name, catalogue, where((*here, "engine")))
        for name in words(table.get("workload")):
            if name not in catalogue.workloads:
                yield unknown("workload", name, catalogue.workloads, where((*here, "workload")))
        try:
            ThresholdTable.model_validate(table).planned()
        except LookupError as error:
            key = "metric" if error.args[0] == table.get("metric") else "bound"
            yield unknown("metric", str(error.args[0]), metrics(), where((*here, key)))
        except ValueError as error:
            if not hasattr(error, "errors"):  # What the model finds, it says itself.
                yield Problem(f"`bound`: {error}", where((*here, "bound")), "Correct the value", ExitCode.USAGE)


def _unknown_engine(name: str, catalogue: Catalogue, where: str) -> Iterator[Problem]:
    engine_name, _, mode = name.partition(".")
    engine = catalogue.engines.get(engine_name)
    if engine is None:
        yield unknown("engine", engine_name, catalogue.engines, where)
    elif mode and not isinstance(engine, Unavailable) and mode not in engine.modes:
        yield unknown(f"mode of {engine_name}", mode, engine.modes, where)


def planned(
    tables: Sequence[ThresholdTable], cases: Sequence[CasePlan], engines: Sequence[str], workloads: Sequence[str]
) -> tuple[tuple[Threshold, ...], list[Problem]]:
    """The thresholds of a run, and those that none of its cases could ever decide.

    engines, workloads: those that the command line names; none for all. A threshold of others only is left out.
    """
    found, problems = [], []
    for threshold in (table.planned() for table in tables):
        mine = [case for case in cases if threshold.of(case.engine, case.mode, case.workload)]
        if not mine and (_others(threshold.engines, engines) or _others(threshold.workloads, workloads)):
            continue
        found.append(threshold)
        if why := _undecidable(threshold, mine):
            engines, workloads = (
                ", ".join(dict.fromkeys(getattr(case, of) for case in cases)) for of in ("engine", "workload")
            )
            remedy = f"Leave it out, or correct it: the run has the engines {engines}, and the workloads {workloads}"
            problems.append(Problem(f"`{threshold.text}` {why}", "the suite's thresholds", remedy, ExitCode.USAGE))
    return tuple(found), problems


def _others(asked: Sequence[str], named: Sequence[str]) -> bool:
    """Whether something is asked of what is not among the names, where any are. asked: NAME, or NAME.MODE."""
    return bool(asked and named) and {name.partition(".")[0] for name in asked}.isdisjoint(named)


def _undecidable(threshold: Threshold, cases: Sequence[CasePlan]) -> str:
    """Why none of the cases that it is asked of could have the metric; empty where one could."""
    if not cases:
        return "matches no case of this run"
    of = next(each for each in _measurements() if threshold.metric in {metric.name for metric in each.metrics})
    if "strikes" in of.needs and not any(case.strikes for case in cases):
        return "is about strikes, and no fault strikes here"
    if of.kind is not None and not any(getattr(case, _ASKED_AS[of.kind]) for case in cases):
        return f"is measured in the phase `{of.kind}`, which this run does not have"
    return ""


def _measurements() -> Iterator[Measurement]:
    for each in registry.measurements().values():
        if isinstance(each, Measurement):
            yield each
