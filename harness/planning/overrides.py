"""Values that a command line puts in the place of a suite's, and paths that a suite tells."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.planning.catalogue import Catalogue
from harness.planning.quantity import said
from harness.problem import ExitCode, Problem

MOST_DEPTH = 10
"""Tables in tables: none that is asked for lies deeper."""


def override(content: dict[str, Any], overrides: Mapping[str, str], texts: Collection[str]) -> Iterator[Problem]:
    """Replace values by dotted key. texts: keys whose values are texts, so that 2020 and true are such there too."""
    for key, written in overrides.items():
        *tables, last = keys(key)
        if len(tables) >= MOST_DEPTH:
            what = f"a key of {len(tables) + 1} parts: there is none of more than {MOST_DEPTH}"
            yield Problem(what, "option --set", "For example: --set paced.rate=10k", ExitCode.USAGE)
            continue
        table = content
        for name in tables:
            inner = table.setdefault(name, {})
            if not isinstance(inner, dict):
                yield Problem(
                    f"`{name}` is a value and has no keys", f"--set {key}", f"Use --set {name}=VALUE", ExitCode.USAGE
                )
                break
            table = inner
        else:
            try:
                table[last] = _value(written, text=key in texts or _names_an_option(tables))
            except (ValueError, RecursionError):
                what = f"this is no value: {said(written)}"
                yield Problem(what, f"--set {key}", "Write a number, a text or a list", ExitCode.USAGE)


_OPTIONS = "options"


def keys(dotted: str) -> list[str]:
    """A dotted key's parts. All that follows `engine.NAME.options.` is the name of one option, dots and all."""
    parts = dotted.split(".")
    if len(parts) > 3 and parts[0] == "engine" and parts[2] == _OPTIONS:
        return [*parts[:3], ".".join(parts[3:])]
    return parts


def _names_an_option(tables: list[str]) -> bool:
    """Its value is passed on as it is written."""
    return len(tables) == 3 and tables[0] == "engine" and tables[2] == _OPTIONS


def _value(written: str, text: bool) -> Any:
    try:
        value = tomllib.loads(f"value = {written}")["value"]
    except tomllib.TOMLDecodeError:
        return written
    return written if text and not isinstance(value, str) else value


def texts(catalogue: Catalogue) -> set[str]:
    """The dotted keys of parameters that are texts."""
    return {
        f"workload.{name}.{key}"
        for name, workload in catalogue.workloads.items()
        for key, default in getattr(workload, "defaults", {}).items()
        if isinstance(default, str)
    }


def beside(content: Mapping[str, Any], suite: Path, catalogue: Catalogue) -> None:
    """Files that a suite names are looked for beside it, wherever the command runs."""
    given = content.get("workload")
    for name, table in given.items() if isinstance(given, dict) else ():
        for key in getattr(catalogue.workloads.get(name), "files", ()) if isinstance(table, dict) else ():
            if isinstance(table.get(key), str) and table[key] and not table[key].startswith("~"):
                table[key] = str(suite.parent / table[key])
