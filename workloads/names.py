"""Names of a user's in the code of an engine or of the oracle: there each is called by its number, and meets no name of
ours.

`numbered` gives a query such names: `c4_speed` for a column, `d0_score` for a derived one, `f1_most` for a field of
the output. The number keeps them apart, also where only upper and lower case differ. The words behind it keep a printed
plan readable. The order of columns, of the identity and of the fields stays, so the true names return by their places.

Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from workloads.query import (
    CHECK,
    ID,
    Aggregate,
    Condition,
    Join,
    Project,
    Query,
    Running,
    Shape,
    SqlAnswer,
    StateMachine,
    Top,
    Until,
    Windowed,
)

LONGEST = 100
"""Characters of a name."""

OURS = "@"
"""Names of ours beside a user's own, where both must stand in one table, begin with this."""

RULE = (
    f"a name has 1 to {LONGEST} characters, of which one at least is no blank, does not begin with {OURS}, and has no "
    'quotation mark ("), no backslash and no control character'
)

_SHOWN = 24
_FORBIDDEN = re.compile(r'["\\\x00-\x1f\x7f-\x9f\ud800-\udfff]')


def misnamed(query: Query) -> str | None:
    """What is wrong with the first name that no engine can take, and the rule; None where all are right.

    What is forbidden is what JSON writes in more than one way, or what an engine's tables cannot have.
    """
    for name in (*_columns(query), *_fields(query.shape)):
        if not name.strip() or len(name) > LONGEST or name.startswith(OURS) or _FORBIDDEN.search(name):
            return f"no column or field can be called {name[:LONGEST]!a}: {RULE}"
    return None


def numbered(query: Query) -> Query:
    """The same query under names that are ours. `id`, `check`, and the names that a shape gives by itself, stay."""
    names = {name: _number("c", place, name) for place, name in enumerate(column.name for column in query.columns)}
    names |= {linear.name: _number("d", place, linear.name) for place, linear in enumerate(query.derived)}
    names |= {ID: ID, CHECK: CHECK}
    deduplicate = query.deduplicate
    return replace(
        query,
        columns=tuple(replace(column, name=names[column.name]) for column in query.columns),
        time=names[query.time],
        key=names[query.key],
        shape=_shape(query.shape, names),
        where=_conditions(query.where, names),
        derived=tuple(
            replace(
                linear,
                name=names[linear.name],
                weights=tuple((names[column], weight) for column, weight in linear.weights),
            )
            for linear in query.derived
        ),
        deduplicate=deduplicate
        and replace(deduplicate, columns=tuple(names[column] for column in deduplicate.columns)),
    )


def _columns(query: Query) -> tuple[str, ...]:
    return (*(column.name for column in query.columns), *(linear.name for linear in query.derived))


def _fields(shape: Shape) -> tuple[str, ...]:
    """Names that the query gives to fields of the output."""
    match shape:
        case Windowed(aggregates=given) | Running(aggregates=given):
            return tuple(aggregate.name for aggregate in given)
        case Join(fields=joined):
            return tuple(field.name for field in joined)
        case SqlAnswer(identity=identity, values=values):
            return (*identity, *values)
        case _:
            return ()


def _number(kind: str, place: int, name: str) -> str:
    words = re.sub(r"[^0-9A-Za-z]+", "_", name).strip("_").lower()[:_SHOWN]
    return f"{kind}{place}_{words}"


def _shape(shape: Shape, names: Mapping[str, str]) -> Shape:
    fields = {name: _number("f", place, name) for place, name in enumerate(_fields(shape))}
    match shape:
        case Windowed(window=window, aggregates=aggregates, top=top):
            return Windowed(
                Until(_condition(window.condition, names)) if isinstance(window, Until) else window,
                _aggregates(aggregates, names, fields),
                top and Top(top.n, names[top.item], fields.get(top.by, top.by)),
            )
        case Running(aggregates=aggregates):
            return Running(_aggregates(aggregates, names, fields))
        case Project(fields=columns):
            return replace(shape, fields=tuple(names[column] for column in columns))
        case Join(left=left, right=right, fields=joined):
            return replace(
                shape,
                left=_conditions(left, names),
                right=_conditions(right, names),
                fields=tuple(replace(one, name=fields[one.name], column=names[one.column]) for one in joined),
            )
        case StateMachine(symbol=symbol):
            return replace(shape, symbol=names[symbol])
        case SqlAnswer():
            return shape


def _aggregates(
    given: tuple[Aggregate, ...], names: Mapping[str, str], fields: Mapping[str, str]
) -> tuple[Aggregate, ...]:
    return tuple(
        replace(one, name=fields[one.name], column=None if one.column is None else names[one.column]) for one in given
    )


def _conditions(given: tuple[Condition, ...], names: Mapping[str, str]) -> tuple[Condition, ...]:
    return tuple(_condition(one, names) for one in given)


def _condition(given: Condition, names: Mapping[str, str]) -> Condition:
    return replace(given, column=names[given.column])
