"""Names that a column or a field may have and that could be taken for something else, and queries that have them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.conformance.reference import Event, Row
from workloads.names import LONGEST, numbered
from workloads.query import Aggregate, Column, Condition, Linear, Project, Query, Tumbling, Windowed


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


OF_THE_ORACLE = _words("""
    start Start START end End END back Back BACK key KEY first FIRST last left LEFT right rank RANK item since position
    last_id prepared due events found wanted placed earlier fed lists folded before judged moved part n carried symbol
    live output code check_sum ID Id CHECK count ids checks
""")
OF_ENGINES = _words("""
    window window_start window_end window_time rowtime proctime input rows __at __offset __text __event __broken broken
    value offset partition headers topic .at .now EARLIER ENDING left_id right_item state event self shape latest held
    c0 c6 d0 f0 h0 h1 c6_amount d0_score f0_total id_ ~close
""")
RESERVED = _words("""
    order select group user timestamp TIMESTAMP rank_ row_number table where from class lambda None True def null true
    int long public this date interval __init__ __class__ __dict__ __struct_fields__ __eq__ mro _ __
""")
ODD = (
    *_words("""
        . a. a.b $a $['a'] a'b '' a`b ` a;b -- /* */ * ? %s {0} {name} 1st 7 -1 1e3 SS i [0] <b> &amp; a/b a,b a:b a=b
        a|b # ! ~ ^ ( ключ ß İ 鍵
    """),
    *("a b", " a", "a ", "\u0131", "\u00e9", "e\u0301", "\u200f", "\U0001f511", "a\u2028b", "x" * LONGEST),
)
_OF_ROWS = ("key", "last_id")
NAMES = (*OF_THE_ORACLE, *OF_ENGINES, *RESERVED, *ODD)
WORST = (
    *_words(
        "start START End back key window_start rowtime __at value .at order user None a.b $['a'] a'b ` */ ? ключ İ i"
    ),
    *("\u0131", " a", "\U0001f511", "a\u2028b", "x" * LONGEST),
)
"""A few of these: a query with all of them takes Flink a minute to compile."""

FORBIDDEN = (
    *("", " ", "\u2028", "@", "@at", "@now", 'a"b', '"', "a\\b", "\\", "a\nb", "\t", "\x00", "\x7f", "\x85", "\ud800"),
    "y" * (LONGEST + 1),
)

KEYS = (
    *(
        "",
        " ",
        " lead",
        "tail ",
        'a"b',
        "a\\b",
        "a\\\\",
        "tab\there",
        "a\nb",
        "a\r",
        "\x00",
        "\x01\x1f\x7f",
        "{}",
        "]]",
    ),
    *("ключ", "鍵", "\u00e9", "e\u0301", "\U0001f600", "\u202edlrow", "\u2028", "\ufeff", "\ufffd", "\U0010ffff", "a~"),
    *(
        "null",
        "true",
        "7",
        "-0",
        "007",
        "1e3",
        "[1]",
        '{"a":1}',
        '"7"',
        "'",
        "`",
        "$",
        "%s",
        "a|b",
        "a,b",
        "a:b",
        "NaN",
    ),
)
"""Texts that a key may be."""


def wide(names: Sequence[str]) -> tuple[Query, list[Event]]:
    """A query with each name as a column and, where a row has no field of that name, as one of the output, and events
    with odd keys.
    """
    key, time, derived, *names = names
    columns = (Column("id", "integer"), Column("check", "integer"), Column(key, "text"), Column(time, "integer"))
    free = [name for name in (*names, key, time) if name not in {"start", "end", "count", "ids", "checks", *_OF_ROWS}]
    query = Query(
        columns=(*columns, *(Column(name, "integer") for name in names)),
        time=time,
        key=key,
        shape=Windowed(
            Tumbling(1000),
            tuple(
                Aggregate(field, ("sum", "min", "max")[place % 3], name)
                for place, (field, name) in enumerate(zip(free, (derived, *names), strict=False))
            ),
        ),
        watermark_delay_ms=1000,
        where=(Condition(names[0], "<", 90),),
        derived=(Linear(derived, ((names[1], 2), (names[2], 1)), 3),),
    )
    base_ms = 1_795_500_000_000
    return query, [
        {"id": number, "check": number * 7919, key: KEYS[number % len(KEYS)], time: base_ms + number * 10}
        | {name: (number * (place + 1)) % 97 for place, name in enumerate(names)}
        for number in range(400)
    ]


@dataclass(frozen=True)
class Renaming:
    """New names by old ones. columns: of derived ones too. fields: of those of the output."""

    columns: Mapping[str, str]
    fields: Mapping[str, str]

    def query(self, query: Query) -> Query:
        """The same query under these names."""
        plain = numbered(query)
        columns = zip((*plain.columns, *plain.derived), (*query.columns, *query.derived), strict=True)
        known = {mine.name: self.columns.get(true.name, true.name) for mine, true in columns}
        for mine, true in zip(plain.fields, query.fields, strict=True):
            known.setdefault(mine, self.fields.get(true, true))
        return Query.from_json(json.dumps(_replaced(json.loads(plain.to_json()), known)))

    def event(self, event: Event) -> dict[str, Any]:
        return {self.columns.get(name, name): value for name, value in event.items()}

    def row(self, query: Query, row: Row) -> Row:
        """A row of the query under these names. query, row: under the old ones."""
        new = self.query(query)
        names = zip((*query.identity, *query.fields), (*new.identity, *new.fields), strict=True)
        return {"key": row["key"], **{called: row[name] for name, called in names}}


def renamings(query: Query, names: Sequence[str] = NAMES) -> Iterator[Renaming]:
    """Ways to rename all that a query may call as it likes, in which each of these names comes as a column.

    A field of a row cannot be called as another one is: such names come as columns only.
    """
    columns = [*(column.name for column in query.columns[2:]), *(linear.name for linear in query.derived)]
    projected = query.shape.fields if isinstance(query.shape, Project) else ()
    fields = [name for mine, name in zip(numbered(query).fields, query.fields, strict=True) if mine.startswith("f")]
    taken = {*_OF_ROWS, *query.identity, *query.fields} - {*projected, *fields}
    free = [name for name in names if name not in taken]
    for start in range(0, len(names), len(columns)):
        some = (*names[start:], *names)[: len(columns)]
        yield Renaming(
            {
                column: f"plain{start}" if column in projected and name in taken else name
                for column, name in zip(columns, some, strict=True)
            },
            dict(zip(fields, (*free[start:], *free), strict=False)),
        )


def _replaced(value: Any, names: Mapping[str, str]) -> Any:
    match value:
        case str():
            return names.get(value, value)
        case list():
            return [_replaced(item, names) for item in value]
        case dict():
            return {name: _replaced(item, names) for name, item in value.items()}
        case _:
            return value
