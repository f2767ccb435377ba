"""Names that a column or a field may have and that could be taken for something else, and queries that have them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.conformance.reference import Event, Row
from workloads.names import LONGEST, numbered
from workloads.query import Project, Query

OF_THE_ORACLE = (
    *("start", "Start", "START", "end", "End", "END", "back", "Back", "BACK", "key", "KEY", "first", "FIRST", "last"),
    *("left", "LEFT", "right", "rank", "RANK", "item", "since", "position", "last_id", "prepared", "due", "events"),
    *("found", "wanted", "placed", "earlier", "fed", "lists", "folded", "before", "judged", "moved", "part", "n"),
    *("carried", "symbol", "live", "output", "code", "check_sum", "ID", "Id", "CHECK", "count", "ids", "checks"),
)
OF_ENGINES = (
    *(
        "window",
        "window_start",
        "window_end",
        "window_time",
        "rowtime",
        "proctime",
        "input",
        "rows",
        "__at",
        "__offset",
    ),
    *("__text", "__event", "__broken", "broken", "value", "offset", "partition", "headers", "topic", "@at", "@now"),
    *(
        "EARLIER",
        "ENDING",
        "left_id",
        "right_item",
        "state",
        "event",
        "self",
        "shape",
        "latest",
        "held",
        "c0",
        "c6",
        "d0",
    ),
    *("f0", "h0", "h1", "c6_amount", "d0_score", "f0_total", "id_", "~close"),
)
RESERVED = (
    *("order", "select", "group", "user", "timestamp", "TIMESTAMP", "rank_", "row_number", "table", "where", "from"),
    *("class", "lambda", "None", "True", "def", "null", "true", "int", "long", "public", "this", "date", "interval"),
    *("__init__", "__class__", "__dict__", "__struct_fields__", "__eq__", "mro", "_", "__"),
)
ODD = (
    *("a b", " a", "a ", " ", "a.b", "a.", "$a", "$['a']", "a'b", "''", "a`b", "`", "a;b", "--", "/*", "*/", "*", "?"),
    *(
        "%s",
        "{0}",
        "{name}",
        "1st",
        "7",
        "-1",
        "1e3",
        "ключ",
        "ß",
        "SS",
        "İ",
        "i",
        "\u0131",
        "鍵",
        "\U0001f511",
        "e\u0301",
    ),
    *("\u00e9", "\u2028", "\u200f", "[0]", "<b>", "&amp;", "a/b", "a,b", "a:b", "a=b", "a|b", "#", "!", "~", "^", "("),
    "x" * LONGEST,
)
NAMES = (*OF_THE_ORACLE, *OF_ENGINES, *RESERVED, *ODD)

FORBIDDEN = (
    "",
    ".",
    ".key",
    ".time",
    'a"b',
    '"',
    "a\\b",
    "\\",
    "a\nb",
    "\t",
    "\x00",
    "\x7f",
    "\x85",
    "\ud800",
    "y" * 101,
)


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
    taken = {"key", "last_id", *query.identity, *query.fields} - {*projected, *fields}
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
