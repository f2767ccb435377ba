"""What an operator is: the state of one input partition in plain dictionaries, with a journal of what changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from engines.sequence import Event

from .changelog import Name
from .journal import Journal

Row: TypeAlias = dict[str, Any]
"""A result row: "key", then integers."""


class Table(Protocol):
    """A part of an operator's state that the changelog has entries of."""

    @property
    def journal(self) -> Journal: ...

    def state(self, name: Name) -> Any:
        """An entry that is there, as JSON."""
        ...

    def restore(self, name: Name, state: Any, watermark: int) -> bool:
        """Take over an entry from JSON; False if nothing of it is needed at that watermark any more."""
        ...


class Operator(Protocol):
    late: int
    """Events dropped so far because all that they belong to was answered already."""

    @property
    def tables(self) -> Sequence[Table]: ...

    def take(self, event: Event, watermark: int) -> list[Row]:
        """The partition's next event that passes the filter. The watermark, epoch ms, has been advanced to before."""
        ...

    def advance(self, watermark: int) -> list[Row]:
        """Event time has come to here: rows that are due by that. What is not needed any more is forgotten."""
        ...
