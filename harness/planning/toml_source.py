"""A TOML file of a user's: its text read within bounds, where each value was written, and what is wrong with it."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from harness.planning import quantity
from harness.planning.overrides import MOST_DEPTH, keys
from harness.planning.tables import nearest
from harness.planning.threshold_table import KEY
from harness.problem import ExitCode, Problem

Path_ = tuple[str, ...]
"""Keys from the top of a file to a value."""

MOST_TOLD = 50
"""Problems of one kind that are told; more help nobody."""

_MOST_BYTES = 1 << 20


def read(path: Path, what: str, example: str) -> tuple[str, dict[str, Any]]:
    """A file's text, and what it holds. what: `suite file` and the like. example: one that is right. Raises Problem."""
    try:
        with path.open("rb") as file:
            written = file.read(_MOST_BYTES + 1)
        if len(written) > _MOST_BYTES:
            remedy = f"Name a {what}: they are short"
            raise Problem(f"this file has more than {_MOST_BYTES:,} bytes", str(path), remedy, ExitCode.USAGE)
        text = written.decode()
        content = tomllib.loads(text)
    except RecursionError:
        raise _too_deep(path, example) from None
    except ValueError as error:  # Not TOML, not UTF-8, or an integer of thousands of digits.
        raise Problem(f"the {what} is not TOML", str(path), str(error), ExitCode.USAGE) from error
    except OSError as error:
        raise Problem(f"the {what} cannot be read", str(path), str(error), ExitCode.USAGE) from error
    if _depth(content) > MOST_DEPTH:
        raise _too_deep(path, example)
    return text, content


def _too_deep(path: Path, example: str) -> Problem:
    what = f"tables or lists are nested more than {MOST_DEPTH} deep"
    return Problem(what, str(path), f"Write them as in {example}", ExitCode.USAGE)


def _depth(content: Any) -> int:
    """How deep tables and lists are nested; looked at no further than is allowed."""
    depth, level = 0, [content]
    while level and depth <= MOST_DEPTH:
        inner = [list(each.values()) if isinstance(each, dict) else each for each in level]
        level = [value for each in inner for value in each if isinstance(value, dict | list)]
        depth += 1
    return depth


class Places:
    """Where the values of a file were written, for messages."""

    def __init__(
        self, file: Path, text: str, overrides: Mapping[str, str] | None = None, thresholds: Collection[Path_] = ()
    ) -> None:
        """overrides: values that --set replaces, by dotted key. thresholds: those that an option gives."""
        self._file, self._overrides = file, {tuple(keys(key)) for key in overrides or ()}
        self._thresholds = thresholds
        self._lines: dict[Path_, int] = {}
        table: Path_ = ()
        tables: Counter[Path_] = Counter()
        for number, line in enumerate(text.splitlines(), 1):
            if header := re.match(r"\s*\[([^\[\]]+)\]", line):
                table = _keys(header[1])
                self._lines.setdefault(table, number)
            elif header := re.match(r"\s*\[\[([^\[\]]+)\]\]", line):
                # One of several tables of this name is told by its place.
                name = _keys(header[1])
                table = (*name, str(tables[name]))
                tables[name] += 1
                self._lines.setdefault(table, number)
            elif key := re.match(r"\s*([\w\"'.-]+)\s*=", line):
                self._lines.setdefault((*table, *_keys(key[1])), number)

    def of(self, path: Path_) -> str:
        """`--set KEY`, `--threshold`, or FILE:LINE (KEY); the line is that of the nearest table where the key itself is
        absent.
        """
        if path[:2] in self._thresholds:
            return "option --threshold"
        named = ".".join(step for step in path if not (path[0] == KEY and step.isdigit()))
        for length in range(len(path), 0, -1):
            if path[:length] in self._overrides:
                return f"--set {named}"
        line = next((self._lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self._lines), None)
        key = f" ({named})" if path else ""
        return f"{self._file}{f':{line}' if line else ''}{key}"


def _keys(dotted: str) -> Path_:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def explained(error: ValidationError, model: type[BaseModel], places: Places) -> list[Problem]:
    """What a model says of a file: the first MOST_TOLD of it, and how much more there is."""
    found = error.errors()
    problems = [_explain(dict(entry), model, places) for entry in found[:MOST_TOLD]]
    if len(found) > MOST_TOLD:
        what = f"{len(found) - MOST_TOLD:,} more problems of this kind"
        problems.append(Problem(what, places.of(()), "Correct those above first", ExitCode.USAGE))
    return problems


def _explain(error: dict[str, Any], model: type[BaseModel], places: Places) -> Problem:
    # Where in a list a value stands says less than the list's own key; but of tables in a list, which one it is.
    path = tuple(step for step in error["loc"] if isinstance(step, str) and step != "[key]")
    where = places.of(tuple(map(str, error["loc"][:3])) if path[:1] == (KEY,) else path)
    fields = _fields(path[:-1], model)
    if error["type"] == "extra_forbidden":
        return Problem(f"unknown key `{path[-1]}`", where, nearest(path[-1], fields), ExitCode.USAGE)
    if error["type"] == "missing":
        return Problem(f"the key `{path[-1]}` is missing", where, f"Add `{path[-1]} = ...`", ExitCode.USAGE)
    if error["type"] == "literal_error":
        return Problem(
            f"`{path[-1]}` cannot be {quantity.said(error['input'])}",
            where,
            f"Allowed: {error['ctx']['expected']}",
            ExitCode.USAGE,
        )
    told = str(error["msg"]).removeprefix("Value error, ")
    subject = f"`{path[-1]}`: " if path else ""
    return Problem(
        f"{subject}{told}", where, "Correct the value, or leave the key out if it has a default", ExitCode.USAGE
    )


def _fields(path: Path_, model: type[BaseModel]) -> Iterable[str]:
    """The keys that the table at this path may have."""
    table: Any = model
    named = False
    for name in path:
        if named:
            # A table by name: what stands in it is of one model, whatever the name.
            named = False
            continue
        field = table.model_fields.get(name)
        named = field is not None and get_origin(field.annotation) is dict
        kinds = (get_args(field.annotation) or (field.annotation,)) if field else ()
        table = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        if table is None:
            return ()
    names: Iterable[str] = table.model_fields
    return names
