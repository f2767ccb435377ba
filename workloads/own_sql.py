"""What a user's own SQL says of the events of another workload: how the program of a job file may be judged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from workloads.discovery import Unavailable
from workloads.query import Query, SqlAnswer
from workloads.sql_answer import shape_of
from workloads.stream import Events, Integers, Segment
from workloads.workload import Keeping, Parameters, Preparing, Shifted, Unfit, Workload, discover

EVENTS = "each-once"
"""The workload whose events come where a job file names none."""

_CLOSED = "its closing events"


class OwnSql:
    name = "own-sql"
    story = (
        "The rows that SQL of your own says, over the events of another workload: what a program of yours answers. A "
        "job file names the SQL (docs/jobs.md), so there is nothing to set here; all parameters are found in it."
    )
    most = MappingProxyType({"timed": 1})
    defaults: Parameters = MappingProxyType(
        {
            "sql": "",
            "file": "answer.sql",
            "identity": "",
            "values": "",
            "timed": 0,
            "closings": "",
            "events": EVENTS,
            "of": "",
        }
    )

    def lacking(self, parameters: Parameters) -> Unfit | None:
        if parameters["sql"]:
            return None
        return Unfit("own-sql needs SQL of yours, which a job file names", "use --job FILE: streamgauge job new")

    def prepare(self, parameters: Parameters) -> Parameters:
        return parameters

    def query(self, parameters: Parameters) -> Query:
        """Raises Unfit for parameters that no job file makes."""
        query = _events(parameters).query(_parameters(parameters))
        shape = SqlAnswer(
            statement=str(parameters["sql"]),
            named=str(parameters["file"]),
            identity=_names(parameters, "identity"),
            values=_names(parameters, "values"),
            timed=bool(parameters["timed"]),
            closings=_closings(parameters),
        )
        return _asked(query, shape)

    def events(self, parameters: Parameters, seed: int, segment: Segment, ids: Integers) -> Events:
        return _events(parameters).events(_parameters(parameters), seed, segment, ids)


def _asked(query: Query, shape: SqlAnswer) -> Query:
    """The events of a query, of which something else is asked."""
    return replace(query, shape=shape, where=(), derived=(), deduplicate=None)


def told(
    sql: str,
    file: str,
    identity: Sequence[str],
    closings: Sequence[Mapping[str, int]],
    events: str,
    given: Parameters,
) -> Parameters:
    """The parameters of a job file's answer. file: what the file with the SQL is called. events: the workload whose
    events come; given: its parameters. Raises WrongSql, and Unfit for events that cannot be asked so.
    """
    of = json.dumps(dict(given), ensure_ascii=False)
    parameters = {**OwnSql.defaults, "sql": sql, "file": file, "events": events, "of": of}
    query = _events(parameters).query(_parameters(parameters))
    _check(closings, query)
    shape = shape_of(sql, file, query, identity, tuple(tuple(each.items()) for each in closings))
    _asked(query, shape)
    return {
        **parameters,
        "identity": json.dumps(list(shape.identity), ensure_ascii=False),
        "values": json.dumps(list(shape.values), ensure_ascii=False),
        "timed": int(shape.timed),
        "closings": json.dumps([dict(each) for each in closings], ensure_ascii=False) if closings else "",
    }


def _check(closings: Sequence[Mapping[str, int]], query: Query) -> None:
    """Raises Unfit for closing events that the workload's events cannot look like."""
    ours = ("id", "check", query.time)
    known = [column.name for column in query.columns if column.type == "integer" and column.name not in ours]
    for name in {name for each in closings for name in each}:
        if name not in known:
            raise Unfit(f"{_CLOSED} cannot have the column {name!r}", f"allowed: {', '.join(known)}")


@lru_cache(maxsize=8)
def _workload(name: str) -> Workload:
    """Raises Unfit for a workload that there is not, or whose events cannot be asked in SQL."""
    known = discover()
    found = known.get(name)
    fit = [
        each.name
        for each in known.values()
        if not isinstance(each, Unavailable | Preparing | Keeping | Shifted) and each.name != OwnSql.name
    ]
    if found is None or isinstance(found, Unavailable) or found.name not in fit:
        raise Unfit(f"the events of {name!r} cannot be asked in SQL", f"allowed: {', '.join(fit)}")
    return found


def _events(parameters: Parameters) -> Workload:
    return _workload(str(parameters["events"]))


def _parameters(parameters: Parameters) -> Parameters:
    """Those of the workload whose events come."""
    defaults = _events(parameters).defaults
    given = _json(parameters, "of", dict, {})
    for name, value in given.items():
        default = defaults.get(name)
        if default is None or isinstance(value, bool) or isinstance(value, str) != isinstance(default, str):
            raise Unfit(f"`of` says {name!r}, which {parameters['events']} does not have so", "name a job file again")
        if not isinstance(value, int | float | str):
            raise Unfit(f"`of` gives no value to {name!r}", "name a job file again")
    return {**defaults, **given}


def _names(parameters: Parameters, name: str) -> tuple[str, ...]:
    found = _json(parameters, name, list, [])
    if not all(isinstance(each, str) for each in found):
        raise Unfit(f"`{name}` is no list of columns", "name a job file again")
    return tuple(found)


def _closings(parameters: Parameters) -> tuple[tuple[tuple[str, int], ...], ...]:
    found = _json(parameters, "closings", list, [])
    if not all(isinstance(each, dict) and all(type(value) is int for value in each.values()) for each in found):
        raise Unfit("`closings` is no list of events", "name a job file again")
    return tuple(tuple(each.items()) for each in found)


def _json(parameters: Parameters, name: str, kind: type, absent: Any) -> Any:
    """A parameter that is JSON of this kind, `absent` where it is empty. A stored plan may hold anything."""
    text = str(parameters[name])
    if not text:
        return absent
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, kind):
        raise Unfit(f"`{name}` is not JSON of the form that is needed", "name a job file again")
    return found


workload = OwnSql()
