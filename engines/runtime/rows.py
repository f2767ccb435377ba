"""Result rows as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from workloads.query import Query


def row_type(query: Query) -> Callable[..., msgspec.Struct]:
    """A structure that takes a key and what `Query.row_fields` names, in this order, and encodes as a result row."""
    names = {f"f{number}": name for number, name in enumerate(query.row_fields)}
    fields: list[tuple[str, Any]] = [("key", str), *((name, int) for name in names)]
    return msgspec.defstruct("Row", fields, rename=names, gc=False)
