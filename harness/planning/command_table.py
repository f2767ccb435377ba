"""Commands in a job file: lists of words, which no shell reads, and variables beside them."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from harness.planning.tables import Table

_MOST_WORDS = 1_000


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a character that no word of a command can have (NUL)")
    return text


def _variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,199}", name):
        raise ValueError("no variable can be called so: allowed are letters, digits and _, and no digit first")
    return name


Text = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_no_nul)]
Value = Annotated[str, Field(max_length=100_000), AfterValidator(_no_nul)]
Variable = Annotated[str, AfterValidator(_variable)]


def _listed(value: Any) -> Any:
    """Raises ValueError for a command that is one text."""
    if isinstance(value, str):
        raise ValueError('a command is a list of words, since no shell reads it: ["java", "-jar", "mine.jar"]')
    return value


Words = Annotated[tuple[Text, ...], BeforeValidator(_listed), Field(min_length=1, max_length=_MOST_WORDS)]


Variables = Annotated[dict[Variable, Value], Field(max_length=_MOST_WORDS)]


class CommandTable(Table):
    """A program that runs as long as the job does."""

    command: Words
    """The program and its words; no shell reads them."""
    env: Variables = Field(default={})
    """Variables beside those of the command `streamgauge`."""
