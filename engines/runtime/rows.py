"""Result rows as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from workloads.query import Query


def row_type(query: Query) -> Callable[..., msgspec.Struct]:
    """A structure that takes key, start, end and the query's outputs, in this order, and encodes as a result row."""
    outputs = query.shape.outputs
    fields: list[tuple[str, Any]] = [("key", str), ("start", int), ("end", int)]
    fields += [(f"f{i}", int) for i in range(len(outputs))]
    names = {f"f{i}": output.name for i, output in enumerate(outputs)}
    return msgspec.defstruct("Row", fields, rename=names, gc=False)
