"""How the output of a user's program is read, where its rows are no JSON records of a topic: by commands of its user's.

Standard library and the protocol only; `harness.output_source` runs the commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from engines.protocol import Job, Site


@dataclass(frozen=True)
class Invocation:
    """A command that is ready to be started, without a shell."""

    words: tuple[str, ...]
    """The program and what it is given, at least one word."""
    env: Mapping[str, str]
    """Variables beside those of who starts it."""
    folder: str
    """Where it runs."""

    @classmethod
    def told(cls, fields: Mapping[str, Any]) -> Invocation:
        """One that another process was told, as JSON has it: `words`, `env` and `folder`."""
        return cls(tuple(fields["words"]), fields["env"], fields["folder"])


@dataclass(frozen=True)
class Decoding:
    """How values of the output topic become JSON."""

    decoder: Invocation
    """Reads values on its standard input, each behind its length in four bytes (big-endian); prints a line for each."""
    prefixed: bool
    """Whether each value begins with a schema registry's five bytes, which the decoder is not given."""


@runtime_checkable
class ReadByCommand(Protocol):
    """An engine whose user says how the output is read."""

    def row_command(self, job: Job, site: Site) -> Invocation | None:
        """What prints all rows of the output as JSON lines; None where the output is a topic."""
        ...

    def decoding(self, job: Job, site: Site) -> Decoding | None:
        """How the topic's values become JSON; None where they are."""
        ...
