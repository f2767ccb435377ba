"""Tables of a suite file: how they are read, and how a name that does not exist is answered."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from harness.problem import ExitCode, Problem

_LONGEST_WORD = 100
"""More of a word is neither compared nor shown."""


class Table(BaseModel):
    """A table of a suite file, read strictly."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def several(value: Any) -> Any:
    """One word, or a list of them."""
    return [value] if isinstance(value, str) else value


def once(values: tuple[str, ...]) -> tuple[str, ...]:
    """Raises ValueError for a word that stands there twice: it would ask for the same case again."""
    twice = [word for place, word in enumerate(values) if word in values[:place]]
    if twice:
        raise ValueError(f"`{twice[0]}` is named twice")
    return values


def words(value: object) -> list[str]:
    """One word or a list of them, as a list; what is neither is left out."""
    listed = value if isinstance(value, list) else [value]
    return [word for word in listed if isinstance(word, str)]


def table_of(value: object) -> Mapping[str, Any]:
    """A table as it is, anything else as an empty one: that it is none, the model says."""
    return value if isinstance(value, dict) else {}


def nearest(word: str, allowed: Iterable[str]) -> str:
    """A hint for a word that is not allowed: the nearest one that is, then all of them."""
    names = sorted(allowed)
    close = difflib.get_close_matches(word[:_LONGEST_WORD], names, n=1)
    hint = f"Did you mean `{close[0]}`? " if close else ""
    return f"{hint}Allowed: {', '.join(names) or 'none'}"


def unknown(kind: str, word: str, allowed: Iterable[str], where: str) -> Problem:
    """The problem of a name that does not exist."""
    shown = word if len(word) <= _LONGEST_WORD else f"{word[:_LONGEST_WORD]}..."
    return Problem(f"unknown {kind} `{shown}`", where, nearest(word, allowed), ExitCode.USAGE)
