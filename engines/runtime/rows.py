"""Result rows as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from workloads.query import Query


def row_fields(query: Query) -> tuple[str, ...]:
    """Names of a row's integers, in order; one that is both identity and answer stands once."""
    return tuple(dict.fromkeys((*query.identity, *query.fields)))


def row_type(query: Query) -> Callable[..., msgspec.Struct]:
    """A structure that takes a key and what `row_fields` names, in this order, and encodes as a result row."""
    names = {f"f{number}": name for number, name in enumerate(row_fields(query))}
    fields: list[tuple[str, Any]] = [("key", str), *((name, int) for name in names)]
    return msgspec.defstruct("Row", fields, rename=names, gc=False)
