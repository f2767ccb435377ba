"""The table `output` of a job file: how rows are read where they are no JSON records of a topic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from engines.own_job.description import Command, Output
from harness.planning.command_table import Variables, Words
from harness.planning.tables import Table
from harness.planning.toml_source import Places
from harness.problem import ExitCode, Problem


class OutputTable(Table):
    """One of the two commands, with its variables."""

    command: Words | None = None
    """Prints all rows of the output that are there, as JSON lines, and ends. It is run again and again."""
    decoder: Words | None = None
    """Reads values of the output topic on its standard input, each behind its length in four bytes (big-endian), and
    prints a line of JSON for each at once."""
    prefix: Literal["none", "schema-registry"] = "none"
    """Beside `decoder`: what each value begins with. The five bytes of a schema registry are not given to it."""
    env: Variables = Field(default={})
    """Variables of the command, beside those of the command `streamgauge`."""

    @model_validator(mode="after")
    def _is_one(self) -> OutputTable:
        if (self.command is None) == (self.decoder is None):
            raise ValueError("one of `command` and `decoder` must be there, and not both")
        if self.prefix != "none" and self.decoder is None:
            raise ValueError("`prefix` stands beside `decoder`")
        return self

    @property
    def texts(self) -> tuple[str, ...]:
        """All that may hold placeholders."""
        return (*(self.command or ()), *(self.decoder or ()), *self.env.values())

    @property
    def described(self) -> Output:
        """The same, as the engine has it."""
        rows = None if self.command is None else Command(self.command, self.env)
        decoder = None if self.decoder is None else Command(self.decoder, self.env)
        return Output(rows, decoder, self.prefix == "schema-registry")


def unreadable(output: OutputTable, each_once: str | None, in_order: bool, places: Places) -> Iterator[Problem]:
    """What an answer asks for, and rows that are read so do not have. each_once: where a record has its id."""
    where = places.of(("job", "answer"))
    if each_once is not None and not each_once.startswith("value:"):
        how = "a row that a command prints" if output.command is not None else "a value that is decoded"
        what = f"`each_once` is {each_once!r}, which is outside of {how}"
        yield Problem(what, where, 'Name a field of the row: each_once = "value:FIELD"', ExitCode.USAGE)
    if in_order and output.command is not None:
        what = "`in_order` asks for an order, which rows that a command prints do not have"
        yield Problem(what, where, "Leave `in_order` out", ExitCode.USAGE)
